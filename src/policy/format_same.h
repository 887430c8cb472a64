/* SPDX-License-Identifier: Apache-2.0 */
/* For the formatter's test and fuzz target: whether two files are made of the same statements with
 * the same comments, and whether formatting holds its promises for a file. */
#ifndef POLICY_FORMAT_SAME_H
#define POLICY_FORMAT_SAME_H

#include "base/panic.h"
#include "policy/format.h"
#include "policy/lexer.h"

static inline bool same_statement(const struct statement *a, const struct statement *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->tokens[i].kind != b->tokens[i].kind ||
			!slice_is(a->tokens[i].raw, b->tokens[i].raw))
			return false;
	return true;
}

static inline bool same_statements(struct slice a, struct slice b, struct complaints *complaints)
{
	struct lexer left = lexer_over(SLICE("a"), a, complaints->arena, complaints);
	struct lexer right = lexer_over(SLICE("b"), b, complaints->arena, complaints);
	struct statement one, other;

	for (;;) {
		bool more = lexer_next(&left, &one);
		if (more != lexer_next(&right, &other))
			return false;
		if (!more)
			return true;
		if (!same_statement(&one, &other))
			return false;
	}
}

/* Where a line's comment begins: at a # where a word could begin, outside of strings. */
static inline struct slice comment_of_line(struct slice line)
{
	bool inside = false, word = false;

	for (size_t i = 0; i < line.len; i++) {
		char c = line.at[i];
		bool mark = c == ' ' || c == '\t' || c == '(' || c == ')' || c == '>' || c == ',';
		if (inside && c == '\\') {
			i++;
		} else if (c == '"') {
			inside = !inside;
			word = false;
		} else if (!inside && c == '#' && !word) {
			return slice_trim(slice_from(line, i));
		} else if (!inside) {
			word = !mark;
		}
	}
	return SLICE_NONE;
}

/* The next comment of the file; empty at its end. */
static inline struct slice next_comment(struct slice *left)
{
	while (left->len > 0) {
		struct slice line = slice_cut(left, '\n');
		while (line.len > 0 && slice_has(SLICE("\r \t"), line.at[line.len - 1]))
			line.len--;
		struct slice comment = comment_of_line(line);
		if (comment.len > 0)
			return comment;
	}
	return SLICE_NONE;
}

static inline bool same_comments(struct slice a, struct slice b)
{
	while (slice_starts(a, SLICE("\xef\xbb\xbf")))
		a = slice_from(a, 3);
	for (;;) {
		struct slice left = next_comment(&a), right = next_comment(&b);
		if (!slice_is(left, right))
			return false;
		if (left.len == 0)
			return true;
	}
}

/* Panics if formatting changes what is written, or does not come to rest. False: it is no file of
 * statements. */
static inline bool format_holds(struct slice bytes)
{
	struct complaints complaints;
	struct text once = TEXT_GROWING, twice = TEXT_GROWING;

	complaints_init(&complaints);
	bool good = format_file(SLICE("x"), bytes, &complaints, &once);
	panic_if(good != (complaints.errors == 0), "a complaint, and formatted all the same");
	panic_if(!good && once.len > 0, "something was put for a file that cannot be formatted");
	if (good) {
		bool again = format_file(SLICE("x"), text_slice(&once), &complaints, &twice);
		panic_if(!again, "what was formatted cannot be read");
		panic_if(!slice_is(text_slice(&once), text_slice(&twice)), "formatting goes on");
		panic_if(!same_statements(bytes, text_slice(&once), &complaints),
			"formatting changes statements");
		panic_if(!same_comments(bytes, text_slice(&once)), "formatting changes comments");
	}
	text_free(&once);
	text_free(&twice);
	complaints_free(&complaints);
	return good;
}

#endif
