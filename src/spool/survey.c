/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What start-up makes of one segment: steps 3 to 5 (STATES.md, "Start-up"). Also run for the
 * segments of a writer that died.
 */
#include <stdlib.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

struct finding {
	struct record record;
	uint64_t at, to;
	enum { FOUND_MESSAGE, FOUND_UNKNOWN, FOUND_GAP } what;
	bool chunks_are_whole;
};
struct survey {
	struct store *store;
	struct segment *segment;
	struct spool_source source;
	uint64_t durable; /* W: everything below was flushed, as far as headers tell */
	uint64_t last;    /* where the last record ends */
	struct finding *findings;
	size_t count, size;
	uint64_t chunk_id; /* the run of CHUNKs that has just been walked */
	uint32_t chunks;
	bool damaged;
	bool unflushed; /* its flush failed: nothing seen in it is proven */
};

/* Step 3: the walk */

static void finding_add(struct survey *survey, struct finding finding)
{
	if (survey->count == survey->size) {
		survey->size = survey->size ? survey->size * 2 : 64;
		survey->findings =
			realloc(survey->findings, survey->size * sizeof *survey->findings);
		panic_if(!survey->findings, "out of memory");
	}
	survey->findings[survey->count++] = finding;
}

static void gap_add(struct survey *survey, const struct walk *walk)
{
	if (walk->gap_from < walk->gap_to) {
		finding_add(survey,
			(struct finding){
				.at = walk->gap_from, .to = walk->gap_to, .what = FOUND_GAP});
		survey->chunks = 0;
	}
}

static void chunk_seen(struct survey *survey, const struct record *record)
{
	if (record->part == 0) {
		survey->chunk_id = record->id;
		survey->chunks = 0;
	}
	if (record->id == survey->chunk_id && record->part == survey->chunks)
		survey->chunks++;
	else
		survey->chunks = 0;
}

static void record_seen(struct survey *survey, const struct record *record, uint64_t at)
{
	struct finding finding = {.record = *record, .at = at, .to = at + RECORD_HEADER};

	if (record->durable > survey->durable && record->durable <= at)
		survey->durable = record->durable;
	if (!record_is_known(record) || record_is_result(record)) {
		finding.what = FOUND_UNKNOWN;
		finding_add(survey, finding);
	} else if (record->type == RECORD_CHUNK) {
		chunk_seen(survey, record);
	} else if (record->type == RECORD_MESSAGE) {
		finding.what = FOUND_MESSAGE;
		finding.chunks_are_whole =
			record->part == 0 ||
			(record->part == survey->chunks && record->id == survey->chunk_id);
		finding_add(survey, finding);
	}
}

static void survey_walk(struct survey *survey, uint64_t from, uint64_t end)
{
	struct walk walk;
	struct record record;
	uint64_t at;
	bool big = survey->segment->kind == SEGMENT_BIG;

	walk_begin(&walk, &survey->source, from, end, big ? WALK_SPARSE : WALK_DENSE);
	while (walk_next(&walk, &record, &at)) {
		gap_add(survey, &walk);
		record_seen(survey, &record, at);
		survey->last = walk.at;
	}
	gap_add(survey, &walk);
	walk_end(&walk);
}

/* Step 4: what is believed */

/* Below W every byte lies in a valid record: anything else was acknowledged and is hurt. */
static void gap_judge(struct survey *survey, const struct finding *gap)
{
	char header[RECORD_HEADER];
	uint64_t id = 0, to = gap->to < survey->durable ? gap->to : survey->durable;

	if (gap->at >= survey->durable)
		return;
	if (disk_read(survey->source.disk, survey->source.fd, header, sizeof header,
		    (off_t)gap->at) != STATUS_OK ||
		!record_legible(header, survey->source.epoch, &id))
		id = 0;
	survey->damaged = true;
	damage_tell(survey->store, survey->segment, gap->at, to,
		"acknowledged mail cannot be read here", id);
}

static bool chunks_check(struct survey *survey, const struct record *message)
{
	uint64_t at = SEGMENT_DATA_AT;
	char *chunk = arena_alloc(survey->store->scratch, CHUNK_MAX);
	size_t got;

	for (uint32_t part = 0; part < message->part; part++)
		if (spool_read_chunk(&survey->source, message->id, part, &at, chunk, &got) !=
				SPOOL_READ_OK ||
			got == 0)
			return false;
	return true;
}

/* At or above W: never acknowledged for certain; taken if it is whole, else dropped. */
static bool message_is_whole(struct survey *survey, const struct finding *finding)
{
	struct record record;
	struct message message;
	struct arena *scratch = survey->store->scratch;

	arena_reset(scratch);
	return finding->chunks_are_whole &&
	       spool_read_message(&survey->source, finding->at, scratch, &message, &record) ==
		       SPOOL_READ_OK &&
	       chunks_check(survey, &record);
}

static void finding_keep(
	struct survey *survey, const struct finding *finding, enum standing standing)
{
	if (survey->unflushed && !MUTATED(FAILED_FLUSH_AT_START_IS_FORGOTTEN))
		standing = STANDS_UNFLUSHED;
	kept_put(survey->store, survey->segment, &finding->record, finding->at, standing);
}

static void message_judge(struct survey *survey, const struct finding *finding)
{
	if (finding->at >= survey->durable) {
		if (message_is_whole(survey, finding))
			finding_keep(survey, finding, STANDS_SEEN);
		else
			survey->store->dropped++;
		return;
	}
	if (!finding->chunks_are_whole) {
		survey->damaged = true;
		damage_tell(survey->store, survey->segment, SEGMENT_DATA_AT, finding->to,
			"chunks of an acknowledged message are missing", finding->record.id);
		return;
	}
	finding_keep(survey, finding, STANDS_PROVEN);
}

static void finding_judge(struct survey *survey, const struct finding *finding)
{
	switch (finding->what) {
	case FOUND_GAP: gap_judge(survey, finding); break;
	case FOUND_MESSAGE: message_judge(survey, finding); break;
	case FOUND_UNKNOWN:
		survey->damaged = true;
		damage_tell(survey->store, survey->segment, 0, 0,
			"a record of a type or version that this program does not know; it is not "
			"delivered",
			finding->record.id);
		break;
	}
}

void segment_survey(struct store *store, struct segment *segment, int fd, uint64_t from,
	enum segment_state sound)
{
	struct survey survey = {.store = store,
		.segment = segment,
		.durable = from,
		.unflushed = sound == SEGMENT_SUSPECT};
	off_t size = store->disk->size(store->disk, fd);
	uint64_t end = size > 0 ? (uint64_t)size : 0;

	survey.source = segment_source(store, segment, fd);
	survey_walk(&survey, from, end);
	for (size_t i = 0; i < survey.count; i++)
		finding_judge(&survey, &survey.findings[i]);
	free(survey.findings);
	if (segment->kind == SEGMENT_SMALL && end < segment->size &&
		!room_was_given_back(&survey.source, end)) {
		survey.damaged = true;
		damage_tell(store, segment, 0, 0, "the file was cut short", 0);
	}
	segment->known = segment->file = end;
	segment->used = survey.last;
	/* Something may have been found while its writer lived. */
	segment_settle(store, segment, survey.damaged ? SEGMENT_DAMAGED : sound);
}

/* Step 5 */

void segment_announce(struct store *store, struct segment *segment, int fd)
{
	struct walk walk;
	struct spool_source source = segment_source(store, segment, fd);
	off_t size = store->disk->size(store->disk, fd);
	bool big = segment->kind == SEGMENT_BIG;

	walk_begin(&walk, &source, SEGMENT_DATA_AT, size > 0 ? (uint64_t)size : 0,
		big ? WALK_SPARSE : WALK_DENSE);
	for (size_t i = 0; i < segment->shown_count; i++) {
		struct kept *kept = segment_shown(store, segment, i);
		if (kept->use != segment->use || kept->recipients > 0 || kept->left == 0)
			continue;
		if (kept_announce_checked(store, kept, &walk))
			continue;
		message_damaged(store, segment, kept_at(kept), kept->length, kept->id);
	}
	walk_end(&walk);
}
