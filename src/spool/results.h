/* SPDX-License-Identifier: Apache-2.0 */
/* Results and the facts in them: what the files of the store share about them. */
#ifndef SPOOL_RESULTS_H
#define SPOOL_RESULTS_H

#include "spool/result.h"
#include "spool/store.h"
#include "spool/walk.h"

enum { RESULT_NAME_DIGITS = 8 };

/* A result since the last flush that worked: what the checkpoint after a failed one cannot read
 * back with certainty. */
struct pending_result {
	uint64_t id, origin, event;
	wall_ns time;
	uint64_t end; /* of its record; 0: it could not be written */
	uint16_t recipient;
	uint8_t result;
};

struct results {
	int fd;
	uint32_t number; /* of the file appended to */
	uint64_t epoch, end, flushed;
	uint64_t due;   /* the end of the last record that wants a flush of its own */
	uint64_t begun; /* `end` right after the checkpoint that made the file */
	bool broken;    /* a write or flush failed: a checkpoint must succeed first */
	bool flushing;  /* a thread flushes */
};

/* What results files say; only at start and during a checkpoint. */
struct fact_recipient {
	wall_ns time, next;
	uint64_t event;
	uint32_t attempts;
	uint8_t result;
	bool told; /* as unheard */
};
struct fact {
	uint64_t id, origin;
	size_t count;
	struct fact_recipient *recipients, first; /* the first alone needs no other memory */
};

typedef void result_see(struct store *store, const struct record *record, struct slice payload);

/* results.c */
enum status results_write(struct store *store, struct slice bytes) MUST_USE;
/* One record into `out`, as it will lie at `at`, zeros up to the next one. */
void result_put(const struct results *results, struct text *out, uint64_t at, struct record record,
	struct slice payload);
/* Each record that is gathered and not written. */
void results_gathered(struct store *store, result_see *see);
void results_close(struct store *store);

/* result_files.c */
struct result_files {
	uint32_t *numbers;
	size_t count, size;
	bool failed; /* they could not be listed */
};
bool result_files_list(struct store *store, struct result_files *files); /* free ->numbers */
/* The first stretch below W that does not check. */
struct hurt {
	uint64_t from, to, durable;
};
/* A file read in pieces. */
struct result_reading {
	int fd;
	uint32_t number;
	enum header_read header;
	uint64_t size;
	struct walk walk;
	struct hurt hurt;
};
/* RESULT_FILE_FAILED: it could not be opened, and says nothing. End it in any case. */
enum result_file { RESULT_FILE_OK, RESULT_FILE_NEWER, RESULT_FILE_FAILED };
enum result_file result_reading_begin(
	struct store *store, uint32_t number, struct result_reading *reading) MUST_USE;
/* About so many bytes more; false: that was all. */
bool result_reading_step(struct store *store, struct result_reading *reading, uint64_t bytes,
	result_see *see) MUST_USE;
/* Says what was hurt. */
void result_reading_judge(struct store *store, const struct result_reading *reading);
void result_reading_end(struct store *store, struct result_reading *reading);
enum store_open results_load(struct store *store, struct text *why);
/* `unheard` for each result whose event the journal may not have. */
void results_tell_unheard(struct store *store);

/* checkpoint.c */
struct checkpoint;
/* All of it at once: at start, and after a failure. */
enum status results_checkpoint(struct store *store) MUST_USE;
/* The same in pieces, beside the work that goes on: begun, then a piece with each call. False: it
 * has ended, one way or the other. */
void checkpoint_begin(struct store *store);
bool checkpoint_go_on(struct store *store) MUST_USE;
void checkpoint_abandon(struct store *store); /* there may be none */
void checkpoint_forget(struct store *store);  /* the same, and nothing of it on the disk */
/* What results say while one is made goes into the new file as well. */
void checkpoint_also(struct store *store, struct record record, struct slice payload);

/* gathering.c: what a checkpoint says */
struct gathering {
	struct result_files files;
	size_t file;
	struct result_reading reading; /* fd -1: none is open */
	uint64_t segment;              /* whose messages are asked */
	size_t shown;                  /* the next of them */
	bool rest_taken;
};
enum gathered { GATHERED_SOME, GATHERED_ALL, GATHERED_FAILED };
/* Into store->facts, in pieces of about so many bytes. With `loaded` the files are there already.
 */
void gathering_begin(struct store *store, struct gathering *gathering, bool loaded);
enum gathered gathering_step(
	struct store *store, struct gathering *gathering, uint64_t bytes) MUST_USE;
void gathering_end(struct store *store, struct gathering *gathering);
/* At once; facts_free() whatever it gives. */
enum status result_facts_gather(struct store *store) MUST_USE;

/* facts.c */
struct facts;
void facts_begin(struct store *store);
void facts_free(struct store *store);
/* The next from number *at on, which then is its number; NULL: there is none. */
struct fact *facts_next(const struct facts *facts, uint32_t *at);
/* One that is not looked for any more. */
void fact_free(struct facts *facts, uint32_t number);
void facts_end(struct facts *facts); /* and all that are left */
struct fact *fact_find(const struct store *store, uint64_t id, uint64_t origin);
struct fact *fact_get(struct store *store, uint64_t id, uint64_t origin); /* made if need be */
struct fact_recipient *fact_recipient(struct fact *fact, size_t recipient);
void fact_add(struct store *store, const struct record *record, struct slice payload);

#endif
