/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders between those who talk to clients and accounts. Read signin.h first. */
#include "packets/signin.h"

#include <string.h>

#include "packets/shape.h"

/* 16 bytes and the port; all zeros stand for no address. */
static void write_address(struct writer *out, const struct address *address)
{
	write_bytes(out, (struct slice){(const char *)address->bytes, sizeof address->bytes});
	write_u16(out, address->port);
}

static struct address read_address(struct reader *in)
{
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	struct address address = {0};
	struct slice bytes = read_bytes(in, sizeof address.bytes);

	if (bytes.len == sizeof address.bytes)
		memcpy(address.bytes, bytes.at, bytes.len);
	address.port = read_u16(in);
	address.is_v4 = memcmp(address.bytes, v4, sizeof v4) == 0;
	return address;
}

/* ---- the exchange ---- */

/* What is absent is written as zeros or nothing, and may be nothing else. */
static void write_binding(struct writer *out, const struct signin_begin *m)
{
	static const uint8_t none[sizeof m->binding];

	write_u8(out, m->has_binding);
	write_bytes(out, (struct slice){(const char *)(m->has_binding ? m->binding : none),
				 sizeof m->binding});
}

static void read_binding(struct reader *in, struct signin_begin *m)
{
	static const uint8_t none[sizeof m->binding];

	m->has_binding = read_bool(in);
	struct slice bytes = read_bytes(in, sizeof m->binding);
	if (bytes.len == sizeof m->binding)
		memcpy(m->binding, bytes.at, bytes.len);
	if (!m->has_binding && memcmp(m->binding, none, sizeof none) != 0)
		in->bad = true;
}

void signin_begin_write(struct writer *out, const struct signin_begin *m)
{
	write_u32(out, m->request);
	write_u8(out, m->service);
	write_address(out, &m->client);
	write_u8(out, m->tls);
	write_binding(out, m);
	write_counted(out, m->certificate);
	write_counted(out, m->mechanism);
	write_u8(out, m->has_initial);
	write_counted(out, m->has_initial ? m->initial : SLICE_NONE);
}

bool signin_begin_read(struct slice body, struct signin_begin *m)
{
	struct reader in = reader_of(body);

	*m = (struct signin_begin){.request = read_u32(&in)};
	m->service = read_u8_below(&in, SIGNIN_SERVICES);
	m->client = read_address(&in);
	m->tls = read_bool(&in);
	read_binding(&in, m);
	m->certificate = read_counted_most(&in, CERTIFICATE_TEXT_MAX);
	m->mechanism = read_counted_most(&in, MECHANISM_MAX);
	m->has_initial = read_bool(&in);
	m->initial = read_counted_most(&in, m->has_initial ? SASL_MESSAGE_MAX : 0);
	return read_at_end(&in);
}

void signin_challenge_write(struct writer *out, const struct signin_challenge *m)
{
	write_u32(out, m->request);
	write_counted(out, m->words);
}

bool signin_challenge_read(struct slice body, struct signin_challenge *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->words = read_counted_most(&in, SASL_MESSAGE_MAX);
	return read_at_end(&in);
}

void signin_response_write(struct writer *out, const struct signin_response *m)
{
	write_u32(out, m->request);
	write_u8(out, m->cancelled);
	write_counted(out, m->cancelled ? SLICE_NONE : m->words);
}

bool signin_response_read(struct slice body, struct signin_response *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->cancelled = read_bool(&in);
	m->words = read_counted_most(&in, m->cancelled ? 0 : SASL_MESSAGE_MAX);
	return read_at_end(&in);
}

void signin_done_write(struct writer *out, const struct signin_done *m)
{
	write_u32(out, m->request);
	write_u8(out, m->outcome);
	write_counted(out, m->account);
	write_counted(out, m->because);
}

bool signin_done_read(struct slice body, struct signin_done *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->outcome = read_u8_below(&in, SIGNIN_OUTCOMES);
	m->account = read_counted(&in);
	m->because = read_counted(&in);
	return read_at_end(&in);
}

void signin_give_up_write(struct writer *out, const struct signin_give_up *m)
{
	write_u32(out, m->request);
}

bool signin_give_up_read(struct slice body, struct signin_give_up *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	return read_at_end(&in);
}

/* ---- questions ---- */

void signin_ask_write(struct writer *out, const struct signin_ask *m)
{
	write_u32(out, m->request);
	write_u8(out, m->question);
	write_address(out, &m->client);
	write_counted(out, m->subject);
}

bool signin_ask_read(struct slice body, struct signin_ask *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->question = read_u8_below(&in, SIGNIN_QUESTIONS);
	m->client = read_address(&in);
	m->subject = read_counted_most(&in, SIGNIN_SUBJECT_MAX);
	return read_at_end(&in);
}

void signin_text_write(struct writer *out, const struct signin_text *m)
{
	write_counted(out, m->text);
	write_u64(out, (uint64_t)m->time);
}

bool signin_text_read(struct reader *in, struct signin_text *m)
{
	m->text = read_counted(in);
	m->time = (wall_ns)read_u64(in);
	return !in->bad;
}

/* Whether `texts` holds exactly as many as were promised. */
static bool texts_are_whole(struct slice texts, uint16_t count)
{
	struct reader in = reader_of(texts);
	struct signin_text text;

	for (uint16_t i = 0; i < count; i++)
		if (!signin_text_read(&in, &text))
			return false;
	return read_at_end(&in);
}

void signin_answer_write(struct writer *out, const struct signin_answer *m)
{
	write_u32(out, m->request);
	write_u8(out, m->found);
	write_u8(out, m->more);
	write_u16(out, m->count);
	write_counted(out, m->texts);
	write_counted(out, m->because);
}

bool signin_answer_read(struct slice body, struct signin_answer *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->found = read_u8_below(&in, SIGNIN_FOUNDS);
	m->more = read_bool(&in);
	m->count = read_u16(&in);
	m->texts = read_counted_most(&in, SIGNIN_TEXTS_MAX);
	m->because = read_counted(&in);
	return read_at_end(&in) && texts_are_whole(m->texts, m->count);
}

/* ---- what accounts says unasked ---- */

void signin_offered_write(struct writer *out, const struct signin_offered *m)
{
	write_counted(out, m->mechanisms);
}

bool signin_offered_read(struct slice body, struct signin_offered *m)
{
	struct reader in = reader_of(body);

	m->mechanisms = read_counted(&in);
	return read_at_end(&in);
}

void signin_changed_write(struct writer *out, const struct signin_changed *m)
{
	write_counted(out, m->account);
}

bool signin_changed_read(struct slice body, struct signin_changed *m)
{
	struct reader in = reader_of(body);

	m->account = read_counted_most(&in, SIGNIN_SUBJECT_MAX);
	return read_at_end(&in);
}

void signin_shut_write(struct writer *out, const struct signin_shut *m)
{
	write_address(out, &m->client);
	write_u32(out, m->seconds);
}

bool signin_shut_read(struct slice body, struct signin_shut *m)
{
	struct reader in = reader_of(body);

	m->client = read_address(&in);
	m->seconds = read_u32(&in);
	return read_at_end(&in);
}
