/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a hostile server: the input is everything the server ever says, cut where a
 * byte 0xff stands. A first byte of 1 means LMTP. The session must end, and every recipient must be
 * settled or put back. */
#include "base/panic.h"
#include "smtpout/client_scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { JOBS = 3 };

struct hostile {
	struct io *server, *client;
	struct slice says;
	struct manner manner;
	struct job *jobs[JOBS];
	size_t next, ended;
};

static void hostile_server(struct task *task, void *arg)
{
	struct hostile *hostile = arg;

	while (hostile->says.len) {
		struct slice piece = slice_cut(&hostile->says, '\xff');
		if (piece.len && io_write(task, hostile->server, piece) != IO_DONE)
			break;
		if (task_sleep(task, NS_PER_S) != WAIT_READY)
			break;
	}
	io_close(hostile->server);
}

static struct job *hostile_next(void *owner)
{
	struct hostile *hostile = owner;

	return hostile->next < JOBS ? hostile->jobs[hostile->next++] : NULL;
}

static void hostile_done(void *owner, struct job *job)
{
	struct hostile *hostile = owner;

	panic_if(job_count(job, RCPT_SETTLED) != job->count, "done, and not settled");
	hostile->ended++;
	job_free(job);
}

static void hostile_put_back(void *owner, struct job *job)
{
	struct hostile *hostile = owner;

	panic_if(job_count(job, RCPT_WAITING) == 0, "put back, and nothing waits");
	panic_if(job_count(job, RCPT_WAITING) + job_count(job, RCPT_SETTLED) != job->count,
		"put back in the middle");
	hostile->ended++;
	job_free(job);
}

static void hostile_client(struct task *task, void *arg)
{
	struct hostile *hostile = arg;
	struct arena *arena = arena_new();
	struct settlement failure;
	struct host host = {.name = SLICE("mx.example.org")};
	struct client *client =
		client_greet(task, hostile->client, &host, &hostile->manner, arena, &failure);

	if (client) {
		client_serve(task, client,
			(struct client_work){
				hostile_next, hostile_done, hostile_put_back, hostile});
		client_quit(task, client);
	}
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct loop *loop = sim_open(0);
	bool lmtp = size > 0 && bytes[0] == 1;
	struct hostile hostile = {
		.says = slice_from((struct slice){(const char *)bytes, size}, lmtp),
		.manner = {.our_name = SLICE("us.example"), .lmtp = lmtp},
	};

	for (size_t i = 0; i < JOBS; i++)
		hostile.jobs[i] = scene_job(
			"a@us.example", "b@example.org c@example.org", SLICE(".x\r\n"), 0);
	sim_pair(loop, &hostile.server, &hostile.client);
	panic_if(!task_start(loop, "server", hostile_server, &hostile), "no task");
	panic_if(!task_start(loop, "client", hostile_client, &hostile), "no task");
	loop_run(loop);
	panic_if(task_count(loop) > 0, "the session does not end");
	panic_if(hostile.ended != hostile.next, "a job was lost");
	for (size_t i = hostile.next; i < JOBS; i++)
		job_free(hostile.jobs[i]);
	loop_close(loop);
	return 0;
}
