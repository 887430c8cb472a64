/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids of messages and decisions: 60 bits, ordered by time, shown as 7K3Q-9MZD-2C4T.
 *
 * From the top: 35 bits of time in 1/32 s since 2020-01-01 (34 years), 6 bits of process slot, 19
 * bits of counter. Twelve digits of five bits in Crockford's base 32 (no I, L, O, U; read without
 * regard to case, I and L as 1, O as 0).
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/clock.h"
#include "base/text.h"

enum { ID_TEXT_LEN = 14, ID_SLOTS = 64 };

struct id_source {
	unsigned slot; /* below ID_SLOTS, one per process that makes ids */
	uint64_t last; /* the id given last, 0 at first */
};

/* A new id, always above the one before, also when the clock steps back. */
uint64_t id_next(struct id_source *source, wall_ns now);
wall_ns id_time(uint64_t id);
unsigned id_slot(uint64_t id);
void text_id(struct text *text, uint64_t id);
/* With or without hyphens. False if it is no id. */
bool id_parse(struct slice s, uint64_t *id);

#endif
