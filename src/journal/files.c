/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of the journal's day files. Read files.h first. */
#include "journal/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/panic.h"

#define NS_PER_DAY (86400 * NS_PER_S)
enum { GATHER_BYTES = 60000 };

struct journal_files {
	int folder;
	int fd;            /* of `day`; -1: none is open */
	wall_ns day;       /* its start */
	off_t end;         /* where the last whole line ends */
	bool ragged;       /* a piece of a line may stand behind `end` */
	uint64_t unsynced; /* lines written since journal_files_to_sync() */
	uint64_t syncing;  /* those it was called for last */
	int64_t keep;      /* ns */
	struct text gathered;
	uint64_t gathered_lines;
	uint64_t dropped;   /* since opened */
	uint64_t untold;    /* of them, those no line has told of yet */
	wall_ns tended_day; /* removal has run on that day */
};

void journal_file_name(wall_ns time, char name[JOURNAL_NAME_SIZE])
{
	struct text text = {.at = name, .size = JOURNAL_NAME_SIZE - 1};
	char buffer[40];
	struct text whole = TEXT_FIXED(buffer);

	text_time(&whole, time);
	text_put(&text, slice_part(text_slice(&whole), 0, 10));
	text_put(&text, SLICE(".jsonl"));
	name[text.len] = '\0';
}

bool journal_file_day(struct slice name, wall_ns *day)
{
	char buffer[32];
	struct text time = TEXT_FIXED(buffer);

	if (name.len != 16 || !slice_is(slice_from(name, 10), SLICE(".jsonl")))
		return false;
	text_put(&time, slice_part(name, 0, 10));
	text_put(&time, SLICE("T00:00:00Z"));
	return time_parse(text_slice(&time), day);
}

struct journal_files *journal_files_open(int folder, int64_t keep)
{
	struct journal_files *files = calloc(1, sizeof *files);

	panic_if(!files, "no memory for the journal's buffer");
	*files = (struct journal_files){
		.folder = folder, .fd = -1, .keep = keep, .gathered = TEXT_GROWING};
	return files;
}

void journal_files_close(struct journal_files *files, wall_ns now)
{
	if (!files)
		return;
	(void)journal_files_flush(files, now);
	if (files->fd >= 0)
		close(files->fd);
	text_free(&files->gathered);
	free(files);
}

void journal_files_set_keep(struct journal_files *files, int64_t keep)
{
	files->keep = keep;
	files->tended_day = 0;
}

static void gather(struct journal_files *files, struct slice line)
{
	text_put(&files->gathered, line);
	text_char(&files->gathered, '\n');
	files->gathered_lines++;
}

/* Made durable here, once a day; that fails as journal_files_sync_failed() says. */
static void day_close(struct journal_files *files)
{
	if (files->fd < 0)
		return;
	if (files->unsynced && fdatasync(files->fd) < 0)
		journal_files_count_dropped(files, files->unsynced);
	files->unsynced = 0;
	close(files->fd);
}

void journal_files_add(struct journal_files *files, struct slice line, wall_ns now)
{
	wall_ns day = now - now % NS_PER_DAY;

	if (files->gathered.len > GATHER_BYTES || (files->gathered.len && day != files->day))
		(void)journal_files_flush(files, files->day); /* what was gathered is that day's */
	if (!files->gathered.len && day != files->day) {
		day_close(files);
		files->fd = -1;
		files->day = day;
	}
	gather(files, line);
}

void journal_files_count_dropped(struct journal_files *files, uint64_t lines)
{
	files->dropped += lines;
	files->untold += lines;
}

static void put_untold(struct journal_files *files, struct text *line, wall_ns now)
{
	json_put_time(line, SLICE("{\"schema\":1,\"event\":\"dropped\",\"time\":"), now);
	json_put_number(line, SLICE(",\"count\":"), files->untold);
	text_put(line, SLICE("}\n"));
}

static enum status open_day(struct journal_files *files)
{
	char name[JOURNAL_NAME_SIZE];

	if (files->fd >= 0)
		return STATUS_OK;
	journal_file_name(files->day, name);
	files->fd = openat(files->folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (files->fd < 0)
		return STATUS_FAILED;
	/* A crash may have left a piece of a line: ours must not be joined to it. */
	char last = '\n';
	files->end = lseek(files->fd, 0, SEEK_END);
	if (files->end > 0 && pread(files->fd, &last, 1, files->end - 1) == 1)
		files->ragged = last != '\n';
	else
		files->ragged = false;
	return STATUS_OK;
}

static enum status write_all(struct journal_files *files, struct slice bytes, off_t *at)
{
	while (bytes.len) {
		ssize_t wrote = pwrite(files->fd, bytes.at, bytes.len, *at);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return STATUS_FAILED;
		*at += wrote;
		bytes = slice_from(bytes, (size_t)wrote);
	}
	return STATUS_OK;
}

/* Everything, or the file is cut back to its last whole line. */
static enum status append(struct journal_files *files, wall_ns now)
{
	char buffer[128];
	struct text head = TEXT_FIXED(buffer);
	off_t at = files->end;

	if (open_day(files) != STATUS_OK)
		return STATUS_FAILED;
	at = files->end;
	if (files->ragged)
		text_char(&head, '\n');
	if (files->untold)
		put_untold(files, &head, now);
	if (write_all(files, text_slice(&head), &at) != STATUS_OK ||
		write_all(files, text_slice(&files->gathered), &at) != STATUS_OK) {
		int error = errno;
		if (at != files->end && ftruncate(files->fd, files->end) < 0)
			files->ragged = true;
		errno = error;
		return STATUS_FAILED;
	}
	files->end = at;
	files->ragged = false;
	files->unsynced += files->gathered_lines;
	files->untold = 0;
	return STATUS_OK;
}

enum status journal_files_flush(struct journal_files *files, wall_ns now)
{
	if (!files->gathered.len)
		return STATUS_OK;
	enum status status = append(files, now);
	int error = errno;
	if (status != STATUS_OK)
		journal_files_count_dropped(files, files->gathered_lines);
	text_clear(&files->gathered);
	files->gathered_lines = 0;
	errno = error;
	return status;
}

int journal_files_to_sync(struct journal_files *files)
{
	if (!files->unsynced || files->fd < 0)
		return -1;
	files->syncing = files->unsynced;
	files->unsynced = 0;
	return fcntl(files->fd, F_DUPFD_CLOEXEC, 0);
}

void journal_files_sync_failed(struct journal_files *files)
{
	journal_files_count_dropped(files, files->syncing);
	files->syncing = 0;
}

static void remove_old(struct journal_files *files, DIR *listing, wall_ns now)
{
	struct dirent *entry;
	wall_ns day;

	while ((entry = readdir(listing)))
		if (journal_file_day(slice_of(entry->d_name), &day) &&
			now - (day + NS_PER_DAY) > files->keep)
			unlinkat(files->folder, entry->d_name, 0);
}

void journal_files_tend(struct journal_files *files, wall_ns now)
{
	wall_ns day = now - now % NS_PER_DAY;

	if (files->keep >= NEVER - now || day == files->tended_day)
		return;
	files->tended_day = day;
	int fd = openat(files->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	if (listing) {
		remove_old(files, listing, now);
		closedir(listing);
	} else if (fd >= 0) {
		close(fd);
	}
}

uint64_t journal_files_dropped(const struct journal_files *files)
{
	return files->dropped;
}

size_t journal_files_waiting(const struct journal_files *files)
{
	return files->gathered.len;
}
