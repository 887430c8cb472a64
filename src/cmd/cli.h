/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands of `postern` share: the table of commands and options, the daemon at its
 * control socket, exit statuses. doc/add-a-command.md shows how a command comes in.
 */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <jansson.h>

#include "base/arena.h"
#include "base/text.h"
#include "policy/policy.h"

enum exit_status { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_UNKNOWN = 3 };

enum option_kind { OPTION_SWITCH, OPTION_TEXT, OPTION_LIST /* may repeat */ };
struct option_row {
	const char *name;  /* "--client" */
	const char *value; /* "IP" in the usage; NULL for a switch */
	const char *help;
	enum option_kind kind;
};

struct cli;
struct command {
	const char *name;
	const char *operands; /* "[ID]" in the usage */
	const char *summary;
	const struct option_row *options; /* ends with an empty row; NULL: none */
	enum exit_status (*run)(struct cli *cli);
	const char *not_yet; /* the command is planned and refused by name; else NULL */
};
extern const struct command cli_commands[]; /* ends with an empty row */

enum { CLI_VALUES_MAX = 256 };
struct cli {
	struct arena *arena;
	const struct command *command;
	const char *config; /* NULL: the built-in configuration */
	bool json;
	struct {
		const char *option; /* NULL: an operand */
		struct slice value;
	} values[CLI_VALUES_MAX];
	size_t value_count;
};

/* Reads the words behind the command; false, with words on standard error, if they are wrong. */
bool cli_read_options(struct cli *cli, int argc, char **argv);
bool cli_has(const struct cli *cli, const char *option);
struct slice cli_value(const struct cli *cli, const char *option); /* the first; empty if none */
size_t cli_values(const struct cli *cli, const char *option, struct slice *values, size_t most);
struct slice cli_operand(const struct cli *cli, size_t n); /* from 0; empty if there is none */
size_t cli_operand_count(const struct cli *cli);
void cli_usage(const struct command *command, bool wrong);

void cli_print(const struct text *text); /* to standard output */
enum exit_status cli_fail(enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "2h" ago, or a time as text_time() writes it (past.c). */
bool cli_read_since(struct slice s, wall_ns *since);
/* The configuration, checked; NULL with its complaints on standard error. */
struct policy *cli_policy(const struct cli *cli);

/* cmd/daemon.c: asks the running daemon of this configuration; each line of the answer but the last
 * is given to `see` as JSON (borrowed). */
enum asked { ASKED, ASKED_NO_DAEMON, ASKED_REFUSED };
enum asked daemon_ask(const struct policy *policy, json_t *question,
	void (*see)(void *owner, json_t *line), void *owner, struct text *words);
/* The state folder's path with `name` behind it, NUL-terminated, in the arena. */
const char *daemon_path(const struct policy *policy, const char *name, struct arena *arena);

/* Shows what this host's journal has of an id; nothing at all where it has nothing (past.c). */
void why_of_id(struct cli *cli, uint64_t id);

/* live.c: asks the daemon and shows each line of the answer; EXIT_YES with the lines counted, else
 * what is wrong has been said. */
enum exit_status cli_ask(struct cli *cli, json_t *question,
	void (*view)(struct text *out, const json_t *line), size_t *lines);
/* damage.c: parts of run_queue() */
enum exit_status queue_damage(struct cli *cli);
enum exit_status queue_clear(struct cli *cli, bool salvage);

/* The commands, in trial.c, past.c, audit.c, live.c and completion.c. */
enum exit_status run_check(struct cli *cli);
enum exit_status run_trial(struct cli *cli);
enum exit_status run_why(struct cli *cli);
enum exit_status run_log(struct cli *cli);
enum exit_status run_explain(struct cli *cli);
enum exit_status run_audit(struct cli *cli);
enum exit_status run_replay(struct cli *cli);
enum exit_status run_who(struct cli *cli);
enum exit_status run_diff(struct cli *cli);
enum exit_status run_policy(struct cli *cli);
enum exit_status run_limits(struct cli *cli);
enum exit_status run_settings(struct cli *cli);
enum exit_status run_shadow(struct cli *cli);
enum exit_status run_queue(struct cli *cli);
enum exit_status run_status(struct cli *cli);
enum exit_status run_sessions(struct cli *cli);
enum exit_status run_grant(struct cli *cli);
enum exit_status run_grants(struct cli *cli);
enum exit_status run_reload(struct cli *cli);
enum exit_status run_user(struct cli *cli);
enum exit_status run_completion(struct cli *cli);

#endif
