/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery events on their way. Read events.h first. */
#include "queue/events.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "packets/report.h"

enum { HEAD = 10, LINE_MOST = CHANNEL_BODY_MAX - 16, SHORT_REPLY = 100 };

/* kept: {u64 sequence, u16 length, line}… from `begin`; what stands before `sent` has been sent to
 * the control that is there now. */
struct events {
	struct text kept;
	size_t begin, sent, count;
	uint64_t sequence; /* of the last */
	uint64_t dropped, untold;
	struct channel *control;
	struct text line;
};

struct events *events_open(wall_ns now)
{
	struct events *events = calloc(1, sizeof *events);

	panic_if(!events, "out of memory for events");
	events->kept = events->line = TEXT_GROWING;
	events->sequence = now > 0 ? (uint64_t)now : 0;
	return events;
}

void events_close(struct events *events)
{
	if (!events)
		return;
	text_free(&events->kept);
	text_free(&events->line);
	free(events);
}

/* A line must fit a packet: hostile words can grow sixfold in JSON. */
static void write_line(struct text *line, const struct journal_delivery *delivery)
{
	struct journal_delivery brief = *delivery;

	text_clear(line);
	journal_write_delivery(line, delivery);
	if (line->len <= LINE_MOST)
		return;
	brief.reply = slice_part(brief.reply, 0, SHORT_REPLY);
	brief.remote = slice_part(brief.remote, 0, SHORT_REPLY);
	text_clear(line);
	journal_write_delivery(line, &brief);
	panic_if(line->len > LINE_MOST, "an event of %zu bytes", line->len);
}

/* Gives the room of acknowledged events back once they are half of it. */
static void compact(struct events *events)
{
	if (events->begin < events->kept.len / 2)
		return;
	memmove(events->kept.at, events->kept.at + events->begin, events->kept.len - events->begin);
	events->kept.len -= events->begin;
	events->sent -= events->begin;
	events->begin = 0;
}

uint64_t events_add(struct events *events, const struct journal_delivery *delivery)
{
	if (events->kept.len - events->begin >= EVENTS_KEPT_MAX) {
		events->dropped++;
		events->untold++;
		return 0;
	}
	write_line(&events->line, delivery);
	struct writer head =
		writer_over(text_reserve(&events->kept, HEAD + events->line.len), HEAD);
	write_u64(&head, ++events->sequence);
	write_u16(&head, (uint16_t)events->line.len);
	memcpy(head.at + HEAD, events->line.at, events->line.len);
	events->count++;
	return events->sequence;
}

static struct report_event event_at(const struct events *events, size_t at)
{
	struct reader in = reader_of(slice_from(text_slice(&events->kept), at));
	struct report_event event = {.sequence = read_u64(&in)};

	event.line = read_counted(&in);
	return event;
}

static bool tell_dropped(struct events *events)
{
	char body[16];
	struct writer out = writer_over(body, sizeof body);

	if (!events->untold)
		return true;
	report_count_write(&out, events->untold);
	if (channel_send(events->control, REPORT_DROPPED, writer_slice(&out), -1) != SENT)
		return false;
	events->untold = 0;
	return true;
}

void events_pump(struct events *events)
{
	char body[CHANNEL_BODY_MAX];

	if (!events->control || !tell_dropped(events))
		return;
	while (events->sent < events->kept.len) {
		struct report_event event = event_at(events, events->sent);
		struct writer out = writer_over(body, sizeof body);
		report_event_write(&out, &event);
		if (channel_send(events->control, REPORT_EVENT, writer_slice(&out), -1) != SENT)
			return;
		events->sent += HEAD + event.line.len;
	}
}

void events_attach(struct events *events, struct channel *control)
{
	events->control = control;
	events->sent = events->begin;
	events_pump(events);
}

void events_have(struct events *events, uint64_t sequence)
{
	while (events->begin < events->sent) {
		struct report_event event = event_at(events, events->begin);
		if (event.sequence > sequence)
			break;
		events->begin += HEAD + event.line.len;
		events->count--;
	}
	compact(events);
}

uint64_t events_heard(const struct events *events)
{
	return events->count ? event_at(events, events->begin).sequence - 1 : events->sequence;
}

size_t events_waiting(const struct events *events)
{
	return events->count;
}

uint64_t events_dropped(const struct events *events)
{
	return events->dropped;
}
