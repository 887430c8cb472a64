/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping the journal: lines are written every second and made durable by a thread; only then are
 * queue's delivery events acknowledged, so that none is lost whatever dies (`postern audit` rests
 * on it). Decision lines are nobody's to repeat: a crash of the host may lose the last second of
 * them.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/state.h"

static const mono_ns keep_interval = NS_PER_S;

struct sync {
	int fd;
	int error;
};

static void sync_run(void *arg)
{
	struct sync *sync = arg;

	if (sync->fd >= 0 && fdatasync(sync->fd) < 0)
		sync->error = errno;
}

static void keep_failed(struct control *control, const char *what, int error)
{
	role_log(control->role, LEVEL_ERROR, "journal",
		"the journal cannot be %s: %s; lines dropped so far: %llu", what, strerror(error),
		(unsigned long long)journal_files_dropped(control->journal));
}

/* What could not be written was dropped and counted, and the next line says so: repeating it would
 * be no better. */
static void write_lines(struct control *control, wall_ns now)
{
	if (journal_files_flush(control->journal, now) == STATUS_FAILED)
		keep_failed(control, "written", errno);
	journal_files_tend(control->journal, now);
}

/* Full: it is told with the next. */
static void tell(struct neighbour *neighbour, uint64_t sequence)
{
	char body[16];
	struct writer out = writer_over(body, sizeof body);

	report_count_write(&out, sequence);
	if (neighbour->channel &&
		channel_send(neighbour->channel, REPORT_HAVE, writer_slice(&out), -1) == SENT)
		neighbour->told = sequence;
}

/* Only what had come before the sync began is durable. A neighbour may come anew while it runs;
 * then it has heard nothing yet. */
static struct neighbour *queue_of(struct control *control, uint64_t *heard)
{
	struct neighbour *queue = control_neighbour(control, ROLE_QUEUE);

	*heard = queue ? queue->heard : 0;
	return queue && queue->heard > queue->told ? queue : NULL;
}

static void sync_and_tell(struct task *task, struct control *control)
{
	uint64_t heard, now;

	if (!queue_of(control, &heard))
		return;
	struct sync sync = {.fd = journal_files_to_sync(control->journal)};
	if (task)
		offload_run(task, control->syncs, sync_run, &sync);
	else
		sync_run(&sync);
	if (sync.fd >= 0)
		close(sync.fd);
	if (sync.error) {
		journal_files_sync_failed(control->journal);
		keep_failed(control, "made durable", sync.error);
	}
	struct neighbour *queue = queue_of(control, &now);
	if (queue && now >= heard)
		tell(queue, heard);
}

static bool wait_a_second(struct task *task, struct control *control)
{
	mono_ns outer = task_limit(task, keep_interval);
	enum wait wait = gate_wait(task, &control->keep_now, "the next second");

	task_restore(task, outer);
	return wait != WAIT_CANCELLED && !control->stopping;
}

void control_keep_journal(struct task *task, void *arg)
{
	struct control *control = arg;

	while (wait_a_second(task, control)) {
		if (!control->journal)
			continue;
		write_lines(control, loop_wall(control->role->loop));
		sync_and_tell(task, control);
	}
}

void control_keep_last(struct control *control)
{
	if (!control->journal)
		return;
	write_lines(control, loop_wall(control->role->loop));
	sync_and_tell(NULL, control);
}
