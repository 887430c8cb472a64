/* SPDX-License-Identifier: Apache-2.0 */
/* Record data to the normalised form. The contract is in rdata.h. */
#include "dns/rdata.h"

#include <string.h>

#include "base/text.h"

enum { LABEL_MAX = 63, V4_LEN = 4, V6_LEN = 16 };

static bool byte_is_of_host(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

static enum rdata label_put(struct text *name, struct slice label)
{
	if (name->len)
		text_char(name, '.');
	for (size_t i = 0; i < label.len; i++) {
		if (!byte_is_of_host(label.at[i]))
			return RDATA_NO_HOST;
		text_char(name, ascii_lower(label.at[i]));
	}
	return name->cut || name->len > DNS_NAME_MAX ? RDATA_MALFORMED : RDATA_OK;
}

/* RFC 1035 section 3.1. A length above 63 would be a compression pointer: libunbound has undone
 * those, so here it is malformed. */
static enum rdata name_read(struct slice wire, struct text *name)
{
	struct reader in = reader_of(wire);

	for (;;) {
		size_t len = read_u8(&in);
		if (in.bad || len > LABEL_MAX)
			return RDATA_MALFORMED;
		if (len == 0)
			return read_at_end(&in) ? RDATA_OK : RDATA_MALFORMED;
		struct slice label = read_bytes(&in, len);
		if (in.bad)
			return RDATA_MALFORMED;
		enum rdata put = label_put(name, label);
		if (put != RDATA_OK)
			return put;
	}
}

/* RFC 1035 section 3.3.14; the strings are joined without anything between (RFC 7208 3.3). */
static enum rdata strings_read(struct slice wire, struct text *joined)
{
	struct reader in = reader_of(wire);

	if (wire.len == 0)
		return RDATA_MALFORMED;
	while (in.left.len && !in.bad)
		text_put(joined, read_bytes(&in, read_u8(&in)));
	if (in.bad)
		return RDATA_MALFORMED;
	return joined->cut || joined->len > RDATA_TEXT_MAX ? RDATA_TOO_LONG : RDATA_OK;
}

static enum rdata address_read(struct slice wire, size_t len, struct resolve_record *record)
{
	record->data = wire;
	return wire.len == len ? RDATA_OK : RDATA_MALFORMED;
}

static enum rdata mx_read(struct slice wire, struct text *scratch, struct resolve_record *record)
{
	if (wire.len < 3)
		return RDATA_MALFORMED;
	/* The wire is big-endian, our cursor is not. */
	record->preference = (uint16_t)((uint8_t)wire.at[0] << 8 | (uint8_t)wire.at[1]);
	return name_read(slice_from(wire, 2), scratch);
}

static enum rdata tlsa_read(struct slice wire, struct resolve_record *record)
{
	enum { FIXED = 3, LONGEST = 1024 };

	record->data = wire;
	return wire.len > FIXED && wire.len <= LONGEST ? RDATA_OK : RDATA_MALFORMED;
}

enum rdata rdata_normalise(
	enum dns_type type, struct slice rdata, struct text *scratch, struct resolve_record *record)
{
	enum rdata found = RDATA_MALFORMED;

	text_clear(scratch);
	*record = (struct resolve_record){0};
	switch (type) {
	case DNS_A: return address_read(rdata, V4_LEN, record);
	case DNS_AAAA: return address_read(rdata, V6_LEN, record);
	case DNS_TLSA: return tlsa_read(rdata, record);
	case DNS_MX: found = mx_read(rdata, scratch, record); break;
	case DNS_PTR: found = name_read(rdata, scratch); break;
	case DNS_TXT: found = strings_read(rdata, scratch); break;
	}
	record->data = text_slice(scratch);
	return found;
}

static struct address address_of(struct slice bytes)
{
	struct address address = {.is_v4 = bytes.len == V4_LEN};

	if (address.is_v4)
		memset(address.bytes + 10, 0xff, 2);
	memcpy(address.bytes + V6_LEN - bytes.len, bytes.at, bytes.len);
	/* ::ffff:a.b.c.d in an AAAA record is that IPv4 address (base/address.h). */
	static const char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\xff', '\xff'};
	address.is_v4 = memcmp(address.bytes, mapped, sizeof mapped) == 0;
	return address;
}

static bool name_is_normal(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!byte_is_of_host(name.at[i]) && name.at[i] != '.')
			return false;
	return name.len <= DNS_NAME_MAX;
}

bool record_from_packet(enum dns_type type, const struct resolve_record *packet,
	struct arena *arena, struct dns_record *record)
{
	struct slice bytes = packet->data;

	*record = (struct dns_record){0};
	if (type == DNS_A || type == DNS_AAAA) {
		if (bytes.len != (type == DNS_A ? V4_LEN : V6_LEN))
			return false;
		record->address = address_of(bytes);
		return true;
	}
	if ((type == DNS_MX || type == DNS_PTR) && !name_is_normal(bytes))
		return false;
	record->text = arena_slice(arena, bytes);
	record->preference = type == DNS_MX ? packet->preference : 0;
	return true;
}
