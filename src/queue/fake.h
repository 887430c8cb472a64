/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for the tests of this room: a store and a policy of a few lines, out as a list of jobs,
 * and a clock that the test moves. What it is asked to keep it remembers in the order it came.
 */
#ifndef QUEUE_FAKE_H
#define QUEUE_FAKE_H

#include "queue/bounce.h"
#include "queue/schedule.h"
#include "spool/damage.h"

enum { FAKE_MANY = 20000, FAKE_MAILS = 3000 };

struct fake_fact { /* a call of store_result() or store_defer() */
	uint64_t id;
	uint16_t recipient;
	bool is_result;
	enum result result;
	uint32_t attempt;
	wall_ns next;
};
struct fake_event {
	enum delivery_event event;
	uint64_t message;
	struct slice recipient, reply, reason;
	uint32_t attempt;
	wall_ns next;
};
struct fake_job {
	struct delivery_job job;
	bool ended;
};
struct fake_report {
	struct message message;
	struct slice body;
	uint64_t id;
	size_t facts_before; /* how many facts were written when it became durable */
};
struct world {
	struct arena *arena;
	struct moment now;
	struct schedule *schedule;
	struct bouncer bouncer;
	struct fake_fact facts[FAKE_MANY];
	struct fake_event events[FAKE_MANY];
	struct fake_job jobs[FAKE_MANY];
	struct fake_report reports[100];
	size_t fact_count, event_count, job_count, report_count;
	size_t attempts; /* store_attempt() */
	long holds;      /* store_hold() less store_release() */
	bool out_full, disk_full, unreadable;
	uint64_t shut;                        /* the message whose segment cannot be opened */
	struct message *messages[FAKE_MAILS]; /* by id, for store_read() */
	size_t message_count;
	struct damage damage; /* what the store says is damaged, if anything */
};
extern struct world *world; /* the one of the test that runs */

int world_make(void **state);
int world_break(void **state); /* also checks that nothing is left behind */

struct fake_mail {
	const char *sender;
	const char *recipients[8]; /* up to the NULL */
	unsigned notify;           /* of all */
	bool unbelieved;
	uint8_t ret;
	const char *envid, *orcpt, *header, *body;
	wall_ns age;
	const char *refusals[8]; /* beside recipients: refused after the data; the reply */
	const char *reason;      /* theirs; NULL: refused-recipient */
};
#define MAIL(from, ...) (&(struct fake_mail){.sender = (from), .recipients = {__VA_ARGS__}})
uint64_t world_mail(const struct fake_mail *mail); /* found by the schedule; its id */
void world_turn(void);
void world_advance(mono_ns ns);
/* Runs turns and clock until nothing is due before `until` (mono). Each job that leaves is answered
 * by `answer`. */
void world_run(mono_ns until, void (*answer)(struct fake_job *job));
/* One outcome for each recipient of the job, then its end. */
void job_answer(struct fake_job *job, enum outcome outcome, unsigned code, const char *words);
size_t count_events(enum delivery_event event);
size_t count_results(enum result result);

#endif
