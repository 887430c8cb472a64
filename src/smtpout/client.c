/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP client: transaction after transaction, QUIT. Read client.h first; talk.h has the parts.
 */
#include "smtpout/client.h"

#include "smtpout/talk.h"

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
	enum reason reason =
		end == BODY_DAMAGED ? REASON_MESSAGE_DAMAGED : REASON_MESSAGE_UNREADABLE;
	struct settlement settled = settlement_of(reason, SLICE_NONE, SLICE_NONE, job->arena);

	client->ended = true;
	job_settle_rest(job, &settled);
}

static struct settlement final_answer(struct task *task, struct client *client, struct job *job)
{
	enum talk talk = client_listen(task, client, LIMIT_FINAL);

	client->needs_reset = false; /* RFC 5321 4.1.1.4: the dot ends it, whatever the answer */
	if (talk == TALK_OK)
		return settlement_of_reply(client, job->arena);
	return settlement_of_talk(client, talk,
		SLICE("after the whole message was sent and before it was answered for; it is "
		      "tried again and may arrive twice"),
		job->arena);
}

/* RFC 2033 4.2: a reply for each recipient that RCPT accepted, in their order. What ends the
 * session in their middle (421 too) is the answer for those that have none yet. */
static void final_answers(struct task *task, struct client *client, struct job *job)
{
	struct settlement settled = {.outcome = OUTCOME_DEFERRED};

	for (size_t i = 0; i < job->count && !client->ended; i++) {
		struct rcpt *rcpt = &job->recipients[i];
		if (rcpt->state != RCPT_ACCEPTED)
			continue;
		settled = final_answer(task, client, job);
		job_settle(job, rcpt, &settled);
	}
	if (!client->ended)
		return;
	settled.outcome = OUTCOME_DEFERRED;
	job_settle_all(job, RCPT_ACCEPTED, &settled);
}

static void data_answered_for(struct task *task, struct client *client, struct job *job)
{
	if (client->lmtp) {
		final_answers(task, client, job);
		return;
	}
	struct settlement settled = final_answer(task, client, job);
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
	data_answered_for(task, client, job);
	return behind;
}

/* RFC 2920 3.1: 354 although nobody was accepted. The lone dot ends it; its answer says nothing. By
 * LMTP there may be none, for nobody is left to be answered for: then hanging up ends it. */
static void empty_send(struct task *task, struct client *client)
{
	if (client->lmtp) {
		client->ended = true;
		return;
	}
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
