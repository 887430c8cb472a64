/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atoms (atoms.def) and the facts they ask (facts.def): the tables, and the answers. Private to
 * this room.
 */
#ifndef POLICY_ATOMS_H
#define POLICY_ATOMS_H

#include "policy/model.h"

bool fact_is_known(const struct facts *facts, enum fact fact);

enum atom {
#define ATOM(id, ...) ATOM_##id,
#define NOT_BUILT(id, ...) ATOM_##id,
#include "policy/atoms.def"
#undef ATOM
#undef NOT_BUILT
	ATOMS
};
enum atom_argument {
	TAKES_NOTHING,
	TAKES_NETWORK,
	TAKES_NETWORK_NAME,
	TAKES_SERVICE,
	TAKES_PATTERN,
	TAKES_ADDRESS,
	TAKES_DOMAIN,
	TAKES_LIST,
	TAKES_SIZE,
	TAKES_NUMBER,
	TAKES_ACCOUNT,     /* a name in quotes: node.text */
	TAKES_GROUP,       /* a bare name: node.text */
	TAKES_CERTIFICATE, /* a declared name: node.index of certificates */
	TAKES_RESULT,      /* pass, fail, softfail, neutral, none, permerror: node.text */
	TAKES_POLICY,      /* none, quarantine, reject: node.text */
	TAKES_ZONE,        /* a zone in lower case: node.text; `returning`: node.nets */
	TAKES_HEADER       /* a field's name: node.text; a pattern: node.domain */
};

/* A sender or recipient, seen through the policy; found when first asked for. */
struct party {
	const struct mailbox *mailbox;
	const struct domain_row *domain; /* NULL: not ours */
	bool seen;
	struct slice plain, tagged; /* keys: without and with a +tag; empty until needed */
};
/* One decision being taken. */
struct question {
	const struct policy *policy;
	const struct facts *facts;
	struct arena *arena;
	enum stage stage;
	struct party sender, recipient;
	bool placed; /* `innermost` is found */
	const struct piece *innermost;
	enum fact missing; /* the fact that made a condition unknown */
};
struct question question_of(const struct policy *policy, const struct facts *facts,
	enum stage stage, struct arena *arena);
const struct piece *question_piece(struct question *q);
bool client_is_trusted(struct question *q);
enum recipient_class recipient_class(struct question *q);
bool recipient_is_listed_whole(struct question *q);
const struct domain_row *party_domain(struct question *q, struct party *party);
struct slice party_plain(struct question *q, struct party *party);  /* without a +tag */
struct slice party_tagged(struct question *q, struct party *party); /* with it */
/* The value of a condition, in Kleene's logic (doc/policy.md, "Facts may be unknown"). */
enum truth condition_value(struct question *q, uint32_t node);

typedef enum truth atom_function(struct question *q, const struct node *node);
struct atom_row {
	struct slice words;
	enum atom_argument argument;
	enum fact fact;
	atom_function *answer; /* NULL: not built yet */
	enum reason refused, deferred;
};
const struct atom_row *atom_row(enum atom atom);

#endif
