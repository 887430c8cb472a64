/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: who gets one, what it says, and that none is lost or sent where it must not go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "queue/fake.h"
#include "wire/header.h"

#define HOUR (3600 * NS_PER_S)
#define DAY (24 * HOUR)

static void no_such_user(struct fake_job *job)
{
	job_answer(job, OUTCOME_FAILED, 550, "5.1.1 No such user");
}

static void later(struct fake_job *job)
{
	job_answer(job, OUTCOME_DEFERRED, 450, "4.2.2 mailbox full");
}

static void deliver(struct fake_job *job)
{
	job_answer(job, OUTCOME_DELIVERED, 250, "2.0.0 ok");
}

static bool says(const struct fake_report *report, const char *words)
{
	return memmem(report->body.at, report->body.len, words, strlen(words));
}

static void assert_says(size_t number, const char *words)
{
	assert_true(number < world->report_count);
	if (!says(&world->reports[number], words))
		fail_msg("not in the report: %s\n%.*s", words,
			SLICE_ARGS(world->reports[number].body));
}

static struct slice reader_of_report(size_t number)
{
	assert_int_equal(world->reports[number].message.envelope.recipient_count, 1);
	return world->reports[number].message.envelope.recipients[0].address;
}

static void a_failure_is_reported_to_the_sender_in_three_parts(void **state)
{
	(void)state;
	world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"b@adatum.com"},
		.envid = "QQ314159",
		.orcpt = "rfc822;Bob@Adatum.COM"});
	world_turn();
	no_such_user(&world->jobs[0]);
	assert_int_equal(world->report_count, 1);
	const struct envelope *envelope = &world->reports[0].message.envelope;
	assert_int_equal(envelope->sender.len, 0); /* RFC 5321 6.1 */
	assert_true(slice_is(reader_of_report(0), SLICE("a@example.org")));
	assert_int_equal(envelope->recipients[0].notify, NOTIFY_NEVER);
	assert_true(envelope->flags & ENVELOPE_REPORT);
	assert_int_equal(world->reports[0].message.body_size, world->reports[0].body.len);
	assert_says(0, "Content-Type: multipart/report; report-type=delivery-status;");
	assert_says(0, "From: Mail Delivery System <postmaster@example.org>");
	assert_says(0, "Reporting-MTA: dns; mx.example.org\r\n");
	assert_says(0, "Original-Envelope-Id: QQ314159\r\n");
	assert_says(0, "Final-Recipient: rfc822; b@adatum.com\r\n");
	assert_says(0, "Original-Recipient: rfc822; Bob@Adatum.COM\r\n");
	assert_says(0, "Action: failed\r\nStatus: 5.1.1\r\n");
	assert_says(0, "Remote-MTA: dns; mx.adatum.com\r\n");
	assert_says(0, "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n");
	assert_says(0, "mx.adatum.com [192.0.2.1]:25 said:\r\n      550 5.1.1 No such user\r\n");
	assert_says(0, "What happened:\r\n");
	assert_says(0, "Who can act:\r\n");
	assert_says(0, "What to do:\r\n");
	assert_says(0, "What the administrator of the sending side can do:\r\n");
	assert_says(0, "X-Postern-Queue-ID: 0000-0000-0001\r\n");
	assert_says(0, "X-Postern-Cause: unknown-recipient; actor=sender\r\n");
	assert_says(0, "Our id of the message: 0000-0000-0001\r\n");
	assert_says(0, "Subject: hello\r\n");
	assert_false(says(&world->reports[0], "Dear friend"));
}

/* For a look, and for the system tests' parser: POSTERN_REPORT names a file to put one into. */
static void the_report_has_only_whole_lines(void **state)
{
	const char *path = getenv("POSTERN_REPORT");

	(void)state;
	world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"b@adatum.com", "c@adatum.com"},
		.header = "Subject: =?utf-8?q?f=C3=BCr?= you\r\nX-Long: 1\r\n\t2\r\n",
		.ret = RET_FULL});
	world_turn();
	no_such_user(&world->jobs[0]);
	struct slice body = world->reports[0].body;
	for (size_t i = 0; i < body.len; i++) {
		assert_false(body.at[i] == '\n' && (!i || body.at[i - 1] != '\r'));
		assert_false(body.at[i] == '\r' && (i + 1 == body.len || body.at[i + 1] != '\n'));
	}
	struct headers headers;
	header_scan(body, world->arena, &headers);
	assert_false(headers.malformed);
	assert_non_null(header_find(&headers, SLICE("Message-ID"), 0));
	assert_non_null(header_find(&headers, SLICE("Date"), 0));
	if (path) {
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		fwrite(body.at, 1, body.len, file);
		fclose(file);
	}
}

static void the_result_is_written_only_once_the_report_is_durable(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));

	(void)state;
	world_turn();
	world->disk_full = true;
	no_such_user(&world->jobs[0]);
	assert_int_equal(world->report_count, 0);
	assert_int_equal(world->fact_count, 0);
	assert_non_null(schedule_find(world->schedule, id));
	world_run(world->now.mono + 10 * REPORT_DELAY, no_such_user);
	assert_int_equal(world->fact_count, 0);
	world->disk_full = false;
	world_run(world->now.mono + 2 * REPORT_DELAY, no_such_user);
	assert_int_equal(world->report_count, 1);
	assert_int_equal(world->reports[0].facts_before, 0);
	assert_int_equal(count_results(RESULT_BOUNCED), 1);
	assert_int_equal(count_events(EVENT_BOUNCED), 1);
	assert_int_equal(world->job_count, 1);
	assert_null(schedule_find(world->schedule, id));
}

static void nothing_is_reported_to_the_null_sender(void **state)
{
	(void)state;
	world_mail(&(struct fake_mail){.sender = "",
		.recipients = {"b@adatum.com"},
		.notify = NOTIFY_FAILURE | NOTIFY_SUCCESS | NOTIFY_DELAY});
	world_mail(&(struct fake_mail){
		.sender = "", .recipients = {"b@adatum.com"}, .unbelieved = true});
	world_turn();
	no_such_user(&world->jobs[0]);
	no_such_user(&world->jobs[1]);
	assert_int_equal(world->report_count, 0);
	assert_int_equal(count_results(RESULT_BOUNCED), 2);
	assert_int_equal(count_events(EVENT_BOUNCED), 2);
}

static void a_sender_not_believed_is_not_told_but_postmaster_is(void **state)
{
	uint64_t id = world_mail(&(struct fake_mail){.sender = "victim@forged.example",
		.recipients = {"b@adatum.com"},
		.unbelieved = true});

	(void)state;
	world_turn();
	no_such_user(&world->jobs[0]);
	assert_int_equal(world->report_count, 1);
	assert_true(slice_is(reader_of_report(0), SLICE("postmaster@example.org")));
	assert_says(0, "postern queue release 0000-0000-0001\r\n");
	assert_says(0, "victim@forged.example");
	assert_int_equal(count_results(RESULT_BOUNCED), 0);
	struct item *item = schedule_find(world->schedule, id);
	assert_int_equal(item->recipients[0].state, RECIPIENT_HELD);
	assert_int_equal(
		recipient_act(world->schedule, &item->recipients[0], ACT_BOUNCE, world->now),
		ACT_NOT_BELIEVED);
	world_run(world->now.mono + 30 * DAY, deliver);
	assert_int_equal(world->job_count, 1);
	assert_int_equal(
		recipient_act(world->schedule, &item->recipients[0], ACT_RELEASE, world->now),
		ACTED);
	world_run(world->now.mono, deliver);
	assert_int_equal(count_results(RESULT_DELIVERED), 1);
}

static void notify_decides_who_is_told_of_a_failure(void **state)
{
	static const struct {
		unsigned notify;
		size_t reports;
	} rows[] = {
		{NOTIFY_UNSET, 1},
		{NOTIFY_NEVER, 0},
		{NOTIFY_FAILURE, 1},
		{NOTIFY_SUCCESS, 0},
		{NOTIFY_DELAY, 0},
		{NOTIFY_DELAY | NOTIFY_FAILURE, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t before = world->report_count;
		world_mail(&(struct fake_mail){.sender = "a@example.org",
			.recipients = {"b@adatum.com"},
			.notify = rows[i].notify});
		world_run(world->now.mono, no_such_user);
		assert_int_equal(world->report_count - before, rows[i].reports);
	}
	assert_int_equal(count_results(RESULT_BOUNCED), sizeof rows / sizeof *rows);
}

static void all_that_failed_in_one_round_share_one_report(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com", "c@one.example", "d@two.example"));
	world_turn();
	assert_int_equal(world->job_count, 3);
	no_such_user(&world->jobs[0]);
	deliver(&world->jobs[1]);
	assert_int_equal(world->report_count, 0); /* one is still under way */
	no_such_user(&world->jobs[2]);
	assert_int_equal(world->report_count, 1);
	assert_says(0, "Final-Recipient: rfc822; b@adatum.com\r\n");
	assert_says(0, "Final-Recipient: rfc822; d@two.example\r\n");
	assert_false(says(&world->reports[0], "c@one.example"));
	assert_int_equal(count_results(RESULT_DELIVERED), 1);
	assert_int_equal(count_results(RESULT_BOUNCED), 2);
}

static void what_expired_says_so_with_the_last_words(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com"));
	world_run(world->now.mono + 6 * DAY, later);
	assert_int_equal(world->report_count, 1);
	assert_says(0, "Action: failed\r\nStatus: 5.4.7\r\n");
	assert_says(0, "Diagnostic-Code: smtp; 450 4.2.2 mailbox full\r\n");
	assert_says(0, "Arrival-Date: ");
	assert_says(0, " times. The last failure:");
}

static void a_delay_is_told_once_and_only_if_asked_for(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com"));
	world_run(world->now.mono + 2 * DAY, later);
	assert_int_equal(world->report_count, 0);
	world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"c@other.example"},
		.notify = NOTIFY_DELAY});
	world_run(world->now.mono + DELAY_AFTER - HOUR, later);
	assert_int_equal(world->report_count, 0);
	world_run(world->now.mono + 2 * DAY, later);
	assert_int_equal(world->report_count, 1);
	assert_says(0, "Action: delayed\r\nStatus: 4.2.2\r\n");
	assert_says(0, "Will-Retry-Until: ");
	assert_says(0, "You need not send it again");
	world_run(world->now.mono + HOUR * 12, deliver);
	assert_int_equal(count_results(RESULT_DELIVERED), 2);
}

static void success_is_told_if_asked_for(void **state)
{
	uint64_t id = world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"b@adatum.com", "c@local.example"},
		.notify = NOTIFY_SUCCESS});

	(void)state;
	world_turn();
	deliver(&world->jobs[0]);
	deliver(&world->jobs[1]);
	assert_int_equal(world->report_count, 1);
	assert_says(0, "Final-Recipient: rfc822; b@adatum.com\r\nAction: relayed\r\n");
	assert_says(0, "Final-Recipient: rfc822; c@local.example\r\nAction: delivered\r\n");
	assert_null(schedule_find(world->schedule, id));
}

static void ret_full_gives_the_whole_message_back(void **state)
{
	(void)state;
	world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"b@adatum.com"},
		.ret = RET_FULL,
		.body = "Dear friend,\r\n.a dot\r\nbye\r\n"});
	world_turn();
	no_such_user(&world->jobs[0]);
	assert_says(0, "Content-Type: message/rfc822\r\n");
	assert_says(0, "Dear friend,\r\n.a dot\r\nbye\r\n");
	assert_int_equal(world->reports[0].message.body_flags, BODY_FLAG_DOTS);
}

static void a_message_that_cannot_be_read_back_is_reported_without_it(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com"));
	world_turn();
	world->unreadable = true;
	no_such_user(&world->jobs[0]);
	assert_int_equal(world->report_count, 1);
	assert_says(0, "Final-Recipient: rfc822; b@adatum.com\r\n");
	assert_int_equal(count_results(RESULT_BOUNCED), 1);
}

static void hostile_words_end_neither_a_field_nor_a_part(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com"));
	world_turn();
	job_answer(&world->jobs[0], OUTCOME_FAILED, 550,
		"no\r\nAction: delivered\r\n\r\n--report-0-\r\n\x1b[2J\xff\xfe");
	assert_int_equal(world->report_count, 1);
	assert_says(0, reason_row(REASON_REMOTE_REFUSED)->steps.at);
	assert_false(says(&world->reports[0], "\r\nAction: delivered"));
	assert_false(says(&world->reports[0], "\x1b"));
}

static void a_maildirs_path_is_not_told(void **state)
{
	struct delivery_outcome outcome = {.outcome = OUTCOME_FAILED,
		.reason = REASON_MAILDIR_FAILED,
		.enhanced = SLICE("5.3.0"),
		.remote = SLICE("/var/mail/secret/cur"),
		.words = SLICE("the mailbox cannot be written")};

	(void)state;
	world_mail(MAIL("a@example.org", "b@local.example"));
	world_turn();
	outcome.job = world->jobs[0].job.job;
	assert_true(schedule_outcome(world->schedule, &outcome, world->now));
	world->jobs[0].ended = true;
	assert_true(schedule_end(world->schedule, outcome.job, world->now));
	assert_int_equal(world->report_count, 1);
	assert_false(says(&world->reports[0], "secret"));
	assert_says(0, "Status: 5.3.0\r\n");
	assert_says(0, "This server:\r\n");
}

static void bounced_by_the_administrator_says_so(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));
	struct item *item = schedule_find(world->schedule, id);

	(void)state;
	assert_int_equal(
		recipient_act(world->schedule, &item->recipients[0], ACT_BOUNCE, world->now),
		ACTED);
	assert_int_equal(item->recipients[0].last->reason, REASON_REMOVED);
	assert_true(schedule_tidy(world->schedule, item, world->now));
	assert_int_equal(world->report_count, 1);
	assert_says(0, "removed from the queue by the administrator");
	assert_int_equal(count_results(RESULT_BOUNCED), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_break)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failure_is_reported_to_the_sender_in_three_parts),
		TEST(the_report_has_only_whole_lines),
		TEST(the_result_is_written_only_once_the_report_is_durable),
		TEST(nothing_is_reported_to_the_null_sender),
		TEST(a_sender_not_believed_is_not_told_but_postmaster_is),
		TEST(notify_decides_who_is_told_of_a_failure),
		TEST(all_that_failed_in_one_round_share_one_report),
		TEST(what_expired_says_so_with_the_last_words),
		TEST(a_delay_is_told_once_and_only_if_asked_for),
		TEST(success_is_told_if_asked_for),
		TEST(ret_full_gives_the_whole_message_back),
		TEST(a_message_that_cannot_be_read_back_is_reported_without_it),
		TEST(hostile_words_end_neither_a_field_nor_a_part),
		TEST(a_maildirs_path_is_not_told),
		TEST(bounced_by_the_administrator_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
