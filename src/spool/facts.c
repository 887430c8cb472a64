/* SPDX-License-Identifier: Apache-2.0 */
/* What results files say, in memory: at start and during a checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/panic.h"
#include "spool/keeping.h"

static struct slice fact_key(const uint64_t *id_and_origin)
{
	return (struct slice){(const char *)id_and_origin, 2 * sizeof(uint64_t)};
}

/* In many maps, so that none holds up the loop when it grows. */
enum { PARTS = 64 };

struct facts {
	struct map *parts[PARTS];
};

static struct map *part_of(const struct facts *facts, uint64_t id)
{
	return facts->parts[id % PARTS];
}

void facts_begin(struct store *store)
{
	store->facts = calloc(1, sizeof *store->facts);
	panic_if(!store->facts, "out of memory");
	for (size_t i = 0; i < PARTS; i++)
		store->facts->parts[i] = map_new(store->results.epoch);
}

struct fact *facts_next(const struct facts *facts, struct facts_place *place)
{
	struct fact *fact = NULL;

	while (place->part < PARTS && !(fact = map_next(facts->parts[place->part], &place->at))) {
		place->part++;
		place->at = 0;
	}
	return fact;
}

struct fact *fact_find(const struct store *store, uint64_t id, uint64_t origin)
{
	uint64_t key[2] = {id, origin};

	return store->facts ? map_get(part_of(store->facts, id), fact_key(key)) : NULL;
}

struct fact *fact_get(struct store *store, uint64_t id, uint64_t origin)
{
	struct fact *fact = fact_find(store, id, origin);

	if (fact)
		return fact;
	fact = calloc(1, sizeof *fact);
	panic_if(!fact, "out of memory");
	fact->id = id;
	fact->origin = origin;
	map_put(part_of(store->facts, id), fact_key(&fact->id), fact);
	return fact;
}

struct fact_recipient *fact_recipient(struct fact *fact, size_t recipient)
{
	if (recipient >= fact->count) {
		size_t count = recipient < 2 ? recipient + 1 : 2 * recipient;
		fact->recipients = realloc(fact->recipients, count * sizeof *fact->recipients);
		panic_if(!fact->recipients, "out of memory");
		memset(fact->recipients + fact->count, 0,
			(count - fact->count) * sizeof *fact->recipients);
		fact->count = count;
	}
	return &fact->recipients[recipient];
}

static void heard_add(struct store *store, struct slice payload)
{
	struct reader in = reader_of(payload);
	uint64_t event = read_u64(&in);

	if (read_at_end(&in) && event > store->heard)
		store->heard = event;
}

static void result_add(struct store *store, struct fact_recipient *known,
	const struct record *record, const struct result_record *result)
{
	if (known->result == 0) {
		known->result = result->result;
		known->time = result->time;
	}
	if (record->flags > known->event)
		known->event = record->flags;
	if (record->flags > store->last_event)
		store->last_event = record->flags;
}

void fact_add(struct store *store, const struct record *record, struct slice payload)
{
	struct result_record result;

	if (record->type == RECORD_HEARD) {
		heard_add(store, payload);
		return;
	}
	if (record->type == RECORD_ATTEMPT || !result_decode(record->type, payload, &result))
		return;
	struct fact_recipient *known =
		fact_recipient(fact_get(store, record->id, record->origin), result.recipient);
	if (record->type == RECORD_RESULT) {
		result_add(store, known, record, &result);
	} else if (result.attempt >= known->attempts) {
		known->attempts = result.attempt;
		known->next = result.time;
	}
}

void fact_free(struct fact *fact)
{
	free(fact->recipients);
	free(fact);
}

void facts_end(struct facts *facts, struct facts_place place)
{
	if (!facts)
		return;
	for (struct fact *fact; (fact = facts_next(facts, &place));)
		fact_free(fact);
	for (size_t i = 0; i < PARTS; i++)
		map_free(facts->parts[i]);
	free(facts);
}

void facts_free(struct store *store)
{
	facts_end(store->facts, (struct facts_place){0});
	store->facts = NULL;
}
