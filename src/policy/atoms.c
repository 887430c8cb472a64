/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of atoms: each reads its fact, which is known when it is called. */
#include "policy/atoms.h"

static enum truth truth_of(bool value)
{
	return value ? TRUE_ : FALSE_;
}

/* ---- the client ---- */

static enum truth client_is(struct question *q, const struct node *node)
{
	return truth_of(network_contains(&node->net, &q->facts->client));
}

static enum truth network_is(struct question *q, const struct node *node)
{
	return truth_of(piece_is_in(question_piece(q), node->index));
}

static enum truth trusted_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(client_is_trusted(q));
}

static enum truth listener_is(struct question *q, const struct node *node)
{
	return truth_of(slice_is(q->facts->listener, node->text));
}

static enum truth helo_is(struct question *q, const struct node *node)
{
	return truth_of(slice_matches(q->facts->helo, node->text));
}

/* ---- parties ---- */

/* alice+tag@ is alice@'s (doc/policy.md, "Addresses"), so a rule for alice@ holds for it too. */
static enum truth party_is(struct question *q, struct party *party, const struct node *node)
{
	if (party->mailbox->is_null || !slice_is(party->mailbox->domain, node->domain))
		return FALSE_;
	return truth_of(slice_is(party_tagged(q, party), node->text) ||
			slice_is(party_plain(q, party), node->text));
}

static enum truth party_in(struct question *q, struct party *party, const struct node *node)
{
	const struct list_row *list = &q->policy->lists.at[node->index];

	if (party->mailbox->is_null || party->mailbox->domain.len == 0)
		return FALSE_;
	return truth_of(list_has(list, party->mailbox->domain) ||
			list_has(list, party_tagged(q, party)) ||
			list_has(list, party_plain(q, party)));
}

static enum truth party_domain_is(const struct party *party, const struct node *node)
{
	return truth_of(!party->mailbox->is_null && slice_is(party->mailbox->domain, node->text));
}

static enum truth sender_is(struct question *q, const struct node *node)
{
	return party_is(q, &q->sender, node);
}

static enum truth sender_domain_is(struct question *q, const struct node *node)
{
	return party_domain_is(&q->sender, node);
}

static enum truth sender_null_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(q->sender.mailbox->is_null);
}

static enum truth sender_in_is(struct question *q, const struct node *node)
{
	return party_in(q, &q->sender, node);
}

static enum truth sender_ours_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(party_domain(q, &q->sender) != NULL);
}

static enum truth recipient_is(struct question *q, const struct node *node)
{
	return party_is(q, &q->recipient, node);
}

static enum truth recipient_domain_is(struct question *q, const struct node *node)
{
	return party_domain_is(&q->recipient, node);
}

static enum truth recipient_in_is(struct question *q, const struct node *node)
{
	return party_in(q, &q->recipient, node);
}

static enum truth recipient_ours_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(recipient_class(q) != RECIPIENT_FOREIGN);
}

static enum truth recipient_unknown_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(recipient_class(q) == RECIPIENT_OURS_UNKNOWN);
}

/* ---- the message ---- */

static enum truth size_is(struct question *q, const struct node *node)
{
	return truth_of(q->facts->size > node->number);
}

static enum truth recipients_is(struct question *q, const struct node *node)
{
	return truth_of(q->facts->recipients > node->number);
}

/* ---- the table ---- */

#define ATOM(id, words_, argument_, fact_, answer_, refused_, deferred_)                           \
	[ATOM_##id] = {.words = {words_, sizeof(words_) - 1},                                      \
		.argument = TAKES_##argument_,                                                     \
		.fact = FACT_##fact_,                                                              \
		.answer = answer_,                                                                 \
		.refused = REASON_##refused_,                                                      \
		.deferred = REASON_##deferred_},
#define NOT_BUILT(id, words_) [ATOM_##id] = {.words = {words_, sizeof(words_) - 1}},
static const struct atom_row rows[ATOMS] = {
#include "policy/atoms.def"
};

const struct atom_row *atom_row(enum atom atom)
{
	return &rows[atom];
}
