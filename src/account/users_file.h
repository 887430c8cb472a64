/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts in a plain file, one a line; `#` begins a comment line. What htpasswd(1) writes is one.
 *
 *	alice@example.org:$y$j9T$… owns=sales@example.org,*@example.com groups=staff,board
 *	dan@example.org:$y$j9T$… limits=500-recipients-per-day,60-messages-per-hour
 *	bob:{BLF-CRYPT}$2y$05$… scram=SCRAM-SHA-256$4096:…
 *	carol@example.org:* owns=info@example.org disabled
 *
 * The verifier may be `*`: no password opens it. A scheme in braces, as Dovecot writes it, is taken
 * where it says nothing new. Pure; the parser is fuzzed.
 */
#ifndef ACCOUNT_USERS_FILE_H
#define ACCOUNT_USERS_FILE_H

#include "account/store.h"
#include "base/text.h"

struct users_file;

/* NULL, with "line N: …" in `why`. The bytes may go. */
struct users_file *users_file_parse(struct slice bytes, struct text *why);
void users_file_free(struct users_file *users); /* overwritten first; NULL is fine */
/* Lives as long as the file; NULL: none. */
const struct account *users_file_find(const struct users_file *users, struct slice login);
bool users_file_has_mailbox(const struct users_file *users, struct slice key);
/* All of them, in no order; *at starts at 0. NULL at the end. */
const struct account *users_file_next(const struct users_file *users, size_t *at);
size_t users_file_count(const struct users_file *users);

#endif
