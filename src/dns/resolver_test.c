/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver role against a real name server (knotd) on loopback; skipped where there is none.
 * And what libunbound's results become. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unbound.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/testing.h"
#include "dns/client.h"
#include "dns/lookup.h"
#include "dns/resolver.h"

/* ./check names one that is not installed. */
static const char *knotd(void)
{
	const char *named = getenv("POSTERN_KNOTD");

	return named ? named : "/usr/sbin/knotd";
}

/* ---- a name server ---- */

struct knot {
	char folder[64];
	uint16_t port;
	pid_t pid;
};

static void file_put(const struct knot *knot, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", knot->folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	close(fd);
	return ntohs(at.sin_port);
}

/* Asks for the SOA of example.org until something comes back. */
static bool knot_answers(const struct knot *knot)
{
	static const char question[] = "\0\1\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\6\0\1";
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(knot->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_usec = 100000};
	bool answered = false;
	char answer[512];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	for (unsigned i = 0; i < 100 && !answered && waitpid(knot->pid, NULL, WNOHANG) == 0; i++) {
		sendto(fd, question, sizeof question - 1, 0, (struct sockaddr *)&to, sizeof to);
		answered = recv(fd, answer, sizeof answer, 0) > 12;
		if (!answered)
			usleep(20000);
	}
	close(fd);
	return answered;
}

static void knot_configure(struct knot *knot)
{
	char text[1024];

	assert_non_null(testing_folder(knot->folder, sizeof knot->folder, "resolver-test"));
	knot->port = free_port();
	snprintf(text, sizeof text,
		"server:\n    rundir: \"%s\"\n    listen: 127.0.0.1@%u\n"
		"database:\n    storage: \"%s\"\n"
		"template:\n  - id: default\n    storage: \"%s\"\n    file: \"%%s.zone\"\n"
		"    journal-content: none\n    zonefile-load: whole\n"
		"zone:\n  - domain: example.org\n  - domain: relay.test\n"
		"  - domain: 10.in-addr.arpa\n",
		knot->folder, knot->port, knot->folder, knot->folder);
	file_put(knot, "knot.conf", text);
	file_put(knot, "example.org.zone",
		"$ORIGIN example.org.\n$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n"
		"@ MX 20 mx2\n@ MX 10 MX1\nmx1 A 192.0.2.1\nmx1 AAAA 2001:db8::1\n"
		"mx2 A 192.0.2.2\n@ TXT \"v=spf1 \" \"-all\"\nnull MX 0 .\nalias CNAME @\n"
		"strange MX 5 a\\032b\n");
	file_put(knot, "relay.test.zone",
		"$ORIGIN relay.test.\n@ 300 SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n"
		"mail A 198.51.100.7\n");
	file_put(knot, "10.in-addr.arpa.zone",
		"$ORIGIN 10.in-addr.arpa.\n@ 300 SOA ns h 1 2 3 4 5\n@ NS ns.example.org.\n"
		"3.2.1 PTR Host.Example.ORG.\n");
}

static void knot_start(struct knot *knot)
{
	char path[128];

	snprintf(path, sizeof path, "%s/knot.conf", knot->folder);
	knot->pid = fork();
	assert_true(knot->pid >= 0);
	if (knot->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM); /* also when the test fails */
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execl(knotd(), "knotd", "-c", path, (char *)NULL);
		_exit(127);
	}
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)kind, (void)walk;
	return remove(path);
}

static void knot_end(const struct knot *knot)
{
	kill(knot->pid, SIGTERM);
	waitpid(knot->pid, NULL, 0);
	nftw(knot->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The free port may have been taken meanwhile: then another. */
static void knot_begin(struct knot *knot)
{
	for (unsigned i = 0; i < 5; i++) {
		knot_configure(knot);
		knot_start(knot);
		if (knot_answers(knot))
			return;
		knot_end(knot);
	}
	fail_msg("knotd does not start");
}

/* ---- questions ---- */

struct row {
	enum dns_type type;
	const char *name;
	enum dns_outcome outcome;
	const char *shown; /* the records, sorted as they come; MX with its preference */
};

static const struct row rows[] = {
	{DNS_A, "mx1.example.org", DNS_FOUND, "192.0.2.1 "},
	{DNS_A, "MX1.Example.Org.", DNS_FOUND, "192.0.2.1 "},
	{DNS_AAAA, "mx1.example.org", DNS_FOUND, "2001:db8::1 "},
	{DNS_AAAA, "mx2.example.org", DNS_NO_DATA, ""},
	{DNS_MX, "null.example.org", DNS_FOUND, "0: "},
	{DNS_TXT, "example.org", DNS_FOUND, "v=spf1 -all "},
	{DNS_A, "nowhere.example.org", DNS_NO_NAME, ""},
	{DNS_A, "mail.relay.test", DNS_FOUND, "198.51.100.7 "},
	{DNS_PTR, "3.2.1.10.in-addr.arpa", DNS_FOUND, "host.example.org "},
	{DNS_A, "localhost", DNS_FOUND, "127.0.0.1 "},
	{DNS_A, "elsewhere.example.net", DNS_CANNOT_TELL, ""},
	{DNS_MX, "strange.example.org", DNS_CANNOT_TELL, ""},
	{DNS_A, "a..b", DNS_CANNOT_TELL, ""},
};

static void answer_show(struct text *shown, enum dns_type type, const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++) {
		const struct dns_record *record = &answer->records[i];
		if (type == DNS_MX)
			text_format(shown, "%u:", record->preference);
		if (type == DNS_A || type == DNS_AAAA)
			text_address(shown, &record->address);
		text_put(shown, record->text);
		text_char(shown, ' ');
	}
	text_char(shown, '\0');
}

struct asking {
	struct loop *loop;
	struct dns_client *client;
};

static void one_row(struct task *task, struct asking *asking, const struct row *row)
{
	struct arena *arena = arena_new();
	struct text shown = TEXT_GROWING;
	struct dns_answer answer;

	print_message("%u %s\n", row->type, row->name);
	assert_int_equal(dns_ask(task, dns_client_dns(asking->client), row->type,
				 slice_of(row->name), arena, &answer),
		WAIT_READY);
	answer_show(&shown, row->type, &answer);
	assert_int_equal(answer.outcome, row->outcome);
	assert_string_equal(shown.at, row->shown);
	assert_true(answer.outcome != DNS_CANNOT_TELL || answer.why.len > 0);
	text_free(&shown);
	arena_free(arena);
}

static void exchangers_come_through_an_alias(struct task *task, struct asking *asking)
{
	struct arena *arena = arena_new();
	struct dns_answer answer;
	unsigned seen = 0;

	assert_int_equal(dns_ask(task, dns_client_dns(asking->client), DNS_MX,
				 SLICE("alias.example.org"), arena, &answer),
		WAIT_READY);
	assert_int_equal(answer.count, 2);
	for (size_t i = 0; i < 2; i++) {
		struct slice name = answer.records[i].text;
		seen |= answer.records[i].preference == 10 &&
			slice_is(name, SLICE("mx1.example.org"));
		seen |= 2u * (answer.records[i].preference == 20 &&
				     slice_is(name, SLICE("mx2.example.org")));
	}
	assert_int_equal(seen, 3);
	arena_free(arena);
}

static void ask_all(struct task *task, void *arg)
{
	struct asking *asking = arg;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		one_row(task, asking, &rows[i]);
	exchangers_come_through_an_alias(task, asking);
	loop_stop(asking->loop);
}

/* ---- the role ---- */

/* The "bundle" of this test is the setting itself. */
static bool settings_of_test(struct slice bundle, struct arena *arena,
	struct resolver_settings *settings, struct text *why)
{
	(void)why;
	settings->servers = arena_slice(arena, bundle);
	return true;
}

static const struct resolver_role kind = RESOLVER_ROLE(settings_of_test);

static void deaf(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	(void)owner, (void)channel, (void)type, (void)body, (void)fd;
}

static void deaf_gone(void *owner, struct channel *channel)
{
	(void)owner;
	channel_close(channel);
}

/* What the role left to a task of its own comes to its end. */
static void finish(struct task *task, void *arg)
{
	struct loop *loop = arg;

	while (task_count(loop) > 1)
		assert_int_equal(task_yield(task), WAIT_READY);
	loop_stop(loop);
}

static void answers_of_a_real_name_server(void **state)
{
	struct knot knot = {0};
	char server[32];
	int supervisor[2], names[2];

	(void)state;
	if (access(knotd(), X_OK) != 0) {
		print_message("skipped: there is no %s\n", knotd());
		skip();
	}
	knot_begin(&knot);
	struct loop *loop = loop_open();
	assert_true(channel_pair(supervisor) && channel_pair(names));
	struct channel *other = channel_open(
		loop, supervisor[1], (struct channel_user){.receive = deaf, .gone = deaf_gone});
	struct role *role = role_attach(loop, &kind.kind, 0, supervisor[0]);
	struct text why = TEXT_GROWING;
	snprintf(server, sizeof server, "127.0.0.1@%u", knot.port);
	assert_false(resolver_prepare(role->state, SLICE("not.an.address"), &why));
	assert_true(slice_starts(text_slice(&why), SLICE("resolver: not.an.address is no name")));
	assert_true(resolver_prepare(role->state, slice_of(server), &why));
	resolver_switch_over(role->state);
	resolver_peer(role->state, ROLE_EDGE, 0, names[0]);
	struct asking asking = {loop, dns_client_open(loop)};
	dns_client_connect(asking.client, names[1]);
	assert_true(task_start(loop, "ask", ask_all, &asking));
	loop_run(loop);
	/* A reload: the same servers keep their cache, others take over. */
	assert_true(resolver_prepare(role->state, slice_of(server), &why));
	resolver_switch_over(role->state);
	assert_true(resolver_prepare(role->state, SLICE("127.0.0.1@1 ::1@2"), &why));
	resolver_switch_over(role->state);
	dns_client_close(asking.client);
	resolver_stop(role->state);
	assert_true(task_start(loop, "finish", finish, loop));
	loop_run(loop);
	role_detach(role);
	channel_close(other);
	loop_close(loop);
	text_free(&why);
	knot_end(&knot);
}

/* ---- results ---- */

static void what_libunbound_found_has_one_of_four_outcomes(void **state)
{
	static char good[] = "\xc0\x00\x02\x01", bad[] = "\xc0";
	static char *one[] = {good, NULL}, *broken[] = {bad, NULL}, *none[] = {NULL};
	static char bogus[] = "signature \x1b[31mexpired";
	static int four[] = {4}, short_one[] = {1};
	const struct {
		struct ub_result result;
		enum dns_outcome outcome;
		const char *why;
	} results[] = {
		{{.data = one, .len = four, .havedata = 1, .ttl = 60, .secure = 1}, DNS_FOUND, ""},
		{{.data = broken, .len = short_one, .havedata = 1}, DNS_CANNOT_TELL,
			"every record of the answer is malformed"},
		{{.data = none}, DNS_NO_DATA, ""},
		{{.data = none, .nxdomain = 1, .rcode = 3}, DNS_NO_NAME, ""},
		{{.data = none, .rcode = 2}, DNS_CANNOT_TELL, "SERVFAIL"},
		{{.data = none, .rcode = 5}, DNS_CANNOT_TELL, "REFUSED"},
		{{.data = none, .rcode = 99}, DNS_CANNOT_TELL, "an error"},
		{{.data = one, .len = four, .havedata = 1, .bogus = 1, .why_bogus = bogus},
			DNS_CANNOT_TELL, "signature \\x1b[31mexpired"},
		{{.data = none, .nxdomain = 1, .bogus = 1}, DNS_CANNOT_TELL,
			"the DNSSEC signatures are wrong"},
	};
	struct lookup_buffers *buffers = malloc(sizeof *buffers);

	(void)state;
	assert_non_null(buffers);
	for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
		struct resolve_answer answer;
		answer_of_result(&results[i].result, DNS_A, buffers, &answer);
		assert_int_equal(answer.outcome, results[i].outcome);
		assert_int_equal(answer.count, answer.outcome == DNS_FOUND);
		assert_true(slice_is(answer.why, slice_of(results[i].why)));
	}
	free(buffers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_libunbound_found_has_one_of_four_outcomes),
		cmocka_unit_test(answers_of_a_real_name_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
