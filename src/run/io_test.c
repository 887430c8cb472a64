/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sockets: listening, accepting, connecting, resets, shortage; and of offload threads. */
#include "run/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/resource.h>
#include <unistd.h>

#include "run/offload.h"
#include "run/sim.h"
#include "run/stream.h"

enum { CLIENTS = 50 };

struct place {
	struct io *listener;
	struct address address;
	int served, answered;
};

static void serves(struct task *task, void *arg)
{
	struct place *place = arg;
	struct address from;
	struct io *client;
	char c;
	size_t got;

	for (; place->served < CLIENTS; place->served++) {
		assert_int_equal(io_accept(task, place->listener, &client, &from), IO_DONE);
		assert_true(address_is_loopback(&from) && from.port != 0);
		assert_int_equal(io_write(task, client, SLICE("220")), IO_DONE);
		assert_int_equal(io_read(task, client, &c, 1, &got), IO_CLOSED);
		io_close(client);
	}
	io_close(place->listener);
}

static void visits(struct task *task, void *arg)
{
	struct place *place = arg;
	struct io *server;
	char buffer[10];
	size_t got;

	assert_int_equal(io_connect(task, &place->address, &server), IO_DONE);
	assert_int_equal(io_read(task, server, buffer, sizeof buffer, &got), IO_DONE);
	assert_slice(((struct slice){buffer, got}), "220");
	io_close(server);
	place->answered++;
}

static struct address loopback(const char *text)
{
	struct address address;

	assert_true(address_parse_port(slice_of(text), &address));
	return address;
}

static void visit(struct loop *loop, struct place *place)
{
	start(loop, "serves", serves, place);
	for (int i = 0; i < CLIENTS; i++)
		start(loop, "visits", visits, place);
	loop_run(loop);
	assert_int_equal(place->served, CLIENTS);
	assert_int_equal(place->answered, CLIENTS);
	assert_int_equal(task_count(loop), 0);
	loop_close(loop);
}

static void test_clients_are_accepted_over_real_sockets(void **state)
{
	static const char *const places[] = {"127.0.0.1:0", "[::1]:0"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct loop *loop = loop_open();
		struct place place = {.address = loopback(places[i])};
		int on = 0, fd = listen_open(&place.address, i == 0);
		socklen_t size = sizeof on;

		if (fd < 0 && i == 1) {
			print_message("no IPv6 here: skipped\n");
			loop_close(loop);
			continue;
		}
		assert_true(fd >= 0);
		assert_true(listen_address(fd, &place.address));
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
		assert_int_equal(on, 1);
		place.listener = io_open(loop, fd);
		visit(loop, &place);
	}
}

static void test_clients_are_accepted_in_the_simulated_loop(void **state)
{
	struct loop *loop = sim_open(0);
	struct place place = {.address = loopback("192.0.2.1:25")};

	(void)state;
	place.listener = sim_listen(loop, &place.address);
	visit(loop, &place);
}

/* Two clients come before they are accepted; the first has spoken. */
struct first_look {
	struct io *listener;
	bool had_input[2];
};

static void looks_first(struct task *task, void *arg)
{
	struct first_look *look = arg;

	for (int i = 0; i < 2; i++) {
		struct io *client;
		assert_int_equal(io_accept(task, look->listener, &client, NULL), IO_DONE);
		io_look_first(task, client);
		struct stream *stream = stream_open(client);
		look->had_input[i] = stream_has_input(stream);
		io_close_follows(client);
		assert_int_equal(io_write(task, client, SLICE("221 ")), IO_DONE);
		assert_int_equal(io_write(task, client, SLICE("bye")), IO_DONE);
		stream_close(stream);
	}
	io_close(look->listener);
}

static int plain_client(const struct address *address, struct slice says)
{
	struct sockaddr_storage raw;
	socklen_t size = address_to_sockaddr(address, &raw);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&raw, size), 0);
	assert_int_equal(send(fd, says.at, says.len, 0), says.len);
	return fd;
}

static void test_who_has_spoken_is_known_and_last_words_arrive_with_the_end(void **state)
{
	struct loop *loop = loop_open();
	struct address address = loopback("127.0.0.1:0");
	int fd = listen_open(&address, false);
	struct first_look look = {.listener = io_open(loop, fd)};
	char heard[20];

	(void)state;
	assert_true(listen_address(fd, &address));
	int early = plain_client(&address, SLICE("EHLO")),
	    silent = plain_client(&address, SLICE(""));
	start(loop, "looks first", looks_first, &look);
	loop_run(loop);
	assert_true(look.had_input[0]);
	assert_false(look.had_input[1]);
	assert_int_equal(recv(silent, heard, sizeof heard, MSG_WAITALL), 7);
	assert_memory_equal(heard, "221 bye", 7);
	close(early);
	close(silent);
	loop_close(loop);
}

struct attempt {
	struct address address;
	enum io_end end;
	int error;
	mono_ns took;
};

static void attempts(struct task *task, void *arg)
{
	struct attempt *attempt = arg;
	struct io *server = NULL;
	mono_ns begin = loop_mono(task_loop(task));

	task_limit(task, 30 * NS_PER_S);
	attempt->end = io_connect(task, &attempt->address, &server);
	attempt->error = errno;
	attempt->took = loop_mono(task_loop(task)) - begin;
	assert_null(server);
}

static void test_refused_connections_say_why(void **state)
{
	struct loop *loop = sim_open(0);
	struct attempt nobody = {.address = loopback("192.0.2.1:25")};
	struct attempt refused = {.address = loopback("192.0.2.2:25")};
	struct attempt silent = {.address = loopback("192.0.2.3:25")};

	(void)state;
	sim_refuse(loop, &refused.address, EHOSTUNREACH);
	sim_refuse(loop, &silent.address, 0);
	start(loop, "nobody", attempts, &nobody);
	start(loop, "refused", attempts, &refused);
	start(loop, "silent", attempts, &silent);
	loop_run(loop);
	assert_int_equal(nobody.end, IO_FAILED);
	assert_int_equal(nobody.error, ECONNREFUSED);
	assert_int_equal(refused.end, IO_FAILED);
	assert_int_equal(refused.error, EHOSTUNREACH);
	assert_int_equal(silent.end, IO_DEADLINE);
	assert_int_equal(silent.took, 30 * NS_PER_S);
	loop_close(loop);

	loop = loop_open();
	struct attempt real = {.address = loopback("127.0.0.1:0")};
	int fd = listen_open(&real.address, false);
	assert_true(listen_address(fd, &real.address));
	close(fd);
	start(loop, "real", attempts, &real);
	loop_run(loop);
	assert_int_equal(real.end, IO_FAILED);
	assert_int_equal(real.error, ECONNREFUSED);
	loop_close(loop);
}

/* --- a reset that comes together with bytes has no edge of its own --- */

static void reads_to_the_end(struct task *task, void *arg)
{
	char buffer[100];
	size_t got;
	enum io_end end;

	(void)task_limit(task, 10 * NS_PER_S);
	do
		end = io_read(task, arg, buffer, sizeof buffer, &got);
	while (end == IO_DONE);
	assert_int_equal(end, IO_CLOSED);
	io_close(arg);
}

/* The reader waits already when both arrive. */
static void sends_and_resets(struct task *task, void *arg)
{
	struct linger reset = {.l_onoff = 1};
	int client = *(int *)arg;

	assert_int_equal(task_sleep(task, NS_PER_MS), WAIT_READY);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	assert_int_equal(send(client, "half", 4, 0), 4);
	close(client);
}

static void test_bytes_and_a_reset_in_one_turn_end_the_reader(void **state)
{
	struct loop *loop = loop_open();
	struct address address = loopback("127.0.0.1:0");
	int listener = listen_open(&address, false);
	struct sockaddr_storage raw;

	(void)state;
	assert_true(listen_address(listener, &address));
	socklen_t size = address_to_sockaddr(&address, &raw);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&raw, size), 0);
	int server = accept(listener, NULL, NULL);
	start(loop, "reader", reads_to_the_end, io_open(loop, server));
	start(loop, "resets", sends_and_resets, &client);
	loop_run(loop);
	assert_int_equal(task_count(loop), 0);
	close(listener);
	loop_close(loop);
}

/* --- shortage --- */

static void accepts_in_spite(struct task *task, void *arg)
{
	struct place *place = arg;
	struct io *client;

	assert_int_equal(io_accept(task, place->listener, &client, NULL), IO_DONE);
	io_close(client);
	io_close(place->listener);
	place->served = 1;
}

static void makes_room(struct task *task, void *arg)
{
	struct rlimit *limit = arg;

	assert_int_equal(task_sleep(task, 30 * NS_PER_MS), WAIT_READY);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, limit), 0);
}

/* valgrind accepts the connection itself and then drops it. */
static void test_a_connection_waits_while_there_are_no_descriptors(void **state)
{
	if (UNDER_VALGRIND) {
		print_message("skipped: valgrind drops what accept would leave waiting\n");
		skip();
	}
	struct loop *loop = loop_open();
	struct place place = {.address = loopback("127.0.0.1:0")};
	int fd = listen_open(&place.address, false), client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_storage raw;
	struct rlimit limit, none;

	(void)state;
	assert_true(listen_address(fd, &place.address));
	socklen_t size = address_to_sockaddr(&place.address, &raw);
	assert_int_equal(connect(client, (struct sockaddr *)&raw, size), 0);
	place.listener = io_open(loop, fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){3, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	start(loop, "accepts", accepts_in_spite, &place);
	start(loop, "makes room", makes_room, &limit);
	loop_run(loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(place.served, 1);
	close(client);
	loop_close(loop);
}

/* --- pipes --- */

static void reads_pipe(struct task *task, void *arg)
{
	char buffer[10];
	size_t got;

	assert_int_equal(io_read(task, arg, buffer, sizeof buffer, &got), IO_DONE);
	assert_slice(((struct slice){buffer, got}), "piped");
	assert_int_equal(io_read(task, arg, buffer, sizeof buffer, &got), IO_CLOSED);
	io_close(arg);
}

static void writes_pipe(struct task *task, void *arg)
{
	assert_int_equal(task_sleep(task, NS_PER_MS), WAIT_READY);
	assert_int_equal(io_write(task, arg, SLICE("piped")), IO_DONE);
	io_close(arg);
}

static void test_pipes_are_read_and_written_too(void **state)
{
	struct loop *loop = loop_open();
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	start(loop, "reads", reads_pipe, io_open(loop, fds[0]));
	start(loop, "writes", writes_pipe, io_open(loop, fds[1]));
	loop_run(loop);
	assert_int_equal(task_count(loop), 0);
	loop_close(loop);
}

/* --- offload --- */

struct work {
	struct offload *pool;
	struct task *task;
	pthread_t thread;
	int runs;
};

static void works(void *arg)
{
	struct work *work = arg;

	work->thread = pthread_self();
	work->runs++;
}

static void offloads(struct task *task, void *arg)
{
	struct work *work = arg;

	work->task = task;
	for (int i = 0; i < 100; i++) {
		offload_run(task, work->pool, works, work);
		assert_int_equal(work->runs, i + 1);
	}
	task_cancel(task); /* and still it waits for what runs with its stack */
	offload_run(task, work->pool, works, work);
	assert_int_equal(work->runs, 101);
}

static void test_offloaded_work_runs_elsewhere_and_is_waited_for(void **state)
{
	struct loop *loops[] = {loop_open(), sim_open(0)};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct offload *pool = offload_open(loops[i], 3);
		struct work works_of[20] = {0};

		for (size_t at = 0; at < 20; at++) {
			works_of[at].pool = pool;
			start(loops[i], "offloads", offloads, &works_of[at]);
		}
		loop_run(loops[i]);
		for (size_t at = 0; at < 20; at++) {
			bool here = pthread_equal(works_of[at].thread, pthread_self());
			assert_int_equal(works_of[at].runs, 101);
			assert_int_equal(here, i == 1);
		}
		offload_close(pool);
		loop_close(loops[i]);
	}
}

static void looks(void *arg)
{
	*(int *)arg = getpriority(PRIO_PROCESS, 0);
}

static void look(struct task *task, void *arg)
{
	int nice = 0;

	offload_run(task, arg, looks, &nice);
	assert_int_equal(nice, getpriority(PRIO_PROCESS, 0) + 10);
}

static void test_a_nice_pool_gives_way_and_the_loop_does_not(void **state)
{
	struct loop *loop = loop_open();
	struct offload *pool = offload_open_nice(loop, 1);

	(void)state;
	if (getpriority(PRIO_PROCESS, 0) > 9) {
		print_message("skipped: these tests run at a nice value that leaves no room\n");
		skip();
	}
	start(loop, "looks", look, pool);
	loop_run(loop);
	offload_close(pool);
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients_are_accepted_over_real_sockets),
		cmocka_unit_test(test_clients_are_accepted_in_the_simulated_loop),
		cmocka_unit_test(test_who_has_spoken_is_known_and_last_words_arrive_with_the_end),
		cmocka_unit_test(test_refused_connections_say_why),
		cmocka_unit_test(test_bytes_and_a_reset_in_one_turn_end_the_reader),
		cmocka_unit_test(test_a_connection_waits_while_there_are_no_descriptors),
		cmocka_unit_test(test_pipes_are_read_and_written_too),
		cmocka_unit_test(test_offloaded_work_runs_elsewhere_and_is_waited_for),
		cmocka_unit_test(test_a_nice_pool_gives_way_and_the_loop_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
