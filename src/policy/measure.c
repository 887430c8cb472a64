/* SPDX-License-Identifier: Apache-2.0 */
/* Counting addresses. The contract is in measure.h. */
#include "policy/measure.h"

#include "base/panic.h"

enum { SPECIAL_MOST = 16 };

static const char *const uncounted[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1"};
static const char *const reserved[] = {
	"0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8", "2001::/32"};
static const char *const shared[] = {"100.64.0.0/10"};

/* IPv4 inside IPv6 stands behind bit `at`. In 64:ff9b:1::/48 it may stand in any place of RFC 6052
 * section 2.2; the last one holds the most. */
static const struct {
	const char *net;
	unsigned at;
} carriers[] = {{"::ffff:0:0/96", 96}, {"::/96", 96}, {"64:ff9b::/96", 96}, {"64:ff9b:1::/48", 96},
	{"::ffff:0:0:0/96", 96}, {"2002::/16", 16}};
enum { CARRIERS = sizeof carriers / sizeof *carriers };

static struct range range_of(const char *text)
{
	struct network network;

	panic_if(network_parse(slice_of(text), &network) != NETWORK_OK, "%s is no network", text);
	return range_of_network(&network);
}

static struct address_set set_of_texts(struct arena *arena, const char *const *texts, size_t count)
{
	struct range *ranges = ARENA_ARRAY(arena, struct range, SPECIAL_MOST);

	for (size_t i = 0; i < count; i++)
		ranges[i] = range_of(texts[i]);
	return set_of_ranges(ranges, count);
}
#define SET_OF(arena, texts) set_of_texts((arena), (texts), sizeof(texts) / sizeof *(texts))

struct address_set set_counted(struct arena *arena, struct address_set set)
{
	return set_without(arena, set, SET_OF(arena, uncounted));
}

struct address_set set_reserved(struct arena *arena, struct address_set set)
{
	return set_meet(arena, set, SET_OF(arena, reserved));
}

struct address_set set_shared(struct arena *arena, struct address_set set)
{
	return set_meet(arena, set, SET_OF(arena, shared));
}

address_number v4_most(unsigned prefix)
{
	return (address_number)1 << (32 - prefix);
}

address_number v6_most(unsigned prefix)
{
	return prefix == 0 ? ADDRESS_LAST : (address_number)1 << (128 - prefix);
}

static address_number set_count(struct address_set set)
{
	address_number count = 0;

	for (size_t i = 0; i < set.count; i++) {
		address_number more = set.at[i].last - set.at[i].first;
		count = more >= ADDRESS_LAST - count ? ADDRESS_LAST : count + more + 1;
	}
	return count;
}

/* ---- what is carried ---- */

static address_number v4_number(address_number carried)
{
	return (address_number)0xffff << 32 | (carried & UINT32_MAX);
}

/* One range of a carrier as ranges of IPv4: two where it goes over the end of a round. */
static size_t carried_by(struct range range, unsigned at, struct range carried[2])
{
	unsigned behind = 128 - at - 32;
	address_number first = range.first >> behind, last = range.last >> behind;

	if (last - first >= UINT32_MAX)
		carried[0] = (struct range){v4_number(0), v4_number(UINT32_MAX)};
	else
		carried[0] = (struct range){v4_number(first), v4_number(last)};
	if (carried[0].first <= carried[0].last)
		return 1;
	carried[1] = (struct range){v4_number(0), carried[0].last};
	carried[0].last = v4_number(UINT32_MAX);
	return 2;
}

static struct address_set set_carried(struct arena *arena, struct address_set carrying, unsigned at)
{
	struct range *ranges = ARENA_ARRAY(arena, struct range, 2 * carrying.count + 1);
	size_t count = 0;

	for (size_t i = 0; i < carrying.count; i++)
		count += carried_by(carrying.at[i], at, ranges + count);
	return set_of_ranges(ranges, count);
}

struct measure set_measure(struct arena *arena, struct address_set set)
{
	struct address_set v4 = SET_NONE, v6 = set_counted(arena, set);

	for (size_t i = 0; i < CARRIERS; i++) {
		struct range net = range_of(carriers[i].net);
		struct address_set carrying = set_in_range(arena, v6, net);
		v4 = set_join(arena, v4, set_carried(arena, carrying, carriers[i].at));
		v6 = set_without(arena, v6, (struct address_set){&net, 1});
	}
	return (struct measure){set_count(set_counted(arena, v4)), set_count(v6)};
}
