/* SPDX-License-Identifier: Apache-2.0 */
/* postern replay and postern shadow: the past, and what happens now, under another configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/progress.h"
#include "diagnose/check.h"
#include "diagnose/crew.h"
#include "diagnose/replay.h"
#include "diagnose/told.h"
#include "journal/read.h"

struct replaying {
	const struct cli *cli;
	struct replay replay;
	bool each; /* changed decisions are shown one by one */
	wall_ns since;
	struct progress progress;
	uint64_t seen, total;
	uint64_t damaged;
	struct crew *crew; /* where changes need not be shown in order; else NULL */
};

static void show_change(
	const struct replaying *replaying, const json_t *line, const struct decision *now)
{
	struct text out = TEXT_GROWING;

	text_replay_change(&out, &replaying->replay, line, now, replaying->cli->json);
	cli_print(&out);
	text_free(&out);
}

static void take(struct replaying *replaying, const json_t *line)
{
	struct decision now;
	wall_ns time;

	if (!time_parse(told_text(line, "time"), &time) || time < replaying->since)
		return;
	if (replay_line(&replaying->replay, line, &now) == REPLAY_CHANGED && replaying->each)
		show_change(replaying, line, &now);
}

static bool see_line(void *owner, const struct journal_line *read)
{
	struct replaying *replaying = owner;

	replaying->seen += read->raw.len + 1;
	progress_show(&replaying->progress, replaying->seen, replaying->total);
	if (replaying->crew) {
		crew_give(replaying->crew, read->raw);
		return true;
	}
	json_t *line = json_loadb(read->raw.at, read->raw.len, JSON_ALLOW_NUL, NULL);
	if (line)
		take(replaying, line);
	else
		replaying->damaged++;
	json_decref(line);
	return true;
}

static enum exit_status tell_sum(struct replaying *replaying)
{
	struct text out = TEXT_GROWING;
	const struct replay *replay = &replaying->replay;

	if (replaying->cli->json) {
		text_replay_json(&out, replay);
		text_char(&out, '\n');
	} else {
		text_replay(&out, replay);
		if (replaying->damaged)
			text_format(&out, "%llu lines of the journal could not be read\n",
				(unsigned long long)replaying->damaged);
	}
	cli_print(&out);
	text_free(&out);
	return replay->changed ? EXIT_NO : replay->cannot_tell ? EXIT_UNKNOWN : EXIT_YES;
}

/* The configuration to try; NULL with its complaints on standard error. */
static struct policy *candidate_load(const struct cli *cli, struct slice file)
{
	struct cli other = *cli;

	other.config = arena_string(cli->arena, file);
	return cli_policy(&other);
}

static enum exit_status replay_journal(struct replaying *replaying, const char *path)
{
	struct journal_query query = {.since = replaying->since, .unparsed = true};
	struct journal_counts counts;
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return cli_fail(EXIT_UNKNOWN, "%s: %s", path, strerror(errno));
	replaying->total = journal_bytes(folder, replaying->since);
	if (!replaying->each)
		replaying->crew = crew_open(replaying->replay.policy, replaying->since);
	enum status status = journal_read(folder, &query, see_line, replaying, &counts);
	int error = errno;
	if (replaying->crew)
		replaying->damaged += crew_close(replaying->crew, &replaying->replay);
	progress_end(&replaying->progress);
	close(folder);
	if (status != STATUS_OK)
		return cli_fail(EXIT_UNKNOWN, "%s: %s", path, strerror(error));
	return tell_sum(replaying);
}

static struct replaying *replaying_new(const struct cli *cli, bool each)
{
	struct replaying *replaying = ARENA_NEW(cli->arena, struct replaying);

	*replaying = (struct replaying){
		.cli = cli, .each = each, .progress = {.what = "deciding the past again"}};
	return replaying;
}

enum exit_status run_replay(struct cli *cli)
{
	struct replaying *replaying = replaying_new(cli, cli_has(cli, "--each"));
	enum exit_status status = EXIT_USAGE;

	if (cli_has(cli, "--since") &&
		!cli_read_since(cli_value(cli, "--since"), &replaying->since))
		return cli_fail(EXIT_USAGE, "--since takes a time, or 30m, 2h, 3d");
	struct policy *running = cli_policy(cli);
	struct policy *candidate = !running ? NULL
				   : cli_has(cli, "--policy")
					   ? candidate_load(cli, cli_value(cli, "--policy"))
					   : policy_ref(running);
	if (candidate) {
		replay_begin(&replaying->replay, candidate);
		status = replay_journal(replaying, daemon_path(running, "journal", cli->arena));
		replay_end(&replaying->replay);
	}
	policy_unref(candidate);
	policy_unref(running);
	return status;
}

/* ---- shadow ---- */

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void see_new(void *owner, json_t *line)
{
	struct replaying *replaying = owner;

	take(replaying, line);
	fflush(stdout);
}

/* Follows the journal until Ctrl-C, then says what came of it. */
enum exit_status run_shadow(struct cli *cli)
{
	struct replaying *replaying = replaying_new(cli, true);
	struct text words = TEXT_GROWING;
	enum exit_status status = EXIT_USAGE;

	if (cli_operand_count(cli) != 1)
		return cli_fail(EXIT_USAGE, "shadow wants the configuration to try");
	struct policy *running = cli_policy(cli);
	struct policy *candidate = running ? candidate_load(cli, cli_operand(cli, 0)) : NULL;
	if (candidate) {
		struct sigaction action = {.sa_handler = interrupt};
		sigaction(SIGINT, &action, NULL); /* without SA_RESTART: the wait ends */
		sigaction(SIGTERM, &action, NULL);
		replay_begin(&replaying->replay, candidate);
		enum asked asked = daemon_ask(running,
			json_pack("{s:s,s:b,s:i}", "ask", "log", "follow", 1, "limit", 1), see_new,
			replaying, &words);
		status = asked == ASKED || interrupted
				 ? tell_sum(replaying)
				 : cli_fail(EXIT_UNKNOWN, "%.*s", SLICE_ARGS(text_slice(&words)));
		replay_end(&replaying->replay);
	}
	text_free(&words);
	policy_unref(candidate);
	policy_unref(running);
	return status;
}
