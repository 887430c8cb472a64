/* SPDX-License-Identifier: Apache-2.0 */
/* How mail leaves (doc/policy.md, "How mail leaves"). */
#include "policy/testing.h"

static const char text[] =
	"listen smtp \"*:25\"\n"
	"hostname mx.example.org\n"
	"network office 192.0.2.0/24\nnetwork lab 192.0.2.128/25\n"
	"domain example.org any recipient deliver maildir \"/m/%d/%l\"\n"
	"domain b.example any recipient deliver smtp \"10.0.0.7\" \"10.0.0.8:26\" tls off\n"
	"deliver c.example via mx port 2525\n"
	"deliver d.example if sender domain example.org via \"relay.example\"\n"
	"deliver d.example if sender \"vip@example.org\" via \"vip.example\"\n"
	"deliver e.example if network office via \"office.example\"\n"
	"deliver e.example via \"rest.example\"\n"
	"deliver example.org if network lab via \"lab.example\"\n"
	"deliver * via \"smart.example:587\"\n";

struct row {
	const char *client, *from, *to;
	const char *expected; /* "kind target port private", or "defer" */
};

static void route_text(bool found, const struct route *route, char *out, size_t size)
{
	static const char *const kinds[] = {[ROUTE_MX] = "mx",
		[ROUTE_HOSTS] = "hosts",
		[ROUTE_LMTP] = "lmtp",
		[ROUTE_MAILDIR] = "maildir"};

	if (!found)
		snprintf(out, size, "defer");
	else
		snprintf(out, size, "%s %.*s %u%s", kinds[route->kind], SLICE_ARGS(route->target),
			route->port, route->private_too ? " private" : "");
}

static void rows_hold(const char *configuration, const struct row *rows, size_t count)
{
	struct policy *policy = test_load(configuration, NULL, 0);

	for (size_t i = 0; i < count; i++) {
		struct arena *arena = arena_new();
		struct facts facts =
			test_facts(rows[i].client, "h", rows[i].from, rows[i].to, arena);
		struct route route = {0};
		char shown[300];
		bool found = policy_route(policy, &facts, &facts.recipient, arena, &route);
		route_text(found, &route, shown, sizeof shown);
		assert_string_equal(shown, rows[i].expected);
		arena_free(arena);
	}
	policy_unref(policy);
}

static void the_most_specific_line_is_chosen(void **state)
{
	static const char c[] = "203.0.113.9", office[] = "192.0.2.1", lab[] = "192.0.2.200";
	const struct row rows[] = {
		{c, "a@a.example", "x@example.org", "maildir /m/%d/%l 0 private"},
		{c, "a@a.example", "postmaster", "maildir /m/%d/%l 0 private"},
		{lab, "a@a.example", "x@example.org", "hosts lab.example:25 25 private"},
		{c, "a@a.example", "x@b.example", "hosts 10.0.0.7:25 10.0.0.8:26 25 private"},
		{c, "a@a.example", "x@c.example", "mx c.example 2525 private"},
		{c, "u@example.org", "x@d.example", "hosts relay.example:25 25 private"},
		{c, "vip@example.org", "x@d.example", "hosts vip.example:25 25 private"},
		{c, "a@a.example", "x@d.example", "hosts smart.example:587 25 private"},
		{office, "a@a.example", "x@e.example", "hosts office.example:25 25 private"},
		{c, "a@a.example", "x@e.example", "hosts rest.example:25 25 private"},
		{c, "a@a.example", "x@sub.c.example", "hosts smart.example:587 25 private"},
		{NULL, "a@a.example", "x@e.example", "defer"},
		{c, NULL, "x@d.example", "defer"},
	};

	(void)state;
	rows_hold(text, rows, sizeof rows / sizeof *rows);
}

static void without_a_line_mail_goes_by_mx_to_public_addresses(void **state)
{
	const struct row rows[] = {
		{"203.0.113.9", "a@a.example", "x@c.example", "mx c.example 25"},
		{"203.0.113.9", "a@a.example", "x@[192.0.2.1]", "mx [192.0.2.1] 25"},
	};

	(void)state;
	rows_hold("listen smtp \"*:25\"\n", rows, 2);
	rows_hold("listen smtp \"*:25\"\ndeliver * via mx\n", rows, 2);
}

static void messages_of_one_way_share_a_key(void **state)
{
	struct policy *policy = test_load(text, NULL, 0);
	struct arena *arena = arena_new();
	struct facts one = test_facts("203.0.113.9", "h", "a@a.example", "x@f.example", arena);
	struct facts two = test_facts("203.0.113.9", "h", "a@a.example", "y@g.example", arena);
	struct facts three = test_facts("203.0.113.9", "h", "a@a.example", "y@c.example", arena);
	struct route a, b, c;

	(void)state;
	assert_true(policy_route(policy, &one, &one.recipient, arena, &a));
	assert_true(policy_route(policy, &two, &two.recipient, arena, &b));
	assert_true(policy_route(policy, &three, &three.recipient, arena, &c));
	assert_true(slice_is(a.key, b.key));
	assert_false(slice_is(a.key, c.key));
	arena_free(arena);
	policy_unref(policy);
}

/* ---- who is asked about mailboxes ---- */

static void asked_shown(const struct policy *policy, struct slice domain, struct arena *arena,
	char *shown, size_t size)
{
	struct route route = {0};
	struct slice declared = SLICE_NONE;
	char way[200];

	if (!policy_asked_way(policy, domain, arena, &declared, &route)) {
		snprintf(shown, size, "nobody");
		return;
	}
	route_text(true, &route, way, sizeof way);
	snprintf(shown, size, "%.*s: %s", SLICE_ARGS(declared), way);
}

static void the_way_of_the_domain_that_needs_no_message_is_asked(void **state)
{
	static const struct {
		const char *domain, *expected;
	} rows[] = {
		{"a.example", "a.example: hosts 10.0.0.7:25 10.0.0.8:25 25 private"},
		{"b.example", "b.example: lmtp /run/lmtp 0 private"},
		{"c.example", "c.example: mx c.example 25 private"},
		{"x.c.example", "*.c.example: mx x.c.example 25 private"},
		{"e.example", "nobody"},
		{"elsewhere.example", "nobody"},
	};
	struct policy *policy = test_load(
		"listen smtp \"*:25\"\nnetwork lab 192.0.2.0/24\n"
		"domain a.example mailboxes asked deliver smtp \"10.0.0.7\" \"10.0.0.8\"\n"
		"domain b.example mailboxes asked deliver lmtp \"/run/lmtp\"\n"
		"domain c.example *.c.example mailboxes asked deliver via mx\n"
		"domain e.example any recipient deliver via mx\n"
		"deliver a.example if network lab via \"lab.example\"\n",
		NULL, 0);
	struct arena *arena = arena_new();
	const struct slice *names;
	char shown[300];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice domain = slice_of(rows[i].domain);
		asked_shown(policy, domain, arena, shown, sizeof shown);
		assert_string_equal(shown, rows[i].expected);
		assert_int_equal(policy_asks_next_hop(policy, domain),
			strcmp(rows[i].expected, "nobody") != 0);
	}
	assert_int_equal(policy_asked_domains(policy, arena, &names), 4);
	assert_true(slice_is(names[3], SLICE("*.c.example")));
	arena_free(arena);
	policy_unref(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way_of_the_domain_that_needs_no_message_is_asked),
		cmocka_unit_test(the_most_specific_line_is_chosen),
		cmocka_unit_test(without_a_line_mail_goes_by_mx_to_public_addresses),
		cmocka_unit_test(messages_of_one_way_share_a_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
