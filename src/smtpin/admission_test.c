/* SPDX-License-Identifier: Apache-2.0 */
/* Whose handshake waits: sessions of an edge of which nothing is asked but that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/fake.h"
#include "run/sim.h"
#include "smtpin/session.h"

struct scene {
	struct arena *arena;
	struct loop *loop;
	struct edge edge;
};

static void take_line(void *owner, struct slice line)
{
	(void)owner, (void)line;
}

static struct policy *policy_of(struct arena *arena)
{
	struct complaints complaints;
	struct bundle bundle;

	bundle_of_text(SLICE("test.conf"),
		SLICE("hostname mx.example.org\nlisten submission \"127.0.0.1:0\"\n"
		      "domain example.org any recipient deliver via mx\n"
		      "network office 192.0.2.0/24\nrelay for network office\n"),
		arena, &bundle);
	complaints_init(&complaints);
	struct policy *policy = policy_load(&bundle, &complaints);
	complaints_free(&complaints);
	assert_non_null(policy);
	return policy;
}

static int setup(void **state)
{
	static struct scene scene;

	scene = (struct scene){.arena = arena_new(), .loop = sim_open(1700000000 * NS_PER_S)};
	edge_open(&scene.edge, scene.loop, 1, (struct edge_journal){.take = take_line});
	edge_use_policy(&scene.edge, policy_of(scene.arena));
	scene.edge.asker = asker_open(scene.loop);
	(void)accounts_fake_new(scene.arena, scene.edge.asker,
		SLICE("alice@example.org password=secret\n"
		      "shut 203.0.113.9 60\nshut 192.0.2.9 60\nshut 2001:db8:1:2::1 60\n"));
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	asker_close(scene->edge.asker);
	edge_close(&scene->edge);
	loop_close(scene->loop);
	arena_free(scene->arena);
	return 0;
}

static enum tls_turn turn_of(struct scene *scene, const char *client)
{
	struct session session = {.edge = &scene->edge, .service = SLICE("submission")};

	assert_true(address_parse(slice_of(client), &session.client));
	return admission_turn(&session);
}

static void strangers_wait_and_who_guesses_waits_longest(void **state)
{
	assert_int_equal(turn_of(*state, "203.0.113.1"), TLS_IN_TURN);
	assert_int_equal(turn_of(*state, "203.0.113.9"), TLS_LAST);
	assert_int_equal(turn_of(*state, "2001:db8:1:2:ffff::1"), TLS_LAST);
	assert_int_equal(turn_of(*state, "2001:db8:1:3::1"), TLS_IN_TURN);
}

static void who_may_relay_does_not_wait(void **state)
{
	assert_int_equal(turn_of(*state, "192.0.2.1"), TLS_AT_ONCE);
	assert_int_equal(turn_of(*state, "192.0.2.9"), TLS_AT_ONCE);
}

static void sign_in_run(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct asker_exchange exchange;
	struct signin_begin begin = {.service = SIGNIN_SUBMISSION,
		.tls = true,
		.mechanism = SLICE("PLAIN"),
		.has_initial = true,
		.initial = SLICE("\0alice@example.org\0secret")};

	assert_true(address_parse(SLICE("203.0.113.1"), &begin.client));
	assert_int_equal(asker_sign_in(task, scene->edge.asker, scene->arena, &begin, &exchange),
		EXCHANGE_DONE);
	assert_int_equal(exchange.outcome, SIGNED_IN);
	asker_end(&exchange);
}

static void day_run(struct task *task, void *arg)
{
	(void)arg;
	assert_int_equal(task_sleep(task, 24 * 60 * 60 * NS_PER_S), WAIT_READY);
}

static void where_somebody_has_signed_in_within_a_day_nobody_waits(void **state)
{
	struct scene *scene = *state;

	assert_true(task_start(scene->loop, "client", sign_in_run, scene));
	loop_run(scene->loop);
	assert_int_equal(turn_of(scene, "203.0.113.1"), TLS_AT_ONCE);
	assert_int_equal(turn_of(scene, "203.0.113.2"), TLS_IN_TURN);
	assert_true(task_start(scene->loop, "day", day_run, NULL));
	loop_run(scene->loop);
	assert_int_equal(turn_of(scene, "203.0.113.1"), TLS_IN_TURN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(strangers_wait_and_who_guesses_waits_longest),
		TEST(who_may_relay_does_not_wait),
		TEST(where_somebody_has_signed_in_within_a_day_nobody_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
