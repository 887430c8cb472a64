/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of a log line. Read log.h first. */
#include "role/log.h"

#include <errno.h>
#include <unistd.h>

#include "base/id.h"

static struct slice level_text(enum log_level level)
{
	switch (level) {
	case LEVEL_DEBUG: return SLICE("debug");
	case LEVEL_INFO: return SLICE("info");
	case LEVEL_WARN: return SLICE("warn");
	case LEVEL_ERROR: return SLICE("error");
	}
	return SLICE("error");
}

/* ---- readable: blanks part the fields, so a blank inside a value is escaped too ---- */

static void put_value(struct text *text, struct slice value)
{
	value = slice_part(value, 0, LOG_FIELD_MAX);
	while (slice_has(value, ' ')) {
		text_escaped(text, slice_cut(&value, ' '));
		text_put(text, SLICE("\\x20"));
	}
	text_escaped(text, value);
}

static void put_word(struct text *text, struct slice value)
{
	text_char(text, ' ');
	if (value.len > 0)
		put_value(text, value);
	else
		text_char(text, '-');
}

static void put_field(struct text *text, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	text_char(text, ' ');
	text_put(text, slice_of(name));
	text_char(text, '=');
	put_value(text, value);
}

/* In brackets, so that one pattern finds addresses whatever stands around them. */
static void put_client(struct text *text, struct slice client)
{
	if (client.len == 0)
		return;
	text_put(text, SLICE(" client=["));
	put_value(text, client);
	text_char(text, ']');
}

static void put_readable(struct text *text, const struct log_line *line)
{
	text_time(text, line->time);
	put_word(text, level_text(line->level));
	put_word(text, line->role);
	put_word(text, line->event);
	if (line->id) {
		text_put(text, SLICE(" id="));
		text_id(text, line->id);
	}
	put_client(text, line->client);
	put_field(text, "account", line->account);
	put_field(text, "sender", line->sender);
	put_field(text, "recipient", line->recipient);
	if (line->code) {
		text_put(text, SLICE(" code="));
		text_number(text, line->code);
	}
	put_field(text, "enhanced", line->enhanced);
	put_field(text, "clause", line->clause);
	if (line->text.len > 0) {
		text_char(text, ' ');
		text_escaped(text, slice_part(line->text, 0, LOG_TEXT_MAX));
	}
}

/* ---- JSON ---- */

static void put_member(struct text *text, const char *name, struct slice value, size_t most)
{
	if (value.len == 0)
		return;
	text_put(text, SLICE(",\""));
	text_put(text, slice_of(name));
	text_put(text, SLICE("\":"));
	text_json(text, slice_part(value, 0, most));
}

static void put_json(struct text *text, const struct log_line *line)
{
	text_put(text, SLICE("{\"time\":\""));
	text_time(text, line->time);
	text_char(text, '"');
	put_member(text, "level", level_text(line->level), LOG_FIELD_MAX);
	put_member(text, "role", line->role, LOG_FIELD_MAX);
	put_member(text, "event", line->event, LOG_FIELD_MAX);
	if (line->id) {
		text_put(text, SLICE(",\"id\":\""));
		text_id(text, line->id);
		text_char(text, '"');
	}
	put_member(text, "client", line->client, LOG_FIELD_MAX);
	put_member(text, "account", line->account, LOG_FIELD_MAX);
	put_member(text, "sender", line->sender, LOG_FIELD_MAX);
	put_member(text, "recipient", line->recipient, LOG_FIELD_MAX);
	if (line->code) {
		text_put(text, SLICE(",\"code\":"));
		text_number(text, line->code);
	}
	put_member(text, "enhanced", line->enhanced, LOG_FIELD_MAX);
	put_member(text, "clause", line->clause, LOG_FIELD_MAX);
	put_member(text, "text", line->text, LOG_TEXT_MAX);
	text_char(text, '}');
}

void text_log_line(struct text *text, const struct log_line *line, enum log_form form)
{
	if (form == LOG_JSON)
		put_json(text, line);
	else
		put_readable(text, line);
}

enum log_form log_form_of(int fd)
{
	return isatty(fd) ? LOG_READABLE : LOG_JSON;
}

/* Up to the end of the last whole line that keeps within it. */
static size_t whole_lines(struct slice lines)
{
	struct slice part = slice_part(lines, 0, LOG_WRITE_MAX);

	if (part.len == lines.len)
		return part.len;
	while (part.len && part.at[part.len - 1] != '\n')
		part.len--;
	return part.len ? part.len : slice_find(lines, '\n') + 1;
}

void log_send(struct log_lines *lines)
{
	int error = errno;

	for (struct slice left = text_slice(&lines->text); left.len;) {
		size_t now = whole_lines(left);
		ssize_t written = write(lines->fd, left.at, now);
		(void)written; /* whoever reads it may be gone or slow; mail does not wait for it */
		left = slice_from(left, now);
	}
	text_free(&lines->text);
	errno = error;
}

void log_gather(struct log_lines *lines, const struct log_line *line)
{
	text_log_line(&lines->text, line, lines->form);
	text_char(&lines->text, '\n');
	if (lines->text.len >= LOG_WRITE_MAX)
		log_send(lines);
}

void log_write(int fd, const struct log_line *line, enum log_form form)
{
	struct log_lines one = {.fd = fd, .form = form, .text = TEXT_GROWING};

	log_gather(&one, line);
	log_send(&one);
}
