/* SPDX-License-Identifier: Apache-2.0 */
/* The test rig. The contract is in rig.h. */
#include "spool/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "spool/reader.h"

#define RIG_MUST(rig, condition, ...)                                                              \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "seed %llu: ", (unsigned long long)(rig)->seed);           \
			panic(__VA_ARGS__);                                                        \
		}                                                                                  \
	} while (0)

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

static char body_byte(uint64_t id, size_t at)
{
	return (char)('a' + (id * 7 + at * 13 + at / 251) % 26);
}

static void body_fill(uint64_t id, size_t from, char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = body_byte(id, from + i);
}

static size_t recipient_count(uint64_t id)
{
	return 1 + id % RIG_RECIPIENTS;
}

static void message_fill(struct rig_message *sent, struct message *message,
	struct envelope_recipient recipients[RIG_RECIPIENTS])
{
	size_t count = recipient_count(sent->id);

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
static bool is_done(const struct rig_message *sent, unsigned bits)
{
	return bits == (1u << recipient_count(sent->id)) - 1;
}

static struct rig_message *rig_message(struct rig *rig, uint64_t id)
{
	RIG_MUST(rig, id >= 1 && id <= rig->count, "message %llu was never sent",
		(unsigned long long)id);
	return &rig->messages[id - 1];
}

/* The store's events */

static void rig_found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	struct rig *rig = owner;
	struct rig_message *sent = rig_message(rig, stored->id);
	size_t count = message->envelope.recipient_count, done = 0;

	RIG_MUST(rig, sent->asked, "message %llu was found, but never written",
		(unsigned long long)stored->id);
	RIG_MUST(rig, !sent->found, "message %llu was found twice", (unsigned long long)stored->id);
	RIG_MUST(rig,
		count == recipient_count(stored->id) && message->body_size == sent->size &&
			message->envelope.received == (wall_ns)stored->id,
		"the envelope of message %llu was altered", (unsigned long long)stored->id);
	RIG_MUST(rig, !(sent->refused && sent->refused_at == rig->cuts),
		"message %llu was refused, taken back and is found",
		(unsigned long long)stored->id);
	RIG_MUST(rig, !is_done(sent, sent->done_safe),
		"message %llu, done and flushed, was found again", (unsigned long long)stored->id);
	sent->done = 0; /* an unflushed result may be lost: a second delivery */
	for (size_t i = 0; i < count; i++) {
		RIG_MUST(rig, recipients[i].done || !(sent->done_safe >> i & 1),
			"recipient %zu of message %llu, done and flushed, came back", i,
			(unsigned long long)stored->id);
		done += recipients[i].done;
		sent->done |= (unsigned)recipients[i].done << i;
	}
	sent->left = (unsigned)(count - done);
	sent->found = true;
	sent->stored = *stored;
}

static bool is_loss(struct slice words)
{
	char copy[300];

	snprintf(copy, sizeof copy, "%.*s", SLICE_ARGS(words));
	return strstr(copy, "acknowledged m") != NULL;
}

static void rig_damage(void *owner, struct slice words)
{
	struct rig *rig = owner;

	RIG_MUST(rig, !rig->no_damage || disk_memory_is_stopped(rig->disk) || !is_loss(words),
		"%.*s", SLICE_ARGS(words));
	rig->damage++;
	if (rig->say_damage)
		fprintf(stderr, "%.*s\n", SLICE_ARGS(words));
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
	};
	struct store_events events = {.found = rig_found, .damage = rig_damage, .owner = rig};

	for (size_t i = 0; i < rig->count; i++)
		rig->messages[i].found = false;
	text_clear(&rig->why);
	enum store_open outcome = store_open_scaled(
		rig->disk, disk_memory_root(rig->disk), events, &scale, &rig->why, &rig->store);
	if (outcome != STORE_OPEN) {
		rig->store = NULL;
		return outcome;
	}
	rig->loop = sim_open(rig->now);
	rig->pool = offload_open(rig->loop, 1);
	panic_if(!rig->pool, "no offload pool");
	rig->writer = spool_writer_open(rig->loop, rig->disk, rig->pool,
		(struct writer_link){rig_want, rig_committed, rig_done, rig_suspect, rig});
	rig->ready = writer_ready(rig->writer);
	return outcome;
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
	char part[1000];
	uint64_t failures = disk_memory_failures(sending->rig->disk);

	message_fill(sent, &message, recipients);
	sent->asked = true;
	sent->answer = writer_big_open(task, sending->rig->writer, sent->id, &big);
	for (size_t at = 0; sent->answer == COMMIT_DURABLE && at < sent->size; at += sizeof part) {
		size_t size = sent->size - at < sizeof part ? sent->size - at : sizeof part;
		body_fill(sent->id, at, part, size);
		enum commit appended = writer_big_append(task, big, (struct slice){part, size});
		if (appended != COMMIT_DURABLE) {
			writer_big_abandon(big);
			sent->answer = appended;
		}
	}
	if (sent->answer == COMMIT_DURABLE)
		sent->answer = writer_big_commit(task, big, &message);
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

void rig_deliver(struct rig *rig, unsigned one_in)
{
	for (size_t i = 0; i < rig->count; i++) {
		struct rig_message *sent = &rig->messages[i];
		if (!sent->found || is_done(sent, sent->done) || rig_random(rig, one_in))
			continue;
		bool all = one_in == 1 || rig_random(rig, 2);
		for (unsigned r = 0; r < recipient_count(sent->id); r++) {
			if (sent->done >> r & 1 || (!all && rig_random(rig, 2)))
				continue;
			store_result(rig->store, sent->id, sent->stored.origin, (uint16_t)r,
				RESULT_DELIVERED, rig->now, SLICE("250 ok"));
			sent->done |= 1u << r;
		}
	}
	if (rig->lazy && rig_random(rig, 2))
		return; /* the power may fail before the flush */
	if (store_flush(rig->store) != STATUS_OK)
		return;
	for (size_t i = 0; i < rig->count; i++)
		rig->messages[i].done_safe |= rig->messages[i].done;
}

void rig_tend(struct rig *rig)
{
	rig->now += (wall_ns)rig_random(rig, 90 * 60) * NS_PER_S;
	for (int i = 0; i < 20 && store_tend(rig->store, rig->now); i++)
		;
}

void rig_power_cut(struct rig *rig)
{
	rig_stop(rig);
	rig->cuts++;
	disk_memory_crash(rig->disk);
}

void rig_kill(struct rig *rig)
{
	rig_stop(rig);
	disk_memory_kill(rig->disk);
}

/* Judgement */

static void body_judge(
	struct rig *rig, const struct rig_message *sent, struct slice body, size_t from)
{
	for (size_t i = 0; i < body.len; i++)
		RIG_MUST(rig, body.at[i] == body_byte(sent->id, from + i),
			"message %llu was altered at %zu", (unsigned long long)sent->id, from + i);
}

static void big_judge(struct rig *rig, const struct rig_message *sent)
{
	struct spool_source source = {.disk = rig->disk, .segment = sent->stored.segment};
	enum segment_class kind;
	uint64_t at = SEGMENT_DATA_AT;
	size_t from = 0, got = 0;
	char *chunk = malloc(CHUNK_MAX);

	panic_if(!chunk, "out of memory");
	source.fd = store_open_segment(rig->store, source.segment, &source.epoch, &kind);
	for (uint32_t part = 0; part < sent->stored.parts; part++, from += got) {
		RIG_MUST(rig,
			spool_read_chunk(&source, sent->id, part, &at, chunk, &got) ==
				SPOOL_READ_OK,
			"a chunk of message %llu cannot be read", (unsigned long long)sent->id);
		body_judge(rig, sent, (struct slice){chunk, got}, from);
	}
	RIG_MUST(rig, from == sent->size, "message %llu was cut", (unsigned long long)sent->id);
	rig->disk->close(rig->disk, source.fd);
	free(chunk);
}

static void found_judge(struct rig *rig, const struct rig_message *sent)
{
	struct arena *arena = arena_new();
	struct message message;
	struct slice payload;

	RIG_MUST(rig, store_read(rig->store, &sent->stored, arena, &message, &payload) == READ_OK,
		"message %llu was found but cannot be read", (unsigned long long)sent->id);
	RIG_MUST(rig, slice_is(message.trace, SLICE("Received: from test\r\n")),
		"the trace of message %llu was altered", (unsigned long long)sent->id);
	if (sent->big) {
		big_judge(rig, sent);
	} else {
		RIG_MUST(rig, message.body.len == sent->size, "message %llu was cut",
			(unsigned long long)sent->id);
		body_judge(rig, sent, message.body, 0);
	}
	arena_free(arena);
}

void rig_judge(struct rig *rig)
{
	for (size_t i = 0; i < rig->count; i++) {
		const struct rig_message *sent = &rig->messages[i];
		bool acknowledged = sent->answered && sent->answer == COMMIT_DURABLE;
		RIG_MUST(rig, !acknowledged || is_done(sent, sent->done) || sent->found,
			"message %llu was acknowledged and is lost", (unsigned long long)sent->id);
		if (sent->found && !is_done(sent, sent->done))
			found_judge(rig, sent);
	}
}

size_t rig_acknowledged(const struct rig *rig)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->count; i++)
		count += rig->messages[i].answered && rig->messages[i].answer == COMMIT_DURABLE;
	return count;
}
