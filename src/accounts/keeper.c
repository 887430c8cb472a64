/* SPDX-License-Identifier: Apache-2.0 */
/* A file of what this room holds. The contract is in keeper.h. */
#include "accounts/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"

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

static bool load(struct keeper *keeper, struct text *why)
{
	const struct keeper_kind *kind = keeper->kind;
	struct text bytes = TEXT_GROWING;
	int fd = openat(keeper->folder, kind->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool good = true;

	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0 || !file_read(fd, &bytes))
		role_log(keeper->role, LEVEL_ERROR, kind->name,
			"%s cannot be read, they begin empty: %s", kind->what, strerror(errno));
	else
		good = kind->take(keeper, text_slice(&bytes), why);
	if (keeper->ignored)
		role_log(keeper->role, LEVEL_WARN, kind->name,
			"the last %zu bytes of %s are damaged and left out", keeper->ignored,
			kind->what);
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
		role_log(keeper->role, LEVEL_ERROR, keeper->kind->name,
			"%s cannot be %s: %s; they are kept in memory and written when that works "
			"again",
			keeper->kind->what, what, strerror(error));
	keeper->complained = true;
	keeper->must_rewrite = true;
	if (keeper->file >= 0)
		close(keeper->file);
	keeper->file = -1;
}

/* Without a file nothing is lost: it is about to be written anew from what is held. */
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

struct text *keeper_text(struct keeper *keeper)
{
	loop_at_turn_end(keeper->role->loop, &keeper->hook);
	return &keeper->pending;
}

/* ---- writing anew ---- */

struct rewrite {
	const struct keeper_kind *kind;
	int folder, file;
	struct slice bytes;
	int error;
};

static void rewrite_run(void *arg)
{
	struct rewrite *rewrite = arg;

	const struct keeper_kind *kind = rewrite->kind;

	unlinkat(rewrite->folder, kind->new_name, 0);
	rewrite->file = openat(rewrite->folder, kind->new_name,
		O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (rewrite->file >= 0 && file_write(rewrite->file, rewrite->bytes) &&
		fdatasync(rewrite->file) == 0 &&
		renameat(rewrite->folder, kind->new_name, rewrite->folder, kind->name) == 0 &&
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

	text_clear(&keeper->pending); /* the owner has it */
	keeper->kind->put_all(keeper, offset, &all);
	keeper->must_rewrite = false;
	keeper->rewriting = true;
	struct rewrite rewrite = {
		.kind = keeper->kind, .folder = keeper->folder, .bytes = text_slice(&all)};
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
	mono_ns each = keeper->kind->flush_every ? keeper->kind->flush_every : flush_every;
	rest(task, keeper, good ? each : again_after);
}

static void keeper_run(struct task *task, void *arg)
{
	struct keeper *keeper = arg;

	while (!keeper->closing)
		if (keeper->unflushed || is_due(keeper))
			tend_once(task, keeper);
		else if (gate_wait(task, &keeper->stir, "something to keep") == WAIT_CANCELLED)
			keeper->closing = true;
	append(keeper);
	tend_once(task, keeper);
	keeper->running = false;
	gate_open(&keeper->ended);
}

/* ---- life ---- */

bool keeper_open(struct keeper *keeper, const struct keeper_kind *kind, void *owner,
	struct role *role, struct offload *pool, int folder, struct text *why)
{
	*keeper = (struct keeper){.kind = kind,
		.owner = owner,
		.role = role,
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
	panic_if(!task_start(keeper->role->loop, keeper->kind->name, keeper_run, keeper),
		"no memory for the task of %s", keeper->kind->what);
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
		gate_wait(task, &keeper->ended, "a file to be written") == WAIT_READY)
		;
	/* What it would have done is done, and at the turn's end this object may be gone. */
	if (list_is_linked(&keeper->hook.link))
		list_remove(&keeper->hook.link);
	text_free(&keeper->pending);
	text_free(&keeper->since);
	if (keeper->file >= 0)
		close(keeper->file);
	close(keeper->folder);
	keeper->file = keeper->folder = -1;
}
