/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the reference share. Nobody else includes it. */
#ifndef POLICY_REFERENCE_INSIDE_H
#define POLICY_REFERENCE_INSIDE_H

#include "policy/atoms.h"
#include "policy/reference.h"

static inline int yes_no(bool value)
{
	return value ? YES : NO;
}

static inline int least(int a, int b)
{
	return a < b ? a : b;
}

static inline int most(int a, int b)
{
	return a > b ? a : b;
}

/* ---- reference_owners.c ---- */
/* NULL: nobody was asked, or could tell. */
const struct fact_answer *reference_heard(struct reference *r, enum fact fact, struct slice of);
bool reference_is_ours(struct reference *r, const struct mailbox *mailbox);
/* "local@domain": without case, and perhaps without its tag, in domains of ours. */
struct slice reference_one_form(struct reference *r, const struct mailbox *mailbox, bool tagged);
bool reference_is_address(struct reference *r, const struct mailbox *mailbox, struct slice key);
bool reference_is_in_file(struct reference *r, const struct mailbox *mailbox, uint32_t list);
bool reference_in_network(struct reference *r, uint32_t network);
int reference_has_lease(struct reference *r, mono_ns within);
int reference_leases_may_use(struct reference *r, const struct mailbox *mailbox, mono_ns within);
int reference_owned(struct reference *r, const struct mailbox *mailbox, bool author);
int reference_not_owned(struct reference *r, const struct mailbox *mailbox, bool author);
int reference_authors_owned(struct reference *r);
int reference_authors_not_owned(struct reference *r);

/* ---- reference_given.c ---- */
/* What is said of the atom, or follows from what is said of others; -1: nothing. */
int reference_given_is(struct reference *r, const struct node *node);

/* ---- reference_atoms.c ---- */
int reference_atom_is(struct reference *r, const struct node *node);
bool reference_is_foreign(struct reference *r);
const struct domain_row *reference_domain(struct reference *r); /* the recipient's; NULL: none */
bool reference_is_in_boxes(struct reference *r, const struct domain_row *domain, bool tagged);
int reference_has_credential(struct reference *r, const struct clause *clause);
bool reference_has_ended(struct reference *r, const struct clause *clause);

/* ---- reference_limits.c ---- */
/* Whether a limit of the account's own is full, and the number of the first that is, else
 * ACCOUNT_LIMITS_MAX. */
int reference_is_over_own_limit(struct reference *r, uint32_t *first);

/* ---- reference.c ---- */
int reference_counter_is_full(struct reference *r, uint32_t clause);

#endif
