/* SPDX-License-Identifier: Apache-2.0 */
/* The books of an audit, line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/audit.h"

#define AT(n) ((wall_ns)(1000 + (n)) * NS_PER_S)

static struct journal_line taken(uint64_t message, const char *recipient)
{
	return (struct journal_line){.message = message,
		.time = AT(0),
		.stage = SLICE("rcpt"),
		.decision = SLICE("accept"),
		.recipient = slice_of(recipient)};
}

static struct journal_line kept(uint64_t message, uint64_t recipients, wall_ns time)
{
	return (struct journal_line){.message = message,
		.time = time,
		.stage = SLICE("end of data"),
		.decision = SLICE("accept"),
		.recipients = recipients};
}

static struct journal_line event(
	uint64_t message, const char *what, const char *recipient, wall_ns time)
{
	return (struct journal_line){.message = message,
		.time = time,
		.event = slice_of(what),
		.recipient = slice_of(recipient)};
}

static void see(struct audit *audit, struct journal_line line)
{
	audit_line(audit, &line);
}

static struct audit_counts counts_of(const struct audit *audit)
{
	struct audit_counts counts;

	audit_count(audit, &counts);
	return counts;
}

static void what_is_accepted_and_never_kept_is_not_owed(void **state)
{
	struct audit *audit = audit_open(0, AT(100));

	(void)state;
	see(audit, taken(1, "a@x.example"));
	assert_int_equal(counts_of(audit).messages, 0);
	see(audit, kept(1, 1, AT(1)));
	assert_int_equal(counts_of(audit).fates[AUDIT_UNACCOUNTED], 1);
	audit_close(audit);
}

static void every_fate_settles_one_recipient(void **state)
{
	static const char *const fates[] = {"delivered", "bounced", "expired", "removed"};
	struct audit *audit = audit_open(0, AT(100));

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		see(audit, taken(i + 1, "a@x.example"));
		see(audit, taken(i + 1, "b@x.example"));
		see(audit, kept(i + 1, 2, AT(1)));
		see(audit, event(i + 1, "deferred", "a@x.example", AT(2)));
		see(audit, event(i + 1, fates[i], "a@x.example", AT(3)));
		assert_int_equal(counts_of(audit).fates[AUDIT_DELIVERED + i], 1);
		assert_int_equal(counts_of(audit).fates[AUDIT_UNACCOUNTED], i + 1);
	}
	audit_close(audit);
}

static void lines_read_twice_change_nothing(void **state)
{
	struct audit *audit = audit_open(0, AT(100));

	(void)state;
	for (int i = 0; i < 2; i++) {
		see(audit, taken(1, "a@x.example"));
		see(audit, kept(1, 1, AT(1)));
		see(audit, event(1, "delivered", "a@x.example", AT(2)));
		see(audit, (struct journal_line){
				   .event = SLICE("dropped"), .time = AT(3), .count = 5});
	}
	assert_int_equal(counts_of(audit).twice, 0);
	assert_int_equal(counts_of(audit).dropped, 5);
	see(audit, event(1, "delivered", "a@x.example", AT(4)));
	assert_int_equal(counts_of(audit).twice, 1);
	audit_close(audit);
}

static void an_event_told_again_may_know_the_number_alone(void **state)
{
	struct audit *audit = audit_open(0, AT(100));
	struct journal_line again = event(1, "delivered", "", AT(2));
	const struct audit_missing *missing;

	(void)state;
	see(audit, taken(1, "a@x.example"));
	see(audit, taken(1, "b@x.example"));
	see(audit, kept(1, 2, AT(1)));
	again.repeated = true;
	again.number = 1;
	see(audit, again);
	assert_int_equal(audit_missing(audit, &missing), 1);
	assert_true(slice_is(missing[0].recipient, SLICE("a@x.example")));
	audit_close(audit);
}

/* <postmaster> and aliases lie in the spool under other names. */
static void other_names_count_as_well(void **state)
{
	struct audit *audit = audit_open(0, AT(100));

	(void)state;
	see(audit, taken(1, "postmaster"));
	see(audit, kept(1, 1, AT(1)));
	see(audit, event(1, "delivered", "admin@x.example", AT(2)));
	assert_int_equal(counts_of(audit).fates[AUDIT_UNACCOUNTED], 0);
	audit_close(audit);
}

static void the_queue_accounts_for_what_waits_until_asked_anew(void **state)
{
	struct audit *audit = audit_open(0, AT(100));

	(void)state;
	see(audit, taken(1, "a@x.example"));
	see(audit, kept(1, 1, AT(1)));
	audit_queued(audit, 1, SLICE("a@x.example"));
	audit_queued(audit, 2, SLICE("a@x.example")); /* of a message nobody told of */
	assert_int_equal(counts_of(audit).fates[AUDIT_QUEUED], 1);
	audit_unqueue(audit);
	assert_int_equal(counts_of(audit).fates[AUDIT_UNACCOUNTED], 1);
	audit_close(audit);
}

static void only_the_time_asked_for_is_looked_at(void **state)
{
	struct audit *audit = audit_open(AT(10), AT(20));

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		see(audit, taken(i + 1, "a@x.example"));
		see(audit, kept(i + 1, 1, AT(5 + 10 * (int64_t)i)));
	}
	assert_int_equal(counts_of(audit).messages, 1);
	audit_close(audit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_accepted_and_never_kept_is_not_owed),
		cmocka_unit_test(every_fate_settles_one_recipient),
		cmocka_unit_test(lines_read_twice_change_nothing),
		cmocka_unit_test(an_event_told_again_may_know_the_number_alone),
		cmocka_unit_test(other_names_count_as_well),
		cmocka_unit_test(the_queue_accounts_for_what_waits_until_asked_anew),
		cmocka_unit_test(only_the_time_asked_for_is_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
