/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\x11\0\x0c\xc0\0\2\7\xc0\0\2\x01\x04\x01\0\x19"
#define V6_END "\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x04\1\0\x19"

static const struct {
	struct slice header;
	enum proxy_verdict verdict;
	const char *client;
} rows[] = {
	{SLICE("PROXY TCP4 192.0.2.7 192.0.2.1 1025 25\r\n"), PROXY_CLIENT, "192.0.2.7:1025"},
	{SLICE("PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n"), PROXY_CLIENT,
		"[2001:db8::7]:65535"},
	{SLICE("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), PROXY_CLIENT, "192.0.2.7:1"},
	{SLICE("PROXY UNKNOWN\r\n"), PROXY_NOBODY, ""},
	{SLICE("PROXY UNKNOWN ffff::1 whatever 1\r\n"), PROXY_NOBODY, ""},
	{SLICE("PROXY UNKNOWNS\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4 192.0.2.7 192.0.2.1 1025 25\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4 192.0.2.7 192.0.2.1 1025\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4 192.0.2.7 192.0.2.1 1025 25 x\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4  192.0.2.7 192.0.2.1 1025 25\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4 192.0.2.7 192.0.2.1 1025 65536\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4 192.0.2.7 192.0.2.1 +1 25\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4 192.0.2.7 192.0.2.1 01 25\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4 192.0.2.300 192.0.2.1 1 25\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP4 2001:db8::7 2001:db8::1 1 25\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP6 192.0.2.7 192.0.2.1 1 25\r\n"), PROXY_BAD, ""},
	{SLICE("PROXY TCP5 192.0.2.7 192.0.2.1 1 25\r\n"), PROXY_BAD, ""},
	{SLICE("proxy TCP4 192.0.2.7 192.0.2.1 1 25\r\n"), PROXY_BAD, ""},
	{SLICE("EHLO proxy.example\r\n"), PROXY_BAD, ""},
	{SLICE(""), PROXY_BAD, ""},
	{SLICE(SIGNATURE "\x21" V4), PROXY_CLIENT, "192.0.2.7:1025"},
	{SLICE(SIGNATURE "\x21\x21\0\x24\x20\1\x0d\xb8" V6_END), PROXY_CLIENT,
		"[2001:db8::1]:1025"},
	{SLICE(SIGNATURE "\x20" V4), PROXY_NOBODY, ""}, /* LOCAL */
	{SLICE(SIGNATURE "\x20\0\0\0"), PROXY_NOBODY, ""},
	{SLICE(SIGNATURE "\x21\0\0\0"), PROXY_NOBODY, ""}, /* UNSPEC */
	{SLICE(SIGNATURE "\x21\0\0\3abc"), PROXY_NOBODY, ""},
	{SLICE(SIGNATURE "\x11" V4), PROXY_BAD, ""}, /* version 1 in this form */
	{SLICE(SIGNATURE "\x22" V4), PROXY_BAD, ""},
	{SLICE(SIGNATURE "\x21\x12\0\x0c\xc0\0\2\7\xc0\0\2\x01\x04\x01\0\x19"), PROXY_BAD, ""},
	{SLICE(SIGNATURE "\x21\x11\0\x0b\xc0\0\2\7\xc0\0\2\x01\x04\x01\0"), PROXY_BAD, ""},
	{SLICE(SIGNATURE "\x21\x11\0\x0d\xc0\0\2\7\xc0\0\2\x01\x04\x01\0\x19"), PROXY_BAD, ""},
	/* TLVs: an authority; one that is cut; a wrong sum */
	{SLICE(SIGNATURE "\x21\x11\0\x12\xc0\0\2\7\xc0\0\2\x01\x04\x01\0\x19\2\0\3abc"),
		PROXY_CLIENT, "192.0.2.7:1025"},
	{SLICE(SIGNATURE "\x21\x11\0\x11\xc0\0\2\7\xc0\0\2\x01\x04\x01\0\x19\2\0\3ab"), PROXY_BAD,
		""},
	{SLICE(SIGNATURE "\x21\x11\0\x13\xc0\0\2\7\xc0\0\2\x01\x04\x01\0\x19\3\0\4abcd"), PROXY_BAD,
		""},
};

static void a_header_names_its_client_or_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct address client = {0};
		const char *why;
		char shown[80];
		struct text text = TEXT_FIXED(shown);
		enum proxy_verdict verdict = proxy_read(rows[i].header, &client, &why);
		print_message("%zu: %s\n", i, why);
		assert_int_equal(verdict, rows[i].verdict);
		assert_int_equal(verdict == PROXY_BAD, why[0] != '\0');
		if (verdict != PROXY_CLIENT)
			continue;
		text_address_port(&text, &client);
		assert_true(slice_is(text_slice(&text), slice_of(rows[i].client)));
	}
}

/* Read by what it wants, in pieces of any size, nothing of what follows is taken. */
static void nothing_behind_a_header_is_wanted(void **state)
{
	char bytes[400];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text text = TEXT_FIXED(bytes);
		size_t have = 0, wants;
		if (rows[i].verdict == PROXY_BAD)
			continue;
		text_put(&text, rows[i].header);
		text_put(&text, SLICE("EHLO x.example\r\nQUIT\r\n"));
		while ((wants = proxy_wants((struct slice){bytes, have})) > 0)
			have += wants > 7 ? 7 : wants;
		assert_int_equal(have, rows[i].header.len);
	}
}

static void what_is_no_header_wants_no_more(void **state)
{
	static const struct slice others[] = {SLICE("E"), SLICE("PROXX"), SLICE("\r\n\r\n\1"),
		SLICE("PROXY\r"), SLICE("PROXY TCP4 1.2.3.4\n"),
		SLICE(SIGNATURE "\x21\x11\xff\xff"), SLICE("P R")};
	char line[200];

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_int_equal(proxy_wants(others[i]), 0);
	struct text text = TEXT_FIXED(line);
	text_put(&text, SLICE("PROXY TCP4 "));
	while (text.len < 107) {
		assert_int_not_equal(proxy_wants(text_slice(&text)), 0);
		text_char(&text, '1');
	}
	assert_int_equal(proxy_wants(text_slice(&text)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_names_its_client_or_is_refused),
		cmocka_unit_test(nothing_behind_a_header_is_wanted),
		cmocka_unit_test(what_is_no_header_wants_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
