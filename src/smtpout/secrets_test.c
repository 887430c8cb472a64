/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: read from what the supervisor opened, replaced at a reload, forgotten with the policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "policy/testing.h"
#include "smtpout/secrets.h"

static int file_of(const char *content, size_t size)
{
	int fd = memfd_create("password", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), size);
	return fd;
}

static void take(struct passwords *passwords, const char *file, const char *content)
{
	passwords_take(passwords, slice_of(file), file_of(content, strlen(content)), SLICE_NONE);
}

static void finds(const struct passwords *passwords, const char *file, const char *expected)
{
	struct arena *arena = arena_new();
	struct slice password = SLICE_NONE, why = SLICE_NONE;
	bool found = passwords_find(passwords, slice_of(file), arena, &password, &why);

	if (expected[0] != '!') {
		assert_true(found && slice_is(password, slice_of(expected)));
	} else {
		assert_false(found);
		struct slice end = slice_of(expected + 1);
		assert_true(why.len >= end.len);
		assert_true(slice_is(slice_from(why, why.len - end.len), end));
	}
	arena_free(arena);
}

static void the_first_line_is_the_password(void **state)
{
	struct passwords *passwords = passwords_new();
	char long_line[PASSWORD_MAX + 2];

	(void)state;
	memset(long_line, 'x', sizeof long_line - 1);
	long_line[sizeof long_line - 1] = '\0';
	take(passwords, "/a", "secret\n");
	take(passwords, "/b", "with blanks \r\nsecond line\n");
	take(passwords, "/c", "\nsecond line\n");
	take(passwords, "/d", long_line);
	passwords_take(passwords, SLICE("/e"), file_of("", 0), SLICE("Permission denied"));
	finds(passwords, "/a", "secret");
	finds(passwords, "/b", "with blanks ");
	finds(passwords, "/c", "!/c: its first line is empty");
	finds(passwords, "/d", "!its first line is longer than a password may be");
	finds(passwords, "/e", "!/e: Permission denied");
	finds(passwords, "/f", "!/f: it was not handed over");
	finds(NULL, "/a", "!it was not handed over");
	long_line[PASSWORD_MAX] = '\0';
	take(passwords, "/d", long_line);
	finds(passwords, "/d", long_line);
	take(passwords, "/a", "changed");
	finds(passwords, "/a", "changed");
	passwords_free(passwords);
}

static void what_the_policy_no_longer_names_is_forgotten(void **state)
{
	struct policy *policy = test_load(
		"deliver a.example via \"h.example:587\" tls verified login \"us\" password-file "
		"\"/a\"\n"
		"deliver b.example via \"h.example:587\" tls verified login \"we\" password-file "
		"\"/a\"\n"
		"domain c.example any recipient deliver smtp \"h.example:587\" tls verified login "
		"\"us\" password-file \"/c\"\n",
		NULL, 0);
	struct passwords *passwords = passwords_new();

	(void)state;
	take(passwords, "/a", "one");
	take(passwords, "/b", "two");
	take(passwords, "/c", "three");
	passwords_keep(passwords, policy);
	finds(passwords, "/a", "one");
	finds(passwords, "/b", "!it was not handed over");
	finds(passwords, "/c", "three");
	policy_unref(policy);
	passwords_free(passwords);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_is_the_password),
		cmocka_unit_test(what_the_policy_no_longer_names_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
