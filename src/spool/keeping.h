/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share and nobody else includes. */
#ifndef SPOOL_KEEPING_H
#define SPOOL_KEEPING_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/table.h"
#include "spool/batch.h"
#include "spool/damage.h"
#include "spool/results.h"
#include "spool/store.h"
#include "spool/walk.h"

struct segment {
	struct list link; /* in the list of its state */
	uint64_t number;  /* the key; names are given once, over both folders */
	uint64_t use;     /* another key, below 2^32: a new one each time it is used again */
	enum segment_class kind;
	enum segment_state state;
	uint32_t generation;
	uint64_t epoch, size;
	unsigned writer; /* of an ACTIVE one */
	uint64_t known;  /* ACTIVE: walked up to here */
	uint64_t told;   /* durable as its writer says; more than `known`: not read yet */
	uint64_t file;   /* bytes of the file, where it was opened or written out in this life */
	uint64_t used;   /* about where its last record ends; for room.c */
	bool tight;      /* its room was given back, or that was tried */
	int fd;          /* ours, for reading what becomes durable; -1 while not needed */
	unsigned holds;
	uint32_t *shown; /* every message whose record may be seen in it: segment_shown() */
	size_t shown_count, shown_size;
	size_t live; /* of those: kept here, recipients left */
	uint64_t live_bytes, all_bytes;
	wall_ns sparse_since; /* 0: not sparse */
	struct damage *damages;
	size_t damage_count, damage_size;
	bool header_unsure;  /* start could not make its two copies alike */
	bool cleared;        /* salvaged or discarded: removed when nothing live is left */
	uint64_t last_event; /* of the results of its messages: used again once it is heard */
};

/* How certain it is that a record seen is on the disk; from the best to the worst. */
enum standing {
	STANDS_PROVEN, /* written by this process, or below W of a segment that was flushed */
	STANDS_SEEN,   /* at or above W: perhaps in the page cache alone, of a flush that failed */
	STANDS_UNFLUSHED, /* its segment could not be flushed at start */
};

/* The index entry of a message: as small as it can be, there may be a million. */
struct kept {
	uint64_t id, origin; /* the key */
	union {
		uint64_t few; /* up to 64 recipients: a bit each, set when done */
		uint8_t *many;
	} done;
	uint32_t use;   /* of the segment it lies in: kept_segment() */
	uint32_t place; /* there, in units of SPOOL_ALIGN: kept_at() */
	uint32_t length, parts;
	uint16_t copy, recipients, left;
	uint16_t shown : 13; /* in how many segments its record may be seen */
	enum standing standing : 2;
	bool doubted : 1; /* there are copies, and none is proven: copies.c */
};

/* What a segment showed that is used again: forgotten a part at a time. */
struct forgotten {
	struct forgotten *next;
	uint32_t *shown;
	size_t count;
};

/* A segment being written out, a slice at a time. */
struct making {
	int fd;
	uint32_t number;
	uint64_t written;
};

/* Where the store's own messages and copies go. */
struct own {
	struct segment *segment;
	int fd;
	uint64_t end, durable, told, mail_end; /* as a writer's: appending.h */
	wall_ns since;                         /* mail_end moved, for the PAD; 0: not seen yet */
};
enum { OWN_WRITER = UINT32_MAX };

enum { FORGETTERS = 4 };

struct store {
	struct disk *disk;
	struct store_scale scale;
	struct store_events events;
	int folder, small, big, results_folder, damaged, lock;
	struct map *segments; /* by number */
	struct map *uses;     /* the same by use */
	uint64_t last_use;
	struct slab *kept;      /* every struct kept, by number */
	struct table *messages; /* those numbers, by id and origin */
	struct forgotten *forgotten;
	struct list states[SEGMENT_STATES];
	uint32_t last_number;
	struct making making;
	struct own own;
	struct results results;
	struct text gathered;          /* records up to results.end that are not in the file yet */
	uint32_t results_tried;        /* the highest number of a file that was begun */
	struct facts *facts;           /* at start, and while they are gathered */
	struct checkpoint *checkpoint; /* being made, in pieces */
	struct pending_result *pending;
	size_t pending_count, pending_size;
	uint64_t heard;      /* the journal has every event up to this one */
	uint64_t heard_safe; /* the same, and the record of it is flushed */
	uint64_t last_event; /* of the results read at start */
	struct batch *batch;
	struct arena *scratch;
	char block[SPOOL_BLOCK]; /* a header on its way */
	bool reserved;           /* the reserve's file is there */
	bool tend_due;
	unsigned ahead;   /* segments of small mail to be FREE: more, once somebody waited */
	bool behind;      /* of some segment not all is read that its writer told */
	bool free_wanted; /* one was handed out: others are to be made ready */
	uint64_t dropped; /* incomplete records at start: never acknowledged */
	wall_ns look_at;  /* when copies are looked at next */
	size_t doubts;    /* messages that are doubted */
	size_t live;
	uint64_t live_bytes;
	struct {
		void (*forget)(void *owner, uint32_t number);
		void *owner;
	} forgetters[FORGETTERS];
};

/* segments.c */
struct segment *segment_find(const struct store *store, uint32_t number);
struct segment *segment_add(struct store *store, enum segment_class kind, uint32_t number);
void segment_move(struct store *store, struct segment *segment, enum segment_state state);
void segment_use_anew(
	struct store *store, struct segment *segment); /* what it showed is not in it */
int segment_open(const struct store *store, const struct segment *segment, int flags);
/* The one for reading, kept open while the segment is ACTIVE. */
int segment_reading(struct store *store, struct segment *segment);
void segment_close(struct store *store, struct segment *segment);
struct spool_source segment_source(
	const struct store *store, const struct segment *segment, int fd);
struct segment_header segment_header_of(const struct segment *segment);
enum status segment_headers_write(
	struct store *store, const struct segment *segment, int fd) MUST_USE;
enum status segment_make_slice(struct store *store, bool *ready) MUST_USE;
enum status segment_make_now(struct store *store, enum segment_class kind) MUST_USE;

/* room.c */
/* Gives one segment's room back if more than `most` have much of it; false: there was none. */
bool room_give_back(struct store *store, size_t most);
/* Whether a file that is smaller than its header says ends at `size` as room.c ends one. */
bool room_was_given_back(const struct spool_source *source, uint64_t size);

/* spare.c */
size_t spare_wanted(const struct store *store); /* of small mail, written out ahead of need */
void spare_missed(struct store *store);         /* somebody had to wait for one */
/* Whether a spent one is removed, not kept FREE. */
bool segment_is_surplus(const struct store *store, const struct segment *segment);
/* On a disk that is nearly full: removes a FREE one. True: there may be more. */
bool spare_give_back(struct store *store);

/* recycle.c */
uint64_t segment_file(const struct segment *segment); /* bytes of its file */
bool segment_is_spent(const struct store *store, const struct segment *segment);
void segment_free_memory(struct segment *segment);
bool segment_remove(struct store *store, struct segment *segment); /* false: it could not be */
/* Recycles or removes it; false: it could not be. */
bool segment_retire(struct store *store, struct segment *segment);
size_t segment_count(const struct store *store, enum segment_state state, enum segment_class kind);
/* A FREE one, recycled or written out if need be; `least` of the kind stay. NULL and errno. */
struct segment *segment_take(struct store *store, enum segment_class kind, size_t least);
void segment_event(struct segment *segment, uint64_t event); /* of a message it shows */
struct segment *segment_free(const struct store *store, enum segment_class kind);
uint64_t epoch_new(const struct store *store);
enum status reserve_make(struct store *store) MUST_USE;
bool reserve_spend(struct store *store); /* false: there is none left */
int segment_folder(const struct store *store, enum segment_class kind);
void number_name(char name[16], uint32_t number, int digits);

/* header.c */
/* The header's two copies: one is durable before the other is touched. */
enum status header_pair_write(
	struct store *store, int fd, const struct segment_header *header) MUST_USE;
/* At start: a copy that differs from `header`, the one that counts, is written anew and flushed. */
enum status header_pair_repair(
	struct store *store, int fd, const struct segment_header *header) MUST_USE;
/* The valid copy with the highest generation. */
enum header_read header_pair_read(struct store *store, int fd, struct segment_header *header);

/* kept.c */
void kept_open(struct store *store, uint64_t seed);
void kept_close(struct store *store);
/* Of the use of a segment that it lies in; NULL: it was used again since, or removed. */
struct segment *kept_segment(const struct store *store, const struct kept *kept);
struct kept *kept_find(const struct store *store, uint64_t id, uint64_t origin);
struct kept *kept_put(struct store *store, struct segment *segment, const struct record *record,
	uint64_t at, enum standing standing);
/* Takes its recipients from the payload and calls `found` if any is not done. */
bool kept_announce(struct store *store, struct kept *kept, struct walk *walk);
/* The same, its checksum compared first: no altered address is ever scheduled. */
bool kept_announce_checked(struct store *store, struct kept *kept, struct walk *walk);
void kept_end(struct store *store, struct kept *kept); /* no recipient is left */
void kept_announce_message(struct store *store, struct kept *kept, const struct message *message);
void kept_lies(struct kept *kept, const struct segment *segment, uint64_t at); /* from now on */
bool kept_is_done(const struct kept *kept, unsigned recipient);
bool kept_done(struct store *store, struct kept *kept, uint16_t recipient);
void kept_count(struct store *store, struct kept *kept, int sign); /* as live in its segment */
/* It shows nothing any more. What no other one shows is forgotten, scale.forget of them at once and
 * the rest by kept_forget(), which gives true while there are more. */
void segment_forget_shown(struct store *store, struct segment *segment);
bool kept_forget(struct store *store);
void segment_show(struct store *store, struct segment *segment, const struct kept *kept);
void segment_shown_trim(struct segment *segment); /* hardly any more will come */

static inline uint64_t kept_at(const struct kept *kept)
{
	return (uint64_t)kept->place * SPOOL_ALIGN;
}
static inline struct kept *segment_shown(
	const struct store *store, const struct segment *segment, size_t i)
{
	return slab_at(store->kept, segment->shown[i]);
}

/* startup.c, loading.c */
enum store_open start_unusable(struct text *why, const char *what); /* and errno */
enum store_open segments_load(
	struct store *store, enum segment_class kind, struct text *why) MUST_USE;

/* copies.c */
/* Another record of a message that is known already: the better one is kept. */
void copy_found(struct store *store, struct kept *kept, struct segment *segment,
	const struct record *record, uint64_t at, enum standing standing);
void copy_made(struct store *store, struct kept *kept, struct segment *segment, uint64_t at);
void copies_forget(struct store *store, struct kept *kept); /* it is done */
/* Whether some message that is doubted may be seen in it. */
bool segment_is_leaned_on(const struct store *store, const struct segment *segment);
/* Moves stragglers and ends doubts, now and then. True: there are more stragglers. */
bool copies_tend(struct store *store, wall_ns now);

/* survey.c: what start-up makes of a segment from `from` on. */
/* Steps 3 and 4: keeps what is there; the segment becomes `sound`, or DAMAGED. */
void segment_survey(struct store *store, struct segment *segment, int fd, uint64_t from,
	enum segment_state sound);
/* Step 5: `found` for each message kept there that was not announced yet. */
void segment_announce(struct store *store, struct segment *segment, int fd);

/* damage.c */
/* Remembers it, copies the bytes to damaged/, says it; once each. `what` is a constant. */
void damage_tell(struct store *store, struct segment *segment, uint64_t from, uint64_t to,
	const char *what, uint64_t id);
/* The bytes from..to of a file into damaged/, once. */
void damage_copy(
	struct store *store, int folder, uint32_t number, int digits, uint64_t from, uint64_t to);
void segment_damaged(struct store *store, struct segment *segment); /* changes its state */
/* No longer ACTIVE: `sound`, or DAMAGED if anything was found. */
void segment_settle(struct store *store, struct segment *segment, enum segment_state sound);
/* A message that was taken for sound is not. */
void message_damaged(
	struct store *store, struct segment *segment, uint64_t at, uint32_t length, uint64_t id);
/* CLEARING_DONE: go on; the sound messages have moved. */
enum clearing clearing_begin(struct store *store, uint32_t number, struct segment **found) MUST_USE;
void clearing_end(struct store *store, struct segment *segment);

/* own.c */
void own_tend(struct store *store, wall_ns now);
/* A straggler moves. COPY_UNREADABLE: it is damaged, and was reported as that. */
enum copy { COPY_MADE, COPY_UNREADABLE, COPY_FAILED };
enum copy own_copy(struct store *store, struct kept *kept) MUST_USE;
/* A record with the identity it has, flushed when STATUS_OK; it lies in own.segment at *at. */
enum status own_put(
	struct store *store, struct record *record, struct slice payload, uint64_t *at) MUST_USE;
void own_close(struct store *store);

#endif
