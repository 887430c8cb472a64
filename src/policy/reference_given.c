/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: what follows from atoms that are given. */
#include "policy/reference_inside.h"

/* Whole words are compared, as people write them. */
static bool same_words(struct reference *r, const struct node *a, const struct node *b)
{
	struct text one = TEXT_GROWING, other = TEXT_GROWING;

	text_atom(&one, r->policy, a);
	text_atom(&other, r->policy, b);
	bool same = slice_is(text_slice(&one), text_slice(&other)) && a->number == b->number &&
		    slice_is(a->text, b->text);
	text_free(&one);
	text_free(&other);
	return same;
}

/* Of two different kinds: one that cannot be without the other, and two that cannot both be. */
static int follows_from_another(enum atom given, bool is, enum atom asked)
{
	static const enum atom needs[][2] = {{ATOM_TLS_VERIFIED, ATOM_TLS},
		{ATOM_ACCOUNT, ATOM_AUTHENTICATED}, {ATOM_GROUP, ATOM_AUTHENTICATED}};
	static const enum atom apart[][2] = {{ATOM_CLIENT_NAMED, ATOM_CLIENT_UNNAMED},
		{ATOM_SENDER_OWNED, ATOM_SENDER_NOT_OWNED}, {ATOM_FROM_OWNED, ATOM_FROM_NOT_OWNED}};
	int value = -1;

	for (size_t i = 0; i < 3; i++) {
		const enum atom *n = needs[i], *a = apart[i];
		if (is && given == n[0] && asked == n[1])
			value = YES;
		if (!is && given == n[1] && asked == n[0])
			value = NO;
		if (is && ((given == a[0] && asked == a[1]) || (given == a[1] && asked == a[0])))
			value = NO;
	}
	return value;
}

/* `wide` holds wherever `narrow` does. */
static bool is_wider(const struct node *wide, const struct node *narrow)
{
	enum atom_argument argument = atom_row((enum atom)wide->atom)->argument;

	return argument == TAKES_PATTERN ? slice_matches(narrow->text, wide->text)
					 : wide->number <= narrow->number;
}

/* -1: nothing follows. */
static int follows_from(const struct node *given, bool is, const struct node *asked)
{
	enum atom_argument argument = atom_row((enum atom)asked->atom)->argument;
	bool zone = argument == TAKES_ZONE;

	if (given->atom != asked->atom)
		return follows_from_another((enum atom)given->atom, is, (enum atom)asked->atom);
	if (argument == TAKES_ACCOUNT)
		return is && !slice_is_nocase(given->text, asked->text) ? NO : -1;
	if (argument == TAKES_RESULT || argument == TAKES_POLICY)
		return is ? NO : -1;
	if (zone && !slice_is(given->text, asked->text))
		return -1;
	if (zone) /* a list that lists at all is taken to give each answer */
		return given->net_count == 0 ? yes_no(is) : is && asked->net_count == 0 ? YES : -1;
	if (argument == TAKES_NOTHING) /* leases of any age; users by name apart */
		return asked->text.len == 0 ? yes_no(is) : -1;
	if (argument != TAKES_SIZE && argument != TAKES_NUMBER && argument != TAKES_PATTERN)
		return -1;
	if (is)
		return is_wider(asked, given) ? YES : -1;
	return is_wider(given, asked) ? NO : -1;
}

/* What is said of the atom itself, else what follows from what is said of others; -1: nothing. */
int reference_given_is(struct reference *r, const struct node *node)
{
	const struct facts *facts = r->facts;
	int value = -1;

	for (size_t i = 0; i < facts->given_count && value < 0; i++)
		if (((const struct node *)facts->given[i].node)->atom == node->atom &&
			same_words(r, facts->given[i].node, node))
			value = yes_no(facts->given[i].is);
	for (size_t i = 0; i < facts->given_count && value < 0; i++)
		value = follows_from(facts->given[i].node, facts->given[i].is, node);
	return value;
}
