/* SPDX-License-Identifier: Apache-2.0 */
/* Lists, confirmed names and reachable domains over a fake DNS, in the simulated loop. */
#include "dns/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dns/fake.h"
#include "dns/health.h"
#include "dns/host.h"
#include "run/sim.h"

static const char zone[] =
	"4.2.0.192.bl.example A 127.0.0.4\n"
	"4.2.0.192.bl.example A 127.0.0.10\n"
	"5.2.0.192.bl.example A 127.255.255.254\n"
	"6.2.0.192.bl.example A 192.0.2.1\n"
	"7.2.0.192.bl.example SERVFAIL\n"
	"8.2.0.192.bl.example TIMEOUT\n"
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example A 127.0.0.2\n"
	"bad.example.bl.example A 127.0.1.2\n"
	/* Healthy: of both families, of IPv6 alone, of domains. */
	"2.0.0.127.good.example A 127.0.0.2\n"
	"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.six.example A 127.0.0.2\n"
	"test.domains.example A 127.0.1.2\n"
	/* Not: everything, IPv6 everything, nothing, refusing, silent, domains everything. */
	"2.0.0.127.all.example A 127.0.0.2\n"
	"1.0.0.127.all.example A 127.0.0.2\n"
	"2.0.0.127.all6.example A 127.0.0.2\n"
	"1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.all6.example A 127.0.0.2\n"
	"2.0.0.127.closed.example A 127.255.255.254\n"
	"2.0.0.127.dead.example TIMEOUT\n"
	"1.0.0.127.half.example SERVFAIL\n"
	"2.0.0.127.half.example A 127.0.0.2\n"
	"test.anything.example A 127.0.1.2\n"
	"invalid.anything.example A 127.0.1.2\n"
	/* Names. */
	"4.2.0.192.in-addr.arpa PTR z.example\n"
	"4.2.0.192.in-addr.arpa PTR other.example\n"
	"4.2.0.192.in-addr.arpa PTR a.example\n"
	"z.example A 192.0.2.4\n"
	"a.example A 192.0.2.4\n"
	"other.example A 192.0.2.9\n"
	"5.2.0.192.in-addr.arpa PTR other.example\n"
	"6.2.0.192.in-addr.arpa PTR other.example\n"
	"6.2.0.192.in-addr.arpa PTR broken.example\n"
	"7.2.0.192.in-addr.arpa PTR broken.example\n"
	"7.2.0.192.in-addr.arpa PTR seven.example\n"
	"seven.example A 192.0.2.7\n"
	"broken.example TIMEOUT\n"
	"8.2.0.192.in-addr.arpa SERVFAIL\n"
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.example\n"
	"six.example AAAA 2001:db8::1\n"
	/* Domains. */
	"fine.example MX 10 mx.fine.example\n"
	"null.example MX 0 .\n"
	"old.example A 192.0.2.1\n"
	"new.example AAAA 2001:db8::1\n"
	"bare.example TXT \"x\"\n";

struct scene {
	struct arena *arena;
	struct dns *dns;
	struct loop *loop;
};

static void play(void (*run)(struct task *, void *))
{
	struct scene scene = {.arena = arena_new(), .loop = sim_open(NS_PER_S)};

	scene.dns = dns_fake_new(scene.arena, slice_of(zone));
	assert_true(task_start(scene.loop, "test", run, &scene));
	loop_run(scene.loop);
	loop_close(scene.loop);
	arena_free(scene.arena);
}

static struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(slice_of(text), &address));
	return address;
}

/* ---- lists ---- */

static const struct {
	const char *address;
	enum list_verdict verdict;
	size_t count;
} addresses[] = {
	{"192.0.2.4", LIST_HAS, 2},
	{"192.0.2.5", LIST_CANNOT_TELL, 0},
	{"192.0.2.6", LIST_CANNOT_TELL, 0},
	{"192.0.2.7", LIST_CANNOT_TELL, 0},
	{"192.0.2.8", LIST_CANNOT_TELL, 0},
	{"192.0.2.9", LIST_HAS_NOT, 0},
	{"2001:db8::1", LIST_HAS, 1},
	{"2001:db8::2", LIST_HAS_NOT, 0},
};

static void ask_lists(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct list_answer answer;

	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct address address = address_of(addresses[i].address);
		mono_ns outer = task_limit(task, 5 * NS_PER_S);
		assert_int_equal(list_ask_address(task, scene->dns, SLICE("bl.example"), &address,
					 scene->arena, &answer),
			WAIT_READY);
		task_restore(task, outer);
		print_message("%s\n", addresses[i].address);
		assert_int_equal(answer.verdict, addresses[i].verdict);
		assert_int_equal(answer.count, addresses[i].count);
		assert_true(answer.because.len > 0);
	}
	assert_int_equal(list_ask_domain(task, scene->dns, SLICE("bl.example"),
				 SLICE("bad.example"), scene->arena, &answer),
		WAIT_READY);
	assert_int_equal(answer.verdict, LIST_HAS);
}

static void a_list_answers_from_127_or_not_at_all(void **state)
{
	(void)state;
	play(ask_lists);
}

static const struct {
	const char *zone;
	bool of_domains, believed;
	const char *why;
} tested[] = {
	{"good.example", false, true, ""},
	{"six.example", false, true, ""},
	{"domains.example", true, true, ""},
	{"all.example", false, false, "it lists 127.0.0.1, which no list may: it lists everything"},
	{"all6.example", false, false,
		"it lists 127.0.0.1, which no list may: it lists everything"},
	{"nothing.example", false, false,
		"it does not list 127.0.0.2, the entry that every list has for tests: it lists "
		"nothing"},
	{"closed.example", false, false,
		"2.0.0.127.closed.example is 127.255.255.254: it refuses our questions"},
	{"dead.example", false, false, "2.0.0.127.dead.example: no answer in time"},
	{"half.example", false, false, "1.0.0.127.half.example: SERVFAIL"},
	{"anything.example", true, false,
		"it lists invalid, which no list may: it lists everything"},
	{"none.example", true, false,
		"it does not list test, the entry that every list has for tests: it lists nothing"},
};

static void test_lists(struct task *task, void *arg)
{
	struct scene *scene = arg;

	for (size_t i = 0; i < sizeof tested / sizeof *tested; i++) {
		bool believed = false;
		struct slice why = SLICE_NONE;
		mono_ns outer = task_limit(task, 10 * NS_PER_S);
		assert_int_equal(list_test(task, scene->dns, slice_of(tested[i].zone),
					 tested[i].of_domains, scene->arena, &believed, &why),
			WAIT_READY);
		task_restore(task, outer);
		print_message("%s: %.*s\n", tested[i].zone, SLICE_ARGS(why));
		assert_int_equal(believed, tested[i].believed);
		assert_true(slice_is(why, slice_of(tested[i].why)));
	}
}

static void a_list_that_lists_all_or_nothing_is_not_believed(void **state)
{
	(void)state;
	play(test_lists);
}

/* ---- names ---- */

static const struct {
	const char *address;
	bool unknown;
	size_t count;
	const char *first;
} hosts[] = {
	{"192.0.2.4", false, 2, "a.example"},
	{"192.0.2.5", false, 0, ""},
	{"192.0.2.6", true, 0, ""},
	{"192.0.2.7", false, 1, "seven.example"},
	{"192.0.2.8", true, 0, ""},
	{"192.0.2.9", false, 0, ""},
	{"2001:db8::1", false, 1, "six.example"},
};

static void confirm_names(struct task *task, void *arg)
{
	struct scene *scene = arg;

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct address address = address_of(hosts[i].address);
		struct host_names names;
		mono_ns outer = task_limit(task, 5 * NS_PER_S);
		assert_int_equal(
			host_confirm(task, scene->dns, &address, scene->arena, &names), WAIT_READY);
		task_restore(task, outer);
		print_message("%s\n", hosts[i].address);
		assert_int_equal(names.unknown, hosts[i].unknown);
		assert_int_equal(names.count, hosts[i].count);
		if (names.count)
			assert_true(slice_is(names.names[0], slice_of(hosts[i].first)));
		else
			assert_true(names.because.len > 0);
	}
}

static void a_name_counts_when_it_leads_back(void **state)
{
	(void)state;
	play(confirm_names);
}

static const struct {
	const char *domain;
	enum reach reach;
	const char *because;
} domains[] = {
	{"fine.example", REACH_YES, "an MX record"},
	{"null.example", REACH_NO, NULL_MX_WORDS},
	{"old.example", REACH_YES, "an address"},
	{"new.example", REACH_YES, "an address"},
	{"bare.example", REACH_NO, "no MX record and no address"},
	{"nowhere.example", REACH_NO, "no such domain"},
	{"broken.example", REACH_CANNOT_TELL, "no answer in time"},
};

static void reach_domains(struct task *task, void *arg)
{
	struct scene *scene = arg;

	for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
		enum reach reach;
		struct slice because;
		mono_ns outer = task_limit(task, 5 * NS_PER_S);
		assert_int_equal(domain_reach(task, scene->dns, slice_of(domains[i].domain),
					 scene->arena, &reach, &because),
			WAIT_READY);
		task_restore(task, outer);
		print_message("%s\n", domains[i].domain);
		assert_int_equal(reach, domains[i].reach);
		assert_true(slice_is(because, slice_of(domains[i].because)));
	}
}

static void a_domain_is_reached_by_mx_or_address(void **state)
{
	(void)state;
	play(reach_domains);
}

/* ---- when lists are tested ---- */

struct told {
	struct scene *scene;
	unsigned changes;
	struct list_tests *tests;
	bool closed;
};

static void changed(void *owner, const struct list_state *state)
{
	struct told *told = owner;

	assert_int_not_equal(state->health, LIST_UNTESTED);
	told->changes++;
}

static void closed(void *owner)
{
	((struct told *)owner)->closed = true;
}

static void wait_a(struct task *task, mono_ns time)
{
	assert_int_equal(task_sleep(task, time), WAIT_READY);
}

static void watch(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct told told = {.scene = scene};
	const struct list_name names[] = {
		{SLICE("good.example"), false}, {SLICE("nothing.example"), false}};

	told.tests = list_tests_open(scene->loop, scene->dns, changed, &told);
	wait_a(task, NS_PER_S);
	assert_int_equal(dns_fake_asked(scene->dns), 0);
	list_tests_use(told.tests, names, 2);
	wait_a(task, NS_PER_S);
	assert_int_equal(told.changes, 2);
	assert_int_equal(list_tests_state(told.tests, 0)->health, LIST_BELIEVED);
	assert_int_equal(list_tests_state(told.tests, 1)->health, LIST_NOT_BELIEVED);
	assert_int_equal(dns_fake_asked(scene->dns), 8);
	wait_a(task, 60 * NS_PER_S); /* the bad one again */
	assert_int_equal(dns_fake_asked(scene->dns), 12);
	list_tests_use(told.tests, names, 1); /* a reload: what is known stays, all are tested */
	assert_int_equal(list_tests_state(told.tests, 0)->health, LIST_BELIEVED);
	wait_a(task, NS_PER_S);
	assert_int_equal(dns_fake_asked(scene->dns), 16);
	wait_a(task, 3600 * NS_PER_S);
	assert_int_equal(dns_fake_asked(scene->dns), 20);
	assert_int_equal(told.changes, 2);
	list_tests_close(told.tests, closed);
	wait_a(task, NS_PER_S);
	assert_true(told.closed);
}

static void lists_are_tested_at_once_every_hour_and_sooner_while_bad(void **state)
{
	(void)state;
	play(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_answers_from_127_or_not_at_all),
		cmocka_unit_test(a_list_that_lists_all_or_nothing_is_not_believed),
		cmocka_unit_test(a_name_counts_when_it_leads_back),
		cmocka_unit_test(a_domain_is_reached_by_mx_or_address),
		cmocka_unit_test(lists_are_tested_at_once_every_hour_and_sooner_while_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
