/* SPDX-License-Identifier: Apache-2.0 */
/* Questions taken apart. Read question.h first. */
#include "queue/question.h"

#include <jansson.h>

#include "base/id.h"

enum { QUESTION_MAX = 8192 };

static struct slice string_of(const json_t *value)
{
	return (struct slice){json_string_value(value), json_string_length(value)};
}

static bool complain_about(struct text *why, const char *what, struct slice given)
{
	text_put(why, slice_of(what));
	if (given.len) {
		text_put(why, SLICE(": \""));
		text_escaped(why, slice_part(given, 0, 80));
		text_char(why, '"');
	}
	return false;
}

static bool take_limit(const json_t *value, struct question *question, struct text *why)
{
	question->limit = LIST_LIMIT;
	if (!value)
		return true;
	json_int_t limit = json_integer_value(value);
	if (!json_is_integer(value) || limit < 1 || limit > LIST_LIMIT_MOST)
		return complain_about(why, "limit must be a number from 1 to 100000", SLICE_NONE);
	question->limit = (uint64_t)limit;
	return true;
}

static bool take_pattern(
	const json_t *value, struct arena *arena, struct question *question, struct text *why)
{
	if (!value)
		return true;
	if (!json_is_string(value) || !json_string_length(value))
		return complain_about(why,
			"to must be an address or a pattern such as *@example.org", SLICE_NONE);
	question->to = arena_slice(arena, string_of(value));
	return true;
}

static bool take_id(const json_t *value, uint64_t *id, struct text *why)
{
	if (!json_is_string(value))
		return complain_about(why, "an id is a text such as 7K3Q-9MZD-2C4T", SLICE_NONE);
	if (!id_parse(string_of(value), id))
		return complain_about(why, "not an id such as 7K3Q-9MZD-2C4T", string_of(value));
	return true;
}

static bool take_ids(
	const json_t *value, struct arena *arena, struct question *question, struct text *why)
{
	if (!value)
		return true;
	if (!json_is_array(value))
		return complain_about(why, "ids must be a list of ids", SLICE_NONE);
	question->id_count = json_array_size(value);
	question->ids = ARENA_ARRAY(arena, uint64_t, question->id_count + 1);
	for (size_t i = 0; i < question->id_count; i++)
		if (!take_id(json_array_get(value, i), &question->ids[i], why))
			return false;
	return true;
}

static bool take_act(const json_t *value, struct question *question, struct text *why)
{
	static const char *const names[ACTS] = {
		[ACT_RETRY] = "retry",
		[ACT_HOLD] = "hold",
		[ACT_RELEASE] = "release",
		[ACT_REMOVE] = "remove",
		[ACT_BOUNCE] = "bounce",
	};

	for (int i = 0; i < ACTS; i++)
		if (json_is_string(value) && slice_is(string_of(value), slice_of(names[i]))) {
			question->act = (enum act)i;
			return true;
		}
	return complain_about(why, "act must be retry, hold, release, remove or bounce",
		json_is_string(value) ? string_of(value) : SLICE_NONE);
}

static bool parse_nothing(
	const json_t *object, struct arena *arena, struct question *question, struct text *why)
{
	(void)object;
	(void)arena;
	(void)question;
	(void)why;
	return true;
}

static bool parse_list(
	const json_t *object, struct arena *arena, struct question *question, struct text *why)
{
	return take_limit(json_object_get(object, "limit"), question, why) &&
	       take_pattern(json_object_get(object, "to"), arena, question, why);
}

static bool parse_left(
	const json_t *object, struct arena *arena, struct question *question, struct text *why)
{
	const json_t *after = json_object_get(object, "after");

	(void)arena;
	return take_limit(json_object_get(object, "limit"), question, why) &&
	       (!after || take_id(after, &question->after, why));
}

static bool parse_clear(
	const json_t *object, struct arena *arena, struct question *question, struct text *why)
{
	json_int_t segment = json_integer_value(json_object_get(object, "segment"));
	const json_t *salvage = json_object_get(object, "salvage");

	(void)arena;
	if (segment < 1 || segment > UINT32_MAX)
		return complain_about(why, "segment must be its number", SLICE_NONE);
	if (!json_is_boolean(salvage))
		return complain_about(why, "salvage must be true or false", SLICE_NONE);
	question->segment = (uint32_t)segment;
	question->salvage = json_is_true(salvage);
	return true;
}

static bool parse_show(
	const json_t *object, struct arena *arena, struct question *question, struct text *why)
{
	(void)arena;
	return take_id(json_object_get(object, "id"), &question->id, why);
}

static bool parse_act(
	const json_t *object, struct arena *arena, struct question *question, struct text *why)
{
	if (!take_act(json_object_get(object, "act"), question, why) ||
		!take_ids(json_object_get(object, "ids"), arena, question, why) ||
		!take_pattern(json_object_get(object, "to"), arena, question, why))
		return false;
	if (!question->id_count && !question->to.len) /* never all of it by mistake */
		return complain_about(why, "ids or to must say which messages", SLICE_NONE);
	return true;
}

static bool parse_object(
	const json_t *object, struct arena *arena, struct question *question, struct text *why)
{
	static const struct {
		const char *name;
		enum question_kind kind;
		bool (*parse)(const json_t *, struct arena *, struct question *, struct text *);
	} rows[] = {
		{"status", QUESTION_STATUS, parse_nothing},
		{"queue", QUESTION_LIST, parse_list},
		{"queue-left", QUESTION_LEFT, parse_left},
		{"queue-damage", QUESTION_DAMAGE, parse_nothing},
		{"queue-clear", QUESTION_CLEAR, parse_clear},
		{"queue-show", QUESTION_SHOW, parse_show},
		{"queue-act", QUESTION_ACT, parse_act},
	};
	const json_t *ask = json_object_get(object, "ask");

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (json_is_string(ask) && slice_is(string_of(ask), slice_of(rows[i].name))) {
			question->kind = rows[i].kind;
			return rows[i].parse(object, arena, question, why);
		}
	return complain_about(why,
		"the queue answers status, queue, queue-left, queue-show, "
		"queue-act, queue-damage and queue-clear",
		json_is_string(ask) ? string_of(ask) : SLICE_NONE);
}

bool question_parse(
	struct slice json, struct arena *arena, struct question *question, struct text *why)
{
	json_error_t error;

	*question = (struct question){.kind = QUESTION_STATUS};
	if (!json.len || json.len > QUESTION_MAX)
		return complain_about(why, "a question is one JSON object", SLICE_NONE);
	json_t *object = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(object)) {
		json_decref(object);
		return complain_about(why, "a question is one JSON object", SLICE_NONE);
	}
	bool good = parse_object(object, arena, question, why);
	json_decref(object);
	return good;
}
