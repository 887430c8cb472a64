/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a delivery status notification (RFC 3464 2.2, 2.3), read as they come: some servers
 * write them in another order, with empty lines between, or in the text for people.
 */
#include "base/text.h"
#include "explain/inside.h"
#include "wire/decode.h"

struct group {
	struct slice original, final, action, status, remote, diagnostic, attempted, until,
		reporting, cause;
	bool started;
};

struct fields {
	struct scene *scene;
	struct group group;
	struct slice *last; /* where a continuation line goes */
	bool blank_before;  /* an empty line since the last field */
	bool spaced;        /* and one before that: they stand between the fields of a group */
	bool any;
};

/* ---- one value ---- */

/* "rfc822; user@example.org" without its type, which is a word and no answer of a server. */
static struct slice without_type(struct slice value)
{
	size_t end = slice_find(slice_part(value, 0, 24), ';');
	struct slice type = slice_trim(slice_part(value, 0, end));

	if (end == SIZE_MAX || (type.len && ascii_is_digit(type.at[0])))
		return slice_trim(value);
	for (size_t i = 0; i < type.len; i++)
		if (!ascii_is_alnum(type.at[i]) && !slice_has(SLICE("-_."), type.at[i]))
			return slice_trim(value);
	return slice_trim(slice_from(value, end + 1));
}

static int hex_of(struct slice digits)
{
	int value = 0;

	for (size_t i = 0; i < digits.len && i < 6; i++) {
		char c = ascii_lower(digits.at[i]);
		if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'f'))
			return -1;
		value = value << 4 | (ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	return digits.len ? value : -1;
}

/* RFC 6533 3: "b\x{F6}b@far.example" where the report had to be in ASCII. */
static struct slice without_escapes(struct slice s, struct arena *arena)
{
	struct text text = TEXT_GROWING;

	if (find_nocase(s, SLICE("\\x{")) == SIZE_MAX)
		return s;
	for (size_t i = 0; i < s.len; i++) {
		struct slice rest = slice_from(s, i);
		size_t end = slice_starts(rest, SLICE("\\x{")) ? slice_find(rest, '}') : SIZE_MAX;
		int point = end == SIZE_MAX ? -1 : hex_of(slice_part(rest, 3, end));
		if (point > ' ')
			point_put(&text, (uint32_t)point);
		else
			text_char(&text, s.at[i]);
		i += point > ' ' ? end : 0;
	}
	struct slice made = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return made;
}

/* X.400 and its kin with an Internet address inside: "/DD.RFC-822=bob(a)far.example/O=gate/",
 * "DDA:SMTP=bob@far.example; on". RFC 2156 4.3 and 5.1 have the letters in brackets. */
static struct slice address_inside(struct slice s, struct arena *arena)
{
	size_t at = find_nocase(s, SLICE("RFC-822=")), smtp = find_nocase(s, SLICE("SMTP="));
	size_t begin = at != SIZE_MAX ? at + 8 : smtp != SIZE_MAX ? smtp + 5 : s.len;
	struct slice value = slice_from(s, begin);
	struct text text = TEXT_GROWING;

	value = slice_cut(&value, '/');
	value = slice_cut(&value, ';');
	for (size_t i = 0; i < value.len; i++) {
		struct slice three = slice_part(value, i, i + 3);
		bool letter = slice_is_nocase(three, SLICE("(a)"));
		text_char(&text, letter ? '@' : value.at[i]);
		i += letter ? 2 : 0;
	}
	struct slice made = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return is_address(made) ? made : SLICE_NONE;
}

static struct slice address_of(struct slice value, struct arena *arena)
{
	struct slice address = without_escapes(without_type(value), arena);
	struct slice inside = slice_has(address, '=') ? address_inside(address, arena) : SLICE_NONE;
	struct mention mention;

	if (inside.len)
		return inside;
	if (address_find(address, 0, &mention) && !slice_starts(address, SLICE("@")))
		return mention.address;
	if (address.len > 1 && address.at[0] == '<' && address.at[address.len - 1] == '>')
		address = slice_part(address, 1, address.len - 1);
	return slice_trim(address);
}

/* "dns; mx.example.org (192.0.2.1)" */
static struct slice host_of(struct slice value)
{
	struct slice host = without_type(value);

	return slice_cut(&host, ' ');
}

static enum fate fate_of(struct slice action, struct slice status)
{
	static const struct {
		struct slice word;
		enum fate fate;
	} words[] = {{SLICE("fail"), FATE_FAILED}, {SLICE("delayed"), FATE_DELAYED},
		{SLICE("deliverable"), FATE_DELIVERED}, {SLICE("delivered"), FATE_DELIVERED},
		{SLICE("relayed"), FATE_RELAYED}, {SLICE("expanded"), FATE_EXPANDED}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_starts_nocase(action, words[i].word))
			return words[i].fate;
	return slice_starts(status, SLICE("2")) ? FATE_DELIVERED : FATE_FAILED;
}

/* "user@host" without a dot is an address here: the field says so. */
static bool names_mailbox(struct slice address)
{
	size_t at = slice_find_last(address, '@');

	return at != SIZE_MAX && at > 0 && at + 1 < address.len && !slice_has(address, ' ');
}

/* ---- one recipient ---- */

/* "Status: 4.0.0 (far.example: host name lookup failure)": some say it there and nowhere else. */
static struct slice comment_of(struct slice status)
{
	size_t open = slice_find(status, '('), close = slice_find_last(status, ')');

	return open == SIZE_MAX || close == SIZE_MAX || close < open
		       ? SLICE_NONE
		       : slice_part(status, open + 1, close);
}

/* A success that goes with a failure is a mistake of the server that wrote it. */
static bool status_take(struct slice value, struct failure *failure)
{
	bool failed = failure->fate == FATE_FAILED || failure->fate == FATE_DELAYED;

	return failed ? status_find(value, &failure->status)
		      : status_of_field(value, &failure->status);
}

/* Some write the answer where the status belongs: "Status: 553 too big". */
static struct slice words_of(const struct group *group)
{
	if (group->diagnostic.len)
		return without_type(group->diagnostic);
	return reply_code_at(group->status, 0) ? group->status : comment_of(group->status);
}

static void group_end(struct fields *fields)
{
	struct group *group = &fields->group;
	struct scene *scene = fields->scene;
	struct slice final = address_of(group->final, scene->arena);
	struct slice original = address_of(group->original, scene->arena);
	bool odd = slice_starts_nocase(final, SLICE("IMCEA")) && names_mailbox(original);
	struct failure *failure;

	if (!group->started)
		return;
	/* X.400, Exchange's own and other names: the address the sender wrote is more use. */
	if (names_mailbox(final) && !odd)
		failure = failure_of(scene, final);
	else
		failure = failure_of(scene, names_mailbox(original) ? original : SLICE_NONE);
	if (failure) {
		if (slice_has(original, '@') && !slice_is_nocase(original, failure->recipient))
			failure->original_recipient = original;
		if (!slice_is_nocase(final, failure->recipient))
			failure->final_recipient = final;
		failure->fate = fate_of(group->action, group->status);
		failure->has_status = status_take(group->status, failure);
		failure->words = squeezed(words_of(group), scene->arena);
		fill(&failure->remote_mta, host_of(group->remote));
		failure->when = group->attempted;
		failure->next_attempt = group->until;
		failure->stated_cause = slice_cut(&group->cause, ';');
	}
	*group = (struct group){0};
}

/* ---- lines ---- */

static const struct {
	struct slice name;
	size_t at; /* in struct group */
	bool opens;
} group_fields[] = {
	{SLICE("Original-Recipient"), offsetof(struct group, original), true},
	{SLICE("Final-Recipient"), offsetof(struct group, final), true},
	{SLICE("Action"), offsetof(struct group, action), true},
	{SLICE("Status"), offsetof(struct group, status), true},
	{SLICE("Remote-MTA"), offsetof(struct group, remote), true},
	{SLICE("Diagnostic-Code"), offsetof(struct group, diagnostic), true},
	{SLICE("X-Postern-Cause"), offsetof(struct group, cause), false},
	{SLICE("Last-Attempt-Date"), offsetof(struct group, attempted), false},
	{SLICE("Will-Retry-Until"), offsetof(struct group, until), false},
};

static struct slice *report_field(struct scene *scene, struct slice name)
{
	struct reading *reading = scene->reading;

	if (slice_is_nocase(name, SLICE("Reporting-MTA")))
		return &reading->reporting_mta;
	if (slice_is_nocase(name, SLICE("Arrival-Date")))
		return &reading->arrival;
	if (slice_is_nocase(name, SLICE("Original-Envelope-Id")))
		return &reading->envelope_id;
	if (slice_is_nocase(name, SLICE("X-Postern-Queue-ID")))
		return &reading->postern_id;
	if (slice_ends_nocase(name, SLICE("-Queue-ID")))
		return &reading->queue_id;
	if (slice_ends_nocase(name, SLICE("-Sender")))
		return &reading->envelope_sender;
	return NULL;
}

/* A field that is there already, or the recipient's name after an empty line: the next recipient.
 */
static bool group_is_over(const struct fields *fields, const struct slice *field)
{
	const struct group *group = &fields->group;
	bool named = group->final.len || group->original.len;
	bool names = field == &group->final || field == &group->original;

	if (!group->started)
		return false;
	if (field->len)
		return true;
	return fields->blank_before && named &&
	       (names || (!fields->spaced && group->action.len && group->status.len));
}

static void field_take(struct fields *fields, struct slice name, struct slice value)
{
	for (size_t i = 0; i < sizeof group_fields / sizeof *group_fields; i++) {
		struct slice *field =
			(struct slice *)(void *)((char *)&fields->group + group_fields[i].at);
		if (!slice_is_nocase(name, group_fields[i].name))
			continue;
		if (group_is_over(fields, field))
			group_end(fields);
		*field = value;
		fields->group.started |= group_fields[i].opens;
		fields->any |= group_fields[i].opens;
		fields->last = field;
		fields->spaced = fields->blank_before;
		fields->blank_before = false;
		return;
	}
	fields->last = report_field(fields->scene, name);
	if (fields->last && fields->last->len)
		fields->last = NULL;
	if (fields->last)
		*fields->last = value;
}

static void continuation_take(struct fields *fields, struct slice line)
{
	if (!fields->last || fields->last->len + line.len > WORDS_MOST)
		return;
	*fields->last = arena_format(fields->scene->arena, "%.*s\n%.*s", SLICE_ARGS(*fields->last),
		SLICE_ARGS(slice_trim(line)));
}

static bool name_is_plain(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.at[i]) && name.at[i] != '-')
			return false;
	return name.len > 0 && name.len < 60;
}

static void line_read(struct fields *fields, struct slice line)
{
	struct slice value = line;
	struct slice name = slice_trim(slice_cut(&value, ':'));
	bool indented = line.len && (line.at[0] == ' ' || line.at[0] == '\t');

	if (slice_trim(line).len == 0) {
		fields->blank_before = true;
		if (fields->last != &fields->group.diagnostic)
			fields->last = NULL;
	} else if (indented && fields->last && !fields->blank_before) {
		continuation_take(fields, line);
	} else if (slice_has(line, ':') && name_is_plain(name)) {
		field_take(fields, name, slice_trim(value));
	} else {
		continuation_take(fields, line);
	}
}

bool report_read(struct scene *scene, struct slice text)
{
	struct fields fields = {.scene = scene};

	for (size_t lines = 0; text.len && lines < LINES_MOST * 4; lines++)
		line_read(&fields, slice_part(line_take(&text), 0, WORDS_MOST));
	group_end(&fields);
	struct reading *reading = scene->reading;
	reading->reporting_mta = host_of(reading->reporting_mta);
	reading->envelope_sender = address_of(reading->envelope_sender, scene->arena);
	reading->truncated |= text.len > 0;
	return fields.any;
}
