/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and their times. The contract is in addresses.h. */
#include "account/addresses.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/panic.h"

enum { V6_KEPT = 8 }; /* octets of a /64 */

struct entry {
	struct list link; /* the one put longest ago first */
	struct address address;
	mono_ns until;
};

struct addresses {
	struct map *by_address;
	struct list all;
};

struct addresses *addresses_new(uint64_t seed)
{
	struct addresses *addresses = calloc(1, sizeof *addresses);

	panic_if(!addresses, "out of memory for addresses");
	addresses->by_address = map_new(seed);
	list_init(&addresses->all);
	return addresses;
}

/* No IPv6 /64 is the whole of an IPv4 address, which begins with zeros. */
static struct slice key_of(const struct address *address)
{
	return (struct slice){
		(const char *)address->bytes, address->is_v4 ? sizeof address->bytes : V6_KEPT};
}

static void forget(struct addresses *addresses, struct entry *entry)
{
	map_take(addresses->by_address, key_of(&entry->address));
	list_remove(&entry->link);
	free(entry);
}

void addresses_free(struct addresses *addresses)
{
	if (!addresses)
		return;
	LIST_EACH (struct entry, entry, &addresses->all, link)
		forget(addresses, entry);
	map_free(addresses->by_address);
	free(addresses);
}

/* Those in front that are over go at once; others when they come to stand there. */
static void make_room(struct addresses *addresses, mono_ns now)
{
	LIST_EACH (struct entry, entry, &addresses->all, link) {
		if (entry->until > now && map_count(addresses->by_address) < ADDRESSES_MOST)
			return;
		forget(addresses, entry);
	}
}

void addresses_put(
	struct addresses *addresses, const struct address *address, mono_ns until, mono_ns now)
{
	struct entry *entry = map_get(addresses->by_address, key_of(address));

	if (entry)
		forget(addresses, entry);
	if (until <= now)
		return;
	make_room(addresses, now);
	entry = calloc(1, sizeof *entry);
	panic_if(!entry, "out of memory for an address");
	*entry = (struct entry){.address = *address, .until = until};
	list_append(&addresses->all, &entry->link);
	map_put(addresses->by_address, key_of(&entry->address), entry);
}

mono_ns addresses_until(
	const struct addresses *addresses, const struct address *address, mono_ns now)
{
	if (list_is_empty(&addresses->all))
		return 0;
	const struct entry *entry = map_get(addresses->by_address, key_of(address));
	return entry && entry->until > now ? entry->until : 0;
}

size_t addresses_count(const struct addresses *addresses, mono_ns now)
{
	size_t count = 0;

	LIST_EACH (const struct entry, entry, &addresses->all, link)
		count += entry->until > now;
	return count;
}

bool addresses_next(
	const struct addresses *addresses, size_t *at, struct address *address, mono_ns *until)
{
	const struct entry *entry = map_next(addresses->by_address, at);

	if (!entry)
		return false;
	*address = entry->address;
	*until = entry->until;
	return true;
}
