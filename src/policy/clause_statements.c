/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided: `relay for`, `forward for`, `refuse`, `defer`. */
#include "policy/atoms.h"
#include "policy/statements.h"

/* ---- relay for, forward for ---- */

static void local_read(struct parser *p, struct clause *clause)
{
	clause->credential = CREDENTIAL_LOCAL;
	if (!parser_word(p, "user"))
		return;
	clause->credential = CREDENTIAL_LOCAL_USER;
	clause->name = parser_name(p, "a user's name");
}

static void recent_pop_read(struct parser *p, struct clause *clause)
{
	clause->credential = CREDENTIAL_RECENT_POP;
	if (!parser_word(p, "within"))
		return;
	const struct token *token = parser_peek(p);
	clause->within = parser_span(p, "a time like 30 minutes");
	if (!p->failed && clause->within == 0)
		parser_fail(p, token, SLICE("no lease is as short as this"),
			SLICE("a time like 30 minutes"));
}

/* `at`: the index that the clause will have. */
static void credential_read(struct parser *p, struct clause *clause, uint32_t at)
{
	if (parser_word(p, "network")) {
		clause->credential = CREDENTIAL_NETWORK;
		parser_name_use(p, false, NAME_OF_GRANT, at);
	} else if (parser_word(p, "authenticated")) {
		clause->credential = CREDENTIAL_AUTHENTICATED;
	} else if (parser_word(p, "account")) {
		clause->credential = CREDENTIAL_ACCOUNT;
		clause->name = parser_string(p, "an account's name in quotes");
	} else if (parser_word(p, "group")) {
		clause->credential = CREDENTIAL_GROUP;
		clause->name = parser_name(p, "a group's name");
	} else if (parser_word(p, "certificate")) {
		clause->credential = CREDENTIAL_CERTIFICATE;
		parser_name_use(p, true, NAME_OF_GRANT, at);
	} else if (parser_word(p, "recent-pop")) {
		recent_pop_read(p, clause);
	} else if (parser_word(p, "local")) {
		local_read(p, clause);
	} else {
		parser_unexpected(p);
	}
}

/* [if …] [unless …] [until DATE] [note "…"], then the clause is kept. */
static void grant_end(struct parser *p, struct clause *clause)
{
	clause->condition = parser_when(p, CONDITION_GRANT, false);
	if (parser_word(p, "until"))
		clause->place.until = parser_date(p);
	if (parser_word(p, "note"))
		clause->place.note = parser_string(p, "a note in quotes");
	if (!p->failed)
		*TABLE_ADD(p->policy->arena, &p->policy->clauses) = *clause;
}

void relay_statement(struct parser *p)
{
	struct clause clause = {
		.kind = CLAUSE_RELAY, .place = parser_place(p), .network = UINT32_MAX};

	credential_read(p, &clause, (uint32_t)p->policy->clauses.count);
	grant_end(p, &clause);
}

/* The address becomes its key when all domains are known (owned.c). */
void forward_statement(struct parser *p)
{
	struct clause clause = {
		.kind = CLAUSE_FORWARD, .place = parser_place(p), .network = UINT32_MAX};

	if (parser_word(p, "domain")) {
		clause.forward_domain = parser_domain(p, "a domain of ours");
	} else {
		struct mailbox mailbox = parser_address(p, "an address of ours in quotes");
		clause.forward_address = mailbox.text;
	}
	grant_end(p, &clause);
}

/* ---- refuse, defer ---- */

static void code_read(struct parser *p, struct clause *clause)
{
	const struct token *token = parser_peek(p);
	unsigned class = clause->kind == CLAUSE_REFUSE ? 5 : 4; /* a limit always defers */

	clause->code = (unsigned)parser_number(p, "a reply code", 599);
	const struct token *second = parser_peek(p);
	bool parsed = second->kind == TOKEN_WORD && enhanced_parse(second->text, &clause->enhanced);
	if (p->failed)
		return;
	if (!parsed) {
		parser_expect(p, SLICE("an enhanced code like 5.7.1"));
		parser_unexpected(p);
		return;
	}
	p->at++;
	p->expected_count = 0;
	bool fits = clause->code / 100 == class && clause->enhanced.class == class;
	bool ends_session = clause->code == 421 || clause->code == 521;
	if (!fits)
		parser_fail(p, token, SLICE("the code does not fit the verb"),
			class == 5 ? SLICE("5xx 5.x.x for `refuse`")
				   : SLICE("4xx 4.x.x for `defer` and `limit`"));
	else if (ends_session)
		parser_fail(p, token, SLICE("this code ends sessions and is not for clauses"),
			class == 5 ? SLICE("550 5.7.1") : SLICE("450 4.7.1"));
}

void parser_reply(struct parser *p, struct clause *clause)
{
	bool said = false, coded = false;

	while (!parser_at_end(p)) {
		if (!said && parser_word(p, "say")) {
			clause->say = parser_string(p, "words in quotes");
			said = true;
		} else if (!coded && parser_word(p, "code")) {
			code_read(p, clause);
			coded = true;
		} else {
			return;
		}
	}
}

static void refusal_statement(struct parser *p, enum clause_kind kind)
{
	struct clause clause = {.kind = kind, .place = parser_place(p)};

	clause.condition = parser_when(p, CONDITION_REFUSAL, true);
	parser_reply(p, &clause);
	if (!p->failed)
		*TABLE_ADD(p->policy->arena, &p->policy->clauses) = clause;
}

void refuse_statement(struct parser *p)
{
	refusal_statement(p, CLAUSE_REFUSE);
}

void defer_statement(struct parser *p)
{
	refusal_statement(p, CLAUSE_DEFER);
}
