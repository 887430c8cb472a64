/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys sign (doc/policy.md, "How mail leaves"). */
#include "policy/testing.h"

static const char text[] = "listen smtp \"*:25\"\nhostname mx.example.org\n"
			   "domain example.org any recipient deliver via mx\n"
			   "network office 192.0.2.0/24 owns domain example.org domain b.example\n"
			   "network guests 192.0.2.128/25\n"
			   "relay for network office\n"
			   "sign example.org selector rsa key \"/k/rsa.pem\"\n"
			   "sign example.org selector ed key \"/k/ed.pem\"\n"
			   "sign c.example if network guests selector g key \"/k/g.pem\"\n"
			   "sign * selector all key \"/k/%d/%d.pem\"\n";

struct row {
	const char *client, *from;
	bool own;
	const char *expected; /* "selector path" of each */
};

static void keys_hold(const struct policy *policy, const struct row *row)
{
	struct arena *arena = arena_new();
	struct facts facts = test_facts(row->client, "h", "x@a.example", "b@adatum.com", arena);
	const struct signing *list;
	char shown[300];
	struct text out = TEXT_FIXED(shown);

	facts.has_account = facts.has_tls = facts.has_from = true;
	test_mailbox(row->from, arena, &facts.from);
	size_t count = policy_signs(policy, &facts, row->own, arena, &list);
	for (size_t i = 0; i < count; i++)
		text_format(&out, "%.*s %.*s;", SLICE_ARGS(list[i].selector),
			SLICE_ARGS(list[i].key_path));
	if (!slice_is(text_slice(&out), slice_of(row->expected)))
		print_message("%s: %.*s\n", row->from, SLICE_ARGS(text_slice(&out)));
	assert_true(slice_is(text_slice(&out), slice_of(row->expected)));
	arena_free(arena);
}

static void all_lines_of_the_authors_domain_sign(void **state)
{
	static const char office[] = "192.0.2.1", stranger[] = "203.0.113.9";
	const struct row rows[] = {
		{office, "u@example.org", false, "rsa /k/rsa.pem;ed /k/ed.pem;"},
		{office, "u@b.example", false, "all /k/b.example/b.example.pem;"},
		{office, "u@adatum.com", false, ""}, /* not owned */
		{stranger, "u@example.org", false, ""},
		{stranger, "postmaster@example.org", true, "rsa /k/rsa.pem;ed /k/ed.pem;"},
		{stranger, "u@c.example", true, "all /k/c.example/c.example.pem;"},
		{"192.0.2.200", "u@c.example", true, "g /k/g.pem;"},
		{NULL, "u@c.example", true, "all /k/c.example/c.example.pem;"},
		{stranger, "u@[192.0.2.1]", true, ""},
	};
	struct policy *policy = test_load(text, NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		keys_hold(policy, &rows[i]);
	policy_unref(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_lines_of_the_authors_domain_sign)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
