/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery events on their way to control: numbered, kept until control has them, sent again when
 * control comes back. At most EVENTS_KEPT_MAX bytes are kept; what comes beyond is dropped and
 * counted, and the count is told when there is room. Numbers begin with the time of the start in
 * ns, so that they rise over restarts too.
 */
#ifndef QUEUE_EVENTS_H
#define QUEUE_EVENTS_H

#include "journal/journal.h"
#include "run/channel.h"

enum { EVENTS_KEPT_MAX = 32 << 20 };

struct events;
struct events *events_open(wall_ns now);
void events_close(struct events *events);
/* Its number; 0: it was dropped. */
uint64_t events_add(struct events *events, const struct journal_delivery *delivery);
/* control is here (again): everything not acknowledged is sent. NULL: it is gone. */
void events_attach(struct events *events, struct channel *control);
void events_have(struct events *events, uint64_t sequence); /* REPORT_HAVE came */
/* control has every event up to this one, or it was dropped. */
uint64_t events_heard(const struct events *events);
void events_pump(struct events *events); /* sends what can be; at turn ends, when drained */
size_t events_waiting(const struct events *events); /* not acknowledged */
uint64_t events_dropped(const struct events *events);

#endif
