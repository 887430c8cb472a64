/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of files that the configuration names. The contract is in lines.h. */
#include "policy/lines.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct lines lines_of(struct slice bytes)
{
	return (struct lines){.left = bytes};
}

static struct slice without_comment(struct slice entry)
{
	for (size_t i = 0; i < entry.len; i++)
		if (entry.at[i] == '#' && (i == 0 || is_blank(entry.at[i - 1])))
			return slice_trim(slice_part(entry, 0, i));
	return entry;
}

bool lines_next(struct lines *lines)
{
	while (lines->left.len > 0) {
		struct slice line = slice_cut(&lines->left, '\n');
		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		lines->number++;
		lines->whole = line;
		lines->continues = line.len > 0 && is_blank(line.at[0]);
		lines->entry = without_comment(slice_trim(line));
		if (lines->entry.len > 0)
			return true;
	}
	return false;
}

struct token lines_token(const struct lines *lines, struct arena *arena, struct slice path)
{
	struct slice line = arena_slice(arena, lines->whole);
	size_t from = line.len > 0 ? (size_t)(lines->entry.at - lines->whole.at) : 0;

	return (struct token){.file = path,
		.raw = slice_part(line, from, from + lines->entry.len),
		.text = slice_part(line, from, from + lines->entry.len),
		.source = line,
		.line = lines->number,
		.column = (unsigned)from + 1};
}
