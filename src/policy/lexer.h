/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer: a file of the configuration, cut into statements of tokens.
 *
 * A statement is one line; a line that begins with white space continues it, and comment or blank
 * lines inside do not end it. `#` begins a comment where a word could begin. Words are runs of
 * anything but blanks and " ( ) > ,; strings stand in "…" with \" and \\.
 */
#ifndef POLICY_LEXER_H
#define POLICY_LEXER_H

#include "policy/complaint.h"

enum token_kind { TOKEN_WORD, TOKEN_STRING, TOKEN_MARK, TOKEN_END };

struct token {
	enum token_kind kind;
	struct slice text; /* a string's without quotes and escapes */
	struct slice raw;  /* as it stands in the file */
	struct slice file;
	struct slice source;   /* the line it stands in */
	unsigned line, column; /* from 1, in characters */
};

struct statement {
	struct token *tokens; /* count of them, then one of TOKEN_END */
	size_t count, size;
	bool bad; /* complained about already */
};

struct lexer {
	struct arena *arena;
	struct complaints *complaints;
	struct slice file, left;
	unsigned line;
};
struct lexer lexer_over(
	struct slice file, struct slice bytes, struct arena *arena, struct complaints *complaints);
/* The next statement that has tokens; false at the end of the file. */
bool lexer_next(struct lexer *lexer, struct statement *statement);

/* The statement as written, on one line with single blanks and without comments. */
struct slice statement_text(const struct statement *statement, struct arena *arena);
void complain_at(struct complaints *complaints, enum severity severity, const struct token *token,
	struct slice what, struct slice right);

#endif
