/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an outcome means. Order matters here: a result is written before out may forget the job, and
 * a report is durable before the result `bounced` is written (spool/STATES.md, "Results"). Read
 * schedule.h first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "queue/bounce.h"
#include "queue/schedule.h"
#include "queue/words.h"
#include "spool/damage.h"

static struct slice cut(struct slice s, size_t most)
{
	return slice_part(s, 0, most);
}

void recipient_remember(struct recipient *recipient, const struct delivery_outcome *outcome,
	enum route_kind route, wall_ns now)
{
	struct slice enhanced = cut(outcome->enhanced, 15);
	struct slice remote = cut(outcome->remote, UINT8_MAX);
	struct slice words = cut(outcome->words, LAST_WORDS_MAX);
	struct slice session = cut(outcome->tls.session, TLS_SESSION_MAX);
	struct slice why = cut(outcome->tls.why, TLS_WHY_MAX);
	size_t size = enhanced.len + remote.len + words.len + session.len + why.len;
	struct last_words *last = malloc(sizeof *last + size);

	panic_if(!last, "out of memory for what a remote said");
	*last = (struct last_words){
		.code = outcome->code,
		.reason = outcome->reason < REASONS ? outcome->reason : (uint16_t)REASON_NONE,
		.tls_known = outcome->tls.known,
		.tls_verified = outcome->tls.verified,
		.tls_wanted = outcome->tls.wanted,
		.route = (uint8_t)route,
		.enhanced_len = (uint8_t)enhanced.len,
		.remote_len = (uint8_t)remote.len,
		.words_len = (uint16_t)words.len,
		.session_len = (uint8_t)session.len,
		.why_len = (uint8_t)why.len,
		.time = now,
	};
	struct text text = {.at = last->text, .size = size};
	text_put(&text, enhanced);
	text_put(&text, remote);
	text_put(&text, words);
	text_put(&text, session);
	text_put(&text, why);
	free(recipient->last);
	recipient->last = last;
}

/* The reply as the remote gave it: "450 4.2.2 words"; our own words where it gave none. */
static void put_reply(struct text *reply, const struct last_words *last)
{
	struct slice enhanced = last_enhanced(last), said = last_said(last);

	if (last->code) {
		text_number(reply, last->code);
		text_char(reply, ' ');
	}
	if (enhanced.len && !slice_starts(said, enhanced)) {
		text_put(reply, enhanced);
		text_char(reply, ' ');
	}
	text_put(reply, said);
}

struct slice last_reply(const struct last_words *last, struct arena *arena)
{
	char buffer[LAST_WORDS_MAX + 32];
	struct text reply = TEXT_FIXED(buffer);

	put_reply(&reply, last);
	return arena_slice(arena, text_slice(&reply));
}

uint64_t recipient_event(struct schedule *schedule, const struct recipient *recipient,
	enum delivery_event event, wall_ns next, struct moment now, int64_t us)
{
	char buffer[LAST_WORDS_MAX + 32];
	struct text reply = TEXT_FIXED(buffer);
	const struct last_words *last = recipient->last;
	struct journal_delivery line = {
		.message = recipient_item(recipient)->id,
		.time = now.wall,
		.node = schedule->node,
		.event = event,
		.sender = item_sender(recipient_item(recipient)),
		.recipient = recipient_address(recipient),
		.us = us,
		.attempt = recipient->attempts,
		.next = next,
	};

	if (last) {
		line.remote = last_remote(last);
		put_reply(&reply, last);
		line.reply = text_slice(&reply);
		line.tls = last_tls(last);
		if (last->reason != REASON_NONE)
			line.reason = reason_row((enum reason)last->reason)->name;
	}
	return schedule->user.event(schedule->user.owner, &line);
}

/* Doubling from `first` to `most`, less up to an eighth, so that what failed together does not come
 * back together. The same for all recipients of a message that are at the same attempt: they share
 * a connection again. */
mono_ns retry_delay(const struct retry *retry, uint64_t seed, uint64_t id, unsigned attempts)
{
	mono_ns delay = retry->first > 0 ? retry->first : NS_PER_S;

	for (unsigned i = 1; i < attempts && delay < retry->most; i++)
		delay = delay > retry->most / 2 ? retry->most : 2 * delay;
	if (delay > retry->most && retry->most > 0)
		delay = retry->most;
	uint64_t numbers[] = {seed, id, attempts};
	uint64_t hash = slice_hash((struct slice){(const char *)numbers, sizeof numbers});
	return delay - (mono_ns)(hash % ((uint64_t)delay / 8 + 1));
}

void recipient_count_attempt(struct recipient *recipient)
{
	if (recipient->attempts < UINT16_MAX)
		recipient->attempts++;
}

void recipient_failed(struct recipient *recipient, bool expired)
{
	recipient->state = RECIPIENT_FAILED;
	recipient->expired = expired;
	recipient_item(recipient)->pending++;
}

static void ask_for_delay_report(struct recipient *recipient, mono_ns age)
{
	if (age < DELAY_AFTER || recipient->delay_told || !(recipient->notify & NOTIFY_DELAY))
		return;
	recipient->delay_told = recipient->tell_delay = true;
	recipient_item(recipient)->pending++;
}

void recipient_deferred(
	struct schedule *schedule, struct recipient *recipient, struct moment now, int64_t us)
{
	const struct item *item = recipient_item(recipient);
	mono_ns age = now.mono - item->received;

	recipient_count_attempt(recipient);
	if (age >= schedule->retry.keep_trying) {
		recipient_failed(recipient, true);
		return;
	}
	mono_ns delay =
		retry_delay(&schedule->retry, schedule->seed, item->id, recipient->attempts);
	if (delay > schedule->retry.keep_trying - age)
		delay = schedule->retry.keep_trying - age; /* one last attempt at the very end */
	recipient_wait(schedule, recipient, now.mono + delay);
	store_defer(schedule->store, item->id, item->origin, recipient->index, recipient->attempts,
		now.wall + delay, last_said(recipient->last));
	(void)recipient_event(schedule, recipient, EVENT_DEFERRED, now.wall + delay, now, us);
	ask_for_delay_report(recipient, age);
}

static void recipient_delivered(
	struct schedule *schedule, struct recipient *recipient, struct moment now, int64_t us)
{
	const struct item *item = recipient_item(recipient);

	recipient_count_attempt(recipient);
	uint64_t event = recipient_event(schedule, recipient, EVENT_DELIVERED, 0, now, us);
	store_result(schedule->store, item->id, item->origin, recipient->index, RESULT_DELIVERED,
		now.wall, event, last_said(recipient->last));
	if (recipient->notify & NOTIFY_SUCCESS) {
		recipient->state = RECIPIENT_SUCCEEDED;
		recipient_item(recipient)->pending++;
	} else {
		recipient_done(schedule, recipient);
	}
}

/* ---- reports ---- */

static bool is_reported(const struct recipient *recipient, enum report_kind kind)
{
	switch (kind) {
	case REPORT_FAILURE: return recipient->state == RECIPIENT_FAILED;
	case REPORT_SUCCESS: return recipient->state == RECIPIENT_SUCCEEDED;
	case REPORT_DELAY_NOTICE:
		return recipient->tell_delay && recipient->state == RECIPIENT_WAITING;
	}
	return false;
}

static void failure_is_reported(struct schedule *schedule, struct recipient *recipient,
	enum reported reported, struct moment now)
{
	const struct item *item = recipient_item(recipient);

	if (reported == REPORTED_TO_POSTMASTER) {
		(void)recipient_event(schedule, recipient, EVENT_DEFERRED, 0, now, 0);
		recipient_hold(schedule, recipient);
		return;
	}
	uint64_t event = recipient_event(
		schedule, recipient, recipient->expired ? EVENT_EXPIRED : EVENT_BOUNCED, 0, now, 0);
	store_result(schedule->store, item->id, item->origin, recipient->index, RESULT_BOUNCED,
		now.wall, event, recipient->last ? last_said(recipient->last) : SLICE_NONE);
	recipient_done(schedule, recipient);
}

static void settle_reported(struct schedule *schedule, struct recipient *recipient,
	enum report_kind kind, enum reported reported, struct moment now)
{
	recipient_item(recipient)->pending--;
	switch (kind) {
	case REPORT_FAILURE: failure_is_reported(schedule, recipient, reported, now); break;
	case REPORT_SUCCESS: recipient_done(schedule, recipient); break;
	case REPORT_DELAY_NOTICE: recipient->tell_delay = false; break;
	}
}

/* One report for all recipients of the item that need one of this kind. False: it could not be
 * kept. A report of success or delay that cannot be kept is not worth holding anything up. */
static bool report_all(
	struct schedule *schedule, struct item *item, enum report_kind kind, struct moment now)
{
	size_t count = 0;
	struct recipient **list = calloc(item->count, sizeof *list);

	panic_if(!list, "out of memory for a report");
	for (uint32_t i = 0; i < item->count; i++) {
		struct recipient *recipient = &item->recipients[i];
		if (!is_reported(recipient, kind))
			continue;
		if (report_is_wanted(recipient, kind))
			list[count++] = recipient;
		else /* NOTIFY says so, or the sender is the null one: the journal has it */
			settle_reported(schedule, recipient, kind, REPORTED, now);
	}
	enum reported reported = REPORTED;
	if (count)
		reported =
			schedule->user.report(schedule->user.owner, item, kind, list, count, now);
	bool kept = reported != REPORT_NOT_KEPT || kind != REPORT_FAILURE;
	for (size_t i = 0; kept && i < count; i++)
		settle_reported(schedule, list[i], kind, reported, now);
	free(list);
	return kept;
}

/* Recipients that wait for a report no longer due (acted upon meanwhile) are not counted. */
static void count_pending(struct item *item)
{
	item->pending = 0;
	for (uint32_t i = 0; i < item->count; i++) {
		struct recipient *recipient = &item->recipients[i];
		if (recipient->tell_delay && recipient->state != RECIPIENT_WAITING)
			recipient->tell_delay = false;
		item->pending += recipient->state == RECIPIENT_FAILED ||
				 recipient->state == RECIPIENT_SUCCEEDED || recipient->tell_delay;
	}
}

bool schedule_tidy(struct schedule *schedule, struct item *item, struct moment now)
{
	if (item->jobs)
		return false;
	if (item->pending) {
		count_pending(item);
		bool kept = report_all(schedule, item, REPORT_FAILURE, now);
		(void)report_all(schedule, item, REPORT_SUCCESS, now);
		(void)report_all(schedule, item, REPORT_DELAY_NOTICE, now);
		if (!kept && item->next > now.mono + REPORT_DELAY) {
			item->next = now.mono + REPORT_DELAY;
			heap_settle(&schedule->heap, item);
		}
	}
	if (item->left)
		return false;
	item->next = NEVER;
	heap_settle(&schedule->heap, item);
	item_free(schedule->items, item);
	return true;
}

/* ---- from out ---- */

static struct job *job_find(struct schedule *schedule, uint64_t number)
{
	struct job *job = &schedule->jobs[number % JOBS_MAX];

	return number && job->number == number ? job : NULL;
}

static struct recipient *job_recipient_find(struct job *job, uint16_t index)
{
	LIST_EACH (struct recipient, recipient, &job->recipients, link)
		if (recipient->index == index)
			return recipient;
	return NULL;
}

/* Its sender is told, and what is left of it is kept for `postern queue salvage`. */
static void keep_damaged(struct schedule *schedule, const struct item *item)
{
	struct stored stored = item_stored(item);

	if (store_locate(schedule->store, &stored))
		store_mark_damaged(schedule->store, &stored);
}

bool schedule_outcome(
	struct schedule *schedule, const struct delivery_outcome *outcome, struct moment now)
{
	struct job *job = job_find(schedule, outcome->job);
	struct recipient *recipient = job ? job_recipient_find(job, outcome->recipient) : NULL;

	if (!recipient || outcome->outcome > OUTCOME_FAILED)
		return false;
	int64_t us = (now.mono - job->sent) / NS_PER_US;
	list_remove(&recipient->link);
	recipient_remember(recipient, outcome, job->destination->route.kind, now.wall);
	destination_learn(schedule, job->destination,
		outcome->outcome != OUTCOME_DEFERRED || outcome->code != 0);
	switch ((enum outcome)outcome->outcome) {
	case OUTCOME_DELIVERED: recipient_delivered(schedule, recipient, now, us); break;
	case OUTCOME_DEFERRED: recipient_deferred(schedule, recipient, now, us); break;
	case OUTCOME_FAILED:
		if (outcome->reason == REASON_MESSAGE_DAMAGED)
			keep_damaged(schedule, recipient_item(recipient));
		recipient_count_attempt(recipient);
		recipient_failed(recipient, false);
		break;
	}
	return true;
}

static void job_end(struct schedule *schedule, struct job *job, mono_ns delay, struct moment now)
{
	struct item *item = job->item;
	struct destination *destination = job->destination;

	LIST_EACH (struct recipient, recipient, &job->recipients, link) {
		list_remove(&recipient->link);
		recipient_wait(schedule, recipient,
			now.mono + retry_delay(&(struct retry){.first = delay, .most = delay},
					   schedule->seed, item->id, 1));
	}
	store_release(schedule->store, job->segment);
	schedule->free_jobs[schedule->free_count++] = (uint16_t)(job->number % JOBS_MAX);
	*job = (struct job){.number = 0};
	destination_job_ended(schedule, destination);
	item->jobs--;
	schedule_tidy(schedule, item, now);
}

void job_unreadable(struct schedule *schedule, struct job *job, struct moment now)
{
	const struct delivery_outcome why = {.outcome = OUTCOME_DEFERRED,
		.enhanced = SLICE("4.3.0"),
		.reason = REASON_MESSAGE_UNREADABLE,
		.words = SLICE("its file in the spool cannot be opened")};

	LIST_EACH (struct recipient, recipient, &job->recipients, link) {
		list_remove(&recipient->link);
		recipient_remember(recipient, &why, job->destination->route.kind, now.wall);
		recipient_deferred(schedule, recipient, now, 0);
	}
	job_end(schedule, job, schedule->retry.first, now);
}

bool schedule_end(struct schedule *schedule, uint64_t number, struct moment now)
{
	struct job *job = job_find(schedule, number);

	if (!job)
		return false;
	/* Recipients that out said nothing about: an attempt of which nothing is known. */
	job_end(schedule, job, schedule->retry.first, now);
	return true;
}

void schedule_out_gone(struct schedule *schedule, struct moment now)
{
	schedule->blocked = true;
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (schedule->jobs[i].number)
			job_end(schedule, &schedule->jobs[i], UNKNOWN_DELAY, now);
}
