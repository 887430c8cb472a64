/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postern user: accounts in SQLite, changed by the running daemon; or here, while none runs. Read
 * account/commands.h first.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "account/commands.h"
#include "account/stores.h"
#include "account/users_file.h"
#include "cmd/cli.h"
#include "cmd/secret.h"
#include "diagnose/users.h"

enum takes {
	TAKES_NOTHING,
	TAKES_LOGIN,
	TAKES_PASSWORD,
	TAKES_ADDRESSES,
	TAKES_GROUPS,
	TAKES_LIMITS,
	TAKES_LIMITS_OR_NONE
};
static const struct act {
	const char *name;
	enum takes takes;
	void (*view)(struct text *out, const json_t *line);
} acts[] = {
	{"add", TAKES_PASSWORD, view_user_changed},
	{"passwd", TAKES_PASSWORD, view_user_changed},
	{"remove", TAKES_LOGIN, view_user_changed},
	{"list", TAKES_NOTHING, view_user_line},
	{"show", TAKES_LOGIN, view_user},
	{"own", TAKES_ADDRESSES, view_user_changed},
	{"disown", TAKES_ADDRESSES, view_user_changed},
	{"join", TAKES_GROUPS, view_user_changed},
	{"leave", TAKES_GROUPS, view_user_changed},
	{"limit", TAKES_LIMITS, view_user_changed},
	{"unlimit", TAKES_LIMITS_OR_NONE, view_user_changed},
	{"enable", TAKES_LOGIN, view_user_changed},
	{"disable", TAKES_LOGIN, view_user_changed},
};

/* ---- the question ---- */

static json_t *texts(const struct slice *list, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_stringn(list[i].at, list[i].len));
	return array;
}

static json_t *operands_from(const struct cli *cli, size_t first)
{
	json_t *array = json_array();

	for (size_t i = first; i < cli_operand_count(cli); i++)
		json_array_append_new(
			array, json_stringn(cli_operand(cli, i).at, cli_operand(cli, i).len));
	return array;
}

static json_t *values_of(const struct cli *cli, const char *option)
{
	struct slice list[CLI_VALUES_MAX];

	return texts(list, cli_values(cli, option, list, CLI_VALUES_MAX));
}

/* False, with words, where there is none. */
static bool add_secret(const struct cli *cli, json_t *question)
{
	char secret[SECRET_MAX];
	bool verifier = cli_has(cli, "--verifier");
	bool good = secret_read(verifier ? "Verifier" : "Password", !verifier, secret);

	if (good)
		json_object_set_new(
			question, verifier ? "verifier" : "password", json_string(secret));
	if (good && !json_object_get(question, verifier ? "verifier" : "password")) {
		fputs("postern: a password is UTF-8\n", stderr);
		good = false;
	}
	explicit_bzero(secret, sizeof secret);
	return good;
}

static bool has_its_operands(const struct cli *cli, const struct act *act)
{
	size_t count = cli_operand_count(cli);

	switch (act->takes) {
	case TAKES_NOTHING: return count == 1;
	case TAKES_LOGIN:
	case TAKES_PASSWORD: return count == 2;
	case TAKES_ADDRESSES:
	case TAKES_GROUPS:
	case TAKES_LIMITS: return count >= 3;
	case TAKES_LIMITS_OR_NONE: return count >= 2;
	}
	return false;
}

static enum exit_status wrong_operands(const struct act *act)
{
	static const char *const wanted[] = {
		[TAKES_NOTHING] = "no more words",
		[TAKES_LOGIN] = "one account",
		[TAKES_PASSWORD] =
			"one account; the password is asked for, or read from standard input",
		[TAKES_ADDRESSES] = "an account and addresses, or *@domain",
		[TAKES_GROUPS] = "an account and groups",
		[TAKES_LIMITS] =
			"an account and limits, each in quotes: \"500 recipients per day\"",
		[TAKES_LIMITS_OR_NONE] = "an account, and the limits that end (or none: all)",
	};

	return cli_fail(EXIT_USAGE, "user %s wants %s", act->name, wanted[act->takes]);
}

/* NULL, with words, where a secret is wanted and not given. */
static json_t *question_of(const struct cli *cli, const struct act *act)
{
	struct slice login = cli_operand(cli, 1);
	json_t *question = json_pack("{s:s,s:s}", "ask", "user", "act", act->name);

	if (login.len)
		json_object_set_new(question, "login", json_stringn(login.at, login.len));
	if (act->takes == TAKES_ADDRESSES)
		json_object_set_new(question, "owns", operands_from(cli, 2));
	if (act->takes == TAKES_GROUPS)
		json_object_set_new(question, "groups", operands_from(cli, 2));
	if (act->takes == TAKES_LIMITS || act->takes == TAKES_LIMITS_OR_NONE)
		json_object_set_new(question, "limits", operands_from(cli, 2));
	if (strcmp(act->name, "add") == 0) {
		json_object_set_new(question, "owns", values_of(cli, "--owns"));
		json_object_set_new(question, "groups", values_of(cli, "--group"));
		json_object_set_new(question, "limits", values_of(cli, "--limit"));
	}
	if (act->takes != TAKES_PASSWORD || add_secret(cli, question))
		return question;
	json_decref(question);
	return NULL;
}

/* ---- what comes back ---- */

struct showing {
	const struct cli *cli;
	const struct act *act;
	size_t lines;
};

static void show_line(void *owner, json_t *line)
{
	struct showing *showing = owner;
	struct text out = TEXT_GROWING;

	showing->lines++;
	if (showing->cli->json) {
		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		showing->act->view(&out, line);
		cli_print(&out);
	}
	text_free(&out);
}

static enum exit_status shown(const struct showing *showing)
{
	if (showing->lines == 0 && !showing->cli->json)
		puts("there are no accounts");
	return EXIT_YES;
}

/* ---- without a daemon ---- */

/* Whoever holds the lock is a daemon, even if it does not answer at its socket. */
static bool daemon_runs(const struct policy *policy, struct arena *arena)
{
	int fd = open(daemon_path(policy, "lock", arena), O_RDONLY | O_CLOEXEC);
	bool runs = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return runs;
}

/* The user that the daemon will run as when root starts it; false: nobody knows yet. */
static bool daemon_user(const struct policy *policy, struct arena *arena, uid_t *uid, gid_t *gid)
{
	const char *name = arena_string(arena, policy_settings(policy)->user);
	const struct passwd *entry = getpwnam(name);

	if (!entry)
		return false;
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return true;
}

/* The state folder may not be there before the first start: made as the daemon would make it. */
static bool folder_make(const struct policy *policy, const char *folder, struct arena *arena)
{
	uid_t uid;
	gid_t gid;

	if (mkdir(folder, 0700) < 0)
		return errno == EEXIST;
	if (geteuid() == 0 && daemon_user(policy, arena, &uid, &gid))
		return chown(folder, uid, gid) == 0;
	return true;
}

/* What root makes belongs to the folder's owner, as whom the daemon reads it. */
static bool give_away(const char *path, const char *folder)
{
	struct stat facts;

	return geteuid() != 0 ||
	       (stat(folder, &facts) == 0 && lchown(path, facts.st_uid, facts.st_gid) == 0);
}

static struct database *open_here(
	const struct policy *policy, bool make, struct arena *arena, struct text *why)
{
	const struct settings *settings = policy_settings(policy);
	const char *path = arena_string(arena, settings->accounts_where);
	const char *folder = dirname(arena_string(arena, settings->accounts_where));

	if (make && !folder_make(policy, folder, arena)) {
		text_format(why, "cannot make the folder %s: %s", folder, strerror(errno));
		return NULL;
	}
	if (!make && access(path, F_OK) < 0) {
		text_format(why, "%s: %s; `user add` makes it", path, strerror(errno));
		return NULL;
	}
	struct database *database =
		database_open(path, make ? DATABASE_MAKE : DATABASE_WRITE, NULL, why);
	if (database && make && !give_away(path, folder))
		fprintf(stderr, "postern: cannot give %s to the daemon's user: %s\n", path,
			strerror(errno));
	return database;
}

static wall_ns now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (wall_ns)time.tv_sec * NS_PER_S + time.tv_nsec;
}

static enum exit_status show_answer(struct slice answer, struct showing *showing)
{
	while (answer.len) {
		struct slice line = slice_cut(&answer, '\n');
		json_t *object = json_loadb(line.at, line.len, 0, NULL);
		const char *error = json_string_value(json_object_get(object, "error"));
		enum exit_status status = EXIT_YES;
		if (error)
			status = cli_fail(EXIT_NO, "%s", error);
		else if (object)
			show_line(showing, object);
		json_decref(object);
		if (status != EXIT_YES)
			return status;
	}
	return shown(showing);
}

static enum exit_status do_here(
	const struct policy *policy, const json_t *question, struct showing *showing)
{
	struct arena *arena = showing->cli->arena;
	char buffer[400];
	struct text why = TEXT_FIXED(buffer), out = TEXT_GROWING;
	struct slice changed;

	struct database *database =
		open_here(policy, strcmp(showing->act->name, "add") == 0, arena, &why);
	if (!database)
		return cli_fail(EXIT_UNKNOWN, "%.*s", SLICE_ARGS(text_slice(&why)));
	user_command(database, question, now(), arena, &out, &changed);
	database_close(database);
	enum exit_status status = show_answer(text_slice(&out), showing);
	text_free(&out);
	return status;
}

/* A plain file is read beside a daemon too; it never writes there. */
static enum exit_status of_file(
	const struct policy *policy, const json_t *question, struct showing *showing)
{
	struct arena *arena = showing->cli->arena;
	struct text why = TEXT_GROWING, out = TEXT_GROWING;
	const char *path = arena_string(arena, policy_settings(policy)->accounts_where);
	struct users_file *users = store_file_read(path, &why);
	enum exit_status status = EXIT_UNKNOWN;

	if (users) {
		user_command_file(users, question, arena, &out);
		status = show_answer(text_slice(&out), showing);
	} else {
		(void)cli_fail(status, "%.*s", SLICE_ARGS(text_slice(&why)));
	}
	users_file_free(users);
	text_free(&out);
	text_free(&why);
	return status;
}

/* ---- where it is done ---- */

static enum exit_status without_daemon(
	const struct policy *policy, const json_t *question, struct showing *showing)
{
	const struct settings *settings = policy_settings(policy);

	if (!settings->accounts_kind.len)
		return cli_fail(EXIT_NO, "the configuration names no accounts; a line like: "
					 "accounts sqlite \"/var/lib/postern/accounts.db\"");
	if (slice_is(settings->accounts_kind, SLICE("file")))
		return of_file(policy, question, showing);
	if (!slice_is(settings->accounts_kind, SLICE("sqlite")))
		return cli_fail(EXIT_NO,
			"accounts are kept in %.*s: `user` changes those in SQLite alone; change "
			"them where they are kept",
			SLICE_ARGS(settings->accounts_kind));
	if (daemon_runs(policy, showing->cli->arena))
		return cli_fail(EXIT_UNKNOWN,
			"a daemon runs but does not answer; nothing is changed "
			"behind its back");
	return do_here(policy, question, showing);
}

static enum exit_status run(struct cli *cli, const struct act *act, json_t *question)
{
	struct policy *policy = cli_policy(cli);
	struct showing showing = {cli, act, 0};
	struct text words = TEXT_GROWING;
	enum exit_status status = EXIT_USAGE;

	if (policy) {
		switch (daemon_ask(policy, json_incref(question), show_line, &showing, &words)) {
		case ASKED: status = shown(&showing); break;
		case ASKED_REFUSED:
			status = cli_fail(EXIT_NO, "%.*s", SLICE_ARGS(text_slice(&words)));
			break;
		case ASKED_NO_DAEMON: status = without_daemon(policy, question, &showing); break;
		}
	}
	text_free(&words);
	policy_unref(policy);
	return status;
}

enum exit_status run_user(struct cli *cli)
{
	const struct act *act = NULL;
	struct slice name = cli_operand(cli, 0);

	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (slice_is(name, slice_of(acts[i].name)))
			act = &acts[i];
	if (!act)
		return cli_fail(EXIT_USAGE, "user knows add, passwd, remove, list, show, own, "
					    "disown, join, leave, limit, unlimit, enable "
					    "and disable");
	if (!has_its_operands(cli, act))
		return wrong_operands(act);
	json_t *question = question_of(cli, act);
	if (!question)
		return EXIT_USAGE;
	enum exit_status status = run(cli, act, question);
	json_decref(question);
	return status;
}
