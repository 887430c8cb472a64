/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' world. Read fake.h first. */
#include "queue/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/panic.h"

struct world *world;

/* ---- a store that remembers ---- */

void store_result(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	enum result result, wall_ns now, uint64_t event, struct slice remote_words)
{
	(void)store, (void)origin, (void)now, (void)event, (void)remote_words;
	assert_true(world->fact_count < FAKE_MANY);
	world->facts[world->fact_count++] = (struct fake_fact){
		.id = id, .recipient = recipient, .is_result = true, .result = result};
}

void store_defer(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	uint32_t attempt, wall_ns next, struct slice words)
{
	(void)store, (void)origin, (void)words;
	assert_true(world->fact_count < FAKE_MANY);
	world->facts[world->fact_count++] = (struct fake_fact){
		.id = id, .recipient = recipient, .attempt = attempt, .next = next};
}

void store_damage_each(const struct store *store,
	void (*see)(void *owner, const struct damage *damage), void *owner)
{
	(void)store;
	if (world->damage.what)
		see(owner, &world->damage);
}

void store_mark_damaged(struct store *store, const struct stored *stored)
{
	(void)store;
	world->damage = (struct damage){.segment = stored->segment, .what = "damaged"};
}

enum clearing store_salvage(struct store *store, uint32_t number,
	void (*see)(void *owner, const struct salvaged *salvaged), void *owner)
{
	(void)store;
	if (number != world->damage.segment)
		return CLEARING_UNKNOWN;
	see(owner, &(struct salvaged){SALVAGE_PARTS, 77, 8192, "17-8192.eml"});
	return CLEARING_DONE;
}

enum clearing store_discard(struct store *store, uint32_t number)
{
	(void)store;
	return number == world->damage.segment ? CLEARING_BUSY : CLEARING_UNKNOWN;
}

void store_attempt(struct store *store, uint64_t id, uint64_t origin)
{
	(void)store, (void)id, (void)origin;
	world->attempts++;
}

void store_hold(struct store *store, uint32_t number)
{
	(void)store, (void)number;
	world->holds++;
}

void store_release(struct store *store, uint32_t number)
{
	(void)store, (void)number;
	world->holds--;
}

bool store_locate(const struct store *store, struct stored *stored)
{
	(void)store, (void)stored;
	return true;
}

struct store_counts store_count(const struct store *store)
{
	(void)store;
	return (struct store_counts){.bytes = 7};
}

int store_open_segment(
	struct store *store, uint32_t number, uint64_t *epoch, enum segment_class *kind)
{
	(void)store, (void)number, (void)epoch, (void)kind;
	return -1;
}

enum read_back store_read(struct store *store, const struct stored *stored, struct arena *arena,
	struct message *message, struct slice *payload)
{
	(void)store, (void)arena, (void)payload;
	if (world->unreadable || stored->id > world->message_count)
		return READ_DAMAGED;
	*message = *world->messages[stored->id - 1];
	return READ_OK;
}

static struct message *message_copy(const struct message *message)
{
	struct message *copy = ARENA_NEW(world->arena, struct message);
	size_t count = message->envelope.recipient_count;
	struct envelope_recipient *recipients =
		ARENA_ARRAY(world->arena, struct envelope_recipient, count);

	*copy = *message;
	for (size_t i = 0; i < count; i++) {
		recipients[i] = message->envelope.recipients[i];
		recipients[i].address = arena_slice(world->arena, recipients[i].address);
	}
	copy->envelope.sender = arena_slice(world->arena, message->envelope.sender);
	copy->envelope.recipients = recipients;
	return copy;
}

enum status store_add(
	struct store *store, const struct message *message, struct slice body, uint64_t id)
{
	(void)store;
	if (world->disk_full)
		return STATUS_FAILED;
	assert_true(world->report_count < 100);
	world->reports[world->report_count++] = (struct fake_report){
		.message = *message_copy(message),
		.body = arena_slice(world->arena, body),
		.id = id,
		.facts_before = world->fact_count,
	};
	return STATUS_OK;
}

/* ---- a policy: by MX, but for two domains ---- */

static struct settings settings = {
	.hostname = {"mx.example.org", 14},
	.postmaster = {"postmaster@example.org", 22},
	.retry_for = 5 * 86400 * NS_PER_S,
	.retry_first = 60 * NS_PER_S,
	.retry_most = 4 * 3600 * NS_PER_S,
};

const struct settings *policy_settings(const struct policy *policy)
{
	(void)policy;
	return &settings;
}

struct policy *policy_ref(struct policy *policy)
{
	return policy;
}

void policy_unref(struct policy *policy)
{
	(void)policy;
}

bool policy_route(const struct policy *policy, const struct facts *facts,
	const struct mailbox *recipient, struct arena *arena, struct route *route)
{
	(void)policy;
	assert_true(facts->has_recipient && facts->has_sender);
	if (slice_is(recipient->domain, SLICE("ambiguous.example")))
		return false;
	*route = (struct route){
		.kind = slice_is(recipient->domain, SLICE("local.example")) ? ROUTE_MAILDIR
									    : ROUTE_MX,
		.port = 25,
		.target = arena_slice(arena, recipient->domain),
		.key = arena_slice(arena, recipient->domain),
	};
	return true;
}

/* ---- out, control and the sender's reports ---- */

static enum handed take_job(void *owner, const struct delivery_job *job)
{
	(void)owner;
	if (world->out_full)
		return HANDED_NOT_NOW;
	if (world->shut && world->shut == job->id)
		return HANDED_UNREADABLE;
	assert_true(world->job_count < FAKE_MANY);
	struct fake_job *kept = &world->jobs[world->job_count++];
	kept->job = *job;
	kept->job.target = arena_slice(world->arena, job->target);
	kept->job.recipients = arena_slice(world->arena, job->recipients);
	return HANDED;
}

static uint64_t take_event(void *owner, const struct journal_delivery *event)
{
	(void)owner;
	assert_true(world->event_count < FAKE_MANY);
	world->events[world->event_count++] = (struct fake_event){
		.event = event->event,
		.message = event->message,
		.recipient = arena_slice(world->arena, event->recipient),
		.reply = arena_slice(world->arena, event->reply),
		.reason = event->reason,
		.attempt = event->attempt,
		.next = event->next,
	};
	return world->event_count;
}

static enum reported make_report(void *owner, const struct item *item, enum report_kind kind,
	struct recipient *const *recipients, size_t count, struct moment now)
{
	(void)owner;
	return bouncer_report(&world->bouncer, item, kind, recipients, count, now);
}

int world_make(void **state)
{
	(void)state;
	world = calloc(1, sizeof *world);
	world->arena = arena_new();
	world->now = (struct moment){1000 * NS_PER_S, INT64_C(1763717400) * NS_PER_S};
	world->bouncer = (struct bouncer){
		.hostname = settings.hostname,
		.postmaster = settings.postmaster,
		.keep_trying = settings.retry_for,
	};
	world->schedule = schedule_open(NULL,
		(struct schedule_user){
			.send = take_job, .event = take_event, .report = make_report},
		42);
	schedule_set_policy(world->schedule, NULL, world->now);
	schedule_pause(world->schedule, false);
	schedule_go_on(world->schedule);
	return 0;
}

int world_break(void **state)
{
	(void)state;
	schedule_out_gone(world->schedule, world->now);
	long holds = world->holds;
	size_t outstanding = world->schedule->outstanding;
	size_t ailing = world->schedule->ailing_jobs;
	schedule_close(world->schedule);
	arena_free(world->arena);
	free(world);
	world = NULL;
	return holds != 0 || outstanding != 0 || ailing != 0;
}

static struct message *mail_message(const struct fake_mail *mail, size_t count)
{
	struct message *message = ARENA_NEW(world->arena, struct message);
	struct envelope_recipient *recipients =
		ARENA_ARRAY(world->arena, struct envelope_recipient, count + 1);
	struct text body = TEXT_GROWING;

	for (size_t i = 0; i < count; i++)
		recipients[i] = (struct envelope_recipient){
			.address = slice_of(mail->recipients[i]),
			.orcpt = slice_of(mail->orcpt),
			.notify = (uint8_t)mail->notify,
		};
	for (size_t i = 0; i < count; i++)
		if (mail->refusals[i]) {
			recipients[i].flags = ENVELOPE_RECIPIENT_REFUSED;
			recipients[i].reply = slice_of(mail->refusals[i]);
			recipients[i].reason =
				slice_of(mail->reason ? mail->reason : "refused-recipient");
		}
	text_format(&body, "%s\r\n%s", mail->header ? mail->header : "Subject: hello\r\n",
		mail->body ? mail->body : "Dear friend,\r\n");
	*message = (struct message){
		.envelope =
			{
				.flags = mail->unbelieved ? 0 : ENVELOPE_BELIEVED,
				.received = world->now.wall - mail->age,
				.sender = slice_of(mail->sender),
				.envid = slice_of(mail->envid),
				.ret = mail->ret,
				.listener = SLICE("smtp"),
				.client = SLICE("192.0.2.7"),
				.recipients = recipients,
				.recipient_count = count,
			},
		.trace = SLICE("Received: from here\r\n"),
		.body = arena_slice(world->arena, text_slice(&body)),
		.body_size = body.len,
	};
	text_free(&body);
	return message;
}

uint64_t world_mail(const struct fake_mail *mail)
{
	struct stored_recipient known[8] = {{false}};
	size_t count = 0;

	while (count < 8 && mail->recipients[count])
		count++;
	assert_true(world->message_count < FAKE_MAILS);
	struct message *message = mail_message(mail, count);
	world->messages[world->message_count++] = message;
	struct stored stored = {.id = world->message_count, .origin = 9, .segment = 3};
	schedule_found(world->schedule, &stored, message, known, world->now);
	return stored.id;
}

void world_turn(void)
{
	schedule_turn(world->schedule, world->now);
}

void world_advance(mono_ns ns)
{
	world->now.mono += ns;
	world->now.wall += ns;
}

void world_run(mono_ns until, void (*answer)(struct fake_job *job))
{
	for (;;) {
		world_turn();
		bool answered = false;
		for (size_t i = 0; i < world->job_count; i++)
			if (!world->jobs[i].ended) {
				answer(&world->jobs[i]);
				answered = true;
			}
		mono_ns next = schedule_next(world->schedule);
		if (answered || next <= world->now.mono)
			continue;
		if (next > until)
			break;
		world_advance(next - world->now.mono);
	}
	if (until > world->now.mono)
		world_advance(until - world->now.mono);
}

void job_answer(struct fake_job *job, enum outcome outcome, unsigned code, const char *words)
{
	for (size_t i = 0; i < job->job.recipients.len / 2; i++) {
		struct delivery_outcome packet = {
			.job = job->job.job,
			.recipient = (uint16_t)((uint8_t)job->job.recipients.at[2 * i] |
						(uint8_t)job->job.recipients.at[2 * i + 1] << 8),
			.outcome = (uint8_t)outcome,
			.code = (uint16_t)code,
			.reason = (uint16_t)(code ? REASON_NONE : REASON_CONNECT_FAILED),
			.remote = SLICE("mx.adatum.com [192.0.2.1]:25"),
			.words = slice_of(words),
		};
		assert_true(schedule_outcome(world->schedule, &packet, world->now));
	}
	job->ended = true;
	assert_true(schedule_end(world->schedule, job->job.job, world->now));
}

size_t count_events(enum delivery_event event)
{
	size_t count = 0;

	for (size_t i = 0; i < world->event_count; i++)
		count += world->events[i].event == event;
	return count;
}

size_t count_results(enum result result)
{
	size_t count = 0;

	for (size_t i = 0; i < world->fact_count; i++)
		count += world->facts[i].is_result && world->facts[i].result == result;
	return count;
}
