/* SPDX-License-Identifier: Apache-2.0 */
/* Offload threads. The contract is in offload.h. */
#include "run/offload.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/panic.h"
#include "run/inside.h"

/* One call, on the stack of the task that waits for it. */
struct job {
	struct list link;
	struct task *task;
	void (*run)(void *arg);
	void *arg;
};

struct offload {
	struct watch notice; /* an eventfd: jobs are done */
	unsigned count;
	pthread_t *threads;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wanted;
	struct list jobs, done;
	bool closing;
	bool is_nice; /* before the threads start */
};

enum { NICE = 10 };

static void say_done(struct offload *pool)
{
	uint64_t one = 1;
	ssize_t wrote;

	do
		wrote = write(pool->notice.fd, &one, sizeof one);
	while (wrote < 0 && errno == EINTR);
	panic_if(wrote != sizeof one, "eventfd failed");
}

/* Nobody is woken by who holds the lock, only to wait for it. */
static void give_back(struct offload *pool, struct job *job)
{
	pthread_mutex_lock(&pool->lock);
	bool first = list_is_empty(&pool->done);
	list_append(&pool->done, &job->link);
	pthread_mutex_unlock(&pool->lock);
	if (first)
		say_done(pool);
}

static void *work(void *arg)
{
	struct offload *pool = arg;

	/* Linux: nice belongs to the thread (setpriority(2)); 0 is this one. */
	if (pool->is_nice)
		panic_if(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE) != 0,
			"a thread may always give way");
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct list *link = list_take(&pool->jobs);
		if (!link && pool->closing)
			break;
		if (!link) {
			pthread_cond_wait(&pool->wanted, &pool->lock);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		struct job *job = LIST_OBJECT(struct job, link, link);
		job->run(job->arg);
		give_back(pool, job);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* The eventfd is never read: each write is an edge of its own, and its counter is wide enough. */
static void jobs_done(struct watch *watch)
{
	struct offload *pool = LIST_OBJECT(struct offload, watch, notice);

	pthread_mutex_lock(&pool->lock);
	for (struct list *link; (link = list_take(&pool->done));) {
		watch->loop->wakers--;
		task_wake(LIST_OBJECT(struct job, link, link)->task);
	}
	pthread_mutex_unlock(&pool->lock);
}

static bool start_threads(struct offload *pool, unsigned threads)
{
	sigset_t all, before;

	sigfillset(&all); /* signals are the loop's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; pool->count < threads; pool->count++) {
		int error = pthread_create(&pool->threads[pool->count], NULL, work, pool);
		if (error != 0) {
			errno = error;
			break;
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pool->count == threads;
}

static struct offload *pool_open(struct loop *loop, unsigned threads, bool is_nice)
{
	struct offload *pool = calloc(1, sizeof *pool);
	int fd = -1;

	panic_if(!pool, "no memory for a thread pool");
	pool->is_nice = is_nice;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wanted, NULL);
	list_init(&pool->jobs);
	list_init(&pool->done);
	watch_init(&pool->notice, loop, fd, jobs_done);
	if (loop->host->simulated)
		return pool;
	pool->threads = calloc(threads, sizeof *pool->threads);
	panic_if(!pool->threads, "no memory for a thread pool");
	pool->notice.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->notice.fd >= 0)
		watch_reading(&pool->notice);
	if (pool->notice.fd >= 0 && start_threads(pool, threads))
		return pool;
	int error = errno;
	offload_close(pool);
	errno = error;
	return NULL;
}

struct offload *offload_open(struct loop *loop, unsigned threads)
{
	return pool_open(loop, threads, false);
}

struct offload *offload_open_nice(struct loop *loop, unsigned threads)
{
	return pool_open(loop, threads, true);
}

void offload_close(struct offload *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	panic_if(!list_is_empty(&pool->jobs), "offload pool closed while jobs wait");
	pool->closing = true;
	pthread_cond_broadcast(&pool->wanted);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->count; i++)
		pthread_join(pool->threads[i], NULL);
	watch_end(&pool->notice);
	if (pool->notice.fd >= 0)
		close(pool->notice.fd);
	pthread_cond_destroy(&pool->wanted);
	pthread_mutex_destroy(&pool->lock);
	free(pool->threads);
	free(pool);
}

void offload_run(struct task *task, struct offload *pool, void (*run)(void *arg), void *arg)
{
	struct job job = {.task = task, .run = run, .arg = arg};

	if (task_loop(task)->host->simulated) {
		run(arg);
		return;
	}
	task_loop(task)->wakers++;
	pthread_mutex_lock(&pool->lock);
	list_append(&pool->jobs, &job.link);
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_signal(&pool->wanted);
	task_park_firmly(task, "offload");
}
