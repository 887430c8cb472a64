/* SPDX-License-Identifier: Apache-2.0 */
/* postern explain: words, files, folders, streams. What they mean is explain/'s, how it is shown
 * diagnose/'s; here stands where the bytes come from. Folders and logs: explain_many.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/explain.h"
#include "base/id.h"

/* ---- where the bytes come from ---- */

bool bytes_open(const char *path, struct bytes *bytes)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*bytes = (struct bytes){0};
	if (fd < 0)
		return false;
	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
		close(fd);
		errno = EINVAL;
		return false;
	}
	if (about.st_size > 0) {
		bytes->mapped = (size_t)about.st_size;
		void *at = mmap(NULL, bytes->mapped, PROT_READ, MAP_PRIVATE, fd, 0);
		if (at == MAP_FAILED) {
			close(fd);
			return false;
		}
		bytes->content = (struct slice){at, bytes->mapped};
	}
	close(fd);
	return true;
}

void bytes_close(struct bytes *bytes)
{
	if (bytes->mapped)
		munmap((void *)(uintptr_t)bytes->content.at, bytes->mapped);
}

/* ---- one input ---- */

/* What this host's journal knows of an id of ours that stands in the report. */
static void tell_journal(struct explaining *explaining, const struct reading *reading)
{
	uint64_t id;

	for (size_t i = 0; i < reading->failure_count; i++)
		if (id_parse(reading->failures[i].postern_id, &id)) {
			fflush(stdout);
			why_of_id(explaining->cli, id);
			return;
		}
}

void explain_input(struct explaining *explaining, struct slice input, struct slice name)
{
	struct text out = TEXT_GROWING;
	struct explained explained;

	explained_of(input, explaining->arena, &explained);
	if (!explained_is_clear(&explained))
		explaining->status = EXIT_NO;
	if (explaining->tally)
		tally_add(explaining->tally, &explained);
	if (explaining->cli->json) {
		explained_json(&out, &explained, name);
	} else if (cli_has(explaining->cli, "--report")) {
		explained_report(&out, &explained);
	} else if (!explaining->tally) {
		if (explaining->named) {
			text_put(&out, explaining->shown++ ? SLICE("\n== ") : SLICE("== "));
			text_escaped(&out, name);
			text_put(&out, SLICE("\n"));
		}
		explained_people(&out, &explained);
	}
	cli_print(&out);
	text_free(&out);
	if (!explaining->cli->json && !explaining->tally && !cli_has(explaining->cli, "--report"))
		tell_journal(explaining, &explained.reading);
	arena_reset(explaining->arena);
}

static void explain_stdin(struct explaining *explaining)
{
	struct text all = TEXT_GROWING;
	size_t got = 1;

	while (got > 0 && all.len < STDIN_MOST) {
		char *at = text_reserve(&all, 1 << 16);
		got = fread(at, 1, 1 << 16, stdin);
		all.len -= (1 << 16) - got;
	}
	if (!explain_mbox(explaining, text_slice(&all), SLICE("-")))
		explain_input(explaining, text_slice(&all), SLICE("-"));
	text_free(&all);
}

static void explain_path(struct explaining *explaining, struct slice operand, bool folder)
{
	const char *path = arena_string(explaining->cli->arena, operand);
	struct bytes bytes;

	if (folder) {
		explain_folder(explaining, path);
		return;
	}
	if (!bytes_open(path, &bytes)) {
		explaining->status = cli_fail(EXIT_UNKNOWN, "%s: %s", path, strerror(errno));
		return;
	}
	if (!explain_mbox(explaining, bytes.content, operand) &&
		!explain_log(explaining, bytes.content, operand))
		explain_input(explaining, bytes.content, operand);
	bytes_close(&bytes);
}

/* ---- operands ---- */

enum operand { OPERAND_STDIN, OPERAND_FILE, OPERAND_FOLDER, OPERAND_TEXT };

static enum operand operand_kind(const struct cli *cli, struct slice operand)
{
	struct stat about;

	if (slice_is(operand, SLICE("-")))
		return OPERAND_STDIN;
	if (slice_has(operand, '\n') || operand.len > 4000 ||
		stat(arena_string(cli->arena, operand), &about) != 0)
		return OPERAND_TEXT;
	return S_ISDIR(about.st_mode) ? OPERAND_FOLDER : OPERAND_FILE;
}

/* A word that looks like a path and is none is a mistake, not a server's words. */
static bool is_missing_file(struct slice operand)
{
	return !slice_has(operand, ' ') && operand.len > 1 &&
	       (slice_has(operand, '/') || slice_ends_nocase(operand, SLICE(".eml")) ||
		       slice_ends_nocase(operand, SLICE(".msg")) ||
		       slice_ends_nocase(operand, SLICE(".txt")) ||
		       slice_ends_nocase(operand, SLICE(".mbox")) ||
		       slice_ends_nocase(operand, SLICE(".log")));
}

/* Words without quotation marks, `postern explain 550 5.7.1 Relaying denied`, are one text. */
static size_t join_words(const struct cli *cli, size_t from, struct text *text)
{
	size_t count = cli_operand_count(cli), n = from;

	for (; n < count; n++) {
		struct slice word = cli_operand(cli, n);
		if (operand_kind(cli, word) != OPERAND_TEXT || (n > from && slice_has(word, ' ')))
			break;
		if (n > from)
			text_char(text, ' ');
		text_put(text, word);
		if (n == from && slice_has(word, ' '))
			return n + 1;
	}
	return n;
}

static size_t explain_operand(struct explaining *explaining, size_t n)
{
	struct slice operand = cli_operand(explaining->cli, n);
	enum operand kind = operand_kind(explaining->cli, operand);
	struct text text = TEXT_GROWING;

	switch (kind) {
	case OPERAND_STDIN: explain_stdin(explaining); return n + 1;
	case OPERAND_FILE:
	case OPERAND_FOLDER:
		explain_path(explaining, operand, kind == OPERAND_FOLDER);
		return n + 1;
	case OPERAND_TEXT: break;
	}
	if (is_missing_file(operand)) {
		explaining->status =
			cli_fail(EXIT_UNKNOWN, "%.*s: there is no such file", SLICE_ARGS(operand));
		return n + 1;
	}
	n = join_words(explaining->cli, n, &text);
	struct slice words = arena_slice(explaining->cli->arena, text_slice(&text));
	text_free(&text);
	explain_input(explaining, words, slice_part(words, 0, 60));
	return n;
}

enum exit_status run_explain(struct cli *cli)
{
	struct explaining explaining = {.cli = cli, .arena = arena_new()};
	size_t count = cli_operand_count(cli);

	if (cli_has(cli, "-f")) {
		arena_free(explaining.arena);
		if (count != 1)
			return cli_fail(EXIT_USAGE, "explain -f wants one log to follow");
		return explain_follow(cli, arena_string(cli->arena, cli_operand(cli, 0)));
	}
	explaining.named = count > 1;
	if (count == 0)
		explain_stdin(&explaining);
	for (size_t n = 0; n < count;)
		n = explain_operand(&explaining, n);
	arena_free(explaining.arena);
	return explaining.status;
}
