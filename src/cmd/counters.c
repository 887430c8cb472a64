/* SPDX-License-Identifier: Apache-2.0 */
/* Counters for a trial. The contract is in counters.h. */
#include "cmd/counters.h"

#include <stdio.h>

#include "accounts/counters_file.h"
#include "cmd/cli.h"
#include "diagnose/told.h"

struct asking {
	const struct counter_wanted *wanted;
	struct counter_answer *answers;
	size_t count;
};

/* ---- the daemon ---- */

static json_t *question_of(const struct asking *asking)
{
	json_t *keys = json_array();

	for (size_t i = 0; i < asking->count; i++)
		json_array_append_new(
			keys, json_stringn(asking->wanted[i].key.at, asking->wanted[i].key.len));
	return json_pack("{s:s,s:o}", "ask", "limits", "keys", keys);
}

static void see_counter(void *owner, json_t *line)
{
	struct asking *asking = owner;
	struct slice key = told_text(line, "counter");
	wall_ns free_at = 0;

	for (size_t i = 0; i < asking->count; i++) {
		if (!slice_is(asking->wanted[i].key, key))
			continue;
		asking->answers[i].used = (uint64_t)told_number(line, "used");
		if (time_parse(told_text(line, "next_free"), &free_at))
			asking->answers[i].free_at = free_at;
	}
}

/* ---- what it left ---- */

static bool file_read(const char *path, struct text *bytes)
{
	enum { AT_ONCE = 1 << 16 };
	FILE *file = fopen(path, "rb");
	size_t got = AT_ONCE;

	while (file && got == AT_ONCE) {
		char *at = text_reserve(bytes, AT_ONCE);
		got = fread(at, 1, AT_ONCE, file);
		bytes->len -= AT_ONCE - got;
	}
	bool good = file && !ferror(file);
	if (file)
		fclose(file);
	return good;
}

/* As accounts takes them over at its start: a time in the future counts as now. */
static void take_moments(struct counter_answer *answer, const struct counters_record *record,
	const struct counters_place *place)
{
	struct slice left = record->moments;
	struct kept_moment moment;

	while (left.len && counters_file_moment(&left, &moment)) {
		wall_ns when = moment.when < place->now ? moment.when : place->now;
		if (when < 0 || place->now - when >= record->period || !moment.places)
			continue;
		if (!answer->used || when + record->period < answer->free_at)
			answer->free_at = when + record->period;
		answer->used += moment.places;
	}
}

static bool read_file(const struct counters_place *place, struct asking *asking)
{
	const char *path = daemon_path(place->policy, "accounts/limits", place->arena);
	struct text bytes = TEXT_GROWING;
	struct counters_record record;
	uint32_t format;

	bool good = file_read(path, &bytes);
	struct slice left = text_slice(&bytes);
	good = good && counters_file_open(&left, &format) == COUNTERS_FILE_OK;
	while (good && counters_file_next(&left, &record))
		for (size_t i = 0; i < asking->count; i++)
			if (slice_is(asking->wanted[i].key, record.key) &&
				asking->wanted[i].period == record.period)
				take_moments(&asking->answers[i], &record, place);
	text_free(&bytes);
	return good;
}

bool counters_stand(void *owner, const struct counter_wanted *wanted, size_t count,
	struct counter_answer *answers)
{
	const struct counters_place *place = owner;
	struct asking asking = {wanted, answers, count};
	struct text words = TEXT_GROWING;

	enum asked asked =
		daemon_ask(place->policy, question_of(&asking), see_counter, &asking, &words);
	text_free(&words);
	return asked == ASKED || (asked == ASKED_NO_DAEMON && read_file(place, &asking));
}
