/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor over fake roles in real processes: this program, started again by role. The tests
 * read its log and send it signals. A fake role logs what happens to it and obeys words that stand
 * in a comment of the configuration ("# refuse out": out cannot prepare this).
 */
#include "base/testing.h"
#include "policy/policy.h"
#include "supervisor/supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { LOG_MAX = 1 << 18, GUARD_MS = 8000, PEERS_MAX = 64 };

/* ---- the fake roles ---- */

struct fake {
	struct role *role;
	bool lingers;   /* "# linger NAME": does not end when told to stop */
	int exit_at_go; /* "# exit NAME STATUS" */
};

static void *fake_start(struct role *role)
{
	struct fake *fake = calloc(1, sizeof *fake);

	fake->role = role;
	return fake;
}

static bool bundle_says(const struct fake *fake, struct slice bundle, const char *word)
{
	char order[64];
	int len = snprintf(
		order, sizeof order, "# %s %s", word, role_name_text(fake->role->kind->name));

	return memmem(bundle.at, bundle.len, order, (size_t)len) != NULL;
}

static bool fake_prepare(void *state, struct slice bundle, struct text *why)
{
	struct fake *fake = state;

	fake->lingers = bundle_says(fake, bundle, "linger");
	fake->exit_at_go = bundle_says(fake, bundle, "exit-78")  ? EXIT_REFUSED
			   : bundle_says(fake, bundle, "exit-1") ? EXIT_FAILED
								 : 0;
	if (!bundle_says(fake, bundle, "refuse"))
		return true;
	text_put(why, SLICE("this one is not for me"));
	return false;
}

static void fake_switch_over(void *state)
{
	role_log(((struct fake *)state)->role, LEVEL_INFO, "test", "switch");
}

static void fake_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	role_log(((struct fake *)state)->role, LEVEL_INFO, "test", "peer %s %u",
		role_name_text(name), slot);
	close(fd);
}

static void fake_grant(void *state, const struct setup_grant *what, int fd)
{
	role_log(((struct fake *)state)->role, LEVEL_INFO, "test", "grant %u %.*s", what->what,
		SLICE_ARGS(what->service));
	close(fd);
}

static void fake_revoke(void *state, const struct setup_grant *what)
{
	role_log(((struct fake *)state)->role, LEVEL_INFO, "test", "revoke %.*s",
		SLICE_ARGS(what->service));
}

static void fake_go(void *state)
{
	struct fake *fake = state;

	role_log(fake->role, LEVEL_INFO, "test", "go");
	if (fake->exit_at_go)
		role_has_failed(fake->role, fake->exit_at_go);
	else
		role_is_ready(fake->role);
}

static void fake_stop(void *state)
{
	struct fake *fake = state;

	role_log(fake->role, LEVEL_INFO, "test", "stop");
	if (!fake->lingers)
		role_has_ended(fake->role);
	else
		fake->role->supervisor ? pause() : 0; /* as deaf as a role can be */
}

#define FAKE(which)                                                                                \
	{                                                                                          \
		.name = (which), .start = fake_start, .prepare = fake_prepare,                     \
		.switch_over = fake_switch_over, .peer = fake_peer, .grant = fake_grant,           \
		.revoke = fake_revoke, .go = fake_go, .stop = fake_stop                            \
	}
static const struct role_kind fakes[] = {
	FAKE(ROLE_RESOLVER), FAKE(ROLE_CONTROL), FAKE(ROLE_QUEUE), FAKE(ROLE_OUT), FAKE(ROLE_EDGE)};
static const struct role_kind *const kinds[] = {
	&fakes[0], &fakes[1], &fakes[2], &fakes[3], &fakes[4]};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- a run of the supervisor ---- */

struct run {
	char folder[64];
	char config[96];
	pid_t pid;
	int log_fd;
	char log[LOG_MAX];
	size_t len;
};

static void write_config(const struct run *run, const char *more)
{
	FILE *file = fopen(run->config, "w");

	assert_non_null(file);
	fprintf(file,
		"state \"%s/state\"\n"
		"network home 127.0.0.1\n"
		"domain \"localhost\" any recipient deliver maildir \"%s/mail/%%d/%%l\"\n"
		"relay for network home\n"
		"deliver * via mx\n%s\n",
		run->folder, run->folder, more);
	fclose(file);
}

static void run_start(struct run *run, bool one_process)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	run->pid = fork();
	assert_true(run->pid >= 0);
	if (run->pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		_exit(supervisor_run(&(struct supervisor_options){.config = run->config,
			.one_process = one_process,
			.kinds = kinds,
			.kind_count = KINDS}));
	}
	close(ends[1]);
	run->log_fd = ends[0];
	run->len = 0;
	run->log[0] = '\0';
}

static struct run *run_new(const char *config)
{
	struct run *run = calloc(1, sizeof *run);

	assert_non_null(run);
	assert_non_null(testing_folder(run->folder, sizeof run->folder, "supervisor-test"));
	assert_int_equal(chmod(run->folder, 0755), 0);
	snprintf(run->config, sizeof run->config, "%s/postern.conf", run->folder);
	write_config(run, config);
	run_start(run, false);
	return run;
}

/* False at the end of the log. The guard is for a supervisor that hangs; no test waits for it. */
static bool run_read(struct run *run)
{
	struct pollfd one = {.fd = run->log_fd, .events = POLLIN};

	if (poll(&one, 1, GUARD_MS) != 1) {
		fprintf(stderr, "the supervisor hangs\n%s\n", run->log);
		kill(run->pid, SIGKILL);
		fail();
	}
	ssize_t got = read(run->log_fd, run->log + run->len, LOG_MAX - 1 - run->len);
	assert_true(got >= 0);
	run->len += (size_t)got;
	run->log[run->len] = '\0';
	return got > 0;
}

static const char *find_nth(const struct run *run, const char *words, int nth)
{
	const char *at = run->log;

	for (at = strstr(at, words); at && --nth > 0;)
		at = strstr(at + 1, words);
	return at;
}

static void await_nth(struct run *run, const char *words, int nth)
{
	while (!find_nth(run, words, nth))
		if (!run_read(run)) {
			fprintf(stderr, "never came: %s\n%s\n", words, run->log);
			fail();
		}
}

static void await(struct run *run, const char *words)
{
	await_nth(run, words, 1);
}

/* The exit status, after everything that was logged was read. */
static int run_end(struct run *run)
{
	int how = 0;

	while (run_read(run))
		;
	assert_int_equal(waitpid(run->pid, &how, 0), run->pid);
	assert_true(WIFEXITED(how));
	close(run->log_fd);
	return WEXITSTATUS(how);
}

static void run_free(struct run *run)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", run->folder);
	assert_int_equal(system(command), 0);
	free(run);
}

static void assert_order(const struct run *run, const char *first, const char *then)
{
	const char *a = strstr(run->log, first), *b = strstr(run->log, then);

	if (!a || !b || a >= b) {
		fprintf(stderr, "not in order: %s, then %s\n%s\n", first, then, run->log);
		fail();
	}
}

/* From the `ready` line: "queue 4711". */
static pid_t pid_of(const struct run *run, const char *role)
{
	const char *ready = strstr(run->log, "\"event\":\"ready\""), *at;
	char word[32];

	assert_non_null(ready);
	snprintf(word, sizeof word, " %s ", role);
	at = strstr(ready, word);
	assert_non_null(at);
	return (pid_t)atoi(at + strlen(word));
}

static unsigned port_of(const struct run *run)
{
	const char *at = strstr(run->log, "127.0.0.1:");

	assert_non_null(at);
	return (unsigned)atoi(at + strlen("127.0.0.1:"));
}

static bool port_answers(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

	close(fd);
	return connected;
}

#define LISTEN "listen smtp \"127.0.0.1:0\"\ngrace 2 s\n"
#define SAID(role, words) "\"role\":\"" role "\",\"event\":\"test\",\"text\":\"" words "\""

/* ---- the tests ---- */

static void roles_are_started_in_order_linked_and_stopped_in_order(void **state)
{
	struct run *run = run_new(LISTEN "edges 2");

	(void)state;
	await(run, "\"event\":\"ready\"");
	assert_order(run, SAID("queue", "go"), SAID("edge/0", "go"));
	assert_order(run, SAID("queue", "go"), SAID("out", "go"));
	assert_order(run, SAID("edge/1", "peer queue 0"), SAID("edge/1", "go"));
	assert_order(run, SAID("queue", "peer edge 1"), SAID("queue", "go"));
	assert_order(run, SAID("out", "peer resolver 0"), SAID("out", "go"));
	assert_order(run, SAID("control", "grant 4 control"), SAID("control", "go"));
	assert_order(run, SAID("edge/1", "grant 0 smtp"), SAID("edge/1", "go"));
	assert_true(port_answers(port_of(run)));
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	assert_order(run, SAID("edge/1", "stop"), SAID("out", "stop"));
	assert_order(run, SAID("out", "stop"), SAID("queue", "stop"));
	assert_order(run, SAID("queue", "stop"), SAID("control", "stop"));
	assert_order(run, SAID("control", "stop"), SAID("resolver", "stop"));
	run_free(run);
}

static void a_role_that_dies_is_started_again_alone_and_linked_anew(void **state)
{
	struct run *run = run_new(LISTEN "edges 1");

	(void)state;
	await(run, "\"event\":\"ready\"");
	kill(pid_of(run, "control"), SIGKILL);
	await_nth(run, SAID("control", "go"), 2);
	await_nth(run, SAID("edge/0", "peer control 0"), 2);
	await_nth(run, SAID("queue", "peer control 0"), 2);
	await_nth(run, SAID("out", "peer control 0"), 2);
	assert_null(find_nth(run, SAID("queue", "go"), 2));
	assert_null(find_nth(run, SAID("edge/0", "stop"), 1));
	kill(run->pid, SIGINT);
	assert_int_equal(run_end(run), EXIT_ENDED);
	run_free(run);
}

static void edges_and_out_end_before_a_queue_that_died_is_started(void **state)
{
	struct run *run = run_new(LISTEN "edges 2");

	(void)state;
	await(run, "\"event\":\"ready\"");
	kill(pid_of(run, "queue"), SIGKILL);
	await_nth(run, SAID("edge/1", "go"), 2);
	await_nth(run, SAID("edge/0", "go"), 2);
	await_nth(run, SAID("out", "go"), 2);
	const char *queue = find_nth(run, SAID("queue", "go"), 2);
	assert_non_null(queue);
	assert_true(find_nth(run, SAID("edge/0", "stop"), 1) < queue);
	assert_true(find_nth(run, SAID("edge/1", "stop"), 1) < queue);
	assert_true(find_nth(run, SAID("out", "stop"), 1) < queue);
	assert_true(queue < find_nth(run, SAID("edge/0", "go"), 2));
	assert_null(find_nth(run, SAID("control", "go"), 2));
	assert_true(port_answers(port_of(run)));
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	run_free(run);
}

static void a_role_that_dies_again_and_again_is_started_later(void **state)
{
	struct run *run = run_new(LISTEN "edges 1");

	(void)state;
	await(run, "\"event\":\"ready\"");
	write_config(run, LISTEN "edges 1\n# exit-1 resolver");
	kill(run->pid, SIGHUP);
	await(run, "\"event\":\"reloaded\"");
	kill(pid_of(run, "resolver"), SIGKILL);
	await(run, "it dies often");
	assert_non_null(find_nth(run, "resolver left with status 1; it is started again", 1));
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	run_free(run);
}

static void a_good_reload_is_switched_to_by_all_and_changes_the_listeners(void **state)
{
	struct run *run = run_new(LISTEN "edges 1");

	(void)state;
	await(run, "\"event\":\"ready\"");
	unsigned old_port = port_of(run);
	write_config(run, "listen smtp \"127.0.0.2:0\"\ngrace 2 s\nedges 1");
	kill(run->pid, SIGHUP);
	await(run, "\"event\":\"reloaded\"");
	await_nth(run, SAID("edge/0", "switch"), 2);
	await_nth(run, SAID("resolver", "switch"), 2);
	await_nth(run, SAID("control", "switch"), 2);
	await_nth(run, SAID("queue", "switch"), 2);
	await_nth(run, SAID("out", "switch"), 2);
	await_nth(run, SAID("edge/0", "grant 0 smtp"), 2);
	await(run, SAID("edge/0", "revoke smtp"));
	assert_false(port_answers(old_port));
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	run_free(run);
}

static const struct {
	const char *config, *said;
} bad_reloads[] = {
	{LISTEN "edges 1\n# refuse out", "out: this one is not for me"},
	{LISTEN "edges 2", "`edges` changes only by a restart"},
	{LISTEN "edges 1\nstate \"/nowhere\"", "nothing changes"},
	{LISTEN "edges 1\nuser mail", "`user` changes only by a restart"},
	{LISTEN "edges 1\nno such statement", "nothing changes"},
	{"listen smtp \"192.0.2.1:25\"\nedges 1\ngrace 2 s", "cannot listen for smtp on"},
};

static void a_bad_reload_changes_nothing_and_says_why(void **state)
{
	struct run *run = run_new(LISTEN "edges 1");

	(void)state;
	await(run, "\"event\":\"ready\"");
	for (size_t i = 0; i < sizeof bad_reloads / sizeof *bad_reloads; i++) {
		write_config(run, bad_reloads[i].config);
		kill(run->pid, SIGHUP);
		await_nth(run, "\"event\":\"reload-refused\"", (int)i + 1);
		await(run, bad_reloads[i].said);
	}
	assert_true(port_answers(port_of(run)));
	assert_null(find_nth(run, SAID("edge/0", "switch"), 2));
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	run_free(run);
}

static void a_role_that_does_not_end_is_killed_after_the_grace(void **state)
{
	struct run *run = run_new("listen smtp \"127.0.0.1:0\"\ngrace 1 s\nedges 1\n# linger edge");

	(void)state;
	await(run, "\"event\":\"ready\"");
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	assert_non_null(strstr(run->log, "edge/0: has not ended within the grace"));
	assert_order(run, "has not ended within the grace", SAID("queue", "stop"));
	run_free(run);
}

static void a_second_daemon_on_one_state_folder_leaves_with_75(void **state)
{
	struct run *run = run_new(LISTEN "edges 1");
	struct run *second = calloc(1, sizeof *second);

	(void)state;
	await(run, "\"event\":\"ready\"");
	*second = (struct run){0};
	memcpy(second->config, run->config, sizeof second->config);
	run_start(second, false);
	assert_int_equal(run_end(second), EXIT_HELD);
	assert_non_null(strstr(second->log, "another posternd holds the state folder"));
	free(second);
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	run_free(run);
}

static void a_taken_port_is_an_error_also_for_a_daemon_of_the_same_user(void **state)
{
	struct run *run = run_new(LISTEN "edges 1"), *second;
	char config[128];

	(void)state;
	await(run, "\"event\":\"ready\"");
	snprintf(config, sizeof config, "listen smtp \"127.0.0.1:%u\"\nedges 1", port_of(run));
	second = run_new(config);
	assert_int_equal(run_end(second), EXIT_FAILED);
	assert_non_null(strstr(second->log, "another program listens there"));
	run_free(second);
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	run_free(run);
}

static const struct {
	const char *config;
	int status;
	const char *said;
} starts[] = {
	{"listen smpt \"127.0.0.1:0\"", EXIT_REFUSED, "smpt"},
	{"listen smtp \"127.0.0.1:0\"\nedges 1\n# refuse queue", EXIT_REFUSED,
		"queue: this one is not for me"},
	{"listen smtp \"127.0.0.1:0\"\nedges 1\n# exit-78 queue", EXIT_REFUSED,
		"queue left with status 78"},
	{"listen smtp \"127.0.0.1:0\"\nedges 1\n# exit-1 queue", EXIT_FAILED, "it dies often"},
	{"listen smtp \"192.0.2.1:25\"\nedges 1", EXIT_FAILED, "192.0.2.1:25"},
};

static void a_start_that_fails_says_why_by_words_and_status(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		struct run *run = run_new(starts[i].config);
		assert_int_equal(run_end(run), starts[i].status);
		if (!strstr(run->log, starts[i].said)) {
			fprintf(stderr, "not said: %s\n%s\n", starts[i].said, run->log);
			fail();
		}
		run_free(run);
	}
}

static void an_empty_state_folder_is_taken_over_and_a_full_one_of_root_is_not(void **state)
{
	struct run *run = run_new(LISTEN "edges 1");
	char path[192];

	(void)state;
	await(run, "\"event\":\"ready\"");
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	if (geteuid() != 0) {
		run_free(run);
		print_message("skipped: a folder of root's needs root\n");
		skip();
	}
	snprintf(path, sizeof path, "rm -rf %s/state; mkdir %s/state", run->folder, run->folder);
	assert_int_equal(system(path), 0);
	run_start(run, false);
	await(run, "\"event\":\"ready\"");
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	snprintf(path, sizeof path, "chown 0 %s/state", run->folder);
	assert_int_equal(system(path), 0);
	run_start(run, false);
	assert_int_equal(run_end(run), EXIT_FAILED);
	assert_non_null(strstr(run->log, "belongs to user 0"));
	run_free(run);
}

static void all_roles_can_live_in_one_process(void **state)
{
	struct run *run = run_new(LISTEN "edges 2");

	(void)state;
	await(run, "\"event\":\"ready\"");
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	run_start(run, true);
	await(run, "\"event\":\"ready\"");
	assert_order(run, SAID("queue", "go"), SAID("edge/1", "go"));
	kill(run->pid, SIGHUP);
	await(run, "\"event\":\"reload");
	kill(run->pid, SIGTERM);
	assert_int_equal(run_end(run), EXIT_ENDED);
	assert_order(run, SAID("edge/1", "stop"), SAID("queue", "stop"));
	run_free(run);
}

static void all_roles_end_when_the_supervisor_is_killed(void **state)
{
	struct run *run = run_new(LISTEN "edges 2");
	int how = 0;

	(void)state;
	await(run, "\"event\":\"ready\"");
	kill(run->pid, SIGKILL);
	while (run_read(run)) /* the log ends when the last process that could write it has */
		;
	assert_int_equal(waitpid(run->pid, &how, 0), run->pid);
	close(run->log_fd);
	run_free(run);
}

static void half_of_the_processors_are_edges_and_at_least_one(void **state)
{
	static const unsigned rows[][2] = {
		{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 2}, {8, 4}, {1000, EDGES_MAX}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(edges_suiting(rows[i][0]), rows[i][1]);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_are_started_in_order_linked_and_stopped_in_order),
		cmocka_unit_test(a_role_that_dies_is_started_again_alone_and_linked_anew),
		cmocka_unit_test(edges_and_out_end_before_a_queue_that_died_is_started),
		cmocka_unit_test(a_role_that_dies_again_and_again_is_started_later),
		cmocka_unit_test(a_good_reload_is_switched_to_by_all_and_changes_the_listeners),
		cmocka_unit_test(a_bad_reload_changes_nothing_and_says_why),
		cmocka_unit_test(a_role_that_does_not_end_is_killed_after_the_grace),
		cmocka_unit_test(a_second_daemon_on_one_state_folder_leaves_with_75),
		cmocka_unit_test(a_taken_port_is_an_error_also_for_a_daemon_of_the_same_user),
		cmocka_unit_test(a_start_that_fails_says_why_by_words_and_status),
		cmocka_unit_test(an_empty_state_folder_is_taken_over_and_a_full_one_of_root_is_not),
		cmocka_unit_test(all_roles_can_live_in_one_process),
		cmocka_unit_test(all_roles_end_when_the_supervisor_is_killed),
		cmocka_unit_test(half_of_the_processors_are_edges_and_at_least_one),
	};
	struct role_start start;

	if (role_start_read(count, (const char *const *)arguments, &start)) {
		for (size_t i = 0; i < KINDS; i++)
			if (kinds[i]->name == start.name)
				return role_main(kinds[i], &start);
		return EXIT_USAGE;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
