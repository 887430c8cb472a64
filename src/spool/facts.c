/* SPDX-License-Identifier: Apache-2.0 */
/* What results files say, in memory: at start and during a checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/panic.h"
#include "spool/keeping.h"

struct facts {
	struct slab *all;
	struct table *by_message; /* their numbers */
};

static bool is_fact(const void *owner, uint32_t number, struct table_key key)
{
	const struct fact *fact = slab_at(owner, number);

	return fact->id == key.first && fact->origin == key.second;
}

/* Neither grows in one piece: a checkpoint gathers beside the work that goes on. */
void facts_begin(struct store *store)
{
	struct facts *facts = calloc(1, sizeof *facts);

	panic_if(!facts, "out of memory");
	facts->all = slab_new(sizeof(struct fact));
	facts->by_message = table_new(store->results.epoch, is_fact, facts->all);
	store->facts = facts;
}

struct fact *facts_next(const struct facts *facts, uint32_t *at)
{
	return slab_next(facts->all, at);
}

struct fact *fact_find(const struct store *store, uint64_t id, uint64_t origin)
{
	const struct facts *facts = store->facts;
	uint32_t number =
		facts ? table_get(facts->by_message, (struct table_key){id, origin}) : TABLE_NONE;

	return number == TABLE_NONE ? NULL : slab_at(facts->all, number);
}

struct fact *fact_get(struct store *store, uint64_t id, uint64_t origin)
{
	struct fact *fact = fact_find(store, id, origin);

	if (fact)
		return fact;
	uint32_t number = slab_take(store->facts->all);
	fact = slab_at(store->facts->all, number);
	fact->id = id;
	fact->origin = origin;
	table_put(store->facts->by_message, (struct table_key){id, origin}, number);
	return fact;
}

static void fact_grow(struct fact *fact, size_t count)
{
	struct fact_recipient *recipients = calloc(count, sizeof *recipients);

	panic_if(!recipients, "out of memory");
	memcpy(recipients, fact->recipients, fact->count * sizeof *recipients);
	if (fact->recipients != &fact->first)
		free(fact->recipients);
	fact->recipients = recipients;
	fact->count = count;
}

struct fact_recipient *fact_recipient(struct fact *fact, size_t recipient)
{
	if (!fact->recipients) {
		fact->recipients = &fact->first;
		fact->count = 1;
	}
	if (recipient >= fact->count)
		fact_grow(fact, recipient < 2 ? recipient + 1 : 2 * recipient);
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

static void recipients_free(struct fact *fact)
{
	if (fact->recipients != &fact->first)
		free(fact->recipients);
}

void fact_free(struct facts *facts, uint32_t number)
{
	recipients_free(slab_at(facts->all, number));
	slab_give(facts->all, number);
}

void facts_end(struct facts *facts)
{
	struct fact *fact;

	if (!facts)
		return;
	for (uint32_t at = 0; (fact = facts_next(facts, &at)); at++)
		recipients_free(fact);
	table_free(facts->by_message);
	slab_free(facts->all);
	free(facts);
}

void facts_free(struct store *store)
{
	facts_end(store->facts);
	store->facts = NULL;
}
