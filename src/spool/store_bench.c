/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store costs on a real disk: start-up over many queued messages, and the calls that block
 * the queue's loop.
 *
 *	spool_store_bench FOLDER [messages, 100000] [bytes of each, 5000]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/batch.h"
#include "spool/store.h"

struct bench {
	struct store *store;
	struct batch batch;
	struct stored *found;
	size_t count, room, next;
	size_t messages, bytes;
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void bench_found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	struct bench *bench = owner;

	(void)message;
	(void)recipients;
	if (bench->count < bench->room)
		bench->found[bench->count] = *stored;
	bench->count++;
}

static void bench_damage(void *owner, struct slice words)
{
	(void)owner;
	fprintf(stderr, "%.*s\n", SLICE_ARGS(words));
}

static void bench_start(struct bench *bench, int folder)
{
	struct store_events events = {bench_found, bench_damage, bench};
	struct text why = TEXT_GROWING;
	double began = seconds();

	bench->count = 0;
	if (store_open(disk_real(), folder, events, &why, &bench->store) != STORE_OPEN) {
		fprintf(stderr, "%.*s\n", SLICE_ARGS(text_slice(&why)));
		exit(1);
	}
	printf("%-42s %8.1f ms, %zu messages\n", "start-up", (seconds() - began) * 1e3,
		bench->count);
	text_free(&why);
}

/* As a writer would, without waiting for a loop: groups of 200. */
static void group_write(struct bench *bench, int fd, const struct spooling_give *give, uint64_t at)
{
	enum { GROUP = 200 };
	static char body[1 << 20];
	struct text heads[GROUP];
	size_t count = 0;
	struct envelope_recipient to = {.address = SLICE("somebody@example.org")};
	struct message message = {.envelope = {.sender = SLICE("sender@example.net"),
					  .recipients = &to,
					  .recipient_count = 1}};

	memset(body, 'a', bench->bytes);
	batch_begin(&bench->batch, give->number, give->epoch, at, at);
	for (; count < GROUP && bench->next < bench->messages; count++) {
		heads[count] = TEXT_GROWING;
		text_reserve(&heads[count], RECORD_HEADER);
		message_encode(&heads[count], &message, bench->bytes);
		uint32_t crc = crc32c(0, slice_from(text_slice(&heads[count]), RECORD_HEADER));
		struct record record = {.type = RECORD_MESSAGE,
			.payload_crc = crc32c(crc, (struct slice){body, bench->bytes}),
			.id = ++bench->next,
			.origin = give->epoch,
			.length = (uint32_t)(heads[count].len - RECORD_HEADER + bench->bytes)};
		batch_add(&bench->batch, record, text_slice(&heads[count]),
			(struct slice){body, bench->bytes});
	}
	batch_seal(&bench->batch);
	if (batch_write(&bench->batch, disk_real(), fd, true) != 0)
		panic("the disk: %s", strerror(errno));
	while (count > 0)
		text_free(&heads[--count]);
}

static void fill(struct bench *bench)
{
	double longest = 0, began = seconds();

	while (bench->next < bench->messages) {
		struct spooling_give give = {0};
		double asked = seconds();
		int fd = store_give(bench->store, SEGMENT_SMALL, 1, &give);
		double took = seconds() - asked;
		longest = took > longest ? took : longest;
		panic_if(fd < 0, "no segment: %s", strerror(errno));
		uint64_t at = SEGMENT_DATA_AT, group = 200 * (bench->bytes + 512);
		for (; at + group < give.size && bench->next < bench->messages;
			at = bench->batch.end)
			group_write(bench, fd, &give, at);
		close(fd);
		store_done(bench->store, give.number, give.epoch, at);
	}
	printf("%-42s %8.1f ms\n", "store_give() without a FREE segment, longest", longest * 1e3);
	printf("%-42s %8.1f s\n", "writing all", seconds() - began);
}

static void tend(struct bench *bench, const char *what)
{
	double longest = 0, began = seconds();
	bool more = true;

	while (more) {
		double call = seconds();
		more = store_tend(bench->store, (wall_ns)time(NULL) * NS_PER_S);
		call = seconds() - call;
		longest = call > longest ? call : longest;
	}
	printf("%-42s %8.1f ms the longest call, %.2f s in all\n", what, longest * 1e3,
		seconds() - began);
}

/* Past the size at which results are rewritten: the loop is held up for as long as that takes. */
static void checkpoint(struct bench *bench)
{
	size_t count = bench->count < bench->room ? bench->count : bench->room;

	for (uint64_t written = 0, i = 0; count && written < UINT64_C(65) << 20;
		i++, written += 128)
		store_defer(bench->store, bench->found[i % count].id,
			bench->found[i % count].origin, 0, (uint32_t)(1 + i / count), 1,
			SLICE("451 later"));
	panic_if(store_flush(bench->store) != STATUS_OK, "the results cannot be flushed");
	tend(bench, "tending: a checkpoint");
}

static void deliver(struct bench *bench)
{
	double began = seconds();
	size_t count = bench->count < bench->room ? bench->count : bench->room;

	for (size_t i = 0; i < count; i++)
		store_result(bench->store, bench->found[i].id, bench->found[i].origin, 0,
			RESULT_DELIVERED, (wall_ns)time(NULL) * NS_PER_S, 0, SLICE("250 ok"));
	printf("%-42s %8.2f us\n", "store_result(), each",
		(seconds() - began) * 1e6 / (double)(count ? count : 1));
	began = seconds();
	panic_if(store_flush(bench->store) != STATUS_OK, "the results cannot be flushed");
	printf("%-42s %8.1f ms\n", "store_flush()", (seconds() - began) * 1e3);
}

int main(int argc, char **argv)
{
	static struct bench bench;
	struct rusage usage;

	if (argc < 2 || (mkdir(argv[1], 0700) != 0 && errno != EEXIST)) {
		fprintf(stderr, "use: spool_store_bench FOLDER [messages] [bytes of each]\n");
		return 64;
	}
	bench.messages = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
	bench.bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 5000;
	bench.room = bench.messages;
	bench.found = calloc(bench.room + 1, sizeof *bench.found);
	int folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	panic_if(folder < 0 || !bench.found || bench.bytes > 1 << 16, "use other numbers");
	bench_start(&bench, folder);
	fill(&bench);
	store_close(bench.store);
	bench_start(&bench, folder);
	getrusage(RUSAGE_SELF, &usage);
	printf("%-42s %8ld KiB (of it %zu KiB the bench's own)\n", "memory, at most",
		usage.ru_maxrss, bench.room * sizeof *bench.found / 1024);
	tend(&bench, "tending: FREE segments written out");
	checkpoint(&bench);
	deliver(&bench);
	tend(&bench, "tending: recycling");
	store_close(bench.store);
	close(folder);
	free(bench.found);
	return 0;
}
