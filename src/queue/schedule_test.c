/* SPDX-License-Identifier: Apache-2.0 */
/* The schedule on a clock of its own: five days pass in a moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>

#include "queue/fake.h"

#define HOUR (3600 * NS_PER_S)
#define DAY (24 * HOUR)

static void deliver(struct fake_job *job)
{
	job_answer(job, OUTCOME_DELIVERED, 250, "2.0.0 ok");
}

static void nobody_there(struct fake_job *job)
{
	job_answer(job, OUTCOME_DEFERRED, 0, "connection refused");
}

static void mailbox_is_full(struct fake_job *job)
{
	job_answer(job, OUTCOME_DEFERRED, 452, "4.2.2 full");
}

static struct recipient *only_recipient(uint64_t id)
{
	struct item *item = schedule_find(world->schedule, id);

	assert_non_null(item);
	assert_int_equal(item->count, 1);
	return &item->recipients[0];
}

static void a_delivered_message_is_written_down_and_forgotten(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));

	(void)state;
	world_turn();
	assert_int_equal(world->job_count, 1);
	assert_int_equal(world->attempts, 1); /* written before the job leaves */
	assert_int_equal(world->holds, 1);
	assert_true(slice_is(world->jobs[0].job.target, SLICE("adatum.com")));
	deliver(&world->jobs[0]);
	assert_int_equal(count_results(RESULT_DELIVERED), 1);
	assert_int_equal(count_events(EVENT_DELIVERED), 1);
	assert_int_equal(world->report_count, 0);
	assert_null(schedule_find(world->schedule, id));
	assert_int_equal(world->holds, 0);
	assert_true(schedule_next(world->schedule) == NEVER);
}

static void recipients_that_share_a_way_share_a_job(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com", "c@other.example", "d@adatum.com",
		"e@adatum.com"));
	world_turn();
	assert_int_equal(world->job_count, 2);
	assert_int_equal(world->jobs[0].job.recipients.len, 6);
	assert_int_equal(world->jobs[1].job.recipients.len, 2);
	assert_int_equal(world->jobs[1].job.recipients.at[0], 1);
}

static void after_a_deferral_they_still_share_it(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com", "c@adatum.com", "d@adatum.com"));
	world_turn();
	mailbox_is_full(&world->jobs[0]);
	world_advance(60 * NS_PER_S);
	world_turn();
	assert_int_equal(world->job_count, 2);
	assert_int_equal(world->jobs[1].job.recipients.len, 6);
}

/* RFC 5321 4.5.4.1: tried for days, less and less often, then given up with a report. */
static void a_dead_server_is_tried_for_five_days_and_then_given_up(void **state)
{
	mono_ns begin = world->now.mono;
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));
	wall_ns due = world->now.wall;
	mono_ns delay = 60 * NS_PER_S;

	(void)state;
	world_run(begin + 5 * DAY, nobody_there);
	for (size_t i = 0; i < world->fact_count && !world->facts[i].is_result; i++) {
		struct fake_fact *fact = &world->facts[i];
		assert_int_equal(fact->attempt, i + 1);
		bool last = fact->next == world->now.wall;
		if (!last)
			assert_in_range(fact->next - due, delay - delay / 8, delay);
		due = fact->next;
		delay = delay * 2 < 4 * HOUR ? delay * 2 : 4 * HOUR;
	}
	assert_in_range(world->job_count, 35, 50);
	assert_int_equal(count_results(RESULT_BOUNCED), 1);
	assert_int_equal(count_events(EVENT_EXPIRED), 1);
	assert_int_equal(count_events(EVENT_BOUNCED), 0);
	assert_null(schedule_find(world->schedule, id));
	/* The report is mail of ours, and the next to leave once the store shows it. */
	assert_int_equal(world->report_count, 1);
}

static void the_clock_of_the_wall_may_jump_and_nothing_expires(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com"));
	world_turn();
	world->now.wall += 365 * DAY;
	mailbox_is_full(&world->jobs[0]);
	assert_int_equal(count_events(EVENT_DEFERRED), 1);
	assert_int_equal(count_results(RESULT_BOUNCED), 0);
	assert_true(schedule_next(world->schedule) <= world->now.mono + 60 * NS_PER_S);
}

static void old_mail_gets_one_attempt_before_it_expires(void **state)
{
	(void)state;
	world_mail(&(struct fake_mail){
		.sender = "a@example.org", .recipients = {"b@adatum.com"}, .age = 9 * DAY});
	world_mail(&(struct fake_mail){
		.sender = "a@example.org", .recipients = {"c@other.example"}, .age = 9 * DAY});
	world_turn();
	assert_int_equal(world->job_count, 2);
	deliver(&world->jobs[0]);
	mailbox_is_full(&world->jobs[1]);
	assert_int_equal(count_results(RESULT_DELIVERED), 1);
	assert_int_equal(count_results(RESULT_BOUNCED), 1);
}

static void back_off_doubles_within_bounds_and_depends_on_seed_and_message(void **state)
{
	struct retry retry = {5 * DAY, 60 * NS_PER_S, 4 * HOUR};
	mono_ns most = retry.first;
	size_t different = 0;

	(void)state;
	for (unsigned attempt = 1; attempt < 70; attempt++) {
		for (uint64_t id = 1; id < 50; id++) {
			mono_ns delay = retry_delay(&retry, 42, id, attempt);
			assert_in_range(delay, most - most / 8, most);
			assert_true(delay == retry_delay(&retry, 42, id, attempt));
			different += delay != retry_delay(&retry, 43, id, attempt);
		}
		most = 2 * most < retry.most ? 2 * most : retry.most;
	}
	assert_true(different > 3000);
}

static void when_out_dies_its_jobs_are_tried_again_soon_and_not_counted(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com", "c@adatum.com"));
	struct delivery_outcome outcome = {.outcome = OUTCOME_DELIVERED, .code = 250};

	(void)state;
	world_turn();
	outcome.job = world->jobs[0].job.job;
	assert_true(schedule_outcome(world->schedule, &outcome, world->now));
	schedule_out_gone(world->schedule, world->now);
	assert_int_equal(world->holds, 0);
	world_turn();
	assert_int_equal(world->job_count, 1); /* there is no out */
	schedule_go_on(world->schedule);
	assert_int_equal(schedule_find(world->schedule, id)->left, 1);
	assert_true(schedule_next(world->schedule) <= world->now.mono + UNKNOWN_DELAY);
	world_advance(UNKNOWN_DELAY);
	world_turn();
	assert_int_equal(world->job_count, 2);
	assert_int_equal(world->jobs[1].job.recipients.len, 2);
	deliver(&world->jobs[1]);
	assert_int_equal(world->events[world->event_count - 1].attempt, 1);
	assert_int_equal(count_results(RESULT_DELIVERED), 2);
	assert_null(schedule_find(world->schedule, id));
	assert_false(schedule_outcome(world->schedule, &outcome, world->now)); /* too late */
}

static void a_segment_that_cannot_be_opened_holds_up_no_other_mail(void **state)
{
	(void)state;
	world->shut = world_mail(MAIL("a@example.org", "b@adatum.com", "c@adatum.com"));
	world_mail(MAIL("a@example.org", "d@adatum.com"));
	world_turn();
	assert_int_equal(world->job_count, 1);
	assert_int_equal(world->jobs[0].job.recipients.len, 2);
	assert_false(world->schedule->blocked);
	assert_int_equal(world->event_count, 2);
	for (size_t i = 0; i < world->event_count; i++) {
		assert_int_equal(world->events[i].event, EVENT_DEFERRED);
		assert_int_equal(world->events[i].message, world->shut);
		assert_true(slice_is(world->events[i].reason, SLICE("message-unreadable")));
	}
	deliver(&world->jobs[0]);
	world->shut = 0;
	world_run(world->now.mono + HOUR, deliver);
	assert_int_equal(world->job_count, 2);
	assert_int_equal(count_results(RESULT_DELIVERED), 3);
}

/* Its destination is forgotten each time, having nothing else to send. */
static void a_message_alone_that_cannot_be_opened_is_tried_until_it_expires(void **state)
{
	(void)state;
	world->shut = world_mail(MAIL("a@example.org", "b@adatum.com"));
	world_run(world->now.mono + 6 * DAY, deliver);
	assert_int_equal(world->report_count, 1);
	assert_int_equal(world->job_count, 0);
}

static void what_a_full_channel_does_not_take_stays_in_order(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com", "c@adatum.com"));
	world_mail(MAIL("a@example.org", "d@adatum.com"));
	world->out_full = true;
	world_turn();
	assert_int_equal(world->job_count, 0);
	assert_int_equal(world->schedule->outstanding, 0);
	world->out_full = false;
	schedule_go_on(world->schedule);
	world_turn();
	assert_int_equal(world->job_count, 2);
	assert_int_equal(world->jobs[0].job.recipients.len, 4);
	assert_int_equal(world->jobs[0].job.recipients.at[0], 0);
	assert_int_equal(world->jobs[0].job.recipients.at[2], 1);
}

static void a_dead_destination_does_not_hold_up_another(void **state)
{
	(void)state;
	for (int i = 0; i < 1500; i++)
		world_mail(MAIL("a@example.org", "b@dead.example"));
	world_mail(MAIL("a@example.org", "b@alive.example"));
	world_turn();
	assert_int_equal(world->schedule->outstanding, WINDOW_FIRST + 1);
	for (int round = 0; round < 4; round++) {
		size_t count = world->job_count;
		for (size_t i = 0; i < count; i++)
			if (!world->jobs[i].ended &&
				slice_is(world->jobs[i].job.target, SLICE("dead.example")))
				nobody_there(&world->jobs[i]);
		world_turn();
	}
	assert_int_equal(world->schedule->outstanding, 1 + 1); /* its window has shrunk to one */
}

static void a_destination_that_takes_mail_gets_more_at_a_time(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++)
		world_mail(MAIL("a@example.org", "b@alive.example"));
	for (int round = 0; round < 8; round++) {
		world_turn();
		assert_true(world->schedule->outstanding <= WINDOW_MOST);
		size_t count = world->job_count;
		if (world->schedule->outstanding == WINDOW_MOST)
			break;
		for (size_t i = 0; i < count; i++)
			if (!world->jobs[i].ended)
				deliver(&world->jobs[i]);
	}
	assert_int_equal(world->schedule->outstanding, WINDOW_MOST);
}

static void destinations_take_turns(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		world_mail(MAIL("a@example.org", "b@one.example"));
	for (int i = 0; i < 3; i++)
		world_mail(MAIL("a@example.org", "b@two.example"));
	world_turn();
	assert_int_equal(world->job_count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_true(slice_is(world->jobs[i].job.target,
			i % 2 ? SLICE("two.example") : SLICE("one.example")));
}

static void what_fits_no_job_is_ignored(void **state)
{
	struct delivery_outcome outcome = {.job = 1, .outcome = OUTCOME_DELIVERED};

	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com"));
	world_turn();
	assert_false(schedule_outcome(world->schedule, &outcome, world->now));
	assert_false(schedule_end(world->schedule, 0, world->now));
	assert_false(schedule_end(world->schedule, UINT64_MAX, world->now));
	outcome.job = world->jobs[0].job.job;
	outcome.recipient = 7;
	assert_false(schedule_outcome(world->schedule, &outcome, world->now));
	outcome.recipient = 0;
	outcome.outcome = 3;
	assert_false(schedule_outcome(world->schedule, &outcome, world->now));
	outcome.outcome = OUTCOME_DELIVERED;
	outcome.reason = 60000;
	assert_true(schedule_outcome(world->schedule, &outcome, world->now));
	assert_false(schedule_outcome(world->schedule, &outcome, world->now));
	assert_int_equal(count_results(RESULT_DELIVERED), 1);
	assert_true(schedule_end(world->schedule, outcome.job, world->now));
	assert_false(schedule_end(world->schedule, outcome.job, world->now));
}

static void a_job_that_ends_without_a_word_is_tried_again(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));

	(void)state;
	world_turn();
	world->jobs[0].ended = true;
	assert_true(schedule_end(world->schedule, world->jobs[0].job.job, world->now));
	assert_int_equal(only_recipient(id)->state, RECIPIENT_WAITING);
	world_run(world->now.mono + 120 * NS_PER_S, deliver);
	assert_null(schedule_find(world->schedule, id));
}

static void an_ambiguous_way_defers_and_says_why(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@ambiguous.example"));
	world_turn();
	assert_int_equal(world->job_count, 0);
	assert_int_equal(count_events(EVENT_DEFERRED), 1);
	assert_true(slice_is(world->events[0].reason, SLICE("route-ambiguous")));
	assert_true(slice_starts(world->events[0].reply, SLICE("4.3.5 ")));
	world_run(world->now.mono + 6 * DAY, deliver);
	assert_int_equal(count_events(EVENT_EXPIRED), 1);
}

static void a_new_policy_routes_again_what_waits(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		world_mail(MAIL("a@example.org", "b@adatum.com"));
	world_turn();
	assert_int_equal(world->job_count, WINDOW_FIRST);
	schedule_set_policy(world->schedule, NULL, world->now);
	assert_true(schedule_next(world->schedule) <= world->now.mono);
	world_run(world->now.mono, deliver);
	assert_int_equal(count_results(RESULT_DELIVERED), 10);
}

static void what_results_say_holds_after_a_restart(void **state)
{
	struct envelope_recipient recipients[] = {{.address = SLICE("a@x.example")},
		{.address = SLICE("b@x.example")}, {.address = SLICE("c@x.example")},
		{.address = SLICE("d@x.example")}, {.address = SLICE("e@x.example")}};
	struct message message = {.envelope = {.received = world->now.wall - HOUR,
					  .sender = SLICE("s@example.org"),
					  .recipients = recipients,
					  .recipient_count = 5}};
	struct stored_recipient known[5] = {{.done = true},
		{.attempts = 3, .next = world->now.wall + HOUR},
		{.attempts = 2, .next = HELD_UNTIL},
		{.attempts = 1, .next = world->now.wall + 4 * HOUR}, {.attempts = 0}};
	struct stored stored = {.id = 77};

	(void)state;
	schedule_found(world->schedule, &stored, &message, known, world->now);
	schedule_found(world->schedule, &stored, &message, known, world->now); /* twice is once */
	struct item *item = schedule_find(world->schedule, 77);
	assert_int_equal(item->count, 4);
	assert_int_equal(item->recipients[0].attempts, 3);
	assert_true(item->recipients[0].next == world->now.mono + HOUR);
	assert_int_equal(item->recipients[1].state, RECIPIENT_HELD);
	assert_true(item->recipients[2].next == world->now.mono + 4 * HOUR);
	assert_true(item->received == world->now.mono - HOUR);
	world_turn();
	assert_int_equal(world->job_count, 1);
	assert_int_equal(world->jobs[0].job.recipients.len, 2);
	assert_int_equal(world->jobs[0].job.recipients.at[0], 4);
}

static const struct item *item_found(mono_ns age, mono_ns next)
{
	struct envelope_recipient recipient = {.address = SLICE("a@x.example")};
	struct message message = {.envelope = {.received = world->now.wall - age,
					  .sender = SLICE("s@example.org"),
					  .recipients = &recipient,
					  .recipient_count = 1}};
	struct stored_recipient known = {.attempts = 3, .next = next};
	struct stored stored = {.id = ++world->message_count};

	schedule_found(world->schedule, &stored, &message, &known, world->now);
	return schedule_find(world->schedule, stored.id);
}

static void no_recipient_waits_for_a_time_that_was_written_before_the_clock_was_set_back(
	void **state)
{
	static const struct {
		mono_ns age, away, waits;
	} rows[] = {
		{HOUR, HOUR, HOUR},
		{HOUR, 4 * HOUR, 4 * HOUR}, /* the largest step there is */
		{HOUR, 4 * HOUR + 1, 0},    /* nobody can have meant to wait so long */
		{HOUR, 3650 * DAY, 0},
		{0, HOUR, HOUR},
		{-1, HOUR, 0}, /* it came in the future */
		{-3650 * DAY, 3650 * DAY, 0},
		{-HOUR, -HOUR, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct item *item = item_found(rows[i].age, world->now.wall + rows[i].away);
		assert_true(item->next == world->now.mono + rows[i].waits);
		assert_true(item->recipients[0].next == item->next);
		assert_int_equal(item->recipients[0].attempts, 3);
		assert_true(item->received <= world->now.mono);
	}
	item_found(-HOUR, HELD_UNTIL);
	assert_int_equal(only_recipient(world->message_count)->state, RECIPIENT_HELD);
}

static void held_mail_waits_until_it_is_released(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));

	(void)state;
	assert_int_equal(
		recipient_act(world->schedule, only_recipient(id), ACT_HOLD, world->now), ACTED);
	assert_true(world->facts[0].next == HELD_UNTIL && !world->facts[0].is_result);
	assert_int_equal(recipient_act(world->schedule, only_recipient(id), ACT_HOLD, world->now),
		ACT_NOTHING);
	assert_int_equal(recipient_act(world->schedule, only_recipient(id), ACT_RETRY, world->now),
		ACT_NOTHING);
	world_run(world->now.mono + DAY, deliver);
	assert_int_equal(world->job_count, 0);
	assert_int_equal(
		recipient_act(world->schedule, only_recipient(id), ACT_RELEASE, world->now), ACTED);
	assert_true(world->facts[1].attempt > world->facts[0].attempt); /* it must win */
	world_run(world->now.mono, deliver);
	assert_int_equal(count_results(RESULT_DELIVERED), 1);
}

/* The store keeps what the highest attempt says: a number that began anew would undo the hold. */
static void a_hold_wins_however_often_it_was_tried(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));

	(void)state;
	only_recipient(id)->attempts = UINT16_MAX;
	assert_int_equal(
		recipient_act(world->schedule, only_recipient(id), ACT_HOLD, world->now), ACTED);
	assert_int_equal(world->facts[0].attempt, UINT16_MAX);
	assert_int_equal(
		recipient_act(world->schedule, only_recipient(id), ACT_RELEASE, world->now), ACTED);
	assert_int_equal(world->facts[1].attempt, UINT16_MAX);
}

static void removed_mail_is_written_down_as_removed(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));

	(void)state;
	world_turn();
	assert_int_equal(recipient_act(world->schedule, only_recipient(id), ACT_REMOVE, world->now),
		ACT_BEING_DELIVERED);
	mailbox_is_full(&world->jobs[0]);
	assert_int_equal(
		recipient_act(world->schedule, only_recipient(id), ACT_REMOVE, world->now), ACTED);
	assert_true(schedule_tidy(world->schedule, schedule_find(world->schedule, id), world->now));
	assert_int_equal(count_results(RESULT_REMOVED), 1);
	assert_int_equal(count_events(EVENT_REMOVED), 1);
	assert_int_equal(world->report_count, 0);
}

static void retry_makes_it_due_at_once(void **state)
{
	uint64_t id = world_mail(MAIL("a@example.org", "b@adatum.com"));

	(void)state;
	world_turn();
	mailbox_is_full(&world->jobs[0]);
	world_turn();
	assert_int_equal(world->job_count, 1);
	assert_int_equal(
		recipient_act(world->schedule, only_recipient(id), ACT_RETRY, world->now), ACTED);
	world_turn();
	assert_int_equal(world->job_count, 2);
}

static void an_item_takes_200_bytes_and_80_for_each_further_recipient(void **state)
{
	uint64_t id = world_mail(MAIL("somebody@sender.example.org", "friend@elsewhere.example"));
	uint64_t many = world_mail(MAIL("somebody@sender.example.org", "friend1@elsewhere.example",
		"friend2@elsewhere.example", "friend3@elsewhere.example"));
	size_t one = item_memory(schedule_find(world->schedule, id));
	size_t three = item_memory(schedule_find(world->schedule, many));

	(void)state;
	print_message("one recipient: %zu bytes; each further one: %zu\n", one, (three - one) / 2);
#ifndef __SANITIZE_ADDRESS__
	assert_true(one <= 200);
	assert_true((three - one) / 2 <= 80);
#endif
}

static void paused_nothing_leaves(void **state)
{
	(void)state;
	world_mail(MAIL("a@example.org", "b@adatum.com"));
	schedule_pause(world->schedule, true);
	world_turn();
	assert_int_equal(world->job_count, 0);
	assert_true(schedule_next(world->schedule) == NEVER);
	schedule_pause(world->schedule, false);
	world_turn();
	assert_int_equal(world->job_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_break)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_delivered_message_is_written_down_and_forgotten),
		TEST(recipients_that_share_a_way_share_a_job),
		TEST(after_a_deferral_they_still_share_it),
		TEST(a_dead_server_is_tried_for_five_days_and_then_given_up),
		TEST(the_clock_of_the_wall_may_jump_and_nothing_expires),
		TEST(old_mail_gets_one_attempt_before_it_expires),
		TEST(back_off_doubles_within_bounds_and_depends_on_seed_and_message),
		TEST(when_out_dies_its_jobs_are_tried_again_soon_and_not_counted),
		TEST(a_segment_that_cannot_be_opened_holds_up_no_other_mail),
		TEST(a_message_alone_that_cannot_be_opened_is_tried_until_it_expires),
		TEST(what_a_full_channel_does_not_take_stays_in_order),
		TEST(a_dead_destination_does_not_hold_up_another),
		TEST(a_destination_that_takes_mail_gets_more_at_a_time),
		TEST(destinations_take_turns),
		TEST(what_fits_no_job_is_ignored),
		TEST(a_job_that_ends_without_a_word_is_tried_again),
		TEST(an_ambiguous_way_defers_and_says_why),
		TEST(a_new_policy_routes_again_what_waits),
		TEST(what_results_say_holds_after_a_restart),
		TEST(no_recipient_waits_for_a_time_that_was_written_before_the_clock_was_set_back),
		TEST(held_mail_waits_until_it_is_released),
		TEST(a_hold_wins_however_often_it_was_tried),
		TEST(removed_mail_is_written_down_as_removed),
		TEST(retry_makes_it_due_at_once),
		TEST(an_item_takes_200_bytes_and_80_for_each_further_recipient),
		TEST(paused_nothing_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
