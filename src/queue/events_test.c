/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way to control, over a channel that takes as much as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "packets/report.h"
#include "queue/events.h"

static struct {
	size_t room; /* messages it still takes */
	uint64_t sequences[5000];
	size_t count;
	uint64_t dropped;
	size_t longest;
} control;

/* In place of channel_send(), by the linker. */
enum sent __wrap_channel_send(struct channel *channel, uint16_t type, struct slice body, int fd);
enum sent __wrap_channel_send(struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct report_event event;

	(void)channel, (void)fd;
	if (!control.room)
		return CHANNEL_FULL;
	control.room--;
	if (type == REPORT_DROPPED) {
		assert_true(report_count_read(body, &control.dropped));
		return SENT;
	}
	assert_int_equal(type, REPORT_EVENT);
	assert_true(report_event_read(body, &event));
	if (control.count < 5000)
		control.sequences[control.count++] = event.sequence;
	if (event.line.len > control.longest)
		control.longest = event.line.len;
	return SENT;
}

static int control_reset(void **state)
{
	(void)state;
	memset(&control, 0, sizeof control);
	control.room = SIZE_MAX;
	return 0;
}

static struct channel *const channel = (struct channel *)&control;

static void add(struct events *events, struct slice reply)
{
	events_add(events, &(struct journal_delivery){.message = 1,
				   .time = NS_PER_S,
				   .event = EVENT_DELIVERED,
				   .recipient = SLICE("b@adatum.com"),
				   .reply = reply});
}

static void events_are_numbered_and_repeated_until_control_has_them(void **state)
{
	struct events *events = events_open(1000);

	(void)state;
	for (int i = 0; i < 5; i++)
		add(events, SLICE("250 ok"));
	assert_int_equal(control.count, 0);
	events_attach(events, channel);
	assert_int_equal(control.count, 5);
	assert_int_equal(control.sequences[0], 1001);
	assert_int_equal(control.sequences[4], 1005);
	events_have(events, 1003);
	assert_int_equal(events_waiting(events), 2);
	events_attach(events, NULL); /* control died before it kept the last two */
	add(events, SLICE("250 ok"));
	events_attach(events, channel);
	assert_int_equal(control.count, 8);
	assert_int_equal(control.sequences[5], 1004);
	assert_int_equal(control.sequences[7], 1006);
	events_have(events, 999999); /* never more than was sent */
	assert_int_equal(events_waiting(events), 0);
	events_close(events);
}

static void a_full_channel_is_gone_on_with_when_it_has_room(void **state)
{
	struct events *events = events_open(0);

	(void)state;
	for (int i = 0; i < 100; i++)
		add(events, SLICE("250 ok"));
	control.room = 30;
	events_attach(events, channel);
	assert_int_equal(control.count, 30);
	events_have(events, 1000); /* a lie: only what was sent can be had */
	assert_int_equal(events_waiting(events), 70);
	control.room = 1000;
	events_pump(events);
	assert_int_equal(control.count, 100);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(control.sequences[i], i + 1);
	events_close(events);
}

static void hostile_words_make_a_line_that_fits_a_packet(void **state)
{
	struct events *events = events_open(0);
	char words[1000];

	(void)state;
	memset(words, 1, sizeof words); /* six characters each in JSON */
	add(events, (struct slice){words, sizeof words});
	events_attach(events, channel);
	assert_int_equal(control.count, 1);
	assert_in_range(control.longest, 100, CHANNEL_BODY_MAX);
	events_close(events);
}

static void what_memory_does_not_hold_is_counted_and_told(void **state)
{
	struct events *events = events_open(0);
	char words[500];
	size_t added = 0;

	(void)state;
	memset(words, 'x', sizeof words);
	while (!events_dropped(events)) {
		add(events, (struct slice){words, sizeof words});
		added++;
	}
	add(events, (struct slice){words, sizeof words});
	assert_int_equal(events_dropped(events), 2);
	assert_int_equal(events_waiting(events), added - 1);
	events_attach(events, channel);
	assert_int_equal(control.dropped, 2);
	events_have(events, UINT64_MAX);
	add(events, SLICE("250 ok"));
	events_pump(events);
	assert_int_equal(events_waiting(events), 1);
	assert_int_equal(control.dropped, 2);
	events_close(events);
}

#define TEST(name) cmocka_unit_test_setup(name, control_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_are_numbered_and_repeated_until_control_has_them),
		TEST(a_full_channel_is_gone_on_with_when_it_has_room),
		TEST(hostile_words_make_a_line_that_fits_a_packet),
		TEST(what_memory_does_not_hold_is_counted_and_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
