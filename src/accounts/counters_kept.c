/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and their file. The contract is in counters_kept.h. */
#include "accounts/counters_kept.h"

#include <stdlib.h>

#include "accounts/counters_file.h"
#include "base/panic.h"

/* ---- reading ---- */

/* A time in the future (the clock went back while we were away) counts as now: a limit is then
 * kept for longer, never for less. */
static void record_take(struct keeper *keeper, const struct counters_record *record)
{
	mono_ns now = loop_mono(keeper->role->loop);
	wall_ns wall = loop_wall(keeper->role->loop);
	struct slice left = record->moments;
	struct kept_moment moment;

	while (left.len && counters_file_moment(&left, &moment)) {
		int64_t age = moment.when < wall ? wall - moment.when : 0;
		if (age >= record->period || moment.when < 0 || !moment.places)
			continue;
		counters_put(
			keeper->owner, record->key, record->period, now - age, moment.places, now);
	}
}

bool counters_take(struct keeper *keeper, struct slice bytes, struct text *why)
{
	struct counters_record record;
	uint32_t format = 0;

	switch (counters_file_open(&bytes, &format)) {
	case COUNTERS_FILE_OK: break;
	case COUNTERS_FILE_DAMAGED: keeper->ignored = bytes.len; return true;
	case COUNTERS_FILE_NEWER:
		text_format(why,
			"STATE/accounts/%s has format %u, and this version knows none above %d",
			keeper->kind->name, format, COUNTERS_FORMAT);
		return false;
	}
	while (counters_file_next(&bytes, &record))
		record_take(keeper, &record);
	keeper->ignored = bytes.len;
	return true;
}

/* ---- writing ---- */

void counters_note(struct keeper *keeper, const struct counting_counter *kept)
{
	const struct kept_moment moment = {loop_wall(keeper->role->loop), kept->places};

	counters_file_put(keeper_text(keeper), kept->key, kept->period, &moment, 1);
}

static void put_counter(struct counters *counters, const struct counter_view *view, int64_t offset,
	struct kept_moment *moments, struct text *out)
{
	const struct moment *moment;
	size_t count = 0;

	for (size_t i = 0; (moment = counters_moment(counters, i)); i++) {
		moments[count++] = (struct kept_moment){moment->at + offset, moment->places};
		if (count == RECORD_MOMENTS) {
			counters_file_put(out, view->key, view->period, moments, count);
			count = 0;
		}
	}
	if (count)
		counters_file_put(out, view->key, view->period, moments, count);
}

void counters_put_all(struct keeper *keeper, int64_t offset, struct text *out)
{
	struct kept_moment *moments = calloc(RECORD_MOMENTS, sizeof *moments);
	mono_ns now = loop_mono(keeper->role->loop);
	struct counter_view view;
	size_t at = 0;

	panic_if(!moments, "out of memory for writing counters");
	counters_file_begin(out);
	while (counters_next(keeper->owner, &at, now, &view))
		put_counter(keeper->owner, &view, offset, moments, out);
	free(moments);
}

const struct keeper_kind counters_kept = {
	.name = "limits",
	.new_name = "limits.new",
	.what = "the counters of limits",
	.take = counters_take,
	.put_all = counters_put_all,
};
