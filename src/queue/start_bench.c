/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a full queue costs at start: the time until it knows all that waits, and the memory it
 *keeps.
 *
 *	queue_start_bench FOLDER MESSAGES RECIPIENTS BYTES      fills the spool there, then measures
 *	queue_start_bench FOLDER                                measures what is there
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/panic.h"
#include "queue/schedule.h"
#include "spool/bench_fill.h"

struct bench {
	int folder;
	struct schedule *schedule;
	size_t messages, recipients;
	struct moment now;
};

static void ignore_damage(void *owner, struct slice words)
{
	(void)owner;
	fprintf(stderr, "%.*s\n", SLICE_ARGS(words));
}

static struct store *bench_open(struct bench *bench,
	void (*found)(void *owner, const struct stored *stored, const struct message *message,
		const struct stored_recipient *recipients))
{
	struct store_events events = {.found = found, .damage = ignore_damage, .owner = bench};
	struct text why = TEXT_GROWING;
	struct store *store;

	if (store_open(disk_real(), bench->folder, events, &why, &store) != STORE_OPEN) {
		fprintf(stderr, "%.*s\n", SLICE_ARGS(text_slice(&why)));
		exit(1);
	}
	text_free(&why);
	return store;
}

static void found_nothing(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	(void)owner, (void)stored, (void)message, (void)recipients;
}

/* In a process of its own: its memory is not the one that is measured. */
static void fill(struct bench *bench, const struct bench_mail *mail)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)bench_fill(bench_open(bench, found_nothing), mail);
		_exit(0);
	}
	panic_if(child < 0 || waitpid(child, &status, 0) != child || status != 0, "not filled");
}

static void found_item(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	struct bench *bench = owner;

	bench->messages++;
	bench->recipients += message->envelope.recipient_count;
	schedule_found(bench->schedule, stored, message, recipients, bench->now);
}

/* Of this process: what it has in memory, in KiB. */
static size_t memory(void)
{
	char line[256];
	size_t kib = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "r");

	panic_if(!file, "no /proc/self/smaps_rollup");
	while (fgets(line, sizeof line, file))
		if (strncmp(line, "Pss:", 4) == 0)
			kib = strtoul(line + 4, NULL, 10);
	fclose(file);
	return kib;
}

static enum handed never_send(void *owner, const struct delivery_job *job)
{
	(void)owner, (void)job;
	return HANDED_NOT_NOW;
}

/* Of all threads: start-up flushes on several. */
static double processor_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t each(const struct bench *bench, size_t bytes)
{
	return bench->recipients ? bytes / bench->recipients : 0;
}

static void measure(struct bench *bench)
{
	struct store *store;

	bench->now = (struct moment){NS_PER_S, (wall_ns)time(NULL) * NS_PER_S};
	bench->schedule = schedule_open(NULL, (struct schedule_user){.send = never_send}, 1);
	size_t before = memory();
	double began = bench_seconds(), work = processor_seconds();
	store = bench_open(bench, found_item);
	double took = bench_seconds() - began, worked = processor_seconds() - work;
	size_t kept = memory() - before;
	printf("%zu messages, %zu recipients: ready in %.2f s (%.2f s of processor time), %zu KiB "
	       "kept, %zu bytes for each recipient (%zu in the store, %zu in the queue)\n",
		bench->messages, bench->recipients, took, worked, kept, each(bench, kept * 1024),
		each(bench, store_memory(store)), each(bench, schedule_memory(bench->schedule)));
	store_close(store);
}

int main(int argc, char **argv)
{
	struct bench bench = {0};

	if ((argc != 2 && argc != 5) || (mkdir(argv[1], 0700) != 0 && errno != EEXIST)) {
		fprintf(stderr, "use: queue_start_bench FOLDER [MESSAGES RECIPIENTS BYTES]\n");
		return 64;
	}
	bench.folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	panic_if(bench.folder < 0, "%s: %s", argv[1], strerror(errno));
	if (argc == 5)
		fill(&bench, &(struct bench_mail){strtoul(argv[2], NULL, 10),
				     strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10)});
	measure(&bench);
	return 0;
}
