/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of OAuth that somebody else gave out: he is asked whether one is good, and whose it is
 * (token introspection, RFC 7662). Over HTTPS with libcurl in a thread; http:// only to loopback.
 */
#ifndef ACCOUNTS_OAUTH_H
#define ACCOUNTS_OAUTH_H

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"
#include "run/offload.h"

enum { TOKEN_PASSWORD_MAX = 256 };

/* As the configuration says; slices live with the policy. */
struct token_setting {
	struct slice url;   /* empty: tokens are not taken */
	struct slice login; /* ours there (HTTP Basic); empty: none */
	char password[TOKEN_PASSWORD_MAX];
	struct slice member; /* of the answer, that names the account: "username" */
};

struct settings;
/* With the password, from its file's first line. False with words in `why`. */
bool token_setting_read(
	const struct settings *settings, struct token_setting *setting, struct text *why) MUST_USE;

enum token { TOKEN_GOOD, TOKEN_BAD, TOKEN_CANNOT_TELL };
/* *login lies in `arena`; because: words for the administrator. The token is in none of them. */
enum token token_test(struct task *task, struct offload *pool, const struct token_setting *setting,
	struct slice token, struct arena *arena, struct slice *login, struct text *because);
/* The server's answer: TOKEN_GOOD only where `active` is true and `member` a text. `now`: seconds
 * since 1970, for `exp` and `nbf`. */
enum token token_answer_read(struct slice json, struct slice member, int64_t now,
	struct arena *arena, struct slice *login, struct text *because);

#endif
