/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking over the journal's day files in either direction. Read read.h first; line.c takes the
 * lines apart.
 */
#include "journal/read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/panic.h"
#include "base/text.h"
#include "journal/files.h"

#define NS_PER_DAY (86400 * NS_PER_S)
enum { READ_BLOCK = 128 << 10 };
_Static_assert(READ_BLOCK >= 2 * JOURNAL_LINE_MAX, "a block holds a whole line and what is before");

struct days { /* starts of the days that have a file */
	wall_ns *list;
	size_t count, size;
};

struct reading {
	int folder, fd;
	const struct journal_query *query;
	bool (*see)(void *owner, const struct journal_line *line);
	void *owner;
	struct journal_counts *counts;
	struct arena *arena;
	char id_text[ID_TEXT_LEN]; /* of query->id: most lines are dismissed by looking for it */
	char *block;
	bool enough; /* `see` has said so */
};

static bool line_has(struct slice line, struct slice part)
{
	return line.at && line.len >= part.len &&
	       memmem(line.at, line.len, part.at, part.len) != NULL;
}

/* A line that refusals share has two of their ids alone. */
static bool line_may_match(const struct reading *reading, struct slice text)
{
	struct slice id = {reading->id_text, sizeof reading->id_text};

	return !reading->query->id || line_has(text, id) || line_has(text, SLICE("\"repeats\":"));
}

static void show_line(struct reading *reading, struct slice text)
{
	struct journal_line line;

	if (!text.len)
		return;
	reading->counts->lines++;
	if (!line_may_match(reading, text))
		return;
	if (reading->query->unparsed) {
		reading->enough =
			!reading->see(reading->owner, &(struct journal_line){.raw = text});
		return;
	}
	arena_reset(reading->arena);
	if (!journal_line_read(text, reading->arena, &line)) {
		reading->counts->damaged++;
		return;
	}
	if (!journal_query_matches(reading->query, &line))
		return;
	reading->counts->shown++;
	reading->enough = !reading->see(reading->owner, &line);
}

static ssize_t read_at(int fd, char *buffer, size_t size, off_t at)
{
	ssize_t got;

	do {
		got = pread(fd, buffer, size, at);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* Shows the whole lines of `bytes` in order; gives back how many bytes they took. */
static size_t show_forward(struct reading *reading, struct slice bytes)
{
	size_t used = 0;

	while (!reading->enough) {
		size_t end = slice_find(slice_from(bytes, used), '\n');
		if (end == SIZE_MAX)
			break;
		show_line(reading, slice_part(bytes, used, used + end));
		used += end + 1;
	}
	return used;
}

/* A line without its LF at the end of the file is one that is being written: not shown. */
static enum status read_forward(struct reading *reading)
{
	off_t at = 0;
	size_t kept = 0; /* bytes of an unfinished line at the front of the block */

	while (!reading->enough) {
		ssize_t got = read_at(reading->fd, reading->block + kept, READ_BLOCK - kept, at);
		if (got < 0)
			return STATUS_FAILED;
		if (got == 0)
			break;
		at += got;
		kept += (size_t)got;
		size_t used = show_forward(reading, (struct slice){reading->block, kept});
		if (!used && kept == READ_BLOCK) { /* no line is that long: resynchronise */
			reading->counts->damaged++;
			used = kept;
		}
		kept -= used;
		memmove(reading->block, reading->block + used, kept);
	}
	return STATUS_OK;
}

/* Shows the lines of `bytes` that begin behind an LF, last first; gives back how many bytes at the
 * front belong to a line that begins earlier. `bytes` ends with an LF. */
static size_t show_backward(struct reading *reading, struct slice bytes, bool whole)
{
	size_t end = bytes.len;

	while (!reading->enough && end > 0) {
		size_t before = slice_find_last(slice_part(bytes, 0, end - 1), '\n');
		if (before == SIZE_MAX && !whole)
			break;
		size_t begin = before == SIZE_MAX ? 0 : before + 1;
		show_line(reading, slice_part(bytes, begin, end - 1));
		end = begin;
	}
	return end;
}

/* Where the last whole line of the file ends, read block by block from `size` backwards. */
static off_t last_line_end(struct reading *reading, off_t size)
{
	while (size > 0) {
		size_t part = size < READ_BLOCK ? (size_t)size : (size_t)READ_BLOCK;
		ssize_t got = read_at(reading->fd, reading->block, part, size - (off_t)part);
		if (got < (ssize_t)part)
			return -1;
		size_t last = slice_find_last((struct slice){reading->block, part}, '\n');
		if (last != SIZE_MAX)
			return size - (off_t)part + (off_t)last + 1;
		size -= (off_t)part;
	}
	return 0;
}

static enum status read_backward(struct reading *reading)
{
	off_t end = last_line_end(reading, lseek(reading->fd, 0, SEEK_END));

	if (end < 0)
		return STATUS_FAILED;
	while (end > 0 && !reading->enough) {
		size_t part = end < READ_BLOCK ? (size_t)end : (size_t)READ_BLOCK;
		off_t from = end - (off_t)part;
		ssize_t got = read_at(reading->fd, reading->block, part, from);
		if (got < (ssize_t)part)
			return STATUS_FAILED;
		struct slice bytes = {reading->block, part};
		size_t left = show_backward(reading, bytes, from == 0);
		if (left == part) { /* no line is that long: resynchronise */
			reading->counts->damaged++;
			end = last_line_end(reading, from);
			if (end < 0)
				return STATUS_FAILED;
			continue;
		}
		end = from + (off_t)left;
	}
	return STATUS_OK;
}

static enum status read_day(struct reading *reading, wall_ns day)
{
	char name[JOURNAL_NAME_SIZE];

	journal_file_name(day, name);
	reading->fd = openat(reading->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (reading->fd < 0) /* removed meanwhile: its time was over */
		return errno == ENOENT ? STATUS_OK : STATUS_FAILED;
	enum status status =
		reading->query->newest_first ? read_backward(reading) : read_forward(reading);
	int error = errno;
	close(reading->fd);
	errno = error;
	return status;
}

static void days_add(struct days *days, wall_ns day)
{
	if (days->count == days->size) {
		days->size = days->size ? 2 * days->size : 64;
		days->list = reallocarray(days->list, days->size, sizeof *days->list);
		panic_if(!days->list, "no memory for %zu names", days->size);
	}
	days->list[days->count++] = day;
}

/* Lines stand in the file of the day they came to control, a little after their own time. */
static bool day_may_match(const struct journal_query *query, wall_ns day)
{
	if (day + NS_PER_DAY + NS_PER_DAY / 24 <= query->since)
		return false;
	return !query->until || day <= query->until;
}

static int compare_days(const void *a, const void *b)
{
	wall_ns left = *(const wall_ns *)a, right = *(const wall_ns *)b;

	return left < right ? -1 : left > right;
}

static enum status days_list(int folder, const struct journal_query *query, struct days *days)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	wall_ns day;

	if (!listing) {
		if (fd >= 0)
			close(fd);
		return STATUS_FAILED;
	}
	while ((entry = readdir(listing)))
		if (journal_file_day(slice_of(entry->d_name), &day) && day_may_match(query, day))
			days_add(days, day);
	closedir(listing);
	if (days->count)
		qsort(days->list, days->count, sizeof *days->list, compare_days);
	return STATUS_OK;
}

static enum status read_days(struct reading *reading, const struct days *days)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < days->count && status == STATUS_OK && !reading->enough; i++)
		status = read_day(reading,
			days->list[reading->query->newest_first ? days->count - 1 - i : i]);
	return status;
}

enum status journal_read(int folder, const struct journal_query *query,
	bool (*see)(void *owner, const struct journal_line *line), void *owner,
	struct journal_counts *counts)
{
	struct reading reading = {
		.folder = folder, .query = query, .see = see, .owner = owner, .counts = counts};
	struct text id = TEXT_FIXED(reading.id_text);
	struct days days = {.list = NULL};

	*counts = (struct journal_counts){.lines = 0};
	text_id(&id, query->id);
	if (days_list(folder, query, &days) != STATUS_OK)
		return STATUS_FAILED;
	reading.arena = arena_new();
	reading.block = malloc(READ_BLOCK);
	panic_if(!reading.block, "no memory for a block of the journal");
	enum status status = read_days(&reading, &days);
	int error = errno;
	free(reading.block);
	free(days.list);
	arena_free(reading.arena);
	errno = error;
	return status;
}

uint64_t journal_bytes(int folder, wall_ns since)
{
	struct journal_query query = {.since = since};
	struct days days = {.list = NULL};
	char name[JOURNAL_NAME_SIZE];
	uint64_t bytes = 0;
	struct stat status;

	if (days_list(folder, &query, &days) != STATUS_OK)
		return 0;
	for (size_t i = 0; i < days.count; i++) {
		journal_file_name(days.list[i], name);
		if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)status.st_size;
	}
	free(days.list);
	return bytes;
}
