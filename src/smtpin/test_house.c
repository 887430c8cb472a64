/* SPDX-License-Identifier: Apache-2.0 */
/* A whole edge for tests. Read test_house.h first. */
#include "smtpin/test_house.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "smtpin/session.h"
#include "smtpin/test_counters.h"
#include "tls/testing.h"

/* ---- a disk in memory: the descriptor is the segment's number ---- */

static struct house *house_of(struct disk *disk)
{
	return LIST_OBJECT(struct house, disk, disk);
}

static int memory_close(struct disk *disk, int fd)
{
	(void)disk, (void)fd;
	return 0;
}

static ssize_t memory_pwritev(
	struct disk *disk, int fd, const struct iovec *parts, int count, off_t at)
{
	struct text *bytes = &house_of(disk)->segments[fd].bytes;
	size_t place = (size_t)at;

	for (int i = 0; i < count; i++) {
		while (bytes->len < place + parts[i].iov_len)
			text_char(bytes, '\0');
		memcpy(bytes->at + place, parts[i].iov_base, parts[i].iov_len);
		place += parts[i].iov_len;
	}
	return (ssize_t)(place - (size_t)at);
}

static int memory_fdatasync(struct disk *disk, int fd)
{
	(void)fd;
	if (!house_of(disk)->flush_fails)
		return 0;
	errno = EIO;
	return -1;
}

static const struct disk memory_disk = {
	.close = memory_close,
	.pwritev = memory_pwritev,
	.fdatasync = memory_fdatasync,
};

/* ---- the queue's part ---- */

static void house_want(void *owner, enum segment_class kind, uint32_t request)
{
	struct house *house = owner;
	struct spooling_none none = {.segment_class = (uint8_t)kind,
		.request = request,
		.full = house->spool == SPOOL_IS_FULL};

	if (house->spool != SPOOL_WORKS || house->segment_count == HOUSE_SEGMENTS) {
		spool_writer_none(house->edge.writer, &none);
		return;
	}
	uint32_t number = house->segment_count++;
	struct house_segment *segment = &house->segments[number];
	*segment = (struct house_segment){.bytes = TEXT_GROWING,
		.chunks = TEXT_GROWING,
		.epoch = 1000 + number,
		.read = SEGMENT_DATA_AT};
	struct spooling_give give = {.segment_class = (uint8_t)kind,
		.request = request,
		.number = number,
		.epoch = segment->epoch,
		.size = SEGMENT_SIZE};
	spool_writer_give(house->edge.writer, &give, (int)number);
}

static void keep(struct house *house, struct house_segment *segment, struct slice payload)
{
	struct message *message = ARENA_NEW(house->arena, struct message);

	panic_if(!message_decode(arena_slice(house->arena, payload), house->arena, message),
		"a message that cannot be read back");
	if (segment->chunks.len)
		message->body = arena_slice(house->arena, text_slice(&segment->chunks));
	panic_if(house->kept_count == HOUSE_KEPT, "too many messages for a test");
	house->kept[house->kept_count++] = message;
}

static void read_durable(struct house *house, uint32_t number, uint64_t durable)
{
	struct house_segment *segment = &house->segments[number];

	while (segment->read + RECORD_HEADER <= durable) {
		const char *at = segment->bytes.at + segment->read;
		struct record record;
		if (!record_decode(at, number, segment->read, segment->epoch, &record)) {
			segment->read += SPOOL_ALIGN;
			continue;
		}
		struct slice payload = {at + RECORD_HEADER, record.length};
		if (record.type == RECORD_MESSAGE)
			keep(house, segment, payload);
		else if (record.type == RECORD_CHUNK)
			text_put(&segment->chunks, payload);
		segment->read += record_extent(record.length);
	}
}

static void house_committed(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	struct house *house = owner;

	panic_if(epoch != house->segments[number].epoch, "a segment of another time");
	read_durable(house, number, durable);
}

static void house_over(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	(void)owner, (void)number, (void)epoch, (void)durable;
}

/* ---- opening and closing ---- */

static void journal_take(void *owner, struct slice line)
{
	struct house *house = owner;

	house->journal = arena_slice(house->arena, line);
	house->lines[house->journal_count++ % HOUSE_LINES] = house->journal;
}

struct policy *house_policy(struct slice text)
{
	struct arena *arena = arena_new();
	struct bundle bundle;
	struct complaints complaints;
	struct text words = TEXT_GROWING;

	bundle_of_text(SLICE("test.conf"), text, arena, &bundle);
	complaints_init(&complaints);
	struct policy *policy = policy_load(&bundle, &complaints);
	for (size_t i = 0; !policy && i < complaints.count; i++)
		text_complaint(&words, &complaints.list[i]);
	fprintf(stderr, "%.*s", SLICE_ARGS(text_slice(&words)));
	text_free(&words);
	complaints_free(&complaints);
	arena_free(arena);
	return policy;
}

/* The writer asks already while it is being opened; then there is nobody to answer yet. */
static void early_want(void *owner, enum segment_class kind, uint32_t request)
{
	struct house *house = owner;

	if (house->edge.writer)
		house_want(house, kind, request);
	else
		house->early_request = request;
}

static void accounts_changed(void *owner, struct slice account)
{
	struct edge *edge = owner;

	(void)account;
	edge->accounts_changed++;
}

struct house *house_open(struct policy *policy, enum house_spool spool)
{
	struct house *house = calloc(1, sizeof *house);
	wall_ns start = civil_to_wall((struct civil){2026, 1, 1, 9, 0, 0, 0});

	panic_if(!house, "no memory for a test");
	house->arena = arena_new();
	house->loop = sim_open(start);
	house->disk = memory_disk;
	house->spool = spool;
	house->pool = offload_open(house->loop, 1);
	edge_open(&house->edge, house->loop, 1,
		(struct edge_journal){.take = journal_take, .owner = house});
	edge_use_policy(&house->edge, policy);
	house->edge.asker = asker_open(house->loop);
	asker_watch(house->edge.asker, accounts_changed, &house->edge);
	house->edge.next_hop = next_hop_open(house->loop);
	int census = census_new(1);
	house->edge.census = census_open(census, 0);
	close(census);
	house->edge.writer = spool_writer_open(house->loop, &house->disk, house->pool,
		(struct writer_link){early_want, house_committed, house_over, house_over, house});
	if (house->early_request)
		house_want(house, SEGMENT_SMALL, house->early_request);
	return house;
}

void house_accounts(struct house *house, struct slice text)
{
	if (house->accounts)
		accounts_fake_change(house->accounts, text);
	else
		house->accounts = accounts_fake_new(house->arena, house->edge.asker, text);
}

void house_counters(struct house *house)
{
	if (house->counters)
		return;
	house->edge.counting = counting_open(house->loop);
	house->counters = test_counters_new(house->loop, house->edge.counting);
}

/* The line for this address, or for everybody; empty: out is away. */
static struct slice next_hop_line(struct slice lines, struct slice address)
{
	while (lines.len) {
		struct slice line = slice_cut(&lines, '\n');
		struct slice name = slice_cut(&line, ' ');
		if (slice_is(name, address) || slice_is(name, SLICE("*")))
			return line;
	}
	return SLICE_NONE;
}

static bool next_hop_answer(void *owner, uint16_t type, struct slice body)
{
	static const struct slice words[ASKING_FOUNDS] = {
		[ASKING_KNOWN] = SLICE("known"),
		[ASKING_UNKNOWN] = SLICE("unknown"),
		[ASKING_CANNOT_TELL] = SLICE("untold"),
	};
	struct house *house = owner;
	struct asking_ask ask;
	char room[ASKING_BECAUSE_MAX + 16];
	struct writer out = writer_over(room, sizeof room);

	panic_if(type != ASKING_ASK || !asking_ask_read(body, &ask), "that is no question");
	struct slice line = next_hop_line(house->next_hop, ask.address);
	struct slice word = slice_cut(&line, ' ');
	if (!word.len)
		return false;
	for (uint8_t i = 0; i < ASKING_FOUNDS; i++) {
		if (!slice_is(word, words[i]))
			continue;
		asking_answer_write(&out, &(struct asking_answer){ask.request, i, line});
		next_hop_receive(house->edge.next_hop, ASKING_ANSWER, writer_slice(&out));
	}
	return true; /* or it is silent */
}

void house_next_hop(struct house *house, struct slice text)
{
	house->next_hop = arena_slice(house->arena, text);
	next_hop_use_way(house->edge.next_hop, next_hop_answer, house);
}

static void retire_run(struct task *task, void *arg)
{
	struct house *house = arg;

	spool_writer_retire(task, house->edge.writer);
}

void house_close(struct house *house)
{
	loop_run(house->loop);
	panic_if(!task_start(house->loop, "retire", retire_run, house), "no memory for a task");
	loop_run(house->loop);
	spool_writer_close(house->edge.writer);
	edge_close(&house->edge);
	counting_close(house->edge.counting);
	test_counters_free(house->counters);
	asker_close(house->edge.asker);
	next_hop_close(house->edge.next_hop);
	offload_close(house->pool);
	loop_close(house->loop);
	for (uint32_t i = 0; i < house->segment_count; i++) {
		text_free(&house->segments[i].bytes);
		text_free(&house->segments[i].chunks);
	}
	arena_free(house->arena);
	free(house);
}

/* 127.0.0.1:2525: where all listeners of scenarios are. */
static const struct address house_at = {
	.bytes = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}, .port = 2525, .is_v4 = true};

static struct session *last_session(const struct house *house)
{
	const struct list *sessions = &house->edge.sessions;

	return list_is_empty(sessions) ? NULL : LIST_OBJECT(struct session, sessions->before, link);
}

/* As if the newcomer had shaken hands: it has been greeted, and has said nothing yet. */
static void encrypt_newcomer(struct task *task, struct house *house, const struct session *before)
{
	panic_if(task_yield(task) != WAIT_READY, "cancelled");
	struct session *newcomer = last_session(house);
	if (newcomer && newcomer != before)
		newcomer->tls = testing_tls_session();
}

struct io *house_connect(struct task *task, struct house *house, const struct address *from,
	size_t chunk, bool speaks_first)
{
	const struct session *before = last_session(house);
	struct io *server, *client;

	sim_pair(house->loop, &server, &client);
	sim_set_chunk(server, chunk);
	panic_if(speaks_first && io_write(task, client, SLICE("EHLO early\r\n")) != IO_DONE,
		"a new connection takes nothing");
	edge_welcome_at(task, &house->edge, server, from,
		house->service.len ? house->service : SLICE("smtp"), &house_at);
	if (house->encrypted)
		encrypt_newcomer(task, house, before);
	return client;
}

struct io *house_connect_local(
	struct task *task, struct house *house, struct slice user, size_t chunk)
{
	struct io *server, *client;

	sim_pair(house->loop, &server, &client);
	sim_set_chunk(server, chunk);
	edge_welcome_local(task, &house->edge, server, user);
	return client;
}

/* ---- a client ---- */

static bool listen_a_moment(struct task *task, struct io *io, struct text *heard)
{
	enum { AT_ONCE = 1024 };
	enum io_end end = IO_DONE;

	while (end == IO_DONE) {
		size_t got = 0;
		char *room = text_reserve(heard, AT_ONCE);
		mono_ns outer = task_limit(task, NS_PER_MS);
		end = io_read(task, io, room, AT_ONCE, &got);
		task_restore(task, outer);
		heard->len -= AT_ONCE - got;
	}
	return end == IO_DEADLINE;
}

static void client_run(struct task *task, void *arg)
{
	struct house_client *client = arg;
	struct io *io = house_connect(task, client->house, &client->from, client->chunk, false);
	bool open = listen_a_moment(task, io, &client->heard);

	for (size_t i = 0; open && i < client->part_count; i++) {
		if (client->parts[i].len && io_write(task, io, client->parts[i]) != IO_DONE)
			break;
		open = listen_a_moment(task, io, &client->heard);
	}
	io_close(io);
}

void house_converse(struct house_client *client)
{
	client->heard = TEXT_GROWING;
	panic_if(!task_start(client->house->loop, "client", client_run, client),
		"no memory for a task");
	loop_run(client->house->loop);
}

size_t slice_count(struct slice s, struct slice part)
{
	size_t count = 0;

	for (size_t i = 0; i + part.len <= s.len; i++)
		count += slice_starts(slice_from(s, i), part);
	return count;
}

bool has_bare_end(struct slice body)
{
	size_t whole = slice_count(body, SLICE("\r\n"));

	return slice_count(body, SLICE("\r")) != whole || slice_count(body, SLICE("\n")) != whole;
}
