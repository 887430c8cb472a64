/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided: `relay for`, `refuse`, `defer`. */
#include "policy/atoms.h"
#include "policy/statements.h"

/* ---- relay for ---- */

/* Credentials of the grammar that are not built yet. */
static const char *const later[] = {
	"authenticated", "account", "group", "certificate", "recent-pop", "local"};

static void credential_read(struct parser *p, uint32_t clause)
{
	const struct token *token = parser_peek(p);

	for (size_t i = 0; i < sizeof later / sizeof *later; i++)
		if (parser_word(p, later[i])) {
			parser_not_built(p, token,
				arena_string(p->arena,
					arena_format(p->arena, "relay for %s", later[i])));
			return;
		}
	if (parser_need(p, "network"))
		parser_network_use(p, true, clause);
}

void relay_statement(struct parser *p)
{
	struct policy *policy = p->policy;
	uint32_t at = (uint32_t)policy->clauses.count;
	size_t uses = p->uses.count;
	struct clause clause = {
		.kind = CLAUSE_RELAY, .place = parser_place(p), .network = UINT32_MAX};

	credential_read(p, at);
	clause.condition = parser_when(p, CONDITION_GRANT, false);
	if (parser_word(p, "until"))
		clause.place.until = parser_date(p);
	if (parser_word(p, "note"))
		clause.place.note = parser_string(p, "a note in quotes");
	if (p->failed)
		p->uses.count = uses; /* there is no clause whose network they could settle */
	else
		*TABLE_ADD(policy->arena, &policy->clauses) = clause;
}

/* ---- refuse, defer ---- */

static void code_read(struct parser *p, struct clause *clause)
{
	const struct token *token = parser_peek(p);
	unsigned class = clause->kind == CLAUSE_REFUSE ? 5 : 4;

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
				   : SLICE("4xx 4.x.x for `defer`"));
	else if (ends_session)
		parser_fail(p, token, SLICE("this code ends sessions and is not for clauses"),
			class == 5 ? SLICE("550 5.7.1") : SLICE("450 4.7.1"));
}

static void reply_read(struct parser *p, struct clause *clause)
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
	reply_read(p, &clause);
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
