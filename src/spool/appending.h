/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the writer share and nobody else includes. */
#ifndef SPOOL_APPENDING_H
#define SPOOL_APPENDING_H

#include "base/list.h"
#include "spool/batch.h"
#include "spool/writer.h"

/* A segment this process writes; fd -1: none. */
struct appending {
	int fd;
	uint32_t number;
	uint64_t epoch, size;
	uint64_t end;      /* where the next batch begins: a block boundary */
	uint64_t durable;  /* everything below is flushed */
	uint64_t mail_end; /* of the last batch with a message in it */
	uint64_t told;     /* the highest `durable` that some header on disk carries */
};

struct spool_writer {
	struct loop *loop;
	struct disk *disk;
	struct offload *pool;
	struct writer_link link;

	struct appending current, next;
	uint32_t request; /* of the last want() */
	uint32_t asked;   /* the one that is not answered yet; 0: none */
	bool none, full;  /* the last answer was "none", and why */
	mono_ns none_at;
	bool lost, retiring;
	struct gate came; /* an answer */

	struct list queued; /* struct waiting, in the order they came */
	size_t queued_count;
	bool flushing; /* the flusher task runs */
	bool pad_due;
	struct gate idle; /* it has ended */
	struct batch batch;

	/* The hold rule: see flusher.c. */
	mono_ns flush_took, flush_ended;
	size_t hold_for; /* so many queued: all who were just released are back */
	bool holding;
	struct gate enough;

	struct timer pad_timer;
	struct list bigs;
};

/* A message on its way, on its task's stack. */
enum waiting_state { WAITING_QUEUED, WAITING_WRITTEN, WAITING_TOLD };

struct waiting {
	struct list link;
	enum waiting_state state;
	enum commit outcome;
	struct gate told;
	struct slice head, body;
	struct record record;
};

/* One pwritev and perhaps one fdatasync, on a thread. A failed batch is taken back there too. */
struct write_job {
	struct disk *disk;
	int fd;
	struct batch *batch;
	bool sync;
	int error;
};
void write_job_run(void *arg);
void write_job_fail(struct write_job *job, int error);
enum commit commit_of(int error);
struct appending appending_of(const struct spooling_give *give, int fd);
/* Tells the queue that nothing will be written any more, and closes. */
void appending_done(struct spool_writer *store, struct appending *segment);
void appending_suspect(struct spool_writer *store, struct appending *segment);
void appending_close(struct spool_writer *store, struct appending *segment);
/* Whether one record fits alone, and the PAD that closes the segment. */
bool appending_fits(const struct appending *segment, uint64_t from, uint32_t length);
void writer_small_want(
	struct spool_writer *store); /* asks for a segment, unless one is asked for */
enum commit writer_none_means(const struct spool_writer *store);
uint32_t writer_want(struct spool_writer *store, enum segment_class kind);
/* flusher.c */
bool writer_flusher_start(struct spool_writer *store); /* false: no task could be made */
void writer_segment_close(struct task *task, struct spool_writer *store); /* with its last PAD */
void writer_pad_fire(struct timer *timer);
/* For a big message: its answer came. False: nobody asked for it. */
bool big_give(struct spool_writer *store, const struct spooling_give *give, int fd);
void big_none(struct spool_writer *store, uint32_t request, bool full);
void big_lost(struct spool_writer *store);

#endif
