/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may send instead of a handshake: the bytes are given to a server in the simulated
 * loop, cut in pieces by the first of them. OpenSSL does the parsing; what is tried is that no
 * answer of it leaves our session waiting, spinning or with a hold on freed memory. */
#include <stdlib.h>

#include "base/panic.h"
#include "run/sim.h"
#include "tls/testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define SOME_DAY (INT64_C(1795000000) * NS_PER_S)

struct scene {
	struct testing_tls *server;
	struct io *ends[2];
	struct slice input;
};

static void serve(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct stream *stream = stream_open(scene->ends[0]);
	struct tls_session *session;
	struct text why = TEXT_GROWING;
	struct slice line;

	if (tls_accept(task, scene->server->tls, stream, &session, &why) != TLS_DONE)
		panic_if(why.len == 0, "a handshake failed without a reason");
	else if (stream_line(task, stream, 100, &line) == LINE_WHOLE)
		stream_put(stream, line);
	text_free(&why);
	tls_session_end(session);
	stream_close(stream);
}

static void send_all(struct task *task, void *arg)
{
	struct scene *scene = arg;
	char answer[1024];
	size_t got;

	if (io_write(task, scene->ends[1], scene->input) == IO_DONE)
		while (task_limit(task, NS_PER_S),
			io_read(task, scene->ends[1], answer, sizeof answer, &got) == IO_DONE)
			;
	io_close(scene->ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct loop *loop = sim_open(SOME_DAY);
	struct scene scene = {.input = {(const char *)bytes, size}};

	scene.server = testing_tls_open(loop, SLICE("mx.example"));
	sim_pair(loop, &scene.ends[0], &scene.ends[1]);
	sim_set_chunk(scene.ends[0], size > 0 ? bytes[0] : 0);
	panic_if(!task_start(loop, "server", serve, &scene) ||
			 !task_start(loop, "client", send_all, &scene),
		"no memory for tasks");
	loop_run(loop);
	testing_tls_close(scene.server);
	loop_close(loop);
	return 0;
}
