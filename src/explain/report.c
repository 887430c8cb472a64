/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a delivery status notification (RFC 3464 2.2, 2.3), read as they come: some servers
 * write them in another order, with empty lines between, or in the text for people.
 */
#include "base/text.h"
#include "explain/inside.h"

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
	bool any;
};

/* ---- one value ---- */

/* "rfc822; user@example.org" without its type. */
static struct slice without_type(struct slice value)
{
	size_t end = slice_find(slice_part(value, 0, 20), ';');

	return slice_trim(end == SIZE_MAX ? value : slice_from(value, end + 1));
}

/* RFC 6533 3: "\x{2603}" in utf-8 addresses stays as it is; it is still one name for one mailbox.
 */
static struct slice address_of(struct slice value)
{
	struct slice address = without_type(value);
	struct mention mention;

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

static void group_end(struct fields *fields)
{
	struct group *group = &fields->group;
	struct scene *scene = fields->scene;
	struct slice final = address_of(group->final), original = address_of(group->original);
	struct failure *failure;

	if (!group->started)
		return;
	/* X.400 and other names: the address the sender wrote is more use. */
	if (names_mailbox(final))
		failure = failure_of(scene, final);
	else
		failure = failure_of(scene, names_mailbox(original) ? original : SLICE_NONE);
	if (failure) {
		if (slice_has(original, '@') && !slice_is_nocase(original, failure->recipient))
			failure->original_recipient = original;
		if (!slice_is_nocase(final, failure->recipient))
			failure->final_recipient = final;
		failure->fate = fate_of(group->action, group->status);
		failure->has_status = status_find(group->status, &failure->status);
		failure->words = squeezed(group->diagnostic.len ? without_type(group->diagnostic)
								: comment_of(group->status),
			scene->arena);
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
	return fields->blank_before && named && (names || (group->action.len && group->status.len));
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
	reading->envelope_sender = address_of(reading->envelope_sender);
	reading->truncated |= text.len > 0;
	return fields.any;
}
