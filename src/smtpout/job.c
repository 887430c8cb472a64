/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and what became of them. The contract is in job.h. */
#include "smtpout/job.h"

#include "base/panic.h"

struct job *job_new(const struct delivery_job *order)
{
	struct arena *arena = arena_new();
	struct job *job = ARENA_NEW(arena, struct job);

	job->arena = arena;
	job->order = *order;
	job->order.target = arena_slice(arena, order->target);
	job->order.login = arena_slice(arena, order->login);
	job->order.password_file = arena_slice(arena, order->password_file);
	job->order.recipients = arena_slice(arena, order->recipients);
	job->count = job_recipient_count(order);
	job->recipients = ARENA_ARRAY(arena, struct rcpt, job->count);
	for (size_t i = 0; i < job->count; i++)
		job->recipients[i].index = job_recipient(order, i);
	return job;
}

void job_free(struct job *job)
{
	if (job)
		arena_free(job->arena);
}

void job_settle(struct job *job, struct rcpt *rcpt, const struct settlement *settlement)
{
	panic_if(rcpt->state == RCPT_SETTLED, "recipient %u is settled twice", rcpt->index);
	rcpt->state = RCPT_SETTLED;
	rcpt->settled = *settlement;
	rcpt->settled.words = arena_slice(job->arena, settlement->words);
	rcpt->settled.remote = arena_slice(job->arena, settlement->remote);
	rcpt->settled.tls.session = arena_slice(job->arena, settlement->tls.session);
	rcpt->settled.tls.why = arena_slice(job->arena, settlement->tls.why);
}

void job_settle_all(struct job *job, enum rcpt_state state, const struct settlement *settlement)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->recipients[i].state == state)
			job_settle(job, &job->recipients[i], settlement);
}

void job_settle_rest(struct job *job, const struct settlement *settlement)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->recipients[i].state != RCPT_SETTLED)
			job_settle(job, &job->recipients[i], settlement);
}

void job_unask(struct job *job)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->recipients[i].state == RCPT_ASKED)
			job->recipients[i].state = RCPT_WAITING;
}

size_t job_count(const struct job *job, enum rcpt_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < job->count; i++)
		count += job->recipients[i].state == state;
	return count;
}

const struct envelope_recipient *job_address(const struct job *job, const struct rcpt *rcpt)
{
	panic_if(rcpt->index >= job->message.envelope.recipient_count,
		"recipient %u is not in the envelope", rcpt->index);
	return &job->message.envelope.recipients[rcpt->index];
}

struct settlement settlement_of(
	enum reason reason, struct slice argument, struct slice detail, struct arena *arena)
{
	const struct reason_row *row = reason_row(reason);
	struct slice words = reason_words(reason, &argument, 1, arena);

	if (detail.len)
		words = arena_format(arena, "%.*s: %.*s", SLICE_ARGS(words), SLICE_ARGS(detail));
	return (struct settlement){
		.outcome = row->code >= 500 ? OUTCOME_FAILED : OUTCOME_DEFERRED,
		.reason = reason,
		.enhanced = row->enhanced,
		.words = words,
	};
}
