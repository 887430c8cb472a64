/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a checkpoint says: the facts of all results files, of memory and of the index. In pieces,
 * because there may be a million.
 */
#include <stdlib.h>

#include "base/panic.h"
#include "spool/keeping.h"

enum { SHOWN_AT_ONCE = 8192 };

void gathering_begin(struct store *store, struct gathering *gathering, bool loaded)
{
	*gathering = (struct gathering){.reading.fd = -1};
	if (loaded)
		return;
	facts_begin(store);
	/* A list that cannot be had is one that no file of could be opened. */
	if (!result_files_list(store, &gathering->files))
		gathering->files.failed = true;
}

void gathering_end(struct store *store, struct gathering *gathering)
{
	result_reading_end(store, &gathering->reading);
	free(gathering->files.numbers);
	gathering->files = (struct result_files){0};
}

/* Files */

static enum gathered file_step(struct store *store, struct gathering *gathering, uint64_t bytes)
{
	struct result_reading *reading = &gathering->reading;

	if (reading->fd < 0 &&
		result_reading_begin(store, gathering->files.numbers[gathering->file], reading) !=
			RESULT_FILE_OK)
		return GATHERED_FAILED;
	if (result_reading_step(store, reading, bytes, fact_add))
		return GATHERED_SOME;
	result_reading_judge(store, reading);
	result_reading_end(store, reading);
	gathering->file++;
	return GATHERED_SOME;
}

/* Memory */

/* Results since the last flush that worked: no file is sure to say them. */
static void facts_from_pending(struct store *store)
{
	for (size_t i = 0; i < store->pending_count; i++) {
		const struct pending_result *pending = &store->pending[i];
		struct fact_recipient *known = fact_recipient(
			fact_get(store, pending->id, pending->origin), pending->recipient);
		if (known->result == 0) {
			known->result = pending->result;
			known->time = pending->time;
		}
		if (pending->event > known->event)
			known->event = pending->event;
	}
}

/* The index */

static bool kept_is_untouched(const struct kept *kept)
{
	return kept->left == kept->recipients;
}

static void facts_from_kept(struct store *store, const struct kept *kept)
{
	for (unsigned i = 0; i < kept->recipients; i++) {
		if (!kept_is_done(kept, i))
			continue;
		struct fact_recipient *known =
			fact_recipient(fact_get(store, kept->id, kept->origin), i);
		known->result = known->result ? known->result : RESULT_DELIVERED;
	}
}

static struct segment *segment_from(const struct store *store, uint64_t number)
{
	struct segment *next = NULL;
	size_t at = 0;

	for (struct segment *segment; (segment = map_next(store->segments, &at));)
		if (segment->number >= number && (!next || segment->number < next->number))
			next = segment;
	return next;
}

/* What the index knows and no file that can be read says. A segment that is used again meanwhile
 * shows nothing old, and what is new of it is in the new file anyway. */
static bool facts_from_index(struct store *store, struct gathering *gathering)
{
	struct segment *segment = segment_from(store, gathering->segment);

	if (!segment)
		return false;
	if (segment->number != gathering->segment)
		gathering->shown = 0;
	gathering->segment = segment->number;
	size_t end = gathering->shown + SHOWN_AT_ONCE;
	for (size_t i = gathering->shown; i < end && i < segment->shown_count; i++)
		if (!kept_is_untouched(segment_shown(store, segment, i)))
			facts_from_kept(store, segment_shown(store, segment, i));
	gathering->shown = end;
	if (end >= segment->shown_count) {
		gathering->segment++;
		gathering->shown = 0;
	}
	return true;
}

enum gathered gathering_step(struct store *store, struct gathering *gathering, uint64_t bytes)
{
	if (gathering->files.failed)
		return GATHERED_FAILED;
	if (gathering->file < gathering->files.count)
		return file_step(store, gathering, bytes);
	if (!gathering->rest_taken) {
		results_gathered(store, fact_add);
		facts_from_pending(store);
		gathering->rest_taken = true;
	}
	return facts_from_index(store, gathering) ? GATHERED_SOME : GATHERED_ALL;
}

enum status result_facts_gather(struct store *store)
{
	struct gathering gathering;
	enum gathered step;

	gathering_begin(store, &gathering, false);
	do
		step = gathering_step(store, &gathering, UINT64_MAX);
	while (step == GATHERED_SOME);
	gathering_end(store, &gathering);
	return step == GATHERED_ALL ? STATUS_OK : STATUS_FAILED;
}
