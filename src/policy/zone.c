/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zone of a DNS list and which of its answers count:
 *
 *	zone = STRING [ "returning" NET { NET } ]
 *
 * A NET may also be a range of the last number, 127.0.0.2-11. Lists answer with addresses in
 * 127.0.0.0/8 (RFC 5782 section 2.1).
 */
#include "policy/parser.h"

struct answers {
	TABLE(struct network) nets;
};

static void answer_add(struct parser *p, struct answers *answers, const struct network *net)
{
	*TABLE_ADD(p->policy->arena, &answers->nets) = *net;
}

/* first to last, cut into the widest networks that begin where the last ended. */
static void range_add(struct parser *p, struct answers *answers, struct network net, unsigned last)
{
	unsigned at = net.base.bytes[15];

	while (at <= last) {
		unsigned bits = 0;
		while (bits < 8 && at % (2u << bits) == 0 && at + (2u << bits) - 1 <= last)
			bits++;
		net.base.bytes[15] = (uint8_t)at;
		net.prefix = (uint8_t)(128 - bits);
		answer_add(p, answers, &net);
		at += 1u << bits;
	}
}

/* 127.0.0.2-11; false if no such thing stands here. */
static bool range_read(struct parser *p, struct answers *answers)
{
	const struct token *token = parser_peek(p);
	struct slice last = token->text, first = slice_cut(&last, '-');
	struct network net = {.prefix = 128};
	uint64_t number;

	if (p->failed || token->kind != TOKEN_WORD || !slice_has(token->text, '-') ||
		!address_parse(first, &net.base) || !net.base.is_v4)
		return false;
	bool ordered = slice_number(last, 255, &number) && number >= net.base.bytes[15];
	if (!ordered) {
		parser_fail(p, token, SLICE("this is no range of the last number"),
			SLICE("a range like 127.0.0.2-11"));
		return false;
	}
	range_add(p, answers, net, (unsigned)number);
	p->at++;
	p->expected_count = 0;
	return true;
}

static bool answer_read(struct parser *p, struct answers *answers)
{
	struct network net;

	if (range_read(p, answers))
		return true;
	if (!parser_network(p, "an answer like 127.0.0.2 or 127.0.0.2-11", &net))
		return false;
	answer_add(p, answers, &net);
	return true;
}

/* An answer outside 127.0.0.0/8, or in 127.255.255.0/24, is no answer (doc/policy.md). */
static void answer_check(struct parser *p, const struct network *net, const struct token *token)
{
	if (p->failed)
		return;
	if (!net->base.is_v4 || net->base.bytes[12] != 127 || net->prefix < 96 + 8)
		parser_fail(p, token, SLICE("no list answers with this"),
			SLICE("answers in 127.0.0.0/8, like 127.0.0.2"));
	else if (net->base.bytes[13] == 255 && net->base.bytes[14] == 255)
		parser_fail(p, token,
			SLICE("127.255.255.x says that a list refuses to answer, never that "
			      "something is in it"),
			SLICE("answers like 127.0.0.2"));
}

static void answers_read(struct parser *p, struct node *node)
{
	struct answers answers = {0};

	for (size_t checked = 0; answer_read(p, &answers);)
		for (; checked < answers.nets.count; checked++)
			answer_check(p, &answers.nets.at[checked], parser_last(p));
	if (answers.nets.count == 0)
		parser_unexpected(p);
	node->nets = answers.nets.at;
	node->net_count = (uint32_t)answers.nets.count;
}

void parser_zone(struct parser *p, struct node *node)
{
	const struct token *token = parser_peek(p);
	struct slice text = parser_string(p, "the list's zone in quotes");

	if (p->failed)
		return;
	if (!domain_normalise(text, p->policy->arena, &node->text))
		parser_fail_format(p, token, "a name like \"zen.spamhaus.org\"",
			"\"%.*s\" is no zone of a list", SLICE_ARGS(slice_part(text, 0, 80)));
	if (parser_word(p, "returning"))
		answers_read(p, node);
}
