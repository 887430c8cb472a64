/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One journal line taken apart. Read read.h first, and journal.c for the other direction: the two
 * are held together by the round trips of journal_test.c.
 */
#include "journal/read.h"

#include <jansson.h>

#include "base/id.h"

static struct slice get_text(const json_t *object, const char *name, struct arena *arena)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return SLICE_NONE;
	return arena_slice(
		arena, (struct slice){json_string_value(value), json_string_length(value)});
}

static uint64_t get_number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;

	return number < 0 ? 0 : (uint64_t)number;
}

static bool get_truth(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

static uint64_t id_of(const json_t *value)
{
	uint64_t id = 0;

	if (!json_is_string(value) || !id_parse(slice_of(json_string_value(value)), &id))
		return 0;
	return id;
}

static uint64_t get_id(const json_t *object, const char *name)
{
	return id_of(json_object_get(object, name));
}

static wall_ns get_time(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	wall_ns time = 0;

	if (!json_is_string(value) || !time_parse(slice_of(json_string_value(value)), &time))
		return 0;
	return time;
}

static struct journal_place get_place(const json_t *object, const char *name, struct arena *arena)
{
	const json_t *place = json_object_get(object, name);

	if (!json_is_object(place))
		return (struct journal_place){.known = false};
	return (struct journal_place){
		.known = true,
		.line = (unsigned)get_number(place, "line"),
		.file = get_text(place, "file", arena),
		.text = get_text(place, "text", arena),
	};
}

static void get_client(const json_t *object, struct arena *arena, struct journal_line *line)
{
	const json_t *client = json_object_get(object, "client");

	line->client = get_text(client, "ip", arena);
	line->client_name = get_text(client, "name", arena);
	line->helo = get_text(client, "helo", arena);
	line->network = get_text(client, "network", arena);
	/* Of a delivery an object (journal.c), in lines of before a truth. */
	line->tls = get_truth(client, "tls") || get_truth(object, "tls") ||
		    json_is_string(json_object_get(json_object_get(object, "tls"), "reached"));
	line->has_address = address_parse(line->client, &line->address);
}

static void get_facts(const json_t *object, struct journal_line *line)
{
	const json_t *facts = json_object_get(object, "facts");
	const json_t *ours = json_object_get(facts, "recipient_ours");

	line->trusted = get_truth(json_object_get(facts, "trusted"), "value");
	line->has_recipient_ours = json_is_object(ours);
	line->recipient_ours = get_truth(ours, "value");
	line->recipients = get_number(json_object_get(facts, "recipients"), "value");
	line->size_declared = get_truth(json_object_get(facts, "size"), "declared");
}

static void get_repeats(const json_t *object, struct journal_line *line)
{
	const json_t *ids = json_object_get(object, "ids");

	line->repeats = get_number(object, "repeats");
	line->first_id = id_of(json_array_get(ids, 0));
	line->last_id = id_of(json_array_get(ids, 1));
}

static void get_trace(const json_t *object, struct arena *arena, struct journal_line *line)
{
	const json_t *list = json_object_get(object, "trace");
	size_t count = json_array_size(list);
	struct journal_trace *trace = ARENA_ARRAY(arena, struct journal_trace, count + 1);

	for (size_t i = 0; i < count; i++) {
		const json_t *entry = json_array_get(list, i);
		const json_t *value = json_array_get(entry, 1);
		trace[i].clause = (uint32_t)json_integer_value(json_array_get(entry, 0));
		trace[i].value = (int8_t)(json_is_true(value) ? 1 : json_is_false(value) ? 0 : -1);
	}
	line->trace = trace;
	line->trace_count = count;
}

static void get_envelope(const json_t *object, struct arena *arena, struct journal_line *line)
{
	line->account = get_text(object, "account", arena);
	line->has_sender = json_is_string(json_object_get(object, "sender"));
	line->sender = get_text(object, "sender", arena);
	line->recipient = get_text(object, "recipient", arena);
	line->from = get_text(object, "from", arena);
	line->has_size = json_is_integer(json_object_get(object, "size"));
	line->size = get_number(object, "size");
}

static void get_outcome(const json_t *object, struct arena *arena, struct journal_line *line)
{
	line->decision = get_text(object, "decision", arena);
	line->reason = get_text(object, "reason", arena);
	line->reply = get_text(object, "reply", arena);
	line->remote = get_text(object, "remote", arena);
	line->attempt = get_number(object, "attempt");
	line->count = get_number(object, "count");
	line->repeated = json_is_true(json_object_get(object, "repeated"));
	line->number = get_number(object, "number");
	line->next = get_time(object, "next");
	line->us = (int64_t)get_number(object, "us");
}

/* A line without a time, or of a schema not known here, is not one of ours. */
static bool get_line(const json_t *object, struct arena *arena, struct journal_line *line)
{
	line->time = get_time(object, "time");
	if (get_number(object, "schema") != 1 || !line->time)
		return false;
	line->event = get_text(object, "event", arena);
	line->id = get_id(object, "id");
	line->message = get_id(object, "message");
	get_repeats(object, line);
	line->node = get_text(object, "node", arena);
	line->session = get_text(object, "session", arena);
	line->policy = get_text(object, "policy", arena);
	line->stage = get_text(object, "stage", arena);
	line->listener = get_text(object, "listener", arena);
	line->grant = get_place(object, "grant", arena);
	line->clause = get_place(object, "clause", arena);
	get_client(object, arena, line);
	get_envelope(object, arena, line);
	get_facts(object, line);
	get_outcome(object, arena, line);
	get_trace(object, arena, line);
	return true;
}

bool journal_line_read(struct slice text, struct arena *arena, struct journal_line *line)
{
	json_error_t error;

	*line = (struct journal_line){.raw = text};
	if (!text.len || text.len > JOURNAL_LINE_MAX)
		return false;
	json_t *object = json_loadb(text.at, text.len, JSON_ALLOW_NUL, &error);
	bool good = json_is_object(object) && get_line(object, arena, line);
	json_decref(object);
	return good;
}

static bool sender_matches(const struct journal_line *line, struct slice pattern)
{
	if (line->has_sender && slice_matches(line->sender, pattern))
		return true;
	return line->from.len && slice_matches(line->from, pattern);
}

static bool has_id(const struct journal_line *line, uint64_t id)
{
	return line->id == id || line->message == id ||
	       (line->repeats && id >= line->first_id && id <= line->last_id &&
		       id_slot(id) == id_slot(line->id));
}

bool journal_query_matches(const struct journal_query *query, const struct journal_line *line)
{
	if (query->id && !has_id(line, query->id))
		return false;
	if (line->time < query->since || (query->until && line->time >= query->until))
		return false;
	if (query->to.len && !slice_matches(line->recipient, query->to))
		return false;
	if (query->from.len && !sender_matches(line, query->from))
		return false;
	return !query->client ||
	       (line->has_address && network_contains(query->client, &line->address));
}
