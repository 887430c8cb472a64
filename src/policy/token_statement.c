/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of OAuth: who is asked about them (RFC 7662).
 *
 *	tokens = "tokens" STRING { "login" STRING "password-file" STRING | "name" STRING }
 */
#include "policy/statements.h"

static bool is_secure(struct slice url)
{
	return slice_starts(url, SLICE("https://")) || slice_starts(url, SLICE("http://127.")) ||
	       slice_starts(url, SLICE("http://[::1]"));
}

static void url_read(struct parser *p)
{
	const struct token *token = parser_peek(p);

	p->policy->settings.tokens_url = parser_string(p, "a URL in quotes");
	if (!p->failed && !is_secure(p->policy->settings.tokens_url))
		parser_fail(p, token, SLICE("tokens would go over the network in the clear"),
			SLICE("an address that begins with https://"));
}

static void option_read(struct parser *p)
{
	struct settings *settings = &p->policy->settings;

	if (parser_word(p, "login")) {
		settings->tokens_login = parser_string(p, "our name there, in quotes");
		if (parser_need(p, "password-file"))
			settings->tokens_password_file =
				parser_string(p, "a file's path in quotes");
	} else if (parser_word(p, "name")) {
		settings->tokens_name = parser_string(p, "a member of its answers, in quotes");
	} else {
		parser_unexpected(p);
	}
}

void tokens_statement(struct parser *p)
{
	p->policy->settings.tokens_name = SLICE("username"); /* RFC 7662 section 2.2 */
	url_read(p);
	while (!p->failed && !parser_at_end(p))
		option_read(p);
}
