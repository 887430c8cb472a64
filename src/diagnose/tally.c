/* SPDX-License-Identifier: Apache-2.0 */
/* Many explanations counted. The contract is in tally.h. */
#include "diagnose/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MOST = 15, DAYS_MOST = 31, BAR_MOST = 40 };

struct tally *tally_new(struct arena *arena)
{
	return ARENA_NEW(arena, struct tally);
}

static void count(struct tally_list *list, struct slice name)
{
	char raw[64] = "";

	name = slice_part(name, 0, sizeof raw - 1);
	for (size_t i = 0; i < name.len; i++)
		raw[i] = ascii_is_print(name.at[i]) ? ascii_lower(name.at[i]) : '?';
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->names[i].name, raw) == 0) {
			list->names[i].count++;
			return;
		}
	if (list->count == TALLY_NAMES) {
		list->others++;
		return;
	}
	memcpy(list->names[list->count].name, raw, sizeof raw);
	list->names[list->count++].count = 1;
}

/* ---- days ---- */

static bool day_put(uint64_t year, uint64_t month, uint64_t day, char out[static 11])
{
	if (year < 1980 || year > 2999 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	snprintf(out, 11, "%04u-%02u-%02u", (unsigned)year, (unsigned)month, (unsigned)day);
	return true;
}

static uint64_t month_of(struct slice name)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (uint64_t month = 0; month < 12 && name.len >= 3; month++)
		if (slice_starts_nocase(name, (struct slice){names + 3 * month, 3}))
			return month + 1;
	return 0;
}

/* RFC 5322 3.3: [day-name ","] day month year; 2026-11-22 where a log begins so. */
bool day_of(struct slice date, char day[static 11])
{
	struct slice left = slice_trim(date), word[3];
	uint64_t number[3];

	if (left.len >= 10 && left.at[4] == '-' &&
		slice_number(slice_part(left, 0, 4), 2999, &number[0]) &&
		slice_number(slice_part(left, 5, 7), 12, &number[1]) &&
		slice_number(slice_part(left, 8, 10), 31, &number[2]))
		return day_put(number[0], number[1], number[2], day);
	if (slice_has(slice_part(left, 0, 10), ','))
		(void)slice_cut(&left, ',');
	for (size_t i = 0; i < 3; i++) {
		left = slice_trim(left);
		word[i] = slice_cut(&left, ' ');
	}
	if (!slice_number(word[0], 31, &number[0]) || !slice_number(word[2], 2999, &number[2]))
		return false;
	if (number[2] < 100) /* RFC 5322 4.3 */
		number[2] += number[2] < 50 ? 2000 : 1900;
	return day_put(number[2], month_of(word[1]), number[0], day);
}

/* ---- counting ---- */

void tally_add(struct tally *tally, const struct explained *explained)
{
	const struct reading *reading = &explained->reading;
	char day[11] = "";

	tally->inputs++;
	if (explained->whole.cause == CAUSE_NOT_A_BOUNCE)
		tally->not_bounces++;
	if (explained->lead == reading->failure_count) {
		tally->unclear += explained->whole.cause == CAUSE_UNCLEAR;
		return;
	}
	if (!day_of(reading->date, day) && !day_of(reading->failures[explained->lead].when, day) &&
		!day_of(reading->arrival, day))
		(void)day_of(reading->message_date, day);
	for (size_t i = 0; i < reading->failure_count; i++) {
		const struct failure *failure = &reading->failures[i];
		size_t at = slice_find_last(failure->recipient, '@');
		if (failure->fate != FATE_FAILED && failure->fate != FATE_DELAYED)
			continue;
		tally->failures++;
		tally->unclear += explained->told[i].cause == CAUSE_UNCLEAR;
		count(&tally->causes, slice_of(cause_text(explained->told[i].cause)));
		count(&tally->actors, slice_of(actor_text(explained->told[i].actor)));
		if (at != SIZE_MAX)
			count(&tally->domains, slice_from(failure->recipient, at + 1));
		if (day[0])
			count(&tally->days, slice_of(day));
	}
}

static int more_first(const void *a, const void *b)
{
	const struct tally_name *one = a, *other = b;

	if (one->count != other->count)
		return one->count < other->count ? 1 : -1;
	return strcmp(one->name, other->name);
}

static int later_last(const void *a, const void *b)
{
	const struct tally_name *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static void sort(struct tally *tally)
{
	struct tally_list *lists[] = {&tally->causes, &tally->actors, &tally->domains};

	for (size_t i = 0; i < 3; i++)
		qsort(lists[i]->names, lists[i]->count, sizeof *lists[i]->names, more_first);
	qsort(tally->days.names, tally->days.count, sizeof *tally->days.names, later_last);
}

/* ---- for people ---- */

static void put_list(struct text *out, const char *title, const struct tally_list *list)
{
	if (!list->count)
		return;
	text_format(out, "\n%s\n", title);
	for (size_t i = 0; i < list->count && i < SHOWN_MOST; i++)
		text_format(out, "  %6zu  %s\n", list->names[i].count, list->names[i].name);
	if (list->count > SHOWN_MOST)
		text_format(out, "          and %zu more\n", list->count - SHOWN_MOST);
}

static void put_days(struct text *out, const struct tally_list *days)
{
	size_t first = days->count > DAYS_MOST ? days->count - DAYS_MOST : 0, most = 1;

	if (!days->count)
		return;
	text_put(out, SLICE("\nBy day\n"));
	for (size_t i = first; i < days->count; i++)
		most = days->names[i].count > most ? days->names[i].count : most;
	for (size_t i = first; i < days->count; i++) {
		size_t bar = (days->names[i].count * BAR_MOST + most - 1) / most;
		text_format(out, "  %s  %6zu  ", days->names[i].name, days->names[i].count);
		while (bar--)
			text_char(out, '#');
		text_char(out, '\n');
	}
}

void tally_people(struct text *out, struct tally *tally)
{
	sort(tally);
	text_format(out, "%zu read: %zu failures, %zu of them unclear; %zu no bounces\n",
		tally->inputs, tally->failures, tally->unclear, tally->not_bounces);
	put_list(out, "Causes", &tally->causes);
	put_list(out, "Who must act", &tally->actors);
	put_list(out, "Recipients' domains", &tally->domains);
	put_days(out, &tally->days);
}

/* ---- for programs ---- */

static void put_json(struct text *out, const char *key, const struct tally_list *list)
{
	text_format(out, ",\"%s\":{", key);
	for (size_t i = 0; i < list->count; i++) {
		text_put(out, i ? SLICE(",") : SLICE_NONE);
		text_json(out, slice_of(list->names[i].name));
		text_format(out, ":%zu", list->names[i].count);
	}
	text_char(out, '}');
}

void tally_json(struct text *out, struct tally *tally)
{
	sort(tally);
	text_format(out,
		"{\"summary\":{\"read\":%zu,\"failures\":%zu,\"unclear\":%zu,\"no_bounces\":%zu",
		tally->inputs, tally->failures, tally->unclear, tally->not_bounces);
	put_json(out, "causes", &tally->causes);
	put_json(out, "actors", &tally->actors);
	put_json(out, "domains", &tally->domains);
	put_json(out, "days", &tally->days);
	text_put(out, SLICE("}}\n"));
}
