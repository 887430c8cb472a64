/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines and their parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/command.h"

static int arena_setup(void **state)
{
	*state = arena_new();
	return 0;
}

static int arena_teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void assert_slice(struct slice got, const char *want)
{
	if (!slice_is(got, slice_of(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARGS(got), want);
}

static void verbs_are_known_without_case(void **state)
{
	(void)state;
	static const struct {
		struct slice line;
		enum verb verb;
		const char *rest;
	} cases[] = {
		{SLICE("EHLO  mx.example.org "), VERB_EHLO, "mx.example.org"},
		{SLICE("mail\tFROM:<>"), VERB_MAIL, "FROM:<>"},
		{SLICE("QUIT"), VERB_QUIT, ""},
		{SLICE("StartTLS"), VERB_STARTTLS, ""},
		{SLICE("GET / HTTP/1.1"), VERB_HTTP, "/ HTTP/1.1"},
		{SLICE("host: x"), VERB_HTTP, "x"},
		{SLICE("QUITX"), VERB_UNKNOWN, ""},
		{SLICE("QUIT\0"), VERB_UNKNOWN, ""},
		{SLICE(" QUIT"), VERB_UNKNOWN, "QUIT"},
		{SLICE(""), VERB_UNKNOWN, ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice rest;
		assert_int_equal(command_verb(cases[i].line, &rest), cases[i].verb);
		assert_slice(rest, cases[i].rest);
	}
	for (enum verb verb = VERB_EHLO; verb < VERB_HTTP; verb++) {
		struct slice rest;
		assert_int_equal(command_verb(slice_of(verb_text(verb)), &rest), verb);
	}
}

static void mail_takes_all_its_parameters(void **state)
{
	struct mail_command mail;
	struct command_problem problem;

	assert_int_equal(command_parse_mail(SLICE("FROM:<a@b> SIZE=500 body=8bitmime  SMTPUTF8 "
						  "RET=hdrs ENVID=QQ+2B1 AUTH=<>"),
				 *state, &mail, &problem),
		COMMAND_OK);
	assert_slice(mail.sender.text, "a@b");
	assert_int_equal(mail.size, 500);
	assert_int_equal(mail.body, BODY_8BITMIME);
	assert_true(mail.smtputf8);
	assert_int_equal(mail.ret, RET_HDRS);
	assert_slice(mail.envid, "QQ+1");
}

static void wrong_mail_commands_say_what_is_wrong(void **state)
{
	static const struct {
		struct slice rest;
		enum command_fault fault;
		const char *detail;
	} cases[] = {
		{SLICE("FROM:<>"), COMMAND_OK, ""},
		{SLICE("from:  <a@b>"), COMMAND_OK, ""},
		{SLICE("FROM:<a@b> SIZE=99999999999999999999"), COMMAND_OK, ""},
		{SLICE("FROM:<\xc3\xa9@b> SMTPUTF8"), COMMAND_OK, ""},
		{SLICE("TO:<a@b>"), COMMAND_SYNTAX, "FROM:"},
		{SLICE("FROM <a@b>"), COMMAND_SYNTAX, "FROM:"},
		{SLICE(""), COMMAND_SYNTAX, "FROM:"},
		{SLICE("FROM:a@b"), COMMAND_BAD_MAILBOX, "a@b"},
		{SLICE("FROM:<\xc3\xa9@b>"), COMMAND_BAD_MAILBOX, "SMTPUTF8"},
		{SLICE("FROM:<a@b> SIZE"), COMMAND_BAD_PARAMETER, "SIZE"},
		{SLICE("FROM:<a@b> SIZE="), COMMAND_BAD_PARAMETER, "SIZE="},
		{SLICE("FROM:<a@b> SIZE=-1"), COMMAND_BAD_PARAMETER, "SIZE=-1"},
		{SLICE("FROM:<a@b> SIZE=1 SIZE=1"), COMMAND_BAD_PARAMETER, "SIZE=1"},
		{SLICE("FROM:<a@b> SMTPUTF8=1"), COMMAND_BAD_PARAMETER, "SMTPUTF8=1"},
		{SLICE("FROM:<a@b> BODY=BINARYMIME"), COMMAND_BAD_PARAMETER, "BODY=BINARYMIME"},
		{SLICE("FROM:<a@b> RET=X"), COMMAND_BAD_PARAMETER, "RET=X"},
		{SLICE("FROM:<a@b> ENVID=+0A"), COMMAND_BAD_PARAMETER, "ENVID=+0A"},
		{SLICE("FROM:<a@b> ENVID=+2b"), COMMAND_BAD_PARAMETER, "ENVID=+2b"},
		{SLICE("FROM:<a@b> AUTH=+"), COMMAND_BAD_PARAMETER, "AUTH=+"},
		{SLICE("FROM:<a@b> NOTIFY=NEVER"), COMMAND_UNKNOWN_PARAMETER, "NOTIFY"},
		{SLICE("FROM:<a@b> X=1"), COMMAND_UNKNOWN_PARAMETER, "X"},
		{SLICE("FROM:<a@b> =1"), COMMAND_BAD_PARAMETER, "=1"},
		{SLICE("FROM:<a@b> \tSIZE=1"), COMMAND_BAD_PARAMETER, "\tSIZE=1"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mail_command mail;
		struct command_problem problem;
		enum command_fault fault =
			command_parse_mail(cases[i].rest, *state, &mail, &problem);
		if (fault != cases[i].fault)
			fail_msg("%.*s: fault %d", SLICE_ARGS(cases[i].rest), fault);
		assert_int_equal(problem.fault, fault);
		assert_slice(problem.detail, cases[i].detail);
	}
}

static void an_envid_has_at_most_100_octets(void **state)
{
	struct mail_command mail;
	struct command_problem problem;
	char raw[256];
	struct text line = TEXT_FIXED(raw);

	text_put(&line, SLICE("FROM:<> ENVID="));
	for (int i = 0; i < 100; i++)
		text_char(&line, 'e');
	assert_int_equal(
		command_parse_mail(text_slice(&line), *state, &mail, &problem), COMMAND_OK);
	text_char(&line, 'e');
	assert_int_equal(command_parse_mail(text_slice(&line), *state, &mail, &problem),
		COMMAND_BAD_PARAMETER);
}

static void more_parameters_than_sixteen_are_refused(void **state)
{
	struct mail_command mail;
	struct command_problem problem;
	char raw[256];
	struct text line = TEXT_FIXED(raw);

	text_put(&line, SLICE("FROM:<>"));
	for (int i = 0; i <= COMMAND_PARAMETERS_MAX; i++)
		text_put(&line, SLICE(" SIZE=1"));
	assert_int_equal(command_parse_mail(text_slice(&line), *state, &mail, &problem),
		COMMAND_BAD_PARAMETER);
}

static void rcpt_takes_notify_and_orcpt(void **state)
{
	static const struct {
		struct slice rest;
		bool utf8;
		enum command_fault fault;
		unsigned notify;
		const char *orcpt;
	} cases[] = {
		{SLICE("TO:<a@b>"), false, COMMAND_OK, 0, ""},
		{SLICE("TO:<Postmaster>"), false, COMMAND_OK, 0, ""},
		{SLICE("TO:<a@b> NOTIFY=NEVER"), false, COMMAND_OK, NOTIFY_NEVER, ""},
		{SLICE("TO:<a@b> notify=success,FAILURE"), false, COMMAND_OK,
			NOTIFY_SUCCESS | NOTIFY_FAILURE, ""},
		{SLICE("TO:<a@b> NOTIFY=DELAY ORCPT=rfc822;x+2By@c"), false, COMMAND_OK,
			NOTIFY_DELAY, "rfc822;x+y@c"},
		{SLICE("TO:<a@b> ORCPT=utf-8;\\x{E9}@c"), false, COMMAND_OK, 0, "utf-8;\xc3\xa9@c"},
		{SLICE("TO:<a@b> ORCPT=utf-8;\xc3\xa9@c"), true, COMMAND_OK, 0, "utf-8;\xc3\xa9@c"},
		{SLICE("TO:<a@b> ORCPT=utf-8;\xc3\xa9@c"), false, COMMAND_BAD_PARAMETER, 0, ""},
		{SLICE("TO:<a@b> ORCPT=utf-8;\\x{A}@c"), false, COMMAND_BAD_PARAMETER, 0, ""},
		{SLICE("TO:<a@b> ORCPT=utf-8;\\x{D800}@c"), false, COMMAND_BAD_PARAMETER, 0, ""},
		{SLICE("TO:<a@b> ORCPT=rfc822;x+0D+0Ay"), false, COMMAND_BAD_PARAMETER, 0, ""},
		{SLICE("TO:<a@b> ORCPT=x@c"), false, COMMAND_BAD_PARAMETER, 0, ""},
		{SLICE("TO:<a@b> ORCPT=;x@c"), false, COMMAND_BAD_PARAMETER, 0, ""},
		{SLICE("TO:<a@b> NOTIFY=NEVER,DELAY"), false, COMMAND_BAD_PARAMETER, 0, ""},
		{SLICE("TO:<a@b> NOTIFY=DELAY,"), false, COMMAND_BAD_PARAMETER, 0, ""},
		{SLICE("TO:<a@b> SIZE=1"), false, COMMAND_UNKNOWN_PARAMETER, 0, ""},
		{SLICE("TO:<>"), false, COMMAND_BAD_MAILBOX, 0, ""},
		{SLICE("TO:<\xc3\xa9@b>"), false, COMMAND_BAD_MAILBOX, 0, ""},
		{SLICE("TO:<\xc3\xa9@b>"), true, COMMAND_OK, 0, ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rcpt_command rcpt;
		struct command_problem problem;
		enum command_fault fault =
			command_parse_rcpt(cases[i].rest, cases[i].utf8, *state, &rcpt, &problem);
		if (fault != cases[i].fault)
			fail_msg("%.*s: fault %d", SLICE_ARGS(cases[i].rest), fault);
		if (fault != COMMAND_OK)
			continue;
		assert_int_equal(rcpt.notify, cases[i].notify);
		assert_slice(rcpt.orcpt, cases[i].orcpt);
	}
}

static void helo_names_are_taken_leniently(void **state)
{
	static const struct {
		struct slice rest;
		const char *name; /* NULL: refused */
	} cases[] = {
		{SLICE("MX.Example.org"), "mx.example.org"},
		{SLICE("localhost"), "localhost"},
		{SLICE("my_pc"), "my_pc"},
		{SLICE("mx.example.org."), "mx.example.org"},
		{SLICE("[192.0.2.1]"), "[192.0.2.1]"},
		{SLICE("[IPv6:2001:DB8::1]"), "[IPv6:2001:db8::1]"},
		{SLICE("[x]"), NULL},
		{SLICE("[192.0.2.1"), NULL},
		{SLICE(""), NULL},
		{SLICE("a b"), NULL},
		{SLICE("a\0b"), NULL},
		{SLICE("a(b)"), NULL},
		{SLICE("a\rb"), NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice name;
		bool fits = command_parse_helo(cases[i].rest, *state, &name);
		if (fits != (cases[i].name != NULL))
			fail_msg("%.*s", SLICE_ARGS(cases[i].rest));
		if (fits)
			assert_slice(name, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_are_known_without_case),
		cmocka_unit_test(mail_takes_all_its_parameters),
		cmocka_unit_test(wrong_mail_commands_say_what_is_wrong),
		cmocka_unit_test(an_envid_has_at_most_100_octets),
		cmocka_unit_test(more_parameters_than_sixteen_are_refused),
		cmocka_unit_test(rcpt_takes_notify_and_orcpt),
		cmocka_unit_test(helo_names_are_taken_leniently),
	};

	return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
