/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `expect`: what must stay true.
 *
 *	expect = "expect" ( "accept" | ( "refuse" | "defer" ) [ CODE ] ) { given }
 *	given  = "listener" service | "client" NET | "account" STRING | "certificate" NAME | "tls"
 *	       | "helo" STRING | "sender" STRING | "from" STRING | "to" STRING | "given" atom
 */
#include "policy/statements.h"

static void code_read(struct parser *p, struct expect_row *row)
{
	const struct token *token = parser_peek(p);
	unsigned class = row->verdict == VERDICT_REFUSE ? 5 : 4;

	row->has_status = token->kind == TOKEN_WORD && ascii_is_digit(token->text.at[0]);
	if (p->failed || !row->has_status) {
		parser_expect(p, SLICE("an enhanced code like 5.7.1"));
		return;
	}
	if (!enhanced_parse(token->text, &row->status))
		parser_fail_format(p, token, "an enhanced code like 5.7.1",
			"\"%.*s\" is no enhanced code", SLICE_ARGS(slice_part(token->text, 0, 80)));
	else if (row->status.class != class)
		parser_fail(p, token, SLICE("the code does not fit the verb"),
			class == 5 ? SLICE("5.x.x for `refuse`") : SLICE("4.x.x for `defer`"));
	p->at++;
	p->expected_count = 0;
}

static void verdict_read(struct parser *p, struct expect_row *row)
{
	if (parser_word(p, "accept")) {
		row->verdict = VERDICT_ACCEPT;
	} else if (parser_word(p, "refuse")) {
		row->verdict = VERDICT_REFUSE;
		code_read(p, row);
	} else if (parser_word(p, "defer")) {
		row->verdict = VERDICT_DEFER;
		code_read(p, row);
	} else {
		parser_unexpected(p);
	}
}

/* ---- what is given ---- */

static void once(struct parser *p, bool written)
{
	if (written)
		parser_fail_format(p, parser_last(p), "one of the two",
			"\"%.*s\" is written already", SLICE_ARGS(parser_last(p)->text));
}

/* An address, <> for the null sender, or <postmaster>. */
static void party_read(struct parser *p, bool *has, struct mailbox *mailbox)
{
	const struct token *token;

	once(p, *has);
	token = parser_peek(p);
	struct slice text = parser_string(p, "an address in quotes");
	*has = true;
	if (p->failed)
		return;
	bool bare = !slice_has(text, '@') && !slice_starts(text, SLICE("<"));
	struct slice path = slice_starts(text, SLICE("<"))
				    ? text
				    : arena_format(p->policy->arena, "<%.*s>", SLICE_ARGS(text));
	struct slice left = path;
	enum mailbox_fault fault = mailbox_read_path(&left, true, p->policy->arena, mailbox);
	if (fault != MAILBOX_OK || left.len > 0)
		parser_fail_format(p, token,
			bare ? "an address like \"user@example.org\", \"<>\" or \"postmaster\""
			     : "an address like \"user@example.org\"",
			"this is no mail address: %s", mailbox_fault_text(fault));
}

static void listener_read(struct parser *p, struct expect_row *row)
{
	once(p, row->listener.len > 0);
	enum service service = parser_service(p);
	if (service != SERVICES)
		row->listener = slice_of(service_text(service));
}

static void client_read(struct parser *p, struct expect_row *row)
{
	once(p, row->has_client);
	row->has_client = true;
	if (!parser_network(p, "an address or a network", &row->client))
		parser_unexpected(p);
}

static void string_read(struct parser *p, struct slice *text, const char *what)
{
	once(p, text->len > 0);
	*text = parser_string(p, what);
}

/* One of the words that say who does what. */
static bool party_or_session_read(struct parser *p, struct expect_row *row)
{
	if (parser_word(p, "listener"))
		listener_read(p, row);
	else if (parser_word(p, "client"))
		client_read(p, row);
	else if (parser_word(p, "account"))
		string_read(p, &row->account, "an account's name in quotes");
	else if (parser_word(p, "helo"))
		string_read(p, &row->helo, "a name in quotes");
	else if (parser_word(p, "certificate"))
		row->certificate = parser_name_use(p, true, NAME_OF_EXPECT, 0);
	else if (parser_word(p, "tls"))
		row->tls = true;
	else if (parser_word(p, "sender"))
		party_read(p, &row->has_sender, &row->sender);
	else if (parser_word(p, "from"))
		party_read(p, &row->has_from, &row->from);
	else if (parser_word(p, "to"))
		party_read(p, &row->has_to, &row->to);
	else
		return false;
	return true;
}

static void givens_read(struct parser *p, struct expect_row *row)
{
	TABLE(uint32_t) given = {0};

	while (!parser_at_end(p)) {
		if (party_or_session_read(p, row))
			continue;
		if (!parser_need(p, "given"))
			break;
		uint32_t node = parser_given(p);
		*TABLE_ADD(p->policy->arena, &given) = node;
	}
	row->given = given.at;
	row->given_count = given.count;
	row->has_helo = row->helo.len > 0;
}

void expect_statement(struct parser *p)
{
	struct expect_row row = {.token = p->statement.tokens[0], .place = parser_place(p)};

	verdict_read(p, &row);
	givens_read(p, &row);
	if (!p->failed && !row.has_to)
		parser_fail(p, &row.token, SLICE("to whom the mail goes is missing"),
			SLICE("`to \"ADDRESS\"`"));
	if (!p->failed)
		*TABLE_ADD(p->policy->arena, &p->policy->expects) = row;
}
