/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders between roles and control. Read report.h first. */
#include "packets/report.h"

#include "packets/shape.h"

void report_event_write(struct writer *out, const struct report_event *m)
{
	write_u64(out, m->sequence);
	write_bytes(out, m->line);
}

bool report_event_read(struct slice body, struct report_event *m)
{
	struct reader in = reader_of(body);

	m->sequence = read_u64(&in);
	m->line = read_rest(&in);
	return read_at_end(&in);
}

void report_ask_write(struct writer *out, const struct report_ask *m)
{
	write_u32(out, m->request);
	write_bytes(out, m->question);
}

bool report_ask_read(struct slice body, struct report_ask *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->question = read_rest(&in);
	return read_at_end(&in);
}

void report_answer_write(struct writer *out, const struct report_answer *m)
{
	write_u32(out, m->request);
	write_u8(out, m->last);
	write_bytes(out, m->piece);
}

bool report_answer_read(struct slice body, struct report_answer *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->last = read_bool(&in);
	m->piece = read_rest(&in);
	return read_at_end(&in);
}

void report_count_write(struct writer *out, uint64_t count)
{
	write_u64(out, count);
}

bool report_count_read(struct slice body, uint64_t *count)
{
	struct reader in = reader_of(body);

	*count = read_u64(&in);
	return read_at_end(&in);
}
