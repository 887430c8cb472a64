/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and networks. The contract is in address.h. */
#include "base/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void address_classify(struct address *address)
{
	address->is_v4 = memcmp(address->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

/* inet_ntop() goes through printf, and every message has its client's address five times. */
static void text_v4(struct text *text, const uint8_t octets[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			text_char(text, '.');
		text_number(text, octets[i]);
	}
}

void text_address(struct text *text, const struct address *address)
{
	char raw[INET6_ADDRSTRLEN] = "";

	if (address->is_v4) {
		text_v4(text, address->bytes + 12);
		return;
	}
	inet_ntop(AF_INET6, address->bytes, raw, sizeof raw);
	text_put(text, slice_of(raw));
}

void text_address_port(struct text *text, const struct address *address)
{
	if (!address->is_v4)
		text_char(text, '[');
	text_address(text, address);
	if (!address->is_v4)
		text_char(text, ']');
	text_char(text, ':');
	text_number(text, address->port);
}

bool address_parse(struct slice s, struct address *address)
{
	char raw[INET6_ADDRSTRLEN];

	*address = (struct address){0};
	if (s.len == 0 || s.len >= sizeof raw || slice_has(s, '\0'))
		return false;
	memcpy(raw, s.at, s.len);
	raw[s.len] = '\0';
	if (inet_pton(AF_INET, raw, address->bytes + 12) == 1)
		memcpy(address->bytes, v4_prefix, sizeof v4_prefix);
	else if (inet_pton(AF_INET6, raw, address->bytes) != 1)
		return false;
	address_classify(address);
	return true;
}

bool address_parse_port(struct slice s, struct address *address)
{
	size_t colon = slice_find_last(s, ':');
	struct slice host = slice_part(s, 0, colon);
	uint64_t port;

	if (colon == SIZE_MAX || !slice_number(slice_from(s, colon + 1), UINT16_MAX, &port))
		return false;
	bool bracketed = host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
	if (bracketed)
		host = slice_part(host, 1, host.len - 1);
	if (bracketed != slice_has(host, ':') || !address_parse(host, address))
		return false;
	address->port = (uint16_t)port;
	return true;
}

bool address_is(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool address_is_nobody(const struct address *address)
{
	static const uint8_t none[16];

	return memcmp(address->bytes, none, sizeof none) == 0;
}

bool address_is_loopback(const struct address *address)
{
	static const uint8_t v6[16] = {[15] = 1};

	return address->is_v4 ? address->bytes[12] == 127 : memcmp(address->bytes, v6, 16) == 0;
}

/* The IPv4 address a gateway would take out of an IPv6 one: NAT64 (RFC 6052), 6to4 (RFC 3056), and
 * the old compatible form (RFC 4291 2.5.5.1). */
static bool address_carried(const struct address *address, struct address *carried)
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t zeros[12];
	const uint8_t *bytes = address->bytes;
	const uint8_t *v4 = NULL;

	if (memcmp(bytes, nat64, 12) == 0 || memcmp(bytes, zeros, 12) == 0)
		v4 = bytes + 12;
	else if (bytes[0] == 0x20 && bytes[1] == 0x02)
		v4 = bytes + 2;
	if (!v4)
		return false;
	*carried = (struct address){.is_v4 = true};
	memcpy(carried->bytes, v4_prefix, sizeof v4_prefix);
	memcpy(carried->bytes + 12, v4, 4);
	return true;
}

bool address_is_special(const struct address *address)
{
	static const char *const special[] = {
		"0.0.0.0/8",
		"10.0.0.0/8",
		"100.64.0.0/10",
		"127.0.0.0/8",
		"169.254.0.0/16",
		"172.16.0.0/12",
		"192.0.0.0/24",
		"192.168.0.0/16",
		"224.0.0.0/4",
		"240.0.0.0/4",
		"::/128",
		"::1/128",
		"64:ff9b:1::/48",
		"fc00::/7",
		"fe80::/10",
		"ff00::/8",
	};
	struct network network;
	struct address carried;

	if (address_carried(address, &carried))
		return address_is_special(&carried);
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if (network_parse(slice_of(special[i]), &network) == NETWORK_OK &&
			network_contains(&network, address))
			return true;
	return false;
}

socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *raw)
{
	*raw = (struct sockaddr_storage){0};
	if (address->is_v4) {
		struct sockaddr_in *in = (struct sockaddr_in *)raw;
		in->sin_family = AF_INET;
		in->sin_port = htons(address->port);
		memcpy(&in->sin_addr, address->bytes + 12, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)raw;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(address->port);
	memcpy(&in6->sin6_addr, address->bytes, 16);
	return sizeof *in6;
}

bool address_from_sockaddr(const struct sockaddr_storage *raw, struct address *address)
{
	*address = (struct address){0};
	if (raw->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)raw;
		memcpy(address->bytes, v4_prefix, sizeof v4_prefix);
		memcpy(address->bytes + 12, &in->sin_addr, 4);
		address->port = ntohs(in->sin_port);
	} else if (raw->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)raw;
		memcpy(address->bytes, &in6->sin6_addr, 16);
		address->port = ntohs(in6->sin6_port);
	} else {
		return false;
	}
	address_classify(address);
	return true;
}

static void address_mask(struct address *address, unsigned prefix)
{
	for (unsigned bit = prefix; bit < 128; bit++)
		address->bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

enum network_fault network_parse(struct slice s, struct network *network)
{
	size_t slash = slice_find(s, '/');
	uint64_t prefix;

	if (!address_parse(slice_part(s, 0, slash), &network->base))
		return NETWORK_SYNTAX;
	bool dotted = !slice_has(slice_part(s, 0, slash), ':');
	network->prefix = 128;
	if (slash != SIZE_MAX) {
		if (!slice_number(slice_from(s, slash + 1), dotted ? 32 : 128, &prefix))
			return NETWORK_SYNTAX;
		network->prefix = (uint8_t)(prefix + (dotted ? 96 : 0));
	}
	struct address masked = network->base;
	address_mask(&masked, network->prefix);
	return address_is(&masked, &network->base) ? NETWORK_OK : NETWORK_HOST_BITS;
}

bool network_contains(const struct network *network, const struct address *address)
{
	unsigned whole = network->prefix / 8, rest = network->prefix % 8;

	if (memcmp(network->base.bytes, address->bytes, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	uint8_t mask = (uint8_t)(0xff00u >> rest);
	return ((network->base.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

void text_network(struct text *text, const struct network *network)
{
	bool dotted = network->base.is_v4 && network->prefix >= 96;

	text_address(text, &network->base);
	if (network->prefix == 128)
		return;
	text_char(text, '/');
	text_number(text, dotted ? network->prefix - 96u : network->prefix);
}

struct address network_last(const struct network *network)
{
	struct address last = network->base;

	for (unsigned bit = network->prefix; bit < 128; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return last;
}
