/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests alone: random configurations and sessions, the same for the same seed.
 *
 *	struct generator g = {.state = 7};
 *	generate_configuration(&g, &configuration);
 *	struct policy *policy = generated_load(&configuration, &complaints);
 *	generate_session(&g, policy, arena, &session);
 *	policy_decide(policy, &session.facts, session.stage, arena, &decision);
 *
 * Every client, network and address is one of a few, so that clauses meet. The addresses are those
 * of 198.51.100.0/28 and 2001:db8::/124, and some that are in no network.
 */
#ifndef POLICY_GENERATE_H
#define POLICY_GENERATE_H

#include "policy/policy.h"

struct generator {
	uint64_t state; /* the seed */
};
unsigned generate_below(struct generator *g, unsigned limit);

enum { GENERATED_LINES_MAX = 48, GENERATED_LINE_MAX = 240 };
struct generated {
	char lines[GENERATED_LINES_MAX][GENERATED_LINE_MAX];
	size_t count;
	size_t fixed; /* so many are definitions; behind them stand clauses */
};
/* Definitions and some clauses. */
void generate_configuration(struct generator *g, struct generated *out);
/* One clause, of GENERATED_LINE_MAX bytes. */
void generate_grant(struct generator *g, char *line);   /* relay for, forward for */
void generate_refusal(struct generator *g, char *line); /* refuse, defer, limit */
/* An atom in the policy's words. */
const char *generate_atom(struct generator *g);
void generated_shuffle(struct generator *g, struct generated *configuration);
/* Loads it without the proof; NULL with complaints if it has an error. */
struct policy *generated_load(const struct generated *configuration, struct complaints *complaints);

struct session_generated {
	struct facts facts;
	enum stage stage;
};
/* Who, from where, to whom, and what others were asked: known, unknown or not asked. */
void generate_session(struct generator *g, const struct policy *policy, struct arena *arena,
	struct session_generated *session);

/* The pools, for who wants to go through all of them. */
size_t generated_clients(const char *const **clients);
size_t generated_recipients(const char *const **recipients);

#endif
