/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of input it is. The contract is in reading.h. */
#include "explain/reading.h"

#include <string.h>

#include "base/text.h"
#include "explain/inside.h"
#include "wire/decode.h"

struct failure *failure_of(struct scene *scene, struct slice recipient)
{
	struct reading *reading = scene->reading;

	for (size_t i = 0; i < reading->failure_count && recipient.len; i++)
		if (slice_is_nocase(reading->failures[i].recipient, recipient))
			return &reading->failures[i];
	if (reading->failure_count == FAILURES_MAX) {
		reading->truncated = true;
		return NULL;
	}
	struct failure *failure = &reading->failures[reading->failure_count++];
	*failure = (struct failure){.recipient = slice_part(recipient, 0, 320)};
	return failure;
}

/* ---- what comes in ---- */

/* Line ends of old Macs, which nothing else here knows; NUL, which ends nothing here. */
static struct slice plain_lines(struct slice input, struct arena *arena)
{
	bool lone = slice_has(slice_part(input, 0, 65536), '\r') && !slice_has(input, '\n');

	if (!input.len || (!lone && !memchr(input.at, 0, input.len)))
		return input;
	char *out = arena_alloc(arena, input.len);
	for (size_t i = 0; i < input.len; i++)
		out[i] = lone && input.at[i] == '\r' ? '\n' : input.at[i] ? input.at[i] : ' ';
	return (struct slice){out, input.len};
}

/* The separator of mbox files, quoted once too often or not. */
static struct slice without_separator(struct slice input)
{
	while (slice_starts(input, SLICE("From ")) || slice_starts(input, SLICE(">From ")))
		(void)slice_cut(&input, '\n');
	return input;
}

static bool is_mail(struct slice input, struct arena *arena)
{
	static const struct slice names[] = {SLICE("From"), SLICE("Received"), SLICE("Return-Path"),
		SLICE("Subject"), SLICE("Message-ID"), SLICE("MIME-Version"), SLICE("Date"),
		SLICE("To"), SLICE("Content-Type"), SLICE("Delivered-To")};
	struct headers headers;
	size_t known = 0;

	header_scan(slice_part(input, 0, 65536), arena, &headers);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		known += header_count(&headers, names[i]) > 0;
	return known >= 3 || (known >= 2 && !headers.malformed && headers.body_at < input.len);
}

/* ---- a reply, or the words of a report without its header ---- */

static bool begins_with_code(struct slice text)
{
	return text.len > 3 && reply_code_find(slice_part(text, 0, 4)) &&
	       slice_has(SLICE(" -"), text.at[3]);
}

static size_t line_count(struct slice text)
{
	size_t count = 0;

	for (; text.len && count < LINES_MOST; count++)
		(void)line_take(&text);
	return count;
}

static void reply_read(struct scene *scene, struct slice text)
{
	struct failure *failure = failure_of(scene, SLICE_NONE);
	struct mention mention;

	scene->reading->kind = INPUT_REPLY;
	failure->words = squeezed(text, scene->arena); /* lines: failure_complete() */
	failure->reported = failure->words;
	if (address_find(failure->words, 0, &mention))
		failure->recipient = mention.address;
}

static bool says_something(struct slice text)
{
	struct enhanced status;
	size_t letters = 0;

	for (size_t i = 0; i < text.len && letters < 3; i++)
		letters += ascii_is_alpha(text.at[i]) || (uint8_t)text.at[i] >= 0x80;
	return letters == 3 || reply_code_find(text) || status_find(text, &status);
}

static void text_read(struct scene *scene, struct slice text)
{
	struct slice start = slice_trim(text);
	bool fields = has_nocase(text, "Diagnostic-Code:") || has_nocase(text, "Final-Recipient:");

	if (!says_something(text))
		return;
	if (notice_read(scene, text) || window_read(scene, text) || log_read(scene, text))
		return;
	if (fields && report_read(scene, text)) {
		(void)prose_read(scene, text);
		scene->reading->kind = INPUT_BOUNCE;
	} else if (begins_with_code(start) || line_count(text) <= 3) {
		reply_read(scene, text);
	} else if (prose_read(scene, text)) {
		original_read(scene, slice_from(text, original_find(text)));
		scene->reading->kind = INPUT_BOUNCE;
	} else {
		reply_read(scene, text);
	}
}

void reading_of(struct slice input, struct arena *arena, struct reading *reading)
{
	struct scene scene = {.arena = arena, .reading = reading};

	*reading = (struct reading){.truncated = input.len > INPUT_MOST,
		.failures = ARENA_ARRAY(arena, struct failure, FAILURES_MAX)};
	input = without_separator(plain_lines(slice_part(input, 0, INPUT_MOST), arena));
	while (input.len && slice_has(SLICE(" \t\r\n"), input.at[0]))
		input = slice_from(input, 1);
	if (is_mail(input, arena))
		mail_read(&scene, input, 0);
	else
		text_read(&scene,
			text_of_charset(slice_part(input, 0, PROSE_MOST), SLICE_NONE, arena));
	for (size_t i = 0; i < reading->failure_count; i++) {
		fill(&reading->failures[i].reporting_mta, reading->reporting_mta);
		failure_complete(&scene, &reading->failures[i]);
		fill(&reading->failures[i].postern_id, reading->postern_id);
	}
}
