/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way out. The contract is in content.h. */
#include "pop3/content.h"

void content_begin(struct content *content, uint64_t lines)
{
	*content = (struct content){.lines_left = lines, .line_is_blank = true};
}

static bool is_over(const struct content *content)
{
	return content->in_body && content->lines_left == 0;
}

static void line_ended(struct content *content, struct text *out)
{
	text_put(out, content->after_cr ? SLICE("\n") : SLICE("\r\n"));
	if (content->in_body && content->lines_left != CONTENT_WHOLE)
		content->lines_left--;
	if (content->line_is_blank)
		content->in_body = true;
	content->inside_line = content->after_cr = false;
	content->line_is_blank = true;
}

/* Octets of one line, without its LF. */
static void part_put(struct content *content, struct slice part, struct text *out)
{
	if (!part.len)
		return;
	if (!content->inside_line && part.at[0] == '.')
		text_char(out, '.');
	if (content->inside_line || part.len > 1 || part.at[0] != '\r')
		content->line_is_blank = false;
	content->inside_line = true;
	content->after_cr = part.at[part.len - 1] == '\r';
	text_put(out, part);
}

bool content_put(struct content *content, struct slice piece, struct text *out)
{
	while (piece.len && !is_over(content)) {
		size_t lf = slice_find(piece, '\n');
		part_put(content, slice_part(piece, 0, lf), out);
		if (lf == SIZE_MAX)
			break;
		line_ended(content, out);
		piece = slice_from(piece, lf + 1);
	}
	return !is_over(content);
}

void content_end(struct content *content, struct text *out)
{
	if (content->inside_line)
		text_put(out, SLICE("\r\n"));
	text_put(out, SLICE(".\r\n"));
}
