/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports: mail of ours about mail that failed, waits or arrived (RFC 3464, RFC 3461;
 * doc/policy.md, "Reports"). One goes to the sender if the envelope calls him believed, else to
 * `postmaster`; none is ever made about mail with the null sender.
 *
 * A report of success says *relayed* for every next server but a Maildir or LMTP: what that server
 * was asked to report is not known here.
 */
#ifndef QUEUE_BOUNCE_H
#define QUEUE_BOUNCE_H

#include "base/id.h"
#include "queue/schedule.h"

struct bouncer {
	struct store *store;
	struct disk *disk; /* for the header of a big message */
	struct slice hostname, postmaster;
	mono_ns keep_trying;
	struct id_source ids;
};

/* Whether the sender (or postmaster) is to hear of this at all: NOTIFY, and the null sender. */
bool report_is_wanted(const struct recipient *recipient, enum report_kind kind);
/* Durable when it gives back REPORTED or REPORTED_TO_POSTMASTER. */
enum reported bouncer_report(struct bouncer *bouncer, const struct item *item,
	enum report_kind kind, struct recipient *const *recipients, size_t count,
	struct moment now);
/* The report alone, for tests: as it is put into the spool. `original` may be NULL: unreadable. */
struct dsn_form;
void text_report(struct text *text, const struct bouncer *bouncer, const struct item *item,
	const struct message *original, enum report_kind kind, struct recipient *const *recipients,
	size_t count, uint64_t id, struct moment now, struct arena *arena, struct dsn_form *form);
struct slice report_reader(const struct bouncer *bouncer, const struct item *item,
	struct arena *arena); /* who gets it */

#endif
