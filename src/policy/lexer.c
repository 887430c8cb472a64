/* SPDX-License-Identifier: Apache-2.0 */
/* The lexer of the configuration. The contract is in lexer.h. */
#include "policy/lexer.h"

#include <string.h>

#include "base/utf8.h"

/* A line being read: `at` is the offset of the next byte. */
struct line {
	struct slice text;
	size_t at;
	unsigned number;
	size_t counted; /* bytes of which the characters are counted */
	unsigned characters;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_mark(char c)
{
	return c == '(' || c == ')' || c == '>' || c == ',';
}

static unsigned characters(struct slice s)
{
	unsigned count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += ((uint8_t)s.at[i] & 0xc0) != 0x80;
	return count;
}

struct lexer lexer_over(
	struct slice file, struct slice bytes, struct arena *arena, struct complaints *complaints)
{
	while (slice_starts(bytes, SLICE("\xef\xbb\xbf"))) /* a byte order mark */
		bytes = slice_from(bytes, 3);
	return (struct lexer){arena, complaints, file, bytes, 0};
}

void complain_at(struct complaints *complaints, enum severity severity, const struct token *token,
	struct slice what, struct slice right)
{
	struct complaint complaint = {.severity = severity,
		.file = token->file,
		.line = token->line,
		.column = token->column,
		.width = characters(token->raw),
		.source = token->source,
		.what = what,
		.right = right};

	complain(complaints, &complaint);
}

/* Counting goes on where it ended, since a line may have many thousand tokens. */
static unsigned column_of(struct line *line, size_t from)
{
	if (from < line->counted)
		line->counted = line->characters = 0;
	line->characters += characters(slice_part(line->text, line->counted, from));
	line->counted = from;
	return line->characters + 1;
}

static struct token token_here(const struct lexer *lexer, struct line *line, size_t from)
{
	return (struct token){.kind = TOKEN_WORD,
		.raw = slice_part(line->text, from, line->at),
		.text = slice_part(line->text, from, line->at),
		.file = lexer->file,
		.source = line->text,
		.line = line->number,
		.column = column_of(line, from)};
}

static void fault(struct lexer *lexer, struct statement *statement, struct line *line, size_t from,
	struct slice what, struct slice right)
{
	struct token token = token_here(lexer, line, from);

	complain_at(lexer->complaints, SEVERITY_ERROR, &token, what, right);
	statement->bad = true;
}

/* Room for one token more and the one that ends the statement. */
static void token_add(struct lexer *lexer, struct statement *statement, struct token token)
{
	if (statement->count + 1 >= statement->size) {
		size_t size = statement->size ? 2 * statement->size : 16;
		struct token *tokens = ARENA_ARRAY(lexer->arena, struct token, size);
		if (statement->count)
			memcpy(tokens, statement->tokens, statement->count * sizeof token);
		statement->tokens = tokens;
		statement->size = size;
	}
	statement->tokens[statement->count++] = token;
}

static struct slice string_unescape(struct lexer *lexer, struct slice inside)
{
	if (!slice_has(inside, '\\'))
		return inside;
	char *out = arena_alloc(lexer->arena, inside.len);
	size_t len = 0;
	for (size_t i = 0; i < inside.len; i++) {
		if (inside.at[i] == '\\')
			i++;
		out[len++] = inside.at[i];
	}
	return (struct slice){out, len};
}

/* Reads to behind the closing quotation mark; false if there is none or an escape is none. */
static bool string_end(struct lexer *lexer, struct statement *statement, struct line *line)
{
	size_t from = line->at++;

	for (; line->at < line->text.len; line->at++) {
		char c = line->text.at[line->at];
		if (c == '"') {
			line->at++;
			return true;
		}
		if (c != '\\')
			continue;
		char next = line->at + 1 < line->text.len ? line->text.at[line->at + 1] : '\0';
		if (next != '"' && next != '\\') {
			fault(lexer, statement, line, line->at,
				SLICE("a backslash in a string that escapes nothing"),
				SLICE("only \\\" and \\\\ are escapes"));
			return false;
		}
		line->at++;
	}
	fault(lexer, statement, line, from, SLICE("the string has no end on this line"),
		SLICE("a closing quotation mark"));
	return false;
}

static bool string_read(struct lexer *lexer, struct statement *statement, struct line *line)
{
	size_t from = line->at;

	if (!string_end(lexer, statement, line))
		return false;
	struct token token = token_here(lexer, line, from);
	token.kind = TOKEN_STRING;
	token.text = string_unescape(lexer, slice_part(token.raw, 1, token.raw.len - 1));
	token_add(lexer, statement, token);
	if (line->at < line->text.len && !is_blank(line->text.at[line->at]) &&
		!is_mark(line->text.at[line->at])) {
		line->at++;
		fault(lexer, statement, line, line->at - 1,
			SLICE("something is joined to the string"), SLICE("a blank between them"));
		return false;
	}
	return true;
}

static bool word_read(struct lexer *lexer, struct statement *statement, struct line *line)
{
	size_t from = line->at;

	while (line->at < line->text.len && !is_blank(line->text.at[line->at]) &&
		!is_mark(line->text.at[line->at]) && line->text.at[line->at] != '"')
		line->at++;
	token_add(lexer, statement, token_here(lexer, line, from));
	if (line->at < line->text.len && line->text.at[line->at] == '"') {
		line->at++;
		fault(lexer, statement, line, line->at - 1,
			SLICE("a string is joined to the word before it"),
			SLICE("a blank between them"));
		return false;
	}
	return true;
}

static bool token_read(struct lexer *lexer, struct statement *statement, struct line *line)
{
	char c = line->text.at[line->at];

	if (c == '"')
		return string_read(lexer, statement, line);
	if (!is_mark(c))
		return word_read(lexer, statement, line);
	line->at++;
	struct token token = token_here(lexer, line, line->at - 1);
	token.kind = TOKEN_MARK;
	token_add(lexer, statement, token);
	return true;
}

/* Control characters and broken UTF-8 have no place in a configuration. */
static bool line_is_text(struct lexer *lexer, struct statement *statement, struct line *line)
{
	uint32_t point;

	for (line->at = 0; line->at < line->text.len;) {
		size_t from = line->at, len = utf8_decode(slice_from(line->text, line->at), &point);
		line->at += len ? len : 1;
		bool bad = len == 0 || (point < ' ' && point != '\t') || point == 0x7f ||
			   point == 0xfeff;
		if (bad || utf8_reorders(point)) {
			fault(lexer, statement, line, from,
				SLICE("a byte that is no text in UTF-8"),
				SLICE("plain text, without control characters"));
			return false;
		}
	}
	line->at = 0;
	return true;
}

static void line_read(struct lexer *lexer, struct statement *statement, struct line *line)
{
	if (!line_is_text(lexer, statement, line))
		return;
	while (line->at < line->text.len) {
		if (is_blank(line->text.at[line->at])) {
			line->at++;
			continue;
		}
		if (line->text.at[line->at] == '#' || !token_read(lexer, statement, line))
			return;
	}
}

static bool line_is_empty(struct slice line)
{
	struct slice rest = slice_trim(line);

	return rest.len == 0 || rest.at[0] == '#';
}

static struct slice line_peek(const struct lexer *lexer, struct slice *left)
{
	*left = lexer->left;
	struct slice line = slice_cut(left, '\n');
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

static void statement_end(struct lexer *lexer, struct statement *statement)
{
	struct token end = {
		.kind = TOKEN_END, .file = lexer->file, .line = lexer->line, .column = 1};

	if (statement->count > 0) {
		const struct token *last = &statement->tokens[statement->count - 1];
		end.line = last->line;
		end.source = last->source;
		end.column = last->column + characters(last->raw);
	}
	token_add(lexer, statement, end);
	statement->count--;
}

bool lexer_next(struct lexer *lexer, struct statement *statement)
{
	bool begun = false;

	*statement = (struct statement){0};
	while (lexer->left.len > 0) {
		struct slice left;
		struct line line = {.text = line_peek(lexer, &left), .number = lexer->line + 1};
		bool empty = line_is_empty(line.text);
		bool continues = !empty && is_blank(line.text.at[0]);
		if (begun && !empty && !continues)
			break;
		lexer->left = left;
		lexer->line++;
		if (empty)
			continue;
		if (continues && !begun)
			fault(lexer, statement, &line, 0,
				SLICE("a line that begins with white space continues a statement, "
				      "and there is none before it"),
				SLICE("a statement at the beginning of the line"));
		begun = true;
		line_read(lexer, statement, &line);
	}
	statement_end(lexer, statement);
	return begun;
}

struct slice statement_text(const struct statement *statement, struct arena *arena)
{
	struct text text = TEXT_GROWING;
	const struct token *before = NULL;

	for (size_t i = 0; i < statement->count; i++) {
		const struct token *token = &statement->tokens[i];
		if (before && token->raw.at != before->raw.at + before->raw.len)
			text_char(&text, ' ');
		text_put(&text, token->raw);
		before = token;
	}
	struct slice copy = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return copy;
}
