/* SPDX-License-Identifier: Apache-2.0 */
/* Complaints about a configuration. The contract is in complaint.h. */
#include "policy/complaint.h"

#include <string.h>

#include "base/utf8.h"

enum { SOURCE_SHOWN_MAX = 160 };

void complaints_init(struct complaints *complaints)
{
	*complaints = (struct complaints){.arena = arena_new()};
}

void complaints_free(struct complaints *complaints)
{
	arena_free(complaints->arena);
	*complaints = (struct complaints){0};
}

static void complaints_grow(struct complaints *complaints)
{
	size_t size = complaints->size ? 2 * complaints->size : 8;
	struct complaint *list = ARENA_ARRAY(complaints->arena, struct complaint, size);

	if (complaints->count)
		memcpy(list, complaints->list, complaints->count * sizeof *list);
	complaints->list = list;
	complaints->size = size;
}

void complain(struct complaints *complaints, const struct complaint *complaint)
{
	if (complaints->count == complaints->size)
		complaints_grow(complaints);
	struct complaint *copy = &complaints->list[complaints->count++];
	*copy = *complaint;
	copy->file = arena_slice(complaints->arena, complaint->file);
	copy->source = arena_slice(complaints->arena, complaint->source);
	copy->what = arena_slice(complaints->arena, complaint->what);
	copy->right = arena_slice(complaints->arena, complaint->right);
	copy->transcript = arena_slice(complaints->arena, complaint->transcript);
	complaints->errors += complaint->severity == SEVERITY_ERROR;
}

static const char *severity_text(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_NOTE] = "note",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_ERROR] = "error",
	};
	return names[severity];
}

/* One character as a terminal shows it in one column: a tab becomes a blank, what may not be shown
 * a question mark. */
static void text_character(struct text *text, struct slice character, uint32_t point)
{
	bool control = point < ' ' || (point >= 0x7f && point < 0xa0) || point == 0xfffd;

	if (point == '\t')
		text_char(text, ' ');
	else if (control || utf8_reorders(point))
		text_char(text, '?');
	else
		text_put(text, character);
}

static void text_source(struct text *text, struct slice source)
{
	uint32_t point;

	for (unsigned shown = 0; source.len > 0 && shown < SOURCE_SHOWN_MAX; shown++) {
		size_t len = utf8_decode(source, &point);
		len = len ? len : 1;
		text_character(text, slice_part(source, 0, len), point);
		source = slice_from(source, len);
	}
}

static void text_caret(struct text *text, const struct complaint *complaint)
{
	text_put(text, SLICE("      | "));
	for (unsigned i = 1; i < complaint->column; i++)
		text_char(text, ' ');
	text_char(text, '^');
	for (unsigned i = 1; i < complaint->width && complaint->column + i <= SOURCE_SHOWN_MAX; i++)
		text_char(text, '~');
	text_char(text, '\n');
}

static void text_session(struct text *text, struct slice lines)
{
	while (lines.len > 0) {
		text_put(text, SLICE("      | "));
		text_escaped(text, slice_cut(&lines, '\n'));
		text_char(text, '\n');
	}
}

static void text_line(struct text *text, const struct complaint *complaint)
{
	text_format(text, "%5u | ", complaint->line);
	text_source(text, complaint->source);
	text_char(text, '\n');
	if (complaint->column <= SOURCE_SHOWN_MAX)
		text_caret(text, complaint);
}

void text_complaint(struct text *text, const struct complaint *complaint)
{
	text_escaped(text, complaint->file);
	if (complaint->line > 0)
		text_format(text, ":%u:%u", complaint->line, complaint->column);
	text_format(text, ": %s: ", severity_text(complaint->severity));
	text_escaped(text, complaint->what);
	if (complaint->right.len > 0) {
		text_put(text, SLICE("; "));
		text_escaped(text, complaint->right);
	}
	text_char(text, '\n');
	if (complaint->line > 0)
		text_line(text, complaint);
	text_session(text, complaint->transcript);
}

void text_complaint_json(struct text *text, const struct complaint *complaint)
{
	text_format(text, "{\"severity\":\"%s\",\"file\":", severity_text(complaint->severity));
	text_json(text, complaint->file);
	text_format(
		text, ",\"line\":%u,\"column\":%u,\"what\":", complaint->line, complaint->column);
	text_json(text, complaint->what);
	text_put(text, SLICE(",\"right\":"));
	text_json(text, complaint->right);
	if (complaint->transcript.len > 0) {
		text_put(text, SLICE(",\"transcript\":"));
		text_json(text, complaint->transcript);
	}
	text_char(text, '}');
}
