/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery status notifications. The contract is in dsn.h. */
#include "wire/dsn.h"

#include <string.h>

#include "base/utf8.h"
#include "wire/fold.h"
#include "wire/header.h"
#include "wire/mime.h"
#include "wire/xtext.h"

enum { LINE_MAX_TEXT = 998, PLAIN_COLUMNS = 78, ADDRESS_MAX = 900 }; /* RFC 5322 2.1.1 */

static const char *const action_texts[] = {
	[DSN_FAILED] = "failed",
	[DSN_DELAYED] = "delayed",
	[DSN_DELIVERED] = "delivered",
	[DSN_RELAYED] = "relayed",
	[DSN_EXPANDED] = "expanded",
};

const char *dsn_action_text(enum dsn_action action)
{
	return action_texts[action];
}

/* The third part: what is returned, and how it must be labelled. */
struct returned {
	struct slice bytes;
	const char *type;
	bool whole, has_8bit;
};

static size_t longest_line(struct slice s)
{
	size_t longest = 0;

	while (s.len) {
		struct slice line = slice_cut(&s, '\n');
		size_t len = line.len - (line.len && line.at[line.len - 1] == '\r');
		longest = len > longest ? len : longest;
	}
	return longest;
}

/* RFC 6522 3 and RFC 6533 5, 6. A body that 8bit cannot carry stays out. */
static struct returned returned_choose(const struct dsn *dsn, struct arena *arena)
{
	static const char *const types[2][2] = {
		{"text/rfc822-headers", "message/rfc822"},
		{"message/global-headers", "message/global"},
	};
	struct returned part = {.bytes = dsn->original, .whole = dsn->whole};
	struct headers headers;

	if (part.whole && longest_line(part.bytes) > LINE_MAX_TEXT)
		part.whole = false;
	if (!part.whole) {
		header_scan(part.bytes, arena, &headers);
		part.bytes = slice_part(part.bytes, 0, headers.body_at);
	}
	part.type = types[dsn->original_utf8][part.whole];
	part.has_8bit = !utf8_is_ascii(part.bytes);
	return part;
}

/* A boundary that occurs in nothing we return. */
static struct slice boundary_choose(
	const struct dsn *dsn, const struct returned *part, struct arena *arena)
{
	struct slice boundary;
	unsigned n = 0;

	do {
		boundary = arena_format(
			arena, "report-%u-%.*s", n++, SLICE_ARGS(slice_part(dsn->id, 0, 40)));
	} while (part->bytes.len &&
		 memmem(part->bytes.at, part->bytes.len, boundary.at, boundary.len));
	return boundary;
}

static void field_text(struct text *text, struct slice name, struct slice words)
{
	struct folded field = fold_begin(text, name);

	fold_words(&field, words);
	fold_end(&field);
}

static void field_date(struct text *text, struct slice name, wall_ns time)
{
	if (time == 0)
		return;
	text_put(text, name);
	text_char(text, ' ');
	text_mail_date(text, time);
	text_put(text, SLICE("\r\n"));
}

static void field_path(
	struct text *text, struct slice name, const char *person, struct slice address)
{
	char raw[ADDRESS_MAX];
	struct text path = TEXT_FIXED(raw);
	struct folded field = fold_begin(text, name);

	field.utf8 = true;
	fold_words(&field, slice_of(person));
	text_char(&path, '<');
	text_put(&path, slice_part(address, 0, ADDRESS_MAX - 2));
	text_char(&path, '>');
	fold_word(&field, text_slice(&path));
	fold_end(&field);
}

static void text_top(struct text *text, const struct dsn *dsn, struct slice boundary, bool has_8bit)
{
	field_date(text, SLICE("Date:"), dsn->now);
	field_path(text, SLICE("From:"), "Mail Delivery System", dsn->from);
	field_path(text, SLICE("To:"), "", dsn->to);
	text_unstructured(text, SLICE("Subject:"), dsn->subject);
	text_format(text, "Message-ID: <%.*s@%.*s>\r\n", SLICE_ARGS(dsn->id),
		SLICE_ARGS(dsn->reporting_mta));
	text_put(text, SLICE("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"));
	text_format(text,
		"Content-Type: multipart/report; report-type=delivery-status;\r\n"
		" boundary=\"%.*s\"\r\nContent-Transfer-Encoding: %s\r\n\r\n",
		SLICE_ARGS(boundary), has_8bit ? "8bit" : "7bit");
}

static void text_boundary(struct text *text, struct slice boundary, const char *end)
{
	text_format(text, "\r\n--%.*s%s\r\n", SLICE_ARGS(boundary), end);
}

/* Control characters other than line ends and tabs become blanks. */
static struct slice words_clean(struct slice words, struct arena *arena)
{
	struct slice copy = arena_slice(arena, words);
	char *at = arena_alloc(arena, words.len);

	for (size_t i = 0; i < copy.len; i++) {
		bool bad = ((uint8_t)copy.at[i] < ' ' && !slice_has(SLICE("\n\t"), copy.at[i])) ||
			   copy.at[i] == 0x7f;
		at[i] = bad ? ' ' : copy.at[i];
	}
	return (struct slice){at, copy.len};
}

static void text_people(struct text *text, const struct dsn *dsn, struct arena *arena)
{
	struct slice words = words_clean(dsn->words, arena);
	bool plain = utf8_is_ascii(words) && longest_line(words) <= PLAIN_COLUMNS;

	text_format(text,
		"Content-Type: text/plain; charset=%s\r\n"
		"Content-Transfer-Encoding: %s\r\n\r\n",
		utf8_is_ascii(words) ? "us-ascii" : "utf-8", plain ? "7bit" : "quoted-printable");
	if (!plain) {
		text_quoted_printable(text, words);
		return;
	}
	while (words.len) {
		text_put(text, slice_cut(&words, '\n'));
		text_put(text, SLICE("\r\n"));
	}
}

/* "rfc822; user@example.org", or RFC 6533's form where it is beyond ASCII. */
static void field_address(
	struct text *text, struct slice name, struct slice type, struct slice address)
{
	char raw[ADDRESS_MAX];
	struct text encoded = TEXT_FIXED(raw);
	struct folded field = fold_begin(text, name);
	bool ascii = utf8_is_ascii(address);

	if (ascii)
		text_put(&encoded, address);
	else
		text_utf8_xtext(&encoded, address);
	fold_word(&field, ascii ? type : SLICE("utf-8;"));
	fold_word(&field, text_slice(&encoded));
	fold_end(&field);
}

/* ORCPT's "type;address". */
static void field_original(struct text *text, struct slice original)
{
	size_t end = slice_find(original, ';');

	if (end == SIZE_MAX)
		return;
	field_address(text, SLICE("Original-Recipient:"), slice_part(original, 0, end + 1),
		slice_trim(slice_from(original, end + 1)));
}

/* RFC 3464 2.3.4: the status fits the action, whatever a remote said. */
static void field_status(struct text *text, const struct dsn_recipient *recipient)
{
	static const uint8_t classes[] = {[DSN_FAILED] = 5,
		[DSN_DELAYED] = 4,
		[DSN_DELIVERED] = 2,
		[DSN_RELAYED] = 2,
		[DSN_EXPANDED] = 2};
	struct enhanced status = recipient->status;

	/* A delivery given up after a last temporary failure stays 4.x.x (RFC 3463 3.5: 4.4.7). */
	if (recipient->action != DSN_FAILED || status.class != 4)
		status.class = classes[recipient->action];
	text_put(text, SLICE("Status: "));
	text_enhanced(text, status);
	text_put(text, SLICE("\r\n"));
}

static void text_recipient(struct text *text, const struct dsn_recipient *recipient)
{
	text_put(text, SLICE("\r\n"));
	field_original(text, recipient->original);
	field_address(text, SLICE("Final-Recipient:"), SLICE("rfc822;"), recipient->final);
	text_format(text, "Action: %s\r\n", dsn_action_text(recipient->action));
	field_status(text, recipient);
	if (recipient->remote_mta.len) {
		struct folded field = fold_begin(text, SLICE("Remote-MTA: dns;"));
		fold_words(&field, recipient->remote_mta);
		fold_end(&field);
	}
	if (recipient->remote_says.len) {
		struct folded field = fold_begin(text, SLICE("Diagnostic-Code: smtp;"));
		fold_words(&field, recipient->remote_says);
		fold_end(&field);
	}
	if (recipient->cause.len)
		field_text(text, SLICE("X-Postern-Cause:"), recipient->cause);
	field_date(text, SLICE("Last-Attempt-Date:"), recipient->last_attempt);
	if (recipient->action == DSN_DELAYED)
		field_date(text, SLICE("Will-Retry-Until:"), recipient->retry_until);
}

static void text_status(struct text *text, const struct dsn *dsn)
{
	text_put(text, SLICE("Content-Type: message/delivery-status\r\n\r\n"));
	field_text(text, SLICE("Reporting-MTA: dns;"), dsn->reporting_mta);
	if (dsn->envelope_id.len)
		field_text(text, SLICE("Original-Envelope-Id:"), dsn->envelope_id);
	if (dsn->message.len)
		field_text(text, SLICE("X-Postern-Queue-ID:"), dsn->message);
	field_date(text, SLICE("Arrival-Date:"), dsn->arrived);
	for (size_t i = 0; i < dsn->count; i++)
		text_recipient(text, &dsn->recipients[i]);
}

/* Line by line, so that what is returned can neither be too long nor end a line in half. */
static void text_original(struct text *text, const struct returned *part)
{
	struct slice left = part->bytes;

	text_format(text, "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", part->type,
		part->has_8bit ? "8bit" : "7bit");
	while (left.len) {
		struct slice line = slice_cut(&left, '\n');
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		line = slice_part(line, 0, LINE_MAX_TEXT);
		for (size_t i = 0; i < line.len; i++)
			text_char(text, line.at[i] == '\r' || !line.at[i] ? ' ' : line.at[i]);
		text_put(text, SLICE("\r\n"));
	}
}

struct dsn_form text_dsn(struct text *text, const struct dsn *dsn, struct arena *arena)
{
	struct returned part = returned_choose(dsn, arena);
	struct slice boundary = boundary_choose(dsn, &part, arena);

	text_top(text, dsn, boundary, part.has_8bit);
	text_put(text, SLICE("This is a MIME-encapsulated delivery report.\r\n"));
	text_boundary(text, boundary, "");
	text_people(text, dsn, arena);
	text_boundary(text, boundary, "");
	text_status(text, dsn);
	text_boundary(text, boundary, "");
	text_original(text, &part);
	text_boundary(text, boundary, "--");
	return (struct dsn_form){
		.has_8bit = part.has_8bit,
		.smtputf8 = !utf8_is_ascii(dsn->to) || !utf8_is_ascii(dsn->from),
		.whole = part.whole,
	};
}
