/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of refusals, read: who, what code, whose words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"
#include "explain/reading.h"

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

struct wanted {
	enum input_kind kind;
	const char *recipient, *status, *words, *remote;
	unsigned code;
	enum fate fate;
};

static void assert_slice(const char *what, struct slice got, const char *want)
{
	if (want && !slice_is(got, slice_of(want)))
		fail_msg("%s: want \"%s\", got \"%.*s\"", what, want, SLICE_ARGS(got));
}

static void assert_reading(struct arena *arena, const char *input, const struct wanted *want)
{
	struct reading reading;
	char raw[32];
	struct text status = TEXT_FIXED(raw);

	reading_of(slice_of(input), arena, &reading);
	if (reading.kind != want->kind || reading.failure_count != 1)
		fail_msg("kind %d with %zu failures: %s", (int)reading.kind, reading.failure_count,
			input);
	const struct failure *failure = &reading.failures[0];
	if (failure->has_status)
		text_enhanced(&status, failure->status);
	assert_slice("recipient", failure->recipient, want->recipient);
	assert_slice("status", text_slice(&status), want->status);
	assert_slice("words", failure->words, want->words);
	assert_slice("remote", failure->remote_mta, want->remote);
	if (failure->reply_code != want->code)
		fail_msg("code %u of %s", failure->reply_code, input);
	assert_int_equal(failure->fate, want->fate);
}

static void replies_are_read(void **state)
{
	static const struct {
		const char *input;
		struct wanted want;
	} cases[] = {
		{"550 5.7.1 Relaying denied",
			{INPUT_REPLY, "", "5.7.1", "550 5.7.1 Relaying denied", NULL, 550,
				FATE_FAILED}},
		{"550-5.7.1 Relaying to far.example\r\n550 5.7.1 is not for you\r\n",
			{INPUT_REPLY, "", "5.7.1",
				"550 5.7.1 Relaying to far.example is not for you", NULL, 550,
				FATE_FAILED}},
		{"452 4.2.2 <bob@far.example> is over quota",
			{INPUT_REPLY, "bob@far.example", "4.2.2", NULL, NULL, 452, FATE_FAILED}},
		{"5.4.1 no code in front", {INPUT_REPLY, "", "5.4.1", NULL, NULL, 0, FATE_FAILED}},
		/* An address, a version and a time are no codes. */
		{"Connection from 192.0.2.5 with agent 5.0.2195 at 10:55:50 lost",
			{INPUT_REPLY, "", "", NULL, NULL, 0, FATE_FAILED}},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_reading(*state, cases[i].input, &cases[i].want);
}

#define TOP "From: MAILER-DAEMON@mx.example\nTo: ann@example.org\nSubject: Undelivered Mail\n"
#define COPY                                                                                       \
	"\nReceived: by mx.example\nFrom: ann@example.org\nTo: bob@far.example\nSubject: "         \
	"x\n\nhi\n"

static void reports_of_many_servers_are_read(void **state)
{
	static const struct {
		const char *input;
		struct wanted want;
	} cases[] = {
		/* Postfix, without its parts for machines */
		{TOP "\nThis is the mail system at host mx.example.\n\n<bob@far.example>: host "
		     "mx.far.example[192.0.2.9] said: 550\n    5.1.1 No such user (in reply to "
		     "RCPT TO "
		     "command)\n",
			{INPUT_BOUNCE, "bob@far.example", "5.1.1", "550 5.1.1 No such user",
				"mx.far.example", 550, FATE_FAILED}},
		/* qmail */
		{TOP "\nHi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't "
		     "able to "
		     "deliver your message.\n\n<bob@far.example>:\n192.0.2.9 does not like "
		     "recipient.\n"
		     "Remote host said: 550 no mailbox here (#5.1.1)\nGiving up on 192.0.2.9.\n\n"
		     "--- Below this line is a copy of the message.\n" COPY,
			{INPUT_BOUNCE, "bob@far.example", "5.1.1", NULL, NULL, 550, FATE_FAILED}},
		/* Exim */
		{TOP "\nThis message was created automatically by mail delivery software.\n\n"
		     "A message that you sent could not be delivered to one or more of "
		     "its\nrecipients. "
		     "The following address(es) failed:\n\n  bob@far.example\n    SMTP error from "
		     "remote "
		     "mail server after RCPT TO:<bob@far.example>:\n    host mx.far.example "
		     "[192.0.2.9]: "
		     "550-5.7.1 You are\n    550 5.7.1 not welcome\n\n------ This is a copy of the "
		     "message, "
		     "including all the headers. ------\n" COPY,
			{INPUT_BOUNCE, "bob@far.example", "5.7.1", "550 5.7.1 You are not welcome",
				"mx.far.example", 550, FATE_FAILED}},
		/* Gmail */
		{TOP "\nDelivery to the following recipient failed permanently:\n\n     "
		     "bob@far.example\n\n"
		     "Technical details of permanent failure:\nGoogle tried to deliver your "
		     "message, but it "
		     "was rejected. The error that the other server returned was:\n552 5.2.2 "
		     "full\n\n"
		     "----- Original message -----\n" COPY,
			{INPUT_BOUNCE, "bob@far.example", "5.2.2", NULL, NULL, 552, FATE_FAILED}},
		/* a delay */
		{TOP "\nYour message to:\n\n    bob@far.example\n\nhas not yet been delivered "
		     "because the "
		     "server did not respond.\n",
			{INPUT_BOUNCE, "bob@far.example", "", NULL, NULL, 0, FATE_DELAYED}},
		/* sendmail's transcript */
		{TOP "\n   ----- The following addresses had permanent fatal errors -----\n"
		     "<bob@far.example>\n    (reason: 553 5.3.0 Spammer)\n\n   ----- Transcript of "
		     "session "
		     "follows -----\n... while talking to mx.far.example.:\n>>> RCPT "
		     "To:<bob@far.example>\n"
		     "<<< 553 5.3.0 Spammer\n",
			{INPUT_BOUNCE, "bob@far.example", "5.3.0", NULL, NULL, 553, FATE_FAILED}},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_reading(*state, cases[i].input, &cases[i].want);
}

#define REPORT                                                                                     \
	TOP "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"          \
	    "--b\n\nSorry.\n\n--b\nContent-Type: message/delivery-status\n\n"                      \
	    "Reporting-MTA: dns; mx.example\nArrival-Date: Sat, 21 Nov 2026 09:30:00 +0000\n\n"

static void each_recipient_of_a_report_has_its_fate(void **state)
{
	struct reading reading;

	reading_of(
		SLICE(REPORT
			"Final-Recipient: rfc822; a@far.example\nAction: failed\n"
			"Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 No\n such user\n\n"
			"Original-Recipient: rfc822;b@old.example\n"
			"Final-Recipient: rfc822;b@far.example\nAction: delayed\nStatus: 4.4.1\n\n"
			"Final-Recipient: rfc822;c@far.example\nAction: delivered\nStatus: "
			"2.0.0\n\n"
			"--b--\n"),
		*state, &reading);
	assert_int_equal(reading.kind, INPUT_BOUNCE);
	assert_int_equal(reading.failure_count, 3);
	assert_slice("reporting", reading.reporting_mta, "mx.example");
	assert_slice("words", reading.failures[0].words, "550 5.1.1 No such user");
	assert_slice("original", reading.failures[1].original_recipient, "b@old.example");
	assert_int_equal(reading.failures[0].fate, FATE_FAILED);
	assert_int_equal(reading.failures[1].fate, FATE_DELAYED);
	assert_int_equal(reading.failures[2].fate, FATE_DELIVERED);
}

static void the_answer_on_the_line_above_is_the_reason_for_whom_the_next_names(void **state)
{
	struct reading reading;

	reading_of(
		SLICE(TOP "\n   ----- Transcript of session follows -----\n"
			  "While talking to mx.far.example:\n>>> MAIL From:<ann@example.org>\n"
			  "<<< 501 no access from mail server [192.0.2.5]\n"
			  "554 <bob@far.example>... Remote protocol error\n"
			  "While talking to mx.other.example:\n>>> RCPT To:<carl@other.example>\n"
			  "<<< 550 <carl@other.example>... User unknown\n"
			  "550 <carl@other.example>... User unknown\n\n"
			  "   ----- Unsent message follows -----\n" COPY),
		*state, &reading);
	assert_int_equal(reading.kind, INPUT_BOUNCE);
	assert_int_equal(reading.failure_count, 2);
	assert_slice("recipient", reading.failures[0].recipient, "bob@far.example");
	assert_int_equal(reading.failures[0].reply_code, 501);
	assert_slice("recipient", reading.failures[1].recipient, "carl@other.example");
	assert_int_equal(reading.failures[1].reply_code, 550);
}

static void the_remotes_own_status_counts_before_a_vague_one(void **state)
{
	assert_reading(*state,
		REPORT "Final-Recipient: rfc822; a@far.example\nAction: failed\nStatus: 5.0.0\n"
		       "Diagnostic-Code: smtp; 550 5.7.26 Unauthenticated\n\n--b--\n",
		&(struct wanted){
			INPUT_BOUNCE, "a@far.example", "5.7.26", NULL, NULL, 550, FATE_FAILED});
}

static void our_own_ids_and_causes_are_found(void **state)
{
	struct reading reading;

	reading_of(SLICE("550 5.7.1 Relaying denied [why 7K3Q-9MZD-2C4T]"), *state, &reading);
	assert_slice("id", reading.failures[0].postern_id, "7K3Q-9MZD-2C4T");
	reading_of(
		SLICE(REPORT
			"Final-Recipient: rfc822; a@far.example\nAction: failed\n"
			"Status: 5.0.0\nX-Postern-Cause: mailbox-full; actor=recipient\n\n--b--\n"),
		*state, &reading);
	assert_slice("cause", reading.failures[0].stated_cause, "mailbox-full");
}

static void what_is_no_bounce_is_told_apart(void **state)
{
	static const struct {
		const char *input;
		enum input_kind kind;
	} cases[] = {
		{"From: b@far.example\nTo: a@example.org\nAuto-Submitted: auto-replied\nSubject: "
		 "Re: x\n\n"
		 "I am away.\n",
			INPUT_VACATION},
		{"From: b@far.example\nTo: a@example.org\nSubject: Out of office: x\n\nI am "
		 "away.\n",
			INPUT_VACATION},
		{"From: f@isp.example\nTo: a@example.org\nSubject: x\nContent-Type: "
		 "multipart/report; "
		 "report-type=feedback-report; boundary=b\n\n--b\nContent-Type: "
		 "message/feedback-report\n\n"
		 "Feedback-Type: abuse\n\n--b--\n",
			INPUT_FEEDBACK},
		{REPORT "Final-Recipient: rfc822; a@far.example\nAction: delivered\nStatus: "
			"2.0.0\n\n--b--\n",
			INPUT_DELIVERED},
		{"From: b@far.example\nTo: a@example.org\nSubject: lunch\nDate: Sat, 21 Nov 2026 "
		 "09:30:00 "
		 "+0000\n\nAt noon?\n",
			INPUT_ORDINARY_MAIL},
		{"", INPUT_NOTHING},
		{" \r\n\t ", INPUT_NOTHING},
		{"...", INPUT_NOTHING},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct reading reading;
		reading_of(slice_of(cases[i].input), *state, &reading);
		if (reading.kind != cases[i].kind)
			fail_msg("case %zu: kind %d", i, (int)reading.kind);
	}
}

static void log_lines_are_read(void **state)
{
	static const struct {
		const char *input;
		struct wanted want;
	} cases[] = {
		{"Nov 22 10:00:00 mx postfix/smtp[12]: 4ABC: to=<bob@far.example>, "
		 "relay=mx.far.example"
		 "[192.0.2.9]:25, delay=1, dsn=5.1.1, status=bounced (host "
		 "mx.far.example[192.0.2.9] said: "
		 "550 5.1.1 no such user (in reply to RCPT TO command))",
			{INPUT_LOG, "bob@far.example", "5.1.1", "550 5.1.1 no such user",
				"mx.far.example", 550, FATE_FAILED}},
		{"Nov 22 10:00:00 mx postfix/smtp[12]: 4ABC: to=<bob@far.example>, relay=none, "
		 "delay=1, "
		 "dsn=4.4.1, status=deferred (connect to mx.far.example[192.0.2.9]:25: Connection "
		 "timed out)",
			{INPUT_LOG, "bob@far.example", "4.4.1", NULL, "mx.far.example", 0,
				FATE_DELAYED}},
		{"Nov 22 10:00:01 mx postfix/smtpd[13]: NOQUEUE: reject: RCPT from "
		 "unknown[192.0.2.7]: 554 "
		 "5.7.1 <b@c.example>: Relay access denied; from=<a@b.example> to=<b@c.example> "
		 "proto=ESMTP "
		 "helo=<h>",
			{INPUT_LOG, "b@c.example", "5.7.1",
				"554 5.7.1 <b@c.example>: Relay access denied", NULL, 554,
				FATE_FAILED}},
		{"2026-11-22 10:00:00 1abc-DEF-12 ** bob@far.example R=dnslookup T=remote_smtp "
		 "H=mx.far.example [192.0.2.9]: SMTP error from remote mail server after RCPT "
		 "TO:<bob@far.example>: 550 5.1.1 no",
			{INPUT_LOG, "bob@far.example", "5.1.1", "550 5.1.1 no", "mx.far.example",
				550, FATE_FAILED}},
		{"2026-11-22 10:00:00 H=(h) [192.0.2.7] F=<a@b.example> rejected RCPT "
		 "<c@d.example>: relay "
		 "not permitted",
			{INPUT_LOG, "c@d.example", "", "relay not permitted", NULL, 0,
				FATE_FAILED}},
		{"Nov 22 10:00:02 mx sm-mta[14]: x: to=<bob@far.example>, delay=00:00:01, "
		 "mailer=esmtp, "
		 "relay=mx.far.example. [192.0.2.9], dsn=5.1.1, stat=User unknown",
			{INPUT_LOG, "bob@far.example", "5.1.1", "User unknown", "mx.far.example", 0,
				FATE_FAILED}},
		{"Nov 22 10:00:02 mx sm-mta[14]: x: ruleset=check_rcpt, arg1=<b@c.example>, "
		 "relay=h "
		 "[192.0.2.7], reject=550 5.7.1 <b@c.example>... Relaying denied",
			{INPUT_LOG, "b@c.example", "5.7.1", NULL, NULL, 550, FATE_FAILED}},
		/* Exchange, message tracking: the status as it is, or what the server remembers */
		{"2026-11-22T04:00:00.123Z,192.0.2.5,EX1,192.0.2.9,mx.far.example,;250 "
		 "ok,Out,SMTP,FAIL,1,<m1@example.org>,a-b,bob@far.example,550 5.1.1 not "
		 "found,10,1,,,x,ann@example.org,ann@example.org,",
			{INPUT_LOG, "bob@far.example", "5.1.1", "550 5.1.1 not found", NULL, 550,
				FATE_FAILED}},
		{"2026-11-22T04:00:00.123Z,,EX1,,,,,DNS,FAIL,1,<m1@example.org>,a-b,"
		 "bob@far.example;carl@far.example,\"[{LED=550 5.4.4 no such domain};{MSG="
		 "};{FQDN=};{IP=};{LRT=}]\",10,2",
			{INPUT_LOG, "bob@far.example", "5.4.4", "550 5.4.4 no such domain", NULL,
				550, FATE_FAILED}},
		{"2026-11-22T04:00:00.123Z,,EX1,,mx.far.example,,Out,SMTP,DEFER,1,"
		 "<m1@example.org>,a-b,bob@far.example,\"[{LED=451 4.7.0 busy, later};{MSG="
		 "};{FQDN=mx.far.example}]\",10,1",
			{INPUT_LOG, "bob@far.example", "4.7.0", "451 4.7.0 busy, later", NULL, 451,
				FATE_DELAYED}},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_reading(*state, cases[i].input, &cases[i].want);
}

static void the_window_of_a_mail_program_is_read(void **state)
{
	struct reading reading;

	reading_of(SLICE("The message could not be sent because one of the recipients was rejected "
			 "by the "
			 "server. The rejected e-mail address was 'bob@far.example'. Subject 'It's "
			 "me', "
			 "Account: 'work', Server: 'smtp.example.org', Protocol: SMTP, Server "
			 "Response: '550 "
			 "5.7.1 Unable to relay', Port: 25, Secure(SSL): No, Server Error: 550, "
			 "Error Number: "
			 "0x800CCC79"),
		*state, &reading);
	assert_int_equal(reading.kind, INPUT_WINDOW);
	const struct failure *failure = &reading.failures[0];
	assert_slice("recipient", failure->recipient, "bob@far.example");
	assert_slice("words", failure->words, "550 5.7.1 Unable to relay");
	assert_slice("account", failure->account, "work");
	assert_slice("server", failure->server, "smtp.example.org");
	assert_slice("port", failure->port, "25");
	assert_slice("tls", failure->tls, "No");
	assert_slice("number", failure->windows_error, "0x800CCC79");
	assert_int_equal(failure->reply_code, 550);
}

static void hostile_input_is_bounded(void **state)
{
	struct text input = TEXT_GROWING;
	struct reading reading;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		text_put(&input, SLICE("From: MAILER-DAEMON@x.example\nSubject: failure notice\n"
				       "To: a@example.org\nContent-Type: message/rfc822\n\n"));
	text_put(&input, SLICE("<bob@far.example>: 550 5.1.1 no\n"));
	struct arena *arena = arena_new();
	reading_of(text_slice(&input), arena, &reading);
	assert_true(reading.truncated);
	assert_true(arena_used(arena) < (8u << 20));
	arena_free(arena);
	text_clear(&input);
	text_put(&input, SLICE("From: MAILER-DAEMON@x.example\nSubject: failure notice\nTo: "
			       "a@b.example\n\n"));
	for (unsigned i = 0; i < 100000; i++)
		text_put(&input, SLICE("a@b.c <x@y.z> 550 "));
	arena = arena_new();
	reading_of(text_slice(&input), arena, &reading);
	for (size_t i = 0; i < reading.failure_count; i++)
		assert_true(reading.failures[i].words.len < 4000);
	assert_true(arena_used(arena) < (32u << 20));
	arena_free(arena);
	text_free(&input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(reports_of_many_servers_are_read),
		cmocka_unit_test(each_recipient_of_a_report_has_its_fate),
		cmocka_unit_test(
			the_answer_on_the_line_above_is_the_reason_for_whom_the_next_names),
		cmocka_unit_test(the_remotes_own_status_counts_before_a_vague_one),
		cmocka_unit_test(our_own_ids_and_causes_are_found),
		cmocka_unit_test(what_is_no_bounce_is_told_apart),
		cmocka_unit_test(log_lines_are_read),
		cmocka_unit_test(the_window_of_a_mail_program_is_read),
		cmocka_unit_test(hostile_input_is_bounded),
	};

	return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
