/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message from standard input. Its header is read whole, up to the first empty line or the first
 * line that is no field, before which an empty line is then put; the body is passed on as it comes.
 * Line ends become CRLF; nothing else is changed but that Bcc goes.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/submit_inside.h"
#include "wire/header.h"

enum { HEADER_MOST = 1 << 20, CHUNK = 32 << 10 };

/* ---- lines ---- */

/* The next line without its end; false: the message has ended. */
static bool line_read(struct dialogue *dialogue, char **line, size_t *size, struct slice *found)
{
	ssize_t got = dialogue->ended ? -1 : getline(line, size, stdin);

	if (got < 0) {
		dialogue->ended = true;
		return false;
	}
	size_t len = (size_t)got;
	if (len && (*line)[len - 1] == '\n')
		len--;
	if (len && (*line)[len - 1] == '\r')
		len--;
	*found = (struct slice){*line, len};
	if (!dialogue->submission->dots_are_text && slice_is(*found, SLICE(".")))
		dialogue->ended = true;
	return !dialogue->ended;
}

/* ---- the header ---- */

static bool is_continuation(struct slice line)
{
	return line.len && (line.at[0] == ' ' || line.at[0] == '\t');
}

static bool is_field(struct slice line)
{
	size_t colon = slice_find(line, ':');

	if (colon == SIZE_MAX || colon == 0 || is_continuation(line))
		return false;
	struct slice name = slice_trim(slice_part(line, 0, colon));
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] > '~')
			return false;
	return true;
}

/* False: the header has ended, with *rest the first line of the body, or with nothing. */
static bool header_takes(struct text *raw, struct slice line, struct slice *rest)
{
	bool first = raw->len == 0;

	if (line.len == 0)
		return false;
	if (first && slice_starts(line, SLICE("From ")) && !slice_starts(line, SLICE("From :")))
		return true; /* of an mbox; it is no field, and dropped */
	if (is_field(line) || (!first && is_continuation(line))) {
		text_put(raw, line);
		text_put(raw, SLICE("\r\n"));
		return raw->len <= HEADER_MOST;
	}
	*rest = line;
	return false;
}

static bool goes_no_further(struct slice name)
{
	return slice_is_nocase(name, SLICE("Bcc")) || slice_is_nocase(name, SLICE("Resent-Bcc"));
}

static bool names_recipients(struct slice name, bool resent)
{
	struct slice prefix = SLICE("Resent-");

	if (slice_starts_nocase(name, prefix) != resent)
		return false;
	if (resent)
		name = slice_from(name, prefix.len);
	return slice_is_nocase(name, SLICE("To")) || slice_is_nocase(name, SLICE("Cc")) ||
	       slice_is_nocase(name, SLICE("Bcc"));
}

/* RFC 5322 section 3.6.6: of a message sent again those count to whom it is sent again. */
static bool is_resent(const struct headers *headers)
{
	return header_find(headers, SLICE("Resent-To"), 0) ||
	       header_find(headers, SLICE("Resent-Cc"), 0) ||
	       header_find(headers, SLICE("Resent-Bcc"), 0);
}

static int header_keep(struct dialogue *dialogue, struct slice raw, bool recipients)
{
	struct submission *submission = dialogue->submission;
	struct headers headers;

	header_scan(raw, submission->arena, &headers);
	bool resent = is_resent(&headers);
	dialogue->has_from = header_find(&headers, SLICE("From"), 0) != NULL;
	for (size_t i = 0; i < headers.count; i++) {
		const struct field *field = &headers.fields[i];
		if (recipients && names_recipients(field->name, resent) &&
			!submission_add_recipients(
				submission, header_unfold(field->raw, submission->arena))) {
			fprintf(stderr, "postern-sendmail: %.*s holds what is no address\n",
				SLICE_ARGS(field->name));
			return EX_DATAERR;
		}
		if (recipients && goes_no_further(field->name))
			continue;
		text_put(&dialogue->header, field->name);
		text_char(&dialogue->header, ':');
		text_put(&dialogue->header, field->raw);
		text_put(&dialogue->header, SLICE("\r\n"));
	}
	return EX_OK;
}

int message_read_header(struct dialogue *dialogue, bool recipients)
{
	struct text raw = TEXT_GROWING;
	char *line = NULL;
	size_t size = 0;
	struct slice found, rest = SLICE_NONE;

	dialogue->header = TEXT_GROWING;
	while (line_read(dialogue, &line, &size, &found) && header_takes(&raw, found, &rest))
		;
	int status = raw.len <= HEADER_MOST
			     ? header_keep(dialogue, text_slice(&raw), recipients)
			     : (fputs("postern-sendmail: a header of more than 1 MiB\n", stderr),
				       EX_DATAERR);
	dialogue->first = arena_slice(dialogue->submission->arena, rest);
	dialogue->has_first = rest.len > 0;
	text_free(&raw);
	free(line);
	return status;
}

/* -F: the name beside the sender, where the message says nothing itself. */
static void from_add(struct dialogue *dialogue, struct text *out)
{
	struct slice name = dialogue->submission->full_name;

	if (dialogue->has_from || !name.len || !dialogue->sender.len)
		return;
	text_put(out, SLICE("From: \""));
	for (size_t i = 0; i < name.len; i++) {
		if ((uint8_t)name.at[i] < ' ' || name.at[i] == 0x7f)
			continue;
		text_put(out, name.at[i] == '"' || name.at[i] == '\\' ? SLICE("\\") : SLICE_NONE);
		text_char(out, name.at[i]);
	}
	text_format(out, "\" <%.*s>\r\n", SLICE_ARGS(dialogue->sender));
}

/* ---- the body ---- */

static void line_put(struct text *out, struct slice line)
{
	text_put(out, slice_starts(line, SLICE(".")) ? SLICE(".") : SLICE_NONE);
	text_put(out, line);
	text_put(out, SLICE("\r\n"));
}

bool message_put(struct dialogue *dialogue)
{
	struct text out = TEXT_GROWING;
	char *line = NULL;
	size_t size = 0;
	struct slice found;
	bool sent = true;

	from_add(dialogue, &out);
	text_put(&out, text_slice(&dialogue->header));
	text_put(&out, SLICE("\r\n"));
	if (dialogue->has_first)
		line_put(&out, dialogue->first);
	while (sent && line_read(dialogue, &line, &size, &found)) {
		line_put(&out, found);
		if (out.len < CHUNK)
			continue;
		sent = dialogue_put(dialogue, text_slice(&out));
		text_clear(&out);
	}
	text_put(&out, SLICE(".\r\n"));
	sent = sent && dialogue_put(dialogue, text_slice(&out));
	text_free(&out);
	free(line);
	return sent;
}
