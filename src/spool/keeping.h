/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share and nobody else includes. */
#ifndef SPOOL_KEEPING_H
#define SPOOL_KEEPING_H

#include "base/list.h"
#include "base/map.h"
#include "spool/batch.h"
#include "spool/store.h"
#include "spool/walk.h"

struct segment {
	struct list link; /* in the list of its state */
	uint64_t number;  /* the key; names are given once, over both folders */
	enum segment_class kind;
	enum segment_state state;
	uint32_t generation;
	uint64_t epoch, size;
	unsigned writer; /* of an ACTIVE one */
	uint64_t known;  /* ACTIVE: walked up to here */
	int fd;          /* ours, for reading what becomes durable; -1 while not needed */
	unsigned holds;
	struct kept **shown; /* every message whose record may be seen in it */
	size_t shown_count, shown_size;
	size_t live; /* of those: kept here, recipients left */
	uint64_t live_bytes, all_bytes;
	wall_ns sparse_since; /* 0: not sparse */
};

/* The index entry of a message: as small as it can be, there may be a million. */
struct kept {
	uint64_t id, origin; /* the key, side by side */
	struct segment *segment;
	uint64_t at;
	uint32_t length, parts;
	uint16_t copy, recipients, left;
	uint16_t shown : 15; /* in how many segments its record may be seen */
	uint16_t unsure : 1; /* at or above W: it may be in the page cache alone */
	union {
		uint64_t few; /* up to 64 recipients: a bit each, set when done */
		uint8_t *many;
	} done;
};

/* What results files say; only at start and during a checkpoint. */
struct fact_recipient {
	uint8_t result;
	uint32_t attempts;
	wall_ns time, next;
};
struct fact {
	uint64_t id, origin;
	size_t count;
	struct fact_recipient *recipients;
};

struct results {
	int fd;
	uint32_t number; /* of the file appended to */
	uint64_t epoch, end, flushed;
	uint64_t begun; /* `end` right after the checkpoint that made the file */
	bool broken;    /* a write or flush failed: a checkpoint must succeed first */
	bool flushing;  /* a thread flushes */
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
	struct map *segments, *messages;
	struct list states[SEGMENT_STATES];
	uint32_t last_number;
	struct making making;
	struct own own;
	struct results results;
	uint32_t results_tried; /* the highest number of a file that was begun */
	struct map *facts;      /* at start and during a checkpoint */
	struct batch *batch;
	struct arena *scratch;
	char block[SPOOL_BLOCK]; /* a header on its way */
	bool reserved;           /* the reserve's file is there */
	bool tend_due;
	uint64_t dropped;  /* incomplete records at start: never acknowledged */
	wall_ns sparse_at; /* when sealed segments are looked at next */
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
int segment_open(const struct store *store, const struct segment *segment, int flags);
/* The one for reading, kept open while the segment is ACTIVE. */
int segment_reading(struct store *store, struct segment *segment);
void segment_close(struct store *store, struct segment *segment);
struct spool_source segment_source(
	const struct store *store, const struct segment *segment, int fd);
enum status segment_make_slice(struct store *store, bool *ready) MUST_USE;
enum status segment_make_now(struct store *store, enum segment_class kind) MUST_USE;
bool segment_is_spent(const struct segment *segment);
/* Recycles or removes it; false: it could not be. */
bool segment_retire(struct store *store, struct segment *segment);
size_t segment_count(const struct store *store, enum segment_state state, enum segment_class kind);
/* A FREE one, recycled or written out if need be; `least` of the kind stay. NULL and errno. */
struct segment *segment_take(struct store *store, enum segment_class kind, size_t least);
struct segment *segment_free(const struct store *store, enum segment_class kind);
uint64_t epoch_new(const struct store *store);
enum status reserve_make(struct store *store) MUST_USE;
bool reserve_spend(struct store *store); /* false: there is none left */
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
struct kept *kept_find(const struct store *store, uint64_t id, uint64_t origin);
struct kept *kept_put(struct store *store, struct segment *segment, const struct record *record,
	uint64_t at, bool unsure);
/* Takes its recipients from the payload and calls `found` if any is not done. */
bool kept_announce(struct store *store, struct kept *kept, struct walk *walk);
void kept_announce_message(struct store *store, struct kept *kept, const struct message *message);
bool kept_done(struct store *store, struct kept *kept, uint16_t recipient);
void kept_move(struct store *store, struct kept *kept, struct segment *segment, uint64_t at);
void segment_forget_shown(struct store *store, struct segment *segment);
void segment_show(struct segment *segment, struct kept *kept);

/* results.c */
enum store_open results_load(struct store *store, struct text *why);
enum status results_checkpoint(struct store *store) MUST_USE;
void results_close(struct store *store);

/* facts.c */
void facts_free(struct store *store);
const struct fact *fact_find(const struct store *store, uint64_t id, uint64_t origin);
struct fact *fact_get(struct store *store, const struct record *record); /* made if need be */
struct fact_recipient *fact_recipient(struct fact *fact, size_t recipient);
void fact_add(struct store *store, const struct record *record, struct slice payload);

/* survey.c: what start-up makes of a segment from `from` on. */
/* Steps 3 and 4: keeps what is there; the segment becomes `sound`, or DAMAGED. */
void segment_survey(struct store *store, struct segment *segment, int fd, uint64_t from,
	enum segment_state sound);
/* Step 5: `found` for each message kept there that was not announced yet. */
void segment_announce(struct store *store, struct segment *segment, int fd);
void damage_tell(struct store *store, const struct segment *segment, uint64_t from, uint64_t to,
	const char *what, uint64_t id);

/* The bytes from..to of a file into damaged/, once. */
void damage_copy(
	struct store *store, int folder, uint32_t number, int digits, uint64_t from, uint64_t to);

/* own.c */
void own_tend(struct store *store, wall_ns now);
enum status own_copy(struct store *store, struct kept *kept) MUST_USE;
void own_close(struct store *store);

#endif
