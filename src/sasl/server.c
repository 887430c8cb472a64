/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side: PLAIN, LOGIN, EXTERNAL, and the way into the other mechanisms. The contract is
 * in sasl.h.
 */
#include "base/panic.h"
#include "base/utf8.h"
#include "sasl/inside.h"
#include "sasl/prepare.h"

/* ---- what all share ---- */

struct sasl_server *sasl_server_new(
	struct arena *arena, enum sasl_mechanism mechanism, const struct sasl_setting *setting)
{
	struct sasl_server *server = ARENA_NEW(arena, struct sasl_server);

	server->arena = arena;
	server->mechanism = mechanism;
	server->setting = *setting;
	return server;
}

void sasl_end(struct sasl_server *server, enum sasl_next next, struct sasl_step *step)
{
	server->stage = AT_END;
	*step = (struct sasl_step){.next = next, .login = server->login};
}

void sasl_say(struct sasl_server *server, struct slice words, enum sasl_stage stage,
	struct sasl_step *step)
{
	server->stage = stage;
	*step = (struct sasl_step){.next = SASL_CHALLENGE, .words = words};
}

void sasl_test(struct sasl_server *server, enum sasl_next next, struct sasl_step *step)
{
	server->stage = AT_VERDICT;
	*step = (struct sasl_step){.next = next, .login = server->login};
}

bool sasl_take_login(struct sasl_server *server, struct slice name)
{
	struct slice login;

	if (!sasl_prepare(name, server->arena, &login) || !login.len)
		return false;
	server->login = arena_slice(server->arena, login); /* what was said is gone by then */
	return true;
}

/* An empty password is nobody's, and is not asked about: some directories take it for "whoever". */
static void test_password(struct sasl_server *server, struct slice password, struct sasl_step *step)
{
	struct slice prepared;

	if (!sasl_prepare(password, server->arena, &prepared) || !prepared.len) {
		sasl_end(server, SASL_WRONG, step);
		return;
	}
	sasl_test(server, SASL_TEST_PASSWORD, step);
	step->password = arena_slice(server->arena, prepared);
}

/* ---- PLAIN (RFC 4616): [authzid] NUL authcid NUL passwd ---- */

static void plain_take(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	struct slice left = words;

	if (slice_find(left, '\0') == SIZE_MAX || !utf8_is_valid(words)) {
		sasl_end(server, SASL_MALFORMED, step);
		return;
	}
	struct slice authzid = slice_cut(&left, '\0');
	bool two = slice_find(left, '\0') != SIZE_MAX;
	struct slice authcid = slice_cut(&left, '\0');
	if (!two || !authcid.len || slice_has(left, '\0'))
		sasl_end(server, SASL_MALFORMED, step);
	else if (!sasl_take_login(server, authcid) ||
		 (authzid.len && !slice_is(authzid, authcid))) /* nobody acts for another */
		sasl_end(server, SASL_WRONG, step);
	else
		test_password(server, left, step);
}

/* ---- LOGIN (draft-murchison-sasl-login): two prompts ---- */

static void login_take_name(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	if (!words.len || slice_has(words, '\0') || !utf8_is_valid(words)) {
		sasl_end(server, SASL_MALFORMED, step);
		return;
	}
	server->proved = sasl_take_login(server, words); /* if not, it is told after the password */
	sasl_say(server, SLICE("Password:"), AT_PASSWORD, step);
}

static void login_take_password(
	struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	if (slice_has(words, '\0') || !utf8_is_valid(words))
		sasl_end(server, SASL_MALFORMED, step);
	else if (!server->proved)
		sasl_end(server, SASL_WRONG, step);
	else
		test_password(server, words, step);
}

/* ---- EXTERNAL (RFC 4422 appendix A): the certificate of TLS; perhaps as whom ---- */

static void external_take(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	if (slice_has(words, '\0') || !utf8_is_valid(words))
		sasl_end(server, SASL_MALFORMED, step);
	else if (words.len && !sasl_take_login(server, words))
		sasl_end(server, SASL_WRONG, step);
	else
		sasl_test(server, SASL_TEST_CERTIFICATE, step);
}

/* ---- the way in ---- */

static void take_first(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	switch (server->mechanism) {
	case SASL_SCRAM_SHA_256_PLUS:
	case SASL_SCRAM_SHA_256: scram_first_take(server, words, step); break;
	case SASL_PLAIN: plain_take(server, words, step); break;
	case SASL_LOGIN: login_take_name(server, words, step); break;
	case SASL_OAUTHBEARER: oauthbearer_take(server, words, step); break;
	case SASL_XOAUTH2: xoauth2_take(server, words, step); break;
	case SASL_EXTERNAL: external_take(server, words, step); break;
	case SASL_MECHANISMS: panic("no such mechanism");
	}
}

void sasl_server_begin(
	struct sasl_server *server, bool has_initial, struct slice initial, struct sasl_step *step)
{
	bool asks = server->mechanism == SASL_LOGIN;

	panic_if(server->stage != AT_START, "a second beginning");
	if (has_initial)
		take_first(server, initial, step);
	else
		sasl_say(server, asks ? SLICE("Username:") : SLICE_NONE, AT_FIRST, step);
}

void sasl_server_answer(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	switch (server->stage) {
	case AT_FIRST: take_first(server, words, step); break;
	case AT_PASSWORD: login_take_password(server, words, step); break;
	case AT_FINAL: scram_final_take(server, words, step); break;
	case AT_ASSENT: sasl_end(server, server->proved ? SASL_DONE : SASL_WRONG, step); break;
	case AT_START:
	case AT_KEYS:
	case AT_VERDICT:
	case AT_END: panic("an answer at stage %d", (int)server->stage);
	}
}

void sasl_server_keys(
	struct sasl_server *server, const struct scram_keys *keys, struct sasl_step *step)
{
	panic_if(server->stage != AT_KEYS, "keys at stage %d", (int)server->stage);
	scram_keys_take(server, keys, step);
}

void sasl_server_verdict(struct sasl_server *server, bool right, struct sasl_step *step)
{
	bool token = server->mechanism == SASL_OAUTHBEARER || server->mechanism == SASL_XOAUTH2;

	panic_if(server->stage != AT_VERDICT, "a verdict at stage %d", (int)server->stage);
	if (!right && token)
		oauth_refuse(server, step);
	else
		sasl_end(server, right ? SASL_DONE : SASL_WRONG, step);
}
