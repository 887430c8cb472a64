/* SPDX-License-Identifier: Apache-2.0 */
/* The role keys over real channels, with keys made now, and the door to it (tls/keys_door.c). */
#include "keys/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/panic.h"
#include "tls/private_key.h"
#include "tls/self_signed.h"
#include "tls/signer.h"

struct scene {
	struct loop *loop;
	struct role *role;
	int supervisor;
	void *keys;
	struct tls *tls;
	struct text certificate;
	enum tls_end end;
	char why[200];
	int client;
};

static int file_of(struct slice bytes)
{
	FILE *file = tmpfile();

	panic_if(!file, "no file");
	fwrite(bytes.at, 1, bytes.len, file);
	fflush(file);
	int fd = dup(fileno(file));
	fclose(file);
	return fd;
}

static struct slice name_of(struct slice pem, char hex[65])
{
	char words[200];
	struct text why = TEXT_FIXED(words);
	struct private_key *key = private_key_read(pem, &why);
	struct text text = {.at = hex, .size = 64};

	for (size_t i = 0; key && i < KEY_NAME_LEN; i++)
		text_hex(&text, private_key_name(key)[i], 2);
	private_key_free(key);
	return text_slice(&text);
}

static void grant(struct scene *scene, struct slice pem, struct slice name)
{
	const struct setup_grant granted = {
		.what = GRANT_KEY, .service = name, .address = SLICE("mx.key")};

	keys_role.grant(scene->keys, &granted, file_of(pem));
}

static void make(struct text *key, struct text *certificate)
{
	*key = *certificate = TEXT_GROWING;
	assert_int_equal(self_signed_make(SLICE("mx.example"), INT64_C(1790000000) * NS_PER_S, key,
				 certificate),
		STATUS_OK);
}

static void scene_open(struct scene *scene)
{
	int fds[2];

	*scene = (struct scene){.loop = loop_open()};
	assert_true(channel_pair(fds));
	scene->supervisor = fds[0];
	scene->role = role_attach(scene->loop, &keys_role, 0, fds[1]);
	assert_non_null(scene->role);
	scene->keys = scene->role->state;
}

static void scene_close(struct scene *scene)
{
	tls_close(scene->tls);
	keys_role.stop(scene->keys);
	role_detach(scene->role);
	close(scene->supervisor);
	loop_close(scene->loop);
}

static bool prepare(struct scene *scene)
{
	struct text why = TEXT_FIXED(scene->why);
	bool ok = keys_role.prepare(scene->keys, SLICE_NONE, &why);

	scene->why[why.len < sizeof scene->why ? why.len : sizeof scene->why - 1] = '\0';
	return ok;
}

static void a_key_of_another_certificate_changes_nothing(void **state)
{
	struct scene scene;
	struct text key, certificate;
	char hex[65];

	(void)state;
	scene_open(&scene);
	make(&key, &certificate);
	grant(&scene, text_slice(&key), SLICE("00"));
	assert_false(prepare(&scene));
	assert_string_equal(scene.why, "the key file mx.key is not the key of its certificate");
	grant(&scene, text_slice(&certificate), SLICE("00"));
	assert_false(prepare(&scene));
	assert_non_null(strstr(scene.why, "holds no private key"));
	grant(&scene, text_slice(&key), name_of(text_slice(&key), hex));
	assert_true(prepare(&scene));
	keys_role.switch_over(scene.keys);
	text_free(&key);
	text_free(&certificate);
	scene_close(&scene);
}

/* ---- a handshake whose signature comes from the role ---- */

static void serve(struct task *task, void *arg)
{
	struct scene *scene = arg;
	int fds[2];
	struct text why = TEXT_FIXED(scene->why);

	panic_if(!channel_pair(fds), "no channel");
	keys_role.peer(scene->keys, ROLE_EDGE, 0, fds[0]);
	tls_keys_peer(scene->tls, fds[1]);
	panic_if(task_sleep(task, NS_PER_MS) != WAIT_READY, "cancelled");
	panic_if(!tls_can_accept(scene->tls), "keys is away");
	struct stream *stream = stream_open(io_open(scene->loop, scene->client));
	struct tls_session *opened;
	scene->end = tls_accept(task, scene->tls, stream, &opened, &why);
	tls_session_end(opened);
	stream_close(stream);
}

static void connect_to(struct task *task, void *arg)
{
	int *fd = arg;
	char words[200];
	struct text why = TEXT_FIXED(words);
	struct tls *tls = tls_open_client(SLICE_NONE, &why);
	struct stream *stream = stream_open(io_open(task_loop(task), *fd));
	const struct tls_wish wish = {.name = SLICE("mx.example")};
	struct tls_session *session;
	struct slice bytes;

	panic_if(!tls, "no client");
	if (tls_connect(task, tls, stream, &wish, &session, &why) == TLS_DONE)
		(void)!stream_peek(task, stream, &bytes);
	tls_session_end(session);
	stream_close(stream);
	tls_close(tls);
	loop_stop(task_loop(task)); /* the server has ended before */
}

static void handshake(struct scene *scene, struct text *certificate)
{
	int pair[2];
	char words[200];
	struct text why = TEXT_FIXED(words);
	const struct tls_chain chain = {SLICE("mx.pem"), text_slice(certificate)};
	const struct tls_setup setup = {.chains = &chain, .chain_count = 1};

	scene->tls = tls_open(scene->loop, &why);
	struct tls_contexts *contexts = tls_prepare(scene->tls, &setup, &why);
	assert_non_null(contexts);
	tls_switch_over(scene->tls, contexts);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	scene->client = pair[0];
	assert_true(task_start(scene->loop, "server", serve, scene));
	assert_true(task_start(scene->loop, "client", connect_to, &pair[1]));
	loop_run(scene->loop);
}

static void a_session_is_signed_by_the_role(void **state)
{
	struct scene scene;
	struct text key, certificate;
	char hex[65];

	(void)state;
	scene_open(&scene);
	make(&key, &certificate);
	grant(&scene, text_slice(&key), name_of(text_slice(&key), hex));
	assert_true(prepare(&scene));
	keys_role.switch_over(scene.keys);
	handshake(&scene, &certificate);
	assert_int_equal(scene.end, TLS_DONE);
	assert_int_equal(tls_counts(scene.tls)->signatures, 1);
	text_free(&key);
	text_free(&certificate);
	scene_close(&scene);
}

static void a_key_that_the_role_has_not_is_said(void **state)
{
	struct scene scene;
	struct text key, certificate;

	(void)state;
	scene_open(&scene);
	make(&key, &certificate);
	assert_true(prepare(&scene));
	keys_role.switch_over(scene.keys);
	handshake(&scene, &certificate);
	assert_int_equal(scene.end, TLS_NO_KEYS);
	assert_int_equal(tls_counts(scene.tls)->unsigned_, 1);
	text_free(&key);
	text_free(&certificate);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_of_another_certificate_changes_nothing),
		cmocka_unit_test(a_session_is_signed_by_the_role),
		cmocka_unit_test(a_key_that_the_role_has_not_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
