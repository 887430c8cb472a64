/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges, both sides. The vectors are those of RFC 7677 section 3 and RFC 4013 section 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sasl/prepare.h"
#include "sasl/sasl.h"
#include "wire/base64.h"

#define BINDING "0123456789abcdef0123456789abcdef"
static const char binding[] = BINDING;

static int arena_setup(void **state)
{
	*state = arena_new();
	return 0;
}

static int arena_teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void assert_slice(struct slice is, const char *wanted)
{
	if (!slice_is(is, slice_of(wanted)))
		fail_msg("%.*s instead of %s", SLICE_ARGS(is), wanted);
}

/* ---- RFC 7677: user "user", password "pencil" ---- */

#define CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"
#define SERVER_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define FIRST "n,,n=user,r=" CLIENT_NONCE
#define CHALLENGE "r=" CLIENT_NONCE SERVER_NONCE ",s=" SALT ",i=4096"
#define WITHOUT "c=biws,r=" CLIENT_NONCE SERVER_NONCE
#define FINAL WITHOUT ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SIGNATURE "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct scram_keys keys_of(const char *password, struct arena *arena)
{
	struct scram_keys keys;
	struct slice salt;

	assert_true(base64_decode(SLICE(SALT), arena, &salt));
	scram_keys_derive(slice_of(password), salt, 4096, &keys);
	return keys;
}

static struct sasl_server *server_of(
	struct arena *arena, enum sasl_mechanism mechanism, bool has_binding, bool plus_offered)
{
	return sasl_server_new(arena, mechanism,
		&(struct sasl_setting){.binding = has_binding ? (const uint8_t *)binding : NULL,
			.plus_offered = plus_offered,
			.nonce = SLICE(SERVER_NONCE)});
}

static void a_server_of_scram_says_what_the_rfc_has(void **state)
{
	struct sasl_server *server = server_of(*state, SASL_SCRAM_SHA_256, false, false);
	struct scram_keys keys = keys_of("pencil", *state);
	struct sasl_step step;

	sasl_server_begin(server, true, SLICE(FIRST), &step);
	assert_int_equal(step.next, SASL_FIND_ACCOUNT);
	assert_slice(step.login, "user");
	sasl_server_keys(server, &keys, &step);
	assert_int_equal(step.next, SASL_CHALLENGE);
	assert_slice(step.words, CHALLENGE);
	sasl_server_answer(server, SLICE(FINAL), &step);
	assert_int_equal(step.next, SASL_CHALLENGE);
	assert_slice(step.words, SIGNATURE);
	sasl_server_answer(server, SLICE_NONE, &step);
	assert_int_equal(step.next, SASL_DONE);
	assert_slice(step.login, "user");
}

static struct sasl_client *client_of(struct arena *arena, enum sasl_mechanism mechanism)
{
	return sasl_client_new(
		arena, mechanism, SLICE("user"), SLICE("pencil"), SLICE(CLIENT_NONCE));
}

static void a_client_of_scram_says_what_the_rfc_has(void **state)
{
	struct sasl_client *client = client_of(*state, SASL_SCRAM_SHA_256);
	struct slice words;

	assert_true(sasl_client_begin(client, &words));
	assert_slice(words, FIRST);
	assert_true(sasl_client_answer(client, SLICE(CHALLENGE), &words));
	assert_slice(words, FINAL);
	assert_false(sasl_client_believes(client));
	assert_true(sasl_client_answer(client, SLICE(SIGNATURE), &words));
	assert_int_equal(words.len, 0);
	assert_true(sasl_client_believes(client));
	assert_false(sasl_client_answer(client, SLICE("more"), &words));
}

static void a_client_believes_no_server_that_does_not_know_it(void **state)
{
	static const char *const challenges[] = {"", "r=" CLIENT_NONCE ",s=" SALT ",i=4096",
		"r=other" SERVER_NONCE ",s=" SALT ",i=4096",
		"r=" CLIENT_NONCE SERVER_NONCE ",s=" SALT ",i=4095",
		"r=" CLIENT_NONCE SERVER_NONCE ",s=" SALT ",i=1000001",
		"r=" CLIENT_NONCE SERVER_NONCE ",s=" SALT ",i=-4096",
		"r=" CLIENT_NONCE SERVER_NONCE ",s=,i=4096",
		"r=" CLIENT_NONCE SERVER_NONCE ",s=!,i=4096",
		"m=x,r=" CLIENT_NONCE SERVER_NONCE ",s=" SALT ",i=4096",
		"r=" CLIENT_NONCE SERVER_NONCE ",i=4096,s=" SALT};
	static const char *const finals[] = {"", "e=other-error",
		"v=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "v=AAAA", SIGNATURE ",x"};
	struct slice words;

	for (size_t i = 0; i < sizeof challenges / sizeof *challenges; i++) {
		struct sasl_client *client = client_of(*state, SASL_SCRAM_SHA_256);
		assert_true(sasl_client_begin(client, &words));
		assert_false(sasl_client_answer(client, slice_of(challenges[i]), &words));
		assert_true(sasl_client_why(client).len > 0);
		assert_false(sasl_client_believes(client));
	}
	for (size_t i = 0; i < sizeof finals / sizeof *finals; i++) {
		struct sasl_client *client = client_of(*state, SASL_SCRAM_SHA_256);
		assert_true(sasl_client_begin(client, &words));
		assert_true(sasl_client_answer(client, SLICE(CHALLENGE), &words));
		assert_false(sasl_client_answer(client, slice_of(finals[i]), &words));
		assert_false(sasl_client_believes(client));
	}
}

/* ---- what the server's side of SCRAM refuses ---- */

static const struct {
	const char *first;
	enum sasl_mechanism mechanism;
	bool plus_offered;
	enum sasl_next next;
} firsts[] = {
	{"y,,n=user,r=abc", SASL_SCRAM_SHA_256, false, SASL_FIND_ACCOUNT},
	{"y,,n=user,r=abc", SASL_SCRAM_SHA_256, true, SASL_WRONG}, /* somebody hid -PLUS */
	{"n,,n=user,r=abc", SASL_SCRAM_SHA_256, true, SASL_FIND_ACCOUNT},
	{"p=tls-exporter,,n=user,r=abc", SASL_SCRAM_SHA_256, true, SASL_WRONG},
	{"p=tls-exporter,,n=user,r=abc", SASL_SCRAM_SHA_256_PLUS, true, SASL_FIND_ACCOUNT},
	{"p=tls-unique,,n=user,r=abc", SASL_SCRAM_SHA_256_PLUS, true, SASL_WRONG},
	{"n,,n=user,r=abc", SASL_SCRAM_SHA_256_PLUS, true, SASL_WRONG},
	{"y,,n=user,r=abc", SASL_SCRAM_SHA_256_PLUS, true, SASL_WRONG},
	{"n,a=user,n=user,r=abc", SASL_SCRAM_SHA_256, false, SASL_FIND_ACCOUNT},
	{"n,a=other,n=user,r=abc", SASL_SCRAM_SHA_256, false, SASL_WRONG},
	{"n,,n=us=2Cer=3D,r=abc,x=ext", SASL_SCRAM_SHA_256, false, SASL_FIND_ACCOUNT},
	{"n,,n=us=2cer,r=abc", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,,n=us=er,r=abc", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,,n=,r=abc", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,,n=user,r=", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,,n=user,r=abc,", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,,m=x,n=user,r=abc", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,,r=abc,n=user", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,n=user,r=abc", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,x=user,n=user,r=abc", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"x,,n=user,r=abc", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"p=,,n=user,r=abc", SASL_SCRAM_SHA_256_PLUS, false, SASL_MALFORMED},
	{"n,,n=us\xff"
	 "er,r=abc",
		SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n,,n=us\x07"
	 "er,r=abc",
		SASL_SCRAM_SHA_256, false, SASL_WRONG},
	{"n,,n=user,r=a c", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
	{"n", SASL_SCRAM_SHA_256, false, SASL_MALFORMED},
};

static void first_messages_are_judged_by_what_was_offered(void **state)
{
	for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
		struct sasl_server *server = server_of(*state, firsts[i].mechanism,
			firsts[i].plus_offered, firsts[i].plus_offered);
		struct sasl_step step;
		sasl_server_begin(server, true, slice_of(firsts[i].first), &step);
		if (step.next != firsts[i].next)
			fail_msg("%s leads to %d", firsts[i].first, (int)step.next);
	}
}

static enum sasl_next end_with(struct arena *arena, const char *final)
{
	struct sasl_server *server = server_of(arena, SASL_SCRAM_SHA_256, false, false);
	struct scram_keys keys = keys_of("pencil", arena);
	struct sasl_step step;

	sasl_server_begin(server, true, SLICE(FIRST), &step);
	sasl_server_keys(server, &keys, &step);
	sasl_server_answer(server, slice_of(final), &step);
	return step.next;
}

static void proofs_of_others_are_wrong(void **state)
{
	assert_int_equal(end_with(*state, FINAL), SASL_CHALLENGE);
	assert_int_equal(
		end_with(*state, WITHOUT ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR="),
		SASL_MALFORMED); /* no base 64 that anybody writes */
	assert_int_equal(
		end_with(*state, WITHOUT ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
		SASL_WRONG);
	assert_int_equal(end_with(*state, WITHOUT ",p=AAAA"), SASL_WRONG);
	assert_int_equal(end_with(*state, WITHOUT ",p="), SASL_WRONG);
	assert_int_equal(end_with(*state, WITHOUT), SASL_MALFORMED);
	assert_int_equal(end_with(*state, ""), SASL_MALFORMED);
}

/* A client that makes a right proof for whatever it says. */
static const char *proved(
	struct arena *arena, const char *first_bare, const char *challenge, const char *without)
{
	uint8_t salted[SCRAM_KEY], key[SCRAM_KEY], stored[SCRAM_KEY], proof[SCRAM_KEY];
	struct slice salt,
		message = arena_format(arena, "%s,%s,%s", first_bare, challenge, without);
	struct text text = TEXT_GROWING;

	assert_true(base64_decode(SLICE(SALT), arena, &salt));
	scram_salted(SLICE("pencil"), salt, 4096, salted);
	scram_hmac(salted, SCRAM_KEY, SLICE("Client Key"), key);
	scram_hash(key, SCRAM_KEY, stored);
	scram_hmac(stored, SCRAM_KEY, message, proof);
	for (size_t i = 0; i < SCRAM_KEY; i++)
		proof[i] ^= key[i];
	text_put(&text, slice_of(without));
	text_put(&text, SLICE(",p="));
	text_base64(&text, (struct slice){(const char *)proof, SCRAM_KEY});
	const char *whole = arena_string(arena, text_slice(&text));
	text_free(&text);
	return whole;
}

/* The nonce and the channel are covered by the proof, and looked at besides. */
static void a_right_proof_over_a_wrong_nonce_is_wrong(void **state)
{
	const char *good = proved(*state, "n=user,r=" CLIENT_NONCE, CHALLENGE, WITHOUT);
	const char *other = proved(
		*state, "n=user,r=" CLIENT_NONCE, CHALLENGE, "c=biws,r=" CLIENT_NONCE "elsewhere");
	const char *header = proved(
		*state, "n=user,r=" CLIENT_NONCE, CHALLENGE, "c=eSws,r=" CLIENT_NONCE SERVER_NONCE);

	assert_string_equal(good, FINAL);
	assert_int_equal(end_with(*state, other), SASL_WRONG);
	assert_int_equal(end_with(*state, header), SASL_WRONG);
}

static enum sasl_next end_with_channel(struct arena *arena, struct slice channel)
{
	struct sasl_server *server = server_of(arena, SASL_SCRAM_SHA_256_PLUS, true, true);
	struct scram_keys keys = keys_of("pencil", arena);
	struct text c = TEXT_GROWING;
	struct sasl_step step;

	text_base64(&c, arena_format(arena, "p=tls-exporter,,%.*s", SLICE_ARGS(channel)));
	struct slice without = arena_format(
		arena, "c=%.*s,r=%s", SLICE_ARGS(text_slice(&c)), CLIENT_NONCE SERVER_NONCE);
	text_free(&c);
	sasl_server_begin(server, true, SLICE("p=tls-exporter,,n=user,r=" CLIENT_NONCE), &step);
	sasl_server_keys(server, &keys, &step);
	sasl_server_answer(server,
		slice_of(proved(
			arena, "n=user,r=" CLIENT_NONCE, CHALLENGE, arena_string(arena, without))),
		&step);
	return step.next;
}

static void a_proof_from_another_channel_is_wrong(void **state)
{
	assert_int_equal(end_with_channel(*state, SLICE(BINDING)), SASL_CHALLENGE);
	assert_int_equal(
		end_with_channel(*state, SLICE("0123456789abcdef0123456789abcdeX")), SASL_WRONG);
	assert_int_equal(
		end_with_channel(*state, SLICE("0123456789abcdef0123456789abcde")), SASL_WRONG);
	assert_int_equal(end_with_channel(*state, SLICE(BINDING "0")), SASL_WRONG);
	assert_int_equal(end_with_channel(*state, SLICE_NONE), SASL_WRONG);
}

/* ---- the others ---- */

static const struct {
	enum sasl_mechanism mechanism;
	struct slice said;
	enum sasl_next next;
	const char *login, *secret;
} others[] = {
	{SASL_PLAIN, SLICE("\0alice\0pw"), SASL_TEST_PASSWORD, "alice", "pw"},
	{SASL_PLAIN, SLICE("alice\0alice\0pw"), SASL_TEST_PASSWORD, "alice", "pw"},
	{SASL_PLAIN, SLICE("bob\0alice\0pw"), SASL_WRONG, "alice", ""},
	{SASL_PLAIN, SLICE("\0alice\0"), SASL_WRONG, "alice", ""},
	{SASL_PLAIN, SLICE("\0alice\0\xc2\xadpw"), SASL_TEST_PASSWORD, "alice", "pw"},
	{SASL_PLAIN, SLICE("\0alice\0p\0w"), SASL_MALFORMED, "", ""},
	{SASL_PLAIN, SLICE("\0\0pw"), SASL_MALFORMED, "", ""},
	{SASL_PLAIN, SLICE("\0alice"), SASL_MALFORMED, "", ""},
	{SASL_PLAIN, SLICE("alice"), SASL_MALFORMED, "", ""},
	{SASL_PLAIN, SLICE(""), SASL_MALFORMED, "", ""},
	{SASL_PLAIN, SLICE("\0al\xffice\0pw"), SASL_MALFORMED, "", ""},
	{SASL_PLAIN, SLICE("\0al\x01ice\0pw"), SASL_WRONG, "", ""},
	{SASL_EXTERNAL, SLICE(""), SASL_TEST_CERTIFICATE, "", ""},
	{SASL_EXTERNAL, SLICE("alice"), SASL_TEST_CERTIFICATE, "alice", ""},
	{SASL_EXTERNAL, SLICE("al\0ice"), SASL_MALFORMED, "", ""},
	{SASL_OAUTHBEARER, SLICE("n,a=alice,\1host=h\1port=587\1auth=Bearer ab.c~=\1\1"),
		SASL_TEST_TOKEN, "alice", "ab.c~="},
	{SASL_OAUTHBEARER, SLICE("n,,\1auth=bearer abc\1\1"), SASL_TEST_TOKEN, "", "abc"},
	{SASL_OAUTHBEARER, SLICE("n,,\1auth=Bearer a b\1\1"), SASL_MALFORMED, "", ""},
	{SASL_OAUTHBEARER, SLICE("n,,\1auth=Basic abc\1\1"), SASL_MALFORMED, "", ""},
	{SASL_OAUTHBEARER, SLICE("n,,\1auth=Bearer abc\1"), SASL_MALFORMED, "", ""},
	{SASL_OAUTHBEARER, SLICE("n,,\1auth=Bearer abc\1\1x"), SASL_MALFORMED, "", ""},
	{SASL_OAUTHBEARER, SLICE("n,,\1auth=Bearer a\1auth=Bearer b\1\1"), SASL_MALFORMED, "", ""},
	{SASL_OAUTHBEARER, SLICE("n,,\1\1"), SASL_MALFORMED, "", ""},
	{SASL_OAUTHBEARER, SLICE("p=tls-exporter,,\1auth=Bearer abc\1\1"), SASL_MALFORMED, "", ""},
	{SASL_OAUTHBEARER, SLICE("\1"), SASL_MALFORMED, "", ""},
	{SASL_XOAUTH2, SLICE("user=alice\1auth=Bearer abc\1\1"), SASL_TEST_TOKEN, "alice", "abc"},
	{SASL_XOAUTH2, SLICE("user=alice\1auth=Bearer \1\1"), SASL_MALFORMED, "", ""},
	{SASL_XOAUTH2, SLICE("user=alice\1auth=Bearer abc"), SASL_MALFORMED, "", ""},
};

static void messages_of_the_other_mechanisms_are_taken_apart(void **state)
{
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct sasl_server *server = server_of(*state, others[i].mechanism, false, false);
		struct sasl_step step;
		sasl_server_begin(server, true, others[i].said, &step);
		if (step.next != others[i].next)
			fail_msg("row %zu leads to %d", i, (int)step.next);
		assert_slice(step.login, others[i].login);
		assert_slice(step.password.len ? step.password : step.token, others[i].secret);
	}
}

static void login_asks_twice(void **state)
{
	struct sasl_server *server = server_of(*state, SASL_LOGIN, false, false);
	struct sasl_step step;

	sasl_server_begin(server, false, SLICE_NONE, &step);
	assert_slice(step.words, "Username:");
	sasl_server_answer(server, SLICE("alice"), &step);
	assert_slice(step.words, "Password:");
	sasl_server_answer(server, SLICE("pw"), &step);
	assert_int_equal(step.next, SASL_TEST_PASSWORD);
	assert_slice(step.login, "alice");
	assert_slice(step.password, "pw");
	sasl_server_verdict(server, true, &step);
	assert_int_equal(step.next, SASL_DONE);
}

/* RFC 4954 section 4: without an initial response an empty challenge asks for it. */
static void what_may_have_an_initial_response_asks_for_it(void **state)
{
	struct sasl_server *server = server_of(*state, SASL_PLAIN, false, false);
	struct sasl_step step;

	sasl_server_begin(server, false, SLICE_NONE, &step);
	assert_int_equal(step.next, SASL_CHALLENGE);
	assert_int_equal(step.words.len, 0);
	sasl_server_answer(server, SLICE("\0alice\0pw"), &step);
	assert_int_equal(step.next, SASL_TEST_PASSWORD);
	sasl_server_verdict(server, false, &step);
	assert_int_equal(step.next, SASL_WRONG);
	assert_slice(step.login, "alice");
}

static void a_refused_token_is_explained_before_the_end(void **state)
{
	struct sasl_server *server = server_of(*state, SASL_XOAUTH2, false, false);
	struct sasl_step step;

	sasl_server_begin(server, true, SLICE("user=alice\1auth=Bearer abc\1\1"), &step);
	sasl_server_verdict(server, false, &step);
	assert_int_equal(step.next, SASL_CHALLENGE);
	assert_true(slice_starts(step.words, SLICE("{\"status\":")));
	sasl_server_answer(server, SLICE_NONE, &step);
	assert_int_equal(step.next, SASL_WRONG);
}

/* ---- client and server together ---- */

static bool converse(struct arena *arena, enum sasl_mechanism mechanism, const char *password)
{
	struct sasl_client *client = client_of(arena, mechanism);
	struct sasl_server *server = server_of(arena, mechanism, false, false);
	struct scram_keys keys = keys_of(password, arena);
	struct slice words;
	struct sasl_step step;

	bool initial = sasl_client_begin(client, &words);
	sasl_server_begin(server, initial, words, &step);
	for (;;) {
		if (step.next == SASL_FIND_ACCOUNT)
			sasl_server_keys(server, &keys, &step);
		else if (step.next == SASL_TEST_PASSWORD)
			sasl_server_verdict(
				server, slice_is(step.password, slice_of(password)), &step);
		else if (step.next != SASL_CHALLENGE)
			return step.next == SASL_DONE && sasl_client_believes(client);
		else if (sasl_client_answer(client, step.words, &words))
			sasl_server_answer(server, words, &step);
		else
			return false;
	}
}

static void our_client_signs_in_at_our_server(void **state)
{
	static const enum sasl_mechanism both[] = {SASL_PLAIN, SASL_LOGIN, SASL_SCRAM_SHA_256};

	for (size_t i = 0; i < 3; i++) {
		assert_true(converse(*state, both[i], "pencil"));
		assert_false(converse(*state, both[i], "pencil2"));
	}
}

static void the_best_that_is_offered_is_chosen(void **state)
{
	enum sasl_mechanism mechanism;

	(void)state;
	assert_true(sasl_choose(SLICE("LOGIN plain SCRAM-SHA-256-PLUS Scram-Sha-256"), &mechanism));
	assert_int_equal(mechanism, SASL_SCRAM_SHA_256);
	assert_true(sasl_choose(SLICE("CRAM-MD5 LOGIN"), &mechanism));
	assert_int_equal(mechanism, SASL_LOGIN);
	assert_false(sasl_choose(SLICE("CRAM-MD5 PLAINX"), &mechanism));
	assert_false(sasl_choose(SLICE_NONE, &mechanism));
}

/* ---- keys at rest ---- */

static void keys_at_rest_come_back(void **state)
{
	struct scram_keys keys = keys_of("pencil", *state), back;
	struct text text = TEXT_GROWING;

	text_scram_keys(&text, &keys);
	assert_true(slice_starts(text_slice(&text), SLICE("SCRAM-SHA-256$4096:" SALT "$")));
	assert_true(scram_keys_parse(text_slice(&text), *state, &back));
	assert_memory_equal(&keys, &back, sizeof keys);
	assert_true(scram_keys_fit(&back, SLICE("pencil")));
	assert_false(scram_keys_fit(&back, SLICE("pencil ")));
	for (size_t len = 0; len < text.len; len++)
		assert_false(
			scram_keys_parse(slice_part(text_slice(&text), 0, len), *state, &back));
	text_free(&text);
}

static void invented_keys_are_stable_and_open_to_nobody(void **state)
{
	static const uint8_t secret[SCRAM_KEY] = {1}, other[SCRAM_KEY] = {2};
	struct scram_keys a, b;

	(void)state;
	scram_keys_invent(secret, SLICE("nobody"), 4096, &a);
	scram_keys_invent(secret, SLICE("nobody"), 4096, &b);
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(a.salt_len, 16);
	scram_keys_invent(secret, SLICE("somebody"), 4096, &b);
	assert_memory_not_equal(a.salt, b.salt, 16);
	scram_keys_invent(other, SLICE("nobody"), 4096, &b);
	assert_memory_not_equal(a.salt, b.salt, 16);
}

/* ---- SASLprep ---- */

static const struct {
	const char *said, *prepared; /* NULL: forbidden */
} preparations[] = {{"I\xc2\xadX", "IX"}, {"user", "user"}, {"USER", "USER"}, {"\xc2\xaa", "a"},
	{"\xe2\x85\xa8", "IX"}, {"\x07", NULL}, {"\xd8\xa7\x31", NULL}, /* RFC 4013 section 3 */
	{"a\xc2\xa0"
	 "b",
		"a b"},
	{"\xd8\xa7\x31\xd8\xa8", "\xd8\xa7\x31\xd8\xa8"}, {"a\xd8\xa7", NULL},
	{"\xee\x80\x80", NULL}, {"a\xff", NULL}, {"", ""}, {"a\xcc\x88", "\xc3\xa4"},
	{"\xe2\x80\xae", NULL}, {"a\x7f", NULL}, {"\xef\xbb\xbf", ""}};

static void names_and_passwords_are_prepared(void **state)
{
	for (size_t i = 0; i < sizeof preparations / sizeof *preparations; i++) {
		struct slice prepared;
		bool allowed = sasl_prepare(slice_of(preparations[i].said), *state, &prepared);
		if (allowed != (preparations[i].prepared != NULL))
			fail_msg("row %zu", i);
		if (allowed)
			assert_slice(prepared, preparations[i].prepared);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_server_of_scram_says_what_the_rfc_has),
		TEST(a_client_of_scram_says_what_the_rfc_has),
		TEST(a_client_believes_no_server_that_does_not_know_it),
		TEST(first_messages_are_judged_by_what_was_offered),
		TEST(proofs_of_others_are_wrong),
		TEST(a_right_proof_over_a_wrong_nonce_is_wrong),
		TEST(a_proof_from_another_channel_is_wrong),
		TEST(messages_of_the_other_mechanisms_are_taken_apart),
		TEST(login_asks_twice),
		TEST(what_may_have_an_initial_response_asks_for_it),
		TEST(a_refused_token_is_explained_before_the_end),
		TEST(our_client_signs_in_at_our_server),
		TEST(the_best_that_is_offered_is_chosen),
		TEST(keys_at_rest_come_back),
		TEST(invented_keys_are_stable_and_open_to_nobody),
		TEST(names_and_passwords_are_prepared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
