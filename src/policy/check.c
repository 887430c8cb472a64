/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked when all is read: what one statement alone cannot show. */
#include <time.h>

#include "policy/check.h"

#define WEEK (7 * 86400 * NS_PER_S)

/* ---- networks ---- */

static bool names_single(const struct network_row *row, const struct address *address)
{
	for (size_t i = 0; i < row->net_count; i++)
		if (row->nets[i].prefix == 128 && address_is(&row->nets[i].base, address))
			return true;
	return false;
}

static void gateway_warn(struct complaints *complaints, const struct network_row *row, size_t net,
	const struct address *gateway)
{
	char what[200];
	struct text text = TEXT_FIXED(what);

	text_put(&text, SLICE("the gateway "));
	text_address(&text, gateway);
	text_put(&text, SLICE(" of this host is left out of the network: whoever is behind it "
			      "arrives from its address"));
	complain_at(complaints, SEVERITY_WARNING, &row->net_tokens[net], text_slice(&text),
		SLICE("nothing to do; or that single address in the line too, if all behind it "
		      "are meant"));
}

/* policy.md, "Meaning" 2: each gateway that is left out is said. */
static void gateways_warn(
	const struct policy *policy, struct complaints *complaints, const struct network_row *row)
{
	for (size_t i = 0; i < policy->gateway_count; i++) {
		const struct address *gateway = &policy->gateways[i];
		size_t net = 0;
		while (net < row->net_count && !network_contains(&row->nets[net], gateway))
			net++;
		if (net < row->net_count && !names_single(row, gateway))
			gateway_warn(complaints, row, net, gateway);
	}
}

static void networks_check(struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->networks.count; i++) {
		const struct network_row *row = &policy->networks.at[i];
		gateways_warn(policy, complaints, row);
		if (!row->used && row->owns_count == 0)
			complain_at(complaints, SEVERITY_WARNING, &row->name_token,
				SLICE("the network is declared and never used"),
				SLICE("a clause that names it, or no such line"));
	}
}

static void certificates_check(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->certificates.count; i++)
		if (!policy->certificates.at[i].used)
			complain_at(complaints, SEVERITY_WARNING,
				&policy->certificates.at[i].name_token,
				SLICE("the certificate is declared and never used"),
				SLICE("a clause that names it, or no such line"));
}

/* ---- grants that have ended ---- */

struct token token_of_place(const struct clause_place *place)
{
	return (struct token){.file = place->file,
		.line = place->line,
		.column = 1,
		.source = place->text,
		.raw = slice_part(place->text, 0, slice_find(place->text, ' '))};
}

static void grants_check(const struct policy *policy, struct complaints *complaints)
{
	struct timespec clock;

	clock_gettime(CLOCK_REALTIME, &clock);
	wall_ns now = clock.tv_sec * NS_PER_S;
	for (size_t i = 0; i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		struct token token = token_of_place(&clause->place);
		bool grants = clause->kind == CLAUSE_RELAY || clause->kind == CLAUSE_FORWARD;
		if (!grants || clause->place.until == NEVER)
			continue;
		if (clause->place.until <= now)
			complain_at(complaints, SEVERITY_WARNING, &token,
				SLICE("this grant has ended: its `until` is past"),
				SLICE("a later day, or no such line"));
		else if (clause->place.until <= now + WEEK)
			complain_at(complaints, SEVERITY_WARNING, &token,
				SLICE("this grant ends within a week"), SLICE_NONE);
	}
}

/* ---- the whole ---- */

static void whole_warn(
	struct complaints *complaints, struct slice file, struct slice what, struct slice right)
{
	struct complaint complaint = {
		.severity = SEVERITY_WARNING, .file = file, .what = what, .right = right};

	complain(complaints, &complaint);
}

void policy_check_compiled(const struct policy *policy, struct complaints *complaints)
{
	clauses_check(policy, complaints);
	owners_check(policy, complaints);
	parties_check(policy, complaints);
}

void policy_check(struct policy *policy, struct slice file, struct complaints *complaints)
{
	if (complaints->errors == 0) {
		networks_check(policy, complaints);
		ways_check(policy, complaints);
		certificates_check(policy, complaints);
		aliases_check(policy, complaints);
	}
	laters_check(policy, complaints);
	grants_check(policy, complaints);
	if (policy->listens.count == 0 && complaints->errors == 0)
		whole_warn(complaints, file, SLICE("nothing listens"),
			SLICE("a line like: listen smtp \"*:25\""));
	if (!policy->has_postmaster && complaints->errors == 0)
		whole_warn(complaints, file,
			SLICE("mail to <postmaster> has nowhere to go and is refused"),
			SLICE("a line like: postmaster \"you@example.org\""));
	bool elsewhere = policy->has_postmaster && policy->settings.postmaster.len > 0 &&
			 !domain_find(policy, policy->postmaster.domain);
	if (elsewhere && policy->domains.count > 0 && complaints->errors == 0)
		whole_warn(complaints, file,
			SLICE("`postmaster` is no address of ours: strangers' mail to <postmaster> "
			      "is refused, since forwarding it would be relaying"),
			SLICE("an address in a domain that a `domain` line declares"));
}
