/* SPDX-License-Identifier: Apache-2.0 */
/* The test rig. The contract is in rig.h. */
#include "spool/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "spool/rig_judge.h"

uint64_t rig_random(struct rig *rig, uint64_t below)
{
	rig->random += 0x9e3779b97f4a7c15u;
	uint64_t z = rig->random;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return below ? z % below : z;
}

static uint64_t rig_epoch(void *owner)
{
	struct rig *rig = owner;

	return rig_random(rig, 0) | 1;
}

struct rig *rig_open(uint64_t seed)
{
	struct rig *rig = calloc(1, sizeof *rig);

	panic_if(!rig, "out of memory");
	rig->seed = seed;
	rig->random = seed * 0x9e3779b97f4a7c15u + 1;
	rig->disk = disk_memory_open(seed);
	rig->now = INT64_C(1800000000) * NS_PER_S;
	rig->why = TEXT_GROWING;
	return rig;
}

void rig_close(struct rig *rig)
{
	rig_stop(rig);
	disk_memory_close(rig->disk);
	text_free(&rig->why);
	free(rig);
}

/* Messages: id n + 1, everything else follows from the id and can be checked */

static void body_fill(uint64_t id, size_t from, char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = rig_body_byte(id, from + i);
}

size_t rig_recipient_count(uint64_t id)
{
	return 1 + id % RIG_RECIPIENTS;
}

static void message_fill(struct rig_message *sent, struct message *message,
	struct envelope_recipient recipients[RIG_RECIPIENTS])
{
	size_t count = rig_recipient_count(sent->id);

	for (size_t i = 0; i < count; i++)
		recipients[i] = (struct envelope_recipient){.address = SLICE("user@example.org")};
	*message = (struct message){
		.envelope = {.sender = SLICE("sender@example.net"),
			.received = (wall_ns)sent->id,
			.recipients = recipients,
			.recipient_count = count},
		.trace = SLICE("Received: from test\r\n"),
		.body_size = sent->size,
	};
}

/* Whether `bits` holds all of its recipients. */
bool rig_is_done(const struct rig_message *sent, unsigned bits)
{
	return bits == (1u << rig_recipient_count(sent->id)) - 1;
}

/* The writer's link, joined at once */

static void rig_want(void *owner, enum segment_class kind, uint32_t request)
{
	struct rig *rig = owner;
	struct spooling_give give = {.request = request};
	int fd = store_give(rig->store, kind, 1, &give);

	struct spooling_none none = {.segment_class = (uint8_t)kind, .request = request};
	none.full = true;
	if (fd >= 0)
		spool_writer_give(rig->writer, &give, fd);
	else
		spool_writer_none(rig->writer, &none);
}

static void rig_committed(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	store_committed(((struct rig *)owner)->store, number, epoch, durable);
}

static void rig_done(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	store_done(((struct rig *)owner)->store, number, epoch, durable);
}

static void rig_suspect(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	store_suspect(((struct rig *)owner)->store, number, epoch, durable);
}

/* Life */

enum store_open rig_start(struct rig *rig)
{
	struct store_scale scale = {
		.segment = rig->segment ? rig->segment : RIG_SEGMENT,
		.reserve = 32 << 10,
		.checkpoint = rig->checkpoint ? rig->checkpoint : 32 << 10,
		.epoch = rig_epoch,
		.epoch_owner = rig,
		.free = 2,
		.small = RIG_SPARE,
		.forget = rig->forget,
		.roomy = 1,
		.big = 4,
	};
	struct store_events events = {
		.found = rig_found, .damage = rig_damage, .owner = rig, .unheard = rig_unheard};

	for (size_t i = 0; i < rig->count; i++) {
		rig->messages[i].found = false;
		rig->messages[i].unheard = 0;
	}
	text_clear(&rig->why);
	enum store_open outcome = store_open_scaled(
		rig->disk, disk_memory_root(rig->disk), events, &scale, &rig->why, &rig->store);
	if (outcome != STORE_OPEN) {
		rig->store = NULL;
		return outcome;
	}
	rig_judge_unheard(rig);
	rig->loop = sim_open(rig->now);
	rig->pool = offload_open(rig->loop, 1);
	panic_if(!rig->pool, "no offload pool");
	rig->writer = spool_writer_open(rig->loop, rig->disk, rig->pool,
		(struct writer_link){rig_want, rig_committed, rig_done, rig_suspect, rig});
	rig->ready = writer_ready(rig->writer);
	return outcome;
}

void rig_abandon(struct rig *rig)
{
	rig->store = NULL;
	rig->writer = NULL;
	disk_memory_kill(rig->disk);
}

void rig_stop(struct rig *rig)
{
	if (!rig->store)
		return;
	spool_writer_close(rig->writer);
	rig->writer = NULL;
	offload_close(rig->pool);
	loop_close(rig->loop);
	store_close(rig->store);
	rig->store = NULL;
}

struct sending {
	struct rig *rig;
	struct rig_message *sent;
};

/* A failure that ended the message, and none at taking it back. */
static void answer_note(struct sending *sending, uint64_t failures)
{
	struct rig *rig = sending->rig;
	struct rig_message *sent = sending->sent;

	sent->answered = true;
	sent->refused = sent->answer != COMMIT_DURABLE && !disk_memory_is_stopped(rig->disk) &&
			disk_memory_failures(rig->disk) <= failures + 1;
	sent->refused_at = rig->cuts;
}

static void send_small(struct task *task, void *arg)
{
	struct sending *sending = arg;
	struct rig_message *sent = sending->sent;
	struct envelope_recipient recipients[RIG_RECIPIENTS];
	struct message message;
	char *body = malloc(sent->size + 1);
	uint64_t failures = disk_memory_failures(sending->rig->disk);

	panic_if(!body, "out of memory");
	body_fill(sent->id, 0, body, sent->size);
	message_fill(sent, &message, recipients);
	sent->asked = true;
	sent->answer = writer_commit(
		task, sending->rig->writer, &message, (struct slice){body, sent->size}, sent->id);
	answer_note(sending, failures);
	free(body);
	free(sending);
}

static void send_big(struct task *task, void *arg)
{
	struct sending *sending = arg;
	struct rig_message *sent = sending->sent;
	struct envelope_recipient recipients[RIG_RECIPIENTS];
	struct message message;
	struct big_message *big;
	enum { PIECE = 100000 }; /* two chunks by one call */
	char *piece = malloc(PIECE);
	size_t at = 0;
	uint64_t failures = disk_memory_failures(sending->rig->disk);

	panic_if(!piece, "out of memory");
	message_fill(sent, &message, recipients);
	sent->asked = true;
	sent->answer = writer_big_open(task, sending->rig->writer, sent->id, &big);
	for (; sent->answer == COMMIT_DURABLE && sent->size - at > PIECE; at += PIECE) {
		body_fill(sent->id, at, piece, PIECE);
		enum commit appended = writer_big_append(task, big, (struct slice){piece, PIECE});
		if (appended != COMMIT_DURABLE) {
			writer_big_abandon(big);
			sent->answer = appended;
		}
	}
	if (sent->answer == COMMIT_DURABLE) {
		struct slice last = {piece, sent->size - at};
		body_fill(sent->id, at, piece, last.len);
		sent->answer = writer_big_commit(task, big, &message, last);
	}
	free(piece);
	answer_note(sending, failures);
	free(sending);
}

static void send_one(struct rig *rig, size_t size, bool big)
{
	panic_if(rig->count == RIG_MESSAGES, "too many messages for the rig");
	struct rig_message *sent = &rig->messages[rig->count++];
	struct sending *sending = malloc(sizeof *sending);

	*sent = (struct rig_message){.id = rig->count, .size = size, .big = big};
	panic_if(!sending, "out of memory");
	*sending = (struct sending){rig, sent};
	panic_if(!task_start(rig->loop, "send", big ? send_big : send_small, sending), "no task");
}

void rig_send(struct rig *rig, size_t count)
{
	for (size_t i = 0; i < count; i++)
		send_one(rig, (size_t)rig_random(rig, rig_random(rig, 4) ? 2000 : 20000), false);
	loop_run(rig->loop);
}

void rig_send_sized(struct rig *rig, size_t count, size_t bytes)
{
	for (size_t i = 0; i < count; i++)
		send_one(rig, bytes, false);
	loop_run(rig->loop);
}

void rig_send_big(struct rig *rig, size_t bytes)
{
	send_one(rig, bytes, true);
	loop_run(rig->loop);
}

static void wait_run(struct task *task, void *arg)
{
	mono_ns *ns = arg;

	panic_if(task_sleep(task, *ns) != WAIT_READY, "a rest was disturbed");
}

void rig_wait(struct rig *rig, mono_ns ns)
{
	panic_if(!task_start(rig->loop, "wait", wait_run, &ns), "no task");
	loop_run(rig->loop);
}

static void results_flush(struct rig *rig)
{
	if (store_flush(rig->store) != STATUS_OK)
		return;
	for (size_t i = 0; i < rig->count; i++)
		if (rig->messages[i].found) /* what an earlier life said may be lost with it */
			rig->messages[i].done_safe |= rig->messages[i].done;
}

static void recipient_deliver(struct rig *rig, struct rig_message *sent, unsigned r)
{
	sent->events[r] = rig->events ? ++rig->last_event : 0;
	sent->done |= 1u << r;
	store_result(rig->store, sent->id, sent->stored.origin, (uint16_t)r, RESULT_DELIVERED,
		rig->now, sent->events[r], SLICE("250 ok"));
}

void rig_deliver(struct rig *rig, unsigned one_in)
{
	for (size_t i = 0; i < rig->count; i++) {
		struct rig_message *sent = &rig->messages[i];
		if (!sent->found || rig_is_done(sent, sent->done) || rig_random(rig, one_in))
			continue;
		bool all = one_in == 1 || rig_random(rig, 2);
		for (unsigned r = 0; r < rig_recipient_count(sent->id); r++)
			if (!(sent->done >> r & 1) && (all || rig_random(rig, 2) == 0))
				recipient_deliver(rig, sent, r);
	}
	if (rig->lazy && rig_random(rig, 2))
		return; /* the power may fail before the flush */
	results_flush(rig);
}

void rig_deliver_but(struct rig *rig, uint64_t id)
{
	for (size_t i = 0; i < rig->count; i++) {
		struct rig_message *sent = &rig->messages[i];
		for (unsigned r = 0;
			sent->found && sent->id != id && r < rig_recipient_count(sent->id); r++)
			if (!(sent->done >> r & 1))
				recipient_deliver(rig, sent, r);
	}
	results_flush(rig);
}

void rig_hear(struct rig *rig)
{
	rig->heard = rig->last_event;
	store_heard(rig->store, rig->heard);
}

void rig_tend(struct rig *rig)
{
	rig->now += (wall_ns)rig_random(rig, 90 * 60) * NS_PER_S;
	for (int i = 0; i < 20 && store_tend(rig->store, rig->now); i++)
		;
	if (store_needs_flush(rig->store))
		results_flush(rig);
}

void rig_power_cut(struct rig *rig)
{
	rig_stop(rig);
	rig->crashes++;
	rig->cuts++;
	disk_memory_crash(rig->disk);
}

void rig_kill(struct rig *rig)
{
	rig_stop(rig);
	rig->crashes++;
	disk_memory_kill(rig->disk);
}
