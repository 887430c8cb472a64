/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders between edges and out. Read asking.h first. */
#include "packets/asking.h"

#include "packets/shape.h"

void asking_ask_write(struct writer *out, const struct asking_ask *m)
{
	write_u32(out, m->request);
	write_counted(out, m->address);
}

bool asking_ask_read(struct slice body, struct asking_ask *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->address = read_counted_most(&in, ASKING_ADDRESS_MAX);
	return read_at_end(&in) && m->address.len > 0;
}

void asking_answer_write(struct writer *out, const struct asking_answer *m)
{
	write_u32(out, m->request);
	write_u8(out, m->found);
	write_counted(out, slice_part(m->because, 0, ASKING_BECAUSE_MAX));
}

bool asking_answer_read(struct slice body, struct asking_answer *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->found = read_u8_below(&in, ASKING_FOUNDS);
	m->because = read_counted_most(&in, ASKING_BECAUSE_MAX);
	return read_at_end(&in);
}
