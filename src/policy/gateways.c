/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways: from the kernel's tables of routes, and of container networks. The contract is in
 * gateways.h. */
#include "policy/gateways.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "policy/containers.h"
#include "policy/model.h"

enum { WORDS = 10, ROUTES_MOST = 1 << 20, V4_BYTES = 4, V6_BYTES = 16 };

bool hex_read(struct slice hex, uint8_t *bytes, size_t count)
{
	if (hex.len != 2 * count)
		return false;
	for (size_t i = 0; i < hex.len; i++) {
		char c = ascii_lower(hex.at[i]);
		bool digit = ascii_is_digit(c);
		if (!digit && (c < 'a' || c > 'f'))
			return false;
		unsigned value = (unsigned)(digit ? c - '0' : c - 'a' + 10);
		bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] << 4 | value : value);
	}
	return true;
}

static bool is_zero(struct slice hex)
{
	for (size_t i = 0; i < hex.len; i++)
		if (hex.at[i] != '0')
			return false;
	return hex.len > 0;
}

static size_t words_split(struct slice line, struct slice words[WORDS])
{
	size_t count = 0;

	while (line.len > 0 && count < WORDS) {
		size_t end = 0;
		while (end < line.len && line.at[end] != ' ' && line.at[end] != '\t')
			end++;
		if (end > 0)
			words[count++] = slice_part(line, 0, end);
		line = slice_from(line, end + 1);
	}
	return count;
}

static void gateway_put(struct text *out, const struct address *gateway)
{
	if (out->len > 0)
		text_char(out, ' ');
	text_address(out, gateway);
}

/* Iface Destination Gateway Flags RefCnt Use Metric Mask …: each address is the number that the
 * host reads in its four bytes. */
static void v4_route_read(struct slice line, struct text *out)
{
	struct slice words[WORDS];
	uint8_t bytes[V4_BYTES];
	struct address gateway = {.bytes = {[10] = 0xff, [11] = 0xff}, .is_v4 = true};

	if (words_split(line, words) < 8 || !is_zero(words[1]) || !is_zero(words[7]) ||
		is_zero(words[2]) || !hex_read(words[2], bytes, V4_BYTES))
		return;
	uint32_t number = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
			  (uint32_t)bytes[2] << 8 | bytes[3];
	memcpy(gateway.bytes + 12, &number, sizeof number);
	gateway_put(out, &gateway);
}

/* Destination prefix source prefix gateway …, the prefixes in hexadecimal. */
static void v6_route_read(struct slice line, struct text *out)
{
	struct slice words[WORDS];
	struct address gateway = {0};

	if (words_split(line, words) < 5 || !is_zero(words[0]) || !is_zero(words[1]) ||
		is_zero(words[4]) || !hex_read(words[4], gateway.bytes, V6_BYTES))
		return;
	gateway_put(out, &gateway);
}

struct slice gateways_of_routes(struct slice v4, struct slice v6, struct arena *arena)
{
	struct text out = TEXT_GROWING;

	while (v4.len > 0)
		v4_route_read(slice_cut(&v4, '\n'), &out);
	while (v6.len > 0)
		v6_route_read(slice_cut(&v6, '\n'), &out);
	struct slice gateways = arena_slice(arena, text_slice(&out));
	text_free(&out);
	return gateways;
}

/* A table that is longer than ROUTES_MOST is read up to there: the default routes stand first. */
void table_read(const char *path, struct text *table)
{
	enum { STEP = 1 << 14 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : 1;

	while (got > 0 && table->len < ROUTES_MOST) {
		char *room = text_reserve(table, STEP);
		got = read(fd, room, STEP);
		table->len -= STEP - (size_t)(got > 0 ? got : 0);
	}
	if (fd >= 0)
		close(fd);
}

struct slice gateways_find(struct arena *arena)
{
	struct text v4 = TEXT_GROWING, v6 = TEXT_GROWING;

	table_read("/proc/net/route", &v4);
	table_read("/proc/net/ipv6_route", &v6);
	struct text all = TEXT_GROWING;
	text_put(&all, gateways_of_routes(text_slice(&v4), text_slice(&v6), arena));
	container_gateways_put(&all);
	struct slice gateways = arena_slice(arena, text_slice(&all));
	text_free(&v4);
	text_free(&v6);
	text_free(&all);
	return gateways;
}

/* ---- in a policy ---- */

void gateways_take(struct policy *policy, struct slice gateways)
{
	policy->gateways = ARENA_ARRAY(policy->arena, struct address, gateways.len + 1);
	policy->gateway_interfaces = ARENA_ARRAY(policy->arena, struct slice, gateways.len + 1);
	while (gateways.len > 0) {
		struct slice interface = slice_cut(&gateways, ' ');
		size_t at = policy->gateway_count;
		struct slice address = slice_cut(&interface, '@');
		policy->gateway_interfaces[at] = arena_slice(policy->arena, interface);
		policy->gateway_count += address_parse(address, &policy->gateways[at]);
	}
}
