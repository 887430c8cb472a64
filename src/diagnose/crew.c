/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that decide the past again. Read crew.h first. */
#include "diagnose/crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "base/panic.h"
#include "diagnose/told.h"

enum { BATCH_BYTES = 256 << 10, BATCHES_MAX = 32, THREADS_MAX = 8 };

struct batch {
	struct list link;
	struct text lines;
};

struct worker {
	struct crew *crew;
	pthread_t thread;
	struct replay *replay;
	uint64_t damaged;
};

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t more, room;
	struct list batches; /* waiting */
	size_t waiting;
	bool ending;
	wall_ns since;
	struct batch *gathering;
	struct worker workers[THREADS_MAX];
	size_t count;
};

static void take_line(struct worker *worker, struct slice text)
{
	json_t *line = json_loadb(text.at, text.len, JSON_ALLOW_NUL, NULL);
	struct decision now;
	wall_ns time;

	if (!line)
		worker->damaged++;
	else if (time_parse(told_text(line, "time"), &time) && time >= worker->crew->since)
		(void)replay_line(worker->replay, line, &now);
	json_decref(line);
}

static struct batch *batch_wait(struct crew *crew)
{
	struct batch *batch = NULL;

	pthread_mutex_lock(&crew->lock);
	while (list_is_empty(&crew->batches) && !crew->ending)
		pthread_cond_wait(&crew->more, &crew->lock);
	if (!list_is_empty(&crew->batches)) {
		batch = LIST_OBJECT(struct batch, crew->batches.next, link);
		list_remove(&batch->link);
		crew->waiting--;
		pthread_cond_signal(&crew->room);
	}
	pthread_mutex_unlock(&crew->lock);
	return batch;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct batch *batch;

	while ((batch = batch_wait(worker->crew))) {
		for (struct slice left = text_slice(&batch->lines); left.len;)
			take_line(worker, slice_cut(&left, '\n'));
		text_free(&batch->lines);
		free(batch);
	}
	return NULL;
}

static size_t processors(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online < 1 ? 1 : online > THREADS_MAX ? THREADS_MAX : (size_t)online;
}

struct crew *crew_open(const struct policy *policy, wall_ns since)
{
	struct crew *crew = calloc(1, sizeof *crew);

	panic_if(!crew, "out of memory for a crew");
	crew->since = since;
	list_init(&crew->batches);
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->more, NULL);
	pthread_cond_init(&crew->room, NULL);
	json_decref(json_object()); /* jansson seeds its hashes once, before there are threads */
	for (size_t i = processors(); i-- > 0;) {
		struct worker *worker = &crew->workers[crew->count];
		*worker = (struct worker){.crew = crew, .replay = calloc(1, sizeof(struct replay))};
		panic_if(!worker->replay, "out of memory for a crew");
		replay_begin(worker->replay, policy);
		int error = pthread_create(&worker->thread, NULL, work, worker);
		panic_if(error != 0, "no thread for the crew: error %d", error);
		crew->count++;
	}
	return crew;
}

static void batch_send(struct crew *crew)
{
	if (!crew->gathering)
		return;
	pthread_mutex_lock(&crew->lock);
	while (crew->waiting == BATCHES_MAX)
		pthread_cond_wait(&crew->room, &crew->lock);
	list_append(&crew->batches, &crew->gathering->link);
	crew->waiting++;
	pthread_cond_signal(&crew->more);
	pthread_mutex_unlock(&crew->lock);
	crew->gathering = NULL;
}

void crew_give(struct crew *crew, struct slice line)
{
	if (!crew->gathering) {
		crew->gathering = calloc(1, sizeof *crew->gathering);
		panic_if(!crew->gathering, "out of memory for a batch");
		crew->gathering->lines = TEXT_GROWING;
	}
	text_put(&crew->gathering->lines, line);
	text_char(&crew->gathering->lines, '\n');
	if (crew->gathering->lines.len >= BATCH_BYTES)
		batch_send(crew);
}

uint64_t crew_close(struct crew *crew, struct replay *replay)
{
	uint64_t damaged = 0;

	batch_send(crew);
	pthread_mutex_lock(&crew->lock);
	crew->ending = true;
	pthread_cond_broadcast(&crew->more);
	pthread_mutex_unlock(&crew->lock);
	for (size_t i = 0; i < crew->count; i++) {
		struct worker *worker = &crew->workers[i];
		pthread_join(worker->thread, NULL);
		damaged += worker->damaged;
		replay_add(replay, worker->replay);
		replay_end(worker->replay);
		free(worker->replay);
	}
	pthread_cond_destroy(&crew->room);
	pthread_cond_destroy(&crew->more);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
	return damaged;
}
