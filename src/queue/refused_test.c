/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients that the policy refused after the data, while others were accepted: they are reported
 * in one report, written down as bounced, and never delivered to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "queue/fake.h"

#define HOUR (3600 * NS_PER_S)
#define WHY "550 5.7.1 Ask the board first [why 7K3Q-9MZD-2C4T]"

static void deliver(struct fake_job *job)
{
	job_answer(job, OUTCOME_DELIVERED, 250, "2.0.0 ok");
}

static void assert_report_says(const char *words)
{
	assert_int_equal(world->report_count, 1);
	struct slice body = world->reports[0].body;
	if (!memmem(body.at, body.len, words, strlen(words)))
		fail_msg("not in the report: %s\n%.*s", words, SLICE_ARGS(body));
}

static const struct fake_event *event_of(const char *recipient)
{
	for (size_t i = 0; i < world->event_count; i++)
		if (slice_is(world->events[i].recipient, slice_of(recipient)))
			return &world->events[i];
	fail_msg("no event of %s", recipient);
	return NULL;
}

static void a_split_message_goes_to_the_others_and_back_for_the_refused(void **state)
{
	uint64_t id = world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"b@adatum.com", "all@example.org", "board@example.org"},
		.refusals = {NULL, WHY, "554 5.7.1 No [why 7K3Q-9MZD-2C4V]"}});

	(void)state;
	world_turn();
	assert_int_equal(world->job_count, 1);
	assert_int_equal(world->jobs[0].job.recipients.len, 2);
	assert_int_equal(world->jobs[0].job.recipients.at[0], 0);
	assert_report_says("all@example.org");
	assert_report_says("This server said:\r\n"
			   "      550 5.7.1 Ask the board first [why 7K3Q-9MZD-2C4T]\r\n");
	assert_report_says("What happened:\r\n");
	assert_report_says("What to do:\r\n");
	assert_report_says("Final-Recipient: rfc822; all@example.org\r\n");
	assert_report_says("Action: failed\r\nStatus: 5.7.1\r\n");
	assert_report_says("Diagnostic-Code: smtp; " WHY "\r\n");
	assert_report_says("Final-Recipient: rfc822; board@example.org\r\n");
	assert_report_says("Diagnostic-Code: smtp; 554 5.7.1 No [why 7K3Q-9MZD-2C4V]\r\n");
	assert_int_equal(world->reports[0].facts_before, 0);
	assert_int_equal(count_results(RESULT_BOUNCED), 2);
	assert_int_equal(count_events(EVENT_BOUNCED), 2);
	assert_true(slice_is(event_of("all@example.org")->reply, SLICE(WHY)));
	assert_true(slice_is(event_of("all@example.org")->reason, SLICE("refused-recipient")));
	deliver(&world->jobs[0]);
	assert_int_equal(count_results(RESULT_DELIVERED), 1);
	assert_null(schedule_find(world->schedule, id));
	assert_int_equal(world->report_count, 1);
}

static void nobody_is_told_whom_notify_or_the_null_sender_excludes(void **state)
{
	(void)state;
	world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"all@example.org"},
		.notify = NOTIFY_NEVER,
		.refusals = {WHY}});
	world_mail(&(struct fake_mail){
		.sender = "", .recipients = {"all@example.org"}, .refusals = {WHY}});
	world_turn();
	assert_int_equal(world->report_count, 0);
	assert_int_equal(world->job_count, 0);
	assert_int_equal(count_results(RESULT_BOUNCED), 2);
	assert_int_equal(count_events(EVENT_BOUNCED), 2);
}

static void the_longest_reply_keeps_its_id(void **state)
{
	char reply[511];
	static const char id[] = "[why 7K3Q-9MZD-2C4T]";

	(void)state;
	memset(reply, 'x', sizeof reply);
	memcpy(reply, "550 5.7.1 ", 10);
	memcpy(reply + sizeof reply - sizeof id, id, sizeof id);
	world_mail(&(struct fake_mail){
		.sender = "a@example.org", .recipients = {"all@example.org"}, .refusals = {reply}});
	world_turn();
	assert_true(slice_is(event_of("all@example.org")->reply, slice_of(reply)));
}

static void a_release_does_not_deliver_to_whom_was_refused(void **state)
{
	uint64_t id = world_mail(&(struct fake_mail){
		.sender = "a@example.org", .recipients = {"all@example.org"}, .refusals = {WHY}});
	struct recipient *recipient = &schedule_find(world->schedule, id)->recipients[0];

	(void)state;
	assert_int_equal(recipient_act(world->schedule, recipient, ACT_HOLD, world->now), ACTED);
	world_run(world->now.mono + HOUR, deliver);
	assert_int_equal(world->report_count, 0);
	assert_int_equal(recipient_act(world->schedule, recipient, ACT_RELEASE, world->now), ACTED);
	world_run(world->now.mono + HOUR, deliver);
	assert_int_equal(world->job_count, 0);
	assert_int_equal(world->report_count, 1);
	assert_int_equal(count_results(RESULT_BOUNCED), 1);
}

static void a_report_that_cannot_be_kept_is_made_later_and_holds_nobody_up(void **state)
{
	(void)state;
	world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"b@adatum.com", "all@example.org"},
		.refusals = {NULL, WHY}});
	world->disk_full = true;
	world_turn();
	assert_int_equal(count_results(RESULT_BOUNCED), 0);
	deliver(&world->jobs[0]);
	assert_int_equal(count_results(RESULT_DELIVERED), 1);
	world->disk_full = false;
	world_run(world->now.mono + 2 * REPORT_DELAY, deliver);
	assert_int_equal(world->report_count, 1);
	assert_int_equal(count_results(RESULT_BOUNCED), 1);
}

static void a_sender_not_believed_is_not_told_and_a_release_changes_nothing(void **state)
{
	uint64_t id = world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"all@example.org"},
		.refusals = {WHY},
		.unbelieved = true});

	(void)state;
	world_turn();
	assert_report_says("To: <postmaster@example.org>");
	struct recipient *recipient = &schedule_find(world->schedule, id)->recipients[0];
	assert_int_equal(recipient->state, RECIPIENT_HELD);
	assert_int_equal(recipient_act(world->schedule, recipient, ACT_RELEASE, world->now), ACTED);
	world_run(world->now.mono + HOUR, deliver);
	assert_int_equal(world->job_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_break)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_split_message_goes_to_the_others_and_back_for_the_refused),
		TEST(nobody_is_told_whom_notify_or_the_null_sender_excludes),
		TEST(the_longest_reply_keeps_its_id),
		TEST(a_release_does_not_deliver_to_whom_was_refused),
		TEST(a_report_that_cannot_be_kept_is_made_later_and_holds_nobody_up),
		TEST(a_sender_not_believed_is_not_told_and_a_release_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
