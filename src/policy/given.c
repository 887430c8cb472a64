/* SPDX-License-Identifier: Apache-2.0 */
/* An atom given from outside, `trial --fact 'not client unnamed'`, read with the configuration's
 * own parser over a shallow copy of the policy: what is added to its tables goes to the caller's
 * arena, the policy itself stays as it is. */
#include "policy/atoms.h"
#include "policy/parser.h"

static const struct slice source_name = {"--fact", sizeof "--fact" - 1};

/* Tables that grow at the first addition, into the arena given. */
static struct policy copy_to_grow(const struct policy *policy, struct arena *arena)
{
	struct policy copy = *policy;

	copy.arena = arena;
	copy.nodes.size = copy.nodes.count;
	copy.node_tokens.size = copy.node_tokens.count;
	copy.lists.size = copy.lists.count;
	copy.laters.size = copy.laters.count;
	return copy;
}

/* The names of networks and certificates. */
static void uses_settle(struct parser *p)
{
	const struct policy *policy = p->policy;

	for (size_t i = 0; i < p->uses.count; i++) {
		const struct name_use *use = &p->uses.at[i];
		const void *found = map_get(
			use->is_certificate ? policy->certificate_names : policy->network_names,
			use->token.text);
		if (found)
			policy->nodes.at[use->at].index = (uint32_t)((uintptr_t)found - 1);
		else
			parser_fail_format(p, &use->token, "one that the configuration declares",
				"no %s is named \"%.*s\"",
				use->is_certificate ? "certificate" : "network",
				SLICE_ARGS(slice_part(use->token.text, 0, 80)));
	}
}

static uint32_t read_given(struct parser *p, struct lexer *lexer)
{
	uint32_t at = NO_NODE;

	if (!lexer_next(lexer, &p->statement) || p->statement.bad) {
		p->failed = true;
		return at;
	}
	at = parser_given(p);
	if (!parser_at_end(p)) {
		parser_expect(p, SLICE("the end"));
		parser_unexpected(p);
	}
	uses_settle(p);
	return at;
}

/* The node's own copy, with its address as a key. */
static const struct node *node_settled(
	const struct policy *policy, struct policy *copy, uint32_t at, struct arena *arena)
{
	struct node *node = ARENA_NEW(arena, struct node);

	*node = copy->nodes.at[at];
	if (atom_row((enum atom)node->atom)->argument == TAKES_ADDRESS) {
		struct mailbox mailbox = {.local = node->text, .domain = node->domain};
		node->text = party_key(policy, &mailbox, true, arena);
	}
	node->term = NO_NODE;
	return node;
}

static void complaint_put(struct text *why, const struct complaints *complaints)
{
	if (complaints->count == 0) {
		text_put(why, SLICE("an atom in the policy's words is missing"));
		return;
	}
	const struct complaint *complaint = &complaints->list[0];
	text_escaped(why, complaint->what);
	if (complaint->right.len > 0) {
		text_put(why, SLICE("; "));
		text_escaped(why, complaint->right);
	}
}

bool policy_given_parse(const struct policy *policy, struct slice text, struct arena *arena,
	struct given *given, struct text *why)
{
	struct policy copy = copy_to_grow(policy, arena);
	struct complaints complaints;
	struct bundle none = {0};
	struct files files = {.bundle = &none, .arena = arena};
	struct parser p = {
		.policy = &copy, .files = &files, .arena = arena, .complaints = &complaints};

	complaints_init(&complaints);
	struct lexer lexer = lexer_over(source_name, arena_slice(arena, text), arena, &complaints);
	uint32_t at = read_given(&p, &lexer);
	bool read = !p.failed && complaints.errors == 0;
	if (read) {
		given->is = copy.nodes.at[at].kind == NODE_ATOM;
		given->node =
			node_settled(policy, &copy, given->is ? at : copy.nodes.at[at].left, arena);
	} else {
		complaint_put(why, &complaints);
	}
	complaints_free(&complaints);
	return read;
}
