/* SPDX-License-Identifier: Apache-2.0 */
/* Settings for mail programs, from configurations of one line or many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/check.h"
#include "diagnose/settings.h"

#define BEFORE                                                                                     \
	"hostname mx.ours.example\nstate \"state\"\n"                                              \
	"domain ours.example any recipient deliver maildir \"mail/%d/%l\"\n"
#define BOTH "listen submission \"*:587\"\nlisten submissions \"*:465\"\n"

typedef void form_function(struct text *out, const struct mail_settings *settings);

/* The text of `form` for `of`; the caller's to free. NULL: it is no name. */
static char *form_of(const char *configuration, const char *of, form_function *form)
{
	struct arena *arena = arena_new();
	struct bundle bundle;
	struct text words = TEXT_GROWING, out = TEXT_GROWING;
	struct mail_settings settings;

	bundle_of_text(SLICE("test.conf"), slice_of(configuration), arena, &bundle);
	struct policy *policy = check_bundle(&bundle, &words);
	if (!policy)
		fail_msg("%.*s", SLICE_ARGS(text_slice(&words)));
	bool found = settings_find(policy, slice_of(of), arena, &settings);
	if (found)
		form(&out, &settings);
	text_char(&out, '\0');
	policy_unref(policy);
	text_free(&words);
	arena_free(arena);
	if (found)
		return out.at;
	text_free(&out);
	return NULL;
}

static const struct {
	const char *configuration, *of;
	form_function *form;
	const char *has, *has_not;
} rows[] = {
	{BEFORE BOTH, "alice@ours.example", settings_put_people, "port        465", "Fetching"},
	{BEFORE BOTH, "alice@ours.example", settings_put_people, "user name   alice@ours.example",
		"There is none"},
	{BEFORE, "alice@ours.example", settings_put_people, "There is none", "port"},
	{BEFORE "listen pop3s \"*:995\"\n", "ours.example", settings_put_people,
		"nobody can sign in to send", "Sending"},
	{BEFORE "listen submission \"*:0\"\n", "ours.example", settings_put_people,
		"takes a free port", "Sending"},
	{BEFORE "listen submission \"127.0.0.1:587\"\n", "ours.example", settings_put_people,
		"for programs on this host alone", "There is none"},
	{BEFORE "listen submission \"127.0.0.1:587\"\nlisten submission \"*:1587\"\n",
		"ours.example", settings_put_people, "port        1587", "this host alone"},
	{BEFORE "listen submission \"127.0.0.1:587\"\n", "ours.example", settings_put_srv, "",
		"SRV"},
	{BEFORE BOTH, "ours.example", settings_put_srv,
		"_submissions._tcp.ours.example.\t3600\tIN\tSRV\t0 1 465 mx.ours.example.\n"
		"_submission._tcp.ours.example.\t3600\tIN\tSRV\t1 1 587 mx.ours.example.\n",
		"pop3"},
	{BEFORE BOTH "listen pop3s \"*:995\"\n", "ours.example", settings_put_autoconfig,
		"<incomingServer type=\"pop3\">\n      <hostname>mx.ours.example</hostname>\n"
		"      <port>995</port>\n      <socketType>SSL</socketType>\n"
		"      <username>%EMAILADDRESS%</username>",
		"imap"},
	{BEFORE BOTH, "\"a<b&\"@ours.example", settings_put_autoconfig,
		"<username>&quot;a&lt;b&amp;&quot;@ours.example</username>", "<b"},
	{BEFORE BOTH, "alice@ours.example", settings_put_autodiscover,
		"<LoginName>alice@ours.example</LoginName>", "POP3"},
	{BEFORE BOTH, "ours.example", settings_put_autodiscover, "<Encryption>SSL</Encryption>",
		"LoginName"},
	{BEFORE BOTH, "alice", settings_put_json, "\"username\":\"alice\"", "null"},
	{BEFORE BOTH, "ours.example", settings_put_json, "\"ours\":true", "username"},
	{BEFORE BOTH, "other.example", settings_put_json, "\"ours\":false", "username"},
};

static void a_form_says_what_the_configuration_offers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *form = form_of(rows[i].configuration, rows[i].of, rows[i].form);
		assert_non_null(form);
		print_message("%zu: %s\n%s", i, rows[i].of, form);
		assert_non_null(strstr(form, rows[i].has));
		assert_null(strstr(form, rows[i].has_not));
		free(form);
	}
}

static void what_is_no_account_and_no_domain_is_refused(void **state)
{
	static const char *const names[] = {"", "@", "alice@", "a..b", "a@b@c", "x.example."};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_null(form_of(BEFORE BOTH, names[i], settings_put_people));
}

static void xml_holds_any_bytes(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"a&b<c>\"'", "a&amp;b&lt;c&gt;&quot;&apos;"},
		{"\x01\x1b", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"j\xc3\xbc", "j\xc3\xbc"},
		{"\xff"
		 "x",
			"\xef\xbf\xbdx"},
		{"\xef\xbf\xbe", "\xef\xbf\xbd"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct text out = TEXT_GROWING;
		text_xml(&out, slice_of(cases[i].in));
		assert_true(slice_is(text_slice(&out), slice_of(cases[i].out)));
		text_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_says_what_the_configuration_offers),
		cmocka_unit_test(what_is_no_account_and_no_domain_is_refused),
		cmocka_unit_test(xml_holds_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
