/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule: what is due, which way it leaves, how much of it at a time.
 *
 * It knows no clock and no channel: times come in as a `struct moment`, jobs leave by a function.
 * So a test runs a five-day retry in a millisecond, and out may die in any place.
 *
 *	schedule_found(schedule, stored, message, recipients, now);      from the store
 *	schedule_turn(schedule, now);                                    once a turn of the loop
 *	timer_set(&timer, schedule_next(schedule));
 *	schedule_outcome(schedule, &outcome, now); schedule_end(…);      from out
 */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "journal/journal.h"
#include "policy/policy.h"
#include "queue/item.h"

#define HELD_UNTIL (NEVER - 1)            /* in a DEFER: until somebody releases it */
#define DELAY_AFTER (4 * 3600 * NS_PER_S) /* a delay is reported after that, if asked for */
#define UNKNOWN_DELAY (5 * NS_PER_S)      /* out died: tried again after that */
#define REPORT_DELAY (60 * NS_PER_S)      /* a report could not be kept: again after that */

enum {
	JOBS_MAX = 1024, /* outstanding in all; a power of two */
	WINDOW_FIRST = 4,
	WINDOW_MOST = 256,     /* jobs outstanding for one destination */
	AILING_JOBS_MAX = 512, /* for all destinations that could not be reached last */
	ROUTED_A_TURN = 2000,  /* items, so that one turn is short */
	TARGET_MAX = 2500,     /* octets of a route's target: a job must fit a packet */
	LAST_WORDS_MAX = 500,  /* octets of a reply that are kept in memory: any line of our own */
};

enum report_kind { REPORT_FAILURE, REPORT_DELAY_NOTICE, REPORT_SUCCESS };
enum reported {
	REPORTED,               /* durable in the spool, or none is due */
	REPORTED_TO_POSTMASTER, /* durable; the sender is not believed */
	REPORT_NOT_KEPT,        /* the spool could not take it: tried again */
};

enum handed {
	HANDED,
	HANDED_NOT_NOW,    /* nothing can be handed over; schedule_go_on() follows */
	HANDED_UNREADABLE, /* its segment cannot be opened: it waits, others go on */
};

struct schedule_user {
	/* Hands a job to out, and its segment before. */
	enum handed (*send)(void *owner, const struct delivery_job *job);
	/* Gives back the event's number, for the result that says the same. */
	uint64_t (*event)(void *owner, const struct journal_delivery *event);
	/* Makes one report about all of these recipients of the item. */
	enum reported (*report)(void *owner, const struct item *item, enum report_kind kind,
		struct recipient *const *recipients, size_t count, struct moment now);
	void *owner;
};

struct retry {
	mono_ns keep_trying, first, most;
};

struct destination {
	struct list ready;   /* linked while it has what to send and may */
	struct list waiting; /* recipients */
	struct route route;  /* its texts are behind the struct */
	size_t waiting_count;
	uint32_t jobs, window;
	bool ailing; /* the last attempt reached nobody */
};

struct job {
	uint64_t number; /* 0: free */
	struct item *item;
	struct destination *destination;
	struct list recipients;
	uint32_t segment; /* held until the job has ended, wherever the message moves */
	mono_ns sent;
};

struct schedule {
	struct store *store;
	struct schedule_user user;
	struct policy *policy;
	struct retry retry;
	struct slice node;
	uint64_t seed;
	struct items *items;
	struct map *destinations; /* by route key */
	struct heap heap;
	struct list ready;
	struct job jobs[JOBS_MAX];
	uint16_t free_jobs[JOBS_MAX];
	size_t free_count;
	uint64_t job_serial;
	size_t outstanding, ailing_jobs, recipients;
	bool paused;  /* nothing leaves: start, stop, results that cannot be kept */
	bool blocked; /* out takes nothing at the moment, or is not there */
	struct arena *arena;
};

struct schedule *schedule_open(struct store *store, struct schedule_user user, uint64_t seed);
void schedule_close(struct schedule *schedule);
/* From the next turn on; what waits for its destination is routed again. Counted. */
void schedule_set_policy(struct schedule *schedule, struct policy *policy, struct moment now);

void schedule_found(struct schedule *schedule, const struct stored *stored,
	const struct message *message, const struct stored_recipient *recipients,
	struct moment now);
void schedule_turn(struct schedule *schedule, struct moment now);
mono_ns schedule_next(const struct schedule *schedule); /* when to call again; NEVER */
void schedule_pause(struct schedule *schedule, bool paused);
void schedule_go_on(struct schedule *schedule); /* out takes jobs (again) */

/* Both ignore what names no outstanding job or recipient; false then. */
bool schedule_outcome(
	struct schedule *schedule, const struct delivery_outcome *outcome, struct moment now);
bool schedule_end(struct schedule *schedule, uint64_t job, struct moment now);
/* out died: what became of outstanding jobs is unknown. */
void schedule_out_gone(struct schedule *schedule, struct moment now);

/* Bytes that items take, without what remotes said. */
size_t schedule_memory(const struct schedule *schedule);
struct item *schedule_find(const struct schedule *schedule, uint64_t id);

/* ---- by the administrator (act.c) ---- */
enum act { ACT_RETRY, ACT_HOLD, ACT_RELEASE, ACT_REMOVE, ACT_BOUNCE, ACTS };
enum acted {
	ACTED,
	ACT_NOTHING,         /* it is in that state already */
	ACT_BEING_DELIVERED, /* an attempt is under way */
	ACT_NOT_BELIEVED,    /* a report would go to a sender nobody has reason to believe */
};
/* The item may be gone afterwards where *recipient was its last: schedule_tidy() says. */
enum acted recipient_act(
	struct schedule *schedule, struct recipient *recipient, enum act act, struct moment now);
/* Makes reports that are due and forgets the item if nothing is left. True: it is gone. */
bool schedule_tidy(struct schedule *schedule, struct item *item, struct moment now);

/* ---- between the files of this room ---- */
void recipient_wait(struct schedule *schedule, struct recipient *recipient, mono_ns until);
void recipient_done(struct schedule *schedule, struct recipient *recipient);
void recipient_hold(struct schedule *schedule, struct recipient *recipient);
void recipient_unroute(struct schedule *schedule, struct recipient *recipient);
void recipient_deferred(
	struct schedule *schedule, struct recipient *recipient, struct moment now, int64_t us);
void recipient_count_attempt(struct recipient *recipient); /* as far as it can be counted */
void recipient_failed(struct recipient *recipient, bool expired);
/* Ends a job that out never got: an attempt of all its recipients has failed, for our own reason.
 * The item and the destination may be gone afterwards. */
void job_unreadable(struct schedule *schedule, struct job *job, struct moment now);
void recipient_remember(struct recipient *recipient, const struct delivery_outcome *outcome,
	enum route_kind route, wall_ns now);
uint64_t recipient_event(struct schedule *schedule, const struct recipient *recipient,
	enum delivery_event event, wall_ns next, struct moment now, int64_t us);
void destination_add(
	struct schedule *schedule, const struct route *route, struct recipient *recipient);
void destination_send(struct schedule *schedule, struct moment now);
/* What a job's outcome says about the way. */
void destination_learn(struct schedule *schedule, struct destination *destination, bool reached);
void destination_job_ended(struct schedule *schedule, struct destination *destination);
void destinations_unroute(struct schedule *schedule, struct moment now);
mono_ns retry_delay(const struct retry *retry, uint64_t seed, uint64_t id, unsigned attempts);

#endif
