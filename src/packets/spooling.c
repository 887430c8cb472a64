/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders between edges and queue. Read spooling.h first. */
#include "packets/spooling.h"

#include "packets/shape.h"

void spooling_want_write(struct writer *out, const struct spooling_want *m)
{
	write_u8(out, m->segment_class);
	write_u32(out, m->request);
}

bool spooling_want_read(struct slice body, struct spooling_want *m)
{
	struct reader in = reader_of(body);

	m->segment_class = read_u8_below(&in, SEGMENT_BIG + 1);
	m->request = read_u32(&in);
	return read_at_end(&in);
}

void spooling_give_write(struct writer *out, const struct spooling_give *m)
{
	write_u8(out, m->segment_class);
	write_u32(out, m->request);
	write_u32(out, m->number);
	write_u64(out, m->epoch);
	write_u64(out, m->size);
}

bool spooling_give_read(struct slice body, struct spooling_give *m)
{
	struct reader in = reader_of(body);

	m->segment_class = read_u8_below(&in, SEGMENT_BIG + 1);
	m->request = read_u32(&in);
	m->number = read_u32(&in);
	m->epoch = read_u64(&in);
	m->size = read_u64(&in);
	return read_at_end(&in);
}

void spooling_none_write(struct writer *out, const struct spooling_none *m)
{
	write_u8(out, m->segment_class);
	write_u32(out, m->request);
	write_u8(out, m->full);
	write_counted(out, m->words);
}

bool spooling_none_read(struct slice body, struct spooling_none *m)
{
	struct reader in = reader_of(body);

	m->segment_class = read_u8_below(&in, SEGMENT_BIG + 1);
	m->request = read_u32(&in);
	m->full = read_bool(&in);
	m->words = read_counted(&in);
	return read_at_end(&in);
}

void spooling_committed_write(struct writer *out, const struct spooling_committed *m)
{
	write_u32(out, m->number);
	write_u64(out, m->epoch);
	write_u64(out, m->durable);
}

bool spooling_committed_read(struct slice body, struct spooling_committed *m)
{
	struct reader in = reader_of(body);

	m->number = read_u32(&in);
	m->epoch = read_u64(&in);
	m->durable = read_u64(&in);
	return read_at_end(&in);
}
