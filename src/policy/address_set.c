/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of addresses. The contract is in address_set.h. */
#include "policy/address_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const struct range all[] = {{0, ADDRESS_LAST}};
const struct address_set set_all = {all, 1};

/* ---- addresses as numbers ---- */

address_number number_of_address(const struct address *address)
{
	address_number number = 0;

	for (size_t i = 0; i < sizeof address->bytes; i++)
		number = number << 8 | address->bytes[i];
	return number;
}

struct address address_of_number(address_number number)
{
	static const uint8_t v4_front[12] = {[10] = 0xff, [11] = 0xff};
	struct address address = {0};

	for (size_t i = sizeof address.bytes; i-- > 0; number >>= 8)
		address.bytes[i] = (uint8_t)number;
	address.is_v4 = memcmp(address.bytes, v4_front, sizeof v4_front) == 0;
	return address;
}

static address_number hosts_below(unsigned prefix)
{
	return prefix == 0 ? ADDRESS_LAST : ((address_number)1 << (128 - prefix)) - 1;
}

struct range range_of_network(const struct network *network)
{
	address_number first = number_of_address(&network->base);

	return (struct range){first, first | hosts_below(network->prefix)};
}

bool range_is_network(struct range range, struct network *network)
{
	for (unsigned prefix = 0; prefix <= 128; prefix++) {
		address_number hosts = hosts_below(prefix);
		if ((range.first & hosts) != 0 || range.last != (range.first | hosts))
			continue;
		network->base = address_of_number(range.first);
		network->prefix = (uint8_t)prefix;
		return true;
	}
	return false;
}

void text_range(struct text *text, struct range range)
{
	struct address first = address_of_number(range.first), last = address_of_number(range.last);
	struct network network;

	if (range_is_network(range, &network)) {
		text_network(text, &network);
		return;
	}
	text_address(text, &first);
	text_char(text, '-');
	text_address(text, &last);
}

/* ---- making sets ---- */

static int range_order(const void *a, const void *b)
{
	const struct range *left = a, *right = b;

	return (left->first > right->first) - (left->first < right->first);
}

/* Adds a range that begins nowhere before those that are there. */
static void range_add(struct range *ranges, size_t *count, struct range next)
{
	struct range *last = *count > 0 ? &ranges[*count - 1] : NULL;

	if (!last || (last->last != ADDRESS_LAST && next.first > last->last + 1))
		ranges[(*count)++] = next;
	else if (next.last > last->last)
		last->last = next.last;
}

static bool is_sorted(const struct range *ranges, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (ranges[i].first < ranges[i - 1].first)
			return false;
	return true;
}

struct address_set set_of_ranges(struct range *ranges, size_t count)
{
	size_t kept = 0;

	if (!is_sorted(ranges, count))
		qsort(ranges, count, sizeof *ranges, range_order);
	for (size_t i = 0; i < count; i++)
		range_add(ranges, &kept, ranges[i]);
	return (struct address_set){ranges, kept};
}

struct address_set set_join(struct arena *arena, struct address_set a, struct address_set b)
{
	if (a.count == 0 || b.count == 0)
		return a.count == 0 ? b : a;
	struct range *joined = ARENA_ARRAY(arena, struct range, a.count + b.count);
	size_t count = 0, i = 0, j = 0;

	while (i < a.count || j < b.count) {
		bool from_a = j == b.count || (i < a.count && a.at[i].first <= b.at[j].first);
		range_add(joined, &count, from_a ? a.at[i++] : b.at[j++]);
	}
	return (struct address_set){joined, count};
}

/* Index of the first range from `from` on that ends at `number` or behind it. */
static size_t range_seek(struct address_set set, size_t from, address_number number)
{
	size_t low = from, high = set.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set.at[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool set_has(struct address_set set, address_number number)
{
	size_t at = range_seek(set, 0, number);

	return at < set.count && set.at[at].first <= number;
}

/* ---- meeting and subtracting ---- */

/* What is being built: it grows in its arena. */
struct building {
	struct arena *arena;
	struct range *at;
	size_t count, size;
};

static void building_add(struct building *set, struct range range)
{
	if (set->count == set->size) {
		set->size = set->size ? 2 * set->size : 4;
		struct range *grown = ARENA_ARRAY(set->arena, struct range, set->size);
		if (set->count > 0)
			memcpy(grown, set->at, set->count * sizeof *grown);
		set->at = grown;
	}
	set->at[set->count++] = range;
}

static address_number later(address_number a, address_number b)
{
	return a > b ? a : b;
}

static address_number earlier(address_number a, address_number b)
{
	return a < b ? a : b;
}

struct address_set set_meet(struct arena *arena, struct address_set a, struct address_set b)
{
	if (a.count == 1 && a.at->first == 0 && a.at->last == ADDRESS_LAST)
		return b;
	if (b.count == 1 && b.at->first == 0 && b.at->last == ADDRESS_LAST)
		return a;
	struct address_set small = a.count <= b.count ? a : b, big = a.count <= b.count ? b : a;
	struct building met = {.arena = arena};
	size_t at = 0;

	for (size_t i = 0; i < small.count; i++) {
		struct range one = small.at[i];
		at = range_seek(big, at, one.first);
		for (size_t j = at; j < big.count && big.at[j].first <= one.last; j++)
			building_add(&met, (struct range){later(one.first, big.at[j].first),
						   earlier(one.last, big.at[j].last)});
	}
	return (struct address_set){met.at, met.count};
}

struct address_set set_without(struct arena *arena, struct address_set a, struct address_set b)
{
	struct building left = {.arena = arena};
	size_t at = 0;

	if (a.count == 0 || b.count == 0)
		return a;
	for (size_t i = 0; i < a.count; i++) {
		address_number next = a.at[i].first, last = a.at[i].last;
		bool over = false;
		at = range_seek(b, at, next);
		for (size_t j = at; !over && j < b.count && b.at[j].first <= last; j++) {
			if (b.at[j].first > next)
				building_add(&left, (struct range){next, b.at[j].first - 1});
			over = b.at[j].last >= last;
			next = b.at[j].last + 1;
		}
		if (!over)
			building_add(&left, (struct range){next, last});
	}
	return (struct address_set){left.at, left.count};
}

struct address_set set_in_range(struct arena *arena, struct address_set set, struct range range)
{
	return set_meet(arena, (struct address_set){&range, 1}, set);
}
