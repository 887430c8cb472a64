/* SPDX-License-Identifier: Apache-2.0 */
/* The parser: words, the expected set, and the statement table. The contract is in parser.h; values
 * (numbers, spans, addresses) are read in values.c. */
#include "policy/parser.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/panic.h"
#include "policy/statements.h"

/* ---- words ---- */

const struct token *parser_peek(const struct parser *p)
{
	return &p->statement.tokens[p->at];
}

const struct token *parser_last(const struct parser *p)
{
	return &p->statement.tokens[p->at > 0 ? p->at - 1 : 0];
}

bool parser_at_end(const struct parser *p)
{
	return p->failed || parser_peek(p)->kind == TOKEN_END;
}

void parser_expect(struct parser *p, struct slice what)
{
	for (size_t i = 0; i < p->expected_count; i++)
		if (slice_is(p->expected[i], what))
			return;
	if (p->expected_count < EXPECTED_MAX)
		p->expected[p->expected_count++] = what;
}

bool parser_word(struct parser *p, const char *word)
{
	const struct token *token = parser_peek(p);

	if (p->failed)
		return false;
	bool is = (token->kind == TOKEN_WORD || token->kind == TOKEN_MARK) &&
		  slice_is(token->text, slice_of(word));
	if (is) {
		p->at++;
		p->expected_count = 0;
	} else {
		parser_expect(p, slice_of(word));
	}
	return is;
}

bool parser_need(struct parser *p, const char *word)
{
	bool found = parser_word(p, word);

	if (!found)
		parser_unexpected(p);
	return found;
}

/* ---- complaints ---- */

void parser_fail(struct parser *p, const struct token *token, struct slice what, struct slice right)
{
	if (!p->failed)
		complain_at(p->complaints, SEVERITY_ERROR, token, what, right);
	p->failed = true;
}

void parser_fail_format(
	struct parser *p, const struct token *token, const char *right, const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	parser_fail(p, token, slice_of(what), slice_of(right));
}

void parser_later(struct parser *p, const struct token *token, enum later later)
{
	for (size_t i = 0; i < p->policy->laters.count; i++)
		if (p->policy->laters.at[i].later == later)
			return;
	if (!p->failed)
		*TABLE_ADD(p->policy->arena, &p->policy->laters) =
			(struct later_use){later, *token};
}

/* "expected if, unless or the end of the statement" */
static struct slice expected_text(struct parser *p)
{
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < p->expected_count; i++) {
		text_put(&text, i == 0                      ? SLICE("expected ")
				: i + 1 < p->expected_count ? SLICE(", ")
							    : SLICE(" or "));
		text_put(&text, p->expected[i]);
	}
	struct slice copy = arena_slice(p->arena, text_slice(&text));
	text_free(&text);
	return copy;
}

void parser_unexpected(struct parser *p)
{
	const struct token *token = parser_peek(p);

	if (p->failed)
		return;
	if (token->kind == TOKEN_END) {
		parser_fail(p, token, SLICE("the statement ends too early"), expected_text(p));
		return;
	}
	struct slice near = token->kind == TOKEN_WORD
				    ? nearest(token->text, p->expected, p->expected_count)
				    : SLICE_NONE;
	struct slice right =
		near.len > 0 ? arena_format(p->arena, "did you mean \"%.*s\"?", SLICE_ARGS(near))
			     : expected_text(p);
	bool quoted = token->kind == TOKEN_STRING;
	struct slice what = arena_format(p->arena,
		quoted         ? "unexpected string %.*s"
		: near.len > 0 ? "unknown word \"%.*s\""
			       : "unexpected \"%.*s\"",
		SLICE_ARGS(slice_part(token->raw, 0, 80)));
	parser_fail(p, token, what, right);
}

struct clause_place parser_place(struct parser *p)
{
	return (struct clause_place){.file = p->statement.tokens[0].file,
		.line = p->statement.tokens[0].line,
		.text = statement_text(&p->statement, p->arena),
		.until = NEVER};
}

/* ---- statements ---- */

typedef void statement_function(struct parser *p);
struct statement_row {
	struct slice first, second; /* its words; the second may be empty */
	statement_function *read;
	bool once;
};
#define STATEMENT(first_, second_, function_, once_)                                               \
	{.first = {first_, sizeof(first_) - 1},                                                    \
		.second = {second_, sizeof(second_) - 1},                                          \
		.read = function_,                                                                 \
		.once = once_},
static const struct statement_row statement_rows[] = {
#include "policy/statements.def"
};
enum { STATEMENT_ROWS = sizeof statement_rows / sizeof *statement_rows };

static bool row_takes(struct parser *p, const struct statement_row *row)
{
	const struct token *token = parser_peek(p), *next = token;

	if (token->kind != TOKEN_WORD || !slice_is(token->text, row->first))
		return false;
	if (row->second.len == 0)
		return true;
	next = token + 1; /* there is always one of TOKEN_END */
	return next->kind == TOKEN_WORD && slice_is(next->text, row->second);
}

static const struct statement_row *row_find(struct parser *p)
{
	for (size_t i = 0; i < STATEMENT_ROWS; i++)
		if (row_takes(p, &statement_rows[i]))
			return &statement_rows[i];
	return NULL;
}

/* No row: the first word is unknown, or the second of one that has two. */
static void statement_unknown(struct parser *p)
{
	const struct token *token = parser_peek(p);
	bool first_known = false;

	for (size_t i = 0; i < STATEMENT_ROWS; i++)
		if (token->kind == TOKEN_WORD && slice_is(token->text, statement_rows[i].first)) {
			parser_expect(p, statement_rows[i].second);
			first_known = true;
		}
	p->at += first_known;
	for (size_t i = 0; i < STATEMENT_ROWS && !first_known; i++)
		parser_expect(p, statement_rows[i].first);
	const struct token *here = parser_peek(p);
	if (!first_known && here->kind == TOKEN_WORD &&
		nearest(here->text, p->expected, p->expected_count).len == 0)
		parser_fail_format(p, here, "", "no statement begins with \"%.*s\"",
			SLICE_ARGS(slice_part(here->text, 0, 80)));
	parser_unexpected(p);
}

/* A setting may be written once. */
static void statement_once(struct parser *p, const struct statement_row *row)
{
	struct token *first = &p->written[row - statement_rows];

	if (!row->once)
		return;
	if (first->line > 0)
		parser_fail_format(p, parser_peek(p), "one of the two",
			"\"%.*s%s%.*s\" is written already, at %.*s:%u", SLICE_ARGS(row->first),
			row->second.len > 0 ? " " : "", SLICE_ARGS(row->second),
			SLICE_ARGS(first->file), first->line);
	else
		*first = *parser_peek(p);
}

static void statement_read(struct parser *p)
{
	const struct statement_row *row = row_find(p);

	if (!row) {
		statement_unknown(p);
		return;
	}
	statement_once(p, row);
	p->at += row->second.len > 0 ? 2 : 1;
	row->read(p);
	if (!parser_at_end(p)) {
		parser_expect(p, SLICE("the end of the statement"));
		parser_unexpected(p);
	}
}

void parser_read_file(struct parser *p, const struct bundle_file *file)
{
	/* Copied, since the policy may outlive the bundle. */
	struct lexer lexer = lexer_over(arena_slice(p->arena, file->path),
		arena_slice(p->arena, file->bytes), p->arena, p->complaints);
	struct statement outer = p->statement;
	size_t outer_at = p->at;

	while (lexer_next(&lexer, &p->statement)) {
		p->at = 0;
		p->expected_count = 0;
		p->nesting = 0;
		p->failed = p->statement.bad;
		size_t uses = p->uses.count;
		if (p->statement.count > 0 && !p->failed)
			statement_read(p);
		if (p->failed)
			p->uses.count = uses; /* what they would settle is not there */
	}
	p->statement = outer;
	p->at = outer_at;
	p->failed = false;
	p->expected_count = 0;
}

/* ---- the whole ---- */

static void use_of_network(struct policy *policy, const struct name_use *use, uint32_t index)
{
	struct network_row *row = &policy->networks.at[index];

	row->used = true;
	row->relays |= use->place == NAME_OF_GRANT;
}

static void use_of_certificate(struct policy *policy, const struct name_use *use, uint32_t index)
{
	struct certificate_row *row = &policy->certificates.at[index];

	row->used = true;
	row->relays |= use->place == NAME_OF_GRANT;
}

static void use_settle(struct policy *policy, const struct name_use *use, uint32_t index)
{
	if (use->is_certificate)
		use_of_certificate(policy, use, index);
	else
		use_of_network(policy, use, index);
	switch (use->place) {
	case NAME_OF_GRANT: policy->clauses.at[use->at].network = index; return;
	case NAME_OF_LIMIT: policy->clauses.at[use->at].limit.index = index; return;
	case NAME_OF_NODE: policy->nodes.at[use->at].index = index; return;
	case NAME_OF_LISTEN: policy->listens.at[use->at].proxy = index; return;
	case NAME_OF_LIMITS: policy->network_limits.at[use->at].network = index; return;
	case NAME_OF_EXPECT: return;
	}
}

/* The declared name that is nearest to what is written. */
static struct slice name_near(struct parser *p, const struct name_use *use)
{
	const struct policy *policy = p->policy;
	size_t count = use->is_certificate ? policy->certificates.count : policy->networks.count;
	struct slice *names = ARENA_ARRAY(p->arena, struct slice, count + 1);

	for (size_t i = 0; i < count; i++)
		names[i] = use->is_certificate ? policy->certificates.at[i].name
					       : policy->networks.at[i].name;
	return nearest(use->token.text, names, count);
}

static void use_resolve(struct parser *p, const struct name_use *use)
{
	struct policy *policy = p->policy;
	const char *kind = use->is_certificate ? "certificate" : "network";
	const void *found =
		map_get(use->is_certificate ? policy->certificate_names : policy->network_names,
			use->token.text);

	if (found) {
		use_settle(policy, use, (uint32_t)((uintptr_t)found - 1));
		return;
	}
	struct slice near = name_near(p, use);
	struct slice right =
		near.len > 0 ? arena_format(p->arena, "did you mean \"%.*s\"?", SLICE_ARGS(near))
			     : arena_format(p->arena, "a `%s` statement that declares it", kind);
	p->failed = false;
	parser_fail(p, &use->token,
		arena_format(p->arena, "no %s is named \"%.*s\"", kind,
			SLICE_ARGS(slice_part(use->token.text, 0, 80))),
		right);
}

static void parser_run(struct parser *p)
{
	const struct bundle_file *first = &p->files->bundle->files[0];

	p->written = ARENA_ARRAY(p->arena, struct token, STATEMENT_ROWS);
	if (first->missing) {
		struct complaint complaint = {.severity = SEVERITY_ERROR,
			.file = first->path,
			.what = arena_format(p->arena, "the configuration cannot be read: %.*s",
				SLICE_ARGS(first->why))};
		complain(p->complaints, &complaint);
		return;
	}
	p->included = map_new(p->policy->seed);
	map_put(p->included, first->path, p);
	parser_read_file(p, first);
	map_free(p->included);
}

void parser_read(struct policy *policy, struct files *files, struct complaints *complaints)
{
	struct parser p = {
		.policy = policy, .complaints = complaints, .files = files, .arena = policy->arena};

	parser_run(&p);
	for (size_t i = 0; i < p.uses.count; i++)
		use_resolve(&p, &p.uses.at[i]);
}

void parser_gather(struct files *files, struct complaints *complaints)
{
	struct policy *unused = policy_new();
	struct parser p = {
		.policy = unused, .complaints = complaints, .files = files, .arena = unused->arena};

	parser_run(&p);
	policy_unref(unused);
}

/* The names of all statements, for tests and the manual: "hostname", "message size"… */
struct slice statement_name(size_t number, struct arena *arena)
{
	if (number >= STATEMENT_ROWS)
		return SLICE_NONE;
	const struct statement_row *row = &statement_rows[number];
	return row->second.len == 0 ? row->first
				    : arena_format(arena, "%.*s %.*s", SLICE_ARGS(row->first),
					      SLICE_ARGS(row->second));
}
