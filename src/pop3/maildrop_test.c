/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/testing.h"
#include "pop3/maildrop.h"
#include "pop3/test_mailbox.h"

enum { NOBODY = 65534 };

static const struct maildir_base no_base;

static int setup(void **state)
{
	static struct mailbox_folder folder;

	mailbox_make(&folder, "");
	*state = &folder;
	return 0;
}

static int teardown(void **state)
{
	mailbox_remove(*state);
	return 0;
}

static struct maildrop *opened(const struct mailbox_folder *folder)
{
	struct maildrop *drop = maildrop_new(slice_of(folder->path), &no_base);

	assert_int_equal(maildrop_open(drop), MAILDROP_DONE);
	return drop;
}

static void uid_is(const struct maildrop *drop, size_t number, const char *wanted)
{
	char room[100];
	struct text uid = TEXT_FIXED(room);

	maildrop_put_uid(drop, number, &uid);
	assert_true(slice_is(text_slice(&uid), slice_of(wanted)));
}

static void size_is(struct maildrop *drop, size_t number, uint64_t wanted)
{
	uint64_t size;

	while (maildrop_measure(drop, 1))
		;
	assert_true(maildrop_size(drop, number, &size));
	assert_int_equal(size, wanted);
}

static void messages_stand_in_the_order_they_came(void **state)
{
	mailbox_put(*state, "new/1000000002.b.host", "x\n");
	mailbox_put(*state, "cur/999999999.a.host:2,S", "x\n");
	mailbox_put(*state, "new/1000000002.a.host", "x\n");
	mailbox_put(*state, "new/odd-name", "x\n");
	mailbox_put(*state, "new/.hidden", "x\n");
	struct maildrop *drop = opened(*state);
	assert_int_equal(maildrop_count(drop), 4);
	uid_is(drop, 1, "odd-name");
	uid_is(drop, 2, "999999999.a.host");
	uid_is(drop, 3, "1000000002.a.host");
	uid_is(drop, 4, "1000000002.b.host");
	assert_false(maildrop_has(drop, 0));
	assert_true(maildrop_has(drop, 4));
	assert_false(maildrop_has(drop, 5));
	assert_false(maildrop_has(drop, UINT64_MAX));
	maildrop_close(drop);
}

static void a_unique_id_outlives_moves_and_marks(void **state)
{
	mailbox_put(*state, "new/1.a", "x\n");
	struct maildrop *drop = opened(*state);
	uid_is(drop, 1, "1.a");
	maildrop_close(drop);
	mailbox_move(*state, "new/1.a", "cur/1.a:2,RS");
	drop = opened(*state);
	uid_is(drop, 1, "1.a");
	maildrop_close(drop);
}

static void a_name_too_long_for_an_id_is_hashed(void **state)
{
	char name[100] = "new/1.";
	char room[100];
	struct text uid = TEXT_FIXED(room);

	memset(name + 6, 'x', 80);
	mailbox_put(*state, name, "x\n");
	mailbox_put(*state, "new/2.with blank", "x\n");
	struct maildrop *drop = opened(*state);
	for (size_t number = 1; number <= 2; number++) {
		text_clear(&uid);
		maildrop_put_uid(drop, number, &uid);
		assert_int_equal(uid.len, 64);
	}
	maildrop_close(drop);
}

static void sizes_count_what_is_sent(void **state)
{
	mailbox_put(*state, "new/1.lf", "A: b\n\nx\n");         /* 8 + 3 CR */
	mailbox_put(*state, "new/2.crlf", "A: b\r\n\r\nx\r\n"); /* 11 */
	mailbox_put(*state, "new/3.open", "A: b\n\nx");         /* 7 + 2 CR + CR LF */
	mailbox_put(*state, "new/4.told,S=1,W=4711", "x\n");
	mailbox_put(*state, "new/5.s,S=2", "x\n");
	mailbox_put(*state, "new/6.empty", "");
	mailbox_put(*state, "cur/7.told,W=12:2,S", "x\n");
	struct maildrop *drop = opened(*state);
	assert_false(maildrop_is_measured(drop));
	size_is(drop, 1, 11);
	size_is(drop, 2, 11);
	size_is(drop, 3, 11);
	size_is(drop, 4, 4711);
	size_is(drop, 5, 3);
	size_is(drop, 6, 0);
	size_is(drop, 7, 12);
	assert_true(maildrop_is_measured(drop));
	maildrop_close(drop);
}

static void one_session_has_it_and_a_closed_one_gives_it_back(void **state)
{
	const struct mailbox_folder *folder = *state;
	struct maildrop *drop = opened(folder);
	struct maildrop *second = maildrop_new(slice_of(folder->path), &no_base);

	assert_int_equal(maildrop_open(second), MAILDROP_IN_USE);
	maildrop_close(second);
	maildrop_close(drop);
	drop = opened(folder);
	maildrop_close(drop);
}

static void a_mailbox_that_nothing_came_to_is_empty(void **state)
{
	(void)state;
	struct maildrop *drop = maildrop_new(SLICE("/tmp/postern-no-such-folder/x"), &no_base);
	assert_int_equal(maildrop_open(drop), MAILDROP_DONE);
	assert_int_equal(maildrop_count(drop), 0);
	assert_int_equal(maildrop_update(drop), MAILDROP_DONE);
	maildrop_close(drop);
}

static void a_base_is_gone_through_by_its_descriptor(void **state)
{
	const struct mailbox_folder *folder = *state;
	struct maildir_base base = {.path = SLICE("/no/such/base"),
		.fd = open(testing_place(), O_RDONLY | O_DIRECTORY)};
	char path[200];

	mailbox_put(folder, "new/1.a", "x\n");
	snprintf(path, sizeof path, "/no/such/base%s", folder->path + strlen(testing_place()));
	struct maildrop *drop = maildrop_new(slice_of(path), &base);
	assert_int_equal(maildrop_open(drop), MAILDROP_DONE);
	assert_int_equal(maildrop_count(drop), 1);
	maildrop_close(drop);
	close(base.fd);
}

static void nothing_is_deleted_before_the_update(void **state)
{
	mailbox_put(*state, "new/1.a", "x\n");
	mailbox_put(*state, "cur/2.b:2,S", "x\n");
	struct maildrop *drop = opened(*state);
	maildrop_delete(drop, 1);
	maildrop_delete(drop, 2);
	assert_false(maildrop_has(drop, 1));
	assert_int_equal(maildrop_deleted(drop), 2);
	maildrop_close(drop);
	assert_true(mailbox_has(*state, "new/1.a"));
	assert_true(mailbox_has(*state, "cur/2.b:2,S"));
	drop = opened(*state);
	maildrop_delete(drop, 1);
	maildrop_reset(drop);
	maildrop_delete(drop, 2);
	assert_int_equal(maildrop_update(drop), MAILDROP_DONE);
	maildrop_close(drop);
	assert_true(mailbox_has(*state, "new/1.a"));
	assert_false(mailbox_has(*state, "cur/2.b:2,S"));
}

static void what_others_move_is_found_again(void **state)
{
	mailbox_put(*state, "new/1.a", "one\n");
	mailbox_put(*state, "cur/2.b:2,", "two\n");
	mailbox_put(*state, "new/3.c", "three\n");
	struct maildrop *drop = opened(*state);
	mailbox_move(*state, "new/1.a", "cur/1.a:2,S");
	mailbox_move(*state, "cur/2.b:2,", "cur/2.b:2,FS");
	mailbox_put(*state, "new/0.late", "late\n");
	int fd = maildrop_message(drop, 1);
	assert_true(fd >= 0);
	close(fd);
	size_is(drop, 2, 5);
	assert_int_equal(maildrop_count(drop), 3);
	mailbox_move(*state, "new/3.c", "cur/3.c:2,");
	maildrop_delete(drop, 3);
	maildrop_delete(drop, 1);
	assert_int_equal(maildrop_update(drop), MAILDROP_DONE);
	maildrop_close(drop);
	assert_false(mailbox_has(*state, "cur/3.c:2,"));
	assert_false(mailbox_has(*state, "cur/1.a:2,S"));
	assert_true(mailbox_has(*state, "cur/2.b:2,FS"));
	assert_true(mailbox_has(*state, "new/0.late"));
}

static void what_others_remove_is_gone(void **state)
{
	mailbox_put(*state, "new/1.a", "one\n");
	mailbox_put(*state, "new/2.b", "two\n");
	struct maildrop *drop = opened(*state);
	mailbox_move(*state, "new/1.a", "tmp/gone");
	assert_int_equal(maildrop_message(drop, 1), -1);
	assert_false(maildrop_has(drop, 1));
	assert_true(maildrop_has(drop, 2));
	mailbox_move(*state, "new/2.b", "tmp/gone2");
	maildrop_delete(drop, 2);
	assert_int_equal(maildrop_update(drop), MAILDROP_DONE);
	maildrop_close(drop);
}

static void a_file_in_both_folders_is_one_message(void **state)
{
	mailbox_put(*state, "new/1.a", "x\n");
	mailbox_put(*state, "cur/1.a:2,S", "x\n");
	struct maildrop *drop = opened(*state);
	assert_int_equal(maildrop_count(drop), 1);
	maildrop_close(drop);
}

static void what_cannot_be_removed_is_said(void **state)
{
	const struct mailbox_folder *folder = *state;
	const bool was_root = geteuid() == 0;
	char path[220];

	mailbox_put(folder, "new/1.a", "x\n");
	struct maildrop *drop = opened(folder);
	snprintf(path, sizeof path, "%s/new", folder->path);
	assert_int_equal(chmod(path, 0555), 0);
	assert_int_equal(chmod(folder->top, 0755), 0);
	snprintf(path, sizeof path, "%s/cur", folder->path);
	assert_int_equal(chmod(path, 0755), 0);
	maildrop_delete(drop, 1);
	if (was_root) /* who may remove anything */
		assert_int_equal(seteuid(NOBODY), 0);
	enum maildrop_end updated = maildrop_update(drop);
	if (was_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(updated, MAILDROP_FAILED);
	assert_true(slice_starts(maildrop_words(drop), SLICE("new: ")));
	maildrop_close(drop);
	snprintf(path, sizeof path, "%s/new", folder->path);
	assert_int_equal(chmod(path, 0700), 0);
}

static void neither_links_nor_folders_are_messages(void **state)
{
	const struct mailbox_folder *folder = *state;
	char path[220];

	snprintf(path, sizeof path, "%s/new/1.link", folder->path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof path, "%s/new/2.folder", folder->path);
	assert_int_equal(mkdir(path, 0700), 0);
	struct maildrop *drop = opened(folder);
	assert_int_equal(maildrop_count(drop), 0);
	maildrop_close(drop);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(messages_stand_in_the_order_they_came),
		TEST(a_unique_id_outlives_moves_and_marks),
		TEST(a_name_too_long_for_an_id_is_hashed),
		TEST(sizes_count_what_is_sent),
		TEST(one_session_has_it_and_a_closed_one_gives_it_back),
		TEST(a_mailbox_that_nothing_came_to_is_empty),
		TEST(a_base_is_gone_through_by_its_descriptor),
		TEST(nothing_is_deleted_before_the_update),
		TEST(what_others_move_is_found_again),
		TEST(what_others_remove_is_gone),
		TEST(a_file_in_both_folders_is_one_message),
		TEST(what_cannot_be_removed_is_said),
		TEST(neither_links_nor_folders_are_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
