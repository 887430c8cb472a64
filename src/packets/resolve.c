/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders between roles and resolver. Read resolve.h first. Which record types and
 * outcomes there are is known to dns/, which checks them. */
#include "packets/resolve.h"

#include "packets/shape.h"

void resolve_ask_write(struct writer *out, const struct resolve_ask *m)
{
	write_u32(out, m->request);
	write_u16(out, m->type);
	write_counted(out, m->name);
}

bool resolve_ask_read(struct slice body, struct resolve_ask *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->type = read_u16(&in);
	m->name = read_counted(&in);
	return read_at_end(&in);
}

void resolve_answer_write(struct writer *out, const struct resolve_answer *m)
{
	write_u32(out, m->request);
	write_u8(out, m->outcome);
	write_u8(out, m->secure);
	write_u8(out, m->cut);
	write_u32(out, m->ttl);
	write_u16(out, m->count);
	write_counted(out, m->records);
	write_counted(out, m->why);
}

/* Whether `records` holds exactly the number of them that was promised. */
static bool records_are_whole(struct slice records, uint16_t count)
{
	struct reader in = reader_of(records);
	struct resolve_record record;

	for (uint16_t i = 0; i < count; i++)
		if (!resolve_record_read(&in, &record))
			return false;
	return read_at_end(&in);
}

bool resolve_answer_read(struct slice body, struct resolve_answer *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->outcome = read_u8(&in);
	m->secure = read_bool(&in);
	m->cut = read_bool(&in);
	m->ttl = read_u32(&in);
	m->count = read_u16(&in);
	m->records = read_counted(&in);
	m->why = read_counted(&in);
	return read_at_end(&in) && records_are_whole(m->records, m->count);
}

void resolve_health_write(struct writer *out, const struct resolve_health *m)
{
	write_u8(out, m->of_domains);
	write_u8(out, m->believed);
	write_counted(out, m->zone);
	write_counted(out, m->why);
}

bool resolve_health_read(struct slice body, struct resolve_health *m)
{
	struct reader in = reader_of(body);

	m->of_domains = read_bool(&in);
	m->believed = read_bool(&in);
	m->zone = read_counted(&in);
	m->why = read_counted(&in);
	return read_at_end(&in);
}

void resolve_record_write(struct writer *out, const struct resolve_record *m)
{
	write_u16(out, m->preference);
	write_counted(out, m->data);
}

bool resolve_record_read(struct reader *in, struct resolve_record *m)
{
	m->preference = read_u16(in);
	m->data = read_counted(in);
	return !in->bad;
}
