/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace fields we add in front of a message (RFC 5321 section 4.4): Received and Return-Path.
 * For loops, count what came: header_count(&headers, SLICE("Received")).
 */
#ifndef WIRE_RECEIVED_H
#define WIRE_RECEIVED_H

#include "base/address.h"
#include "base/clock.h"
#include "base/text.h"

struct received {
	struct slice helo; /* as command_parse_helo() gave it; empty: the address */
	struct address client;
	struct slice client_name; /* its confirmed name, or empty */
	struct slice
		local_user; /* a program of this host: its user; then the three above are unread */
	struct slice by;    /* our name */
	struct slice id;    /* 7K3Q-9MZD-2C4T */
	struct slice
		recipient; /* mailbox.text, only where the message has exactly one; else empty */
	struct slice tls_version, tls_cipher; /* "TLSv1.3"; empty: not known */
	wall_ns time;
	bool esmtp, tls, authenticated, smtputf8;
};
/* The whole field with its last CRLF. */
void text_received(struct text *text, const struct received *received);
/* "ESMTPSA": RFC 3848 and RFC 6531 section 4.3. */
const char *received_with(const struct received *received);
/* `sender` is mailbox.text; empty gives "Return-Path: <>". */
void text_return_path(struct text *text, struct slice sender);

#endif
