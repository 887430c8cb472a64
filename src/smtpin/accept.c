/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that is taken: our Received in front, the spool, and the 250 that makes it ours
 * (RFC 5321 section 6.1). Nothing is said before the spool says durable. Read intake.h first.
 */
#include "smtpin/auth.h"
#include "smtpin/intake.h"
#include "smtpin/places.h"
#include "smtpin/refuse.h"
#include "smtpin/submission.h"
#include "wire/received.h"

static struct slice id_slice(uint64_t id, struct arena *arena)
{
	struct text text = {.at = arena_bytes(arena, ID_TEXT_LEN), .size = ID_TEXT_LEN};

	text_id(&text, id);
	return text_slice(&text);
}

/* RFC 5321 section 4.4. The recipient is named only where no other could learn of it. */
static struct slice trace_header(const struct session *session)
{
	const struct transaction *transaction = session->transaction;
	const struct tls_seen *seen = session_tls(session);
	struct received received = {
		.helo = session_helo(session),
		.client = session->client,
		.local_user = session_user(session),
		.by = session_settings(session)->hostname,
		.id = id_slice(transaction->id, session->scratch),
		.time = loop_wall(session->edge->loop),
		.esmtp = session->extended,
		.tls = session_is_encrypted(session),
		.tls_version = seen ? seen->version : SLICE_NONE,
		.tls_cipher = seen ? seen->cipher : SLICE_NONE,
		.authenticated = session->account.len > 0,
		.smtputf8 = transaction->mail.smtputf8,
	};
	struct text *text = &session->edge->line; /* free between lines of the journal */

	if (transaction->taken == 1)
		received.recipient = recipient_written(&transaction->kept[0])->text;
	text_clear(text);
	text_received(text, &received);
	submission_put(session, received.id, text);
	return arena_slice(session->scratch, text_slice(text));
}

static struct slice address_slice(const struct address *address, struct arena *arena)
{
	enum { ADDRESS_MOST = 64 };
	struct text text = {.at = arena_bytes(arena, ADDRESS_MOST), .size = ADDRESS_MOST};

	text_address(&text, address);
	return text_slice(&text);
}

/* 8-bit octets without BODY=8BITMIME are taken, for nothing is gained by refusing them, and
 * labelled, so that the next server is not lied to. */
static uint32_t envelope_flags(const struct intake *intake)
{
	const struct transaction *transaction = intake->session->transaction;
	uint32_t flags = 0;

	if (transaction->mail.smtputf8)
		flags |= ENVELOPE_SMTPUTF8;
	if (transaction->mail.body == BODY_8BITMIME || intake->reader.has_8bit)
		flags |= ENVELOPE_8BITMIME;
	if (transaction_is_believed(intake->session)) /* doc/policy.md, "Reports" */
		flags |= ENVELOPE_BELIEVED;
	return flags;
}

/* Forwarded mail leaves with a return address in the domain of the alias. A sender of ours needs
 * none; for one too long for it the mail leaves with the sender's own. */
static struct slice return_path_of(const struct session *session)
{
	const struct transaction *transaction = session->transaction;
	const struct mailbox *sender = &transaction->mail.sender;
	struct mailbox path;
	size_t i = 0;

	while (i < transaction->recipient_count && !transaction->kept[i].forwarded)
		i++;
	if (i == transaction->recipient_count || policy_is_ours(transaction->policy, sender) ||
		!srs_forward(&session->edge->secret, sender, transaction->kept[i].alias.domain,
			loop_wall(session->edge->loop), session->scratch, &path))
		return SLICE_NONE;
	for (; i < transaction->recipient_count; i++)
		if (transaction->kept[i].forwarded)
			transaction->recipients[i].flags |= ENVELOPE_RECIPIENT_FORWARDED;
	return path.text;
}

static struct envelope_recipient refused_recipient(
	const struct offered_recipient *kept, const struct envelope_recipient *as)
{
	return (struct envelope_recipient){.address = recipient_written(kept)->text,
		.orcpt = as->orcpt,
		.notify = as->notify,
		.flags = ENVELOPE_RECIPIENT_REFUSED,
		.reply = kept->refusal->reply,
		.reason = reason_row(kept->refusal->decision.reason)->name};
}

/* Of a refused alias the address written alone: whom it stands for is nobody's business who is not
 * let through to them. */
static size_t recipients_of(
	const struct session *session, const struct envelope_recipient **recipients)
{
	const struct transaction *transaction = session->transaction;
	struct envelope_recipient *list = ARENA_ARRAY(
		session->scratch, struct envelope_recipient, transaction->recipient_count);
	size_t count = 0;

	for (size_t i = 0; i < transaction->recipient_count; i++) {
		const struct offered_recipient *kept = &transaction->kept[i];
		if (!kept->refusal)
			list[count++] = transaction->recipients[i];
		else if (!i || kept[-1].refusal != kept->refusal)
			list[count++] = refused_recipient(kept, &transaction->recipients[i]);
	}
	*recipients = list;
	return count;
}

static struct envelope envelope_of(const struct intake *intake)
{
	const struct session *session = intake->session;
	const struct transaction *transaction = session->transaction;
	struct slice return_path = return_path_of(session); /* marks whom it is for */
	const struct envelope_recipient *recipients;
	size_t count = recipients_of(session, &recipients);

	return (struct envelope){
		.flags = envelope_flags(intake),
		.received = loop_wall(session->edge->loop),
		.sender = transaction->mail.sender.text,
		.return_path = return_path,
		.envid = transaction->mail.envid,
		.ret = (uint8_t)transaction->mail.ret,
		.listener = session->service,
		.account = session->account,
		.client = session->local ? SLICE("local")
					 : address_slice(&session->client, session->scratch),
		.helo = session_helo(session),
		.policy_hash = slice_of(policy_hash(transaction->policy)),
		.recipients = recipients,
		.recipient_count = count,
	};
}

static struct message message_of(const struct intake *intake)
{
	bool dots = intake->reader.has_dot_line || intake->normalised;
	unsigned flags =
		(dots ? BODY_FLAG_DOTS : 0u) | (intake->reader.has_8bit ? BODY_FLAG_8BIT : 0u);

	return (struct message){
		.envelope = envelope_of(intake),
		.trace = trace_header(intake->session),
		.body_flags = (uint16_t)flags,
		.body_size = intake_size(intake),
	};
}

static enum commit keep(struct task *task, struct intake *intake, const struct message *message)
{
	struct session *session = intake->session;

	if (!intake->big)
		return writer_commit(task, session->edge->writer, message,
			text_slice(&intake->gathered), session->transaction->id);
	struct big_message *big = intake->big;
	intake->big = NULL; /* committed or not, it is the writer's now */
	return writer_big_commit(task, big, message, text_slice(&intake->gathered));
}

/* Whom the message was split from: a line each, now that it is kept. */
static void record_refusals(struct session *session)
{
	const struct transaction *transaction = session->transaction;
	const struct refusal *last = NULL;

	for (size_t i = 0; i < transaction->recipient_count; i++) {
		const struct refusal *refusal = transaction->kept[i].refusal;
		if (refusal && refusal != last)
			refusal_record(session, refusal);
		last = refusal;
	}
}

static void say_kept(struct session *session, const struct message *message)
{
	const struct transaction *transaction = session->transaction;
	const struct slice reply[] = {
		SLICE("250 2.0.0 kept ["), id_slice(transaction->id, session->scratch), SLICE("]")};
	struct decision decision = {
		.verdict = VERDICT_ACCEPT, .stage = STAGE_END, .possible = 1u << VERDICT_ACCEPT};
	struct facts facts;

	facts_gather(session, only_recipient(transaction), &facts);
	facts.recipients = message->envelope.recipient_count; /* `postern audit` counts them */
	record_refusals(session);
	accept_by_policy(session, &facts, &decision, arena_join(session->scratch, reply, 3));
	places_keep(session);
	session->no_ops = 0; /* what stands between messages is not idle talk */
	session->edge->tally.messages++;
	session->edge->tally.octets += message->body_size;
}

void accept_message(struct task *task, struct intake *intake)
{
	struct session *session = intake->session;
	struct message message = message_of(intake);

	switch (keep(task, intake, &message)) {
	case COMMIT_DURABLE: say_kept(session, &message); break;
	case COMMIT_FULL:
		refuse_mail(session, only_recipient(session->transaction), STAGE_END,
			REASON_DISK_FULL, SLICE_NONE);
		break;
	case COMMIT_FAILED:
		refuse_mail(session, only_recipient(session->transaction), STAGE_END,
			REASON_SPOOL_FAILED, SLICE_NONE);
		break;
	}
}
