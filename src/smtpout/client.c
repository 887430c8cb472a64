/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP client: greeting, transactions, QUIT. Read client.h first; talk.h has the parts. */
#include "smtpout/client.h"

#include <errno.h>
#include <string.h>

#include "smtpout/talk.h"

/* ---- EHLO ---- */

static uint64_t number_below(struct slice text, uint64_t most)
{
	uint64_t number;

	return slice_number(text, most, &number) && number > 0 ? number : most;
}

/* RFC 9422: "LIMITS RCPTMAX=20 MAILMAX=5". Limits we do not know are passed over. */
static void limits_read(struct slice words, struct extensions *offered)
{
	while (words.len) {
		struct slice value = slice_cut(&words, ' '), name = slice_cut(&value, '=');
		if (slice_is_nocase(name, SLICE("RCPTMAX")))
			offered->recipients_most = number_below(value, RECIPIENTS_AT_ONCE);
		else if (slice_is_nocase(name, SLICE("MAILMAX")))
			offered->messages_most = number_below(value, MESSAGES_PER_CONNECTION);
	}
}

static void extension_read(struct slice line, struct extensions *offered)
{
	struct slice words = line, keyword = slice_cut(&words, ' ');

	if (slice_is_nocase(keyword, SLICE("PIPELINING")))
		offered->pipelining = true;
	else if (slice_is_nocase(keyword, SLICE("8BITMIME")))
		offered->eight_bit = true;
	else if (slice_is_nocase(keyword, SLICE("SMTPUTF8")))
		offered->smtputf8 = true;
	else if (slice_is_nocase(keyword, SLICE("DSN")))
		offered->dsn = true;
	else if (slice_is_nocase(keyword, SLICE("LIMITS")))
		limits_read(words, offered);
	else if (slice_is_nocase(keyword, SLICE("SIZE"))) {
		offered->size = true;
		if (!slice_number(slice_trim(words), UINT64_MAX, &offered->size_most))
			offered->size_most = 0;
	}
}

static void extensions_read(struct slice words, struct extensions *offered)
{
	slice_cut(&words, '\n'); /* the greeting */
	offered->esmtp = true;
	while (words.len)
		extension_read(slice_trim(slice_cut(&words, '\n')), offered);
}

static enum talk hello(struct task *task, struct client *client, struct slice verb)
{
	stream_put(client->stream, verb);
	stream_put(client->stream, client->our_name);
	stream_put(client->stream, SLICE("\r\n"));
	return client_listen(task, client, LIMIT_HELLO);
}

/* Greeting and EHLO, or HELO where EHLO is refused (RFC 5321 3.2). */
static bool greet(struct task *task, struct client *client, struct settlement *failure)
{
	enum talk talk = client_listen(task, client, LIMIT_GREETING);

	if (talk == TALK_OK && reply_is_positive(&client->reply))
		talk = hello(task, client, SLICE("EHLO "));
	else if (talk == TALK_OK)
		client->ended = true; /* 554 or 421 instead of 220 */
	if (talk == TALK_OK && !client->ended && client->reply.code / 100 == 5)
		talk = hello(task, client, SLICE("HELO "));
	else if (talk == TALK_OK && !client->ended && reply_is_positive(&client->reply))
		extensions_read(text_slice(&client->reply.words), &client->extensions);
	if (talk == TALK_OK && !client->ended && reply_is_positive(&client->reply))
		return true;
	*failure = talk == TALK_OK ? settlement_of_reply(client, client->arena)
				   : settlement_of_talk(client, talk,
					     SLICE("before the session began"), client->arena);
	return false;
}

static void client_close(struct client *client)
{
	stream_close(client->stream);
	reply_free(&client->reply);
}

static struct slice remote_text(const struct host *host, struct arena *arena)
{
	char room[64];
	struct text address = TEXT_FIXED(room);

	text_address(&address, &host->address);
	return arena_format(arena, "%.*s [%.*s]:%u", SLICE_ARGS(host->name),
		SLICE_ARGS(text_slice(&address)), host->address.port);
}

struct client *client_greet(struct task *task, struct io *io, const struct host *host,
	struct slice our_name, struct arena *arena, struct settlement *failure)
{
	struct client *client = ARENA_NEW(arena, struct client);

	client->arena = arena;
	client->stream = stream_open(io);
	client->our_name = our_name;
	client->remote = remote_text(host, arena);
	client->extensions.recipients_most = RECIPIENTS_AT_ONCE;
	client->extensions.messages_most = MESSAGES_PER_CONNECTION;
	if (greet(task, client, failure))
		return client;
	client_close(client);
	return NULL;
}

static struct settlement connect_failure(
	const struct host *host, enum io_end end, int error, struct arena *arena)
{
	struct slice remote = remote_text(host, arena), why = SLICE_NONE;
	enum reason reason = REASON_CONNECT_FAILED;

	switch (end) {
	case IO_DEADLINE: why = SLICE("it does not answer"); break;
	case IO_CANCELLED: reason = REASON_SHUTTING_DOWN; break;
	case IO_DONE:
	case IO_CLOSED:
	case IO_FAILED: why = slice_of(error ? strerrordesc_np(error) : "closed"); break;
	}
	struct settlement failure = settlement_of(reason, remote, why, arena);
	failure.outcome = OUTCOME_DEFERRED;
	failure.remote = remote;
	return failure;
}

struct client *client_connect(struct task *task, const struct host *host, struct slice our_name,
	struct arena *arena, struct settlement *failure)
{
	struct io *io = NULL;
	mono_ns outer = task_limit(task, limit_of(LIMIT_CONNECT));
	enum io_end end = io_connect(task, &host->address, &io);
	int error = errno;

	task_restore(task, outer);
	if (end == IO_DONE)
		return client_greet(task, io, host, our_name, arena, failure);
	*failure = connect_failure(host, end, error, arena);
	return NULL;
}

/* ---- transactions ---- */

/* The next job that this remote can take; those it cannot are settled on the way. */
static struct job *next_job(struct client *client, struct client_work work)
{
	while (!client->ended && client->messages < client->extensions.messages_most) {
		struct job *job = work.next(work.owner);
		if (!job || envelope_fits(client, job))
			return job;
		work.done(work.owner, job);
	}
	return NULL;
}

/* What is sent behind the final dot of `job`: the rest of its own recipients, or the next job. */
static struct job *job_behind(struct client *client, struct job *job, struct client_work work)
{
	if (job_count(job, RCPT_WAITING))
		return client->messages < client->extensions.messages_most ? job : NULL;
	return next_job(client, work);
}

/* The write broke: the remote may have said why before it closed. */
static void body_broken(struct task *task, struct client *client, struct job *job, enum talk talk)
{
	struct settlement settled;

	if (talk == TALK_LOST && client_listen(task, client, LIMIT_QUIT) == TALK_OK &&
		client->reply.code >= 400)
		settled = settlement_of_reply(client, job->arena);
	else
		settled = settlement_of_talk(client, talk, SLICE("in the data"), job->arena);
	client->ended = true;
	job_settle_all(job, RCPT_ACCEPTED, &settled);
}

/* Half a message is out: without its final dot the remote throws it away when we hang up. */
static void body_unreadable(struct client *client, struct job *job, enum body_end end)
{
	struct settlement settled =
		settlement_of(end == BODY_DAMAGED ? REASON_MESSAGE_DAMAGED : REASON_SPOOL_FAILED,
			SLICE_NONE, SLICE_NONE, job->arena);

	if (end == BODY_UNREADABLE)
		settled.words = SLICE("the message cannot be read from the spool");
	client->ended = true;
	job_settle_rest(job, &settled);
}

static void final_answer(struct task *task, struct client *client, struct job *job)
{
	enum talk talk = client_listen(task, client, LIMIT_FINAL);
	struct settlement settled;

	client->needs_reset = false; /* RFC 5321 4.1.1.4: the dot ends it, whatever the answer */
	if (talk == TALK_OK)
		settled = settlement_of_reply(client, job->arena);
	else
		settled = settlement_of_talk(client, talk,
			SLICE("after the whole message was sent and before it was answered for; it "
			      "is tried again and may arrive twice"),
			job->arena);
	job_settle_all(job, RCPT_ACCEPTED, &settled);
}

/* The data, with the next envelope behind it where PIPELINING allows that. */
static struct job *data_send(
	struct task *task, struct client *client, struct job *job, struct client_work work)
{
	enum talk talk = TALK_OK;
	enum body_end end = body_put(task, client, job, &talk);
	struct job *behind = NULL;

	if (end == BODY_BROKEN)
		body_broken(task, client, job, talk);
	else if (end != BODY_SENT)
		body_unreadable(client, job, end);
	if (end != BODY_SENT)
		return NULL;
	client->messages++;
	client->needs_reset = false;
	if (client->extensions.pipelining && (behind = job_behind(client, job, work)))
		envelope_put(client, behind);
	final_answer(task, client, job);
	return behind;
}

/* RFC 2920 3.1: 354 although nobody was accepted. The lone dot ends it; its answer says nothing. */
static void empty_send(struct task *task, struct client *client)
{
	stream_put(client->stream, SLICE(".\r\n"));
	client->needs_reset = client_listen(task, client, LIMIT_FINAL) != TALK_OK;
}

/* Done, unless some recipients still wait to be asked. */
static void job_give_back(struct job *job, struct client_work work)
{
	job_unask(job);
	if (job_count(job, RCPT_WAITING))
		work.put_back(work.owner, job);
	else
		work.done(work.owner, job);
}

/* One transaction, whose envelope is in the output already. Gives the job whose envelope is in the
 * output then, or NULL. */
static struct job *transact(
	struct task *task, struct client *client, struct job *job, struct client_work work)
{
	struct job *behind = NULL;

	switch (envelope_answers(task, client, job)) {
	case ENVELOPE_TAKEN: behind = data_send(task, client, job, work); break;
	case ENVELOPE_EMPTY: empty_send(task, client); break;
	case ENVELOPE_REFUSED:
	case ENVELOPE_BROKEN: break;
	case ENVELOPE_UNHEARD: job_give_back(job, work); return NULL;
	}
	if (behind == job)
		return job;
	if (!behind && job_count(job, RCPT_WAITING) && client_is_open(client)) {
		envelope_put(client, job); /* the rest of its recipients */
		return job;
	}
	job_give_back(job, work);
	return behind;
}

void client_serve(struct task *task, struct client *client, struct client_work work)
{
	struct job *job = next_job(client, work);

	client->sending = true;
	if (job)
		envelope_put(client, job);
	while (job) {
		job = transact(task, client, job, work);
		if (job && client->ended) {
			job_give_back(job, work);
			break;
		}
		if (!job && (job = next_job(client, work)))
			envelope_put(client, job);
	}
	client->sending = false;
}

/* ---- the end ---- */

bool client_is_open(const struct client *client)
{
	return !client->ended && client->messages < client->extensions.messages_most;
}

void client_quit(struct task *task, struct client *client)
{
	if (!client->ended) {
		mono_ns outer = task_limit(task, limit_of(LIMIT_QUIT));
		stream_put(client->stream, SLICE("QUIT\r\n"));
		if (stream_flush(task, client->stream) != IO_DONE)
			client->ended = true; /* it is closed either way */
		task_restore(task, outer);
	}
	client_close(client);
}
