/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether reading is general: the mails of forms.txt, composed as many servers do, each with its
 * kind and its recipients. Argument: the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/text.h"
#include "explain/reading.h"

enum { MAILS_WANTED = 150 };

static const char *file;

static const char *const kinds[] = {[INPUT_NOTHING] = "nothing",
	[INPUT_REPLY] = "reply",
	[INPUT_BOUNCE] = "bounce",
	[INPUT_WINDOW] = "window",
	[INPUT_LOG] = "log",
	[INPUT_VACATION] = "vacation",
	[INPUT_CHALLENGE] = "challenge",
	[INPUT_RECEIPT] = "receipt",
	[INPUT_FEEDBACK] = "feedback",
	[INPUT_DELIVERED] = "delivered",
	[INPUT_ORDINARY_MAIL] = "ordinary"};
static const char *const fates[] = {[FATE_FAILED] = "failed",
	[FATE_DELAYED] = "delayed",
	[FATE_DELIVERED] = "delivered",
	[FATE_RELAYED] = "relayed",
	[FATE_EXPANDED] = "expanded"};

static bool is_as(struct slice wanted, struct slice got)
{
	if (slice_is(wanted, SLICE("*")))
		return true;
	return slice_is(wanted, got) || (!got.len && slice_is(wanted, SLICE("-")));
}

/* "bob@far.example failed 5.1.1 550", from the end: a quoted name may have blanks. */
static bool failure_is(const struct failure *failure, struct slice wanted)
{
	char raw[32], number[16];
	struct text status = TEXT_FIXED(raw), code = TEXT_FIXED(number);
	struct slice parts[3];

	if (failure->has_status)
		text_enhanced(&status, failure->status);
	if (failure->reply_code)
		text_number(&code, failure->reply_code);
	for (unsigned i = 0; i < 3; i++) {
		size_t blank = slice_find_last(wanted, ' ');
		parts[i] = slice_from(wanted, blank + 1);
		wanted = slice_part(wanted, 0, blank);
	}
	return is_as(wanted, failure->recipient) &&
	       is_as(parts[2], slice_of(fates[failure->fate])) &&
	       is_as(parts[1], text_slice(&status)) && is_as(parts[0], text_slice(&code));
}

static bool is_found(const struct reading *reading, struct slice wanted)
{
	for (size_t i = 0; i < reading->failure_count; i++)
		if (failure_is(&reading->failures[i], wanted))
			return true;
	return false;
}

static void print_got(const struct reading *reading)
{
	print_error("\tgot %s\n", kinds[reading->kind]);
	for (size_t i = 0; i < reading->failure_count; i++) {
		const struct failure *failure = &reading->failures[i];
		print_error("\t%.*s %s %u.%u.%u %u: %.*s\n", SLICE_ARGS(failure->recipient),
			fates[failure->fate], failure->status.class, failure->status.subject,
			failure->status.detail, failure->reply_code,
			SLICE_ARGS(slice_part(failure->words, 0, 120)));
	}
}

/* The lines with "@ " above the mail, then the mail. */
static bool mail_is_read(struct slice name, struct slice mail, struct arena *arena)
{
	struct slice first = slice_cut(&mail, '\n'), wants = mail;
	size_t wanted = 0;
	bool right = true;
	struct reading reading;

	while (slice_starts(mail, SLICE("@ ")))
		(void)slice_cut(&mail, '\n');
	reading_of(mail, arena, &reading);
	right = slice_is(slice_from(first, 2), slice_of(kinds[reading.kind]));
	for (; slice_starts(wants, SLICE("@ ")); wanted++)
		right &= is_found(&reading, slice_from(slice_cut(&wants, '\n'), 2));
	right &= !wanted || wanted == reading.failure_count;
	if (!right) {
		print_error("%.*s\n", SLICE_ARGS(name));
		print_got(&reading);
	}
	return right;
}

static struct slice content_of(const char *path, struct arena *arena)
{
	FILE *from = fopen(path, "r");
	char *room = arena_alloc(arena, 1 << 20);

	assert_non_null(from);
	size_t len = fread(room, 1, 1 << 20, from);
	fclose(from);
	assert_true(len < 1 << 20);
	return (struct slice){room, len};
}

/* Where the next mail begins, or the end. */
static size_t next_mail(struct slice left)
{
	for (size_t at = 0; at < left.len;) {
		size_t end = slice_find(slice_from(left, at), '\n');
		if (slice_starts(slice_from(left, at), SLICE("@@@ ")))
			return at;
		at = end == SIZE_MAX ? left.len : at + end + 1;
	}
	return left.len;
}

static void every_form_is_read(void **state)
{
	struct arena *arena = arena_new();
	struct slice left = content_of(file, arena);
	size_t mails = 0, wrong = 0;

	(void)state;
	left = slice_from(left, next_mail(left));
	while (left.len) {
		struct slice name = slice_cut(&left, '\n');
		size_t end = next_mail(left);
		wrong += !mail_is_read(slice_from(name, 4), slice_part(left, 0, end), arena);
		left = slice_from(left, end);
		mails++;
	}
	arena_free(arena);
	print_message("%zu of %zu mails are not read rightly\n", wrong, mails);
	assert_true(mails >= MAILS_WANTED);
	assert_int_equal(wrong, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_read),
	};

	if (argc != 2)
		return fprintf(stderr, "usage: %s forms.txt\n", argv[0]), 2;
	file = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
