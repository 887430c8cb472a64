/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/text.h"

static void assert_text(const struct text *text, const char *want)
{
	if (!slice_is(text_slice(text), slice_of(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARGS(text_slice(text)), want);
}

static void addresses_have_one_form(void **state)
{
	(void)state;
	static const struct {
		struct slice given;
		const char *text; /* NULL: no address */
	} cases[] = {
		{SLICE("192.0.2.1"), "192.0.2.1"},
		{SLICE("::ffff:192.0.2.1"), "192.0.2.1"},
		{SLICE("::FFFF:c000:201"), "192.0.2.1"},
		{SLICE("2001:DB8:0:0::1"), "2001:db8::1"},
		{SLICE("::"), "::"},
		{SLICE("::1"), "::1"},
		{SLICE(""), NULL},
		{SLICE("192.0.2"), NULL},
		{SLICE("192.0.2.256"), NULL},
		{SLICE("192.0.2.01"), NULL},
		{SLICE("192.0.2.1 "), NULL},
		{SLICE("192.0.2.1\0"), NULL},
		{SLICE("fe80::1%eth0"), NULL},
		{SLICE("1:2:3:4:5:6:7:8:9"), NULL},
		{SLICE("0x7f.0.0.1"), NULL},
		{SLICE("2130706433"), NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address address;
		char raw[64];
		struct text text = TEXT_FIXED(raw);
		bool fits = address_parse(cases[i].given, &address);
		if (fits != (cases[i].text != NULL))
			fail_msg("%.*s", SLICE_ARGS(cases[i].given));
		if (!fits)
			continue;
		text_address(&text, &address);
		assert_text(&text, cases[i].text);
	}
}

static void ports_are_read_and_written(void **state)
{
	(void)state;
	static const struct {
		const char *given, *text;
	} cases[] = {
		{"192.0.2.1:25", "192.0.2.1:25"},
		{"[::1]:25", "[::1]:25"},
		{"192.0.2.1:65535", "192.0.2.1:65535"},
		{"192.0.2.1:65536", NULL},
		{"192.0.2.1:", NULL},
		{"192.0.2.1", NULL},
		{"::1:25", NULL},
		{"[192.0.2.1]:25", NULL},
		{"[]:25", NULL},
		{":25", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address address;
		char raw[64];
		struct text text = TEXT_FIXED(raw);
		bool fits = address_parse_port(slice_of(cases[i].given), &address);
		if (fits != (cases[i].text != NULL))
			fail_msg("%s", cases[i].given);
		if (!fits)
			continue;
		text_address_port(&text, &address);
		assert_text(&text, cases[i].text);
		struct sockaddr_storage socket;
		struct address back;
		assert_true(address_to_sockaddr(&address, &socket) > 0);
		assert_true(address_from_sockaddr(&socket, &back));
		assert_true(address_is(&address, &back));
		assert_int_equal(address.port, back.port);
		assert_int_equal(address.is_v4, back.is_v4);
	}
}

static void networks_hold_what_they_say(void **state)
{
	(void)state;
	static const struct {
		const char *network, *inside, *outside;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
		{"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
		{"192.0.2.7", "192.0.2.7", "192.0.2.6"},
		{"192.0.2.6/31", "192.0.2.7", "192.0.2.8"},
		{"0.0.0.0/0", "255.255.255.255", "::1"},
		{"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
		{"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
		{"2001:db8::1", "2001:db8::1", "2001:db8::2"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct network network;
		struct address inside, outside;
		char raw[64];
		struct text text = TEXT_FIXED(raw);
		assert_int_equal(network_parse(slice_of(cases[i].network), &network), NETWORK_OK);
		assert_true(address_parse(slice_of(cases[i].inside), &inside));
		assert_true(address_parse(slice_of(cases[i].outside), &outside));
		assert_true(network_contains(&network, &inside));
		assert_false(network_contains(&network, &outside));
		text_network(&text, &network);
		assert_text(&text, cases[i].network);
	}
}

static void an_ipv4_network_written_in_ipv6_is_that_network(void **state)
{
	(void)state;
	struct network network;
	struct address address;

	assert_int_equal(network_parse(SLICE("::ffff:10.0.0.0/104"), &network), NETWORK_OK);
	assert_true(address_parse(SLICE("10.255.0.1"), &address));
	assert_true(network_contains(&network, &address));
	assert_true(network.base.is_v4);
}

static void wrong_networks_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *given;
		enum network_fault fault;
	} cases[] = {
		{"192.0.2.1/24", NETWORK_HOST_BITS},
		{"2001:db8::1/64", NETWORK_HOST_BITS},
		{"192.0.2.0/33", NETWORK_SYNTAX},
		{"2001:db8::/129", NETWORK_SYNTAX},
		{"192.0.2.0/", NETWORK_SYNTAX},
		{"192.0.2.0/-1", NETWORK_SYNTAX},
		{"192.0.2.0/24/24", NETWORK_SYNTAX},
		{"/24", NETWORK_SYNTAX},
		{"", NETWORK_SYNTAX},
		{"example.org", NETWORK_SYNTAX},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct network network;
		assert_int_equal(network_parse(slice_of(cases[i].given), &network), cases[i].fault);
	}
}

static void special_addresses_are_known(void **state)
{
	(void)state;
	static const struct {
		const char *given;
		bool special, loopback;
	} cases[] = {
		{"127.0.0.1", true, true},
		{"127.9.9.9", true, true},
		{"::1", true, true},
		{"::ffff:127.0.0.1", true, true},
		{"10.1.2.3", true, false},
		{"172.31.0.1", true, false},
		{"172.32.0.1", false, false},
		{"192.168.0.1", true, false},
		{"169.254.1.1", true, false},
		{"100.64.0.1", true, false},
		{"0.0.0.0", true, false},
		{"::", true, false},
		{"255.255.255.255", true, false},
		{"fe80::1", true, false},
		{"fd00::1", true, false},
		{"ff02::1", true, false},
		{"64:ff9b::127.0.0.1", true, false},
		{"64:ff9b::10.0.0.1", true, false},
		{"2002:7f00:1::", true, false},
		{"2002:c0a8:101::1", true, false},
		{"::127.0.0.1", true, false},
		{"64:ff9b::192.0.2.1", false, false},
		{"2002:c000:201::1", false, false},
		{"192.0.2.1", false, false},
		{"8.8.8.8", false, false},
		{"2001:db8::1", false, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address address;
		assert_true(address_parse(slice_of(cases[i].given), &address));
		if (address_is_special(&address) != cases[i].special ||
			address_is_loopback(&address) != cases[i].loopback)
			fail_msg("%s", cases[i].given);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(ports_are_read_and_written),
		cmocka_unit_test(networks_hold_what_they_say),
		cmocka_unit_test(an_ipv4_network_written_in_ipv6_is_that_network),
		cmocka_unit_test(wrong_networks_are_told_apart),
		cmocka_unit_test(special_addresses_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
