/* SPDX-License-Identifier: Apache-2.0 */
#include "smtpout/asked_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

struct row {
	enum asking_found found;
	const char *reply;
};

static enum asking_found meaning(const char *line, struct arena *arena)
{
	struct reply reply = {.words = TEXT_GROWING};

	reply_begin(&reply);
	assert_int_equal(reply_add_line(&reply, slice_of(line)), REPLY_OK);
	enum asking_found found =
		asked_reply_means(reply.code, reply.enhanced, text_slice(&reply.words), arena);
	reply_free(&reply);
	return found;
}

static void hold(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct arena *arena = arena_new();
		enum asking_found found = meaning(rows[i].reply, arena);
		if (found != rows[i].found)
			fprintf(stderr, "%s: %d\n", rows[i].reply, (int)found);
		assert_int_equal(found, rows[i].found);
		arena_free(arena);
	}
}
#define HOLD(rows) hold(rows, sizeof(rows) / sizeof *(rows))

static void a_yes_is_a_yes(void **state)
{
	static const struct row rows[] = {
		{ASKING_KNOWN, "250 2.1.5 Ok"},
		{ASKING_KNOWN, "250 accepted"},
		{ASKING_KNOWN, "251 User not local; will forward"},
		{ASKING_KNOWN, "252 Cannot VRFY user, but will accept message"},
	};

	(void)state;
	HOLD(rows);
}

static void what_may_pass_tells_nothing(void **state)
{
	static const struct row rows[] = {
		{ASKING_CANNOT_TELL, "421 4.3.2 going down"},
		{ASKING_CANNOT_TELL, "450 4.2.0 <a@b.example>: Recipient address rejected: "
				     "Greylisted"},
		{ASKING_CANNOT_TELL, "450 4.1.1 <a@b.example>: unverified address"},
		{ASKING_CANNOT_TELL, "451 4.3.0 lookup failure"},
		{ASKING_CANNOT_TELL, "452 4.2.2 mailbox full"},
		{ASKING_CANNOT_TELL, "354 go ahead"},
	};

	(void)state;
	HOLD(rows);
}

static void a_no_about_the_mailbox_is_a_no(void **state)
{
	static const struct row rows[] = {
		{ASKING_UNKNOWN, "550 5.1.1 <a@b.example>: Recipient address rejected: User "
				 "unknown in virtual mailbox table"},
		{ASKING_UNKNOWN, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found"},
		{ASKING_UNKNOWN, "550 5.1.0 Address rejected."},
		{ASKING_UNKNOWN, "551 5.1.6 moved to c@d.example"},
		{ASKING_UNKNOWN, "553 5.1.3 bad destination mailbox address syntax"},
		{ASKING_UNKNOWN, "550 5.2.1 This account is disabled"},
		{ASKING_UNKNOWN, "554 5.1.1 no such mailbox"},
		{ASKING_UNKNOWN, "550 No such user here"},
		{ASKING_UNKNOWN, "550 Unknown user"},
		{ASKING_UNKNOWN, "550 no"},
		{ASKING_UNKNOWN, "551 User not local"},
		{ASKING_UNKNOWN, "553 sorry, that mailbox name not allowed"},
		{ASKING_UNKNOWN, "550 5.4.1 Recipient address rejected: Access denied. "
				 "[X.prod.protection.outlook.com]"},
	};

	(void)state;
	HOLD(rows);
}

static void a_no_about_anything_else_tells_nothing(void **state)
{
	static const struct row rows[] = {
		{ASKING_CANNOT_TELL, "550 5.7.1 Relaying denied"},
		{ASKING_CANNOT_TELL, "554 5.7.1 <a@b.example>: Relay access denied"},
		{ASKING_CANNOT_TELL, "550 5.7.1 No such user here"},
		{ASKING_CANNOT_TELL, "530 5.7.0 Must issue a STARTTLS command first"},
		{ASKING_CANNOT_TELL, "530 5.7.1 Client was not authenticated"},
		{ASKING_CANNOT_TELL, "550 5.7.25 Client host rejected: cannot find your name"},
		{ASKING_CANNOT_TELL, "552 5.3.4 Message size exceeds limit"},
		{ASKING_CANNOT_TELL, "552 5.2.2 Mailbox is full"},
		{ASKING_CANNOT_TELL, "550 5.1.8 Sender address rejected: Domain not found"},
		{ASKING_CANNOT_TELL, "550 5.1.7 bad sender's mailbox address syntax"},
		{ASKING_CANNOT_TELL, "503 5.5.1 Error: need MAIL command"},
		{ASKING_CANNOT_TELL, "501 5.5.4 Syntax error"},
		{ASKING_CANNOT_TELL, "500 unrecognised command"},
		{ASKING_CANNOT_TELL, "554 no"},
		{ASKING_CANNOT_TELL, "550 relay not permitted"},
		{ASKING_CANNOT_TELL, "550 Service unavailable; client host [192.0.2.1] blocked "
				     "using zen.spamhaus.org"},
		{ASKING_CANNOT_TELL, "553 5.5.3 too many recipients"},
	};

	(void)state;
	HOLD(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_yes_is_a_yes),
		cmocka_unit_test(what_may_pass_tells_nothing),
		cmocka_unit_test(a_no_about_the_mailbox_is_a_no),
		cmocka_unit_test(a_no_about_anything_else_tells_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
