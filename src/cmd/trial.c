/* SPDX-License-Identifier: Apache-2.0 */
/* postern check and postern trial: decisions without a daemon. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd/accounted.h"
#include "cmd/cli.h"
#include "cmd/counters.h"
#include "cmd/finder.h"
#include "cmd/leased.h"
#include "cmd/next_hop.h"
#include "diagnose/check.h"
#include "diagnose/told.h"
#include "diagnose/trial.h"
#include "policy/format.h"

/* The file itself, not what it includes; to standard output, so that nothing is overwritten. */
static enum exit_status check_format(struct cli *cli, const char *path)
{
	struct text out = TEXT_GROWING;
	struct complaints complaints;
	struct bundle bundle;

	complaints_init(&complaints);
	check_gather(path, cli->arena, &bundle);
	bool good = bundle.count > 0 && !bundle.files[0].missing &&
		    format_file(bundle.files[0].path, bundle.files[0].bytes, &complaints, &out);
	if (good)
		cli_print(&out);
	text_clear(&out);
	for (size_t i = 0; i < complaints.count; i++)
		text_complaint(&out, &complaints.list[i]);
	if (!good)
		(void)cli_fail(EXIT_NO, "%.*s", complaints.count ? (int)out.len : 23,
			complaints.count ? out.at : "the file cannot be read");
	complaints_free(&complaints);
	text_free(&out);
	return good ? EXIT_YES : EXIT_NO;
}

enum exit_status run_check(struct cli *cli)
{
	struct text out = TEXT_GROWING;
	const char *path = cli->config;

	if (cli_operand_count(cli) > 1)
		return cli_fail(EXIT_USAGE, "check takes one file");
	if (cli_operand_count(cli) == 1)
		path = arena_string(cli->arena, cli_operand(cli, 0));
	if (cli_has(cli, "--format"))
		return check_format(cli, path);
	struct policy *policy = check_load(path, cli->json, &out);
	enum exit_status status = policy ? EXIT_YES : EXIT_NO;
	cli_print(&out);
	policy_unref(policy);
	text_free(&out);
	return status;
}

enum { HEADER_MOST = 1 << 20 };

static wall_ns wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static struct slice header_part(struct slice bytes)
{
	const char *end = memmem(bytes.at, bytes.len, "\r\n\r\n", 4);
	size_t len = end ? (size_t)(end - bytes.at) + 2 : bytes.len;

	if (!end && (end = memmem(bytes.at, bytes.len, "\n\n", 2)))
		len = (size_t)(end - bytes.at) + 1;
	return slice_part(bytes, 0, len);
}

/* The header, for its author and its fields, and the size. */
static bool read_message(struct cli *cli, struct trial *trial)
{
	const char *path = arena_string(cli->arena, cli_value(cli, "--message"));
	struct stat status;
	struct text *text = ARENA_NEW(cli->arena, struct text);
	FILE *file = fopen(path, "rb");

	*text = TEXT_GROWING;
	if (!file || fstat(fileno(file), &status) != 0) {
		(void)cli_fail(EXIT_USAGE, "%s: %m", path);
		if (file)
			fclose(file);
		return false;
	}
	char *at = text_reserve(text, HEADER_MOST);
	size_t got = fread(at, 1, HEADER_MOST, file);
	fclose(file);
	struct slice bytes = {at, got};
	trial->header = header_part(bytes);
	trial->has_message = trial->has_size = true;
	trial->size = (uint64_t)status.st_size;
	return true;
}

static void read_session(struct cli *cli, struct trial *trial)
{
	trial->client = cli_value(cli, "--client");
	trial->listener = cli_value(cli, "--listener");
	trial->helo = cli_value(cli, "--helo");
	trial->account = cli_value(cli, "--as");
	trial->tls = cli_has(cli, "--tls");
	trial->certificate = cli_value(cli, "--cert");
	trial->pop_account = cli_value(cli, "--pop");
	trial->is_local = cli_has(cli, "--local");
	trial->local_user = cli_value(cli, "--local");
	trial->fresh_limits = cli_has(cli, "--fresh-limits");
}

/* False, with words said, if an option's value is not what it should be. */
static bool read_trial(struct cli *cli, struct trial *trial)
{
	struct slice *to = ARENA_ARRAY(cli->arena, struct slice, CLI_VALUES_MAX);
	struct slice *given = ARENA_ARRAY(cli->arena, struct slice, CLI_VALUES_MAX);

	*trial = (struct trial){
		.from = cli_value(cli, "--from"),
		.has_from = cli_has(cli, "--from"),
		.header_from = cli_value(cli, "--header-from"),
		.to = to,
		.to_count = cli_values(cli, "--to", to, CLI_VALUES_MAX),
		.given = given,
		.given_count = cli_values(cli, "--fact", given, CLI_VALUES_MAX),
		.now = wall_now(),
	};
	read_session(cli, trial);
	if (trial->to_count == 0)
		return cli_fail(EXIT_USAGE, "trial wants a recipient: --to ADDRESS") == EXIT_YES;
	if (cli_has(cli, "--at") && !time_parse(cli_value(cli, "--at"), &trial->now))
		return cli_fail(EXIT_USAGE, "--at is not a time like 2026-11-21T09:30:00Z") ==
		       EXIT_YES;
	return !cli_has(cli, "--message") || read_message(cli, trial);
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

struct finders {
	struct finder *dns; /* NULL: nothing is looked up there */
	struct accounted *accounts;
	struct leased leases;
};

static size_t find_everywhere(void *owner, const struct facts *facts, const struct wanted *wanted,
	size_t count, struct arena *arena, struct fact_answer *answers)
{
	const struct finders *finders = owner;
	size_t found = accounted_find(finders->accounts, facts, wanted, count, answers);

	found += leased_find(&finders->leases, facts, wanted, count, answers + found);
	found +=
		next_hop_find(finders->leases.policy, facts, wanted, count, arena, answers + found);
	if (finders->dns)
		found += finder_find(finders->dns, facts, wanted, count, arena, answers + found);
	return found;
}

static enum exit_status trial_under(struct cli *cli, const struct policy *policy)
{
	struct trial_result results[CLI_VALUES_MAX];
	struct text words = TEXT_GROWING;
	struct trial trial;
	enum exit_status status = EXIT_USAGE;

	if (read_trial(cli, &trial)) {
		struct counters_place place = {policy, cli->arena, trial.now};
		trial.count = counters_stand;
		trial.count_owner = &place;
		struct finders finders = {cli_has(cli, "--no-dns") ? NULL : finder_open(policy),
			accounted_open(policy, cli->arena), {policy, cli->arena}};
		trial.find = find_everywhere;
		trial.owner = &finders;
		if (trial_decide(policy, &trial, cli->arena, results, &words))
			status = show(cli, policy, results, trial.to_count);
		else
			(void)cli_fail(EXIT_USAGE, "%.*s", SLICE_ARGS(text_slice(&words)));
		finder_close(finders.dns);
		accounted_close(finders.accounts);
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
