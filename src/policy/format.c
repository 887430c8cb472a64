/* SPDX-License-Identifier: Apache-2.0 */
/* The formatter. The contract is in format.h. The lexer cuts the file into tokens; here the lines
 * they stand in are found again, with the comments that the lexer drops. */
#include "policy/format.h"

#include <string.h>

#include "policy/lexer.h"

enum { INDENT = 4, HEAD_MAX = 14 };

enum line_kind { LINE_BLANK, LINE_COMMENT, LINE_FIRST, LINE_CONTINUES };
/* One line of the file. */
struct line {
	enum line_kind kind;
	const struct token *tokens;
	size_t count;
	struct slice comment; /* with its #; empty: none */
	bool inside;          /* of a comment or blank line: the statement goes on behind it */
};
struct formatting {
	struct arena *arena;
	struct slice bytes;
	struct line *lines;
	size_t count;
	struct text *out;
};

/* ---- lines ---- */

static size_t line_count(struct slice bytes)
{
	size_t count = 0;

	while (bytes.len > 0) {
		slice_cut(&bytes, '\n');
		count++;
	}
	return count;
}

/* The tokens of a statement go to their lines; between its first and its last, the statement goes
 * on. */
static void statement_place(struct formatting *f, const struct statement *statement)
{
	for (size_t i = 0; i < statement->count; i++) {
		const struct token *token = &statement->tokens[i];
		struct line *line = &f->lines[token->line - 1];
		if (line->count == 0) {
			line->kind = i == 0 ? LINE_FIRST : LINE_CONTINUES;
			line->tokens = token;
		}
		line->count++;
	}
	unsigned first = statement->tokens[0].line;
	unsigned last = statement->tokens[statement->count - 1].line;
	for (unsigned number = first + 1; number < last; number++)
		f->lines[number - 1].inside = true;
}

static bool statements_read(struct formatting *f, struct slice name, struct complaints *complaints)
{
	struct lexer lexer = lexer_over(name, f->bytes, f->arena, complaints);
	struct statement statement;
	bool good = true;

	while (lexer_next(&lexer, &statement)) {
		good &= !statement.bad;
		if (!statement.bad && statement.count > 0)
			statement_place(f, &statement);
	}
	return good;
}

/* Without blanks and carriage returns behind it. */
static struct slice trimmed(struct slice text)
{
	text = slice_trim(text);
	while (text.len > 0 && (text.at[text.len - 1] == '\r' || text.at[text.len - 1] == ' ' ||
				       text.at[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* What stands behind the last token of a line, or in a line without any. */
static void comments_find(struct formatting *f)
{
	struct slice left = f->bytes;

	for (size_t i = 0; i < f->count; i++) {
		struct line *line = &f->lines[i];
		struct slice text = slice_cut(&left, '\n');
		if (line->count > 0) {
			const struct slice *last = &line->tokens[line->count - 1].raw;
			text = slice_from(text, (size_t)(last->at + last->len - text.at));
		}
		line->comment = trimmed(text);
		if (line->count == 0)
			line->kind = line->comment.len > 0 ? LINE_COMMENT : LINE_BLANK;
	}
}

/* ---- output ---- */

static bool is_mark(const struct token *token, char mark)
{
	return token->kind == TOKEN_MARK && token->text.at[0] == mark;
}

static bool blank_between(const struct token *before, const struct token *token)
{
	return !is_mark(before, '(') && !is_mark(token, ')') && !is_mark(token, ',');
}

static void blanks_put(struct text *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		text_char(out, ' ');
}

/* `head`: how wide the first word stands. */
static void tokens_put(struct text *out, const struct line *line, size_t head)
{
	for (size_t i = 0; i < line->count; i++) {
		const struct token *token = &line->tokens[i];
		if (i > 0 && blank_between(token - 1, token))
			text_char(out, ' ');
		if (i == 1 && line->tokens[0].raw.len < head)
			blanks_put(out, head - line->tokens[0].raw.len);
		text_put(out, token->raw);
	}
}

static void line_put(struct text *out, const struct line *line, size_t head)
{
	bool inside = line->kind == LINE_CONTINUES || line->inside;

	blanks_put(out, inside ? INDENT : 0);
	tokens_put(out, line, line->kind == LINE_FIRST ? head : 0);
	if (line->count > 0 && line->comment.len > 0)
		text_put(out, SLICE("  "));
	text_put(out, line->comment);
	text_char(out, '\n');
}

/* The lines from `at` up to the next blank or comment that stands outside of a statement. */
static size_t block_end(const struct formatting *f, size_t at)
{
	while (at < f->count) {
		const struct line *line = &f->lines[at];
		if ((line->kind == LINE_BLANK || line->kind == LINE_COMMENT) && !line->inside)
			break;
		at++;
	}
	return at;
}

static size_t block_head(const struct formatting *f, size_t from, size_t to)
{
	size_t head = 0;

	for (size_t i = from; i < to; i++) {
		const struct line *line = &f->lines[i];
		size_t len =
			line->kind == LINE_FIRST && line->count > 1 ? line->tokens[0].raw.len : 0;
		if (len > head && len <= HEAD_MAX)
			head = len;
	}
	return head;
}

static void block_put(struct formatting *f, size_t from, size_t to)
{
	size_t head = block_head(f, from, to);

	for (size_t i = from; i < to; i++)
		if (f->lines[i].kind != LINE_BLANK)
			line_put(f->out, &f->lines[i], head);
}

/* One blank line where there was any, none at the beginning and the end. */
static void lines_put(struct formatting *f)
{
	bool blank = false, begun = false;

	for (size_t at = 0; at < f->count;) {
		if (f->lines[at].kind == LINE_BLANK) {
			blank = begun;
			at++;
			continue;
		}
		if (blank)
			text_char(f->out, '\n');
		blank = false;
		begun = true;
		size_t end = f->lines[at].kind == LINE_COMMENT ? at + 1 : block_end(f, at);
		block_put(f, at, end);
		at = end;
	}
}

bool format_file(
	struct slice name, struct slice bytes, struct complaints *complaints, struct text *out)
{
	struct arena *arena = arena_new();
	struct formatting f = {.arena = arena, .bytes = bytes, .out = out};

	while (slice_starts(f.bytes, SLICE("\xef\xbb\xbf")))
		f.bytes = slice_from(f.bytes, 3);
	f.count = line_count(f.bytes);
	f.lines = ARENA_ARRAY(arena, struct line, f.count + 1);
	bool good = statements_read(&f, name, complaints);
	if (good) {
		comments_find(&f);
		lines_put(&f);
	}
	arena_free(arena);
	return good;
}
