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
	LIMIT("connections per address", NULL, NUMBER, connections_per_address),
	LIMIT("connections per minute per address", NULL, NUMBER, connections_per_minute),
	LIMIT("errors", NULL, NUMBER, errors),
	LIMIT("unknown", "recipients", NUMBER, unknown_recipients),
	LIMIT("no-ops", NULL, NUMBER, no_ops),
	LIMIT("recipients", NULL, NUMBER, recipients),
	LIMIT("idle", NULL, SPAN, idle),
	LIMIT("transaction", NULL, SPAN, transaction),
	LIMIT("headers", NULL, SIZE, header_bytes),
};
enum { ROW_CONNECTIONS, ROW_PER_ADDRESS, ROW_PER_MINUTE, ROW_FIRST_PLAIN };
enum { LIMIT_ROWS = sizeof limit_rows / sizeof *limit_rows };

/* What one statement fills. */
struct limits_here {
	struct session_limits *limits;
	unsigned written; /* a bit for each row */
};

static uint64_t *limit_field(struct session_limits *limits, size_t row)
{
	return (uint64_t *)(void *)((char *)limits + limit_rows[row].offset);
}

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

/* Whether a comma and a number follow: another of the limits of connections. */
static bool number_follows(struct parser *p)
{
	const struct token *here = parser_peek(p);
	bool comma = !p->failed && here->kind == TOKEN_MARK && slice_is(here->text, SLICE(","));
	const struct token *next = comma ? here + 1 : here;
	bool number = next->kind == TOKEN_WORD && (ascii_is_digit(next->text.at[0]) ||
							  slice_is(next->text, SLICE("unlimited")));

	if (!p->failed && number && comma)
		parser_word(p, ",");
	return !p->failed && number;
}

/* Twice would make the order of lines matter. */
static void limit_once(
	struct parser *p, struct limits_here *here, size_t row, const struct token *token)
{
	if (here->written & 1u << row)
		parser_fail_format(p, token, "one of the two",
			"the limit \"%s\" is written already", limit_rows[row].first);
	here->written |= 1u << row;
}

static void limit_keep(struct parser *p, struct limits_here *here, size_t row, uint64_t value,
	const struct token *token)
{
	if (!p->failed && value == 0)
		parser_fail(p, token, SLICE("a limit of 0 lets nothing happen"),
			SLICE("1 or more, or `unlimited`"));
	*limit_field(here->limits, row) = value;
}

/* connections 20000, 50 per address, 300 per minute per address: what the number counts stands
 * behind it. */
static void connections_read(struct parser *p, struct limits_here *here)
{
	do {
		const struct token *token = parser_peek(p);
		uint64_t value = limit_value(p, LIMIT_NUMBER);
		size_t row = ROW_CONNECTIONS;
		if (parser_word(p, "per")) {
			row = ROW_PER_ADDRESS;
			if (parser_word(p, "minute")) {
				row = ROW_PER_MINUTE;
				parser_need(p, "per");
			}
			parser_need(p, "address");
		}
		limit_once(p, here, row, token);
		limit_keep(p, here, row, value, token);
	} while (number_follows(p));
}

static void limit_read(struct parser *p, struct limits_here *here)
{
	if (parser_word(p, "connections")) {
		connections_read(p, here);
		return;
	}
	for (size_t i = ROW_FIRST_PLAIN; i < LIMIT_ROWS; i++) {
		const struct limit_row *row = &limit_rows[i];
		if (!parser_word(p, row->first))
			continue;
		limit_once(p, here, i, parser_last(p));
		if (row->second)
			parser_need(p, row->second);
		const struct token *token = parser_peek(p);
		limit_keep(p, here, i, limit_value(p, row->kind), token);
		return;
	}
	parser_unexpected(p);
}

static void limits_read(struct parser *p, struct limits_here *here)
{
	do {
		limit_read(p, here);
		parser_word(p, ",");
	} while (!parser_at_end(p));
}

void limits_statement(struct parser *p)
{
	struct limits_here here = {&p->policy->settings.limits, p->limits_written};

	limits_read(p, &here);
	p->limits_written = here.written;
}

/* limits for network NAME …: one statement for each network. */
void limits_for_statement(struct parser *p)
{
	struct policy *policy = p->policy;
	struct network_limits row = {.network = UINT32_MAX, .token = *parser_peek(p)};
	struct limits_here here = {.limits = &row.limits};

	if (!parser_need(p, "network"))
		return;
	struct slice name =
		parser_name_use(p, false, NAME_OF_LIMITS, (uint32_t)policy->network_limits.count);
	row.token = *parser_last(p);
	for (size_t i = 0; i < policy->network_limits.count; i++)
		if (slice_is(policy->network_limits.at[i].token.text, name))
			parser_fail(p, &row.token, SLICE("this network has its limits already"),
				SLICE("one `limits for` for each network"));
	limits_read(p, &here);
	row.written = here.written;
	if (!p->failed)
		*TABLE_ADD(policy->arena, &policy->network_limits) = row;
}

/* ---- what holds for a client ---- */

/* Of several networks the widest limit, so that the order of lines does not matter. */
static bool limits_widen(struct session_limits *limits, unsigned *widened,
	const struct network_limits *of, size_t row)
{
	struct session_limits copy = of->limits;
	uint64_t *field = limit_field(limits, row), value = *limit_field(&copy, row);

	if (!(of->written & 1u << row) || (*widened & 1u << row && *field >= value))
		return false;
	*field = value;
	*widened |= 1u << row;
	return true;
}

/* Of two that say the same the smaller name counts, for the order of lines does not. */
static void network_apply(const struct policy *policy, struct session_limits *limits,
	unsigned *widened, const struct network_limits *of)
{
	struct slice name = policy->networks.at[of->network].name;
	bool counts = false;

	for (size_t row = 0; row < LIMIT_ROWS; row++)
		counts |= limits_widen(limits, widened, of, row) && row == ROW_CONNECTIONS;
	bool same = of->written & 1u << ROW_CONNECTIONS &&
		    limits->connections == of->limits.connections &&
		    slice_compare(name, limits->counted_in) < 0;
	if (counts || same)
		limits->counted_in = name;
}

bool policy_has_limits_for(const struct policy *policy)
{
	return policy->network_limits.count > 0;
}

struct session_limits policy_limits_of(
	const struct policy *policy, const struct address *client, bool trusted)
{
	struct session_limits limits = policy->settings.limits;
	const struct piece *innermost = stretch_find(policy, client);
	unsigned widened = 0;

	for (size_t i = 0; i < policy->network_limits.count; i++)
		if (piece_is_in(innermost, policy->network_limits.at[i].network))
			network_apply(policy, &limits, &widened, &policy->network_limits.at[i]);
	if (trusted && !(widened & 1u << ROW_PER_ADDRESS))
		limits.connections_per_address = UINT64_MAX;
	if (trusted && !(widened & 1u << ROW_PER_MINUTE))
		limits.connections_per_minute = UINT64_MAX;
	return limits;
}
