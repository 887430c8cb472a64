/* SPDX-License-Identifier: Apache-2.0 */
/* postern who, diff, policy and limits: the policy itself, asked and compared. */
#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "cmd/accounted.h"
#include "cmd/cli.h"
#include "diagnose/check.h"
#include "diagnose/differ.h"
#include "diagnose/views.h"
#include "diagnose/who.h"
#include "policy/format.h"

static wall_ns wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- who ---- */

static enum exit_status who_address(struct cli *cli, const struct policy *policy, struct text *out)
{
	struct slice given = cli_value(cli, "--sends-as");
	struct mailbox address;
	enum mailbox_fault fault = mailbox_parse(given, cli->arena, &address);

	if (fault != MAILBOX_OK)
		return cli_fail(EXIT_USAGE, "--sends-as: %s", mailbox_fault_text(fault));
	struct accounted *accounted = accounted_open(policy, cli->arena);
	struct who_accounts accounts = {0};
	accounts.known = accounted_are_known(accounted, &accounts.why);
	accounts.count = accounted_owners(accounted, &address, &accounts.list);
	bool somebody = who_sends_as(policy, &address, &accounts, cli->json, out);
	accounted_close(accounted);
	return somebody ? EXIT_YES : accounts.known ? EXIT_NO : EXIT_UNKNOWN;
}

static enum exit_status who_client(struct cli *cli, const struct policy *policy, struct text *out)
{
	struct address client;

	if (!address_parse(cli_value(cli, "--client"), &client))
		return cli_fail(EXIT_USAGE, "--client takes an IP address");
	return who_is_client(policy, &client, wall_now(), cli->json, out) ? EXIT_YES : EXIT_NO;
}

enum exit_status run_who(struct cli *cli)
{
	bool relay = cli_has(cli, "--relay"), sends = cli_has(cli, "--sends-as");
	struct text out = TEXT_GROWING;
	enum exit_status status = EXIT_YES;

	if (relay + sends + cli_has(cli, "--client") != 1)
		return cli_fail(
			EXIT_USAGE, "who wants one of --relay, --sends-as ADDRESS, --client IP");
	struct policy *policy = cli_policy(cli);
	if (!policy)
		return EXIT_USAGE;
	if (relay)
		who_relays(policy, wall_now(), cli->json, &out);
	else
		status = sends ? who_address(cli, policy, &out) : who_client(cli, policy, &out);
	cli_print(&out);
	text_free(&out);
	policy_unref(policy);
	return status;
}

/* ---- diff ---- */

static void put_difference(struct text *out, const struct difference *difference)
{
	text_put(out, difference->client);
	text_format(out, " to %.*s: %.*s\n    for example ",
		SLICE_ARGS(differ_target_text(difference->target)),
		SLICE_ARGS(difference->kind == DIFFER_GAINS   ? SLICE("gains")
			   : difference->kind == DIFFER_LOSES ? SLICE("loses")
							      : SLICE("is answered otherwise")));
	text_escaped(out, difference->example);
	text_put(out, SLICE("\n    now:  "));
	text_escaped(out, difference->before);
	text_put(out, SLICE("\n    then: "));
	text_escaped(out, difference->after);
	text_char(out, '\n');
}

static void put_difference_json(struct text *out, const struct difference *difference)
{
	json_put_text(out, SLICE("{\"client\":"), difference->client);
	json_put_text(out, SLICE(",\"recipients\":"), differ_target_text(difference->target));
	json_put_text(out, SLICE(",\"change\":"), differ_kind_text(difference->kind));
	json_put_number(out, SLICE(",\"sessions\":"), difference->sessions);
	json_put_text(out, SLICE(",\"example\":"), difference->example);
	json_put_text(out, SLICE(",\"before\":"), difference->before);
	json_put_text(out, SLICE(",\"after\":"), difference->after);
	text_put(out, SLICE("}\n"));
}

static void put_differ_end(struct text *out, const struct differ *differ)
{
	if (!differ->count)
		text_put(out, SLICE("No difference was found. "));
	text_format(out, "%llu sessions were tried, of every kind that either file tells apart",
		(unsigned long long)differ->sessions);
	text_put(out,
		differ->cut ? SLICE("; there were too many to try all of them\n") : SLICE("\n"));
}

static enum exit_status diff_with(
	struct cli *cli, const struct policy *running, const struct policy *candidate)
{
	struct text out = TEXT_GROWING;
	struct differ differ;

	differ_try(running, candidate, cli->arena, &differ);
	for (size_t i = 0; i < differ.count; i++)
		(cli->json ? put_difference_json : put_difference)(&out, &differ.list[i]);
	if (!cli->json)
		put_differ_end(&out, &differ);
	cli_print(&out);
	text_free(&out);
	return differ.count ? EXIT_NO : EXIT_YES;
}

enum exit_status run_diff(struct cli *cli)
{
	struct cli other = *cli;
	enum exit_status status = EXIT_USAGE;

	if (cli_operand_count(cli) != 1)
		return cli_fail(EXIT_USAGE, "diff wants the configuration to compare with");
	other.config = arena_string(cli->arena, cli_operand(cli, 0));
	struct policy *running = cli_policy(cli);
	struct policy *candidate = running ? cli_policy(&other) : NULL;
	if (candidate)
		status = diff_with(cli, running, candidate);
	policy_unref(candidate);
	policy_unref(running);
	return status;
}

/* ---- policy ---- */

static void put_file(struct text *out, const struct bundle_file *file)
{
	struct complaints complaints;

	complaints_init(&complaints);
	text_put(out, SLICE("# "));
	text_escaped(out, file->path);
	text_char(out, '\n');
	if (!format_file(file->path, file->bytes, &complaints, out))
		text_put(out, file->bytes);
	complaints_free(&complaints);
}

/* Every statement that holds, in its usual form, file by file as they are read. */
enum exit_status run_policy(struct cli *cli)
{
	struct text out = TEXT_GROWING;
	struct bundle bundle;
	struct policy *policy = cli_policy(cli);

	if (!policy)
		return EXIT_USAGE;
	check_gather(cli->config, cli->arena, &bundle);
	if (cli->json) {
		json_put_text(&out, SLICE("{\"policy\":"), slice_of(policy_hash(policy)));
		text_put(&out, SLICE(",\"statements\":["));
		for (uint32_t i = 0; i < policy_clause_count(policy); i++) {
			text_put(&out, i ? SLICE(",") : SLICE_NONE);
			text_json(&out, policy_clause(policy, i).text);
		}
		text_put(&out, SLICE("]}\n"));
	} else {
		for (size_t i = 0; i < bundle.count; i++)
			if (bundle.files[i].kind == BUNDLE_CONFIGURATION)
				put_file(&out, &bundle.files[i]);
	}
	cli_print(&out);
	text_free(&out);
	policy_unref(policy);
	return EXIT_YES;
}

/* ---- limits ---- */

enum exit_status run_limits(struct cli *cli)
{
	struct slice of = cli_operand(cli, 0);
	size_t lines;

	if (cli_operand_count(cli) > 1)
		return cli_fail(EXIT_USAGE, "limits takes one account, address or network");
	json_t *question = json_pack("{s:s}", "ask", "limits");
	if (of.len)
		json_object_set_new(question, "of", json_stringn(of.at, of.len));
	enum exit_status status = cli_ask(cli, question, view_limit, &lines);
	if (status == EXIT_YES && lines == 0 && !cli->json)
		puts("nothing is counted at the moment");
	return status;
}
