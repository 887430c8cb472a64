/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/author.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
	const char *raw;
	enum author_fault fault;
	const char *address;
} values[] = {
	{" alice@example.org", AUTHOR_OK, "alice@example.org"},
	{" <alice@Example.ORG>", AUTHOR_OK, "alice@example.org"},
	{" Alice Example <alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" \"Example, Alice\" <alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" \"a <b@c.example>\" <alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" alice@example.org (Alice (of (Example)))", AUTHOR_OK, "alice@example.org"},
	{" (hm, \\) ) alice@example.org", AUTHOR_OK, "alice@example.org"},
	{"\r\n Alice\r\n\t<alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" < alice@example.org >", AUTHOR_OK, "alice@example.org"},
	{" <@relay.example:alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" =?utf-8?q?J=C3=BCrgen?= <j@example.org>", AUTHOR_OK, "j@example.org"},
	{" J\xc3\xbcrgen <j\xc3\xbc@example.org>", AUTHOR_OK, "j\xc3\xbc@example.org"},
	{" \"a,b\"@example.org", AUTHOR_OK, "\"a,b\"@example.org"},
	{" alice@example.org,", AUTHOR_OK, "alice@example.org"},
	{" a@[192.0.2.1]", AUTHOR_OK, "a@[192.0.2.1]"},
	{" a@[IPv6:2001:db8::1]", AUTHOR_OK, "a@[IPv6:2001:db8::1]"},
	{"", AUTHOR_EMPTY, ""},
	{" , ,", AUTHOR_EMPTY, ""},
	{" (nobody)", AUTHOR_EMPTY, ""},
	{" a@example.org, b@example.org", AUTHOR_SEVERAL, ""},
	{" A <a@example.org>, b@example.org", AUTHOR_SEVERAL, ""},
	{" Partners: a@example.org;", AUTHOR_SEVERAL, ""},
	{" Nowhere:;", AUTHOR_SEVERAL, ""},
	{" Re: x <a@example.org>", AUTHOR_SEVERAL, ""},
	{" alice", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <postmaster>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org> <b@example.org>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org> b", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	{" \"a@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@example.org (", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@example.org )", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a b@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@b@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
};

static void one_address_or_why_not(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct mailbox author = {0};
		print_message("%s\n", values[i].raw);
		assert_int_equal(
			author_parse(slice_of(values[i].raw), arena, &author), values[i].fault);
		if (values[i].fault == AUTHOR_OK)
			assert_true(slice_is(author.text, slice_of(values[i].address)));
	}
	arena_free(arena);
}

static enum author_fault find(const char *message, struct arena *arena)
{
	struct headers headers;
	struct mailbox author;

	header_scan(slice_of(message), arena, &headers);
	return author_find(&headers, arena, &author);
}

static void there_is_one_field(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_int_equal(find("From: a@b.example\r\n\r\n", arena), AUTHOR_OK);
	assert_int_equal(find("FROM : a@b.example\r\n\r\n", arena), AUTHOR_OK);
	assert_int_equal(
		find("To: a@b.example\r\n\r\nFrom: a@b.example\r\n", arena), AUTHOR_MISSING);
	assert_int_equal(find("From: a@b.example\r\nX: y\r\nfrom: c@d.example\r\n\r\n", arena),
		AUTHOR_FIELDS);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address_or_why_not),
		cmocka_unit_test(there_is_one_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
