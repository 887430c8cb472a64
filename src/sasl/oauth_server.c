/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2: a token that somebody else gave out, to be
 * tested by asking him (RFC 7662). Read sasl.h first.
 *
 *	n,a=user@example.org,^Ahost=mx.example.org^Aport=587^Aauth=Bearer TOKEN^A^A
 *	user=user@example.org^Aauth=Bearer TOKEN^A^A
 */
#include "sasl/inside.h"

#define KVSEP '\x01'

/* b64token (RFC 6750 section 2.1); nothing else is handed to a server that is asked about it. */
static bool is_token(struct slice s)
{
	static const struct slice others = SLICE("-._~+/=");

	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && !slice_has(others, s.at[i]))
			return false;
	return s.len > 0;
}

/* `key=value` each behind its ^A, an empty one at the end. */
static bool pairs_read(struct slice s, struct slice *user, struct slice *token)
{
	bool has_auth = false, ended = false;

	while (slice_find(s, KVSEP) != SIZE_MAX) {
		struct slice value = slice_cut(&s, KVSEP);
		ended = !value.len;
		if (ended)
			break;
		struct slice key = slice_cut(&value, '=');
		if (slice_is_nocase(key, SLICE("auth"))) {
			if (has_auth || !slice_starts_nocase(value, SLICE("Bearer ")))
				return false;
			*token = slice_trim(slice_from(value, 7));
			has_auth = true;
		} else if (slice_is_nocase(key, SLICE("user"))) {
			*user = value;
		}
	}
	return ended && !s.len && has_auth;
}

static void take(
	struct sasl_server *server, struct slice user, struct slice token, struct sasl_step *step)
{
	if (!is_token(token))
		sasl_end(server, SASL_MALFORMED, step);
	else if (user.len && !sasl_take_login(server, user))
		sasl_end(server, SASL_WRONG, step);
	else {
		sasl_test(server, SASL_TEST_TOKEN, step);
		step->token = arena_slice(server->arena, token);
	}
}

void oauthbearer_take(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	struct slice rest, user = SLICE_NONE, token = SLICE_NONE;
	struct gs2_header gs2;

	if (!gs2_parse(words, server->arena, &gs2, &rest) || gs2.binding == BINDING_USED ||
		!rest.len || rest.at[0] != KVSEP || !pairs_read(slice_from(rest, 1), &user, &token))
		sasl_end(server, SASL_MALFORMED, step);
	else
		take(server, gs2.authzid, token, step);
}

void xoauth2_take(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	struct slice user = SLICE_NONE, token = SLICE_NONE;

	if (!pairs_read(words, &user, &token))
		sasl_end(server, SASL_MALFORMED, step);
	else
		take(server, user, token, step);
}

/* RFC 7628 section 3.2.2: the client hears why, says one octet, and then hears that it failed. */
void oauth_refuse(struct sasl_server *server, struct sasl_step *step)
{
	bool bearer = server->mechanism == SASL_OAUTHBEARER;

	sasl_say(server,
		bearer ? SLICE("{\"status\":\"invalid_token\"}")
		       : SLICE("{\"status\":\"401\",\"schemes\":\"bearer\"}"),
		AT_ASSENT, step);
}
