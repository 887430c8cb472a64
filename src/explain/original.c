/* SPDX-License-Identifier: Apache-2.0 */
/* The message a report is about: where its copy begins in the words, and what its header says. */
#include "base/text.h"
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
	       (line.len > words.len + 2 || words.len == 16 ||
		       (words.len == 17 && words.at[16] == ':'));
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

/* "> From: …" without its mark. What is indented is a report's own list of fields. */
static struct slice unquoted(struct slice line)
{
	if (slice_starts(line, SLICE("> ")))
		return slice_from(line, 2);
	return slice_starts(line, SLICE(">")) ? slice_from(line, 1) : line;
}

/* Two lines of fields, one of them trace, at the margin. */
static bool header_begins(struct slice text)
{
	struct slice first = unquoted(line_take(&text));

	if (!is_field_line(first))
		return false;
	bool trace = is_trace_line(first);
	for (unsigned lines = 0; lines < 6 && text.len; lines++) {
		struct slice line = unquoted(line_take(&text));
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

static size_t quote_length(struct slice line)
{
	size_t len = 0;

	while (len < line.len && len < 8 && slice_has(SLICE("> \t|"), line.at[len]))
		len++;
	return len;
}

/* "> From: …": the copy without what quotes each line of it. */
static struct slice without_quote(struct slice copy, size_t quote, struct arena *arena)
{
	struct text text = TEXT_GROWING;
	struct slice mark = slice_part(copy, 0, quote);

	while (copy.len && text.len < 65536) {
		struct slice line = line_take(&copy);
		if (!slice_starts(line, mark))
			break;
		text_put(&text, slice_from(line, quote));
		text_char(&text, '\n');
	}
	struct slice made = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return made;
}

/* The header in a quoted copy: behind the introduction, empty lines and rules. */
static struct slice header_of(struct slice copy, struct arena *arena)
{
	for (unsigned lines = 0; lines < 12 && copy.len; lines++) {
		struct slice rest = copy;
		struct slice line = line_take(&rest);
		size_t quote = quote_length(line);
		if (is_field_line(slice_from(line, quote)))
			return quote ? without_quote(copy, quote, arena) : copy;
		copy = rest;
	}
	return copy;
}

static void addressed_add(struct scene *scene, struct slice address)
{
	if (!scene->addressed)
		scene->addressed = ARENA_ARRAY(scene->arena, struct slice, ADDRESSED_MOST);
	if (scene->addressed_count < ADDRESSED_MOST &&
		!slice_is_nocase(addressed_as(scene, address), address))
		scene->addressed[scene->addressed_count++] = address;
}

static void addressed_read(struct scene *scene, const struct headers *headers)
{
	static const struct slice names[] = {SLICE("To"), SLICE("Cc"), SLICE("Bcc"),
		SLICE("Resent-To"), SLICE("Resent-Cc"), SLICE("Apparently-To"),
		SLICE("Delivered-To"), SLICE("Envelope-To"), SLICE("X-Envelope-To"),
		SLICE("X-Original-To"), SLICE("X-Rcpt-To"), SLICE("X-Receiver")};
	struct mention mention;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (size_t n = 0; n < header_count(headers, names[i]) && n < 8; n++) {
			struct slice list = field_text_of(headers, names[i], n, scene->arena);
			mention.end = 0;
			for (size_t k = 0;
				k < ADDRESSED_MOST && address_find(list, mention.end, &mention);
				k++)
				addressed_add(scene, mention.address);
		}
	/* RFC 5321 4.4: "for <bob@far.example>" of a hop that had one recipient. */
	for (size_t n = 0; n < header_count(headers, SLICE("Received")) && n < 32; n++) {
		struct slice hop = field_text_of(headers, SLICE("Received"), n, scene->arena);
		size_t at = find_nocase(hop, SLICE(" for "));
		if (at != SIZE_MAX && address_find(slice_part(hop, at, at + 300), 0, &mention) &&
			mention.at < 8)
			addressed_add(scene, mention.address);
	}
}

struct slice addressed_as(const struct scene *scene, struct slice name)
{
	for (size_t i = 0; i < scene->addressed_count; i++) {
		struct slice address = scene->addressed[i];
		size_t at = slice_find_last(address, '@');
		if (slice_is_nocase(address, name) ||
			slice_is_nocase(slice_part(address, 0, at), name))
			return address;
	}
	return SLICE_NONE;
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

	header_scan(slice_part(header_of(copy, scene->arena), 0, 65536), scene->arena, &headers);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		fill(fields[i].field,
			slice_part(
				field_text_of(&headers, fields[i].name, 0, scene->arena), 0, 1000));
	addressed_read(scene, &headers);
}
