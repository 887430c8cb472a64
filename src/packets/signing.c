/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders of signing. Read signing.h first. */
#include "packets/signing.h"

#include <string.h>

#include "packets/shape.h"

size_t signing_hash_len(uint8_t hash)
{
	static const uint8_t lengths[SIGNING_HASHES] = {
		[SIGN_SHA256] = 32, [SIGN_SHA384] = 48, [SIGN_SHA512] = 64};

	return hash < SIGNING_HASHES ? lengths[hash] : 0;
}

static struct slice slice_over(const uint8_t *bytes, size_t len)
{
	return (struct slice){(const char *)bytes, len};
}

static void read_into(struct reader *in, uint8_t *bytes, size_t len)
{
	struct slice read = read_bytes(in, len);

	if (read.len == len)
		memcpy(bytes, read.at, len);
	else
		memset(bytes, 0, len);
}

void signing_ask_write(struct writer *out, const struct signing_ask *m)
{
	write_u32(out, m->request);
	write_bytes(out, slice_over(m->key, sizeof m->key));
	write_u8(out, m->scheme);
	write_u8(out, m->hash);
	write_counted(out, m->input);
}

/* Ed25519 takes the message, all others a digest of exactly its length. */
static bool input_fits(const struct signing_ask *m)
{
	if (m->scheme == SIGN_ED25519)
		return m->hash == SIGN_NO_HASH && m->input.len <= SIGNING_INPUT_MAX;
	return m->hash != SIGN_NO_HASH && m->input.len == signing_hash_len(m->hash);
}

bool signing_ask_read(struct slice body, struct signing_ask *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	read_into(&in, m->key, sizeof m->key);
	m->scheme = read_u8_below(&in, SIGNING_SCHEMES);
	m->hash = read_u8_below(&in, SIGNING_HASHES);
	m->input = read_counted(&in);
	return read_at_end(&in) && input_fits(m);
}

void signing_answer_write(struct writer *out, const struct signing_answer *m)
{
	write_u32(out, m->request);
	write_u8(out, m->outcome);
	write_counted(out, m->signature);
}

bool signing_answer_read(struct slice body, struct signing_answer *m)
{
	struct reader in = reader_of(body);

	m->request = read_u32(&in);
	m->outcome = read_u8_below(&in, SIGNING_OUTCOMES);
	m->signature = read_counted(&in);
	return read_at_end(&in) && m->signature.len <= SIGNATURE_MAX &&
	       (m->outcome == SIGNED) == (m->signature.len != 0);
}

void signing_tickets_write(struct writer *out, const struct signing_tickets *m)
{
	write_u8(out, m->count);
	for (uint8_t i = 0; i < m->count && i < TICKET_KEYS_MAX; i++) {
		write_bytes(out, slice_over(m->keys[i].name, sizeof m->keys[i].name));
		write_bytes(out, slice_over(m->keys[i].cipher, sizeof m->keys[i].cipher));
		write_bytes(out, slice_over(m->keys[i].mac, sizeof m->keys[i].mac));
	}
}

bool signing_tickets_read(struct slice body, struct signing_tickets *m)
{
	struct reader in = reader_of(body);

	m->count = read_u8_below(&in, TICKET_KEYS_MAX + 1);
	for (uint8_t i = 0; i < m->count && !in.bad; i++) {
		read_into(&in, m->keys[i].name, sizeof m->keys[i].name);
		read_into(&in, m->keys[i].cipher, sizeof m->keys[i].cipher);
		read_into(&in, m->keys[i].mac, sizeof m->keys[i].mac);
	}
	return read_at_end(&in) && m->count > 0;
}
