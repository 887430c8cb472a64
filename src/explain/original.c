/* SPDX-License-Identifier: Apache-2.0 */
/* The message a report is about: where its copy begins in the words, and what its header says. */
#include "explain/inside.h"

/* How servers introduce the copy, without the dashes around it. */
static const char *const introductions[] = {"this is a copy of", "below this line is a copy",
	"below is a copy of", "original message follows", "original message headers",
	"original message header", "original message as received", "original mail info",
	"original mail as follows", "the header of the original", "header of the source mail",
	"message headers follow", "message header follows", "unsent message follows",
	"returned message follows", "returned mail follows", "included is a copy of the message",
	"mensaje original", "mensagem original", "a summary of the undelivered message",
	"start of returned message", "undelivered message follows", "failed message follows",
	"text of your message", "your original message follows", "the original message follows",
	"the original message was as follows", "your message follows", "the unsent message follows",
	"full header of the original", "message text follows", "headers of the original",
	"copy of the original message", "the following is a copy of",
	"returned message:", "begin message", "message header:", "original message header:", NULL};

static struct slice undecorated(struct slice line)
{
	while (line.len && slice_has(SLICE("-=*_>#~ \t"), line.at[0]))
		line = slice_from(line, 1);
	while (line.len && slice_has(SLICE("-=*_<#~ \t\r"), line.at[line.len - 1]))
		line.len--;
	return line;
}

static bool introduces(struct slice line)
{
	struct slice words = undecorated(line);

	if (words.len > 120)
		return false;
	for (const char *const *known = introductions; *known; known++)
		if (slice_starts_nocase(words, slice_of(*known)))
			return true;
	/* "----- Original message -----": only with its dashes, for sentences begin so too. */
	return slice_starts_nocase(words, SLICE("original message")) &&
	       (line.len > words.len + 2 || words.len == 16);
}

/* A line of a header that a mail has and a report's prose has not. */
static bool is_trace_line(struct slice line)
{
	static const struct slice names[] = {SLICE("Received:"), SLICE("Return-Path:"),
		SLICE("DKIM-Signature:"), SLICE("X-Received:"), SLICE("Message-ID:"),
		SLICE("MIME-Version:"), SLICE("Content-Type:"), SLICE("X-Mailer:")};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_starts_nocase(line, names[i]))
			return true;
	return false;
}

static bool is_field_line(struct slice line)
{
	size_t colon = slice_find(slice_part(line, 0, 40), ':');

	if (colon == SIZE_MAX || colon == 0)
		return false;
	for (size_t i = 0; i < colon; i++)
		if (!ascii_is_alnum(line.at[i]) && line.at[i] != '-')
			return false;
	return true;
}

/* Two lines of fields, one of them trace, at the margin. */
static bool header_begins(struct slice text)
{
	struct slice first = line_take(&text);

	if (slice_starts(first, SLICE(">")))
		first = slice_from(first, 1);
	if (!is_field_line(first))
		return false;
	bool trace = is_trace_line(first);
	for (unsigned lines = 0; lines < 6 && text.len; lines++) {
		struct slice line = line_take(&text);
		if (slice_starts(line, SLICE(">")))
			line = slice_from(line, 1);
		if (is_trace_line(line) && (trace || lines < 4))
			return true;
		if (!is_field_line(line) &&
			!(line.len && (line.at[0] == ' ' || line.at[0] == '\t')))
			return false;
		if (trace && is_field_line(line))
			return true;
	}
	return false;
}

size_t original_find(struct slice prose)
{
	struct slice left = prose;

	for (size_t lines = 0; left.len && lines < LINES_MOST; lines++) {
		size_t at = prose.len - left.len;
		if (header_begins(slice_part(left, 0, 4096)))
			return at;
		struct slice line = line_take(&left);
		if (at && introduces(line))
			return at;
	}
	return prose.len;
}

/* The header in a quoted copy: behind the introduction, empty lines and rules. */
static struct slice header_of(struct slice copy)
{
	for (unsigned lines = 0; lines < 12 && copy.len; lines++) {
		struct slice rest = copy;
		struct slice line = line_take(&rest);
		if (is_field_line(line))
			return copy;
		copy = rest;
	}
	return copy;
}

void original_read(struct scene *scene, struct slice copy)
{
	struct reading *reading = scene->reading;
	struct headers headers;
	const struct {
		struct slice name, *field;
	} fields[] = {{SLICE("Message-ID"), &reading->message_id},
		{SLICE("Date"), &reading->message_date}, {SLICE("From"), &reading->message_from},
		{SLICE("To"), &reading->message_to}, {SLICE("Subject"), &reading->message_subject}};

	header_scan(slice_part(header_of(copy), 0, 65536), scene->arena, &headers);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		fill(fields[i].field,
			slice_part(
				field_text_of(&headers, fields[i].name, 0, scene->arena), 0, 1000));
}
