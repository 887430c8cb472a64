/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of Dovecot's authentication protocol: words with tabs between them, each a text or
 * name=value, ended by a line feed. Pure; the parser is fuzzed.
 *
 *	OK	1	user=alice@example.org	postern_groups=staff
 */
#ifndef ACCOUNT_DOVECOT_WORDS_H
#define ACCOUNT_DOVECOT_WORDS_H

#include "account/store.h"
#include "base/arena.h"
#include "base/text.h"

struct dovecot_line {
	struct slice command; /* "OK" */
	struct slice id;      /* the word behind it */
	struct slice rest;    /* the words behind that, as they stand */
};
/* Without its line feed. */
struct dovecot_line dovecot_line_read(struct slice line);
/* The value of name=…, or of a name that stands alone, which is empty; unescaped, in `arena`. */
bool dovecot_value(struct slice rest, struct slice name, struct arena *arena, struct slice *value);
/* Escapes what would part words or lines. */
void text_dovecot(struct text *text, struct slice value);

/* What `OK` and `USER` say of an account: `user`, and of our own names postern_owns and
 * postern_groups, each with commas between. What is no address or group is left out. */
void dovecot_account(
	struct slice rest, struct slice asked, struct arena *arena, struct account *account);

#endif
