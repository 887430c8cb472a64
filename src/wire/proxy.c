/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY header. The contract is in proxy.h; sections are those of its specification. */
#include "wire/proxy.h"

#include <string.h>

#include "base/crc32c.h"

enum {
	SHORTEST = 15,     /* "PROXY UNKNOWN\r\n" */
	TEXT_MOST = 107,   /* section 2.1, with CRLF */
	BINARY_FIRST = 16, /* section 2.2: signature, version and command, family, length */
	TLV_CRC32C = 0x03, /* section 2.2.3 */
};
static const struct slice signature = SLICE("\r\n\r\n\0\r\nQUIT\n");
static const struct slice text_start = SLICE("PROXY ");

static uint8_t octet(struct slice s, size_t at)
{
	return (uint8_t)s.at[at];
}

static unsigned number16(struct slice s, size_t at)
{
	return (unsigned)octet(s, at) << 8 | octet(s, at + 1);
}

static bool begins_binary(struct slice s)
{
	return slice_starts(s, signature);
}

/* ---- how much there is ---- */

static size_t text_wants(struct slice so_far)
{
	bool ended = slice_has(so_far, '\n');

	return ended || so_far.len >= TEXT_MOST ? 0 : 1;
}

static size_t binary_wants(struct slice so_far)
{
	if (so_far.len < BINARY_FIRST)
		return BINARY_FIRST - so_far.len;
	size_t whole = BINARY_FIRST + number16(so_far, 14);
	return whole > PROXY_HEADER_MAX || whole <= so_far.len ? 0 : whole - so_far.len;
}

/* Whether it begins as far as it goes. */
static bool could_be(struct slice so_far, struct slice start)
{
	size_t len = so_far.len < start.len ? so_far.len : start.len;

	return slice_is(slice_part(so_far, 0, len), slice_part(start, 0, len));
}

size_t proxy_wants(struct slice so_far)
{
	if (!could_be(so_far, text_start) && !could_be(so_far, signature))
		return 0;
	if (so_far.len < SHORTEST)
		return text_wants(so_far) == 0 && !could_be(so_far, signature)
			       ? 0
			       : SHORTEST - so_far.len;
	return begins_binary(so_far) ? binary_wants(so_far) : text_wants(so_far);
}

/* ---- version 1 ---- */

static enum proxy_verdict bad(const char **why, const char *what)
{
	*why = what;
	return PROXY_BAD;
}

static bool port_read(struct slice s, uint16_t *port)
{
	uint64_t number;

	if (s.len > 5 || (s.len > 1 && s.at[0] == '0') || !slice_number(s, UINT16_MAX, &number))
		return false;
	*port = (uint16_t)number;
	return true;
}

/* An IPv4 address inside IPv6 is that IPv4 address (doc/policy.md, "Relay permission"). */
static bool address_read(struct slice s, bool six, struct address *address)
{
	return slice_has(s, ':') == six && address_parse(s, address);
}

static enum proxy_verdict addresses_read(
	struct slice left, bool six, struct address *client, const char **why)
{
	struct slice words[4];
	struct address server;

	for (size_t i = 0; i < 3; i++) {
		if (!slice_has(left, ' '))
			return bad(why, "two addresses and two ports are wanted");
		words[i] = slice_cut(&left, ' ');
	}
	words[3] = left;
	if (!address_read(words[0], six, client) || !address_read(words[1], six, &server))
		return bad(why, "an address that is none of its kind");
	if (!port_read(words[2], &client->port) || !port_read(words[3], &server.port))
		return bad(why, "a port that is no number below 65536");
	return PROXY_CLIENT;
}

static enum proxy_verdict text_read(struct slice line, struct address *client, const char **why)
{
	if (line.len < SHORTEST || !slice_is(slice_from(line, line.len - 2), SLICE("\r\n")))
		return bad(why, "the line does not end with CRLF within 107 octets");
	line = slice_part(line, text_start.len, line.len - 2);
	if (slice_is(line, SLICE("UNKNOWN")) || slice_starts(line, SLICE("UNKNOWN ")))
		return PROXY_NOBODY; /* section 2.1: what follows is ignored */
	if (slice_starts(line, SLICE("TCP4 ")))
		return addresses_read(slice_from(line, 5), false, client, why);
	if (slice_starts(line, SLICE("TCP6 ")))
		return addresses_read(slice_from(line, 5), true, client, why);
	return bad(why, "TCP4, TCP6 or UNKNOWN is wanted");
}

/* ---- version 2 ---- */

/* Section 2.2.3: of the whole header with zeros in its place. */
static bool crc_is_right(struct slice whole, struct slice value)
{
	static const char zeros[4];
	size_t at = (size_t)(value.at - whole.at);

	if (value.len != sizeof zeros)
		return false;
	uint32_t said = (uint32_t)number16(value, 0) << 16 | number16(value, 2);
	uint32_t crc = crc32c(0, slice_part(whole, 0, at));
	crc = crc32c(crc, (struct slice){zeros, sizeof zeros});
	return said == crc32c(crc, slice_from(whole, at + sizeof zeros));
}

/* What else it says is not wanted, but it must be well formed. */
static bool extras_are_good(struct slice whole, struct slice left)
{
	while (left.len) {
		if (left.len < 3 || left.len - 3 < number16(left, 1))
			return false;
		struct slice value = slice_part(left, 3, 3 + number16(left, 1));
		if (octet(left, 0) == TLV_CRC32C && !crc_is_right(whole, value))
			return false;
		left = slice_from(left, 3 + value.len);
	}
	return true;
}

static void take_v4(struct slice s, struct address *client)
{
	*client = (struct address){.is_v4 = true, .port = (uint16_t)number16(s, 8)};
	client->bytes[10] = client->bytes[11] = 0xff;
	memcpy(client->bytes + 12, s.at, 4);
}

static void take_v6(struct slice s, struct address *client)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	*client = (struct address){.port = (uint16_t)number16(s, 32)};
	memcpy(client->bytes, s.at, 16);
	client->is_v4 = memcmp(client->bytes, mapped, sizeof mapped) == 0;
}

enum { TCP4 = 0x11, TCP6 = 0x21, UNIX_STREAM = 0x31, UNSPECIFIED = 0x00 };

static enum proxy_verdict binary_addresses(
	struct slice whole, uint8_t kind, struct address *client, const char **why)
{
	static const struct {
		uint8_t kind;
		uint8_t len;
	} kinds[] = {{TCP4, 12}, {TCP6, 36}, {UNIX_STREAM, 216}, {UNSPECIFIED, 0}};
	struct slice left = slice_from(whole, BINARY_FIRST);
	size_t i = 0;

	while (i < sizeof kinds / sizeof *kinds && kinds[i].kind != kind)
		i++;
	if (i == sizeof kinds / sizeof *kinds)
		return bad(why, "no family that mail comes over");
	if (left.len < kinds[i].len)
		return bad(why, "it is too short for its addresses");
	/* Section 2.2: of what is unspecified the receiver skips all that follows. */
	if (kind != UNSPECIFIED && !extras_are_good(whole, slice_from(left, kinds[i].len)))
		return bad(why, "what follows the addresses is broken");
	if (kind == TCP4)
		take_v4(left, client);
	else if (kind == TCP6)
		take_v6(left, client);
	return kind == TCP4 || kind == TCP6 ? PROXY_CLIENT : PROXY_NOBODY;
}

static enum proxy_verdict binary_read(struct slice whole, struct address *client, const char **why)
{
	enum { LOCAL = 0x20, PROXY = 0x21 };

	if (whole.len < BINARY_FIRST || whole.len != BINARY_FIRST + (size_t)number16(whole, 14))
		return bad(why, "it is cut, or longer than 2048 octets");
	uint8_t command = octet(whole, 12);
	if (command != LOCAL && command != PROXY)
		return bad(why, "version 2 with LOCAL or PROXY is wanted");
	return command == LOCAL ? PROXY_NOBODY
				: binary_addresses(whole, octet(whole, 13), client, why);
}

enum proxy_verdict proxy_read(struct slice whole, struct address *client, const char **why)
{
	*why = "";
	if (begins_binary(whole))
		return binary_read(whole, client, why);
	if (slice_starts(whole, text_start))
		return text_read(whole, client, why);
	return bad(why, "it begins with neither form of it");
}
