/* SPDX-License-Identifier: Apache-2.0 */
/* postern why and postern log: what the journal holds, from the daemon or from its files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/id.h"
#include "cmd/cli.h"
#include "diagnose/again.h"
#include "diagnose/check.h"
#include "diagnose/told.h"
#include "journal/read.h"

enum { WHY_MOST = 20 };

/* ---- which lines ---- */

bool cli_read_since(struct slice s, wall_ns *since)
{
	static const struct {
		char unit;
		mono_ns ns;
	} units[] = {{'s', NS_PER_S}, {'m', 60 * NS_PER_S}, {'h', 3600 * NS_PER_S},
		{'d', 86400 * NS_PER_S}};
	struct timespec now;
	uint64_t number;

	if (time_parse(s, since))
		return true;
	if (s.len < 2 || !slice_number(slice_part(s, 0, s.len - 1), 36500, &number))
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (units[i].unit == s.at[s.len - 1]) {
			*since = now.tv_sec * NS_PER_S - (int64_t)number * units[i].ns;
			return true;
		}
	return false;
}

struct selection {
	struct journal_query query;
	struct network client;
	uint64_t limit;
	bool follow;
};

/* EXIT_YES, or what is wrong has been said. */
static enum exit_status read_selection(struct cli *cli, struct selection *selection)
{
	*selection = (struct selection){.limit = 1000, .follow = cli_has(cli, "-f")};
	selection->query.to = cli_value(cli, "--to");
	selection->query.from = cli_value(cli, "--from");
	selection->query.newest_first = true;
	if (cli_operand_count(cli) > 1)
		return cli_fail(EXIT_USAGE, "one id at a time");
	if (cli_operand_count(cli) && !id_parse(cli_operand(cli, 0), &selection->query.id))
		return cli_fail(EXIT_USAGE, "\"%.*s\" is not an id like 7K3Q-9MZD-2C4T",
			SLICE_ARGS(cli_operand(cli, 0)));
	if (cli_has(cli, "--since") &&
		!cli_read_since(cli_value(cli, "--since"), &selection->query.since))
		return cli_fail(EXIT_USAGE, "--since takes a time, or 30m, 2h, 3d");
	if (cli_has(cli, "-n") && !slice_number(cli_value(cli, "-n"), 10000000, &selection->limit))
		return cli_fail(EXIT_USAGE, "-n takes a number");
	if (!cli_has(cli, "--client"))
		return EXIT_YES;
	if (network_parse(cli_value(cli, "--client"), &selection->client) != NETWORK_OK)
		return cli_fail(EXIT_USAGE, "--client takes an address or a network");
	selection->query.client = &selection->client;
	return EXIT_YES;
}

/* ---- the lines ---- */

static json_t *json_slice(struct slice s)
{
	return json_stringn(s.at ? s.at : "", s.len);
}

static json_t *question_of(const struct cli *cli, const struct selection *selection)
{
	json_t *question =
		json_pack("{s:s,s:I}", "ask", "log", "limit", (json_int_t)selection->limit);
	char raw[64];
	struct text text = TEXT_FIXED(raw);

	for (size_t i = 0; i < 3; i++) {
		const char *option = (const char *const[]){"--to", "--from", "--client"}[i];
		if (cli_has(cli, option))
			json_object_set_new(
				question, option + 2, json_slice(cli_value(cli, option)));
	}
	if (selection->query.id) {
		text_id(&text, selection->query.id);
		json_object_set_new(question, "id", json_slice(text_slice(&text)));
	}
	if (selection->query.since) {
		text_clear(&text);
		text_time(&text, selection->query.since);
		json_object_set_new(question, "since", json_slice(text_slice(&text)));
	}
	if (selection->follow)
		json_object_set_new(question, "follow", json_true());
	return question;
}

struct from_files {
	void (*see)(void *owner, json_t *line);
	void *owner;
	json_t *lines; /* newest first */
	uint64_t limit;
};

static bool keep_line(void *owner, const struct journal_line *line)
{
	struct from_files *files = owner;

	if (json_array_size(files->lines) == files->limit)
		return false;
	json_array_append_new(files->lines, json_loadb(line->raw.at, line->raw.len, 0, NULL));
	return true;
}

static enum asked ask_files(const struct policy *policy, const struct selection *selection,
	struct from_files *files, struct text *words)
{
	struct arena *arena = arena_new();
	const char *path = daemon_path(policy, "journal", arena);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct journal_counts counts;
	enum asked asked = ASKED_NO_DAEMON;

	files->lines = json_array();
	if (folder >= 0 &&
		journal_read(folder, &selection->query, keep_line, files, &counts) == STATUS_OK)
		asked = ASKED;
	else
		text_format(words, "; %s: %s", path, strerror(errno));
	for (size_t i = json_array_size(files->lines); i > 0; i--)
		files->see(files->owner, json_array_get(files->lines, i - 1));
	json_decref(files->lines);
	if (folder >= 0)
		close(folder);
	arena_free(arena);
	return asked;
}

/* From the daemon, which has the newest lines; without one from its files. */
static enum asked read_lines(const struct cli *cli, const struct policy *policy,
	const struct selection *selection, void (*see)(void *owner, json_t *line), void *owner)
{
	struct text words = TEXT_GROWING;
	enum asked asked = daemon_ask(policy, question_of(cli, selection), see, owner, &words);
	struct from_files files = {see, owner, NULL, selection->limit};

	if (asked == ASKED_NO_DAEMON && !selection->follow)
		asked = ask_files(policy, selection, &files, &words);
	if (asked != ASKED)
		(void)cli_fail(EXIT_UNKNOWN, "%.*s", SLICE_ARGS(text_slice(&words)));
	text_free(&words);
	return asked;
}

/* ---- log ---- */

static void print_line(void *owner, json_t *line)
{
	const struct cli *cli = owner;
	struct text out = TEXT_GROWING;

	if (cli->json) {
		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (json_object_get(line, "cut")) {
		puts("… earlier lines are left out: -n COUNT shows more");
	} else {
		told_line(&out, line);
		cli_print(&out);
	}
	fflush(stdout);
	text_free(&out);
}

enum exit_status run_log(struct cli *cli)
{
	struct selection selection;
	enum exit_status status = read_selection(cli, &selection);
	struct policy *policy = status == EXIT_YES ? cli_policy(cli) : NULL;

	if (!policy)
		return EXIT_USAGE;
	if (read_lines(cli, policy, &selection, print_line, cli) != ASKED)
		status = EXIT_UNKNOWN;
	policy_unref(policy);
	return status;
}

/* ---- why ---- */

static void gather_line(void *owner, json_t *line)
{
	json_array_append(owner, line);
}

/* The policy a decision was taken under, kept by its hash; NULL where it is not kept any more. */
static struct policy *policy_of(const struct policy *current, struct slice hash)
{
	struct arena *arena = arena_new();
	struct text name = TEXT_GROWING, bytes = TEXT_GROWING, words = TEXT_GROWING;
	struct policy *policy = NULL;

	text_put(&name, SLICE("policy/"));
	for (size_t i = 0; i < hash.len; i++)
		text_char(&name, ascii_is_alnum(hash.at[i]) ? hash.at[i] : '_');
	text_char(&name, '\0');
	FILE *file = fopen(daemon_path(current, name.at, arena), "rb");
	for (size_t got = 1; file && got > 0;) {
		char *at = text_reserve(&bytes, 1 << 16);
		got = fread(at, 1, 1 << 16, file);
		bytes.len -= (1 << 16) - got;
	}
	if (file && fclose(file) == 0)
		policy = policy_of_bundle(text_slice(&bytes), &words);
	text_free(&name);
	text_free(&bytes);
	text_free(&words);
	arena_free(arena);
	return policy;
}

static json_t *events_of(const json_t *lines, const json_t *decision)
{
	struct slice message = told_text(decision, "message");
	struct slice recipient = told_text(decision, "recipient");
	json_t *events = json_array();

	for (size_t i = 0; message.len && i < json_array_size(lines); i++) {
		json_t *line = json_array_get(lines, i);
		if (told_text(line, "event").len && slice_is(told_text(line, "message"), message) &&
			(!recipient.len || slice_is(told_text(line, "recipient"), recipient)))
			json_array_append(events, line);
	}
	return events;
}

static void tell_why(const json_t *lines, json_t *decision, const struct policy *current)
{
	struct text out = TEXT_GROWING;
	struct policy *policy = policy_of(current, told_text(decision, "policy"));
	json_t *events = events_of(lines, decision);

	if (policy)
		again_complete(decision, policy);
	told_decision(&out, decision, policy);
	told_deliveries(&out, events);
	text_char(&out, '\n');
	cli_print(&out);
	json_decref(events);
	policy_unref(policy);
	text_free(&out);
}

static void complete_all(const json_t *lines, const struct policy *current)
{
	for (size_t i = 0; i < json_array_size(lines) && i < WHY_MOST; i++) {
		json_t *line = json_array_get(lines, i);
		struct policy *policy = told_text(line, "decision").len
						? policy_of(current, told_text(line, "policy"))
						: NULL;
		if (policy)
			again_complete(line, policy);
		policy_unref(policy);
	}
}

static bool is_story(const json_t *line, bool kept_too)
{
	return told_text(line, "decision").len && (kept_too || !told_is_kept(line));
}

static size_t count_stories(const json_t *lines)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(lines); i++)
		count += is_story(json_array_get(lines, i), false);
	return count;
}

/* A line that equal refusals share is found by every id between its first and its last; where a
 * line has the very id, that one is meant (journal/read.h). */
static void keep_the_very(json_t *lines, uint64_t id)
{
	char raw[ID_TEXT_LEN];
	struct text text = TEXT_FIXED(raw);
	bool found = false;

	text_id(&text, id);
	for (int pass = 0; id && pass < 2; pass++)
		for (size_t i = json_array_size(lines); i-- > 0;) {
			const json_t *line = json_array_get(lines, i);
			bool very = slice_is(told_text(line, "id"), text_slice(&text)) ||
				    slice_is(told_text(line, "message"), text_slice(&text));
			if (pass == 0)
				found |= very;
			else if (found && !very)
				json_array_remove(lines, i);
		}
}

/* Decisions with their stories; a message whose decision is gone still has its events. */
static enum exit_status show_why(
	const struct cli *cli, const json_t *lines, const struct policy *policy)
{
	size_t decisions = 0, count = json_array_size(lines);
	bool kept_too = count_stories(lines) == 0;

	if (cli->json) {
		complete_all(lines, policy);
		json_dumpf(lines, stdout, JSON_INDENT(1));
		putchar('\n');
		return count ? EXIT_YES : EXIT_NO;
	}
	for (size_t i = 0; i < count; i++) {
		json_t *line = json_array_get(lines, i);
		if (!is_story(line, kept_too))
			continue;
		if (++decisions <= WHY_MOST)
			tell_why(lines, line, policy);
	}
	if (decisions > WHY_MOST)
		printf("… and %zu more: postern log lists them\n", decisions - WHY_MOST);
	if (decisions == 0 && count) {
		struct text out = TEXT_GROWING;
		told_deliveries(&out, lines);
		cli_print(&out);
		text_free(&out);
	}
	return count ? EXIT_YES : cli_fail(EXIT_NO, "the journal holds nothing of it");
}

void why_of_id(struct cli *cli, uint64_t id)
{
	struct selection selection = {.limit = 1000, .query = {.id = id, .newest_first = true}};
	struct policy *policy = cli_policy(cli);
	struct text words = TEXT_GROWING;
	json_t *lines = json_array();
	struct from_files files = {gather_line, lines, NULL, selection.limit};

	if (policy &&
		(daemon_ask(policy, question_of(cli, &selection), gather_line, lines, &words) ==
				ASKED ||
			ask_files(policy, &selection, &files, &words) == ASKED) &&
		json_array_size(lines)) {
		keep_the_very(lines, id);
		puts("\nWhat this host's journal knows of it:\n");
		(void)show_why(cli, lines, policy);
	}
	json_decref(lines);
	text_free(&words);
	policy_unref(policy);
}

enum exit_status run_why(struct cli *cli)
{
	struct selection selection;

	if (cli_operand_count(cli) == 0 && cli->value_count == 0)
		return cli_fail(EXIT_USAGE, "why wants an id, or --to, --from, --client, --since");
	if (read_selection(cli, &selection) != EXIT_YES)
		return EXIT_USAGE;
	struct policy *policy = cli_policy(cli);
	if (!policy)
		return EXIT_USAGE;
	json_t *lines = json_array();
	enum exit_status status = EXIT_UNKNOWN;
	bool asked = read_lines(cli, policy, &selection, gather_line, lines) == ASKED;
	keep_the_very(lines, selection.query.id);
	if (asked)
		status = show_why(cli, lines, policy);
	json_decref(lines);
	policy_unref(policy);
	return status;
}
