/* SPDX-License-Identifier: Apache-2.0 */
/* A decision being taken, shared by the files that take it. Private to this room. */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H

#include "policy/atoms.h"

/* That something fires: which reply it would give, from which stage on. */
struct finding {
	enum verdict verdict; /* ACCEPT: nothing fires */
	enum stage stage;
	enum reason reason;
	unsigned code;
	struct enhanced enhanced;
	struct slice words;
	bool has_clause;
	uint32_t clause;
	bool has_account_limit; /* one of the account's own */
	uint32_t account_limit;
};
#define FINDING_NONE ((struct finding){.verdict = VERDICT_ACCEPT})

struct deciding {
	struct question q;
	struct decision *decision;
	struct trace_entry *trace;
	size_t trace_count, trace_size;
	bool at_rcpt;           /* there is a recipient to decide about */
	struct finding best;    /* of the clauses */
	struct finding sign_in; /* of the listener: who has not signed in */
	struct finding mailbox; /* of the recipient itself: unknown, risky */
	struct finding quota;   /* of the account's own limits */
	struct finding denied;  /* of a foreign recipient: no grant */
	enum truth granted;     /* of a foreign recipient */
	bool pending;           /* a grant that is decided after the data may yet be one */
	bool late;              /* there was one such */
	bool misused;           /* a lease would grant, but its account does not own the sender */
};
/* Takes it: all but decision->possible. `strict`: lists without an answer are unknown. */
void deciding_run(struct deciding *d, const struct policy *policy, const struct facts *facts,
	enum stage stage, struct arena *arena, bool strict);
bool clause_is_grant(const struct clause *clause);
/* Whether the clause is asked for this recipient at this stage. */
bool clause_is_considered(const struct deciding *d, const struct clause *clause);

/* ---- findings.c ---- */
/* Below 0: `a` speaks before `b`. */
int finding_order(const struct policy *policy, const struct finding *a, const struct finding *b);
void finding_weigh(const struct policy *policy, struct finding *best, struct finding finding);
struct finding finding_of_reason(struct question *q, enum reason reason, enum stage stage);
struct finding finding_of_clause(
	struct question *q, const struct clause *clause, enum truth value, enum stage stage);
/* What rests on a fact that is unknown: 451 with the fact named. */
struct finding finding_of_unknown(struct question *q, enum fact missing, enum stage stage);

/* "482 of 500 today, next free 14:07"; `counter` may be NULL. */
struct slice counter_words(
	struct question *q, const struct counter_answer *counter, uint64_t most, mono_ns period);

/* ---- account_limits.c ---- */
/* What the account's own limits say of this recipient; of several that are full the first. */
struct finding account_limits_finding(struct question *q);
/* Adds the counters that they want to `list`, which has room for ACCOUNT_LIMITS_MAX; how many. */
size_t account_limits_counters(struct question *q, struct counter_wanted *list);

/* ---- clause_value.c ---- */
enum stage clause_stage(const struct question *q, const struct clause *clause);
/* Of a clause of any kind: of a grant, that it grants; of a refusal or a limit, that it fires. */
enum truth clause_value(struct question *q, const struct clause *clause);
/* Whether the client holds the grant's credential, or may: what is left is its condition. */
bool grant_is_offered(struct question *q, const struct clause *clause);
/* The part of it that is no condition: a `limit`'s counter, whether a lease's account owns the
 * sender; TRUE_ where there is none. */
enum truth clause_extra(struct question *q, const struct clause *clause);
/* Without its counter: whether a `limit` counts this at all. */
enum truth limit_applies(struct question *q, const struct clause *clause);
const struct counter_answer *counter_find(const struct question *q, const struct clause *clause);

/* ---- asks.c ---- */
/* What an unknown condition or clause rests on: each fact without which it cannot be known. */
typedef void ask_function(void *arg, enum fact fact, struct slice argument);
void atom_asks(struct question *q, const struct node *node, ask_function *ask, void *arg);
void clause_asks(struct question *q, const struct clause *clause, ask_function *ask, void *arg);
/* The one that is named: the first of facts.def. */
enum fact clause_missing(struct question *q, const struct clause *clause);

/* ---- open.c ---- */
/* The first part that is unknown and could be known by now. False: there is none. */
bool condition_open(struct question *q, uint32_t at, struct assumed *open);
bool clause_open(struct question *q, const struct clause *clause, struct assumed *open);
bool grant_open(struct deciding *d, struct assumed *open);

/* ---- possible.c ---- */
/* Of a strict run. */
unsigned possible_verdicts(struct deciding *d);

#endif
