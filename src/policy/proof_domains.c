/* SPDX-License-Identifier: Apache-2.0 */
/* The proof's part about domains: none of ours is a public suffix. */
#include "policy/proof_inside.h"
#include "policy/public_suffix.h"

/* ---- domains ---- */

static bool lies_on_a_suffix(const struct domain_row *row, struct arena *arena)
{
	struct slice below = arena_format(arena, "some-label.%.*s", SLICE_ARGS(row->name));

	return public_suffix_kind(row->name) != SUFFIX_NONE ||
	       public_suffix_kind(below) != SUFFIX_NONE;
}

/* The session that reaches somebody else's domain, where any recipient is taken. */
static void domain_show(struct proving *proving, const struct domain_row *row)
{
	struct slice domain =
		row->below ? arena_format(proving->arena, "victim.%.*s", SLICE_ARGS(row->name))
			   : row->name;
	struct transcript transcript = {.helo = SLICE("spammer.example"),
		.sender = SLICE("spammer@spammer.example"),
		.from = SLICE("spammer@spammer.example"),
		.size = 1000,
		.now = proving->exposure.now};
	struct decision decision;

	address_parse(SLICE("203.0.113.9"), &transcript.client);
	transcript.recipient = arena_format(proving->arena, "anybody@%.*s", SLICE_ARGS(domain));
	struct facts facts = transcript_facts(&transcript, proving->arena);
	policy_decide(proving->policy, &facts, STAGE_END, proving->arena, &decision);
	if (decision.verdict == VERDICT_ACCEPT)
		proving_show(proving, &transcript);
}

static void domain_judge(struct proving *proving, const struct domain_row *row)
{
	enum public_suffix kind = public_suffix_kind(row->name);

	if (kind == SUFFIX_OF_A_REGISTRY || (row->below && lies_on_a_suffix(row, proving->arena))) {
		complain_at(proving->complaints, SEVERITY_ERROR, &row->token,
			SLICE("this would be an open relay: the domain is a public suffix, below "
			      "which anybody registers names"),
			SLICE("your own domains by name, like: domain example.org"));
		domain_show(proving, row);
	} else if (kind == SUFFIX_OF_A_COMPANY) {
		complain_at(proving->complaints, SEVERITY_WARNING, &row->token,
			SLICE("the domain is a public suffix of a company: strangers have names "
			      "below it"),
			SLICE("nothing to do if it is yours"));
	}
}

void domains_judge(struct proving *proving)
{
	for (size_t i = 0; i < proving->policy->domains.count; i++)
		domain_judge(proving, &proving->policy->domains.at[i]);
}
