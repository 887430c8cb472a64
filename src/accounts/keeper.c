/* SPDX-License-Identifier: Apache-2.0 */
/* The file of counters. The contract is in keeper.h. */
#include "accounts/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/counters_file.h"
#include "base/panic.h"

#define FILE_NAME "limits"
#define NEW_NAME "limits.new"

enum { REWRITE_ABOVE = 1 << 20 };
static const mono_ns flush_every = NS_PER_S;
static const mono_ns again_after = 10 * NS_PER_S; /* a write that failed */
static const int64_t step_least = 2 * NS_PER_S;   /* the clock was set */

static int64_t offset_now(const struct keeper *keeper)
{
	return loop_wall(keeper->role->loop) - loop_mono(keeper->role->loop);
}

/* ---- reading ---- */

static bool file_read(int fd, struct text *bytes)
{
	for (;;) {
		char *at = text_reserve(bytes, 1 << 16);
		ssize_t got = read(fd, at, 1 << 16);
		bytes->len -= (size_t)(got > 0 ? (1 << 16) - got : 1 << 16);
		if (got <= 0)
			return got == 0;
	}
}

/* A time in the future (the clock went back while we were away) counts as now: a limit is then
 * kept for longer, never for less. */
static void record_take(struct keeper *keeper, const struct counters_record *record)
{
	mono_ns now = loop_mono(keeper->role->loop);
	wall_ns wall = loop_wall(keeper->role->loop);
	struct slice left = record->moments;
	struct kept_moment moment;

	while (left.len && counters_file_moment(&left, &moment)) {
		int64_t age = moment.when < wall ? wall - moment.when : 0;
		if (age >= record->period || moment.when < 0 || !moment.places)
			continue;
		counters_put(keeper->counters, record->key, record->period, now - age,
			moment.places, now);
	}
}

static bool file_take(struct keeper *keeper, struct slice bytes, struct text *why)
{
	struct counters_record record;
	uint32_t format = 0;

	switch (counters_file_open(&bytes, &format)) {
	case COUNTERS_FILE_OK: break;
	case COUNTERS_FILE_DAMAGED: keeper->ignored = bytes.len; return true;
	case COUNTERS_FILE_NEWER:
		text_format(why,
			"STATE/accounts/" FILE_NAME
			" has format %u, and this version knows none above %d",
			format, COUNTERS_FORMAT);
		return false;
	}
	for (; counters_file_next(&bytes, &record); keeper->loaded++)
		record_take(keeper, &record);
	keeper->ignored = bytes.len;
	return true;
}

static bool load(struct keeper *keeper, struct text *why)
{
	struct text bytes = TEXT_GROWING;
	int fd = openat(keeper->folder, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool good = true;

	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0 || !file_read(fd, &bytes))
		role_log(keeper->role, LEVEL_ERROR, "limits",
			"the counters of limits cannot be read, they begin empty: %s",
			strerror(errno));
	else
		good = file_take(keeper, text_slice(&bytes), why);
	if (keeper->ignored)
		role_log(keeper->role, LEVEL_WARN, "limits",
			"the last %zu bytes of the counters of limits are damaged and left out",
			keeper->ignored);
	if (fd >= 0)
		close(fd);
	text_free(&bytes);
	return good;
}

/* ---- writing ---- */

static bool file_write(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t written = write(fd, bytes.at, bytes.len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		bytes = slice_from(bytes, (size_t)written);
	}
	return true;
}

static void fail(struct keeper *keeper, const char *what, int error)
{
	if (!keeper->complained)
		role_log(keeper->role, LEVEL_ERROR, "limits",
			"the counters of limits cannot be %s: %s; they are kept in memory and "
			"written when that works again",
			what, strerror(error));
	keeper->complained = true;
	keeper->must_rewrite = true;
	if (keeper->file >= 0)
		close(keeper->file);
	keeper->file = -1;
}

/* Without a file nothing is lost: it is about to be written anew from the counters. */
static void append(struct keeper *keeper)
{
	struct slice bytes = text_slice(&keeper->pending);

	if (bytes.len && keeper->rewriting)
		text_put(&keeper->since, bytes);
	if (bytes.len && keeper->file >= 0) {
		if (!file_write(keeper->file, bytes))
			fail(keeper, "written", errno);
		keeper->size += bytes.len;
		keeper->unflushed = true;
	}
	text_clear(&keeper->pending);
}

static void turn_ended(struct turn_end *hook)
{
	struct keeper *keeper = LIST_OBJECT(struct keeper, hook, hook);

	append(keeper);
	gate_open(&keeper->stir);
}

void keeper_note(struct keeper *keeper, const struct counting_counter *kept)
{
	const struct kept_moment moment = {loop_wall(keeper->role->loop), kept->places};

	counters_file_put(&keeper->pending, kept->key, kept->period, &moment, 1);
	loop_at_turn_end(keeper->role->loop, &keeper->hook);
}

/* ---- writing anew ---- */

static void put_counter(struct keeper *keeper, const struct counter_view *view, int64_t offset,
	struct kept_moment *moments, struct text *out)
{
	const struct moment *moment;
	size_t count = 0;

	for (size_t i = 0; (moment = counters_moment(keeper->counters, i)); i++) {
		moments[count++] = (struct kept_moment){moment->at + offset, moment->places};
		if (count == RECORD_MOMENTS) {
			counters_file_put(out, view->key, view->period, moments, count);
			count = 0;
		}
	}
	if (count)
		counters_file_put(out, view->key, view->period, moments, count);
}

static void put_all(struct keeper *keeper, int64_t offset, struct text *out)
{
	struct kept_moment *moments = calloc(RECORD_MOMENTS, sizeof *moments);
	mono_ns now = loop_mono(keeper->role->loop);
	struct counter_view view;
	size_t at = 0;

	panic_if(!moments, "out of memory for writing counters");
	counters_file_begin(out);
	while (counters_next(keeper->counters, &at, now, &view))
		put_counter(keeper, &view, offset, moments, out);
	free(moments);
}

struct rewrite {
	int folder, file;
	struct slice bytes;
	int error;
};

static void rewrite_run(void *arg)
{
	struct rewrite *rewrite = arg;

	unlinkat(rewrite->folder, NEW_NAME, 0);
	rewrite->file = openat(rewrite->folder, NEW_NAME,
		O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (rewrite->file >= 0 && file_write(rewrite->file, rewrite->bytes) &&
		fdatasync(rewrite->file) == 0 &&
		renameat(rewrite->folder, NEW_NAME, rewrite->folder, FILE_NAME) == 0 &&
		fsync(rewrite->folder) == 0)
		return;
	rewrite->error = errno;
	if (rewrite->file >= 0)
		close(rewrite->file);
}

static void take_new_file(struct keeper *keeper, const struct rewrite *rewrite, int64_t offset)
{
	if (keeper->file >= 0)
		close(keeper->file);
	keeper->file = rewrite->file;
	keeper->size = keeper->size_at_rewrite = rewrite->bytes.len;
	keeper->offset = offset;
	keeper->complained = false;
	if (keeper->since.len && !file_write(keeper->file, text_slice(&keeper->since)))
		fail(keeper, "written", errno);
	keeper->size += keeper->since.len;
	keeper->unflushed = keeper->since.len > 0;
}

static bool write_anew(struct task *task, struct keeper *keeper)
{
	struct text all = TEXT_GROWING;
	int64_t offset = offset_now(keeper);

	text_clear(&keeper->pending); /* the counters have it */
	put_all(keeper, offset, &all);
	keeper->must_rewrite = false;
	keeper->rewriting = true;
	struct rewrite rewrite = {.folder = keeper->folder, .bytes = text_slice(&all)};
	offload_run(task, keeper->pool, rewrite_run, &rewrite);
	append(keeper);
	keeper->rewriting = false;
	if (rewrite.error)
		fail(keeper, "written", rewrite.error);
	else
		take_new_file(keeper, &rewrite, offset);
	text_free(&keeper->since);
	keeper->since = TEXT_GROWING;
	text_free(&all);
	return !rewrite.error;
}

/* ---- its task ---- */

struct flush {
	int file, error;
};

static void flush_run(void *arg)
{
	struct flush *flush = arg;

	flush->error = fdatasync(flush->file) < 0 ? errno : 0;
}

static void flush_now(struct task *task, struct keeper *keeper)
{
	struct flush flush = {.file = keeper->file};

	keeper->unflushed = false;
	offload_run(task, keeper->pool, flush_run, &flush);
	if (flush.error)
		fail(keeper, "flushed", flush.error);
}

static bool is_due(const struct keeper *keeper)
{
	return keeper->must_rewrite ||
	       (keeper->size > REWRITE_ABOVE && keeper->size > 2 * keeper->size_at_rewrite);
}

static void rest(struct task *task, struct keeper *keeper, mono_ns how_long)
{
	mono_ns outer = task_limit(task, how_long);
	enum wait waited = WAIT_READY;

	while (!keeper->closing && waited == WAIT_READY)
		waited = gate_wait(task, &keeper->hurry, "the next flush");
	task_restore(task, outer);
	keeper->closing |= waited == WAIT_CANCELLED;
}

static void tend_once(struct task *task, struct keeper *keeper)
{
	bool good = true;

	if (is_due(keeper))
		good = write_anew(task, keeper);
	if (keeper->unflushed && keeper->file >= 0)
		flush_now(task, keeper);
	rest(task, keeper, good ? flush_every : again_after);
}

static void keeper_run(struct task *task, void *arg)
{
	struct keeper *keeper = arg;

	while (!keeper->closing)
		if (keeper->unflushed || is_due(keeper))
			tend_once(task, keeper);
		else if (gate_wait(task, &keeper->stir, "something to count") == WAIT_CANCELLED)
			keeper->closing = true;
	append(keeper);
	tend_once(task, keeper);
	keeper->running = false;
	gate_open(&keeper->ended);
}

/* ---- life ---- */

bool keeper_open(struct keeper *keeper, struct role *role, struct counters *counters,
	struct offload *pool, int folder, struct text *why)
{
	*keeper = (struct keeper){.role = role,
		.counters = counters,
		.pool = pool,
		.folder = folder,
		.file = -1,
		.pending = TEXT_GROWING,
		.since = TEXT_GROWING,
		.hook = {.run = turn_ended},
		.must_rewrite = true};
	gate_init(&keeper->stir);
	gate_init(&keeper->hurry);
	gate_init(&keeper->ended);
	keeper->offset = offset_now(keeper);
	return load(keeper, why);
}

void keeper_start(struct keeper *keeper)
{
	keeper->running = true;
	panic_if(!task_start(keeper->role->loop, "limits", keeper_run, keeper),
		"no memory for the task of limits");
}

void keeper_tend(struct keeper *keeper)
{
	int64_t moved = offset_now(keeper) - keeper->offset;

	if (moved > step_least || moved < -step_least)
		keeper->must_rewrite = true;
	if (keeper->must_rewrite)
		gate_open(&keeper->stir);
}

void keeper_finish(struct task *task, struct keeper *keeper)
{
	keeper->closing = true;
	gate_open(&keeper->stir);
	gate_open(&keeper->hurry);
	while (keeper->running &&
		gate_wait(task, &keeper->ended, "limits to be written") == WAIT_READY)
		;
	text_free(&keeper->pending);
	text_free(&keeper->since);
	if (keeper->file >= 0)
		close(keeper->file);
	close(keeper->folder);
	keeper->file = keeper->folder = -1;
}
