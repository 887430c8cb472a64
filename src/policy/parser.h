/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser's hands: every statement is a small function over these, found in the statement table
 * (statements.def). A function that asks for a word and does not find it leaves the word in the
 * *expected set*; parser_unexpected() tells it with a caret and, where near, "did you mean".
 *
 *	static void grace_statement(struct parser *p)
 *	{
 *		p->policy->settings.grace = parser_span(p, "a time");
 *	}
 *
 * After the first error in a statement every later question answers no and says nothing more, so
 * that functions need not ask after each step. Private to this room.
 */
#ifndef POLICY_PARSER_H
#define POLICY_PARSER_H

#include "policy/files.h"
#include "policy/lines.h"
#include "policy/model.h"

enum { EXPECTED_MAX = 48, INCLUDE_DEPTH_MAX = 16 };

struct parser {
	struct policy *policy;
	struct complaints *complaints;
	struct files *files;
	struct arena *arena;
	struct statement statement;
	size_t at;
	bool failed;             /* this statement is complained about */
	struct map *included;    /* paths of the configuration and what it includes */
	unsigned limits_written; /* a bit for each row of `limits` */
	unsigned depth;          /* of includes */
	unsigned nesting;        /* of conditions */
	struct slice expected[EXPECTED_MAX];
	size_t expected_count;
	struct token *written; /* by statement row: where a setting was written first */
	TABLE(struct name_use) uses;
};

const struct token *parser_peek(const struct parser *p);
const struct token *parser_last(const struct parser *p); /* the token taken last */
bool parser_at_end(const struct parser *p);

/* Takes the word (or mark) if it stands here; else it joins the expected set. */
bool parser_word(struct parser *p, const char *word);
/* The same where nothing else would do. */
bool parser_need(struct parser *p, const char *word);
void parser_expect(struct parser *p, struct slice what);
/* Says that what stands here is none of what was expected. */
void parser_unexpected(struct parser *p);
/* An error at `token`; the statement is given up. */
void parser_fail(
	struct parser *p, const struct token *token, struct slice what, struct slice right);
void parser_fail_format(struct parser *p, const struct token *token, const char *right,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* What is read has no effect yet, or cannot be served yet (later.def). */
void parser_later(struct parser *p, const struct token *token, enum later later);

/* These give an empty or zero value after an error. `what` says what is expected. */
struct slice parser_string(struct parser *p, const char *what);
struct slice parser_name(struct parser *p, const char *what);
uint64_t parser_number(struct parser *p, const char *what, uint64_t most);
mono_ns parser_span(struct parser *p, const char *what);
mono_ns parser_period(struct parser *p); /* "day", "2 hours" */
uint64_t parser_size(struct parser *p, const char *what);
struct slice parser_domain(struct parser *p, const char *what); /* in the one form */
bool parser_network(struct parser *p, const char *what, struct network *network);
struct mailbox parser_address(struct parser *p, const char *what); /* "a@b" */
wall_ns parser_date(struct parser *p); /* YYYY-MM-DD: the end of that day, local time */
struct clause_place parser_place(struct parser *p);
/* The bytes of a file that the configuration names, in the bundle; complains at `token` if it
 * cannot be read. */
struct slice parser_file(struct parser *p, const struct token *token, struct slice path);
/* Adds (or finds) the list kept in the file named here. */
uint32_t parser_list(struct parser *p, bool of_mailboxes);
uint32_t parser_aliases(struct parser *p); /* the same for a file of aliases */
/* The name of a network (or certificate) here, resolved when all is read. */
struct slice parser_name_use(
	struct parser *p, bool is_certificate, enum name_place place, uint32_t at);
/* owned.c: "owns" owned { owned }, if it stands here. */
void parser_owns(struct parser *p, struct owned **owns, size_t *count);
enum service parser_service(struct parser *p); /* SERVICES after an error */
/* clause_statements.c: code NNN N.N.N and say "…", for refusals and limits. */
void parser_reply(struct parser *p, struct clause *clause);

/* condition.c: [if condition] [unless condition]; `required` where one must stand. */
enum condition_use { CONDITION_REFUSAL, CONDITION_GRANT };
uint32_t parser_when(struct parser *p, enum condition_use use, bool required);
/* [unless condition], as a node that is true where it does not hold; NO_NODE without one. */
uint32_t parser_unless(struct parser *p, enum condition_use use);
/* One condition, without if or unless. */
uint32_t parser_condition(struct parser *p);
/* An atom, or `not` and an atom: `expect … given`, `trial --fact`. NO_NODE after an error. */
uint32_t parser_given(struct parser *p);
/* zone.c: the zone of a DNS list and, behind `returning`, which answers count. */
void parser_zone(struct parser *p, struct node *node);
/* way_statements.c: what follows `deliver` in a domain and the way of a `deliver` statement. */
struct target parser_target(struct parser *p);

/* Reads the configuration into the policy. */
void parser_read(struct policy *policy, struct files *files, struct complaints *complaints);
/* Reads it only to find the files it names. */
void parser_gather(struct files *files, struct complaints *complaints);

/* near.c: the candidate at most two slips of the pen away from `word`, or an empty slice. */
struct slice nearest(struct slice word, const struct slice *candidates, size_t count);

#endif
