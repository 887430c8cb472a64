/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases in memory: one map by address and account, and three lists that each lease is in: all of
 * them, those of its address, those of its account, each the oldest first. The contract is in
 * leases.h.
 */
#include "accounts/leases.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/panic.h"

enum { PLACE = 16 }; /* octets of an address */

/* Leases of one address or of one account; kept while there are some. */
struct bundle_of_leases {
	struct list leases;
	size_t count;
	size_t key_len;
	char key[];
};

/* Its key is the address, then the account. */
struct lease {
	struct list of_all, of_address, of_account;
	struct bundle_of_leases *address, *account;
	mono_ns since, until;
	enum lease_by by;
	bool is_v4;
	size_t key_len;
	char key[];
};

struct leases {
	struct map *by_key, *by_address, *by_account;
	struct list all;
	uint64_t forgotten;
};

const char *lease_by_text(enum lease_by by)
{
	static const char *const texts[LEASE_BYS] = {
		[LEASE_BY_POP] = "pop", [LEASE_BY_GRANT] = "grant"};

	return texts[by];
}

struct leases *leases_new(uint64_t seed)
{
	struct leases *leases = calloc(1, sizeof *leases);

	panic_if(!leases, "no memory for leases");
	leases->by_key = map_new(seed);
	leases->by_address = map_new(seed);
	leases->by_account = map_new(seed);
	list_init(&leases->all);
	return leases;
}

void leases_free(struct leases *leases)
{
	leases_end_all(leases);
	map_free(leases->by_key);
	map_free(leases->by_address);
	map_free(leases->by_account);
	free(leases);
}

/* ---- keys ---- */

struct key {
	size_t len;
	char bytes[PLACE + LEASE_ACCOUNT_MOST];
};

static struct slice key_of(const struct address *client, struct slice account, struct key *key)
{
	memcpy(key->bytes, client->bytes, PLACE);
	if (account.len)
		memcpy(key->bytes + PLACE, account.at, account.len);
	return (struct slice){key->bytes, PLACE + account.len};
}

static struct slice key_whole(const struct lease *lease)
{
	return (struct slice){lease->key, lease->key_len};
}

static struct slice key_address(const struct address *client)
{
	return (struct slice){(const char *)client->bytes, PLACE};
}

static struct slice key_account(const struct lease *lease)
{
	return slice_from(key_whole(lease), PLACE);
}

/* ---- of one address, of one account ---- */

static struct bundle_of_leases *bundle_at(struct map *map, struct slice key)
{
	struct bundle_of_leases *bundle = map_get(map, key);

	if (bundle)
		return bundle;
	bundle = calloc(1, sizeof *bundle + key.len);
	panic_if(!bundle, "no memory for leases");
	list_init(&bundle->leases);
	bundle->key_len = key.len;
	memcpy(bundle->key, key.at, key.len);
	map_put(map, (struct slice){bundle->key, key.len}, bundle);
	return bundle;
}

static void bundle_add(struct bundle_of_leases *bundle, struct list *link)
{
	list_append(&bundle->leases, link);
	bundle->count++;
}

static void bundle_take(struct map *map, struct bundle_of_leases *bundle, struct list *link)
{
	list_remove(link);
	if (--bundle->count)
		return;
	map_take(map, (struct slice){bundle->key, bundle->key_len});
	free(bundle);
}

/* ---- one lease ---- */

static void lease_end(struct leases *leases, struct lease *lease)
{
	map_take(leases->by_key, key_whole(lease));
	list_remove(&lease->of_all);
	bundle_take(leases->by_address, lease->address, &lease->of_address);
	bundle_take(leases->by_account, lease->account, &lease->of_account);
	free(lease);
}

static void forget(struct leases *leases, struct lease *lease)
{
	leases->forgotten++;
	lease_end(leases, lease);
}

/* Room for one more, everywhere: the oldest ends. */
static void make_room(struct leases *leases, const struct lease *newcomer)
{
	const struct bundle_of_leases *address = newcomer->address, *account = newcomer->account;

	if (account->count > LEASES_OF_ACCOUNT)
		forget(leases, LIST_OBJECT(struct lease, account->leases.next, of_account));
	if (address->count > LEASES_OF_ADDRESS)
		forget(leases, LIST_OBJECT(struct lease, address->leases.next, of_address));
	if (map_count(leases->by_key) > LEASES_MOST)
		forget(leases, LIST_OBJECT(struct lease, leases->all.next, of_all));
}

static struct lease *lease_new(const struct lease_view *view, struct slice key)
{
	struct lease *lease = calloc(1, sizeof *lease + key.len);

	panic_if(!lease, "no memory for a lease");
	lease->since = view->since;
	lease->until = view->until;
	lease->by = view->by;
	lease->is_v4 = view->client.is_v4;
	lease->key_len = key.len;
	memcpy(lease->key, key.at, key.len);
	return lease;
}

bool leases_put(struct leases *leases, const struct lease_view *view, mono_ns now)
{
	struct lease_view cut = *view;
	struct key room;

	if (!view->account.len || view->account.len > LEASE_ACCOUNT_MOST)
		return false;
	if (cut.until > cut.since + LEASE_LONGEST)
		cut.until = cut.since + LEASE_LONGEST;
	if (cut.until <= now)
		return false;
	struct slice key = key_of(&view->client, view->account, &room);
	struct lease *lease = map_get(leases->by_key, key);
	if (lease)
		lease_end(leases, lease);
	lease = lease_new(&cut, key);
	map_put(leases->by_key, key_whole(lease), lease);
	list_append(&leases->all, &lease->of_all);
	lease->address = bundle_at(leases->by_address, key_address(&view->client));
	lease->account = bundle_at(leases->by_account, key_account(lease));
	bundle_add(lease->address, &lease->of_address);
	bundle_add(lease->account, &lease->of_account);
	make_room(leases, lease);
	return true;
}

/* ---- ending ---- */

size_t leases_end(struct leases *leases, const struct address *client, struct slice account)
{
	struct key room;
	struct lease *lease = account.len > LEASE_ACCOUNT_MOST
				      ? NULL
				      : map_get(leases->by_key, key_of(client, account, &room));

	if (lease)
		lease_end(leases, lease);
	return lease != NULL;
}

size_t leases_end_address(struct leases *leases, const struct address *client)
{
	const struct bundle_of_leases *bundle = map_get(leases->by_address, key_address(client));
	size_t count = bundle ? bundle->count : 0;

	/* The last one takes the bundle with it. */
	for (size_t left = count; left; left--)
		lease_end(leases, LIST_OBJECT(struct lease, bundle->leases.next, of_address));
	return count;
}

size_t leases_end_account(struct leases *leases, struct slice account)
{
	const struct bundle_of_leases *bundle = map_get(leases->by_account, account);
	size_t count = bundle ? bundle->count : 0;

	for (size_t left = count; left; left--)
		lease_end(leases, LIST_OBJECT(struct lease, bundle->leases.next, of_account));
	return count;
}

size_t leases_end_all(struct leases *leases)
{
	size_t count = map_count(leases->by_key);

	LIST_EACH (struct lease, lease, &leases->all, of_all)
		lease_end(leases, lease);
	return count;
}

void leases_sweep(struct leases *leases, mono_ns now)
{
	LIST_EACH (struct lease, lease, &leases->all, of_all)
		if (lease->until <= now)
			lease_end(leases, lease);
}

/* ---- looking ---- */

size_t leases_count(const struct leases *leases)
{
	return map_count(leases->by_key);
}

uint64_t leases_forgotten(const struct leases *leases)
{
	return leases->forgotten;
}

static struct lease_view view_of(const struct lease *lease)
{
	struct lease_view view = {.client = {.is_v4 = lease->is_v4},
		.account = key_account(lease),
		.by = lease->by,
		.since = lease->since,
		.until = lease->until};

	memcpy(view.client.bytes, lease->key, PLACE);
	return view;
}

size_t leases_at(const struct leases *leases, const struct address *client, mono_ns now,
	struct lease_view *views, size_t most)
{
	const struct bundle_of_leases *bundle = map_get(leases->by_address, key_address(client));
	size_t count = 0;

	if (!bundle)
		return 0;
	for (struct list *at = bundle->leases.before; at != &bundle->leases && count < most;
		at = at->before) {
		const struct lease *lease = LIST_OBJECT(struct lease, at, of_address);
		if (lease->until > now)
			views[count++] = view_of(lease);
	}
	return count;
}

bool leases_next(const struct leases *leases, const void **at, struct lease_view *view)
{
	const struct lease *last = *at;
	struct list *next = last ? last->of_all.next : leases->all.next;

	if (next == &leases->all)
		return false;
	const struct lease *lease = LIST_OBJECT(struct lease, next, of_all);
	*view = view_of(lease);
	*at = lease;
	return true;
}
