/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery status notifications. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "wire/dsn.h"

#define NOON (INT64_C(1795262400) * NS_PER_S)

struct fixture {
	struct arena *arena;
	struct text text;
};

static int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	if (!fixture)
		return -1;
	fixture->arena = arena_new();
	fixture->text = (struct text)TEXT_GROWING;
	*state = fixture;
	return 0;
}

static int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	arena_free(fixture->arena);
	text_free(&fixture->text);
	free(fixture);
	return 0;
}

static const struct dsn_recipient failed = {
	.final = {"b@remote.example", 16},
	.original = {"rfc822;B@remote.example", 23},
	.action = DSN_FAILED,
	.status = {5, 1, 1},
	.remote_mta = {"mx.remote.example", 17},
	.remote_says = {"550 5.1.1 no such user", 22},
	.last_attempt = NOON,
};

static struct dsn usual(const struct dsn_recipient *recipient)
{
	return (struct dsn){
		.reporting_mta = SLICE("mx.example.org"),
		.from = SLICE("mailer-daemon@mx.example.org"),
		.to = SLICE("a@example.org"),
		.subject = SLICE("Not delivered"),
		.words = SLICE("Sorry.\n"),
		.id = SLICE("7K3Q-9MZD-2C4T"),
		.now = NOON,
		.envelope_id = SLICE("E1"),
		.arrived = NOON,
		.recipients = recipient,
		.count = 1,
		.original = SLICE("From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"),
		.whole = true,
	};
}

static bool has(const struct text *text, const char *part)
{
	return memmem(text->at, text->len, part, strlen(part)) != NULL;
}

static void assert_has(const struct text *text, const char *part)
{
	if (!has(text, part))
		fail_msg("\"%s\" is missing in:\n%.*s", part, SLICE_ARGS(text_slice(text)));
}

/* CRLF only, no line above 998. */
static void assert_well_formed(const struct text *text)
{
	struct slice left = text_slice(text);

	while (left.len) {
		struct slice line = slice_cut(&left, '\n');
		assert_true(line.len && line.at[line.len - 1] == '\r');
		assert_true(line.len - 1 <= 998);
		assert_false(slice_has(slice_part(line, 0, line.len - 1), '\r'));
		assert_false(slice_has(line, '\0'));
	}
}

static void a_failure_is_reported_whole(void **state)
{
	struct fixture *f = *state;
	struct dsn dsn = usual(&failed);
	struct dsn_form form = text_dsn(&f->text, &dsn, f->arena);

	assert_true(form.whole);
	assert_false(form.has_8bit || form.smtputf8);
	static const char want[] =
		"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
		"From: Mail Delivery System <mailer-daemon@mx.example.org>\r\n"
		"To: <a@example.org>\r\n"
		"Subject: Not delivered\r\n"
		"Message-ID: <7K3Q-9MZD-2C4T@mx.example.org>\r\n"
		"Auto-Submitted: auto-replied\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=delivery-status;\r\n"
		" boundary=\"report-0-7K3Q-9MZD-2C4T\"\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"This is a MIME-encapsulated delivery report.\r\n"
		"\r\n--report-0-7K3Q-9MZD-2C4T\r\n"
		"Content-Type: text/plain; charset=us-ascii\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"Sorry.\r\n"
		"\r\n--report-0-7K3Q-9MZD-2C4T\r\n"
		"Content-Type: message/delivery-status\r\n"
		"\r\n"
		"Reporting-MTA: dns; mx.example.org\r\n"
		"Original-Envelope-Id: E1\r\n"
		"Arrival-Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
		"\r\n"
		"Original-Recipient: rfc822; B@remote.example\r\n"
		"Final-Recipient: rfc822; b@remote.example\r\n"
		"Action: failed\r\n"
		"Status: 5.1.1\r\n"
		"Remote-MTA: dns; mx.remote.example\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
		"Last-Attempt-Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
		"\r\n--report-0-7K3Q-9MZD-2C4T\r\n"
		"Content-Type: message/rfc822\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"
		"\r\n--report-0-7K3Q-9MZD-2C4T--\r\n";
	if (!slice_is(text_slice(&f->text), SLICE(want)))
		fail_msg("got:\n%.*s", SLICE_ARGS(text_slice(&f->text)));
}

static void a_delay_says_how_long_it_is_tried(void **state)
{
	struct fixture *f = *state;
	struct dsn_recipient delayed = failed;
	delayed.action = DSN_DELAYED;
	delayed.retry_until = NOON + 3600 * NS_PER_S;
	struct dsn dsn = usual(&delayed);

	dsn.whole = false;
	assert_false(text_dsn(&f->text, &dsn, f->arena).whole);
	assert_has(&f->text, "\r\nAction: delayed\r\nStatus: 4.1.1\r\n");
	assert_has(&f->text, "\r\nWill-Retry-Until: Sat, 21 Nov 2026 13:00:00 +0000\r\n");
	assert_has(&f->text, "\r\nContent-Type: text/rfc822-headers\r\n");
	assert_false(has(&f->text, "body\r\n"));
}

static void a_remotes_words_cannot_leave_their_field(void **state)
{
	struct fixture *f = *state;
	struct dsn_recipient evil = failed;
	evil.remote_says = SLICE("550 a\r\n\r\n--report-0-7K3Q-9MZD-2C4T\r\nX: \x01\xff\nBcc: y");
	evil.remote_mta = SLICE("mx\r\nX-Mta: z");
	evil.final = SLICE("\"a\r\nX-Final: \"@b");
	evil.original = SLICE("rfc822;x\r\nX-Original: y");
	struct dsn dsn = usual(&evil);

	dsn.envelope_id = SLICE("E\r\nX-Env: 1");
	dsn.subject = SLICE("s\r\nX-Subject: 1");
	dsn.to = SLICE("a@b>\r\nX-To: <c");
	text_dsn(&f->text, &dsn, f->arena);
	assert_well_formed(&f->text);
	assert_false(has(&f->text, "\nX-"));
	assert_false(has(&f->text, "\nX:"));
	assert_false(has(&f->text, "\nBcc"));
	assert_has(&f->text,
		"Diagnostic-Code: smtp; 550 a --report-0-7K3Q-9MZD-2C4T X: ?? Bcc: y\r\n");
}

static void a_message_cannot_end_its_part(void **state)
{
	struct fixture *f = *state;
	struct dsn dsn = usual(&failed);

	dsn.original =
		SLICE("A: b\r\n\r\n--report-0-7K3Q-9MZD-2C4T--\r\nreport-1-7K3Q-9MZD-2C4T\r\n");
	text_dsn(&f->text, &dsn, f->arena);
	assert_has(&f->text, " boundary=\"report-2-7K3Q-9MZD-2C4T\"\r\n");
}

static void what_is_beyond_ascii_is_labelled(void **state)
{
	struct fixture *f = *state;
	struct dsn_recipient utf8 = failed;
	utf8.final = SLICE("\xc3\xa9@b.example");
	utf8.original = SLICE("utf-8;\xc3\xa9@b.example");
	struct dsn dsn = usual(&utf8);

	dsn.words = SLICE("D\xc3\xa9sol\xc3\xa9.\n");
	dsn.subject = SLICE("\xc3\x89"
			    "chec");
	dsn.to = SLICE("\xc3\xa9@a.example");
	dsn.original = SLICE("Subject: \xc3\xa9\r\n\r\nbody\r\n");
	dsn.original_utf8 = true;
	struct dsn_form form = text_dsn(&f->text, &dsn, f->arena);
	assert_true(form.has_8bit && form.smtputf8);
	assert_has(&f->text, "charset=utf-8\r\nContent-Transfer-Encoding: "
			     "quoted-printable\r\n\r\nD=C3=A9sol=C3=A9.\r\n");
	assert_has(&f->text, "\r\nSubject: =?utf-8?B?");
	assert_has(&f->text, "\r\nTo: <\xc3\xa9@a.example>\r\n");
	assert_has(&f->text, "\r\nFinal-Recipient: utf-8; \\x{E9}@b.example\r\n");
	assert_has(&f->text, "\r\nOriginal-Recipient: utf-8; \\x{E9}@b.example\r\n");
	assert_has(&f->text,
		"\r\nContent-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n");
}

static void lines_too_long_for_8bit_keep_the_body_out(void **state)
{
	struct fixture *f = *state;
	struct dsn dsn = usual(&failed);
	struct text original = TEXT_GROWING;

	text_put(&original, SLICE("Subject: x\r\nLong: "));
	for (int i = 0; i < 2000; i++)
		text_char(&original, 'x');
	text_put(&original, SLICE("\r\n\r\nbody\r\n"));
	dsn.original = text_slice(&original);
	assert_false(text_dsn(&f->text, &dsn, f->arena).whole);
	assert_well_formed(&f->text);
	assert_false(has(&f->text, "body\r\n"));
	text_free(&original);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_failure_is_reported_whole, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			a_delay_says_how_long_it_is_tried, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			a_remotes_words_cannot_leave_their_field, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			a_message_cannot_end_its_part, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_beyond_ascii_is_labelled, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			lines_too_long_for_8bit_keep_the_body_out, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
