/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a credential: the facts as they would be if the client held what a `relay for` names
 * (policy.h, policy_hold()). For the nearest miss, `who` and `diff`; no decision is taken here.
 */
#include "policy/atoms.h"

static void answer_add(struct facts *facts, struct fact_answer answer, struct arena *arena)
{
	struct fact_answer *answers =
		ARENA_ARRAY(arena, struct fact_answer, facts->answer_count + 1);

	answers[0] = answer; /* the first of its kind counts */
	for (size_t i = 0; i < facts->answer_count; i++)
		answers[i + 1] = facts->answers[i];
	facts->answers = answers;
	facts->answer_count++;
}

static void texts_add(struct facts *facts, enum fact fact, struct slice text, struct arena *arena)
{
	struct slice *texts = ARENA_NEW(arena, struct slice);
	wall_ns *times = ARENA_NEW(arena, wall_ns);

	*texts = text;
	*times = facts->now;
	answer_add(facts,
		(struct fact_answer){.fact = fact, .texts = texts, .times = times, .text_count = 1},
		arena);
}

/* An account owns its own name, so the sender's address is the account that may use it. */
static struct slice somebody(const struct policy *policy, const struct facts *facts)
{
	if (facts->has_sender && !facts->sender.is_null)
		return facts->sender.text;
	return policy->has_postmaster ? policy->postmaster.text : SLICE("somebody");
}

static void sign_in(struct facts *facts, struct slice account)
{
	facts->has_tls = facts->tls = true;
	facts->has_account = true;
	facts->account = account;
}

static bool hold_network(const struct policy *policy, const struct clause *clause,
	struct facts *facts, struct arena *arena, struct slice *words)
{
	const struct network_row *row = &policy->networks.at[clause->network];

	if (facts->has_client && piece_is_in(stretch_find(policy, &facts->client), clause->network))
		return false;
	for (size_t i = 0; i < row->net_count; i++) {
		struct address address = row->nets[i].base;
		if (!piece_is_in(stretch_find(policy, &address), clause->network))
			continue; /* a gateway */
		facts->client = address;
		facts->has_client = true;
		facts->is_local = false;
		*words = arena_format(arena, "a client in network %.*s", SLICE_ARGS(row->name));
		return true;
	}
	return false;
}

static bool hold_certificate(const struct policy *policy, const struct clause *clause,
	struct facts *facts, struct arena *arena, struct slice *words)
{
	const struct certificate_row *row = &policy->certificates.at[clause->network];

	facts->has_tls = facts->tls = facts->tls_verified = true;
	facts->certificate = row->fingerprint;
	*words = arena_format(arena, "a client with the certificate %.*s", SLICE_ARGS(row->name));
	return true;
}

static void hold_local(struct facts *facts, struct slice user)
{
	facts->is_local = true;
	facts->has_client = false;
	facts->local_user = user.len ? user : SLICE("root");
}

bool policy_hold(const struct policy *policy, uint32_t at, struct facts *facts, struct arena *arena,
	struct slice *words)
{
	const struct clause *clause = &policy->clauses.at[at];
	struct slice account = somebody(policy, facts);

	switch (clause->credential) {
	case CREDENTIAL_NETWORK: return hold_network(policy, clause, facts, arena, words);
	case CREDENTIAL_CERTIFICATE: return hold_certificate(policy, clause, facts, arena, words);
	case CREDENTIAL_AUTHENTICATED: *words = SLICE("signing in"); break;
	case CREDENTIAL_ACCOUNT:
		account = clause->name;
		*words = arena_format(arena, "signing in as %.*s", SLICE_ARGS(account));
		break;
	case CREDENTIAL_GROUP:
		texts_add(facts, FACT_GROUPS, clause->name, arena);
		*words = arena_format(
			arena, "signing in as a member of group %.*s", SLICE_ARGS(clause->name));
		break;
	case CREDENTIAL_RECENT_POP:
		texts_add(facts, FACT_RECENT_POP, account, arena);
		*words = SLICE("reading mail by POP from there first");
		return true;
	case CREDENTIAL_LOCAL:
	case CREDENTIAL_LOCAL_USER:
		hold_local(facts, clause->name);
		*words = SLICE("submitting on this host, through sendmail");
		return true;
	}
	if (facts->account.len)
		return false; /* it has signed in */
	sign_in(facts, account);
	/* As far as this file shows, it owns its own name alone. */
	answer_add(facts, (struct fact_answer){.fact = FACT_OWNED, .argument = account}, arena);
	return true;
}

size_t policy_relays(const struct policy *policy, const uint32_t **clauses)
{
	*clauses = policy->relays;
	return policy->relay_count;
}

struct slice policy_certificate_account(const struct policy *policy, struct slice fingerprint)
{
	for (size_t i = 0; i < policy->certificates.count; i++) {
		const struct certificate_row *row = &policy->certificates.at[i];
		if (row->account.len && slice_is_nocase(row->fingerprint, fingerprint))
			return row->account;
	}
	return SLICE_NONE;
}

struct slice policy_certificate(const struct policy *policy, struct slice name)
{
	const void *at = map_get(policy->certificate_names, name);

	if (at)
		return policy->certificates.at[(uintptr_t)at - 1].fingerprint;
	return slice_starts(name, SLICE("SHA256:")) ? name : SLICE_NONE;
}
