/* SPDX-License-Identifier: Apache-2.0 */
/* A role attached to a loop, with the test as its supervisor at the other end of the channel. */
#include "role/role.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "role/build.h"
#include "role/shortage.h"

enum { TOLD_MAX = 32 };

/* What happened, as words in a row. */
struct story {
	char words[1024];
	size_t len;
};

struct scene {
	struct loop *loop;
	struct role *role;
	struct channel *channel; /* the supervisor's end */
	struct story lived;      /* what the kind was called for */
	struct story heard;      /* what the supervisor heard */
	char build[128];
	bool ready_at_go, end_at_stop;
	const char *until; /* the loop stops when the story ends with this */
};

static struct scene *the_scene; /* start() is given nothing else to find it by */

static bool told(const struct scene *scene, const char *words)
{
	return strstr(scene->lived.words, words) || strstr(scene->heard.words, words);
}

static void add(struct scene *scene, struct story *story, const char *word)
{
	story->len += (size_t)snprintf(
		story->words + story->len, sizeof story->words - story->len, "%s ", word);
	if (scene->until && told(scene, scene->until))
		loop_stop(scene->loop);
}

static void tell(struct scene *scene, const char *word)
{
	add(scene, &scene->lived, word);
}

static void *fake_start(struct role *role)
{
	(void)role;
	tell(the_scene, "start");
	return the_scene;
}

static bool fake_prepare(void *state, struct slice bundle, struct text *why)
{
	tell(state, "prepare");
	if (slice_is(bundle, SLICE("good")))
		return true;
	if (slice_is(bundle, SLICE("short")))
		role_is_short(the_scene->role, "threads for a test", EAGAIN);
	text_put(why, SLICE("not good"));
	return false;
}

static void fake_switch_over(void *state)
{
	tell(state, "switch");
}

static void fake_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	char word[64];

	snprintf(word, sizeof word, "peer-%s-%u", role_name_text(name), slot);
	tell(state, fcntl(fd, F_GETFD) >= 0 ? word : "peer-closed");
	close(fd);
}

static void fake_grant(void *state, const struct setup_grant *what, int fd)
{
	tell(state, what->what == GRANT_LISTENER ? "listener" : "grant");
	close(fd);
}

static void fake_revoke(void *state, const struct setup_grant *what)
{
	tell(state, slice_is(what->address, SLICE("127.0.0.1:25")) ? "revoke" : "revoke-other");
}

static void fake_message(void *state, uint16_t type, struct slice body)
{
	tell(state, type == SETUP_RELOADED && body.len > 0 ? "message" : "other-message");
}

static void fake_go(void *state)
{
	struct scene *scene = state;

	tell(scene, "go");
	if (scene->ready_at_go)
		role_is_ready(scene->role);
}

static void fake_stop(void *state)
{
	struct scene *scene = state;

	tell(scene, "stop");
	if (scene->end_at_stop)
		role_has_ended(scene->role);
}

static const struct role_kind fake = {
	.name = ROLE_EDGE,
	.start = fake_start,
	.prepare = fake_prepare,
	.switch_over = fake_switch_over,
	.peer = fake_peer,
	.grant = fake_grant,
	.revoke = fake_revoke,
	.message = fake_message,
	.go = fake_go,
	.stop = fake_stop,
};

static void hear_hello(struct scene *scene, struct slice body)
{
	struct setup_hello hello;

	assert_true(setup_hello_read(body, &hello));
	assert_int_equal(hello.role, ROLE_EDGE);
	assert_int_equal(hello.slot, 2);
	snprintf(scene->build, sizeof scene->build, "%.*s", SLICE_ARGS(hello.build));
	add(scene, &scene->heard, "HELLO");
}

static void hear_prepared(struct scene *scene, struct slice body)
{
	struct setup_prepared prepared;
	char word[64];

	assert_true(setup_prepared_read(body, &prepared));
	snprintf(word, sizeof word, "PREPARED-%u-%s", prepared.generation,
		prepared.ok ? "ok" : "no");
	add(scene, &scene->heard, word);
}

static void hear_switched(struct scene *scene, struct slice body)
{
	struct setup_bundle switched;
	char word[64];

	assert_true(setup_bundle_read(body, &switched));
	snprintf(word, sizeof word, "SWITCHED-%u", switched.generation);
	add(scene, &scene->heard, word);
}

static void hear(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	(void)channel;
	assert_int_equal(fd, -1);
	if (type == SETUP_HELLO)
		hear_hello(owner, body);
	else if (type == SETUP_PREPARED)
		hear_prepared(owner, body);
	else if (type == SETUP_SWITCHED)
		hear_switched(owner, body);
	else
		add(owner, &((struct scene *)owner)->heard,
			type == SETUP_READY   ? "READY"
			: type == SETUP_ENDED ? "ENDED"
					      : "?");
}

static void gone(void *owner, struct channel *channel)
{
	struct scene *scene = owner;

	channel_close(channel);
	scene->channel = NULL;
}

static void scene_open(struct scene *scene)
{
	int fds[2];

	*scene = (struct scene){.loop = loop_open()};
	the_scene = scene;
	assert_non_null(scene->loop);
	assert_true(channel_pair(fds));
	scene->channel = channel_open(scene->loop, fds[0],
		(struct channel_user){.receive = hear, .gone = gone, .owner = scene});
	scene->role = role_attach(scene->loop, &fake, 2, fds[1]);
	assert_non_null(scene->channel);
	assert_non_null(scene->role);
}

static void scene_close(struct scene *scene)
{
	role_detach(scene->role);
	channel_close(scene->channel);
	loop_close(scene->loop);
}

static void play(struct scene *scene, const char *until)
{
	scene->until = until;
	if (!told(scene, until))
		loop_run(scene->loop);
	assert_true(told(scene, until));
}

static int times_told(const struct scene *scene, const char *word)
{
	int times = 0;

	for (const char *at = scene->lived.words; (at = strstr(at, word)); at++)
		times++;
	return times;
}

static void order(struct scene *scene, enum setup_type type, struct writer *body, int fd)
{
	assert_int_equal(
		channel_send(scene->channel, (uint16_t)type, writer_slice(body), fd), SENT);
	if (fd >= 0)
		close(fd);
}

static int memory_file(const char *text, bool sealed)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (sealed)
		assert_int_equal(
			fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	return fd;
}

static void order_bundle(struct scene *scene, uint32_t generation, int fd)
{
	char buffer[64];
	struct writer body = writer_over(buffer, sizeof buffer);

	setup_bundle_write(&body, &(struct setup_bundle){generation});
	order(scene, fd < 0 ? SETUP_SWITCH : SETUP_BUNDLE, &body, fd);
}

static void order_grant(struct scene *scene, enum setup_type type, int fd)
{
	char buffer[64];
	struct writer body = writer_over(buffer, sizeof buffer);

	setup_grant_write(
		&body, &(struct setup_grant){GRANT_LISTENER, SLICE("smtp"), SLICE("127.0.0.1:25")});
	order(scene, type, &body, fd);
}

static void order_start(struct scene *scene)
{
	char buffer[64];
	struct writer body = writer_over(buffer, sizeof buffer);

	order_bundle(scene, 1, memory_file("good", true));
	order_bundle(scene, 1, -1);
	setup_peer_write(&body, &(struct setup_peer){ROLE_QUEUE, 7});
	order(scene, SETUP_PEER, &body, memory_file("x", false));
	order_grant(scene, SETUP_GRANT, memory_file("x", false));
	body = writer_over(buffer, 0);
	order(scene, SETUP_GO, &body, -1);
}

static void a_role_says_hello_and_lives_in_the_promised_order(void **state)
{
	struct scene scene;
	char build[128];
	struct text text = TEXT_FIXED(build);

	(void)state;
	scene_open(&scene);
	scene.ready_at_go = true;
	order_start(&scene);
	play(&scene, "READY");
	assert_true(told(&scene, "start prepare switch peer-queue-7 listener go "));
	assert_true(told(&scene, "HELLO PREPARED-1-ok SWITCHED-1 READY"));
	text_build(&text);
	text_char(&text, '\0');
	assert_string_equal(scene.build, build);
	scene_close(&scene);
}

static void a_bundle_that_is_not_good_or_not_sealed_changes_nothing(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	order_start(&scene);
	order_bundle(&scene, 2, memory_file("bad", true));
	play(&scene, "PREPARED-2-no");
	order_bundle(&scene, 3, memory_file("good", false));
	play(&scene, "PREPARED-3-no");
	order_bundle(&scene, 4, memory_file("good", true));
	order_bundle(&scene, 4, -1);
	play(&scene, "SWITCHED-4");
	assert_int_equal(times_told(&scene, "prepare "), 3); /* the unsealed one was not shown */
	assert_int_equal(times_told(&scene, "switch "), 2);
	scene_close(&scene);
}

/* The supervisor must not take it for a refusal, after which a first start is given up for good. */
static void a_role_that_is_short_ends_and_says_nothing_about_the_bundle(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	order_bundle(&scene, 1, memory_file("short", true));
	order_bundle(&scene, 2, memory_file("good", true));
	play(&scene, "ENDED");
	assert_true(told(&scene, "HELLO ENDED"));
	assert_int_equal(times_told(&scene, "prepare "), 1);
	scene_close(&scene);
}

static void a_shortage_is_told_with_what_would_help(void **state)
{
	static const struct {
		int error;
		const char *words;
	} rows[] = {
		{EMFILE, "Too many open files: raise LimitNOFILE= of the service, or `ulimit -n`"},
		{EAGAIN, "Resource temporarily unavailable: raise TasksMax= of the service, or "
			 "`ulimit -u`"},
		{EIO, "Input/output error"},
	};
	char room[200];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text text = TEXT_FIXED(room);
		text_shortage(&text, rows[i].error);
		assert_true(slice_is(text_slice(&text), slice_of(rows[i].words)));
		assert_int_equal(error_is_shortage(rows[i].error), rows[i].error != EIO);
	}
}

static void a_revoked_listener_and_other_messages_reach_the_kind(void **state)
{
	struct scene scene;
	char buffer[64];
	struct writer body = writer_over(buffer, sizeof buffer);

	(void)state;
	scene_open(&scene);
	order_start(&scene);
	order_grant(&scene, SETUP_REVOKE, -1);
	setup_reloaded_write(&body, &(struct setup_reloaded){1, true, SLICE("x")});
	order(&scene, SETUP_RELOADED, &body, -1);
	play(&scene, "message");
	assert_true(told(&scene, "go revoke message"));
	scene_close(&scene);
}

static void order_stop(struct scene *scene, uint32_t grace_ms)
{
	char buffer[64];
	struct writer body = writer_over(buffer, sizeof buffer);

	setup_stop_write(&body, &(struct setup_stop){grace_ms});
	order(scene, SETUP_STOP, &body, -1);
}

static void a_role_that_ends_in_order_says_so_once(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.end_at_stop = true;
	order_start(&scene);
	order_stop(&scene, 60000);
	order_stop(&scene, 60000);
	play(&scene, "ENDED");
	role_has_ended(scene.role);
	assert_int_equal(times_told(&scene, "stop "), 1);
	scene_close(&scene);
}

static void a_role_that_does_not_end_is_ended_by_the_grace(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	order_start(&scene);
	order_stop(&scene, 20);
	play(&scene, "ENDED");
	assert_true(scene.role->stop_by != NEVER);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_role_says_hello_and_lives_in_the_promised_order),
		cmocka_unit_test(a_bundle_that_is_not_good_or_not_sealed_changes_nothing),
		cmocka_unit_test(a_role_that_is_short_ends_and_says_nothing_about_the_bundle),
		cmocka_unit_test(a_shortage_is_told_with_what_would_help),
		cmocka_unit_test(a_revoked_listener_and_other_messages_reach_the_kind),
		cmocka_unit_test(a_role_that_ends_in_order_says_so_once),
		cmocka_unit_test(a_role_that_does_not_end_is_ended_by_the_grace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
