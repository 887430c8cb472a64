/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `limit`: how much of accepted mail there may be in a time.
 *
 *	limit = "limit" counted NUMBER ( "messages" | "recipients" ) "per" [ NUMBER ] UNIT
 *	        [ "together" ] [ "unless" condition ] [ reply ]
 */
#include "policy/atoms.h"
#include "policy/statements.h"

/* Whom it counts; `at`: the index that the clause will have. */
static void counted_read(struct parser *p, struct limit *limit, uint32_t at)
{
	if (parser_word(p, "authenticated")) {
		limit->counted = COUNTED_AUTHENTICATED;
	} else if (parser_word(p, "account")) {
		limit->counted = COUNTED_ACCOUNT;
		limit->name = parser_string(p, "an account's name in quotes");
	} else if (parser_word(p, "group")) {
		limit->counted = COUNTED_GROUP;
		limit->name = parser_name(p, "a group's name");
	} else if (parser_word(p, "network")) {
		limit->counted = COUNTED_NETWORK;
		parser_name_use(p, false, NAME_OF_LIMIT, at);
	} else if (parser_word(p, "certificate")) {
		limit->counted = COUNTED_CERTIFICATE;
		parser_name_use(p, true, NAME_OF_LIMIT, at);
	} else if (parser_word(p, "client")) {
		limit->counted = COUNTED_CLIENT;
	} else if (parser_word(p, "sender")) {
		limit->counted = parser_word(p, "domain") ? COUNTED_SENDER_DOMAIN : COUNTED_SENDER;
	} else if (parser_word(p, "recipient")) {
		limit->counted = COUNTED_RECIPIENT;
	} else {
		parser_unexpected(p);
	}
}

static void amount_read(struct parser *p, struct limit *limit)
{
	const struct token *token = parser_peek(p);

	limit->most = parser_number(p, "a number", UINT32_MAX);
	if (!p->failed && limit->most == 0)
		parser_fail(p, token, SLICE("a limit of 0 lets nothing happen"),
			SLICE("1 or more, or a `refuse` that says so"));
	if (parser_word(p, "recipients"))
		limit->recipients = true;
	else
		parser_need(p, "messages");
	parser_need(p, "per");
	token = parser_peek(p);
	limit->period = parser_period(p);
	if (!p->failed && limit->period == 0)
		parser_fail(p, token, SLICE("no time is as short as this"),
			SLICE("a time like 1 hour"));
}

void limit_statement(struct parser *p)
{
	struct clause clause = {.kind = CLAUSE_LIMIT, .place = parser_place(p)};

	counted_read(p, &clause.limit, (uint32_t)p->policy->clauses.count);
	amount_read(p, &clause.limit);
	clause.limit.together = parser_word(p, "together");
	clause.condition = parser_unless(p, CONDITION_REFUSAL);
	parser_reply(p, &clause);
	if (!p->failed)
		*TABLE_ADD(p->policy->arena, &p->policy->clauses) = clause;
}
