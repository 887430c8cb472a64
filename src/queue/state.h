/* SPDX-License-Identifier: Apache-2.0 */
/* The queue role's state, shared by the files of this room and seen by nobody else. */
#ifndef QUEUE_STATE_H
#define QUEUE_STATE_H

#include "queue/bounce.h"
#include "queue/events.h"
#include "queue/schedule.h"
#include "role/answers.h"
#include "role/role.h"
#include "run/offload.h"
#include "run/task.h"

#define FLUSH_WITHIN (50 * NS_PER_MS)
#define SEGMENT_RETRY NS_PER_S /* a segment could not be opened for out */
#define LAST_FLUSH NS_PER_S    /* kept of the grace for closing the books */

struct edge {
	struct queue *queue;
	struct channel *channel; /* NULL: none */
	unsigned slot;
};

/* A result whose event the journal may not have, until the store is open. */
struct unheard {
	struct list link;
	struct unheard_result result; /* its words are: */
	struct text words;
};

/* Neighbours that came before the spool was opened: what they say waits in their sockets. */
struct early_peer {
	enum role_name name;
	unsigned slot;
	int fd;
};
enum { EARLY_PEERS_MAX = ID_SLOTS + 2 };

struct queue {
	struct role *role;
	struct loop *loop;
	struct policy *policy, *prepared;
	struct disk *disk;
	int folder; /* -1 until granted */
	struct store *store;
	struct schedule *schedule;
	struct events *events;
	uint64_t repeated; /* the last event told again at the start; until it is heard, none is */
	struct bouncer bouncer;
	struct edge edges[ID_SLOTS];
	struct channel *out, *control;
	struct map *segments;   /* those out has open, by number: struct known_segment */
	uint32_t complained_of; /* the segment that could not be opened last */
	mono_ns complain_after;
	struct answers answers;
	struct list unheard;
	struct early_peer early[EARLY_PEERS_MAX];
	size_t early_count;
	struct turn_end turn;
	struct timer wake;
	struct timer give_up; /* shortly before the grace is over */
	struct offload *pool;
	struct gate books_gate; /* opened when results wait */
	struct gate books_end;  /* opened when the role is to end */
	struct gate heard;      /* opened when control has more events */
	bool books_wanted, books_open, stopping;
	bool books_failing; /* results could not be flushed the last time */
	bool out_full;      /* `drained` will be called */
};

struct moment queue_now(const struct queue *queue);
void queue_stir(struct queue *queue); /* something changed: the schedule runs at the turn's end */

void queue_has_ended(struct queue *queue);

/* edges.c */
void writer_open(struct queue *queue, unsigned slot, int fd);
void edges_close(struct queue *queue);

/* dispatch.c */
void out_open(struct queue *queue, int fd);
void out_close(struct queue *queue);
enum handed dispatch_job(void *owner, const struct delivery_job *job); /* schedule_user.send */
void dispatch_forget(void *owner, uint32_t segment);                   /* store_on_forget */

/* control.c */
void reports_open(struct queue *queue, int fd);
void reports_close(struct queue *queue);
void reports_pump(struct queue *queue);
void reports_hurry(struct queue *queue); /* asks control to make durable at once what it has */

/* books.c */
bool books_start(struct queue *queue) MUST_USE;
void books_stir(struct queue *queue);  /* results may have been written */
void books_end(struct queue *queue);   /* the last flush, then queue_has_ended() */
void books_heard(struct queue *queue); /* control has more events: the end may wait for them */

#endif
