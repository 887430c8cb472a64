/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope of a transaction: what MAIL and RCPT say, and what the answers to them mean. The
 * contract is in talk.h. */
#include "base/utf8.h"
#include "smtpout/talk.h"
#include "wire/command.h"
#include "wire/xtext.h"

/* ---- what it needs of the remote ---- */

/* Whether the header has bytes above 127. Of a big message it is in the chunks, unseen here: then
 * the body's flag answers. */
static bool header_is_ascii(const struct job *job)
{
	static const struct slice end = {"\r\n\r\n", 4};
	struct slice body = job->message.body;

	if (!(job->message.body_flags & BODY_FLAG_8BIT))
		return true;
	if (job->parts)
		return false;
	for (size_t i = 0; i < body.len; i++) {
		if ((uint8_t)body.at[i] > 127)
			return false;
		if (body.at[i] == '\r' && slice_starts(slice_from(body, i), end))
			return true;
	}
	return true;
}

/* Queue puts forwarded recipients and others in jobs of their own. */
static struct slice job_sender(const struct job *job)
{
	const struct envelope *envelope = &job->message.envelope;
	bool forwarded = job->count > 0 && (job_address(job, &job->recipients[0])->flags &
						   ENVELOPE_RECIPIENT_FORWARDED);

	return forwarded ? envelope->return_path : envelope->sender;
}

/* RFC 6531 3.2: asked for by the client; needed only if something in it is beyond ASCII. */
static bool job_needs_smtputf8(const struct job *job)
{
	const struct envelope *envelope = &job->message.envelope;

	if (!utf8_is_ascii(job_sender(job)))
		return true;
	for (size_t i = 0; i < job->count; i++)
		if (!utf8_is_ascii(job_address(job, &job->recipients[i])->address))
			return true;
	return (envelope->flags & ENVELOPE_SMTPUTF8) && !header_is_ascii(job);
}

static uint64_t job_size(const struct job *job)
{
	return job->message.trace.len + job->message.body_size;
}

bool envelope_fits(const struct client *client, struct job *job)
{
	const struct extensions *offered = &client->extensions;
	enum reason reason = REASON_NONE;
	struct slice argument = client->remote;

	if (!offered->smtputf8 && job_needs_smtputf8(job)) {
		reason = REASON_SMTPUTF8_NOT_OFFERED;
	} else if (!offered->eight_bit && (job->message.body_flags & BODY_FLAG_8BIT)) {
		/* RFC 6152 3: convert or return; what we do not write we do not rewrite. */
		reason = REASON_EIGHT_BIT_NOT_OFFERED;
	} else if (offered->size_most && job_size(job) > offered->size_most) {
		reason = REASON_MESSAGE_TOO_LARGE; /* RFC 1870 6.1 */
		argument = arena_format(job->arena, "%llu", (unsigned long long)offered->size_most);
	}
	if (reason == REASON_NONE)
		return true;
	struct settlement settled = settlement_of(reason, argument, SLICE_NONE, job->arena);
	if (reason == REASON_MESSAGE_TOO_LARGE)
		settled.words = arena_format(job->arena, "%.*s takes messages up to %.*s bytes",
			SLICE_ARGS(client->remote), SLICE_ARGS(argument));
	settlement_sign(&settled, client);
	job_settle_rest(job, &settled);
	return false;
}

/* ---- writing ---- */

static void mail_put(struct client *client, const struct job *job)
{
	const struct envelope *envelope = &job->message.envelope;
	const struct extensions *offered = &client->extensions;
	struct text *out = stream_output(client->stream);

	text_put(out, SLICE("MAIL FROM:<"));
	text_put(out, job_sender(job));
	text_char(out, '>');
	if (offered->size) {
		text_put(out, SLICE(" SIZE="));
		text_number(out, job_size(job));
	}
	if (offered->eight_bit && (job->message.body_flags & BODY_FLAG_8BIT))
		text_put(out, SLICE(" BODY=8BITMIME"));
	if (offered->smtputf8 && job_needs_smtputf8(job))
		text_put(out, SLICE(" SMTPUTF8"));
	if (offered->dsn && envelope->ret != RET_UNSET)
		text_put(out, envelope->ret == RET_FULL ? SLICE(" RET=FULL") : SLICE(" RET=HDRS"));
	if (offered->dsn && envelope->envid.len) {
		text_put(out, SLICE(" ENVID="));
		text_xtext(out, envelope->envid);
	}
	text_put(out, SLICE("\r\n"));
}

/* RFC 3461 section 4.1. */
static void notify_put(struct text *out, unsigned notify)
{
	static const struct {
		unsigned bit;
		struct slice word;
	} words[] = {
		{NOTIFY_NEVER, {"NEVER", 5}},
		{NOTIFY_SUCCESS, {"SUCCESS", 7}},
		{NOTIFY_FAILURE, {"FAILURE", 7}},
		{NOTIFY_DELAY, {"DELAY", 5}},
	};
	bool first = true;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!(notify & words[i].bit))
			continue;
		text_put(out, first ? SLICE(" NOTIFY=") : SLICE(","));
		text_put(out, words[i].word);
		first = false;
	}
}

/* RFC 3461 section 4.2, RFC 6533 section 3: the address-type, ";", and the address encoded. */
static void orcpt_put(struct text *out, struct slice orcpt)
{
	struct slice address = orcpt, type = slice_cut(&address, ';');

	if (orcpt.len == 0)
		return;
	text_put(out, SLICE(" ORCPT="));
	text_put(out, type);
	text_char(out, ';');
	if (slice_is_nocase(type, SLICE("utf-8")))
		text_utf8_xtext(out, address);
	else
		text_xtext(out, address);
}

static void rcpt_put(struct client *client, const struct job *job, const struct rcpt *rcpt)
{
	const struct envelope_recipient *recipient = job_address(job, rcpt);
	struct text *out = stream_output(client->stream);

	text_put(out, SLICE("RCPT TO:<"));
	text_put(out, recipient->address);
	text_char(out, '>');
	if (client->extensions.dsn) {
		notify_put(out, recipient->notify);
		orcpt_put(out, recipient->orcpt);
	}
	text_put(out, SLICE("\r\n"));
}

static void line_put(struct client *client, struct slice line)
{
	stream_put(client->stream, line);
}

void envelope_put(struct client *client, struct job *job)
{
	bool whole = client->extensions.pipelining;
	uint64_t room = client->extensions.recipients_most;

	if (whole && client->needs_reset)
		line_put(client, SLICE("RSET\r\n"));
	if (whole)
		mail_put(client, job);
	for (size_t i = 0; i < job->count && room > 0; i++) {
		struct rcpt *rcpt = &job->recipients[i];
		if (rcpt->state != RCPT_WAITING)
			continue;
		rcpt->state = RCPT_ASKED;
		room--;
		if (whole)
			rcpt_put(client, job, rcpt);
	}
	if (whole)
		line_put(client, SLICE("DATA\r\n"));
}

/* ---- answers ---- */

static enum envelope_end broken(
	struct client *client, struct job *job, enum talk talk, struct slice when)
{
	struct settlement settled = talk == TALK_OK
					    ? settlement_of_reply(client, job->arena)
					    : settlement_of_talk(client, talk, when, job->arena);

	/* A 421 is about the session: everybody it leaves unanswered waits, whatever its digits. */
	if (settled.outcome == OUTCOME_DELIVERED)
		settled.outcome = OUTCOME_DEFERRED;
	job_settle_all(job, RCPT_ASKED, &settled);
	job_settle_all(job, RCPT_ACCEPTED, &settled);
	return ENVELOPE_BROKEN;
}

static enum talk reset(struct task *task, struct client *client)
{
	if (!client->needs_reset)
		return TALK_OK;
	client->needs_reset = false;
	if (!client->extensions.pipelining)
		line_put(client, SLICE("RSET\r\n"));
	return client_listen(task, client, LIMIT_MAIL);
}

/* RFC 5321 4.5.3.1.10: "too many recipients" is 452, of old also 552; once some are accepted the
 * rest goes in another transaction at once. */
static bool reply_asks_for_another(const struct reply *reply, bool some_accepted)
{
	return some_accepted && (reply->code == 452 || reply->code == 552);
}

static void rcpt_answered(struct client *client, struct job *job, struct rcpt *rcpt, bool *some)
{
	const struct reply *reply = &client->reply;

	if (reply_is_positive(reply)) {
		rcpt->state = RCPT_ACCEPTED;
		*some = true;
	} else if (reply_asks_for_another(reply, *some)) {
		rcpt->state = RCPT_WAITING;
	} else {
		struct settlement settled = settlement_of_reply(client, job->arena);
		job_settle(job, rcpt, &settled);
	}
}

/* The answers to every RCPT; after a refused MAIL they mean nothing, and with PIPELINING they are
 * read all the same. */
static enum talk rcpts_answer(
	struct task *task, struct client *client, struct job *job, size_t asked, bool *some)
{
	bool whole = client->extensions.pipelining;

	for (size_t i = 0; i < job->count && asked > 0; i++) {
		struct rcpt *rcpt = &job->recipients[i];
		if (rcpt->state != RCPT_ASKED)
			continue;
		asked--;
		if (!whole)
			rcpt_put(client, job, rcpt);
		enum talk talk = client_listen(task, client, LIMIT_RCPT);
		if (talk != TALK_OK || client->ended)
			return talk;
		rcpt_answered(client, job, rcpt, some);
	}
	return TALK_OK;
}

static enum envelope_end data_answered(struct client *client, struct job *job, bool some)
{
	if (client->reply.code == 354)
		return some ? ENVELOPE_TAKEN : ENVELOPE_EMPTY;
	struct settlement settled = settlement_of_reply(client, job->arena);
	if (settled.outcome == OUTCOME_DELIVERED) { /* 250 to DATA: it has not seen the message */
		settled = settlement_of_talk(client, TALK_GARBAGE, SLICE("to DATA"), job->arena);
		client->ended = true;
	}
	job_settle_all(job, RCPT_ACCEPTED, &settled);
	return ENVELOPE_REFUSED;
}

/* MAIL was refused: nobody of this transaction gets it. What was pipelined behind MAIL is answered
 * all the same; should the remote even say 354, the data is empty. */
static enum envelope_end mail_refused(
	struct task *task, struct client *client, struct job *job, size_t asked)
{
	struct settlement settled = settlement_of_reply(client, job->arena);

	job_settle_all(job, RCPT_ASKED, &settled);
	if (!client->extensions.pipelining)
		return ENVELOPE_REFUSED;
	for (size_t i = 0; i < asked + 1; i++)
		if (client_listen(task, client, LIMIT_RCPT) != TALK_OK || client->ended)
			return ENVELOPE_BROKEN;
	return client->reply.code == 354 ? ENVELOPE_EMPTY : ENVELOPE_REFUSED;
}

enum envelope_end envelope_answers(struct task *task, struct client *client, struct job *job)
{
	bool whole = client->extensions.pipelining, some = false;
	size_t asked = job_count(job, RCPT_ASKED);
	enum talk talk = reset(task, client);

	if (talk != TALK_OK || client->ended)
		return ENVELOPE_UNHEARD;
	if (!whole)
		mail_put(client, job);
	talk = client_listen(task, client, LIMIT_MAIL);
	if (talk != TALK_OK || client->reply.code == 421)
		return client->used ? ENVELOPE_UNHEARD
				    : broken(client, job, talk, SLICE("after MAIL"));
	client->used = true;
	if (!reply_is_positive(&client->reply))
		return mail_refused(task, client, job, asked);
	client->needs_reset = true;
	talk = rcpts_answer(task, client, job, asked, &some);
	if (talk != TALK_OK || client->ended)
		return broken(client, job, talk, SLICE("after RCPT"));
	if (!whole && !some)
		return ENVELOPE_REFUSED;
	if (!whole)
		line_put(client, SLICE("DATA\r\n"));
	talk = client_listen(task, client, LIMIT_DATA);
	if (talk != TALK_OK || client->ended)
		return broken(client, job, talk, SLICE("after DATA"));
	return data_answered(client, job, some);
}
