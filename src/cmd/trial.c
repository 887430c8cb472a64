/* SPDX-License-Identifier: Apache-2.0 */
/* postern check and postern trial: decisions without a daemon. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd/cli.h"
#include "diagnose/check.h"
#include "diagnose/told.h"
#include "diagnose/trial.h"

enum exit_status run_check(struct cli *cli)
{
	struct text out = TEXT_GROWING;
	const char *path = cli->config;

	if (cli_operand_count(cli) > 1)
		return cli_fail(EXIT_USAGE, "check takes one file");
	if (cli_operand_count(cli) == 1)
		path = arena_string(cli->arena, cli_operand(cli, 0));
	struct policy *policy = check_load(path, cli->json, &out);
	enum exit_status status = policy ? EXIT_YES : EXIT_NO;
	cli_print(&out);
	policy_unref(policy);
	text_free(&out);
	return status;
}

static wall_ns wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* False, with words said, if an option's value is not what it should be. */
static bool read_trial(struct cli *cli, struct trial *trial)
{
	static struct slice to[CLI_VALUES_MAX];
	struct stat message;

	*trial = (struct trial){
		.client = cli_value(cli, "--client"),
		.listener = cli_value(cli, "--listener"),
		.helo = cli_value(cli, "--helo"),
		.from = cli_value(cli, "--from"),
		.has_from = cli_has(cli, "--from"),
		.to = to,
		.to_count = cli_values(cli, "--to", to, CLI_VALUES_MAX),
		.now = wall_now(),
	};
	if (trial->to_count == 0)
		return cli_fail(EXIT_USAGE, "trial wants a recipient: --to ADDRESS") == EXIT_YES;
	if (cli_has(cli, "--at") && !time_parse(cli_value(cli, "--at"), &trial->now))
		return cli_fail(EXIT_USAGE, "--at is not a time like 2026-11-21T09:30:00Z") ==
		       EXIT_YES;
	if (!cli_has(cli, "--message"))
		return true;
	const char *path = arena_string(cli->arena, cli_value(cli, "--message"));
	if (stat(path, &message) != 0)
		return cli_fail(EXIT_USAGE, "%s: %m", path) == EXIT_YES;
	trial->has_size = true;
	trial->size = (uint64_t)message.st_size;
	return true;
}

static void tell(struct text *out, struct slice line, const struct policy *policy)
{
	json_t *decision = json_loadb(line.at, line.len, 0, NULL);
	const json_t *possible = json_object_get(decision, "possible");

	told_decision(out, decision, policy);
	if (json_array_size(possible) > 1) {
		text_put(out, SLICE("\nNot all facts were given. Possible:"));
		for (size_t i = 0; i < json_array_size(possible); i++)
			text_format(out, " %s", json_string_value(json_array_get(possible, i)));
		text_char(out, '\n');
	}
	text_char(out, '\n');
	json_decref(decision);
}

static enum exit_status worst(enum exit_status status, unsigned possible)
{
	if (possible == 1u << VERDICT_ACCEPT)
		return status;
	if (possible & 1u << VERDICT_ACCEPT)
		return EXIT_UNKNOWN;
	return status == EXIT_UNKNOWN ? status : EXIT_NO;
}

static enum exit_status show(const struct cli *cli, const struct policy *policy,
	const struct trial_result *results, size_t count)
{
	struct text out = TEXT_GROWING;
	enum exit_status status = EXIT_YES;

	text_put(&out, cli->json ? SLICE("[") : SLICE_NONE);
	for (size_t i = 0; i < count; i++) {
		status = worst(status, results[i].possible);
		if (!cli->json) {
			tell(&out, results[i].line, policy);
			continue;
		}
		text_put(&out, i ? SLICE(",\n ") : SLICE_NONE);
		text_put(&out, results[i].line);
	}
	text_put(&out, cli->json ? SLICE("]\n") : SLICE_NONE);
	cli_print(&out);
	text_free(&out);
	return status;
}

static enum exit_status trial_under(struct cli *cli, const struct policy *policy)
{
	struct trial_result results[CLI_VALUES_MAX];
	struct text words = TEXT_GROWING;
	struct trial trial;
	enum exit_status status = EXIT_USAGE;

	if (read_trial(cli, &trial)) {
		if (trial_decide(policy, &trial, cli->arena, results, &words))
			status = show(cli, policy, results, trial.to_count);
		else
			(void)cli_fail(EXIT_USAGE, "%.*s", SLICE_ARGS(text_slice(&words)));
	}
	text_free(&words);
	return status;
}

enum exit_status run_trial(struct cli *cli)
{
	if (cli_has(cli, "--policy"))
		cli->config = arena_string(cli->arena, cli_value(cli, "--policy"));
	struct policy *policy = cli_policy(cli);
	enum exit_status status = policy ? trial_under(cli, policy) : EXIT_USAGE;
	policy_unref(policy);
	return status;
}
