/* SPDX-License-Identifier: Apache-2.0 */
/* Reserving, keeping and giving back. The contract is in counters.h. */
#include <stdlib.h>
#include <string.h>

#include "accounts/counters_inside.h"
#include "base/map.h"
#include "base/panic.h"

struct held {
	struct counter *counter;
	uint32_t request;
	uint32_t places; /* 0: shares the place of another request of this holder */
	bool by_message;
};

static struct slice counter_key(const struct counter *counter)
{
	return (struct slice){counter->key, counter->key_len};
}

/* ---- counters come and go ---- */

static struct counter_class *class_add(struct counters *counters, struct slice word)
{
	struct counter_class *class = &counters->classes[counters->class_count++];

	class->word = malloc(word.len + 1);
	panic_if(!class->word, "out of memory for a class of counters");
	if (word.len)
		memcpy(class->word, word.at, word.len);
	class->word_len = word.len;
	list_init(&class->counters);
	return class;
}

static struct counter_class *class_of(struct counters *counters, struct slice key)
{
	struct slice word = slice_cut(&key, ' ');

	for (size_t i = 0; i < counters->class_count; i++) {
		struct counter_class *class = &counters->classes[i];
		if (slice_is((struct slice){class->word, class->word_len}, word))
			return class;
	}
	if (counters->class_count == CLASSES_MOST)
		return &counters->classes[CLASSES_MOST - 1];
	return class_add(counters, word);
}

static void counter_remove(struct counters *counters, struct counter *counter)
{
	map_take(counters->by_key, counter_key(counter));
	list_remove(&counter->link);
	counter->of->count--;
	counters->moments -= counter->size;
	free(counter->moments);
	free(counter);
}

/* Makes room in a full class by forgetting the counter touched longest ago. */
static bool class_make_room(struct counters *counters, struct counter_class *class)
{
	if (class->count < counters->of_a_class)
		return true;
	LIST_EACH (struct counter, counter, &class->counters, link) {
		if (counter->reserved)
			continue;
		counter_remove(counters, counter);
		counters->forgotten++;
		return true;
	}
	return false;
}

static void touch(struct counter *counter)
{
	list_remove(&counter->link);
	list_append(&counter->of->counters, &counter->link);
}

/* NULL: no room, every counter of its class is in use. */
static struct counter *counter_find(
	struct counters *counters, struct slice key, mono_ns period, mono_ns now)
{
	struct counter *counter = map_get(counters->by_key, key);

	if (counter) {
		counter->period = period;
		touch(counter);
		counter_expire(counter, now);
		return counter;
	}
	struct counter_class *class = class_of(counters, key);
	if (!class_make_room(counters, class))
		return NULL;
	counter = calloc(1, sizeof *counter + key.len);
	panic_if(!counter, "out of memory for a counter");
	counter->of = class;
	counter->period = period;
	counter->key_len = key.len;
	if (key.len)
		memcpy(counter->key, key.at, key.len);
	list_append(&class->counters, &counter->link);
	class->count++;
	map_put(counters->by_key, counter_key(counter), counter);
	return counter;
}

static void remove_if_empty(struct counters *counters, struct counter *counter)
{
	if (!counter->reserved && !counter->count)
		counter_remove(counters, counter);
}

/* ---- reserving ---- */

/* How long until `places` more would fit; 0 where only those who have reserved could say. */
static mono_ns free_in(const struct counter *counter, uint64_t most, uint64_t places, mono_ns now)
{
	uint64_t used = counter->kept + counter->reserved, gone = 0;
	uint64_t too_many = used + places > most ? used + places - most : 0;

	for (size_t i = 0; too_many && i < counter->count; i++) {
		const struct moment *moment = counter_moment(counter, i);
		gone += moment->places;
		if (gone >= too_many)
			return moment->at + counter->period - now;
	}
	return 0;
}

/* What this request has in the counter already (two clauses may count the same), or, where messages
 * are counted, what any request of the holder has. */
static bool holder_has(const struct holder *holder, const struct counter *counter, uint32_t request,
	bool by_message)
{
	for (size_t i = 0; i < holder->count; i++)
		if (holder->held[i].counter == counter &&
			(by_message || holder->held[i].request == request))
			return true;
	return false;
}

static void holder_add(struct holder *holder, struct held held)
{
	if (holder->count == holder->room) {
		holder->room = holder->room ? holder->room * 2 : 4;
		holder->held = realloc(holder->held, holder->room * sizeof *holder->held);
		panic_if(!holder->held, "out of memory for a reservation");
	}
	holder->held[holder->count++] = held;
}

static void take_place(struct counter *counter, struct holder *holder, uint32_t request,
	const struct counting_counter *wanted)
{
	bool there = holder_has(holder, counter, request, wanted->by_message);
	uint32_t places = there ? 0 : wanted->places;

	counter->reserved += places;
	holder_add(holder, (struct held){counter, request, places, wanted->by_message});
}

static struct counting_state state_of(struct counter *counter, const struct holder *holder,
	uint32_t request, const struct counting_counter *wanted, mono_ns now)
{
	uint64_t used = counter->kept + counter->reserved;
	bool there = holder_has(holder, counter, request, wanted->by_message);
	bool full = !there && (used >= wanted->most || wanted->most - used < wanted->places);

	counter->most = wanted->most;
	return (struct counting_state){.full = full,
		.used = used,
		.free_in = full ? free_in(counter, wanted->most, wanted->places, now) : 0};
}

/* A counter that was found is in use, so that finding the next does not remove it. */
static enum reservation find_all(struct counters *counters, const struct counting_counter *wanted,
	size_t count, mono_ns now, struct counter **found)
{
	for (size_t i = 0; i < count; i++) {
		found[i] = counter_find(counters, wanted[i].key, wanted[i].period, now);
		if (!found[i]) {
			while (i-- > 0)
				found[i]->reserved--;
			return RESERVED_NO_ROOM;
		}
		found[i]->reserved++;
	}
	for (size_t i = 0; i < count; i++)
		found[i]->reserved--;
	return RESERVED;
}

enum reservation counters_reserve(struct counters *counters, struct holder *holder,
	uint32_t request, const struct counting_counter *wanted, size_t count, mono_ns now,
	struct counting_state *states)
{
	struct counter *found[COUNTERS_MAX];
	bool full = false;

	panic_if(count > COUNTERS_MAX, "%zu counters at once", count);
	if (find_all(counters, wanted, count, now, found) != RESERVED)
		return RESERVED_NO_ROOM;
	for (size_t i = 0; i < count; i++) {
		states[i] = state_of(found[i], holder, request, &wanted[i], now);
		full |= states[i].full;
	}
	for (size_t i = 0; !full && i < count; i++)
		take_place(found[i], holder, request, &wanted[i]);
	for (size_t i = 0; full && i < count; i++)
		if (map_get(counters->by_key, wanted[i].key) == found[i])
			remove_if_empty(counters, found[i]);
	return full ? RESERVED_NOTHING : RESERVED;
}

/* ---- giving back ---- */

/* A place that others of the holder share goes to one of them. */
static bool hand_on(struct holder *holder, const struct held *held)
{
	for (size_t i = 0; held->by_message && i < holder->count; i++)
		if (holder->held[i].counter == held->counter && holder->held[i].places == 0) {
			holder->held[i].places = held->places;
			return true;
		}
	return false;
}

static void give_back(struct counters *counters, struct holder *holder, size_t at)
{
	struct held held = holder->held[at];

	holder->held[at] = holder->held[--holder->count];
	if (held.places == 0 || hand_on(holder, &held))
		return;
	held.counter->reserved -= held.places;
	remove_if_empty(counters, held.counter);
}

void counters_release(struct counters *counters, struct holder *holder, uint32_t request)
{
	for (size_t i = holder->count; i-- > 0;)
		if (holder->held[i].request == request && holder->held[i].places == 0)
			give_back(counters, holder, i);
	for (size_t i = holder->count; i-- > 0;)
		if (i < holder->count && holder->held[i].request == request)
			give_back(counters, holder, i);
}

void counters_drop(struct counters *counters, struct holder *holder)
{
	for (size_t pass = 0; pass < 2; pass++) /* those that share a place first */
		for (size_t i = holder->count; i-- > 0;)
			if (i < holder->count && (pass || holder->held[i].places == 0))
				give_back(counters, holder, i);
	free(holder->held);
	*holder = (struct holder){.id = holder->id};
}

/* ---- keeping ---- */

/* Takes up to `places` reserved ones of this counter out of the holder. */
static void use_up(struct holder *holder, struct counter *counter, uint64_t places)
{
	for (size_t i = holder->count; places && i-- > 0;) {
		struct held *held = &holder->held[i];
		if (held->counter != counter || held->places == 0)
			continue;
		uint32_t used = held->places < places ? held->places : (uint32_t)places;
		counter->reserved -= used;
		held->places -= used;
		places -= used;
	}
}

void counters_keep(struct counters *counters, struct holder *holder,
	const struct counting_counter *kept, mono_ns now)
{
	struct counter *counter = counter_find(counters, kept->key, kept->period, now);

	if (!counter)
		return; /* nothing can be forgotten for it: counted by nobody, as a new key is */
	use_up(holder, counter, kept->places);
	counter_add_moment(counters, counter, now, kept->places);
}

void counters_put(struct counters *counters, struct slice key, mono_ns period, mono_ns when,
	uint64_t places, mono_ns now)
{
	struct counter *counter = counter_find(counters, key, period, now);

	if (!counter)
		return;
	counter_add_moment(counters, counter, when, places);
	counter_expire(counter, now);
	remove_if_empty(counters, counter);
}

/* ---- all of them ---- */

void counters_sweep(struct counters *counters, mono_ns now)
{
	size_t at = 0;

	for (struct counter *counter; (counter = map_next(counters->by_key, &at));) {
		counter_expire(counter, now);
		remove_if_empty(counters, counter);
	}
}

size_t counters_count(const struct counters *counters)
{
	return map_count(counters->by_key);
}

uint64_t counters_forgotten(const struct counters *counters)
{
	return counters->forgotten;
}

static struct counter_view view_of(struct counter *counter, mono_ns now)
{
	counter_expire(counter, now);
	return (struct counter_view){
		.key = counter_key(counter),
		.period = counter->period,
		.most = counter->most,
		.kept = counter->kept,
		.reserved = counter->reserved,
		.free_at =
			counter->count ? counter_moment(counter, 0)->at + counter->period : NEVER,
		.newest = counter->count ? counter_moment(counter, counter->count - 1)->at : 0,
	};
}

bool counters_find(
	struct counters *counters, struct slice key, mono_ns now, struct counter_view *view)
{
	struct counter *counter = map_get(counters->by_key, key);

	if (counter)
		*view = view_of(counter, now);
	return counter != NULL;
}

bool counters_next(struct counters *counters, size_t *at, mono_ns now, struct counter_view *view)
{
	struct counter *counter = map_next(counters->by_key, at);

	counters->shown = counter;
	if (counter)
		*view = view_of(counter, now);
	return counter != NULL;
}

const struct moment *counters_moment(const struct counters *counters, size_t number)
{
	const struct counter *counter = counters->shown;

	return counter && number < counter->count ? counter_moment(counter, number) : NULL;
}

struct counters *counters_new(uint64_t seed, size_t of_a_class)
{
	struct counters *counters = calloc(1, sizeof *counters);

	panic_if(!counters, "out of memory for counters");
	counters->by_key = map_new(seed);
	counters->of_a_class = of_a_class;
	return counters;
}

void counters_free(struct counters *counters)
{
	size_t at = 0;

	for (struct counter *counter; (counter = map_next(counters->by_key, &at));)
		counter_remove(counters, counter);
	for (size_t i = 0; i < counters->class_count; i++)
		free(counters->classes[i].word);
	map_free(counters->by_key);
	free(counters);
}
