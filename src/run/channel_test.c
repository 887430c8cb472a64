/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of channels: order, batches, descriptors, full queues, ends, hostile packets. */
#include "run/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "run/channel.h"
#include "run/channel_packet.h"
#include "run/sim.h"

/* --- packets --- */

static void test_a_packet_is_sound_as_a_whole_or_not_used(void **state)
{
	static const struct {
		struct slice packet;
		size_t messages;
	} rows[] = {
		{SLICE(""), 0},
		{SLICE("\1\0\0\0"), 1},
		{SLICE("\1\0\5\0hello"), 1},
		{SLICE("\1\0\5\0hello\2\0\1\0x"), 2},
		{SLICE("\1\0\5\0hell"), 0},
		{SLICE("\1\0\5\0hello\2"), 0},
		{SLICE("\1\0\5\0hello\2\0\1"), 0},
		{SLICE("\1\0\377\377hello"), 0},
		{SLICE("\1"), 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(packet_messages(rows[i].packet), rows[i].messages);
}

/* --- two ends --- */

struct end {
	struct channel *channel;
	struct text log;
	size_t messages, bytes;
	int fd;
	bool gone, drained, echoes;
};

static void takes(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct end *end = owner;

	end->messages++;
	end->bytes += body.len;
	if (body.len < 20)
		text_format(&end->log, "%u:%.*s ", type, SLICE_ARGS(body));
	if (fd >= 0)
		end->fd = fd;
	if (end->echoes)
		assert_int_equal(channel_send(channel, (uint16_t)(type + 1), body, -1), SENT);
}

static void is_gone(void *owner, struct channel *channel)
{
	struct end *end = owner;

	assert_ptr_equal(channel, end->channel);
	end->gone = true;
	channel_close(channel);
	end->channel = NULL;
}

static void is_drained(void *owner, struct channel *channel)
{
	struct end *end = owner;

	assert_true(channel_queued(channel) <= CHANNEL_QUEUE_MAX / 2);
	end->drained = true;
}

static void end_open(struct end *end, struct loop *loop, int fd)
{
	struct channel_user user = {takes, is_gone, is_drained, end};

	*end = (struct end){.log = TEXT_GROWING, .fd = -1};
	end->channel = channel_open(loop, fd, user);
}

static void ends_open(struct loop *loop, struct end *a, struct end *b)
{
	int fds[2];

	assert_true(channel_pair(fds));
	end_open(a, loop, fds[0]);
	end_open(b, loop, fds[1]);
}

static void end_free(struct end *end)
{
	channel_close(end->channel);
	text_free(&end->log);
}

/* Nothing else wakes these loops: a channel alone would keep a real one waiting for ever. */
static void stops(struct task *task, void *arg)
{
	(void)arg;
	assert_int_equal(task_sleep(task, 20 * NS_PER_MS), WAIT_READY);
	loop_stop(task_loop(task));
}

static void run_a_while(struct loop *loop)
{
	start(loop, "stops", stops, NULL);
	loop_run(loop);
}

struct hope {
	const struct end *end;
	size_t messages;
};

static void hopes(struct task *task, void *arg)
{
	const struct hope *hope = arg;

	while (hope->end->messages < hope->messages)
		assert_int_equal(task_sleep(task, NS_PER_MS), WAIT_READY);
	loop_stop(task_loop(task));
}

static void run_until(struct loop *loop, const struct end *end, size_t messages)
{
	struct hope hope = {end, messages};

	start(loop, "hopes", hopes, &hope);
	loop_run(loop);
}

static void test_messages_arrive_whole_and_in_order(void **state)
{
	struct loop *loops[] = {sim_open(0), loop_open()};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct end a, b;

		ends_open(loops[i], &a, &b);
		b.echoes = true;
		assert_int_equal(channel_send(a.channel, 1, SLICE("one"), -1), SENT);
		assert_int_equal(channel_send(a.channel, 3, SLICE(""), -1), SENT);
		assert_int_equal(channel_send(a.channel, 5, SLICE("three"), -1), SENT);
		assert_int_equal(channel_queued(a.channel), 3 * 4 + 8);
		run_until(loops[i], &a, 3);
		assert_slice(text_slice(&b.log), "1:one 3: 5:three ");
		assert_slice(text_slice(&a.log), "2:one 4: 6:three ");
		assert_int_equal(channel_queued(a.channel), 0);
		end_free(&a);
		end_free(&b);
		loop_close(loops[i]);
	}
}

static void test_a_descriptor_travels_with_its_message(void **state)
{
	struct loop *loop = sim_open(0);
	struct end a, b;
	int fds[2];
	char c;

	(void)state;
	ends_open(loop, &a, &b);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(channel_send(a.channel, 1, SLICE("before"), -1), SENT);
	assert_int_equal(channel_send(a.channel, 2, SLICE("with"), fds[1]), SENT);
	assert_int_equal(channel_send(a.channel, 3, SLICE("after"), -1), SENT);
	close(fds[1]);
	run_a_while(loop);
	assert_slice(text_slice(&b.log), "1:before 2:with 3:after ");
	assert_true(b.fd >= 0);
	assert_true(fcntl(b.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(b.fd, "x", 1), 1);
	close(b.fd);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(read(fds[0], &c, 1), 0); /* no copy of the other end is left */
	close(fds[0]);
	end_free(&a);
	end_free(&b);
	loop_close(loop);
}

static void test_a_full_queue_takes_nothing_and_says_when_there_is_room(void **state)
{
	struct loop *loops[] = {sim_open(0), loop_open()};
	static char body[1000];
	struct slice bytes = {body, sizeof body};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct end a, b;
		size_t sent = 0;

		ends_open(loops[i], &a, &b);
		while (channel_send(a.channel, 1, bytes, -1) == SENT)
			sent++;
		assert_true(sent * 1004 <= CHANNEL_QUEUE_MAX);
		assert_true((sent + 1) * 1004 > CHANNEL_QUEUE_MAX);
		assert_int_equal(channel_queued(a.channel), sent * 1004);
		assert_false(a.drained);
		run_until(loops[i], &b, sent);
		assert_true(a.drained);
		assert_int_equal(b.messages, sent);
		assert_int_equal(b.bytes, sent * sizeof body);
		end_free(&a);
		end_free(&b);
		loop_close(loops[i]);
	}
}

static void test_the_end_of_the_other_side_is_told_after_its_last_message(void **state)
{
	struct loop *loop = sim_open(0);
	struct end a, b;

	(void)state;
	ends_open(loop, &a, &b);
	assert_int_equal(channel_send(a.channel, 1, SLICE("last words"), -1), SENT);
	channel_drain(a.channel);
	assert_int_equal(channel_queued(a.channel), 0);
	end_free(&a);
	run_a_while(loop);
	assert_slice(text_slice(&b.log), "1:last words ");
	assert_true(b.gone);
	end_free(&b);
	loop_close(loop);
}

static void gives_up_sending(struct task *task, void *arg)
{
	struct end *end = arg;

	while (end->channel && channel_send(end->channel, 1, SLICE("anyone?"), -1) == SENT)
		if (task_yield(task) != WAIT_READY)
			break;
}

static void test_sending_to_nobody_ends(void **state)
{
	struct loop *loop = sim_open(0);
	struct end a, b;

	(void)state;
	ends_open(loop, &a, &b);
	channel_close(b.channel);
	b.channel = NULL;
	start(loop, "sender", gives_up_sending, &a);
	run_a_while(loop);
	assert_true(a.gone);
	end_free(&a);
	end_free(&b);
	loop_close(loop);
}

/* --- hostile senders --- */

static void send_raw(int fd, struct slice packet, const int *fds, size_t count)
{
	union {
		char bytes[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr head;
	} control = {0};
	struct iovec part = {(void *)(uintptr_t)packet.at, packet.len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (count != 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), packet.len);
}

static size_t open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void test_a_hostile_packet_ends_the_channel_and_leaves_no_descriptor(void **state)
{
	static char long_packet[CHANNEL_PACKET_MAX + 1] = {1, 0, (char)0xfd, 0x0f};
	static const struct {
		struct slice packet;
		size_t fds;
	} rows[] = {
		{SLICE("\1\0\5\0hell"), 0}, {SLICE("\1"), 0}, {SLICE("\1"), 1},
		{{long_packet, sizeof long_packet}, 0},
		{SLICE("\1\0\1\0x\2\0\1\0y"), 1}, /* a descriptor between two messages */
		{SLICE("\1\0\1\0x"), 2}, {SLICE("\1\0\1\0x"), 16}, /* more than there is room for */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct loop *loop = sim_open(0);
		struct end end;
		int fds[2], sixteen[16];

		assert_true(channel_pair(fds));
		for (size_t at = 0; at < 16; at++)
			sixteen[at] = fds[0];
		end_open(&end, loop, fds[1]);
		size_t before = open_descriptors();
		send_raw(fds[0], SLICE("\7\0\2\0ok"), NULL, 0);
		send_raw(fds[0], rows[i].packet, sixteen, rows[i].fds);
		send_raw(fds[0], SLICE("\7\0\2\0no"), sixteen, 1);
		run_a_while(loop);
		assert_true(end.gone);
		assert_slice(text_slice(&end.log), "7:ok ");
		assert_int_equal(open_descriptors(), before - 1);
		close(fds[0]);
		end_free(&end);
		loop_close(loop);
	}
}

/* Lets this process have no descriptor above those it has; gives the limit back. */
static struct rlimit no_descriptors(void)
{
	struct rlimit before, none;
	int next = dup(STDIN_FILENO);

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

static void test_without_descriptors_a_message_comes_without_its_own(void **state)
{
	struct loop *loop = sim_open(0);
	struct end b;
	int fds[2], input = STDIN_FILENO;

	(void)state;
	if (UNDER_VALGRIND) {
		print_message("skipped: valgrind keeps the limit of descriptors itself, recvmsg "
			      "knows none\n");
		loop_close(loop);
		return;
	}
	assert_true(channel_pair(fds));
	end_open(&b, loop, fds[1]);
	send_raw(fds[0], SLICE("\2\0\4\0with"), &input, 1);
	send_raw(fds[0], SLICE("\3\0\5\0after"), NULL, 0);
	struct rlimit before = no_descriptors();
	run_a_while(loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_slice(text_slice(&b.log), "2:with 3:after ");
	assert_int_equal(b.fd, -1);
	assert_false(b.gone);
	close(fds[0]);
	end_free(&b);
	loop_close(loop);
}

static void count_shortage(void *owner, int error)
{
	size_t *count = owner;

	assert_int_equal(error, EMFILE);
	++*count;
}

/* Who tries again as soon as there is room must not spin meanwhile. */
static void test_a_descriptor_that_cannot_be_copied_is_refused_and_asked_for_after_a_pause(
	void **state)
{
	struct loop *loop = sim_open(0);
	struct end a, b;
	size_t shortages = 0;

	(void)state;
	ends_open(loop, &a, &b);
	loop_on_shortage(loop, count_shortage, &shortages);
	struct rlimit before = no_descriptors();
	mono_ns began = loop_mono(loop);
	assert_int_equal(channel_send(a.channel, 1, SLICE("with"), STDIN_FILENO), CHANNEL_FULL);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(channel_send(a.channel, 2, SLICE("without"), -1), SENT);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(shortages, 1);
	run_a_while(loop);
	assert_true(a.drained);
	assert_true(loop_mono(loop) >= began + 20 * NS_PER_MS);
	assert_slice(text_slice(&b.log), "2:without ");
	end_free(&a);
	end_free(&b);
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_packet_is_sound_as_a_whole_or_not_used),
		cmocka_unit_test(test_messages_arrive_whole_and_in_order),
		cmocka_unit_test(test_a_descriptor_travels_with_its_message),
		cmocka_unit_test(test_without_descriptors_a_message_comes_without_its_own),
		cmocka_unit_test(
			test_a_descriptor_that_cannot_be_copied_is_refused_and_asked_for_after_a_pause),
		cmocka_unit_test(test_a_full_queue_takes_nothing_and_says_when_there_is_room),
		cmocka_unit_test(test_the_end_of_the_other_side_is_told_after_its_last_message),
		cmocka_unit_test(test_sending_to_nobody_ends),
		cmocka_unit_test(test_a_hostile_packet_ends_the_channel_and_leaves_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
