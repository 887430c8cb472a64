/* SPDX-License-Identifier: Apache-2.0 */
/* Maildrops. The contract is in maildrop.h; reading the folders is in scan.c. */
#include "pop3/maildrop.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/panic.h"
#include "pop3/drop.h"

enum {
	UID_LONGEST = 70, /* RFC 1939 section 7 */
	PATH_ROOM = 4 + UINT8_MAX + 1,
	READ_ROOM = 32 << 10,
};

enum maildrop_end drop_fail(struct maildrop *drop, const char *where)
{
	snprintf(drop->words, sizeof drop->words, "%s: %s", where, strerrordesc_np(errno));
	return MAILDROP_FAILED;
}

struct slice maildrop_words(const struct maildrop *drop)
{
	return slice_of(drop->words);
}

/* ---- opening ---- */

struct maildrop *maildrop_new(struct slice folder, const struct maildir_base *base)
{
	struct maildrop *drop = calloc(1, sizeof *drop);

	panic_if(!drop, "no memory for a mailbox");
	*drop = (struct maildrop){.base = *base, .folder = -1, .lock = -1, .names = TEXT_GROWING};
	drop->path = slice_string(folder);
	panic_if(!drop->path, "no memory for a path");
	return drop;
}

/* What lies below the base is reached through its descriptor (deliver/maildir.h). */
static int folder_open(const struct maildrop *drop)
{
	static const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	struct slice path = slice_of(drop->path), base = drop->base.path;

	if (!base.len || !slice_starts(path, base) || path.len == base.len ||
		path.at[base.len] != '/')
		return open(drop->path, how);
	return openat(drop->base.fd, drop->path + base.len + 1, how);
}

static enum maildrop_end lock(struct maildrop *drop)
{
	drop->lock = openat(drop->folder, MAILDROP_LOCK,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (drop->lock < 0)
		return drop_fail(drop, MAILDROP_LOCK);
	if (flock(drop->lock, LOCK_EX | LOCK_NB) == 0)
		return MAILDROP_DONE;
	return errno == EWOULDBLOCK ? MAILDROP_IN_USE : drop_fail(drop, MAILDROP_LOCK);
}

enum maildrop_end maildrop_open(struct maildrop *drop)
{
	drop->folder = folder_open(drop);
	if (drop->folder < 0 && errno == ENOENT)
		return MAILDROP_DONE; /* nothing was delivered yet */
	if (drop->folder < 0)
		return drop_fail(drop, "the mailbox");
	enum maildrop_end end = lock(drop);
	return end == MAILDROP_DONE ? drop_scan(drop) : end;
}

void maildrop_close(struct maildrop *drop)
{
	if (!drop)
		return;
	if (drop->lock >= 0)
		close(drop->lock);
	if (drop->folder >= 0)
		close(drop->folder);
	text_free(&drop->names);
	free(drop->messages);
	free(drop->path);
	free(drop);
}

/* ---- what is there ---- */

static struct drop_message *message_at(const struct maildrop *drop, uint64_t number)
{
	panic_if(number == 0 || number > drop->count, "no message has that number");
	return &drop->messages[number - 1];
}

size_t maildrop_count(const struct maildrop *drop)
{
	return drop->count;
}

bool maildrop_has(const struct maildrop *drop, uint64_t number)
{
	if (number == 0 || number > drop->count)
		return false;
	const struct drop_message *message = message_at(drop, number);
	return !message->deleted && !message->gone;
}

/* One to 70 octets from ! to ~. */
static bool is_uid(struct slice base)
{
	for (size_t i = 0; i < base.len; i++)
		if (base.at[i] <= ' ' || base.at[i] > '~')
			return false;
	return base.len > 0 && base.len <= UID_LONGEST;
}

void maildrop_put_uid(const struct maildrop *drop, size_t number, struct text *out)
{
	struct slice base = drop_base(drop, message_at(drop, number));
	uint8_t digest[SHA256_DIGEST_LENGTH];

	if (is_uid(base)) {
		text_put(out, base);
		return;
	}
	SHA256((const uint8_t *)base.at, base.len, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		text_hex(out, digest[i], 2);
}

bool maildrop_size(const struct maildrop *drop, size_t number, uint64_t *size)
{
	const struct drop_message *message = message_at(drop, number);

	*size = message->size;
	return message->measured;
}

/* ---- files ---- */

static int file_open(const struct maildrop *drop, const struct drop_message *message)
{
	char path[PATH_ROOM];
	struct stat status;

	snprintf(path, sizeof path, "%s/%.*s", message->in_cur ? "cur" : "new",
		SLICE_ARGS(drop_name(drop, message)));
	int fd = openat(drop->folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
		close(fd);
		errno = EACCES;
		return -1;
	}
	return fd;
}

/* A file that another reader has moved is looked for, once for all of them. */
static int file_find(struct maildrop *drop, struct drop_message *message)
{
	int fd = file_open(drop, message);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (drop_refresh(drop) != MAILDROP_DONE) {
		errno = EIO;
		return -1;
	}
	if (!message->gone)
		return file_open(drop, message);
	errno = ENOENT;
	return -1;
}

/* Octets as content.c sends them, the dots that are put in front of dots aside. */
static bool count_octets(int fd, char *room, uint64_t *octets)
{
	char last = '\n';
	ssize_t got;

	*octets = 0;
	while ((got = read(fd, room, READ_ROOM)) > 0) {
		struct slice left = {room, (size_t)got};
		*octets += left.len;
		while (left.len) {
			size_t lf = slice_find(left, '\n');
			if (lf == SIZE_MAX)
				break;
			*octets += (lf > 0 ? left.at[lf - 1] : last) != '\r';
			last = '\n';
			left = slice_from(left, lf + 1);
		}
		last = room[got - 1];
	}
	*octets += *octets && last != '\n' ? 2 : 0;
	return got == 0;
}

/* Without a size where it cannot be read: RETR will say why. */
static void measure(struct maildrop *drop, struct drop_message *message, int fd)
{
	char *room = malloc(READ_ROOM);

	panic_if(!room, "no memory for reading");
	count_octets(fd, room, &message->size);
	free(room);
	message->measured = true;
	drop->measured++;
}

static void measure_one(struct maildrop *drop, struct drop_message *message)
{
	int fd = message->gone ? -1 : file_find(drop, message);

	if (fd < 0) {
		message->measured = true;
		drop->measured++;
		return;
	}
	measure(drop, message, fd);
	close(fd);
}

bool maildrop_measure(struct maildrop *drop, size_t most)
{
	for (size_t i = 0; i < drop->count && drop->measured < drop->count; i++) {
		if (drop->messages[i].measured)
			continue;
		if (most-- == 0)
			return true;
		measure_one(drop, &drop->messages[i]);
	}
	return drop->measured < drop->count;
}

bool maildrop_is_measured(const struct maildrop *drop)
{
	return drop->measured == drop->count;
}

int maildrop_message(struct maildrop *drop, size_t number)
{
	struct drop_message *message = message_at(drop, number);
	int fd = file_find(drop, message);

	if (fd < 0) {
		drop_fail(drop, message->in_cur ? "cur" : "new");
		return -1;
	}
	if (!message->measured) {
		measure(drop, message, fd);
		lseek(fd, 0, SEEK_SET);
	}
	return fd;
}

/* ---- deleting ---- */

void maildrop_delete(struct maildrop *drop, size_t number)
{
	struct drop_message *message = message_at(drop, number);

	drop->deleted += !message->deleted;
	message->deleted = true;
}

void maildrop_reset(struct maildrop *drop)
{
	for (size_t i = 0; i < drop->count; i++)
		drop->messages[i].deleted = false;
	drop->deleted = 0;
}

size_t maildrop_deleted(const struct maildrop *drop)
{
	return drop->deleted;
}

static bool file_remove(const struct maildrop *drop, const struct drop_message *message)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof path, "%s/%.*s", message->in_cur ? "cur" : "new",
		SLICE_ARGS(drop_name(drop, message)));
	return unlinkat(drop->folder, path, 0) == 0;
}

/* One round over what is still to be removed; false: `words` say what could not be. */
static bool remove_all(struct maildrop *drop, size_t *moved)
{
	bool all = true;

	*moved = 0;
	for (size_t i = 0; i < drop->count && drop->deleted; i++) {
		struct drop_message *message = &drop->messages[i];
		if (!message->deleted || message->gone)
			continue;
		if (file_remove(drop, message)) {
			message->gone = true;
		} else if (errno == ENOENT) {
			++*moved;
		} else {
			drop_fail(drop, message->in_cur ? "cur" : "new");
			all = false;
		}
	}
	return all;
}

/* A power cut must not bring back what the client was told to be deleted. */
static bool folder_flush(struct maildrop *drop, const char *inside)
{
	int fd = openat(drop->folder, inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool flushed = fd < 0 ? errno == ENOENT : fsync(fd) == 0;

	if (!flushed)
		drop_fail(drop, inside);
	if (fd >= 0)
		close(fd);
	return flushed;
}

enum maildrop_end maildrop_update(struct maildrop *drop)
{
	size_t moved;

	if (!drop->deleted)
		return MAILDROP_DONE;
	bool all = remove_all(drop, &moved);
	if (moved && drop_refresh(drop) == MAILDROP_DONE)
		all = remove_all(drop, &moved) && all;
	bool flushed = folder_flush(drop, "new") && folder_flush(drop, "cur");
	return all && !moved && flushed ? MAILDROP_DONE : MAILDROP_FAILED;
}
