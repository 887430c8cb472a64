/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the resolver, with the test as the resolver at the other end of the channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "dns/client.h"
#include "dns/fake.h"
#include "dns/reverse.h"
#include "packets/resolve.h"
#include "run/channel.h"
#include "run/sim.h"

enum manner { ANSWERS, ANSWERS_NONSENSE, IS_SILENT, DIES };

struct scene {
	struct loop *loop;
	struct dns_client *client;
	struct channel *resolver;
	enum manner manner;
	mono_ns limit;
	enum wait wait;
	struct dns_answer answer;
	struct arena *arena;
};

static void answer_put(struct channel *channel, const struct resolve_ask *ask, struct slice address)
{
	char records[64], body[256];
	struct writer list = writer_over(records, sizeof records);
	struct writer out = writer_over(body, sizeof body);

	resolve_record_write(&list, &(struct resolve_record){.data = address});
	resolve_answer_write(&out, &(struct resolve_answer){.request = ask->request,
					   .outcome = DNS_FOUND,
					   .secure = true,
					   .ttl = 60,
					   .count = 1,
					   .records = writer_slice(&list)});
	assert_int_equal(channel_send(channel, RESOLVE_ANSWER, writer_slice(&out), -1), SENT);
}

static void resolver_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct resolve_ask ask;

	assert_int_equal(type, RESOLVE_ASK);
	assert_int_equal(fd, -1);
	assert_true(resolve_ask_read(body, &ask));
	if (scene->manner == ANSWERS)
		answer_put(channel, &ask, SLICE("\xc0\x00\x02\x01"));
	else if (scene->manner == ANSWERS_NONSENSE)
		answer_put(channel, &ask, SLICE("\xc0\x00\x02"));
	else if (scene->manner == DIES)
		loop_stop(scene->loop);
}

static void resolver_gone(void *owner, struct channel *channel)
{
	struct scene *scene = owner;

	channel_close(channel);
	scene->resolver = NULL;
}

static void ask(struct task *task, void *arg)
{
	struct scene *scene = arg;

	if (scene->limit)
		task_limit(task, scene->limit);
	scene->wait = dns_ask(task, dns_client_dns(scene->client), DNS_A, SLICE("mx.example."),
		scene->arena, &scene->answer);
}

static void scene_play(struct scene *scene, bool connected)
{
	int fds[2];

	scene->loop = sim_open(0);
	scene->arena = arena_new();
	scene->client = dns_client_open(scene->loop);
	if (connected) {
		assert_true(channel_pair(fds));
		dns_client_connect(scene->client, fds[0]);
		scene->resolver = channel_open(scene->loop, fds[1],
			(struct channel_user){.receive = resolver_receive,
				.gone = resolver_gone,
				.owner = scene});
	}
	assert_true(task_start(scene->loop, "ask", ask, scene));
	loop_run(scene->loop);
	if (scene->manner == DIES) {
		channel_close(scene->resolver);
		scene->resolver = NULL;
		loop_run(scene->loop);
	}
	assert_int_equal(task_count(scene->loop), 0);
	assert_int_equal(dns_client_waiting(scene->client), 0);
	dns_client_close(scene->client);
	channel_close(scene->resolver);
	loop_close(scene->loop);
}

static void an_answer_comes_back_to_the_task_that_asked(void **state)
{
	struct scene scene = {.manner = ANSWERS};
	struct address expected;

	(void)state;
	scene_play(&scene, true);
	assert_int_equal(scene.wait, WAIT_READY);
	assert_int_equal(scene.answer.outcome, DNS_FOUND);
	assert_int_equal(scene.answer.count, 1);
	assert_true(scene.answer.secure);
	assert_true(address_parse(SLICE("192.0.2.1"), &expected));
	assert_true(address_is(&scene.answer.records[0].address, &expected));
	arena_free(scene.arena);
}

static void every_way_of_not_answering_cannot_tell(void **state)
{
	static const struct {
		enum manner manner;
		bool connected;
		const char *why;
	} rows[] = {
		{IS_SILENT, false, "the resolver is not running"},
		{IS_SILENT, true, "the resolver gave no answer"},
		{DIES, true, "the resolver ended before it answered"},
		{ANSWERS_NONSENSE, true, "the resolver's answer was not understood"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene scene = {.manner = rows[i].manner};
		scene_play(&scene, rows[i].connected);
		assert_int_equal(scene.wait, WAIT_READY);
		assert_int_equal(scene.answer.outcome, DNS_CANNOT_TELL);
		assert_string_equal(arena_string(scene.arena, scene.answer.why), rows[i].why);
		arena_free(scene.arena);
	}
}

static void the_deadline_of_the_task_comes_first(void **state)
{
	struct scene scene = {.manner = IS_SILENT, .limit = 3 * NS_PER_S};

	(void)state;
	scene_play(&scene, true);
	assert_int_equal(scene.wait, WAIT_DEADLINE);
	arena_free(scene.arena);
}

static void addresses_are_written_backwards(void **state)
{
	static const char *const rows[][2] = {
		{"192.0.2.1", "1.2.0.192.in-addr.arpa"},
		{"2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
				"ip6.arpa"},
	};
	char room[REVERSE_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct text name = TEXT_FIXED(room);
		struct address address;
		assert_true(address_parse(slice_of(rows[i][0]), &address));
		text_reverse_name(&name, &address);
		assert_true(slice_is(text_slice(&name), slice_of(rows[i][1])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_back_to_the_task_that_asked),
		cmocka_unit_test(every_way_of_not_answering_cannot_tell),
		cmocka_unit_test(the_deadline_of_the_task_comes_first),
		cmocka_unit_test(addresses_are_written_backwards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
