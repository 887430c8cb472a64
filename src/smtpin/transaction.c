/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mail transaction: what MAIL begins, and the one end for every exit from it. A state left
 * behind by one of the exits has let senders past policies elsewhere; there is nothing here that
 * could be left.
 */
#include "base/panic.h"
#include "base/utf8.h"
#include "smtpin/inquiry.h"
#include "smtpin/intake.h"
#include "smtpin/places.h"

struct transaction *transaction_begin(struct session *session)
{
	struct edge *edge = session->edge;
	struct arena *arena = edge_arena_take(edge);
	struct transaction *transaction = ARENA_NEW(arena, struct transaction);

	panic_if(session->transaction, "a transaction in a transaction");
	transaction->arena = arena;
	transaction->policy = policy_ref(edge->policy);
	transaction->needs = edge->needs;
	transaction->id = edge_new_id(edge);
	session->transaction = transaction;
	mono_ns most = session_limits(session)->transaction;
	mono_ns now = loop_mono(edge->loop);
	transaction->ends = most > NEVER - now ? NEVER : now + most;
	return transaction;
}

void transaction_end(struct session *session)
{
	struct transaction *transaction = session->transaction;

	if (!transaction)
		return;
	session->edge->gathered -= transaction->recipient_count * RECIPIENT_HELD;
	places_drop(session);
	if (transaction->chunks)
		intake_end(transaction->chunks);
	inquiry_end(session, &transaction->inquiry);
	inquiry_end(session, &transaction->of_recipients);
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

/* Most messages have one recipient: the map is made with the second, or with an alias. Its keys are
 * what was kept or written, its objects say nothing. */
static bool is_seen(const struct transaction *transaction, struct slice address)
{
	if (transaction->seen)
		return map_get(transaction->seen, address) != NULL;
	return transaction->recipient_count &&
	       slice_is(transaction->recipients[0].address, address);
}

static void make_map(struct session *session)
{
	struct transaction *transaction = session->transaction;

	if (transaction->seen || !transaction->recipient_count)
		return;
	transaction->seen = map_new(session->edge->seed);
	map_put(transaction->seen, transaction->recipients[0].address, transaction);
}

static void remember(struct session *session, struct slice address)
{
	struct transaction *transaction = session->transaction;

	make_map(session);
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

const struct mailbox *recipient_written(const struct offered_recipient *recipient)
{
	return recipient->is_alias ? &recipient->alias : &recipient->mailbox;
}

const struct offered_recipient *transaction_kept(
	const struct transaction *transaction, const struct mailbox *written)
{
	const struct mailbox *meant = mailbox_meant(transaction, written);

	if (!meant || !is_seen(transaction, meant->text))
		return NULL;
	for (size_t i = 0; i < transaction->recipient_count; i++)
		if (slice_is(recipient_written(&transaction->kept[i])->text, meant->text))
			return &transaction->kept[i];
	return NULL;
}

/* RFC 3461 section 5.2.7: who is reached by another address is reported by the one written. */
static struct slice orcpt_of(const struct offered_recipient *recipient,
	const struct rcpt_command *rcpt, struct arena *arena)
{
	struct slice written = recipient->alias.text;

	if (rcpt->orcpt.len || !recipient->is_alias)
		return arena_slice(arena, rcpt->orcpt);
	return arena_format(arena, "%s;%.*s", utf8_is_ascii(written) ? "rfc822" : "utf-8",
		SLICE_ARGS(written)); /* RFC 6533 section 3 */
}

/* False: it is there already. */
static bool keep_one(struct session *session, const struct offered_recipient *recipient,
	const struct rcpt_command *rcpt)
{
	struct transaction *transaction = session->transaction;

	const struct mailbox *meant = mailbox_meant(transaction, &recipient->mailbox);
	if (is_seen(transaction, meant->text))
		return false;
	if (transaction->recipient_count == transaction->room)
		make_room(transaction);
	struct mailbox mailbox = mailbox_copy(meant, transaction->arena);
	remember(session, mailbox.text);
	size_t at = transaction->recipient_count++;
	transaction->kept[at] = *recipient;
	transaction->kept[at].mailbox = mailbox;
	transaction->kept[at].known = inquiry_of_mailbox(session, recipient);
	transaction->recipients[at] = (struct envelope_recipient){
		.address = mailbox.text,
		.orcpt = orcpt_of(recipient, rcpt, transaction->arena),
		.notify = (uint8_t)rcpt->notify,
	};
	return true;
}

void transaction_keep(struct session *session, const struct offered_recipient *targets,
	size_t count, const struct rcpt_command *rcpt)
{
	struct transaction *transaction = session->transaction;
	size_t before = transaction->recipient_count;

	for (size_t i = 0; i < count; i++)
		(void)keep_one(session, &targets[i], rcpt);
	if (transaction->recipient_count == before)
		return;
	transaction->taken++;
	session->edge->gathered += (transaction->recipient_count - before) * RECIPIENT_HELD;
	struct offered_recipient shared = targets[0];
	places_copy(transaction, &shared);
	if (shared.is_alias) {
		shared.alias = mailbox_copy(&shared.alias, transaction->arena);
		remember(session, shared.alias.text);
	}
	for (size_t i = before; i < transaction->recipient_count; i++) {
		transaction->kept[i].alias = shared.alias;
		transaction->kept[i].counters = shared.counters;
		transaction->kept[i].counted = shared.counted;
	}
}

bool transaction_is_believed(const struct session *session)
{
	const struct transaction *transaction = session->transaction;
	struct facts facts;

	if (transaction->trusted)
		return true;
	facts_gather(session, only_recipient(transaction), &facts);
	return policy_knows_client(transaction->policy, &facts, session->scratch);
}

const struct offered_recipient *only_recipient(const struct transaction *transaction)
{
	return transaction->recipient_count == 1 ? &transaction->kept[0] : NULL;
}
