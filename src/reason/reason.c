/* SPDX-License-Identifier: Apache-2.0 */
/* The table of reasons. The contract is in reason.h; the rows are in reasons.def. */
#include "reason/reason.h"

#include "base/panic.h"

/* clang-format off */
#define E(class, subject, detail) {class, subject, detail}
#define S(literal) {(literal), sizeof(literal) - 1}
/* clang-format on */
#define REASON(id, name_, rank_, code_, enhanced_, text_, cause_, actor_, explanation_, steps_)    \
	[REASON_##id] = {                                                                          \
		.name = S(name_),                                                                  \
		.rank = rank_,                                                                     \
		.code = code_,                                                                     \
		.enhanced = enhanced_,                                                             \
		.text = S(text_),                                                                  \
		.cause = S(cause_),                                                                \
		.actor = S(actor_),                                                                \
		.explanation = S(explanation_),                                                    \
		.steps = S(steps_),                                                                \
	},

static const struct reason_row rows[REASONS] = {
	[REASON_NONE] = {.name = S("none"), .rank = RANK_TRANSPORT},
#include "reason/reasons.def"
};

const struct reason_row *reason_row(enum reason reason)
{
	panic_if((unsigned)reason >= REASONS, "reason %d is none", (int)reason);
	return &rows[reason];
}

enum reason reason_find(struct slice name)
{
	for (int i = REASON_NONE + 1; i < REASONS; i++)
		if (slice_is(rows[i].name, name))
			return (enum reason)i;
	return REASON_NONE;
}

/* The bytes of the argument that `$d` at `at` names, or false where no argument is named. */
static bool argument_at(struct slice text, size_t at, const struct slice *arguments, size_t count,
	struct slice *argument)
{
	if (text.at[at] != '$' || at + 1 >= text.len || !ascii_is_digit(text.at[at + 1]))
		return false;
	size_t number = (size_t)(text.at[at + 1] - '0');
	*argument = number >= 1 && number <= count ? arguments[number - 1] : SLICE_NONE;
	return true;
}

static void words_put(
	struct text *out, struct slice text, const struct slice *arguments, size_t count)
{
	struct slice argument;

	for (size_t i = 0; i < text.len; i++) {
		if (argument_at(text, i, arguments, count, &argument)) {
			text_put(out, argument);
			i++;
		} else {
			text_char(out, text.at[i]);
		}
	}
}

struct slice reason_words(
	enum reason reason, const struct slice *arguments, size_t count, struct arena *arena)
{
	const struct reason_row *row = reason_row(reason);
	size_t size = row->text.len;

	for (size_t i = 0; i < count; i++)
		size += arguments[i].len * (row->text.len / 2);
	size = size < 4096 ? size : 4096;
	struct text out = {.at = arena_alloc(arena, size ? size : 1), .size = size};
	words_put(&out, row->text, arguments, count);
	return text_slice(&out);
}
