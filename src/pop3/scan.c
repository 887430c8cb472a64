/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the folders of a Maildir, while others deliver into it and move files about in it. Read
 * drop.h first.
 *
 * new/ is read before cur/: a file on its way from one to the other is then seen at least once, and
 * of two the one in cur/ counts. A file renamed inside cur/ while that is read can be missed, so a
 * folder that changed meanwhile is read again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/panic.h"
#include "pop3/drop.h"

enum { TRIES = 3, ROOM_FIRST = 16 };

/* ---- names ---- */

/* "1700000000.M1P2.host,S=12,W=14:2,S": the seconds in front, the size as sent behind ",W=". */
static uint64_t seconds_of(struct slice base)
{
	uint64_t seconds = 0;

	slice_number(slice_cut(&base, '.'), UINT32_MAX, &seconds);
	return seconds;
}

static bool size_of(struct slice base, uint64_t *size)
{
	slice_cut(&base, ',');
	while (base.len) {
		struct slice field = slice_cut(&base, ',');
		if (slice_starts(field, SLICE("W=")))
			return slice_number(slice_from(field, 2), INT64_MAX, size);
	}
	return false;
}

static struct slice base_of(struct slice name)
{
	return slice_part(name, 0, slice_find(name, ':'));
}

static struct drop_message message_of(struct maildrop *drop, struct slice name, bool in_cur)
{
	struct slice base = base_of(name);
	struct drop_message message = {
		.seconds = seconds_of(base),
		.name = (uint32_t)drop->names.len,
		.name_len = (uint8_t)name.len,
		.base_len = (uint8_t)base.len,
		.in_cur = in_cur,
	};

	message.measured = size_of(base, &message.size);
	text_put(&drop->names, name);
	return message;
}

/* ---- one folder ---- */

static bool is_message(const struct dirent *entry)
{
	bool may_be_file = entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;

	return entry->d_name[0] != '.' && may_be_file && strlen(entry->d_name) <= UINT8_MAX;
}

static void add(struct maildrop *drop, struct slice name, bool in_cur)
{
	if (drop->count == drop->room) {
		drop->room = drop->room ? 2 * drop->room : ROOM_FIRST;
		drop->messages = reallocarray(drop->messages, drop->room, sizeof *drop->messages);
		panic_if(!drop->messages, "no memory for a list of %zu messages", drop->room);
	}
	drop->messages[drop->count++] = message_of(drop, name, in_cur);
}

/* What is done with each file. */
typedef void take_fn(struct maildrop *drop, struct slice name, bool in_cur);

static enum maildrop_end each_file(struct maildrop *drop, bool in_cur, take_fn *take)
{
	const char *inside = in_cur ? "cur" : "new";
	int fd = openat(drop->folder, inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0 && errno == ENOENT)
		return MAILDROP_DONE;
	if (!folder) {
		if (fd >= 0)
			close(fd);
		return drop_fail(drop, inside);
	}
	errno = 0;
	for (struct dirent *entry; (entry = readdir(folder)) && drop->names.len < UINT32_MAX / 2;)
		if (is_message(entry))
			take(drop, slice_of(entry->d_name), in_cur);
	int error = errno;
	closedir(folder);
	errno = error;
	return error ? drop_fail(drop, inside) : MAILDROP_DONE;
}

/* ---- the whole, in order ---- */

static int compare_bases(const struct maildrop *drop, const struct drop_message *a,
	uint64_t seconds, struct slice base)
{
	if (a->seconds != seconds)
		return a->seconds < seconds ? -1 : 1;
	return slice_compare(drop_base(drop, a), base);
}

static int compare(const void *left, const void *right, void *owner)
{
	const struct drop_message *a = left, *b = right;
	const struct maildrop *drop = owner;
	int order = compare_bases(drop, a, b->seconds, drop_base(drop, b));

	return order ? order : (int)a->in_cur - (int)b->in_cur;
}

/* Sorted, and of two that are one message the one in cur/. */
static void put_in_order(struct maildrop *drop)
{
	size_t kept = 0;

	if (drop->count)
		qsort_r(drop->messages, drop->count, sizeof *drop->messages, compare, drop);
	for (size_t i = 0; i < drop->count; i++) {
		const struct drop_message *next = &drop->messages[i + 1];
		bool doubled = i + 1 < drop->count &&
			       slice_is(drop_base(drop, &drop->messages[i]), drop_base(drop, next));
		if (!doubled)
			drop->messages[kept++] = drop->messages[i];
	}
	drop->count = kept;
}

static struct timespec changed_at(const struct maildrop *drop, const char *inside)
{
	struct stat status;

	if (fstatat(drop->folder, inside, &status, 0) != 0)
		return (struct timespec){0};
	return status.st_mtim;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Both folders, again while cur/ changes under the reader's eyes. */
static enum maildrop_end each_in_both(
	struct maildrop *drop, void (*begin)(struct maildrop *drop), take_fn *take)
{
	for (int tries = 0; tries < TRIES; tries++) {
		struct timespec before = changed_at(drop, "cur");
		begin(drop);
		enum maildrop_end end = each_file(drop, false, take);
		if (end == MAILDROP_DONE)
			end = each_file(drop, true, take);
		if (end != MAILDROP_DONE || same_time(before, changed_at(drop, "cur")))
			return end;
	}
	return MAILDROP_DONE;
}

static void begin_list(struct maildrop *drop)
{
	drop->count = 0;
	text_clear(&drop->names);
}

enum maildrop_end drop_scan(struct maildrop *drop)
{
	enum maildrop_end end = each_in_both(drop, begin_list, add);

	put_in_order(drop);
	for (size_t i = 0; i < drop->count; i++)
		drop->measured += drop->messages[i].measured;
	return end;
}

/* ---- again ---- */

static struct drop_message *find(struct maildrop *drop, struct slice base)
{
	uint64_t seconds = seconds_of(base);
	size_t from = 0, to = drop->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		struct drop_message *message = &drop->messages[middle];
		int order = compare_bases(drop, message, seconds, base);
		if (order == 0)
			return message;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static void begin_refresh(struct maildrop *drop)
{
	for (size_t i = 0; i < drop->count; i++)
		drop->messages[i].seen = false;
}

static void rename_known(struct maildrop *drop, struct slice name, bool in_cur)
{
	struct drop_message *message = find(drop, base_of(name));

	if (!message)
		return; /* came later */
	message->seen = true;
	message->in_cur = in_cur;
	if (slice_is(drop_name(drop, message), name))
		return;
	message->name = (uint32_t)drop->names.len;
	message->name_len = (uint8_t)name.len;
	text_put(&drop->names, name);
}

enum maildrop_end drop_refresh(struct maildrop *drop)
{
	enum maildrop_end end = each_in_both(drop, begin_refresh, rename_known);

	for (size_t i = 0; end == MAILDROP_DONE && i < drop->count; i++)
		drop->messages[i].gone |= !drop->messages[i].seen;
	return end;
}
