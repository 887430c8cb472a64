/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trial: what would happen to this client, sender and recipient. Nothing is sent, nothing counted;
 * the decision is policy_decide()'s, asked at the end of the data, so that every clause has had its
 * say. A fact that was not given and not found is unknown, and the possible outcomes are said.
 */
#ifndef DIAGNOSE_TRIAL_H
#define DIAGNOSE_TRIAL_H

#include "policy/policy.h"

struct trial {
	struct slice client;   /* an address; empty: unknown */
	struct slice listener; /* "smtp" where empty */
	struct slice helo;
	struct slice
		from; /* envelope sender; "<>" or "" is the null sender; has_from says if given */
	bool has_from;
	const struct slice *to;
	size_t to_count;
	struct slice account; /* it has signed in as this one, under TLS */
	bool tls;
	struct slice certificate; /* a declared name, or "SHA256:…" */
	struct slice pop_account; /* who signed in by POP from there a moment ago */
	bool is_local;
	struct slice local_user;
	struct slice header_from;
	struct slice header; /* of a message that is given; else empty */
	bool has_message;
	const struct slice *given; /* atoms: "spf fail", "not client unnamed" */
	size_t given_count;
	bool fresh_limits; /* all counters are empty */
	bool has_size;
	uint64_t size; /* octets */
	wall_ns now;
	/* Finds what policy_wanted() asks for; NULL: nobody is asked. The answers live in `arena`.
	 */
	size_t (*find)(void *owner, const struct facts *facts, const struct wanted *wanted,
		size_t count, struct arena *arena, struct fact_answer *answers);
	void *owner;
	/* Says how these counters stand (used, free_at); false: nobody can. NULL: nobody is asked.
	 */
	bool (*count)(void *owner, const struct counter_wanted *wanted, size_t count,
		struct counter_answer *answers);
	void *count_owner;
};

struct trial_result {
	struct slice
		line; /* the journal's JSON object for it, with "possible" added; in the arena */
	unsigned possible; /* 1 << verdict, or-ed */
};
/* One result for each recipient. False: `words` says which of the facts given is not one. */
bool trial_decide(const struct policy *policy, const struct trial *trial, struct arena *arena,
	struct trial_result *results, struct text *words);

#endif
