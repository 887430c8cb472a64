/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conservation: every recipient of a message that was acknowledged is delivered, bounced, removed
 * or still queued. The journal says what was acknowledged and what became of it, the queue what is
 * left; a recipient that neither knows is *unaccounted*.
 *
 *	struct audit *audit = audit_open(since, until);
 *	audit_line(audit, line);                        every line of the journal, oldest first
 *	audit_queued(audit, message, address);  every recipient the queue holds
 *	audit_count(audit, &counts);
 */
#ifndef DIAGNOSE_AUDIT_H
#define DIAGNOSE_AUDIT_H

#include "base/text.h"
#include "journal/read.h"

/* A transaction lasts no longer (`limits transaction`, and room): RCPTs that far before `since`
 * belong to messages acknowledged after it. */
#define AUDIT_LOOK_BACK (6 * 3600 * NS_PER_S)

enum audit_fate {
	AUDIT_UNACCOUNTED,
	AUDIT_QUEUED,
	AUDIT_DELIVERED,
	AUDIT_BOUNCED,
	AUDIT_EXPIRED,
	AUDIT_REMOVED, /* by an administrator */
	AUDIT_FATES
};
struct slice audit_fate_text(enum audit_fate fate);

struct audit_counts {
	uint64_t messages; /* acknowledged in the time asked for */
	uint64_t recipients;
	uint64_t fates[AUDIT_FATES];
	uint64_t twice;   /* recipients that were delivered to more than once */
	uint64_t dropped; /* lines that the journal lost */
};

struct audit;
/* Messages acknowledged from `since` to `until` are looked at; what became of them may come later.
 */
struct audit *audit_open(wall_ns since, wall_ns until);
void audit_close(struct audit *audit);
/* A line may be given twice. */
void audit_line(struct audit *audit, const struct journal_line *line);
void audit_queued(struct audit *audit, uint64_t message, struct slice address);
/* What the queue held is forgotten, before it is asked again. */
void audit_unqueue(struct audit *audit);
void audit_count(const struct audit *audit, struct audit_counts *counts);

struct audit_missing {
	uint64_t message;
	wall_ns time;           /* when it was acknowledged */
	struct slice recipient; /* as it was given at RCPT; empty where the journal lost it */
};
/* The unaccounted, oldest message first; the list lives as long as the audit. */
size_t audit_missing(struct audit *audit, const struct audit_missing **missing);

#endif
