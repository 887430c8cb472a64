/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/signin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)
#define BOTH_BYTES(field) (memcmp(sent.field, got.field, sizeof got.field) == 0)
#define BOTH_ADDRESS(field)                                                                        \
	(address_is(&sent.field, &got.field) && BOTH(field.port) && BOTH(field.is_v4))
#define IPV4                                                                                       \
	{                                                                                          \
		.bytes = {[10] = 0xff, 0xff, 192, 0, 2, 7}, .port = 587, .is_v4 = true             \
	}
#define IPV6                                                                                       \
	{                                                                                          \
		.bytes = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 25                                \
	}
/* "sales" without a time, "boss" with 7 */
#define TWO_TEXTS SLICE("\5\0sales\0\0\0\0\0\0\0\0\4\0boss\7\0\0\0\0\0\0\0")

#define BOTH_BEGIN                                                                                 \
	BOTH(request) && BOTH(service) && BOTH_ADDRESS(client) && BOTH(tls) &&                     \
		BOTH(has_binding) && BOTH_BYTES(binding) && BOTH_SLICE(certificate) &&             \
		BOTH_SLICE(mechanism) && BOTH(has_initial) && BOTH_SLICE(initial)

ROUND_TRIP(begin_comes_back, signin_begin, false, BOTH_BEGIN, .request = 7,
	.service = SIGNIN_SUBMISSION, .client = IPV4, .tls = true, .has_binding = true,
	.binding = {1, 2, [31] = 3}, .certificate = SLICE("SHA256:ab"), .mechanism = SLICE("PLAIN"),
	.has_initial = true, .initial = SLICE("\0a\0b"))
ROUND_TRIP(begin_comes_back_without_what_may_be_absent, signin_begin, false, BOTH_BEGIN,
	.request = 7, .service = SIGNIN_POP3, .client = IPV6, .mechanism = SLICE("LOGIN"))
ROUND_TRIP(challenge_comes_back, signin_challenge, false, BOTH(request) && BOTH_SLICE(words),
	.request = 8, .words = SLICE("Username:"))
ROUND_TRIP(response_comes_back, signin_response, false,
	BOTH(request) && BOTH(cancelled) && BOTH_SLICE(words), .request = 8,
	.words = SLICE("alice"))
ROUND_TRIP(a_cancellation_comes_back, signin_response, false,
	BOTH(request) && BOTH(cancelled) && BOTH_SLICE(words), .request = 8, .cancelled = true)
ROUND_TRIP(done_comes_back, signin_done, false,
	BOTH(request) && BOTH(outcome) && BOTH_SLICE(account) && BOTH_SLICE(because), .request = 9,
	.outcome = SIGNIN_WEAK, .account = SLICE("alice@example.org"), .because = SLICE("sqlite"))
ROUND_TRIP(give_up_comes_back, signin_give_up, false, BOTH(request), .request = UINT32_MAX)
ROUND_TRIP(ask_comes_back, signin_ask, false,
	BOTH(request) && BOTH(question) && BOTH_ADDRESS(client) && BOTH_SLICE(subject),
	.request = 10, .question = ASK_LEASES, .client = IPV6, .subject = SLICE("a@example.org"))
ROUND_TRIP(answer_comes_back, signin_answer, false,
	BOTH(request) && BOTH(found) && BOTH(more) && BOTH(count) && BOTH_SLICE(texts) &&
		BOTH_SLICE(because),
	.request = 10, .found = ANSWER_CANNOT_TELL, .more = true, .count = 2, .texts = TWO_TEXTS,
	.because = SLICE("locked"))
ROUND_TRIP(offered_comes_back, signin_offered, false, BOTH_SLICE(mechanisms),
	.mechanisms = SLICE("SCRAM-SHA-256 PLAIN"))
ROUND_TRIP(changed_comes_back, signin_changed, false, BOTH_SLICE(account),
	.account = SLICE("bob@example.org"))
ROUND_TRIP(shut_comes_back, signin_shut, false, BOTH_ADDRESS(client) && BOTH(seconds),
	.client = IPV6, .seconds = 86400)

static void texts_come_back_in_order(void **state)
{
	char buffer[64];
	struct writer out = writer_over(buffer, sizeof buffer);
	struct reader in = reader_of(TWO_TEXTS);
	struct signin_text text;

	(void)state;
	assert_true(signin_text_read(&in, &text));
	assert_true(slice_is(text.text, SLICE("sales")) && text.time == 0);
	signin_text_write(&out, &text);
	assert_true(signin_text_read(&in, &text));
	assert_true(slice_is(text.text, SLICE("boss")) && text.time == 7);
	signin_text_write(&out, &text);
	assert_true(read_at_end(&in));
	assert_true(slice_is(writer_slice(&out), TWO_TEXTS));
	assert_false(signin_text_read(&in, &text));
}

static bool answer_is_read(uint16_t count, struct slice texts)
{
	const struct signin_answer sent = {.count = count, .texts = texts};
	struct signin_answer got;
	static char body[2 * SIGNIN_TEXTS_MAX];
	struct writer out = writer_over(body, sizeof body);

	signin_answer_write(&out, &sent);
	return signin_answer_read(writer_slice(&out), &got);
}

static void an_answer_holds_exactly_the_texts_it_promises(void **state)
{
	static char many[SIGNIN_TEXTS_MAX + 10];

	(void)state;
	assert_true(answer_is_read(2, TWO_TEXTS));
	assert_true(answer_is_read(0, SLICE_NONE));
	assert_false(answer_is_read(1, TWO_TEXTS));
	assert_false(answer_is_read(3, TWO_TEXTS));
	/* Ten zeros are one empty text without a time. */
	assert_true(answer_is_read(
		SIGNIN_TEXTS_MAX / 10, (struct slice){many, SIGNIN_TEXTS_MAX / 10 * 10}));
	assert_false(answer_is_read(
		SIGNIN_TEXTS_MAX / 10 + 1, (struct slice){many, (SIGNIN_TEXTS_MAX / 10 + 1) * 10}));
}

static bool begin_is_read(const struct signin_begin *sent)
{
	struct signin_begin got;
	static char body[2 * SASL_MESSAGE_MAX];
	struct writer out = writer_over(body, sizeof body);

	signin_begin_write(&out, sent);
	return signin_begin_read(writer_slice(&out), &got);
}

static void what_is_too_long_is_no_beginning(void **state)
{
	static char bytes[SASL_MESSAGE_MAX + 1];
	struct signin_begin begin = {.has_initial = true,
		.initial = {bytes, SASL_MESSAGE_MAX},
		.mechanism = SLICE("PLAIN")};

	(void)state;
	assert_true(begin_is_read(&begin));
	begin.initial.len++;
	assert_false(begin_is_read(&begin));
	begin.initial.len = 0;
	begin.mechanism = (struct slice){bytes, MECHANISM_MAX};
	assert_true(begin_is_read(&begin));
	begin.mechanism.len++;
	assert_false(begin_is_read(&begin));
	begin.mechanism.len = 0;
	begin.certificate = (struct slice){bytes, CERTIFICATE_TEXT_MAX + 1};
	assert_false(begin_is_read(&begin));
}

static void a_service_nobody_knows_is_no_beginning(void **state)
{
	(void)state;
	assert_false(begin_is_read(&(struct signin_begin){.service = SIGNIN_SERVICES}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begin_comes_back),
		cmocka_unit_test(begin_comes_back_without_what_may_be_absent),
		cmocka_unit_test(challenge_comes_back),
		cmocka_unit_test(response_comes_back),
		cmocka_unit_test(a_cancellation_comes_back),
		cmocka_unit_test(done_comes_back),
		cmocka_unit_test(give_up_comes_back),
		cmocka_unit_test(ask_comes_back),
		cmocka_unit_test(answer_comes_back),
		cmocka_unit_test(offered_comes_back),
		cmocka_unit_test(changed_comes_back),
		cmocka_unit_test(shut_comes_back),
		cmocka_unit_test(texts_come_back_in_order),
		cmocka_unit_test(an_answer_holds_exactly_the_texts_it_promises),
		cmocka_unit_test(what_is_too_long_is_no_beginning),
		cmocka_unit_test(a_service_nobody_knows_is_no_beginning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
