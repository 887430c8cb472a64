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

/* When an atom of a clause speaks with a reason of its own (clauses.c). */
enum telling_when {
	TELLS_TRUE,   /* where it must hold for the clause to fire */
	TELLS_ABSENT, /* where nothing else tells, and it must not hold */
	TELLS_EITHER, /* both; holding tells more */
	TELLS_RESULT  /* where it must hold; `pass`, where it must not */
};

/* A sender, recipient or author, seen through the policy; found when first asked for. */
struct party {
	const struct mailbox *mailbox;
	const struct domain_row *domain; /* NULL: not ours */
	bool seen;
	struct slice plain, tagged; /* keys: without and with a +tag; empty until needed */
};
/* What `possible` tries: an atom's value, that a clause's counter is full, that an account owns an
 * address. */
enum assumed_kind { ASSUMED_TERM, ASSUMED_EXTRA, ASSUMED_OWNS };
struct assumed {
	enum assumed_kind kind;
	uint32_t at; /* a term, or a clause */
	struct slice account, key;
	enum truth value;
};
/* One decision being taken. */
struct question {
	const struct policy *policy;
	const struct facts *facts;
	struct arena *arena;
	enum stage stage;
	struct party sender, recipient, alias, from;
	struct party *claims; /* of facts->claims; NULL until asked for */
	bool placed;          /* `innermost` is found */
	const struct piece *innermost;
	uint8_t *memo;                 /* by term: 0, or 1 + its truth; NULL: none is kept */
	bool strict;                   /* a list that does not answer is unknown everywhere */
	bool excused;                  /* one was taken as not listing */
	const struct assumed *assumed; /* by `possible` */
	size_t assumed_count;
};
struct question question_of(const struct policy *policy, const struct facts *facts,
	enum stage stage, struct arena *arena);
const struct piece *question_piece(struct question *q);
/* Whether the recipient is ours; a mailbox that others are asked for counts as known. */
enum recipient_class recipient_class(struct question *q);
enum truth recipient_is_unknown(struct question *q);
bool recipient_is_listed_whole(struct question *q);
const struct domain_row *party_domain(struct question *q, struct party *party);
struct slice party_plain(struct question *q, struct party *party);  /* without a +tag */
struct slice party_tagged(struct question *q, struct party *party); /* with it */
/* The value of a condition, in Kleene's logic (doc/policy.md, "Facts may be unknown"). */
enum truth condition_value(struct question *q, uint32_t node);
/* Of an atom, as it is: a list that does not answer is unknown. */
enum truth term_value(struct question *q, const struct node *node);
enum truth truth_not(enum truth value);
enum truth truth_and(enum truth a, enum truth b);
/* What `given` says of this atom, if anything: itself, or what follows from it. */
bool given_value(struct question *q, const struct node *node, enum truth *value);
bool node_is_alike(const struct node *a, const struct node *b); /* the same atom */
bool terms_agree(const struct node *a, bool a_is, const struct node *b, bool b_is);
/* The answer to what others were asked; NULL: unknown. */
const struct fact_answer *question_answer(
	struct question *q, enum fact fact, struct slice argument);

/* ---- who the client is known as (identity.c) ---- */
enum owning { OWNING_NOBODY, OWNING_UNKNOWN, OWNING_NOT, OWNING_YES };
/* A question about an account's addresses that is open: which account's. False: none is. */
bool owning_open(struct question *q, struct party *party, struct slice *account);
bool lease_open(struct question *q, struct party *party, mono_ns within, struct slice *account);
/* Whether the client is known as someone who may use this address. `author`: in the header. */
enum owning client_owns(struct question *q, struct party *party, bool author);
/* The same of the author and of everybody whom Sender and Resent-* name: of all of them. */
enum owning client_owns_authors(struct question *q);
/* The n-th of these, the author first; NULL behind the last. */
struct party *author_party(struct question *q, size_t n);
/* Whether some account signed in by POP from there within this time (0: 30 minutes); and whether
 * one of these may use the address. */
enum truth lease_is_held(struct question *q, mono_ns within);
enum owning lease_owns(struct question *q, struct party *party, mono_ns within);
mono_ns lease_time(mono_ns within); /* 0: 30 minutes */
bool policy_has_leases(const struct policy *policy);
bool policy_has_accounts(const struct policy *policy); /* `accounts` is written */
enum identity_kind {
	IDENTITY_NOBODY,
	IDENTITY_UNKNOWN,
	IDENTITY_ACCOUNT,
	IDENTITY_CERTIFICATE,
	IDENTITY_LOCAL_USER,
	IDENTITY_LEASE,
	IDENTITY_NETWORK
};
enum identity_kind identity_of(struct question *q, const struct certificate_row **certificate);

typedef enum truth atom_function(struct question *q, const struct node *node);
struct atom_row {
	struct slice words;
	enum atom_argument argument;
	enum fact fact;
	atom_function *answer; /* NULL: not built yet */
	enum telling_when tells;
	enum reason refused, deferred;
};
const struct atom_row *atom_row(enum atom atom);

/* The atom in the policy's own words (atom_text.c). */
void text_atom(struct text *out, const struct policy *policy, const struct node *node);

#endif
