/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mail transaction: what MAIL begins, and the one end for every exit from it. A state left
 * behind by one of the exits has let senders past policies elsewhere; there is nothing here that
 * could be left.
 */
#include "base/panic.h"
#include "smtpin/session.h"

struct transaction *transaction_begin(struct session *session)
{
	struct edge *edge = session->edge;
	struct arena *arena = edge_arena_take(edge);
	struct transaction *transaction = ARENA_NEW(arena, struct transaction);

	panic_if(session->transaction, "a transaction in a transaction");
	transaction->arena = arena;
	transaction->policy = policy_ref(edge->policy);
	transaction->id = edge_new_id(edge);
	mono_ns most = policy_settings(edge->policy)->limits.transaction;
	mono_ns now = loop_mono(edge->loop);
	transaction->ends = most > NEVER - now ? NEVER : now + most;
	session->transaction = transaction;
	return transaction;
}

void transaction_end(struct session *session)
{
	struct transaction *transaction = session->transaction;

	if (!transaction)
		return;
	session->transaction = NULL;
	map_free(transaction->seen);
	policy_unref(transaction->policy);
	edge_arena_give(session->edge, transaction->arena);
}

/* Doubled in the arena: what the old rooms take is less than what the new one does. */
static void make_room(struct transaction *transaction)
{
	size_t room = transaction->room ? transaction->room * 2 : 1;
	struct envelope_recipient *recipients =
		ARENA_ARRAY(transaction->arena, struct envelope_recipient, room);
	struct offered_recipient *kept =
		ARENA_ARRAY(transaction->arena, struct offered_recipient, room);

	for (size_t i = 0; i < transaction->recipient_count; i++) {
		recipients[i] = transaction->recipients[i];
		kept[i] = transaction->kept[i];
	}
	transaction->recipients = recipients;
	transaction->kept = kept;
	transaction->room = room;
}

/* Most messages have one recipient: the map is made with the second. Its keys are the kept
 * addresses, its objects say nothing. */
static bool is_kept(const struct transaction *transaction, struct slice address)
{
	if (transaction->seen)
		return map_get(transaction->seen, address) != NULL;
	return transaction->recipient_count &&
	       slice_is(transaction->recipients[0].address, address);
}

static void remember(struct session *session, struct slice address)
{
	struct transaction *transaction = session->transaction;

	if (transaction->recipient_count == 1) {
		transaction->seen = map_new(session->edge->seed);
		map_put(transaction->seen, transaction->recipients[0].address, transaction);
	}
	if (transaction->seen)
		map_put(transaction->seen, address, transaction);
}

/* A command's memory ends with it. What is kept is copied; what is refused, or named again, costs
 * nothing, so that no number of RCPTs can fill the memory. */
static struct mailbox mailbox_copy(const struct mailbox *mailbox, struct arena *arena)
{
	struct mailbox copy = *mailbox;

	copy.local = arena_slice(arena, mailbox->local);
	copy.domain = arena_slice(arena, mailbox->domain);
	copy.text = arena_slice(arena, mailbox->text);
	return copy;
}

/* <postmaster> is whoever answers for this server (RFC 5321 section 4.5.1). */
static const struct mailbox *mailbox_meant(
	const struct transaction *transaction, const struct mailbox *mailbox)
{
	return mailbox->is_postmaster ? policy_postmaster(transaction->policy) : mailbox;
}

void transaction_keep(struct session *session, const struct offered_recipient *recipient,
	const struct rcpt_command *rcpt)
{
	struct transaction *transaction = session->transaction;

	const struct mailbox *meant = mailbox_meant(transaction, &recipient->mailbox);
	if (is_kept(transaction, meant->text))
		return;
	if (transaction->recipient_count == transaction->room)
		make_room(transaction);
	struct mailbox mailbox = mailbox_copy(meant, transaction->arena);
	remember(session, mailbox.text);
	size_t at = transaction->recipient_count++;
	transaction->kept[at] =
		(struct offered_recipient){mailbox, recipient->place, recipient->when};
	transaction->recipients[at] = (struct envelope_recipient){
		.address = mailbox.text,
		.orcpt = arena_slice(transaction->arena, rcpt->orcpt),
		.notify = (uint8_t)rcpt->notify,
	};
}

const struct offered_recipient *only_recipient(const struct transaction *transaction)
{
	return transaction->recipient_count == 1 ? &transaction->kept[0] : NULL;
}
