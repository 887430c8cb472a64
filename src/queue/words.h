/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a report that people read; lines end in '\n'. The rest is wire/dsn.h's. */
#ifndef QUEUE_WORDS_H
#define QUEUE_WORDS_H

#include "explain/explain.h"
#include "queue/schedule.h"

struct slice report_subject(enum report_kind kind, bool believed);
void text_report_words(struct text *text, const struct item *item, enum report_kind kind,
	struct recipient *const *recipients, size_t count, struct slice hostname, wall_ns arrived,
	struct arena *arena);
/* The host that spoke; empty for a Maildir and a socket, whose path is nobody's business. */
struct slice remote_shown(const struct last_words *last);
/* "550 5.1.1 No such user": as the remote said it, or our words. */
struct slice last_reply(const struct last_words *last, struct arena *arena);

/* What a remote's refusal means (explain/explain.h); false where the words are ours, or where
 * nobody knows what they mean. */
bool last_explained(
	const struct recipient *recipient, struct arena *arena, struct explanation *told);

#endif
