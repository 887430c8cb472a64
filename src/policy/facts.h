/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what a decision is taken from. One table (policy/facts.def) names every fact, its type,
 * the stage at which it is known and where it comes from; atoms of the language read facts and
 * nothing else, so a decision can be taken again from the journal.
 *
 * A fact is not asked yet, known, or unknown (asked, no answer); the last makes a condition unknown
 * in Kleene's sense. Facts whose rooms are not built yet are unknown and their statements refused.
 */
#ifndef POLICY_FACTS_H
#define POLICY_FACTS_H

#include "base/address.h"
#include "base/clock.h"
#include "wire/mailbox.h"

enum stage {
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_AUTH,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_END,
	STAGES
};
const char *stage_text(enum stage stage);

/* One row of facts.def each. */
enum fact {
#define FACT(id, ...) FACT_##id,
#include "policy/facts.def"
#undef FACT
	FACTS
};

/* What somebody else (DNS, accounts, a filter) said to one question. A fact of that kind that has
 * no answer here was not asked, and is unknown once its stage has come. */
struct fact_answer {
	enum fact fact;
	struct slice argument; /* the zone of a list, the account whose addresses are meant; else
				  empty */
	bool unknown;          /* asked, and nobody could tell */
	bool yes;              /* of facts that are true or false */
	struct slice text;     /* a name, a result's word ("softfail"), a policy ("reject") */
	uint64_t number;       /* a score */
	const struct address *addresses; /* what a list answered; none: not in it */
	size_t address_count;
	const struct slice *texts; /* groups, owned addresses, accounts with a lease */
	const wall_ns *times; /* beside texts, where a time belongs to each: leases' sign-ins */
	size_t text_count;
	struct slice because; /* the record, the server that did not answer: for people */
};

/* A condition's value given from outside: `expect … given`, `trial --fact`. It stands for whatever
 * that atom would find. Made by policy_given_parse(). */
struct given {
	const void *node; /* struct node, private to policy/ */
	bool is;          /* false: `not` stood before it */
};

struct counter_answer { /* of a `limit` clause, for this recipient; see policy_counters() */
	uint32_t clause;
	bool unknown, full;
	uint64_t used, most;
	wall_ns free_at; /* when the next place is free */
};

struct facts {
	/* ---- of the session ---- */
	struct address client;
	bool has_client;
	bool is_local; /* a program of this host, through sendmail: no client address */
	struct slice local_user;
	struct slice listener;           /* "smtp" */
	bool has_tls, tls, tls_verified; /* has_tls: it is known whether there is encryption */
	struct slice certificate;        /* the client certificate's "SHA256:…", empty: none */
	bool has_account;                /* it is known whether the client signed in */
	struct slice account;            /* empty: it did not */
	bool has_helo;
	struct slice helo; /* as given */
	/* ---- of the transaction ---- */
	bool has_sender;
	struct mailbox sender;
	bool has_recipient;
	struct mailbox recipient;
	bool has_alias; /* the recipient stands for this address of ours (policy_expand()) */
	struct mailbox alias;
	bool is_returned; /* that address is a return path of ours (wire/srs.h), and the hash is
			     right: a forwarding that needs no grant */
	bool has_size;    /* declared (before the data) or true (at the end) */
	bool size_is_final;
	uint64_t size;
	bool has_recipients;
	uint64_t recipients; /* offered so far in this transaction, this one counted */
	bool has_from;       /* at the end of data */
	struct mailbox from; /* the one header author */
	/* Who else the header says stands behind it (wire/author.h, claims_find()). */
	const struct mailbox *claims;
	size_t claim_count;
	bool claims_unclear;
	bool has_header;
	struct slice header; /* raw, at the end of data, with its empty line or without */
	wall_ns now;         /* for `until`; 0: no grant has ended (expect) */
	/* ---- asked of others ---- */
	const struct fact_answer *answers;
	size_t answer_count;
	const struct counter_answer *counters;
	size_t counter_count;
	const struct given *given;
	size_t given_count;
	/* Known from the policy and the ones above, filled by facts_settle(): */
	bool trusted;
};
/* The answer to a question, or NULL: nobody was asked. */
const struct fact_answer *facts_answer(
	const struct facts *facts, enum fact fact, struct slice argument);
/* facts.def's columns. */
enum fact_type {
	FACT_IS_ADDRESS,
	FACT_IS_TEXT,
	FACT_IS_YES_NO,
	FACT_IS_NUMBER,
	FACT_IS_RESULT,
	FACT_IS_ADDRESSES,
	FACT_IS_TEXTS,
	FACT_IS_MAILBOX
};
struct fact_row {
	struct slice name; /* "the client's address", for people */
	struct slice key;  /* "client", in the journal's and trial's `facts` */
	enum fact_type type;
	enum stage stage;    /* at which it is known */
	struct slice source; /* where it comes from */
	bool asked;          /* of others, by an answer */
	bool found;          /* some part of this version finds it; else it is always unknown */
};
const struct fact_row *fact_row(enum fact fact);

#endif
