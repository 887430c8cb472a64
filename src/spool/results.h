/* SPDX-License-Identifier: Apache-2.0 */
/* Results and the facts in them: what the files of the store share about them. */
#ifndef SPOOL_RESULTS_H
#define SPOOL_RESULTS_H

#include "spool/result.h"
#include "spool/store.h"

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
	uint8_t result;
	bool told; /* as unheard */
	uint32_t attempts;
	wall_ns time, next;
	uint64_t event;
};
struct fact {
	uint64_t id, origin;
	size_t count;
	struct fact_recipient *recipients;
};

/* results.c */
enum status results_write(struct store *store, struct slice bytes) MUST_USE;
/* One record into `out`, as it will lie at `at`, zeros up to the next one. */
void result_put(const struct results *results, struct text *out, uint64_t at, struct record record,
	struct slice payload);
void results_close(struct store *store);

/* result_files.c */
struct result_files {
	uint32_t *numbers;
	size_t count, size;
};
bool result_files_list(struct store *store, struct result_files *files); /* free ->numbers */
/* Takes the facts of a file. RESULT_FILE_FAILED: it could not be opened, and says nothing. */
enum result_file { RESULT_FILE_OK, RESULT_FILE_NEWER, RESULT_FILE_FAILED };
enum result_file result_file_load(struct store *store, uint32_t number) MUST_USE;
enum store_open results_load(struct store *store, struct text *why);
/* `unheard` for each result whose event the journal may not have. */
void results_tell_unheard(struct store *store);

/* checkpoint.c */
/* All that results files, the index and memory say; facts_free() whatever it gives. */
enum status result_facts_gather(struct store *store) MUST_USE;
enum status results_checkpoint(struct store *store) MUST_USE;

/* facts.c */
void facts_begin(struct store *store);
void facts_free(struct store *store);
struct fact *fact_find(const struct store *store, uint64_t id, uint64_t origin);
struct fact *fact_get(struct store *store, uint64_t id, uint64_t origin); /* made if need be */
struct fact_recipient *fact_recipient(struct fact *fact, size_t recipient);
void fact_add(struct store *store, const struct record *record, struct slice payload);

#endif
