/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of addresses. The contract is in address_list.h. */
#include "wire/address_list.h"

#include "base/text.h"

/* Octets of a comment, which may hold others; all there is where it does not end. */
static size_t comment_span(struct slice s)
{
	size_t depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '(')
			depth++;
		else if (s.at[i] == ')' && --depth == 0)
			return i + 1;
	}
	return s.len;
}

/* Of a quoted string, or a domain literal: up to `end`. */
static size_t quoted_span(struct slice s, char end)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == end)
			return i + 1;
	}
	return s.len;
}

static size_t span_of(struct slice s)
{
	switch (s.at[0]) {
	case '(': return comment_span(s);
	case '"': return quoted_span(s, '"');
	case '[': return quoted_span(s, ']');
	default: return 1;
	}
}

struct reading {
	struct text found;
	bool inside, ended; /* of < >; behind > nothing is read any more */
};

static void take(struct reading *r, struct slice part)
{
	char c = part.at[0];

	if (c == '<' && !r->inside) {
		text_clear(&r->found);
		r->inside = true;
	} else if (c == '>' && r->inside) {
		r->inside = false;
		r->ended = true;
	} else if (c == ':' && !r->inside) {
		text_clear(&r->found); /* what stood before is a group's name */
		r->ended = false;
	} else if (c != '(' && !r->ended) {
		text_put(&r->found, part);
	}
}

static bool ends(const struct reading *r, char c)
{
	return !r->inside && (c == ',' || c == ';');
}

bool address_list_next(struct slice *left, struct arena *arena, struct slice *address)
{
	struct reading r = {.found = TEXT_GROWING};

	*address = SLICE_NONE;
	while (left->len && !address->len) {
		while (left->len && !ends(&r, left->at[0])) {
			size_t span = span_of(*left);
			take(&r, slice_part(*left, 0, span));
			*left = slice_from(*left, span);
		}
		*left = slice_from(*left, 1);
		*address = arena_slice(arena, slice_trim(text_slice(&r.found)));
		text_clear(&r.found);
		r.ended = r.inside = false;
	}
	text_free(&r.found);
	return address->len > 0;
}
