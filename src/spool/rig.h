/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test rig: a real store and a real writer in the simulated loop over a disk in memory, joined
 * without processes. It remembers what was acknowledged and what was flushed as done, and says
 * after a restart whether everything is as promised.
 *
 *	struct rig *rig = rig_open(seed);
 *	rig_start(rig);                       store_open, writer
 *	rig_send(rig, 20);                    tasks that commit messages; runs the loop
 *	rig_power_cut(rig);
 *	rig_start(rig);
 *	rig_judge(rig);                       panics, saying the seed, if a promise was broken
 */
#ifndef SPOOL_RIG_H
#define SPOOL_RIG_H

#include "run/sim.h"
#include "spool/disk_memory.h"
#include "spool/store.h"
#include "spool/writer.h"

enum { RIG_MESSAGES = 512, RIG_RECIPIENTS = 3, RIG_SEGMENT = 64 << 10, RIG_SPARE = 6 };

/* What the outside world knows of a message. */
struct rig_message {
	uint64_t id;
	enum commit answer;
	bool asked;               /* its commit was begun: it may exist */
	bool answered;            /* its commit returned */
	unsigned done, done_safe; /* a bit for each recipient: store_result(), and flushed */
	uint64_t events[RIG_RECIPIENTS];
	unsigned unheard; /* a bit for each: the store told it at this start */
	uint64_t unheard_origin;
	bool refused;        /* told so by a writer that lived on: taken back */
	uint64_t refused_at; /* so many power cuts had been */
	bool found;          /* by the store that runs now */
	struct stored stored;
	unsigned left; /* recipients, as found() told */
	bool big;
	size_t size;
};

struct rig {
	uint64_t seed, random, epoch;
	struct disk *disk;
	struct loop *loop;
	struct offload *pool;
	struct store *store;
	struct spool_writer *writer;
	enum commit ready; /* what the writer said at the start */
	wall_ns now;
	size_t count; /* of messages */
	struct rig_message messages[RIG_MESSAGES];
	uint64_t cuts, crashes; /* of the power; kills too */
	size_t damage;          /* reports */
	bool no_damage; /* a report of acknowledged mail that cannot be read breaks a promise */
	bool lazy;      /* some deliveries are not flushed at once */
	uint64_t segment, checkpoint; /* 0: the usual size */
	unsigned forget;              /* 0: the usual number */
	bool say_damage;
	bool events; /* results have events; each is told at start until rig_hear() */
	uint64_t last_event, heard;
	struct text why;
};

struct rig *rig_open(uint64_t seed);
void rig_close(struct rig *rig);
uint64_t rig_random(struct rig *rig, uint64_t below);
enum store_open rig_start(struct rig *rig);
void rig_abandon(struct rig *rig); /* the process died somewhere inside: nothing is freed */
void rig_stop(struct rig *rig);    /* frees store and writer, whatever state they are in */
/* Commits `count` messages from tasks of their own, all at once, and runs until all are answered.
 */
void rig_send(struct rig *rig, size_t count);
void rig_send_sized(struct rig *rig, size_t count, size_t bytes);
void rig_send_big(struct rig *rig, size_t bytes);
void rig_deliver(struct rig *rig, unsigned one_in); /* some of what was found; then a flush */
void rig_deliver_but(struct rig *rig, uint64_t id); /* all that was found but this one */
void rig_hear(struct rig *rig);                     /* the journal has all events so far */
void rig_wait(struct rig *rig, mono_ns ns);         /* of the loop's clock */
void rig_tend(struct rig *rig);
void rig_power_cut(struct rig *rig);
void rig_kill(struct rig *rig);
/* Every acknowledged message not done is found, none altered, no recipient done comes back. */
void rig_judge(struct rig *rig);
/* One message that was found, compared with what was sent; false: it cannot be read. */
bool rig_read(struct rig *rig, const struct rig_message *sent);
size_t rig_acknowledged(const struct rig *rig);

#endif
