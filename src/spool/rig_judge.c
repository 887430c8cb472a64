/* SPDX-License-Identifier: Apache-2.0 */
/* The test rig: what the store says and what can be read, judged. The contract is in rig.h. */
#include "spool/rig_judge.h"

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

char rig_body_byte(uint64_t id, size_t at)
{
	return (char)('a' + (id * 7 + at * 13 + at / 251) % 26);
}

static struct rig_message *rig_message(struct rig *rig, uint64_t id)
{
	RIG_MUST(rig, id >= 1 && id <= rig->count, "message %llu was never sent",
		(unsigned long long)id);
	return &rig->messages[id - 1];
}

/* The store's events */

void rig_found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	struct rig *rig = owner;
	struct rig_message *sent = rig_message(rig, stored->id);
	size_t count = message->envelope.recipient_count, done = 0;

	RIG_MUST(rig, sent->asked, "message %llu was found, but never written",
		(unsigned long long)stored->id);
	RIG_MUST(rig, !sent->found, "message %llu was found twice", (unsigned long long)stored->id);
	RIG_MUST(rig,
		count == rig_recipient_count(stored->id) && message->body_size == sent->size &&
			message->envelope.received == (wall_ns)stored->id,
		"the envelope of message %llu was altered", (unsigned long long)stored->id);
	RIG_MUST(rig, !(sent->refused && sent->refused_at == rig->cuts),
		"message %llu was refused, taken back and is found",
		(unsigned long long)stored->id);
	RIG_MUST(rig, !rig_is_done(sent, sent->done_safe),
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
	return strstr(copy, "acknowledged m") || strstr(copy, "cut short");
}

void rig_unheard(void *owner, const struct unheard_result *result)
{
	struct rig *rig = owner;
	struct rig_message *sent = rig_message(rig, result->id);
	uint16_t r = result->recipient;

	RIG_MUST(rig, r < RIG_RECIPIENTS && sent->events[r] == result->event,
		"event %llu was never said so", (unsigned long long)result->event);
	RIG_MUST(rig, !(sent->unheard >> r & 1), "event %llu is told twice",
		(unsigned long long)result->event);
	sent->unheard |= 1u << r;
	sent->unheard_origin = result->origin;
}

/* Who reads an unheard event needs the envelope. */
static void unheard_read(struct rig *rig, const struct rig_message *sent)
{
	struct stored stored = {.id = sent->id, .origin = sent->unheard_origin};
	struct arena *arena = arena_new();
	struct message message;
	struct slice payload;

	RIG_MUST(rig,
		(store_locate(rig->store, &stored) &&
			store_read(rig->store, &stored, arena, &message, &payload) == READ_OK) ||
			disk_memory_is_stopped(rig->disk),
		"message %llu with an unheard event cannot be read", (unsigned long long)sent->id);
	arena_free(arena);
}

/* What was flushed and not heard must have been told. */
void rig_judge_unheard(struct rig *rig)
{
	for (size_t i = 0; i < rig->count && !disk_memory_is_stopped(rig->disk); i++) {
		struct rig_message *sent = &rig->messages[i];
		for (unsigned r = 0; r < RIG_RECIPIENTS; r++)
			RIG_MUST(rig,
				!(sent->done_safe >> r & 1) || sent->events[r] <= rig->heard ||
					sent->unheard >> r & 1,
				"event %llu was flushed, not heard, and is not told again",
				(unsigned long long)sent->events[r]);
		if (sent->unheard && sent->answered && sent->answer == COMMIT_DURABLE)
			unheard_read(rig, sent);
	}
}

void rig_damage(void *owner, struct slice words)
{
	struct rig *rig = owner;

	RIG_MUST(rig, !rig->no_damage || disk_memory_is_stopped(rig->disk) || !is_loss(words),
		"%.*s", SLICE_ARGS(words));
	rig->damage++;
	if (rig->say_damage)
		fprintf(stderr, "%.*s\n", SLICE_ARGS(words));
}

/* Judgement */

static void body_judge(
	struct rig *rig, const struct rig_message *sent, struct slice body, size_t from)
{
	for (size_t i = 0; i < body.len; i++)
		RIG_MUST(rig, body.at[i] == rig_body_byte(sent->id, from + i),
			"message %llu was altered at %zu", (unsigned long long)sent->id, from + i);
}

static bool one_by_one(struct rig *rig, const struct rig_message *sent,
	const struct spool_source *source, char *chunk)
{
	uint64_t at = SEGMENT_DATA_AT;
	size_t from = 0, got = 0;

	for (uint32_t part = 0; part < sent->stored.parts; part++, from += got) {
		if (spool_read_chunk(source, sent->id, part, &at, chunk, &got) != SPOOL_READ_OK)
			return false;
		body_judge(rig, sent, (struct slice){chunk, got}, from);
	}
	RIG_MUST(rig, from == sent->size, "message %llu was cut", (unsigned long long)sent->id);
	return true;
}

static bool several_at_once(struct rig *rig, const struct rig_message *sent,
	const struct spool_source *source, char *room)
{
	struct chunks chunks = {.room = room, .at = SEGMENT_DATA_AT};
	size_t from = 0;

	while (chunks.part < sent->stored.parts) {
		if (spool_read_chunks(source, sent->id, sent->stored.parts, &chunks) !=
			SPOOL_READ_OK)
			return false;
		for (size_t i = 0; i < chunks.count; i++) {
			body_judge(rig, sent, chunks.of[i], from);
			from += chunks.of[i].len;
		}
	}
	RIG_MUST(rig, from == sent->size, "message %llu was cut", (unsigned long long)sent->id);
	return true;
}

static bool big_read(struct rig *rig, const struct rig_message *sent)
{
	struct spool_source source = {.disk = rig->disk, .segment = sent->stored.segment};
	enum segment_class kind;
	char *room = malloc(CHUNKS_ROOM);

	panic_if(!room, "out of memory");
	source.fd = store_open_segment(rig->store, source.segment, &source.epoch, &kind);
	bool read =
		one_by_one(rig, sent, &source, room) && several_at_once(rig, sent, &source, room);
	rig->disk->close(rig->disk, source.fd);
	free(room);
	return read;
}

bool rig_read(struct rig *rig, const struct rig_message *sent)
{
	struct stored stored = sent->stored;
	struct arena *arena = arena_new();
	struct message message;
	struct slice payload;

	bool read = store_locate(rig->store, &stored) &&
		    store_read(rig->store, &stored, arena, &message, &payload) == READ_OK;
	RIG_MUST(rig, !read || slice_is(message.trace, SLICE("Received: from test\r\n")),
		"the trace of message %llu was altered", (unsigned long long)sent->id);
	RIG_MUST(rig, !read || sent->big || message.body.len == sent->size, "message %llu was cut",
		(unsigned long long)sent->id);
	if (read && !sent->big)
		body_judge(rig, sent, message.body, 0);
	arena_free(arena);
	return read && (!sent->big || big_read(rig, sent));
}

void rig_judge(struct rig *rig)
{
	for (size_t i = 0; i < rig->count; i++) {
		const struct rig_message *sent = &rig->messages[i];
		bool acknowledged = sent->answered && sent->answer == COMMIT_DURABLE;
		RIG_MUST(rig, !acknowledged || rig_is_done(sent, sent->done) || sent->found,
			"message %llu was acknowledged and is lost", (unsigned long long)sent->id);
		if (sent->found && !rig_is_done(sent, sent->done))
			RIG_MUST(rig, rig_read(rig, sent),
				"message %llu was found but cannot be read",
				(unsigned long long)sent->id);
	}
}

size_t rig_acknowledged(const struct rig *rig)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->count; i++)
		count += rig->messages[i].answered && rig->messages[i].answer == COMMIT_DURABLE;
	return count;
}
