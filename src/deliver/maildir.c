/* SPDX-License-Identifier: Apache-2.0 */
/* Final delivery into a Maildir. The contract is in maildir.h. */
#include "deliver/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/text.h"

enum { NAME_LONGEST = 255, FOLDER_MODE = 0700, FILE_MODE = 0600, WRITE_BUFFER = 64 << 10 };

/* ---- names ---- */

static bool byte_stands(char c, bool first)
{
	if (c == '.')
		return !first;
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == '+' || c == '=' || c == '@' ||
	       c == '~';
}

static void encoded_put(struct text *out, struct slice part)
{
	for (size_t i = 0; i < part.len; i++) {
		if (byte_stands(part.at[i], i == 0)) {
			text_char(out, part.at[i]);
		} else {
			text_char(out, '%');
			text_hex(out, (uint8_t)part.at[i], 2);
		}
	}
}

static bool names_fit(struct slice path)
{
	while (path.len)
		if (slice_cut(&path, '/').len > NAME_LONGEST)
			return false;
	return true;
}

bool maildir_folder(struct slice pattern, struct slice local, struct slice domain,
	struct arena *arena, struct slice *folder)
{
	struct text out = TEXT_GROWING;

	for (size_t i = 0; i < pattern.len; i++) {
		char next = i + 1 < pattern.len ? pattern.at[i + 1] : '\0';
		if (pattern.at[i] == '%' && (next == 'l' || next == 'd')) {
			encoded_put(&out, next == 'l' ? local : domain);
			i++;
		} else {
			text_char(&out, pattern.at[i]);
		}
	}
	*folder = arena_slice(arena, text_slice(&out));
	text_free(&out);
	return folder->len > 0 && names_fit(*folder);
}

/* The same at every attempt: (id, origin) names the message in the whole world. */
static const char *file_name(const struct maildir_order *order, struct arena *arena)
{
	char room[ID_TEXT_LEN + 1];
	struct text id = TEXT_FIXED(room);

	text_id(&id, order->id);
	return arena_format(arena, "%lld.%.*s_%016llx_%u",
		(long long)(order->message->envelope.received / NS_PER_S),
		SLICE_ARGS(text_slice(&id)), (unsigned long long)order->origin, order->index)
		.at;
}

/* ---- folders ---- */

/* One delivery's hands: what is open, and where it went wrong. */
struct delivering {
	const struct maildir_order *order;
	struct arena *arena;
	struct maildir_result *result;
	const char *name;
	int tmp, new;
	FILE *file;
	bool held_cr;           /* the last byte was a CR: an LF behind it swallows it */
	uint64_t octets, lines; /* written, for the name */
};

static bool fail(struct delivering *d, const char *where)
{
	int error = errno;

	d->result->end = MAILDIR_FAILED;
	d->result->words = arena_format(d->arena, "%.*s%s%s: %s", SLICE_ARGS(d->order->folder),
		*where ? "/" : "", where, strerrordesc_np(error));
	return false;
}

/* Where a path begins: at the base if it lies below that, else where every path does. */
struct place {
	int at;
	const char *path;
};

static struct place place_of(const struct delivering *d, struct slice path)
{
	const struct maildir_base *base = &d->order->base;
	struct slice rest = slice_from(path, base->path.len);

	if (base->path.len && slice_starts(path, base->path) && (!rest.len || rest.at[0] == '/'))
		return (struct place){
			base->fd, arena_format(d->arena, ".%.*s", SLICE_ARGS(rest)).at};
	return (struct place){AT_FDCWD, arena_string(d->arena, path)};
}

static int folder_open_at(const struct delivering *d, struct slice path)
{
	struct place place = place_of(d, path);

	return openat(place.at, place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool parent_flush(const struct delivering *d, struct slice path)
{
	size_t slash = slice_find_last(path, '/');
	struct slice parent = slash == SIZE_MAX ? SLICE(".")
			      : slash == 0      ? SLICE("/")
						: slice_part(path, 0, slash);
	int fd = folder_open_at(d, parent);
	bool flushed = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return flushed;
}

/* A name made is a name that lasts: its parent is flushed. */
static bool folder_make(const struct delivering *d, struct slice path)
{
	struct place place = place_of(d, path);

	if (mkdirat(place.at, place.path, FOLDER_MODE) == 0)
		return parent_flush(d, path);
	return errno == EEXIST;
}

/* The base and what lies above it are there already, and may not be ours to look at. */
static bool is_above_base(const struct delivering *d, size_t len)
{
	const struct maildir_base *base = &d->order->base;

	return base->path.len && len <= base->path.len &&
	       slice_starts(d->order->folder, base->path);
}

static bool folders_make(struct delivering *d)
{
	static const char *const inside[] = {"", "/tmp", "/new", "/cur"};
	struct slice folder = d->order->folder;

	for (size_t i = 1; i < folder.len; i++)
		if (folder.at[i] == '/' && !is_above_base(d, i) &&
			!folder_make(d, slice_part(folder, 0, i)))
			return fail(d, "");
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		struct slice path = arena_format(d->arena, "%.*s%s", SLICE_ARGS(folder), inside[i]);
		if (!folder_make(d, path))
			return fail(d, *inside[i] ? inside[i] + 1 : "");
	}
	return true;
}

static int folder_open(const struct delivering *d, const char *inside)
{
	struct slice path = arena_format(d->arena, "%.*s/%s", SLICE_ARGS(d->order->folder), inside);

	return folder_open_at(d, path);
}

static bool folders_open(struct delivering *d)
{
	d->new = folder_open(d, "new");
	if (d->new < 0 && errno == ENOENT) {
		if (!folders_make(d))
			return false;
		d->new = folder_open(d, "new");
	}
	if (d->new < 0)
		return fail(d, "new");
	d->tmp = folder_open(d, "tmp");
	return d->tmp >= 0 || fail(d, "tmp");
}

/* ---- repeats ---- */

/* NAME,S=…,W=… in new/; a reader moves it to cur/ and puts :2,FLAGS behind it. */
static bool is_of_message(const struct delivering *d, struct slice name)
{
	struct slice own = slice_of(d->name);

	return slice_starts(name, own) &&
	       (name.len == own.len || name.at[own.len] == ',' || name.at[own.len] == ':');
}

static bool folder_has(struct delivering *d, const char *inside)
{
	int fd = folder_open(d, inside);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (struct dirent *entry; !found && (entry = readdir(folder));)
		found = is_of_message(d, slice_of(entry->d_name));
	closedir(folder);
	return found;
}

static bool was_delivered(struct delivering *d)
{
	return d->order->maybe_repeated && (folder_has(d, "new") || folder_has(d, "cur"));
}

/* ---- the message ---- */

static void octet_put(struct delivering *d, char c)
{
	putc_unlocked(c, d->file);
	d->octets++;
	d->lines += c == '\n';
}

static void converted_put(struct delivering *d, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.at[i];
		if (d->held_cr && c != '\n')
			octet_put(d, '\r');
		d->held_cr = c == '\r';
		if (!d->held_cr)
			octet_put(d, c);
	}
}

static void header_put(struct delivering *d)
{
	const struct message *message = d->order->message;

	converted_put(
		d, arena_format(d->arena, "Return-Path: <%.*s>\nDelivered-To: %.*s\n",
			   SLICE_ARGS(message->envelope.sender), SLICE_ARGS(d->order->recipient)));
	converted_put(d, message->trace);
}

static bool chunks_put(struct delivering *d)
{
	const struct maildir_order *order = d->order;
	char *chunk = arena_alloc(d->arena, CHUNK_MAX);
	uint64_t at = SEGMENT_DATA_AT;

	for (uint32_t part = 0; part < order->parts; part++) {
		size_t got;
		enum spool_read read =
			spool_read_chunk(order->source, order->id, part, &at, chunk, &got);
		if (read == SPOOL_READ_DAMAGED || (read == SPOOL_READ_OK && got == 0)) {
			d->result->end = MAILDIR_DAMAGED;
			return false;
		}
		if (read == SPOOL_READ_FAILED) {
			d->result->end = MAILDIR_FAILED;
			d->result->words = SLICE("the spool cannot be read");
			return false;
		}
		converted_put(d, (struct slice){chunk, got});
	}
	return true;
}

static bool content_put(struct delivering *d)
{
	header_put(d);
	if (d->order->parts) {
		if (!chunks_put(d))
			return false;
	} else {
		converted_put(d, d->order->message->body);
	}
	if (d->held_cr)
		octet_put(d, '\r');
	return true;
}

/* tmp/NAME, whole and on the disk. A file of that name is a crashed attempt's: overwritten. */
static bool file_write(struct delivering *d)
{
	int fd = openat(
		d->tmp, d->name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	d->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!d->file) {
		fail(d, "tmp");
		if (fd >= 0)
			close(fd);
		return false;
	}
	setvbuf(d->file, arena_alloc(d->arena, WRITE_BUFFER), _IOFBF, WRITE_BUFFER);
	bool put = content_put(d);
	bool written = fflush(d->file) == 0 && !ferror(d->file) && fsync(fd) == 0;
	if (put && !written)
		fail(d, "tmp");
	fclose(d->file);
	return put && written;
}

/* The sizes stand in the name (octets, and octets with CR LF), so that nobody who serves the mail
 * need read it to know them. */
static const char *name_with_sizes(const struct delivering *d)
{
	return arena_format(d->arena, "%s,S=%llu,W=%llu", d->name, (unsigned long long)d->octets,
		(unsigned long long)(d->octets + d->lines))
		.at;
}

static bool file_publish(struct delivering *d)
{
	const char *name = name_with_sizes(d);
	struct stat status;

	d->result->end = MAILDIR_ALREADY; /* whoever it was, it is the same message */
	if (fstatat(d->new, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return unlinkat(d->tmp, d->name, 0) == 0;
	if (renameat(d->tmp, d->name, d->new, name) != 0)
		return fail(d, "new");
	d->result->path = arena_format(d->arena, "%.*s/new/%s", SLICE_ARGS(d->order->folder), name);
	d->result->end = MAILDIR_DELIVERED;
	if (fsync(d->new) == 0)
		return true;
	/* Not sure to last: taken back, so that the next attempt does not take it for done. */
	fail(d, "new");
	unlinkat(d->new, name, 0);
	return false;
}

static void deliver(struct delivering *d)
{
	d->result->end = MAILDIR_ALREADY;
	if (was_delivered(d))
		return;
	if (!file_write(d) || !file_publish(d))
		unlinkat(d->tmp, d->name, 0);
}

void maildir_deliver(
	const struct maildir_order *order, struct arena *arena, struct maildir_result *result)
{
	struct delivering d = {
		.order = order, .arena = arena, .result = result, .tmp = -1, .new = -1};

	*result = (struct maildir_result){0};
	d.name = arena_string(arena, slice_of(file_name(order, arena)));
	result->path = arena_format(arena, "%.*s/new/%s", SLICE_ARGS(order->folder), d.name);
	if (folders_open(&d))
		deliver(&d);
	if (d.tmp >= 0)
		close(d.tmp);
	if (d.new >= 0)
		close(d.new);
}
