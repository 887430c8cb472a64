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

#include "base/panic.h"
#include "spool/bench_fill.h"

struct bench {
	struct store *store;
	struct stored *found;
	size_t count, room;
	size_t messages, bytes;
};

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
	double began = bench_seconds();

	bench->count = 0;
	if (store_open(disk_real(), folder, events, &why, &bench->store) != STORE_OPEN) {
		fprintf(stderr, "%.*s\n", SLICE_ARGS(text_slice(&why)));
		exit(1);
	}
	printf("%-42s %8.1f ms, %zu messages\n", "start-up", (bench_seconds() - began) * 1e3,
		bench->count);
	text_free(&why);
}

static void fill(struct bench *bench)
{
	double began = bench_seconds();
	double longest =
		bench_fill(bench->store, &(struct bench_mail){bench->messages, 1, bench->bytes});

	printf("%-42s %8.1f ms\n", "store_give() without a FREE segment, longest", longest * 1e3);
	printf("%-42s %8.1f s\n", "writing all", bench_seconds() - began);
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The longest call by the clock, which waits for the disk and for other processes, and by the
 * processor's time. */
static void tend(struct bench *bench, const char *what)
{
	double longest = 0, worked = 0, began = bench_seconds();
	bool more = true;

	while (more) {
		double call = bench_seconds(), work = cpu_seconds();
		more = store_tend(bench->store, (wall_ns)time(NULL) * NS_PER_S);
		call = bench_seconds() - call;
		work = cpu_seconds() - work;
		longest = call > longest ? call : longest;
		worked = work > worked ? work : worked;
	}
	printf("%-42s %8.1f ms the longest call (%.1f ms of work), %.2f s in all\n", what,
		longest * 1e3, worked * 1e3, bench_seconds() - began);
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
	double began = bench_seconds();
	size_t count = bench->count < bench->room ? bench->count : bench->room;

	for (size_t i = 0; i < count; i++)
		store_result(bench->store, bench->found[i].id, bench->found[i].origin, 0,
			RESULT_DELIVERED, (wall_ns)time(NULL) * NS_PER_S, 0, SLICE("250 ok"));
	printf("%-42s %8.2f us\n", "store_result(), each",
		(bench_seconds() - began) * 1e6 / (double)(count ? count : 1));
	began = bench_seconds();
	panic_if(store_flush(bench->store) != STATUS_OK, "the results cannot be flushed");
	printf("%-42s %8.1f ms\n", "store_flush()", (bench_seconds() - began) * 1e3);
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
