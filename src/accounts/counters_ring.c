/* SPDX-License-Identifier: Apache-2.0 */
/* Sliding windows, exactly: the moments of a counter, in a ring. Read counters.h first. */
#include <stdlib.h>

#include "accounts/counters_inside.h"
#include "base/panic.h"

struct moment *counter_moment(const struct counter *counter, size_t number)
{
	return &counter->moments[(counter->first + number) % counter->size];
}

void counter_expire(struct counter *counter, mono_ns now)
{
	while (counter->count && now - counter_moment(counter, 0)->at >= counter->period) {
		counter->kept -= counter_moment(counter, 0)->places;
		counter->first = (counter->first + 1) % counter->size;
		counter->count--;
	}
}

static void ring_resize(struct counters *counters, struct counter *counter, size_t size)
{
	struct moment *moments = calloc(size, sizeof *moments);

	panic_if(!moments, "out of memory for a counter");
	for (size_t i = 0; i < counter->count; i++)
		moments[i] = *counter_moment(counter, i);
	free(counter->moments);
	counters->moments += size;
	counters->moments -= counter->size;
	counter->moments = moments;
	counter->first = 0;
	counter->size = size;
}

/* Two neighbours become the later one: their places come free late, never early. */
static void ring_coarsen(struct counter *counter)
{
	size_t half = counter->count / 2, odd = counter->count % 2;

	for (size_t i = 0; i < half; i++) {
		const struct moment *earlier = counter_moment(counter, 2 * i);
		const struct moment *later = counter_moment(counter, 2 * i + 1);
		*counter_moment(counter, i) =
			(struct moment){later->at, earlier->places + later->places};
	}
	if (odd)
		*counter_moment(counter, half) = *counter_moment(counter, counter->count - 1);
	counter->count = half + odd;
}

static void ring_make_room(struct counters *counters, struct counter *counter)
{
	size_t size = counter->size ? counter->size * 2 : 1;
	bool may_grow = size <= MOMENTS_MOST &&
			counters->moments + size - counter->size <= MOMENTS_ALL_MOST;

	if (counter->count < counter->size)
		return;
	if (may_grow || counter->count < 2)
		ring_resize(counters, counter, size);
	else
		ring_coarsen(counter);
}

void counter_add_moment(
	struct counters *counters, struct counter *counter, mono_ns when, uint64_t places)
{
	struct moment *last = counter->count ? counter_moment(counter, counter->count - 1) : NULL;

	counter->kept += places;
	if (last && when <= last->at) {
		last->places += places;
		return;
	}
	ring_make_room(counters, counter);
	*counter_moment(counter, counter->count++) = (struct moment){when, places};
}
