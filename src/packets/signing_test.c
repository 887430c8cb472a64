/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/signing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)
#define DIGEST SLICE("0123456789abcdef0123456789abcdef")

ROUND_TRIP(ask_comes_back, signing_ask, false,
	BOTH(request) && memcmp(sent.key, got.key, sizeof got.key) == 0 && BOTH(scheme) &&
		BOTH(hash) && BOTH_SLICE(input),
	.request = 7, .key = {1, 2, 3}, .scheme = SIGN_RSA_PSS, .hash = SIGN_SHA256,
	.input = DIGEST)
ROUND_TRIP(answer_comes_back, signing_answer, false,
	BOTH(request) && BOTH(outcome) && BOTH_SLICE(signature), .request = 7, .outcome = SIGNED,
	.signature = SLICE("signature"))
ROUND_TRIP(tickets_come_back, signing_tickets, false,
	BOTH(count) && memcmp(sent.keys, got.keys, 2 * sizeof *got.keys) == 0, .count = 2,
	.keys = {{.name = {1}, .cipher = {2}, .mac = {3}}, {.name = {4}}})

static bool ask_is_read(uint8_t scheme, uint8_t hash, struct slice input)
{
	const struct signing_ask sent = {.scheme = scheme, .hash = hash, .input = input};
	struct signing_ask got;
	char body[1024];
	struct writer out = writer_over(body, sizeof body);

	signing_ask_write(&out, &sent);
	return signing_ask_read(writer_slice(&out), &got);
}

static void what_is_signed_is_a_digest_of_its_hash(void **state)
{
	(void)state;
	assert_true(ask_is_read(SIGN_ECDSA, SIGN_SHA256, DIGEST));
	assert_false(ask_is_read(SIGN_ECDSA, SIGN_SHA384, DIGEST));
	assert_false(ask_is_read(SIGN_ECDSA, SIGN_NO_HASH, SLICE_NONE));
	assert_false(ask_is_read(SIGN_RSA_PSS, SIGN_SHA256, SLICE_NONE));
	assert_false(ask_is_read(SIGNING_SCHEMES, SIGN_SHA256, DIGEST));
	assert_false(ask_is_read(SIGN_ECDSA, SIGNING_HASHES, DIGEST));
}

static void ed25519_signs_a_message_of_limited_length(void **state)
{
	static const char message[SIGNING_INPUT_MAX + 1];

	(void)state;
	assert_true(ask_is_read(
		SIGN_ED25519, SIGN_NO_HASH, (struct slice){message, SIGNING_INPUT_MAX}));
	assert_false(ask_is_read(
		SIGN_ED25519, SIGN_NO_HASH, (struct slice){message, SIGNING_INPUT_MAX + 1}));
	assert_false(ask_is_read(SIGN_ED25519, SIGN_SHA256, DIGEST));
}

static bool answer_is_read(uint8_t outcome, struct slice signature)
{
	const struct signing_answer sent = {.outcome = outcome, .signature = signature};
	struct signing_answer got;
	char body[SIGNATURE_MAX + 64];
	struct writer out = writer_over(body, sizeof body);

	signing_answer_write(&out, &sent);
	return signing_answer_read(writer_slice(&out), &got);
}

static void a_signature_comes_with_success_alone(void **state)
{
	static const char long_one[SIGNATURE_MAX + 1];

	(void)state;
	assert_true(answer_is_read(SIGNED, SLICE("s")));
	assert_true(answer_is_read(SIGN_NO_KEY, SLICE_NONE));
	assert_false(answer_is_read(SIGNED, SLICE_NONE));
	assert_false(answer_is_read(SIGN_FAILED, SLICE("s")));
	assert_false(answer_is_read(SIGN_AWAY, SLICE_NONE)); /* keys itself never says so */
	assert_false(answer_is_read(SIGNED, (struct slice){long_one, sizeof long_one}));
}

static void there_is_at_least_one_ticket_key_and_no_more_than_fit(void **state)
{
	static char body[1 + 255 * sizeof(struct ticket_key)];
	struct signing_tickets got;

	(void)state;
	assert_false(signing_tickets_read((struct slice){body, 1}, &got));
	body[0] = TICKET_KEYS_MAX;
	assert_true(signing_tickets_read(
		(struct slice){body, 1 + TICKET_KEYS_MAX * sizeof(struct ticket_key)}, &got));
	body[0] = (char)255;
	assert_false(signing_tickets_read((struct slice){body, sizeof body}, &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask_comes_back),
		cmocka_unit_test(answer_comes_back),
		cmocka_unit_test(tickets_come_back),
		cmocka_unit_test(what_is_signed_is_a_digest_of_its_hash),
		cmocka_unit_test(ed25519_signs_a_message_of_limited_length),
		cmocka_unit_test(a_signature_comes_with_success_alone),
		cmocka_unit_test(there_is_at_least_one_ticket_key_and_no_more_than_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
