/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up: six steps from a folder in any state a crash may leave to a queue (STATES.md,
 * "Start-up"). Reads from top to bottom; what is made of one segment is in survey.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

enum {
	RESERVE = 8 << 20,
	CHECKPOINT = 64 << 20,
	FREE_LEAST = 3, /* one is the store's own, one at hand, one on its way */
	ROOMY_MOST = 4,
	FORGOTTEN_AT_ONCE = 8192, /* some 2 ms */
	FREE_SMALL_MOST = 32,
	FREE_BIG_MOST = 256, /* and of 512 MiB together: spare.c */
	FORMAT_TEXT_MAX = 64,
};

/* Step 1: the lock, the format, the folders */

enum store_open start_unusable(struct text *why, const char *what)
{
	text_format(why, "%s: %s", what, errno ? strerror(errno) : "it ends too early");
	return STORE_UNUSABLE;
}

static enum store_open lock_take(struct store *store, struct text *why)
{
	store->lock = store->disk->open(store->disk, store->folder, "lock", O_RDWR | O_CREAT, 0600);
	if (store->lock < 0)
		return start_unusable(why, "the spool's lock cannot be opened");
	if (store->disk->lock(store->disk, store->lock) == 0)
		return STORE_OPEN;
	if (errno != EWOULDBLOCK)
		return start_unusable(why, "the spool cannot be locked");
	text_put(why, SLICE("another daemon holds this spool"));
	return STORE_LOCKED;
}

static int folder_open(struct store *store, const char *name)
{
	if (store->disk->mkdir(store->disk, store->folder, name, 0700) != 0 && errno != EEXIST)
		return -1;
	return store->disk->open(store->disk, store->folder, name, O_RDONLY | O_DIRECTORY, 0);
}

static enum store_open folders_open(struct store *store, struct text *why)
{
	if ((store->small = folder_open(store, "seg")) < 0 ||
		(store->big = folder_open(store, "big")) < 0 ||
		(store->results_folder = folder_open(store, "results")) < 0 ||
		(store->damaged = folder_open(store, "damaged")) < 0)
		return start_unusable(why, "a folder of the spool cannot be made or opened");
	/* Names are flushed before they are believed, like contents: one made just before a kill
	 * may be in the page cache alone. */
	const int folders[] = {store->small, store->big, store->results_folder, store->folder};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (!MUTATED(FOLDERS_BELIEVED_WITHOUT_FLUSH) &&
			disk_sync_folder(store->disk, folders[i]) != STATUS_OK)
			return start_unusable(why, "a folder of the spool cannot be flushed");
	return STORE_OPEN;
}

static void name_count(void *owner, const char *name)
{
	size_t *count = owner;

	(void)name;
	++*count;
}

/* How many segments and results files there are. */
static bool names_count(struct store *store, size_t *names)
{
	const int folders[] = {store->small, store->big, store->results_folder};

	*names = 0;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (store->disk->list(store->disk, folders[i], name_count, names) != 0)
			return false;
	return true;
}

/* Only a spool without a single segment may be without its format. */
static enum store_open format_write(struct store *store, int fd, struct text *why)
{
	size_t names;

	if (!names_count(store, &names))
		return start_unusable(why, "the spool's folders cannot be listed");
	if (names > 0) {
		text_put(why, SLICE("there are segments, but the file `format` is empty or "
				    "missing: is this a spool? If it is, write the line "
				    "`postern-spool 1` into it"));
		return STORE_UNUSABLE;
	}
	if (disk_write(store->disk, fd, SLICE("postern-spool 1\n"), 0) != STATUS_OK ||
		disk_sync(store->disk, fd) != STATUS_OK ||
		disk_sync_folder(store->disk, store->folder) != STATUS_OK)
		return start_unusable(why, "the file `format` cannot be written");
	return STORE_OPEN;
}

static enum store_open format_judge(struct slice text, struct text *why)
{
	uint64_t number;
	struct slice word = slice_cut(&text, ' ');
	struct slice digits = slice_cut(&text, '\n');

	if (!slice_is(word, SLICE("postern-spool")) || !slice_number(digits, UINT32_MAX, &number) ||
		number == 0) {
		text_put(why, SLICE("the file `format` does not say `postern-spool` and a number"));
		return STORE_UNUSABLE;
	}
	if (number > SPOOL_FORMAT) {
		text_format(why,
			"the spool has format %u, newer than format %d, the newest this program "
			"knows",
			(unsigned)number, SPOOL_FORMAT);
		return STORE_NEWER;
	}
	return STORE_OPEN;
}

/* A power cut during the very first start may leave anything in the block that was being written,
 * and a flush that failed then may be believed to have worked: where there is nothing else yet, it
 * is written again. */
static enum store_open format_believe(
	struct store *store, int fd, struct slice text, struct text *why)
{
	struct text words = TEXT_GROWING;
	size_t names;
	enum store_open outcome = format_judge(text, &words);

	if (outcome != STORE_NEWER && names_count(store, &names) && names == 0)
		outcome = format_write(store, fd, why);
	else
		text_put(why, text_slice(&words));
	text_free(&words);
	return outcome;
}

static enum store_open format_check(struct store *store, struct text *why)
{
	char room[FORMAT_TEXT_MAX];
	int fd = store->disk->open(store->disk, store->folder, "format", O_RDWR | O_CREAT, 0600);

	if (fd < 0)
		return start_unusable(why, "the file `format` cannot be opened");
	size_t got = disk_read_most(store->disk, fd, room, sizeof room, 0);
	bool blank = true; /* as a crash may leave what was written and not flushed */
	for (size_t i = 0; i < got; i++)
		blank = blank && room[i] == 0;
	enum store_open outcome;
	if (errno)
		outcome = start_unusable(why, "the file `format` cannot be read");
	else if (blank)
		outcome = format_write(store, fd, why);
	else if (disk_sync(store->disk, fd) != STATUS_OK)
		outcome = start_unusable(why, "the file `format` cannot be flushed");
	else
		outcome = format_believe(store, fd, (struct slice){room, got}, why);
	store->disk->close(store->disk, fd);
	return outcome;
}

/* Step 5: the queue */

static void segments_announce(struct store *store)
{
	size_t at = 0;

	for (struct segment *segment; (segment = map_next(store->segments, &at));) {
		int fd = segment->live ? segment_open(store, segment, O_RDONLY) : -1;
		if (fd < 0)
			continue;
		segment_announce(store, segment, fd);
		store->disk->close(store->disk, fd);
	}
}

static enum store_open start_up(struct store *store, struct text *why)
{
	static enum store_open (*const first_steps[])(struct store *, struct text *) = {
		lock_take, folders_open, format_check, results_load};
	enum store_open outcome = STORE_OPEN;

	for (size_t i = 0; i < sizeof first_steps / sizeof *first_steps; i++)
		if (outcome == STORE_OPEN)
			outcome = first_steps[i](store, why);
	if (outcome == STORE_OPEN)
		outcome = segments_load(store, SEGMENT_SMALL, why);
	if (outcome == STORE_OPEN)
		outcome = segments_load(store, SEGMENT_BIG, why);
	if (outcome != STORE_OPEN)
		return outcome;
	segments_announce(store);
	results_tell_unheard(store);
	/* Step 6. What fails here for want of space is tried again by store_tend(). */
	if (results_checkpoint(store) != STATUS_OK || reserve_make(store) != STATUS_OK)
		store->tend_due = true;
	facts_free(store);
	return STORE_OPEN;
}

static struct store *store_new(struct disk *disk, int folder, struct store_events events)
{
	struct store *store = calloc(1, sizeof *store);

	panic_if(!store, "out of memory");
	store->disk = disk;
	store->folder = folder;
	store->events = events;
	store->small = store->big = store->results_folder = store->damaged = store->lock = -1;
	store->making.fd = store->own.fd = store->results.fd = -1;
	for (size_t i = 0; i < SEGMENT_STATES; i++)
		list_init(&store->states[i]);
	store->gathered = TEXT_GROWING;
	store->batch = calloc(1, sizeof *store->batch);
	panic_if(!store->batch, "out of memory");
	store->scratch = arena_new();
	store->tend_due = true;
	return store;
}

enum store_open store_open_scaled(struct disk *disk, int folder, struct store_events events,
	const struct store_scale *scale, struct text *why, struct store **opened)
{
	struct store *store = store_new(disk, folder, events);

	store->scale = *scale;
	if (!scale->segment)
		store->scale.segment = SEGMENT_SIZE;
	if (!scale->reserve)
		store->scale.reserve = RESERVE;
	if (!scale->checkpoint)
		store->scale.checkpoint = CHECKPOINT;
	if (!scale->free)
		store->scale.free = FREE_LEAST;
	if (!scale->small)
		store->scale.small = FREE_SMALL_MOST;
	store->ahead = store->scale.free;
	if (!scale->roomy)
		store->scale.roomy = ROOMY_MOST;
	if (!scale->big)
		store->scale.big = FREE_BIG_MOST;
	if (!scale->forget)
		store->scale.forget = FORGOTTEN_AT_ONCE;
	uint64_t seed = epoch_new(store);
	store->results.epoch = seed;
	store->segments = map_new(seed);
	store->uses = map_new(seed);
	kept_open(store, seed);
	enum store_open outcome = start_up(store, why);
	if (outcome != STORE_OPEN) {
		store_close(store);
		return outcome;
	}
	*opened = store;
	return STORE_OPEN;
}

enum store_open store_open(struct disk *disk, int folder, struct store_events events,
	struct text *why, struct store **store)
{
	return store_open_scaled(disk, folder, events, &(struct store_scale){0}, why, store);
}
