/* SPDX-License-Identifier: Apache-2.0 */
/* postern status, sessions, queue and reload: what the running daemon answers. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cli.h"
#include "diagnose/views.h"

/* ---- asking and showing ---- */

struct showing {
	const struct cli *cli;
	void (*view)(struct text *out, const json_t *line);
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
		showing->view(&out, line);
		cli_print(&out);
	}
	text_free(&out);
}

/* EXIT_YES with what was shown counted; else what is wrong has been said. */
enum exit_status cli_ask(struct cli *cli, json_t *question,
	void (*view)(struct text *out, const json_t *line), size_t *lines)
{
	struct showing showing = {cli, view, 0};
	struct text words = TEXT_GROWING;
	struct policy *policy = cli_policy(cli);
	enum exit_status status = EXIT_YES;

	if (!policy) {
		json_decref(question);
		return EXIT_USAGE;
	}
	enum asked asked = daemon_ask(policy, question, show_line, &showing, &words);
	if (asked != ASKED)
		status = cli_fail(asked == ASKED_REFUSED ? EXIT_NO : EXIT_UNKNOWN, "%.*s",
			SLICE_ARGS(text_slice(&words)));
	*lines = showing.lines;
	text_free(&words);
	policy_unref(policy);
	return status;
}

enum exit_status run_status(struct cli *cli)
{
	size_t lines;

	return cli_ask(cli, json_pack("{s:s}", "ask", "status"), view_status, &lines);
}

enum exit_status run_sessions(struct cli *cli)
{
	size_t lines;
	enum exit_status status =
		cli_ask(cli, json_pack("{s:s}", "ask", "sessions"), view_session, &lines);

	if (status == EXIT_YES && lines == 0 && !cli->json)
		puts("nobody is connected");
	return status;
}

enum exit_status run_reload(struct cli *cli)
{
	size_t lines;
	enum exit_status status =
		cli_ask(cli, json_pack("{s:s}", "ask", "reload"), view_reload, &lines);

	/* Our own look at the file has said what is wrong: the daemon would say the same. */
	return status == EXIT_USAGE ? EXIT_NO : status;
}

/* ---- queue ---- */

static enum exit_status queue_list(struct cli *cli)
{
	json_t *question = json_pack("{s:s}", "ask", "queue");
	struct slice to = cli_value(cli, "--to");
	uint64_t limit = 1000;
	size_t lines;

	if (cli_has(cli, "-n") && !slice_number(cli_value(cli, "-n"), 10000000, &limit)) {
		json_decref(question);
		return cli_fail(EXIT_USAGE, "-n takes a number");
	}
	json_object_set_new(question, "limit", json_integer((json_int_t)limit));
	if (to.len)
		json_object_set_new(question, "to", json_stringn(to.at, to.len));
	enum exit_status status = cli_ask(cli, question, view_queue_line, &lines);
	if (status == EXIT_YES && lines == 0 && !cli->json)
		puts("the queue is empty");
	return status;
}

static enum exit_status queue_show(struct cli *cli)
{
	struct slice id = cli_operand(cli, 1);
	size_t lines;

	if (cli_operand_count(cli) != 2)
		return cli_fail(EXIT_USAGE, "queue show wants one id");
	return cli_ask(cli, json_pack("{s:s,s:s%}", "ask", "queue-show", "id", id.at, id.len),
		view_message, &lines);
}

static enum exit_status queue_act(struct cli *cli, struct slice act)
{
	json_t *ids = json_array();
	struct slice to = cli_value(cli, "--to");
	size_t lines;

	for (size_t i = 1; i < cli_operand_count(cli); i++)
		json_array_append_new(
			ids, json_stringn(cli_operand(cli, i).at, cli_operand(cli, i).len));
	if ((json_array_size(ids) == 0) == (to.len == 0)) {
		json_decref(ids);
		return cli_fail(
			EXIT_USAGE, "queue %.*s wants ids, or --to PATTERN", SLICE_ARGS(act));
	}
	json_t *question = json_pack("{s:s,s:s%}", "ask", "queue-act", "act", act.at, act.len);
	if (to.len) {
		json_object_set_new(question, "to", json_stringn(to.at, to.len));
		json_decref(ids);
	} else {
		json_object_set_new(question, "ids", ids);
	}
	return cli_ask(cli, question, view_acted, &lines);
}

enum exit_status run_queue(struct cli *cli)
{
	static const char *const acts[] = {"retry", "hold", "release", "remove", "bounce"};
	struct slice word = cli_operand(cli, 0);

	if (cli_operand_count(cli) == 0)
		return queue_list(cli);
	if (slice_is(word, SLICE("show")))
		return queue_show(cli);
	if (slice_is(word, SLICE("damage")))
		return queue_damage(cli);
	if (slice_is(word, SLICE("salvage")) || slice_is(word, SLICE("discard")))
		return queue_clear(cli, slice_is(word, SLICE("salvage")));
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (slice_is(word, slice_of(acts[i])))
			return queue_act(cli, word);
	return cli_fail(EXIT_USAGE,
		"queue knows show, retry, hold, release, remove, bounce, damage, salvage and "
		"discard");
}
