/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: turns, timers, hooks; over a host (loop_real.c, sim.c). The contract is in
 * loop.h. */
#include "run/loop.h"

#include <stdlib.h>

#include "base/panic.h"
#include "run/inside.h"

enum { TIMER_UNSET = 0, CHILDREN = 4, BUFFERS_KEPT = 64, HOOK_ROUNDS = 8 };

struct loop *loop_new(const struct host *host)
{
	struct loop *loop = calloc(1, sizeof *loop);

	panic_if(!loop, "no memory for a loop");
	loop->host = host;
	loop->sweep_at = NEVER;
	list_init(&loop->ready);
	list_init(&loop->yielded);
	list_init(&loop->hooks);
	list_init(&loop->parked);
	list_init(&loop->resting);
	list_init(&loop->all);
	return loop;
}

void loop_close(struct loop *loop)
{
	panic_if(loop->tasks != 0, "loop closed while %zu tasks live", loop->tasks);
	panic_if(loop->wakers != 0, "loop closed while %zu things may wake it", loop->wakers);
	task_pool_free(loop);
	while (loop->buffers) {
		void *next = *(void **)loop->buffers;
		free(loop->buffers);
		loop->buffers = next;
	}
	loop->host->close(loop);
	free(loop->packets);
	free(loop->packet);
	free(loop->heap);
	free(loop);
}

void loop_rest(struct loop *loop, mono_ns rest)
{
	loop->rest = rest;
}

void loop_on_shortage(struct loop *loop, void (*told)(void *owner, int error), void *owner)
{
	loop->short_of = told;
	loop->short_owner = owner;
}

void loop_is_short(struct loop *loop, int error)
{
	if (loop->short_of)
		loop->short_of(loop->short_owner, error);
}

/* --- turns --- */

static bool has_work(const struct loop *loop)
{
	return !list_is_empty(&loop->ready) || !list_is_empty(&loop->yielded) ||
	       !list_is_empty(&loop->hooks);
}

static void fire_timers(struct loop *loop)
{
	while (loop->timers != 0 && loop->heap[0]->at <= loop->mono) {
		struct timer *timer = loop->heap[0];
		timer_clear(timer);
		timer->fire(timer);
	}
}

/* A hook may ask for another one (a journal line that becomes a packet): it runs in this turn too,
 * but a hook that keeps asking does not keep the loop. */
static void run_hooks(struct loop *loop)
{
	for (int round = 0; round < HOOK_ROUNDS && !list_is_empty(&loop->hooks); round++) {
		struct list asked = loop->hooks;
		asked.next->before = asked.before->next = &asked;
		list_init(&loop->hooks);
		for (struct list *link; (link = list_take(&asked));) {
			struct turn_end *hook = LIST_OBJECT(struct turn_end, link, link);
			hook->run(hook);
		}
	}
}

static mono_ns wait_until(const struct loop *loop)
{
	if (has_work(loop))
		return 0;
	mono_ns timer = loop->timers != 0 ? loop->heap[0]->at : NEVER;
	return timer < loop->sweep_at ? timer : loop->sweep_at;
}

static bool turn(struct loop *loop)
{
	if (!loop->host->wait(loop, wait_until(loop)))
		return false;
	fire_timers(loop);
	task_run_ready(loop);
	run_hooks(loop);
	if (loop->mono >= loop->sweep_at)
		task_sweep(loop);
	return true;
}

void loop_run(struct loop *loop)
{
	while (!loop->stopped && (has_work(loop) || loop->timers != 0 || loop->wakers != 0))
		if (!turn(loop))
			break;
	loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

mono_ns loop_mono_exact(struct loop *loop)
{
	return loop->host->exact(loop);
}

mono_ns loop_mono(struct loop *loop)
{
	return loop->mono;
}

wall_ns loop_wall(struct loop *loop)
{
	return loop->wall;
}

void loop_at_turn_end(struct loop *loop, struct turn_end *hook)
{
	if (!list_is_linked(&hook->link))
		list_append(&loop->hooks, &hook->link);
}

/* --- timers: a heap; `place` is the index in it plus one, TIMER_UNSET outside --- */

static void put_at(struct loop *loop, size_t index, struct timer *timer)
{
	loop->heap[index] = timer;
	timer->place = index + 1;
}

static void move_up(struct loop *loop, size_t index, struct timer *timer)
{
	while (index > 0) {
		size_t parent = (index - 1) / CHILDREN;
		if (loop->heap[parent]->at <= timer->at)
			break;
		put_at(loop, index, loop->heap[parent]);
		index = parent;
	}
	put_at(loop, index, timer);
}

static size_t earliest_child(const struct loop *loop, size_t index)
{
	size_t first = index * CHILDREN + 1, best = first;

	for (size_t child = first + 1; child < first + CHILDREN && child < loop->timers; child++)
		if (loop->heap[child]->at < loop->heap[best]->at)
			best = child;
	return best;
}

static void move_down(struct loop *loop, size_t index, struct timer *timer)
{
	for (;;) {
		size_t child = earliest_child(loop, index);
		if (child >= loop->timers || loop->heap[child]->at >= timer->at)
			break;
		put_at(loop, index, loop->heap[child]);
		index = child;
	}
	put_at(loop, index, timer);
}

static void settle(struct loop *loop, size_t index, struct timer *timer)
{
	if (index > 0 && loop->heap[(index - 1) / CHILDREN]->at > timer->at)
		move_up(loop, index, timer);
	else
		move_down(loop, index, timer);
}

static void heap_grow(struct loop *loop)
{
	size_t size = loop->heap_size ? loop->heap_size * 2 : 64;
	struct timer **heap = reallocarray(loop->heap, size, sizeof *heap);

	panic_if(!heap, "no memory for %zu timers", size);
	loop->heap = heap;
	loop->heap_size = size;
}

void timer_init(struct timer *timer, struct loop *loop, void (*fire)(struct timer *timer))
{
	*timer = (struct timer){.loop = loop, .fire = fire, .at = NEVER};
}

void timer_set(struct timer *timer, mono_ns at)
{
	struct loop *loop = timer->loop;

	if (at == NEVER) {
		timer_clear(timer);
		return;
	}
	timer->at = at;
	if (timer->place != TIMER_UNSET) {
		settle(loop, timer->place - 1, timer);
		return;
	}
	if (loop->timers == loop->heap_size)
		heap_grow(loop);
	move_up(loop, loop->timers++, timer);
}

void timer_clear(struct timer *timer)
{
	struct loop *loop = timer->loop;
	size_t index = timer->place - 1;

	timer->at = NEVER;
	if (timer->place == TIMER_UNSET)
		return;
	timer->place = TIMER_UNSET;
	struct timer *last = loop->heap[--loop->timers];
	if (last != timer)
		settle(loop, index, last);
}

/* --- watches --- */

void watch_init(struct watch *watch, struct loop *loop, int fd, void (*ready)(struct watch *))
{
	*watch = (struct watch){
		.loop = loop, .fd = fd, .ready = ready, .readable = true, .writable = true};
}

void watch_reading(struct watch *watch)
{
	if (watch->reading)
		return;
	watch->reading = true;
	watch->loop->host->begin_reading(watch);
}

void watch_writing(struct watch *watch)
{
	if (watch->writing)
		return;
	watch->writing = true;
	watch->loop->host->begin_writing(watch);
}

void watch_end(struct watch *watch)
{
	if (watch->reading || watch->writing)
		watch->loop->host->end(watch);
	watch->reading = watch->writing = false;
}

/* --- buffers --- */

#ifdef ARENA_EACH_MALLOC
enum { REUSE = 0 }; /* AddressSanitizer shall see every use of a buffer given back */
#else
enum { REUSE = 1 };
#endif

char *loop_buffer_take(struct loop *loop)
{
	void *buffer = loop->buffers;

	if (buffer) {
		loop->buffers = *(void **)buffer;
		loop->buffer_count--;
		return buffer;
	}
	buffer = malloc(LOOP_BUFFER);
	panic_if(!buffer, "no memory for a stream");
	return buffer;
}

void loop_buffer_give(struct loop *loop, char *buffer)
{
	if (!REUSE || loop->buffer_count >= BUFFERS_KEPT) {
		free(buffer);
		return;
	}
	*(void **)(void *)buffer = loop->buffers;
	loop->buffers = buffer;
	loop->buffer_count++;
}
