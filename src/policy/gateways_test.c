/* SPDX-License-Identifier: Apache-2.0 */
/* Default gateways: found in the kernel's tables, and left out of networks. */
#include "policy/gateways.h"
#include "policy/testing.h"

#include <arpa/inet.h>

static const char v6_table[] =
	"fd000000000000000000000000000000 40 00000000000000000000000000000000 00 "
	"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
	"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
	"fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n"
	"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
	"00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

static void default_routes_with_a_gateway_are_found(void **state)
{
	struct arena *arena = arena_new();
	char v4[400];

	(void)state;
	snprintf(v4, sizeof v4,
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n"
		"eth0\t00000000\t%08X\t0003\t0\t0\t0\t00000000\t0\t0\t0   \n"
		"eth0\t%08X\t00000000\t0001\t0\t0\t0\t%08X\t0\t0\t0   \n"
		"tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0   \n",
		htonl(0xc0000201), htonl(0xc0000200), htonl(0xffffff00));
	assert_true(slice_is(gateways_of_routes(slice_of(v4), slice_of(v6_table), arena),
		SLICE("192.0.2.1 fd00::1")));
	assert_true(slice_is(
		gateways_of_routes(SLICE("x\n\n0 0 0\n"), SLICE("00 00\nzz"), arena), SLICE("")));
	arena_free(arena);
}

static struct policy *load(const char *text, struct complaints *complaints)
{
	struct bundle_file file = {
		.kind = BUNDLE_CONFIGURATION, .path = SLICE("test.conf"), .bytes = slice_of(text)};
	struct bundle bundle = {.files = &file,
		.count = 1,
		.nodename = SLICE("node.example.org"),
		.gateways = SLICE("192.0.2.1 fd00::1 198.51.100.1"),
		.hash = "0123456789abcdef"};

	complaints_init(complaints);
	return policy_load(&bundle, complaints);
}

static void a_gateway_is_in_no_network_that_does_not_name_it(void **state)
{
	static const char text[] = "listen smtp \"*:25\"\n"
				   "network wide 192.0.2.0/24 fd00::/64\n"
				   "network named 192.0.2.0/25 192.0.2.1\n"
				   "network all 192.0.0.0/16\n"
				   "relay for network wide\nrelay for network all\n"
				   "refuse if network named\n";
	static const struct {
		const char *client, *networks;
		bool trusted;
	} rows[] = {{"192.0.2.1", "named", false}, {"192.0.2.0", "named wide all", true},
		{"192.0.2.2", "named wide all", true}, {"192.0.2.128", "wide all", true},
		{"192.0.3.0", "all", true}, {"fd00::1", "", false}, {"fd00::", "wide", true},
		{"fd00::2", "wide", true}, {"198.51.100.1", "", false}};
	struct complaints complaints;
	struct policy *policy = load(text, &complaints);
	struct arena *arena = arena_new();

	(void)state;
	assert_non_null(policy);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct address client;
		struct slice names;
		bool trusted;
		assert_true(address_parse(slice_of(rows[i].client), &client));
		policy_find_networks(policy, &client, 0, arena, &names, &trusted);
		assert_string_equal(arena_string(arena, names), rows[i].networks);
		assert_int_equal(trusted, rows[i].trusted);
	}
	complaints_free(&complaints);
	policy_unref(policy);
	arena_free(arena);
}

static void each_gateway_left_out_is_said_at_its_network(void **state)
{
	struct complaints complaints;
	struct policy *policy =
		load("listen smtp \"*:25\"\n"
		     "network a 192.0.2.0/24 192.0.2.1 owns any sender any author\n"
		     "network b\n  10.0.0.0/8\n  192.0.2.0/24 owns any sender any author\n"
		     "relay for network a\nrelay for network b\n"
		     "postmaster \"p@d.example\"\n"
		     "domain d.example any recipient deliver via mx\n",
			&complaints);

	(void)state;
	assert_non_null(policy);
	size_t warnings = 0;
	for (size_t i = 0; i < complaints.count; i++)
		warnings += complaints.list[i].severity == SEVERITY_WARNING;
	assert_int_equal(warnings, 1);
	assert_int_equal(complaints.list[0].line, 5);
	assert_true(slice_starts(complaints.list[0].what,
		SLICE("the gateway 192.0.2.1 of this host is left out of the network")));
	complaints_free(&complaints);
	policy_unref(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_routes_with_a_gateway_are_found),
		cmocka_unit_test(a_gateway_is_in_no_network_that_does_not_name_it),
		cmocka_unit_test(each_gateway_left_out_is_said_at_its_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
