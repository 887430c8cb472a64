/* SPDX-License-Identifier: Apache-2.0 */
/* Trace fields. The contract is in received.h. */
#include "wire/received.h"

#include "base/utf8.h"
#include "wire/fold.h"
#include "wire/header.h"

enum { PIECE_MAX = 600 };

const char *received_with(const struct received *received)
{
	/* [utf8][tls][authenticated]; TLS and AUTH need EHLO, so they imply ESMTP. */
	static const char *const keywords[2][2][2] = {
		{{"ESMTP", "ESMTPA"}, {"ESMTPS", "ESMTPSA"}},
		{{"UTF8SMTP", "UTF8SMTPA"}, {"UTF8SMTPS", "UTF8SMTPSA"}},
	};

	if (!received->esmtp && !received->tls && !received->authenticated && !received->smtputf8)
		return "SMTP";
	return keywords[received->smtputf8][received->tls][received->authenticated];
}

static bool fits_host(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '[' ||
	       c == ']';
}

/* What may stand in a domain or address literal; a client's "(" or ";" must not. */
static void text_host(struct text *text, struct slice host)
{
	while (host.len) {
		size_t run = 0;
		while (run < host.len && fits_host(host.at[run]))
			run++;
		text_put(text, slice_part(host, 0, run));
		if (run < host.len)
			text_char(text, '?');
		host = slice_from(host, run + 1);
	}
}

static void text_literal(struct text *text, const struct address *address)
{
	text_put(text, address->is_v4 ? SLICE("[") : SLICE("[IPv6:"));
	text_address(text, address);
	text_char(text, ']');
}

static void fold_host(struct folded *field, const char *before, struct slice host)
{
	char raw[PIECE_MAX];
	struct text piece = TEXT_FIXED(raw);

	text_put(&piece, slice_of(before));
	text_host(&piece, host);
	fold_word(field, text_slice(&piece));
}

/* From-domain: "from helo (name [192.0.2.1])". */
static void fold_client(struct folded *field, const struct received *received)
{
	char raw[64];
	struct text literal = TEXT_FIXED(raw);

	text_literal(&literal, &received->client);
	fold_word(field, SLICE("from"));
	fold_host(field, "", received->helo.len ? received->helo : text_slice(&literal));
	text_clear(&literal);
	if (received->client_name.len)
		fold_host(field, "(", received->client_name);
	else
		text_char(&literal, '(');
	text_literal(&literal, &received->client);
	text_char(&literal, ')');
	fold_word(field, text_slice(&literal));
}

/* A comment, as other servers write it. */
static void fold_tls(struct folded *field, const struct received *received)
{
	if (!received->tls || received->tls_version.len == 0)
		return;
	fold_host(field, "(", received->tls_version);
	char raw[PIECE_MAX];
	struct text piece = TEXT_FIXED(raw);
	text_host(&piece, received->tls_cipher);
	text_char(&piece, ')');
	fold_word(field, text_slice(&piece));
}

static void fold_local(struct folded *field, const struct received *received)
{
	char raw[PIECE_MAX];
	struct text piece = TEXT_FIXED(raw);

	text_host(&piece, received->local_user);
	text_char(&piece, ')');
	fold_word(field, SLICE("(local user"));
	fold_word(field, text_slice(&piece));
}

static void fold_path(struct folded *field, struct slice address)
{
	char raw[PIECE_MAX];
	struct text piece = TEXT_FIXED(raw);

	text_char(&piece, '<');
	text_put(&piece, address);
	text_char(&piece, '>');
	fold_word(field, text_slice(&piece));
}

/* A recipient beyond ASCII is named only in a message that may hold it (RFC 6531 3.7.3). */
static bool names_recipient(const struct received *received)
{
	return received->recipient.len && received->recipient.len <= PIECE_MAX - 2 &&
	       (received->smtputf8 || utf8_is_ascii(received->recipient));
}

void text_received(struct text *text, const struct received *received)
{
	struct folded field = fold_begin(text, SLICE("Received:"));
	char raw[64];
	struct text date = TEXT_FIXED(raw);

	field.utf8 = received->smtputf8;
	if (!received->local_user.len)
		fold_client(&field, received);
	fold_word(&field, SLICE("by"));
	fold_host(&field, "", received->by);
	if (received->local_user.len) {
		fold_local(&field, received);
	} else {
		fold_word(&field, SLICE("with"));
		fold_word(&field, slice_of(received_with(received)));
		fold_tls(&field, received);
	}
	fold_word(&field, SLICE("id"));
	fold_host(&field, "", received->id);
	if (names_recipient(received)) {
		fold_word(&field, SLICE("for"));
		fold_path(&field, received->recipient);
	}
	text_char(text, ';');
	field.column++;
	text_mail_date(&date, received->time);
	fold_word(&field, text_slice(&date));
	fold_end(&field);
}

void text_return_path(struct text *text, struct slice sender)
{
	struct folded field = fold_begin(text, SLICE("Return-Path:"));

	field.utf8 = true;
	fold_path(&field, sender);
	fold_end(&field);
}
