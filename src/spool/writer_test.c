/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer in the real loop, with real threads and files. A table between it and the disk notes
 * which messages a successful flush covered, and makes calls fail: no task may hear COMMIT_DURABLE
 * for a message that no flush covered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/testing.h"
#include "spool/store.h"
#include "spool/writer.h"

enum { MESSAGES = 2000, ID_AT = 16, TYPE_AT = 48, MANY_RECIPIENTS = 65535 };

struct noting_disk {
	struct disk disk; /* first */
	struct disk *real;
	pthread_mutex_t lock;
	bool on; /* notes and fails: the store's own start-up is left alone */
	unsigned flushes, fail_flush, writes, fail_write;
	long rest_ns; /* a flush takes this much longer */
	struct {
		int fd; /* written through it, not flushed yet; 0: nothing pending */
		bool flushed;
	} noted[MESSAGES + 1];
};

struct house {
	struct noting_disk disk;
	char path[56];
	int folder;
	struct loop *loop;
	struct offload *pool;
	struct store *store;
	struct spool_writer *writer;
	unsigned left; /* tasks that have not ended */
	uint64_t last_id;
	unsigned durable, full, failed;
	bool answered[MESSAGES + 1], found[MESSAGES + 1];
	size_t recipients; /* of the message found last */
};

static struct noting_disk *noting(struct disk *disk)
{
	return (struct noting_disk *)(void *)disk;
}

static void records_note(struct noting_disk *noted, int fd, const struct iovec *parts, int count)
{
	for (int i = 0; i < count; i++) {
		const char *bytes = parts[i].iov_base;
		if (parts[i].iov_len < RECORD_HEADER || memcmp(bytes, "PSR1", 4) != 0 ||
			bytes[TYPE_AT] != RECORD_MESSAGE)
			continue;
		struct reader in = reader_of((struct slice){bytes + ID_AT, 8});
		uint64_t id = read_u64(&in);
		if (id <= MESSAGES)
			noted->noted[id].fd = fd;
	}
}

static ssize_t noting_pwritev(
	struct disk *disk, int fd, const struct iovec *parts, int count, off_t at)
{
	struct noting_disk *noted = noting(disk);

	pthread_mutex_lock(&noted->lock);
	bool fails = noted->on && ++noted->writes == noted->fail_write;
	if (noted->on && !fails)
		records_note(noted, fd, parts, count);
	pthread_mutex_unlock(&noted->lock);
	if (!fails)
		return noted->real->pwritev(noted->real, fd, parts, count, at);
	errno = ENOSPC;
	return -1;
}

static void flush_note(struct noting_disk *noted, int fd, bool flushed)
{
	for (size_t id = 0; id <= MESSAGES; id++)
		if (noted->noted[id].fd == fd) {
			noted->noted[id].fd = 0;
			noted->noted[id].flushed = flushed;
		}
}

static int noting_fdatasync(struct disk *disk, int fd)
{
	struct noting_disk *noted = noting(disk);
	struct timespec rest = {.tv_nsec = noted->rest_ns};

	if (!noted->on)
		return noted->real->fdatasync(noted->real, fd);
	nanosleep(&rest, NULL);
	pthread_mutex_lock(&noted->lock);
	bool fails = ++noted->flushes == noted->fail_flush;
	pthread_mutex_unlock(&noted->lock);
	int result = fails ? -1 : noted->real->fdatasync(noted->real, fd);
	pthread_mutex_lock(&noted->lock);
	flush_note(noted, fd, result == 0);
	pthread_mutex_unlock(&noted->lock);
	if (fails)
		errno = EIO;
	return result;
}

static bool was_flushed(struct house *house, uint64_t id)
{
	pthread_mutex_lock(&house->disk.lock);
	bool flushed = house->disk.noted[id].flushed;
	pthread_mutex_unlock(&house->disk.lock);
	return flushed;
}

/* The store, joined without processes */

static void house_found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	struct house *house = owner;

	(void)recipients;
	assert_true(stored->id <= MESSAGES);
	house->found[stored->id] = true;
	house->recipients = message->envelope.recipient_count;
}

static void house_damage(void *owner, struct slice words)
{
	(void)owner;
	fail_msg("%.*s", SLICE_ARGS(words));
}

static void house_want(void *owner, enum segment_class kind, uint32_t request)
{
	struct house *house = owner;
	struct spooling_give give = {0};
	bool on = house->disk.on;

	house->disk.on = false; /* the queue's process is another one */
	int fd = store_give(house->store, kind, 1, &give);
	house->disk.on = on;
	give.request = request;
	assert_true(fd >= 0);
	spool_writer_give(house->writer, &give, fd);
}

static void house_committed(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	store_committed(((struct house *)owner)->store, number, epoch, durable);
}

static void house_done(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	store_done(((struct house *)owner)->store, number, epoch, durable);
}

static void house_suspect(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	store_suspect(((struct house *)owner)->store, number, epoch, durable);
}

static void store_start(struct house *house)
{
	struct store_scale scale = {.segment = 1 << 20, .reserve = 4096};
	struct store_events events = {house_found, house_damage, house};
	struct text why = TEXT_GROWING;

	memset(house->found, 0, sizeof house->found);
	assert_int_equal(store_open_scaled(&house->disk.disk, house->folder, events, &scale, &why,
				 &house->store),
		STORE_OPEN);
	text_free(&why);
}

static struct house *house_open(void)
{
	struct house *house = calloc(1, sizeof *house);

	assert_non_null(house);
	house->disk.real = disk_real();
	house->disk.disk = *house->disk.real;
	house->disk.disk.pwritev = noting_pwritev;
	house->disk.disk.fdatasync = noting_fdatasync;
	pthread_mutex_init(&house->disk.lock, NULL);
	assert_non_null(testing_folder(house->path, sizeof house->path, "spool-writer"));
	house->folder = open(house->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	house->loop = loop_open();
	house->pool = offload_open(house->loop, 2);
	store_start(house);
	house->writer = spool_writer_open(house->loop, &house->disk.disk, house->pool,
		(struct writer_link){
			house_want, house_committed, house_done, house_suspect, house});
	assert_int_equal(writer_ready(house->writer), COMMIT_DURABLE);
	house->disk.on = true;
	return house;
}

/* Whatever was answered must be there again. */
static void house_judge(struct house *house)
{
	house->disk.on = false;
	store_close(house->store);
	store_start(house);
	for (size_t id = 1; id <= house->last_id; id++)
		assert_true(!house->answered[id] || house->found[id]);
}

static void house_close(struct house *house)
{
	char command[64];

	spool_writer_close(house->writer);
	offload_close(house->pool);
	loop_close(house->loop);
	store_close(house->store);
	close(house->folder);
	snprintf(command, sizeof command, "rm -r %s", house->path);
	assert_int_equal(system(command), 0);
	pthread_mutex_destroy(&house->disk.lock);
	free(house);
}

/* Clients */

struct client {
	struct house *house;
	unsigned messages;
};

static void outcome_note(struct house *house, uint64_t id, enum commit outcome)
{
	switch (outcome) {
	case COMMIT_DURABLE:
		assert_true(was_flushed(house, id));
		house->answered[id] = true;
		house->durable++;
		break;
	case COMMIT_FULL: house->full++; break;
	case COMMIT_FAILED: house->failed++; break;
	}
}

static void one_ends(struct house *house)
{
	if (--house->left == 0)
		loop_stop(house->loop);
}

static void client_run(struct task *task, void *arg)
{
	struct client *client = arg;
	struct house *house = client->house;
	struct envelope_recipient to = {.address = SLICE("user@example.org")};
	struct message message = {.envelope = {.recipients = &to, .recipient_count = 1}};

	for (unsigned i = 0; i < client->messages; i++) {
		uint64_t id = ++house->last_id;
		outcome_note(house, id,
			writer_commit(task, house->writer, &message, SLICE("a body\r\n"), id));
	}
	one_ends(house);
}

static void clients_run(struct house *house, unsigned tasks, struct client client)
{
	client.house = house;
	house->left += tasks;
	for (unsigned i = 0; i < tasks; i++)
		assert_non_null(task_start(house->loop, "client", client_run, &client));
	loop_run(house->loop);
	assert_int_equal(house->durable + house->full + house->failed, house->last_id);
}

static void many_tasks_share_a_flush(void **state)
{
	struct house *house = house_open();

	(void)state;
	clients_run(house, 300, (struct client){.messages = 1});
	assert_int_equal(house->durable, 300);
	assert_true(house->disk.flushes <= 2); /* a batch takes 319 records */
	house_judge(house);
	house_close(house);
}

static void tasks_that_come_back_share_slow_flushes(void **state)
{
	struct house *house = house_open();

	(void)state;
	house->disk.rest_ns = 2 * NS_PER_MS;
	clients_run(house, 20, (struct client){.messages = 20});
	assert_int_equal(house->durable, 400);
	/* All twenty in each: two half groups by turns would need 40. */
	assert_true(house->disk.flushes < 35);
	house_judge(house);
	house_close(house);
}

static void a_failed_flush_refuses_its_group_and_no_other(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth <= 3; nth++) {
		struct house *house = house_open();
		house->disk.fail_flush = nth;
		house->disk.rest_ns = NS_PER_MS;
		clients_run(house, 100, (struct client){.messages = 4});
		assert_true(house->failed >= 1);
		assert_int_equal(house->failed + house->durable, 400);
		assert_int_equal(store_count(house->store).segments[SEGMENT_SUSPECT], 1);
		house_judge(house);
		house_close(house);
	}
}

static void a_write_without_room_is_said_to_be_that(void **state)
{
	struct house *house = house_open();

	(void)state;
	house->disk.fail_write = 2;
	clients_run(house, 100, (struct client){.messages = 4});
	assert_true(house->full >= 1);
	assert_int_equal(house->failed, 0);
	assert_true(house->durable >= 200);
	house_judge(house);
	house_close(house);
}

static void retire_run(struct task *task, void *arg)
{
	struct house *house = arg;

	while (house->disk.writes == 0)
		assert_int_equal(task_sleep(task, NS_PER_MS), WAIT_READY);
	spool_writer_retire(task, house->writer);
	one_ends(house);
}

static void retiring_waits_for_the_running_flush(void **state)
{
	struct house *house = house_open();

	(void)state;
	house->disk.rest_ns = 20 * NS_PER_MS;
	house->left = 1;
	assert_non_null(task_start(house->loop, "retire", retire_run, house));
	clients_run(house, 50, (struct client){.messages = 2});
	assert_true(house->durable >= 50);
	assert_int_equal(writer_ready(house->writer), COMMIT_FAILED);
	assert_int_equal(store_count(house->store).segments[SEGMENT_ACTIVE], 0);
	house_judge(house);
	house_close(house);
}

/* Envelopes larger than a segment */

static void crowd_run(struct task *task, void *arg)
{
	struct house *house = arg;
	struct envelope_recipient *to = calloc(MANY_RECIPIENTS, sizeof *to);
	struct message message = {
		.envelope = {.recipients = to, .recipient_count = MANY_RECIPIENTS}};
	uint64_t id = ++house->last_id;

	assert_non_null(to);
	for (size_t i = 0; i < MANY_RECIPIENTS; i++)
		to[i].address = SLICE("somebody.with.a.long.name@department.example.org");
	outcome_note(
		house, id, writer_commit(task, house->writer, &message, SLICE("a body\r\n"), id));
	free(to);
	one_ends(house);
}

static void an_envelope_larger_than_a_segment_gets_a_file(void **state)
{
	struct house *house = house_open();

	(void)state;
	house->left = 1;
	assert_non_null(task_start(house->loop, "crowd", crowd_run, house));
	loop_run(house->loop);
	assert_int_equal(house->durable, 1);
	house_judge(house);
	assert_int_equal(house->recipients, MANY_RECIPIENTS);
	house_close(house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_tasks_share_a_flush),
		cmocka_unit_test(tasks_that_come_back_share_slow_flushes),
		cmocka_unit_test(a_failed_flush_refuses_its_group_and_no_other),
		cmocka_unit_test(a_write_without_room_is_said_to_be_that),
		cmocka_unit_test(retiring_waits_for_the_running_flush),
		cmocka_unit_test(an_envelope_larger_than_a_segment_gets_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
