/* SPDX-License-Identifier: Apache-2.0 */
/* Ids. The contract is in id.h. */
#include "base/id.h"

#include <string.h>

#include "base/panic.h"

enum { DIGITS = 12, TICKS_PER_S = 32, COUNTER_BITS = 19, SLOT_BITS = 6 };
#define ID_EPOCH (INT64_C(1577836800) * NS_PER_S) /* 2020-01-01 */
#define ID_TICK (NS_PER_S / TICKS_PER_S)
#define LOW_BITS (COUNTER_BITS + SLOT_BITS)
#define COUNTER_MASK ((UINT64_C(1) << COUNTER_BITS) - 1)
#define ID_MASK ((UINT64_C(1) << 60) - 1)

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static uint64_t id_compose(uint64_t tick, unsigned slot, uint64_t counter)
{
	return (tick << LOW_BITS | (uint64_t)slot << COUNTER_BITS | counter) & ID_MASK;
}

uint64_t id_next(struct id_source *source, wall_ns now)
{
	panic_if(source->slot >= ID_SLOTS, "id slot %u", source->slot);
	uint64_t tick = now > ID_EPOCH ? (uint64_t)((now - ID_EPOCH) / ID_TICK) : 0;
	uint64_t last_tick = source->last >> LOW_BITS;
	uint64_t counter = 0;

	if (source->last && tick <= last_tick) {
		tick = last_tick;
		counter = (source->last & COUNTER_MASK) + 1;
		if (counter > COUNTER_MASK) {
			tick++;
			counter = 0;
		}
	}
	source->last = id_compose(tick, source->slot, counter);
	return source->last;
}

wall_ns id_time(uint64_t id)
{
	return ID_EPOCH + (int64_t)(id >> LOW_BITS) * ID_TICK;
}

unsigned id_slot(uint64_t id)
{
	return (unsigned)(id >> COUNTER_BITS & (ID_SLOTS - 1));
}

void text_id(struct text *text, uint64_t id)
{
	char shown[DIGITS + 2];
	size_t len = 0;

	for (int i = 0; i < DIGITS; i++) {
		if (i == 4 || i == 8)
			shown[len++] = '-';
		shown[len++] = alphabet[id >> (5 * (DIGITS - 1 - i)) & 31];
	}
	text_put(text, (struct slice){shown, sizeof shown});
}

static bool digit_value(char c, uint64_t *value)
{
	c = ascii_lower(c);
	if (c == 'o')
		c = '0';
	if (c == 'i' || c == 'l')
		c = '1';
	for (unsigned i = 0; i < 32; i++)
		if (ascii_lower(alphabet[i]) == c) {
			*value = i;
			return true;
		}
	return false;
}

bool id_parse(struct slice s, uint64_t *id)
{
	uint64_t all = 0, value;
	int digits = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '-')
			continue;
		if (++digits > DIGITS || !digit_value(s.at[i], &value))
			return false;
		all = all << 5 | value;
	}
	if (digits != DIGITS)
		return false;
	*id = all;
	return true;
}
