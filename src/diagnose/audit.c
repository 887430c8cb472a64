/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of an audit. Read audit.h first.
 *
 * The line at the end of data says how many recipients the message was kept for. RCPT lines name
 * them as the client did; events and the queue name them as they lie in the spool, which differs
 * for <postmaster> and aliases. So recipients are counted, and named where the names agree.
 */
#include "diagnose/audit.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/panic.h"

struct audited_recipient {
	struct audited_recipient *next;
	struct slice address;
	enum audit_fate fate;
	uint32_t deliveries;
	wall_ns delivered; /* the last time: lines may be read twice */
};

struct audited {
	uint64_t id;
	wall_ns kept;   /* when it was acknowledged; 0: it was not, or not in the time asked for */
	uint64_t count; /* of its recipients */
	struct audited_recipient *first, **end;
};

struct audit {
	struct arena *arena;
	struct map *messages; /* by id */
	wall_ns since, until;
	uint64_t dropped;
	wall_ns last_drop;
};

struct slice audit_fate_text(enum audit_fate fate)
{
	static const struct slice texts[AUDIT_FATES] = {
		[AUDIT_UNACCOUNTED] = SLICE("unaccounted"),
		[AUDIT_QUEUED] = SLICE("queued"),
		[AUDIT_DELIVERED] = SLICE("delivered"),
		[AUDIT_BOUNCED] = SLICE("bounced"),
		[AUDIT_EXPIRED] = SLICE("expired"),
		[AUDIT_REMOVED] = SLICE("removed"),
	};

	return texts[fate];
}

struct audit *audit_open(wall_ns since, wall_ns until)
{
	struct audit *audit = calloc(1, sizeof *audit);

	panic_if(!audit, "out of memory for an audit");
	*audit = (struct audit){
		.arena = arena_new(), .messages = map_new(0), .since = since, .until = until};
	return audit;
}

void audit_close(struct audit *audit)
{
	map_free(audit->messages);
	arena_free(audit->arena);
	free(audit);
}

/* ---- what the journal says ---- */

static struct audited *message_find(const struct audit *audit, uint64_t id)
{
	return map_get(audit->messages, map_key(&id));
}

static struct audited *message_get(struct audit *audit, uint64_t id)
{
	struct audited *message = message_find(audit, id);

	if (message)
		return message;
	message = ARENA_NEW(audit->arena, struct audited);
	*message = (struct audited){.id = id};
	message->end = &message->first;
	map_put(audit->messages, map_key(&message->id), message);
	return message;
}

static struct audited_recipient *recipient_find(const struct audited *message, struct slice address)
{
	struct audited_recipient *recipient = message->first;

	while (recipient && !slice_is(recipient->address, address))
		recipient = recipient->next;
	return recipient;
}

static struct audited_recipient *recipient_get(
	struct audit *audit, struct audited *message, struct slice address)
{
	struct audited_recipient *recipient = recipient_find(message, address);

	if (recipient)
		return recipient;
	recipient = ARENA_NEW(audit->arena, struct audited_recipient);
	*recipient = (struct audited_recipient){.address = arena_slice(audit->arena, address)};
	*message->end = recipient;
	message->end = &recipient->next;
	return recipient;
}

/* An event written again after a crash may know its recipient's number alone. */
static struct audited_recipient *recipient_numbered(const struct audited *message, uint64_t number)
{
	struct audited_recipient *recipient = message->first;

	while (recipient && number-- > 0)
		recipient = recipient->next;
	return recipient;
}

static bool fate_find(struct slice event, enum audit_fate *fate)
{
	for (int i = AUDIT_DELIVERED; i < AUDIT_FATES; i++)
		if (slice_is(event, audit_fate_text((enum audit_fate)i))) {
			*fate = (enum audit_fate)i;
			return true;
		}
	return false;
}

static void take_event(struct audit *audit, const struct journal_line *line)
{
	struct audited *message = message_find(audit, line->message);
	enum audit_fate fate;

	if (!message || !fate_find(line->event, &fate))
		return;
	struct audited_recipient *recipient =
		line->recipient.len ? recipient_get(audit, message, line->recipient)
				    : recipient_numbered(message, line->number);
	if (!recipient)
		return;
	recipient->fate = fate;
	if (fate != AUDIT_DELIVERED || line->repeated || line->time <= recipient->delivered)
		return;
	recipient->deliveries++;
	recipient->delivered = line->time;
}

static void message_kept(struct audited *message, const struct journal_line *line)
{
	message->kept = line->time;
	message->count = line->recipients;
}

/* Taken at RCPT, acknowledged at the end of data: between the two the client may give up. */
static void take_decision(struct audit *audit, const struct journal_line *line)
{
	if (!line->message || !slice_is(line->decision, SLICE("accept")))
		return;
	if (slice_is(line->stage, SLICE("rcpt")))
		recipient_get(audit, message_get(audit, line->message), line->recipient);
	else if (slice_is(line->stage, SLICE("end of data")) && line->time >= audit->since &&
		 line->time < audit->until)
		message_kept(message_get(audit, line->message), line);
}

void audit_line(struct audit *audit, const struct journal_line *line)
{
	if (slice_is(line->event, SLICE("dropped"))) {
		audit->dropped += line->time > audit->last_drop ? line->count : 0;
		audit->last_drop = line->time;
	} else if (line->event.len)
		take_event(audit, line);
	else
		take_decision(audit, line);
}

/* ---- what the queue says ---- */

void audit_queued(struct audit *audit, uint64_t id, struct slice address)
{
	struct audited *message = message_find(audit, id);

	if (!message)
		return;
	struct audited_recipient *recipient = recipient_get(audit, message, address);
	if (recipient->fate == AUDIT_UNACCOUNTED)
		recipient->fate = AUDIT_QUEUED;
}

void audit_unqueue(struct audit *audit)
{
	size_t at = 0;

	for (struct audited *message; (message = map_next(audit->messages, &at));)
		for (struct audited_recipient *r = message->first; r; r = r->next)
			if (r->fate == AUDIT_QUEUED)
				r->fate = AUDIT_UNACCOUNTED;
}

/* ---- the sum ---- */

static uint64_t accounted(const struct audited *message)
{
	uint64_t count = 0;

	for (const struct audited_recipient *r = message->first; r; r = r->next)
		count += r->fate != AUDIT_UNACCOUNTED;
	return count;
}

static uint64_t unaccounted(const struct audited *message)
{
	uint64_t known = accounted(message);

	return known < message->count ? message->count - known : 0;
}

static void message_count(const struct audited *message, struct audit_counts *counts)
{
	counts->messages++;
	counts->recipients += message->count;
	counts->fates[AUDIT_UNACCOUNTED] += unaccounted(message);
	for (const struct audited_recipient *r = message->first; r; r = r->next) {
		if (r->fate != AUDIT_UNACCOUNTED)
			counts->fates[r->fate]++;
		counts->twice += r->deliveries > 1;
	}
}

void audit_count(const struct audit *audit, struct audit_counts *counts)
{
	size_t at = 0;

	*counts = (struct audit_counts){.dropped = audit->dropped};
	for (const struct audited *message; (message = map_next(audit->messages, &at));)
		if (message->kept)
			message_count(message, counts);
}

static int missing_order(const void *a, const void *b)
{
	const struct audit_missing *left = a, *right = b;

	if (left->time != right->time)
		return left->time < right->time ? -1 : 1;
	return slice_compare(left->recipient, right->recipient);
}

/* As many of its recipients without a fate as are missing. */
static size_t message_missing(const struct audited *message, struct audit_missing *list)
{
	uint64_t left = message->kept ? unaccounted(message) : 0;
	size_t count = 0;

	for (const struct audited_recipient *r = message->first; count < left && r; r = r->next)
		if (r->fate == AUDIT_UNACCOUNTED)
			list[count++] =
				(struct audit_missing){message->id, message->kept, r->address};
	while (count < left)
		list[count++] = (struct audit_missing){message->id, message->kept, SLICE_NONE};
	return count;
}

size_t audit_missing(struct audit *audit, const struct audit_missing **missing)
{
	struct audit_counts counts;
	size_t count = 0, at = 0;

	audit_count(audit, &counts);
	struct audit_missing *list = ARENA_ARRAY(
		audit->arena, struct audit_missing, counts.fates[AUDIT_UNACCOUNTED] + 1);
	for (const struct audited *message; (message = map_next(audit->messages, &at));)
		count += message_missing(message, list + count);
	qsort(list, count, sizeof *list, missing_order);
	*missing = list;
	return count;
}
