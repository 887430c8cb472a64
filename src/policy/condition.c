/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions, read into nodes:
 *
 *	when      = "if" condition [ "unless" condition ] | "unless" condition
 *	condition = both { "or" both }
 *	both      = one { "and" one }
 *	one       = "not" one | "(" condition ")" | atom
 *
 * `A or B unless C` is `(A or B) and not (C)`.
 */
#include "policy/atoms.h"
#include "policy/parser.h"

enum { NESTING_MAX = 100, ATOM_WORDS_MAX = 3 };

static uint32_t node_add(struct parser *p, struct node node)
{
	*TABLE_ADD(p->arena, &p->policy->nodes) = node;
	*TABLE_ADD(p->arena, &p->policy->node_tokens) = *parser_peek(p);
	return (uint32_t)(p->policy->nodes.count - 1);
}

/* ---- atoms ---- */

/* How many of the row's words stand here; 0 if not all of them do. */
static size_t words_here(const struct parser *p, struct slice words)
{
	size_t count = 0, left = p->statement.count - p->at;

	while (words.len > 0) {
		const struct token *token = parser_peek(p) + count;
		struct slice word = slice_cut(&words, ' ');
		if (count >= left || token->kind == TOKEN_STRING || !slice_is(token->text, word))
			return 0;
		count++;
	}
	return count;
}

/* The row most of whose words stand here, so that `sender domain` goes before `sender`. */
static enum atom atom_find(const struct parser *p, size_t *words)
{
	enum atom best = ATOMS;

	*words = 0;
	for (int i = 0; i < ATOMS; i++) {
		size_t here = words_here(p, atom_row((enum atom)i)->words);
		if (here > *words) {
			*words = here;
			best = (enum atom)i;
		}
	}
	return best;
}

/* What could stand after the first word where no row fits, or instead of it. */
static void atoms_expect(struct parser *p)
{
	bool family = false;
	struct slice here = parser_peek(p)->kind == TOKEN_WORD ? parser_peek(p)->text : SLICE_NONE;

	for (int i = 0; i < ATOMS && here.len > 0; i++) {
		struct slice rest = atom_row((enum atom)i)->words, first = slice_cut(&rest, ' ');
		if (!slice_is(first, here))
			continue;
		family = true;
		parser_expect(p, slice_cut(&rest, ' '));
	}
	if (family) {
		p->at++;
		return;
	}
	parser_expect(p, SLICE("not"));
	parser_expect(p, SLICE("("));
	for (int i = 0; i < ATOMS; i++) {
		struct slice rest = atom_row((enum atom)i)->words;
		parser_expect(p, slice_cut(&rest, ' '));
	}
}

static void service_read(struct parser *p, struct node *node)
{
	enum service service = parser_service(p);

	if (service != SERVICES)
		node->text = slice_of(service_text(service));
}

static void address_read(struct parser *p, struct node *node)
{
	struct mailbox mailbox = parser_address(p, "an address in quotes");

	node->text = mailbox.local; /* becomes its key when all domains are known (clauses.c) */
	node->domain = mailbox.domain;
}

static void word_of(struct parser *p, struct node *node, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (parser_word(p, words[i])) {
			node->text = slice_of(words[i]);
			return;
		}
	parser_unexpected(p);
}

static void result_read(struct parser *p, struct node *node)
{
	static const char *const results[] = {
		"pass", "fail", "softfail", "neutral", "none", "permerror"};

	word_of(p, node, results, sizeof results / sizeof *results);
}

static void domain_policy_read(struct parser *p, struct node *node)
{
	static const char *const policies[] = {"none", "quarantine", "reject"};

	word_of(p, node, policies, sizeof policies / sizeof *policies);
}

/* A field's name is printable ASCII without a colon (RFC 5322 section 3.6.8). */
static void header_read(struct parser *p, struct node *node)
{
	const struct token *token = parser_peek(p);

	node->text = parser_string(p, "a field's name in quotes, like \"Subject\"");
	for (size_t i = 0; i < node->text.len && !p->failed; i++) {
		char c = node->text.at[i];
		if (c == ':' || c == ' ' || !ascii_is_print(c))
			parser_fail(p, token, SLICE("this is no name of a header field"),
				SLICE("a name like \"Subject\", without a colon"));
	}
	node->domain = parser_string(p, "a pattern in quotes");
}

static void argument_read(struct parser *p, enum atom_argument argument, uint32_t at)
{
	struct node node = p->policy->nodes.at[at]; /* the table may move */

	switch (argument) {
	case TAKES_NOTHING: return;
	case TAKES_NETWORK:
		if (!parser_network(p, "an address or a network", &node.net))
			parser_unexpected(p);
		break;
	case TAKES_NETWORK_NAME: parser_name_use(p, false, NAME_OF_NODE, at); return;
	case TAKES_CERTIFICATE: parser_name_use(p, true, NAME_OF_NODE, at); return;
	case TAKES_SERVICE: service_read(p, &node); break;
	case TAKES_PATTERN: node.text = parser_string(p, "a pattern in quotes"); break;
	case TAKES_ADDRESS: address_read(p, &node); break;
	case TAKES_DOMAIN: node.text = parser_domain(p, "a domain"); break;
	case TAKES_LIST: node.index = parser_list(p, false); break;
	case TAKES_SIZE: node.number = parser_size(p, "a size like 25 MB"); break;
	case TAKES_NUMBER: node.number = parser_number(p, "a number", UINT32_MAX); break;
	case TAKES_ACCOUNT: node.text = parser_string(p, "an account's name in quotes"); break;
	case TAKES_GROUP: node.text = parser_name(p, "a group's name"); break;
	case TAKES_RESULT: result_read(p, &node); break;
	case TAKES_POLICY: domain_policy_read(p, &node); break;
	case TAKES_ZONE: parser_zone(p, &node); break;
	case TAKES_HEADER: header_read(p, &node); break;
	}
	p->policy->nodes.at[at] = node;
}

/* Behind `sender` there could have been `domain`, `null`, … */
static void longer_atoms_expect(struct parser *p, struct slice words)
{
	for (int i = 0; i < ATOMS; i++) {
		struct slice rest = atom_row((enum atom)i)->words;
		bool longer = rest.len > words.len + 1 && slice_starts(rest, words) &&
			      rest.at[words.len] == ' ';
		if (!longer)
			continue;
		rest = slice_from(rest, words.len + 1);
		parser_expect(p, slice_cut(&rest, ' '));
	}
}

static uint32_t atom_read(struct parser *p)
{
	size_t words;

	if (p->failed)
		return NO_NODE;
	enum atom atom = atom_find(p, &words);
	if (atom == ATOMS) {
		atoms_expect(p);
		parser_unexpected(p);
		return NO_NODE;
	}
	const struct atom_row *row = atom_row(atom);
	uint32_t at = node_add(p, (struct node){.kind = NODE_ATOM, .atom = (uint8_t)atom});
	p->at += words;
	p->expected_count = 0;
	longer_atoms_expect(p, row->words);
	argument_read(p, row->argument, at);
	return at;
}

/* ---- and, or, not ---- */

static uint32_t either_read(struct parser *p);

static uint32_t one_read(struct parser *p)
{
	uint32_t inside;

	if (++p->nesting > NESTING_MAX)
		parser_fail(p, parser_peek(p), SLICE("the condition is nested too deeply"),
			SLICE("a simpler condition, or several clauses"));
	if (parser_word(p, "not")) {
		inside = one_read(p);
		inside = node_add(p, (struct node){.kind = NODE_NOT, .left = inside});
	} else if (parser_word(p, "(")) {
		inside = either_read(p);
		parser_need(p, ")");
	} else {
		inside = atom_read(p);
	}
	p->nesting--;
	return inside;
}

/* Terms joined by one word become a chain to the right, which condition_value() walks in a loop. */
static uint32_t chain_read(struct parser *p, const char *word, enum node_kind kind,
	uint32_t (*term_read)(struct parser *))
{
	TABLE(uint32_t) terms = {0};

	do {
		uint32_t term = term_read(p);
		*TABLE_ADD(p->arena, &terms) = term;
	} while (parser_word(p, word));
	uint32_t chain = terms.at[terms.count - 1];
	for (size_t i = terms.count - 1; i-- > 0;)
		chain = node_add(p,
			(struct node){.kind = (uint8_t)kind, .left = terms.at[i], .right = chain});
	return chain;
}

static uint32_t both_read(struct parser *p)
{
	return chain_read(p, "and", NODE_AND, one_read);
}

static uint32_t either_read(struct parser *p)
{
	return chain_read(p, "or", NODE_OR, both_read);
}

uint32_t parser_condition(struct parser *p)
{
	return either_read(p);
}

/* An atom, or `not` and an atom, given from outside. */
uint32_t parser_given(struct parser *p)
{
	bool negated = parser_word(p, "not");
	uint32_t at = atom_read(p);

	if (p->failed)
		return NO_NODE;
	p->policy->nodes.at[at].is_given = true;
	return negated ? node_add(p, (struct node){.kind = NODE_NOT, .left = at}) : at;
}

/* ---- if and unless ---- */

/* `trusted` may stand only where more grants mean fewer refusals: under one negation. In grants it
 * would be circular. */
static bool trusted_stands_well(
	const struct policy *policy, uint32_t at, unsigned negations, enum condition_use use)
{
	const struct node *node = &policy->nodes.at[at];

	switch ((enum node_kind)node->kind) {
	case NODE_ATOM:
		return node->atom != ATOM_TRUSTED || (use == CONDITION_REFUSAL && negations == 1);
	case NODE_NOT: return trusted_stands_well(policy, node->left, negations + 1, use);
	case NODE_AND:
	case NODE_OR:
		return trusted_stands_well(policy, node->left, negations, use) &&
		       trusted_stands_well(policy, node->right, negations, use);
	}
	return false;
}

/* Whether a grant is given is decided at RCPT, when the size is not known yet. */
static bool condition_names_size(const struct policy *policy, uint32_t at)
{
	const struct node *node = &policy->nodes.at[at];

	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: return node->atom == ATOM_SIZE;
	case NODE_NOT: return condition_names_size(policy, node->left);
	case NODE_AND:
	case NODE_OR:
		return condition_names_size(policy, node->left) ||
		       condition_names_size(policy, node->right);
	}
	return false;
}

static uint32_t condition_read(struct parser *p, unsigned negations, enum condition_use use)
{
	const struct token *first = parser_peek(p);
	uint32_t condition = either_read(p);

	if (!p->failed && !trusted_stands_well(p->policy, condition, negations, use))
		parser_fail(p, first,
			SLICE("`trusted` stands where one more `relay for` would refuse more, or "
			      "grant more"),
			SLICE("`trusted` in `unless`, or under one `not`, of a `refuse` or "
			      "`defer`"));
	if (!p->failed && use == CONDITION_GRANT && condition_names_size(p->policy, condition))
		parser_fail(p, first,
			SLICE("a grant is decided at RCPT, when the size is not known yet"),
			SLICE("a `refuse if network … and size > …` beside the grant"));
	return condition;
}

uint32_t parser_unless(struct parser *p, enum condition_use use)
{
	if (!parser_word(p, "unless"))
		return NO_NODE;
	uint32_t exempt = condition_read(p, 1, use);
	return node_add(p, (struct node){.kind = NODE_NOT, .left = exempt});
}

uint32_t parser_when(struct parser *p, enum condition_use use, bool required)
{
	uint32_t wanted = NO_NODE, exempt;

	if (parser_word(p, "if"))
		wanted = condition_read(p, 0, use);
	exempt = parser_unless(p, use);
	if (wanted == NO_NODE && exempt == NO_NODE && required)
		parser_unexpected(p);
	if (p->failed || wanted == NO_NODE || exempt == NO_NODE)
		return wanted == NO_NODE ? exempt : wanted;
	return node_add(p, (struct node){.kind = NODE_AND, .left = wanted, .right = exempt});
}
