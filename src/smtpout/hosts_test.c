/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail goes: mail exchangers and named hosts, out of a zone text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dns/fake.h"
#include "run/sim.h"
#include "smtpout/hosts.h"

#define ZONE                                                                                       \
	"one.example MX 10 mx1.example\n"                                                          \
	"mx1.example A 198.51.100.1\n"                                                             \
	"mx1.example AAAA 2001:db8::1\n"                                                           \
	"mx2.example A 198.51.100.2\n"                                                             \
	"mx3.example A 198.51.100.3\n"                                                             \
	"order.example MX 30 mx3.example\n"                                                        \
	"order.example MX 10 mx1.example.\n"                                                       \
	"order.example MX 20 mx2.example\n"                                                        \
	"equal.example MX 10 mx2.example\n"                                                        \
	"equal.example MX 10 mx3.example\n"                                                        \
	"backup.example MX 10 mx2.example\n"                                                       \
	"backup.example MX 20 US.example\n"                                                        \
	"backup.example MX 20 mx1.example\n"                                                       \
	"backup.example MX 30 mx3.example\n"                                                       \
	"loop.example MX 10 us.example\n"                                                          \
	"loop.example MX 20 mx1.example\n"                                                         \
	"implicit.example A 198.51.100.9\n"                                                        \
	"us.example A 198.51.100.99\n"                                                             \
	"null.example MX 0 .\n"                                                                    \
	"nothing.example TXT x\n"                                                                  \
	"alias.example CNAME one.example\n"                                                        \
	"dangling.example MX 10 gone.example\n"                                                    \
	"half.example MX 10 broken.example\n"                                                      \
	"half.example MX 20 mx2.example\n"                                                         \
	"unsure.example MX 10 broken.example\n"                                                    \
	"unsure.example MX 20 inside.example\n"                                                    \
	"inside.example A 10.1.2.3\n"                                                              \
	"inside.example A 127.0.0.1\n"                                                             \
	"inside.example AAAA fe80::1\n"                                                            \
	"private.example MX 10 inside.example\n"                                                   \
	"tolocal.example MX 10 localhost\n"                                                        \
	"broken.example SERVFAIL\n"                                                                \
	"silent.example TIMEOUT\n"

struct row {
	const char *target;
	bool by_name, private_too;
	const char *found; /* addresses, or the reason's name */
};

static const struct row rows[] = {
	{"one.example", false, false, "198.51.100.1:25 [2001:db8::1]:25 "},
	{"order.example", false, false,
		"198.51.100.1:25 [2001:db8::1]:25 198.51.100.2:25 198.51.100.3:25 "},
	{"alias.example", false, false, "198.51.100.1:25 [2001:db8::1]:25 "},
	{"backup.example", false, false, "198.51.100.2:25 "},
	{"loop.example", false, false, "loops-back"},
	{"us.example", false, false, "loops-back"},
	{"implicit.example", false, false, "198.51.100.9:25 "},
	{"null.example", false, false, "null-mx"},
	{"nothing.example", false, false, "no-usable-host"},
	{"nowhere.example", false, false, "no-such-domain"},
	{"dangling.example", false, false, "no-usable-host"},
	{"broken.example", false, false, "dns-failed"},
	{"silent.example", false, false, "dns-failed"},
	{"half.example", false, false, "198.51.100.2:25 "},
	{"unsure.example", false, false, "dns-failed"},
	{"private.example", false, false, "no-usable-host"},
	{"private.example", false, true, "10.1.2.3:25 127.0.0.1:25 [fe80::1]:25 "},
	{"tolocal.example", false, false, "no-usable-host"},
	{"[198.51.100.7]", false, false, "198.51.100.7:25 "},
	{"[IPv6:2001:db8::7]", false, false, "[2001:db8::7]:25 "},
	{"[127.0.0.1]", false, false, "no-usable-host"},
	{"[IPv6:::ffff:127.0.0.1]", false, false, "no-usable-host"},
	{"[IPv6:::1]", false, false, "no-usable-host"},
	{"[127.0.0.1]", false, true, "127.0.0.1:25 "},
	{"[x-tag:1]", false, true, "no-usable-host"},
	{"127.0.0.1:2526", true, false, "127.0.0.1:2526 "},
	{"[::1]:26 mx2.example:587", true, false, "[::1]:26 198.51.100.2:587 "},
	{"localhost:2525", true, false, "127.0.0.1:2525 [::1]:2525 "},
	{"inside.example:25", true, false, "10.1.2.3:25 127.0.0.1:25 [fe80::1]:25 "},
	{"broken.example:25 mx2.example:25", true, false, "198.51.100.2:25 "},
	{"nowhere.example:25", true, false, "dns-failed"},
	{"broken.example:25", true, false, "dns-failed"},
};

struct look {
	const struct row *row;
	uint64_t seed;
	struct text found;
	enum outcome outcome;
};

static void look(struct task *task, void *arg)
{
	struct look *look = arg;
	struct arena *arena = arena_new();
	struct hosts *hosts = ARENA_NEW(arena, struct hosts);
	struct hosts_ask ask = {.dns = dns_fake_new(arena, SLICE(ZONE)),
		.target = slice_of(look->row->target),
		.our_name = SLICE("us.example"),
		.port = 25,
		.private_too = look->row->private_too,
		.seed = look->seed};
	enum wait wait = look->row->by_name ? hosts_by_name(task, &ask, arena, hosts)
					    : hosts_by_mx(task, &ask, arena, hosts);

	assert_int_equal(wait, WAIT_READY);
	for (size_t i = 0; i < hosts->count; i++) {
		text_address_port(&look->found, &hosts->list[i].address);
		text_char(&look->found, ' ');
	}
	look->outcome = hosts->failure.outcome;
	if (hosts->count == 0)
		text_put(&look->found, reason_row(hosts->failure.reason)->name);
	text_char(&look->found, '\0');
	arena_free(arena);
}

static void look_for(struct look *looking)
{
	struct loop *loop = sim_open(0);

	looking->found = TEXT_GROWING;
	assert_true(task_start(loop, "look", look, looking));
	loop_run(loop);
	loop_close(loop);
}

static void each_target_leads_where_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct look looking = {.row = &rows[i]};
		print_message("%s\n", rows[i].target);
		look_for(&looking);
		assert_string_equal(looking.found.at, rows[i].found);
		text_free(&looking.found);
	}
}

static void what_cannot_be_told_is_never_a_failure(void **state)
{
	static const char *const unsure[] = {"broken.example", "silent.example", "unsure.example"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct row row = {.target = unsure[i]};
		struct look looking = {.row = &row, .outcome = OUTCOME_FAILED};
		look_for(&looking);
		assert_int_equal(looking.outcome, OUTCOME_DEFERRED);
		text_free(&looking.found);
	}
}

static void equal_preferences_take_turns(void **state)
{
	static const struct row row = {"equal.example", false, false, ""};
	unsigned first = 0, count = 200;

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		struct look looking = {.row = &row, .seed = i * UINT64_C(0x9e3779b97f4a7c15)};
		look_for(&looking);
		first += slice_starts(text_slice(&looking.found), SLICE("198.51.100.2"));
		text_free(&looking.found);
	}
	assert_in_range(first, 60, 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_target_leads_where_the_table_says),
		cmocka_unit_test(what_cannot_be_told_is_never_a_failure),
		cmocka_unit_test(equal_preferences_take_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
