/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of child processes and of what they give up. Started with arguments this program is the
 * child. */
#include "run/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "run/channel.h"
#include "run/process.h"
#include "run/sandbox.h"

/* --- the child --- */

enum { BAD = 99, STRANGER = 65534 };

/* The descriptor came as 3, and nothing else came. */
static int child_writes(void)
{
	for (int fd = PROCESS_FD + 1; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return BAD;
	return write(PROCESS_FD, "\7\0\5\0hello", 9) == 9 ? 7 : BAD;
}

static int child_sleeps(void)
{
	pause();
	return BAD;
}

static int child_gives_up(void)
{
	char buffer[1000];
	struct text words = TEXT_FIXED(buffer);
	struct rlimit core;
	bool was_root = getuid() == 0;

	if (was_root && sandbox_user(STRANGER, STRANGER, &words) != STATUS_OK)
		return BAD;
	if (sandbox_no_new_privileges(&words) != STATUS_OK ||
		sandbox_no_dumps(&words) != STATUS_OK ||
		sandbox_end_with(getppid(), &words) != STATUS_OK)
		return BAD;
	if (sandbox_user(0, 0, &words) != STATUS_FAILED ||
		!slice_ends_nocase(text_slice(&words),
			SLICE("cannot leave the supplementary groups: Operation not permitted")))
		return BAD;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
		prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || getrlimit(RLIMIT_CORE, &core) != 0 ||
		core.rlim_max != 0)
		return BAD;
	if (was_root && (getuid() == 0 || getgroups(0, NULL) > 0))
		return BAD;
	return 7;
}

static int child(const char *what)
{
	if (strcmp(what, "writes") == 0)
		return child_writes();
	if (strcmp(what, "sleeps") == 0)
		return child_sleeps();
	return child_gives_up();
}

/* --- the parent --- */

static bool has_no_pidfd; /* as a kernel before 5.3, and valgrind */

/* Instead of the C library's. */
int pidfd_open(pid_t pid, unsigned how)
{
	if (!has_no_pidfd)
		return (int)syscall(SYS_pidfd_open, pid, how);
	errno = ENOSYS;
	return -1;
}

struct family {
	struct loop *loop;
	struct process *process;
	struct process_end end;
	int ended, messages;
};

static void ended(void *owner, struct process *process, struct process_end end)
{
	struct family *family = owner;

	assert_ptr_equal(process, family->process);
	family->end = end;
	family->ended++;
	process_close(process);
	loop_stop(family->loop);
}

static void took(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct family *family = owner;

	(void)channel;
	assert_int_equal(type, 7);
	assert_slice(body, "hello");
	assert_int_equal(fd, -1);
	family->messages++;
}

static void gone(void *owner, struct channel *channel)
{
	(void)owner, (void)channel;
}

static void run_child(struct family *family, const char *what, int fd)
{
	const char *argv[] = {"child", what, NULL};

	family->process = process_start(family->loop, argv, fd, ended, family);
	assert_non_null(family->process);
	assert_true(process_pid(family->process) > 0);
}

static void test_a_child_has_its_channel_as_descriptor_three_and_nothing_else(void **state)
{
	struct family family = {.loop = loop_open()};
	int fds[2], leaked = dup(0);

	(void)state;
	assert_true(channel_pair(fds));
	struct channel_user user = {took, gone, NULL, &family};
	struct channel *channel = channel_open(family.loop, fds[0], user);
	run_child(&family, "writes", fds[1]);
	close(fds[1]);
	loop_run(family.loop);
	assert_int_equal(family.ended, 1);
	assert_false(family.end.killed);
	assert_int_equal(family.end.number, 7);
	assert_int_equal(family.messages, 1);
	channel_close(channel);
	close(leaked);
	loop_close(family.loop);
}

static void test_a_killed_child_is_told_from_one_that_left(void **state)
{
	struct family family = {.loop = loop_open()};
	char buffer[100];
	struct text words = TEXT_FIXED(buffer);

	(void)state;
	run_child(&family, "sleeps", -1);
	process_kill(family.process, SIGTERM);
	loop_run(family.loop);
	assert_true(family.end.killed);
	assert_int_equal(family.end.number, SIGTERM);
	text_process_end(&words, family.end);
	assert_slice(text_slice(&words), "was killed by signal 15 (Terminated)");
	text_clear(&words);
	text_process_end(&words, (struct process_end){.number = 78});
	assert_slice(text_slice(&words), "left with status 78");
	loop_close(family.loop);
}

static void test_closing_a_process_ends_the_child(void **state)
{
	struct family family = {.loop = loop_open()};

	(void)state;
	run_child(&family, "sleeps", -1);
	pid_t pid = process_pid(family.process);
	process_close(family.process);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(family.ended, 0);
	loop_close(family.loop);
}

static void test_a_child_gives_up_what_it_does_not_need(void **state)
{
	struct family family = {.loop = loop_open()};

	(void)state;
	if (getuid() != 0)
		print_message("not root: the change of user is not tested\n");
	run_child(&family, "gives up", -1);
	loop_run(family.loop);
	assert_false(family.end.killed);
	assert_int_equal(family.end.number, 7);
	loop_close(family.loop);
}

static void test_children_end_without_a_pidfd_too(void **state)
{
	has_no_pidfd = true;
	test_a_killed_child_is_told_from_one_that_left(state);
	test_closing_a_process_ends_the_child(state);
	has_no_pidfd = false;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_child_has_its_channel_as_descriptor_three_and_nothing_else),
		cmocka_unit_test(test_a_killed_child_is_told_from_one_that_left),
		cmocka_unit_test(test_closing_a_process_ends_the_child),
		cmocka_unit_test(test_a_child_gives_up_what_it_does_not_need),
		cmocka_unit_test(test_children_end_without_a_pidfd_too),
	};

	if (argc > 1)
		return child(argv[1]);
	if (UNDER_VALGRIND) {
		print_message("under valgrind we are not /proc/self/exe: skipped\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
