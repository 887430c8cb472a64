/* SPDX-License-Identifier: Apache-2.0 */
/* `limits`: what one session may do (postern.conf(5), LIMITS); each also `unlimited`. Several in
 * one statement stand behind commas or one after the other. */
#include <stddef.h>

#include "policy/statements.h"

enum limit_kind { LIMIT_NUMBER, LIMIT_SPAN, LIMIT_SIZE };
struct limit_row {
	const char *first, *second; /* its words; the second may be NULL */
	enum limit_kind kind;
	size_t offset; /* in struct session_limits */
};
/* clang-format off */
#define LIMIT(first_, second_, kind_, field)                                                       \
	{first_, second_, LIMIT_##kind_, offsetof(struct session_limits, field)}
/* clang-format on */
static const struct limit_row limit_rows[] = {
	LIMIT("connections", NULL, NUMBER, connections),
	LIMIT("errors", NULL, NUMBER, errors),
	LIMIT("unknown", "recipients", NUMBER, unknown_recipients),
	LIMIT("no-ops", NULL, NUMBER, no_ops),
	LIMIT("recipients", NULL, NUMBER, recipients),
	LIMIT("idle", NULL, SPAN, idle),
	LIMIT("transaction", NULL, SPAN, transaction),
	LIMIT("headers", NULL, SIZE, header_bytes),
};
enum { LIMIT_ROWS = sizeof limit_rows / sizeof *limit_rows };

static uint64_t limit_value(struct parser *p, enum limit_kind kind)
{
	if (parser_word(p, "unlimited"))
		return kind == LIMIT_SPAN ? NEVER : UINT64_MAX;
	switch (kind) {
	case LIMIT_NUMBER: return parser_number(p, "a number", UINT32_MAX);
	case LIMIT_SPAN: return (uint64_t)parser_span(p, "a time like 5 minutes");
	case LIMIT_SIZE: return parser_size(p, "a size like 128 KiB");
	}
	return 0;
}

/* connections 20000, 50 per address, 300 per minute per address */
static void rate_refuse(struct parser *p)
{
	const struct token *here = parser_peek(p), *next = here;

	if (p->failed || here->kind == TOKEN_END)
		return;
	bool number = here->kind == TOKEN_WORD && ascii_is_digit(here->text.at[0]);
	next = number ? here + 1 : here;
	if (next->kind == TOKEN_WORD && slice_is(next->text, SLICE("per")))
		parser_not_built(p, next,
			slice_is((next + 1)->text, SLICE("address")) ? "limits … per address"
								     : "limits … per minute");
}

/* Twice would make the order of lines matter. */
static void limit_once(struct parser *p, size_t row)
{
	if (p->limits_written & 1u << row)
		parser_fail_format(p, parser_last(p), "one of the two",
			"the limit \"%s\" is written already", limit_rows[row].first);
	p->limits_written |= 1u << row;
}

static void limit_read(struct parser *p)
{
	for (size_t i = 0; i < LIMIT_ROWS; i++) {
		const struct limit_row *row = &limit_rows[i];
		if (!parser_word(p, row->first))
			continue;
		limit_once(p, i);
		if (row->second)
			parser_need(p, row->second);
		const struct token *token = parser_peek(p);
		rate_refuse(p);
		uint64_t value = limit_value(p, row->kind);
		if (!p->failed && value == 0)
			parser_fail(p, token, SLICE("a limit of 0 lets nothing happen"),
				SLICE("1 or more, or `unlimited`"));
		rate_refuse(p);
		*(uint64_t *)(void *)((char *)&p->policy->settings.limits + row->offset) = value;
		return;
	}
	parser_unexpected(p);
}

void limits_statement(struct parser *p)
{
	do {
		limit_read(p);
		if (parser_word(p, ","))
			rate_refuse(p);
	} while (!parser_at_end(p));
}
