/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders between edges and accounts. Read counting.h first. */
#include "packets/counting.h"

#include "packets/shape.h"

void counting_counter_write(struct writer *out, const struct counting_counter *m)
{
	write_counted(out, m->key);
	write_u64(out, (uint64_t)m->period);
	write_u64(out, m->most);
	write_u32(out, m->places);
	write_u8(out, m->by_message);
}

/* A period is above zero, and so are places. */
bool counting_counter_read(struct reader *in, struct counting_counter *m)
{
	m->key = read_counted(in);
	m->period = (int64_t)read_u64(in);
	m->most = read_u64(in);
	m->places = read_u32(in);
	m->by_message = read_bool(in);
	if (m->period <= 0 || m->places == 0)
		in->bad = true;
	return !in->bad;
}

void counting_state_write(struct writer *out, const struct counting_state *m)
{
	write_u8(out, m->full);
	write_u64(out, m->used);
	write_u64(out, (uint64_t)m->free_in);
}

bool counting_state_read(struct reader *in, struct counting_state *m)
{
	m->full = read_bool(in);
	m->used = read_u64(in);
	m->free_in = (int64_t)read_u64(in);
	if (m->free_in < 0)
		in->bad = true;
	return !in->bad;
}

static uint8_t read_count(struct reader *in)
{
	return read_u8_below(in, COUNTERS_MAX + 1);
}

static bool counters_are_whole(struct slice counters, uint8_t count)
{
	struct reader in = reader_of(counters);
	struct counting_counter counter;

	for (uint8_t i = 0; i < count; i++)
		if (!counting_counter_read(&in, &counter))
			return false;
	return read_at_end(&in);
}

static bool states_are_whole(struct slice states, uint8_t count)
{
	struct reader in = reader_of(states);
	struct counting_state state;

	for (uint8_t i = 0; i < count; i++)
		if (!counting_state_read(&in, &state))
			return false;
	return read_at_end(&in);
}

void counting_reserve_write(struct writer *out, const struct counting_reserve *m)
{
	write_u32(out, m->request);
	write_u64(out, m->holder);
	write_u8(out, m->count);
	write_counted(out, m->counters);
}

bool counting_reserve_read(struct slice body, struct counting_reserve *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->holder = read_u64(&in);
	m->count = read_count(&in);
	m->counters = read_counted(&in);
	return read_at_end(&in) && counters_are_whole(m->counters, m->count);
}

void counting_answer_write(struct writer *out, const struct counting_answer *m)
{
	write_u32(out, m->request);
	write_u8(out, m->unknown);
	write_u8(out, m->count);
	write_counted(out, m->states);
}

bool counting_answer_read(struct slice body, struct counting_answer *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->unknown = read_bool(&in);
	m->count = read_count(&in);
	m->states = read_counted(&in);
	return read_at_end(&in) && states_are_whole(m->states, m->count);
}

void counting_release_write(struct writer *out, const struct counting_release *m)
{
	write_u64(out, m->holder);
	write_u32(out, m->request);
}

bool counting_release_read(struct slice body, struct counting_release *m)
{
	struct reader in = reader_of(body);

	m->holder = read_u64(&in);
	m->request = read_u32(&in);
	return read_at_end(&in);
}

void counting_keep_write(struct writer *out, const struct counting_keep *m)
{
	write_u64(out, m->holder);
	write_u8(out, m->last);
	write_u8(out, m->count);
	write_counted(out, m->counters);
}

bool counting_keep_read(struct slice body, struct counting_keep *m)
{
	struct reader in = reader_of(body);

	m->holder = read_u64(&in);
	m->last = read_bool(&in);
	m->count = read_count(&in);
	m->counters = read_counted(&in);
	return read_at_end(&in) && counters_are_whole(m->counters, m->count);
}

void counting_drop_write(struct writer *out, const struct counting_drop *m)
{
	write_u64(out, m->holder);
}

bool counting_drop_read(struct slice body, struct counting_drop *m)
{
	struct reader in = reader_of(body);

	m->holder = read_u64(&in);
	return read_at_end(&in);
}
