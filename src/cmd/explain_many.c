/* SPDX-License-Identifier: Apache-2.0 */
/* postern explain over many: folders, Maildirs, mbox files, logs, and a log as it grows. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/explain.h"
#include "cmd/progress.h"

enum { FOLDERS_DEEP = 8, LOG_LINE_MOST = 64 << 10, LOG_SAMPLE = 8 << 10 };

/* ---- many inputs, counted and told at the end ---- */

struct many {
	struct explaining explaining;
	struct progress progress;
	size_t done, all;
	struct arena *arena; /* of the tally */
};

static void many_begin(struct many *many, const struct explaining *of, size_t all)
{
	many->arena = arena_new();
	many->explaining = *of;
	many->explaining.tally = tally_new(many->arena);
	many->progress = (struct progress){.what = "explaining"};
	many->done = 0;
	many->all = all;
}

/* A folder is explained when it has been read: single unclear ones are in the count. */
static void many_end(struct many *many, struct explaining *of, struct slice name)
{
	struct text out = TEXT_GROWING;

	progress_end(&many->progress);
	if (of->cli->json) {
		tally_json(&out, many->explaining.tally);
	} else if (!cli_has(of->cli, "--report")) {
		text_escaped(&out, name);
		text_put(&out, SLICE(": "));
		tally_people(&out, many->explaining.tally);
	}
	cli_print(&out);
	text_free(&out);
	arena_free(many->arena);
}

static void many_add(struct many *many, struct slice input, struct slice name)
{
	explain_input(&many->explaining, input, name);
	progress_show(&many->progress, ++many->done, many->all);
}

/* ---- mbox ---- */

/* Length of the message at the front: up to an empty line and "From " (RFC 4155). */
static size_t message_len(struct slice content)
{
	size_t at = 0;

	while (at < content.len) {
		const char *found = memmem(content.at + at, content.len - at, "\nFrom ", 6);
		if (!found)
			return content.len;
		at = (size_t)(found - content.at) + 1;
		bool empty = at >= 2 && (content.at[at - 2] == '\n' ||
						(content.at[at - 2] == '\r' && at >= 3 &&
							content.at[at - 3] == '\n'));
		if (empty)
			return at;
	}
	return content.len;
}

bool explain_mbox(struct explaining *explaining, struct slice content, struct slice name)
{
	struct many many;
	size_t count = 0;

	if (!slice_starts(content, SLICE("From ")))
		return false;
	for (struct slice left = content; left.len; count++)
		left = slice_from(left, message_len(left));
	if (count < 2)
		return false;
	many_begin(&many, explaining, count);
	for (size_t n = 1; content.len; n++) {
		char number[400];
		struct text of = TEXT_FIXED(number);
		size_t len = message_len(content);
		text_format(&of, "%.*s:%zu", SLICE_ARGS(slice_part(name, 0, 300)), n);
		many_add(&many, slice_part(content, 0, len), text_slice(&of));
		content = slice_from(content, len);
	}
	many_end(&many, explaining, name);
	return true;
}

/* ---- folders ---- */

static bool is_plain_name(const char *name)
{
	return name[0] != '.';
}

/* Calls `see` for each regular file below `path`; gives back how many. */
static size_t each_file(struct many *many, const char *path, unsigned depth,
	void (*see)(struct many *many, const char *path))
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	while (folder && (entry = readdir(folder))) {
		char inner[4096];
		struct stat about;
		int len = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
		if (!is_plain_name(entry->d_name) || len < 0 || (size_t)len >= sizeof inner ||
			lstat(inner, &about) != 0)
			continue;
		if (S_ISDIR(about.st_mode) && depth < FOLDERS_DEEP)
			count += each_file(many, inner, depth + 1, see);
		if (!S_ISREG(about.st_mode))
			continue;
		count++;
		if (see)
			see(many, inner);
	}
	if (folder)
		closedir(folder);
	return count;
}

static void see_file(struct many *many, const char *path)
{
	struct bytes bytes;

	if (!bytes_open(path, &bytes)) {
		many->explaining.status = cli_fail(EXIT_UNKNOWN, "%s: %s", path, strerror(errno));
		return;
	}
	many_add(many, bytes.content, slice_of(path));
	bytes_close(&bytes);
}

void explain_folder(struct explaining *explaining, const char *path)
{
	struct many many;

	many_begin(&many, explaining, each_file(NULL, path, 0, NULL));
	each_file(&many, path, 0, see_file);
	if (many.done == 0)
		explaining->status = cli_fail(EXIT_UNKNOWN, "%s: no files in it", path);
	else if (many.explaining.status == EXIT_UNKNOWN)
		explaining->status = EXIT_UNKNOWN;
	many_end(&many, explaining, slice_of(path));
}

/* ---- a log ---- */

static bool is_log(struct slice content, struct arena *arena)
{
	struct reading reading;
	size_t end = slice_find_last(slice_part(content, 0, LOG_SAMPLE), '\n');

	if (end == SIZE_MAX || content.len < LOG_SAMPLE)
		return false;
	reading_of(slice_part(content, 0, end), arena, &reading);
	bool log = reading.kind == INPUT_LOG;
	arena_reset(arena);
	return log;
}

/* A line that tells a failure; other lines are no concern of ours. */
static bool explain_line(
	struct explaining *explaining, struct slice line, struct explained *explained)
{
	explained_of(slice_part(line, 0, LOG_LINE_MOST), explaining->arena, explained);
	if (explained->reading.kind != INPUT_LOG ||
		explained->lead == explained->reading.failure_count)
		return false;
	enum fate fate = explained->reading.failures[explained->lead].fate;
	return fate == FATE_FAILED || fate == FATE_DELAYED;
}

static void show_line(struct explaining *explaining, const struct explained *explained)
{
	struct text out = TEXT_GROWING;

	if (explaining->cli->json) {
		explained_json(&out, explained, SLICE_NONE);
	} else if (!explaining->tally) {
		explained_line(&out, explained, explained->lead);
		text_put(&out, SLICE("          "));
		text_escaped(&out, explained->whole.summary);
		text_char(&out, '\n');
	}
	cli_print(&out);
	fflush(stdout);
	text_free(&out);
}

bool explain_log(struct explaining *explaining, struct slice content, struct slice name)
{
	struct explained explained;
	struct many many;

	if (!is_log(content, explaining->arena))
		return false;
	many_begin(&many, explaining, 0);
	while (content.len) {
		struct slice line = slice_cut(&content, '\n');
		if (explain_line(&many.explaining, line, &explained)) {
			tally_add(many.explaining.tally, &explained);
			show_line(&many.explaining, &explained);
		}
		arena_reset(many.explaining.arena);
	}
	many_end(&many, explaining, name);
	return true;
}

/* ---- a log as it grows ---- */

struct tail {
	const char *path;
	int fd;
	struct stat about;
	struct text line; /* begun, not ended yet */
	bool overlong;    /* the rest of this line is left out */
};

/* The file that has the name now; `from_start` where it is a new one. */
static bool tail_open(struct tail *tail, bool from_start)
{
	int fd = open(tail->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (tail->fd >= 0)
		close(tail->fd);
	tail->fd = fd;
	text_clear(&tail->line);
	tail->overlong = false;
	if (!from_start)
		lseek(fd, 0, SEEK_END);
	return fstat(fd, &tail->about) == 0;
}

/* logrotate renames the file (another inode has the name) or cuts it (it is shorter than read). */
static void tail_check(struct tail *tail)
{
	struct stat now;

	if (stat(tail->path, &now) == 0 &&
		(now.st_ino != tail->about.st_ino || now.st_dev != tail->about.st_dev)) {
		(void)tail_open(tail, true);
		return;
	}
	off_t at = lseek(tail->fd, 0, SEEK_CUR);
	if (fstat(tail->fd, &now) == 0 && now.st_size < at) {
		lseek(tail->fd, 0, SEEK_SET);
		text_clear(&tail->line);
	}
}

static void tail_take(struct tail *tail, struct explaining *explaining, struct slice piece)
{
	struct explained explained;

	while (piece.len) {
		bool ended = slice_has(piece, '\n');
		struct slice part = slice_cut(&piece, '\n');
		if (tail->line.len + part.len <= LOG_LINE_MOST && !tail->overlong)
			text_put(&tail->line, part);
		else
			tail->overlong = true;
		if (!ended)
			return;
		if (explain_line(explaining, text_slice(&tail->line), &explained))
			show_line(explaining, &explained);
		arena_reset(explaining->arena);
		text_clear(&tail->line);
		tail->overlong = false;
	}
}

enum exit_status explain_follow(struct cli *cli, const char *path)
{
	static const struct timespec pause = {.tv_nsec = 200000000};
	struct explaining explaining = {.cli = cli, .arena = arena_new()};
	struct tail tail = {.path = path, .fd = -1, .line = TEXT_GROWING};
	char *piece = arena_alloc(cli->arena, LOG_LINE_MOST);

	if (!tail_open(&tail, false)) {
		arena_free(explaining.arena);
		return cli_fail(EXIT_UNKNOWN, "%s: %s", path, strerror(errno));
	}
	while (!ferror(stdout)) {
		ssize_t got = read(tail.fd, piece, LOG_LINE_MOST);
		if (got > 0) {
			tail_take(&tail, &explaining, (struct slice){piece, (size_t)got});
			continue;
		}
		tail_check(&tail);
		nanosleep(&pause, NULL);
	}
	text_free(&tail.line);
	close(tail.fd);
	arena_free(explaining.arena);
	return EXIT_YES;
}
