/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision rests on that is not known: the facts whose absence makes a clause unknown, for
 * naming one (451) and for asking others. Only what matters is found: in `A or B` with A true, B is
 * not asked for.
 */
#include "policy/decide.h"

/* ---- atoms ---- */

static void account_asks(struct question *q, struct slice account, ask_function *ask, void *arg)
{
	if (!question_answer(q, FACT_OWNED, account))
		ask(arg, FACT_OWNED, account);
}

static void leases_ask(struct question *q, ask_function *ask, void *arg)
{
	const struct fact_answer *leases = question_answer(q, FACT_RECENT_POP, SLICE_NONE);

	if (!leases)
		ask(arg, FACT_RECENT_POP, SLICE_NONE);
	for (size_t i = 0; leases && i < leases->text_count; i++)
		account_asks(q, leases->texts[i], ask, arg);
}

/* Who the client is known as is not known. */
static void identity_asks(struct question *q, ask_function *ask, void *arg)
{
	const struct facts *facts = q->facts;

	if (!facts->has_account && !facts->is_local)
		ask(arg, FACT_ACCOUNT, SLICE_NONE);
	else if (!facts->has_tls && q->policy->certificates.count > 0)
		ask(arg, FACT_CERTIFICATE, SLICE_NONE);
	else if (!facts->has_client)
		ask(arg, FACT_CLIENT, SLICE_NONE);
	else
		leases_ask(q, ask, arg);
}

static void owned_asks(struct question *q, ask_function *ask, void *arg)
{
	const struct certificate_row *certificate;

	switch (identity_of(q, &certificate)) {
	case IDENTITY_UNKNOWN: identity_asks(q, ask, arg); return;
	case IDENTITY_ACCOUNT: account_asks(q, q->facts->account, ask, arg); return;
	case IDENTITY_LEASE: leases_ask(q, ask, arg); return;
	case IDENTITY_LOCAL_USER:
		if (policy_has_accounts(q->policy))
			account_asks(q, q->facts->local_user, ask, arg);
		return;
	case IDENTITY_NOBODY:
	case IDENTITY_CERTIFICATE:
	case IDENTITY_NETWORK: return;
	}
}

static void trust_asks(struct question *q, ask_function *ask, void *arg)
{
	const struct policy *policy = q->policy;

	for (size_t i = 0; i < policy->relay_count; i++) {
		const struct clause *clause = &policy->clauses.at[policy->relays[i]];
		bool ended = q->facts->now != 0 && q->facts->now >= clause->place.until;
		if (!ended && condition_value(q, clause->subject) == UNKNOWN_)
			atom_asks(q, &policy->nodes.at[clause->subject], ask, arg);
	}
}

static void plain_asks(struct question *q, const struct node *node, ask_function *ask, void *arg)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);
	bool zone = row->argument == TAKES_ZONE;

	(void)q;
	ask(arg, row->fact, zone ? node->text : SLICE_NONE);
}

void atom_asks(struct question *q, const struct node *node, ask_function *ask, void *arg)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);
	bool owned = node->atom == ATOM_SENDER_OWNED || node->atom == ATOM_SENDER_NOT_OWNED ||
		     node->atom == ATOM_FROM_OWNED || node->atom == ATOM_FROM_NOT_OWNED;

	if (node->atom == ATOM_TRUSTED)
		trust_asks(q, ask, arg);
	else if (node->atom == ATOM_RECIPIENT_UNKNOWN && q->facts->has_recipient)
		ask(arg, FACT_MAILBOX, SLICE_NONE);
	else if (node->atom == ATOM_GROUP && !q->facts->has_account)
		ask(arg, FACT_ACCOUNT, SLICE_NONE);
	else if (owned && fact_is_known(q->facts, row->fact))
		owned_asks(q, ask, arg);
	else
		plain_asks(q, node, ask, arg);
}

/* ---- conditions and clauses ---- */

/* A chain goes on to the right, in a loop: it may be long. */
static void condition_asks(struct question *q, uint32_t at, ask_function *ask, void *arg)
{
	while (at != NO_NODE && condition_value(q, at) == UNKNOWN_) {
		const struct node *node = &q->policy->nodes.at[at];
		if (node->kind == NODE_ATOM) {
			atom_asks(q, node, ask, arg);
			return;
		}
		at = node->left;
		if (node->kind != NODE_NOT) {
			condition_asks(q, node->left, ask, arg);
			at = node->right;
		}
	}
}

static void extra_asks(
	struct question *q, const struct clause *clause, ask_function *ask, void *arg)
{
	if (clause->kind == CLAUSE_LIMIT)
		ask(arg, FACT_COUNTER, SLICE_NONE);
	else if (!q->facts->has_sender)
		ask(arg, FACT_SENDER, SLICE_NONE);
	else
		leases_ask(q, ask, arg);
}

void clause_asks(struct question *q, const struct clause *clause, ask_function *ask, void *arg)
{
	condition_asks(q, clause->subject, ask, arg);
	condition_asks(q, clause->condition, ask, arg);
	if (clause_extra(q, clause) == UNKNOWN_)
		extra_asks(q, clause, ask, arg);
	if (clause->kind == CLAUSE_LIMIT && !q->facts->has_sender)
		ask(arg, FACT_SENDER, SLICE_NONE);
}

static void first_keep(void *arg, enum fact fact, struct slice argument)
{
	enum fact *first = arg;

	(void)argument;
	*first = fact < *first ? fact : *first;
}

enum fact clause_missing(struct question *q, const struct clause *clause)
{
	enum fact first = FACTS;

	clause_asks(q, clause, first_keep, &first);
	return first;
}
