/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)

ROUND_TRIP(segment_comes_back, delivery_segment, false,
	BOTH(number) && BOTH(segment_class) && BOTH(epoch), .number = 77, .segment_class = 1,
	.epoch = UINT64_C(0x1122334455667788))
ROUND_TRIP(job_comes_back, delivery_job, false,
	BOTH(job) && BOTH(segment) && BOTH(offset) && BOTH(id) && BOTH(origin) && BOTH(route) &&
		BOTH(tls) && BOTH(port) && BOTH(private_too) && BOTH_SLICE(target) &&
		BOTH_SLICE(login) && BOTH_SLICE(password_file) && BOTH_SLICE(recipients),
	.job = 1, .segment = 2, .offset = 3, .id = 4, .origin = 5, .route = ROUTE_MAILDIR,
	.tls = ROUTE_TLS_DANE, .port = 2525, .private_too = true, .target = SLICE("example.org"),
	.login = SLICE("us"), .password_file = SLICE("/etc/postern/us.pw"),
	.recipients = SLICE("\x01\x02\xff\xff"))
ROUND_TRIP(outcome_comes_back, delivery_outcome, false,
	BOTH(job) && BOTH(recipient) && BOTH(outcome) && BOTH(code) && BOTH(reason) &&
		BOTH(tls.known) && BOTH(tls.wanted) && BOTH(tls.verified) &&
		BOTH_SLICE(tls.session) && BOTH_SLICE(tls.why) && BOTH_SLICE(enhanced) &&
		BOTH_SLICE(remote) && BOTH_SLICE(words),
	.job = 9, .recipient = 8, .outcome = OUTCOME_FAILED, .code = 550, .reason = 3,
	.tls = {true, ROUTE_TLS_VERIFIED, true, SLICE("TLSv1.3 AES"), SLICE("no name")},
	.enhanced = SLICE("5.1.1"), .remote = SLICE("mx.example.org [192.0.2.1]:25"),
	.words = SLICE("no such user"))
ROUND_TRIP(end_comes_back, delivery_end, false, BOTH(job), .job = UINT64_MAX)

static void recipients_are_read_in_order(void **state)
{
	const struct delivery_job job = {.recipients = SLICE("\x01\x02\xff\x00")};

	(void)state;
	assert_int_equal(job_recipient_count(&job), 2);
	assert_int_equal(job_recipient(&job, 0), 0x0201);
	assert_int_equal(job_recipient(&job, 1), 0x00ff);
}

static bool job_of_recipients_is_read(size_t bytes)
{
	static const char indices[2 * JOB_RECIPIENTS_MAX + 2];
	const struct delivery_job sent = {.recipients = {indices, bytes}};
	struct delivery_job got;
	static char body[4096];
	struct writer out = writer_over(body, sizeof body);

	delivery_job_write(&out, &sent);
	return !out.bad && delivery_job_read(writer_slice(&out), &got);
}

static void a_job_names_one_to_five_hundred_whole_recipients(void **state)
{
	(void)state;
	assert_false(job_of_recipients_is_read(0));
	assert_false(job_of_recipients_is_read(3));
	assert_true(job_of_recipients_is_read(2));
	assert_true(job_of_recipients_is_read(2 * JOB_RECIPIENTS_MAX));
	assert_false(job_of_recipients_is_read(2 * JOB_RECIPIENTS_MAX + 2));
}

static void the_words_of_a_talkative_remote_are_cut_to_fit_a_packet(void **state)
{
	static char words[20000];
	struct delivery_outcome sent = {.outcome = OUTCOME_DEFERRED,
		.remote = {words, sizeof words},
		.enhanced = {words, sizeof words},
		.words = {words, sizeof words},
		.tls = {.session = {words, sizeof words}, .why = {words, sizeof words}}};
	struct delivery_outcome got;
	static char body[4092];
	struct writer out = writer_over(body, sizeof body);

	(void)state;
	delivery_outcome_write(&out, &sent);
	assert_false(out.bad);
	assert_true(delivery_outcome_read(writer_slice(&out), &got));
	assert_int_equal(got.words.len, REMOTE_WORDS_MAX);
	assert_int_equal(got.remote.len, REMOTE_NAME_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segment_comes_back),
		cmocka_unit_test(job_comes_back),
		cmocka_unit_test(outcome_comes_back),
		cmocka_unit_test(end_comes_back),
		cmocka_unit_test(recipients_are_read_in_order),
		cmocka_unit_test(a_job_names_one_to_five_hundred_whole_recipients),
		cmocka_unit_test(the_words_of_a_talkative_remote_are_cut_to_fit_a_packet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
