/* SPDX-License-Identifier: Apache-2.0 */
/* Which store, how long it lives, and what all of them share. The contract is in stores.h. */
#include "account/stores.h"

#include <stdio.h>
#include <string.h>

#include "account/login.h"
#include "base/panic.h"

static const struct opener {
	struct slice kind;
	struct store *(*open)(struct loop *loop, struct offload *pool,
		const struct settings *settings, struct text *why);
} openers[] = {
	{SLICE("sqlite"), store_sqlite_open},
	{SLICE("file"), store_file_open},
	{SLICE("ldap"), store_ldap_open},
	{SLICE("pam"), store_pam_open},
	{SLICE("dovecot"), store_dovecot_open},
};

static void keep_domain(struct store *store, struct slice domain)
{
	struct text text = {.at = store->domain, .size = sizeof store->domain - 1};

	text_put(&text, domain);
	store->domain[text.len] = '\0';
}

struct store *stores_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why)
{
	struct store *store = NULL;
	struct slice kind = settings->accounts_kind;
	bool known = false;

	for (size_t i = 0; i < sizeof openers / sizeof *openers; i++) {
		if (!slice_is(openers[i].kind, kind))
			continue;
		known = true;
		store = openers[i].open(loop, pool, settings, why);
	}
	if (!known)
		text_format(why, "accounts cannot be kept in %.*s", SLICE_ARGS(kind));
	if (!store)
		return NULL;
	store->loop = loop;
	store->pool = pool;
	store->holders = 1;
	keep_domain(store, settings->accounts_domain);
	return store;
}

void stores_hold(struct store *store)
{
	store->holders++;
}

void stores_release(struct store *store)
{
	if (!store)
		return;
	panic_if(store->holders == 0, "a store was released twice");
	if (--store->holders == 0)
		store->kind->close(store);
}

/* ---- asking ---- */

static void note(struct store *store, enum found found, const struct text *because, size_t from)
{
	struct text words = {.at = store->words, .size = sizeof store->words - 1};

	store->asked++;
	store->is_away = found == CANNOT_TELL;
	if (!store->is_away)
		return;
	store->untold++;
	store->untold_at = loop_wall(store->loop);
	text_put(&words, slice_from(text_slice(because), from));
	store->words[words.len] = '\0';
}

/* "sqlite: " before what the store says. */
static size_t begin_words(const struct store *store, struct text *because)
{
	text_format(because, "%s: ", store->kind->name);
	return because->len;
}

static enum found end_words(
	struct store *store, enum found found, struct text *because, size_t from)
{
	static const char *const usual[] = {
		[FOUND] = "found", [NOT_FOUND] = "not found", [CANNOT_TELL] = "does not answer"};

	if (because->len == from)
		text_put(because, slice_of(usual[found]));
	note(store, found, because, from);
	return found;
}

/* A name without a domain owns itself at the domain that the configuration gives such names. */
static void own_at_domain(const struct store *store, struct arena *arena, struct account *account)
{
	if (!store->domain[0] || slice_has(account->login, '@') || account->login.len == 0)
		return;
	struct slice *owned = ARENA_ARRAY(arena, struct slice, account->owned_count + 1);
	if (account->owned_count)
		memcpy(owned, account->owned, account->owned_count * sizeof *owned);
	owned[account->owned_count++] =
		arena_format(arena, "%.*s@%s", SLICE_ARGS(account->login), store->domain);
	account->owned = owned;
}

/* alice@example.org may sign in as alice, where such names are those of example.org. */
static bool is_at_domain(const struct store *store, struct slice login, struct slice *name)
{
	size_t at = slice_find_last(login, '@');

	if (!store->domain[0] || at == SIZE_MAX ||
		!slice_is(slice_from(login, at + 1), slice_of(store->domain)))
		return false;
	*name = slice_part(login, 0, at);
	return true;
}

enum found store_find(struct task *task, struct store *store, struct slice login,
	struct arena *arena, struct account *account, struct text *because)
{
	size_t from = begin_words(store, because);
	const char *why;

	*account = (struct account){0};
	if (!login_normalise(login, arena, &login, &why)) {
		text_format(because, "no login: %s", why);
		return NOT_FOUND;
	}
	enum found found = store->kind->find(task, store, login, arena, account, because);
	if (found == NOT_FOUND && is_at_domain(store, login, &login))
		found = store->kind->find(task, store, login, arena, account, because);
	if (found == FOUND)
		own_at_domain(store, arena, account);
	return end_words(store, found, because, from);
}

/* Of a name at the domain of names without one, whether it is that. CANNOT_TELL or FOUND. */
static enum found name_settle(struct task *task, struct store *store, struct slice *login,
	struct arena *arena, struct account *account, struct text *because)
{
	struct slice name;

	if (!is_at_domain(store, *login, &name))
		return FOUND;
	enum found found = store->kind->find(task, store, *login, arena, account, because);
	if (found == NOT_FOUND)
		*login = name;
	*account = (struct account){0};
	return found == CANNOT_TELL ? CANNOT_TELL : FOUND;
}

enum found store_test(struct task *task, struct store *store, struct slice login,
	struct slice password, struct arena *arena, struct account *account, struct text *because)
{
	size_t from = begin_words(store, because);

	*account = (struct account){0};
	if (!store->kind->test)
		return end_words(store, CANNOT_TELL, because, from);
	if (password.len == 0 || slice_has(password, '\0') ||
		!login_normalise(login, arena, &login, NULL)) {
		text_put(because, SLICE("no login or no password"));
		return NOT_FOUND;
	}
	enum found found = name_settle(task, store, &login, arena, account, because);
	if (found == FOUND)
		found = store->kind->test(task, store, login, password, arena, account, because);
	if (found == FOUND)
		own_at_domain(store, arena, account);
	return end_words(store, found, because, from);
}

/* One name for many: what follows a + (doc/policy.md, "Addresses"). */
static bool without_tag(struct slice address, struct arena *arena, struct slice *plain)
{
	size_t at = slice_find_last(address, '@'), plus = slice_find(address, '+');

	if (at == SIZE_MAX || plus == SIZE_MAX || plus == 0 || plus > at)
		return false;
	*plain = arena_format(arena, "%.*s%.*s", SLICE_ARGS(slice_part(address, 0, plus)),
		SLICE_ARGS(slice_from(address, at)));
	return true;
}

/* Has a name without a domain this address, at the domain that such names have? */
static enum found name_has(struct task *task, struct store *store, struct slice address,
	struct arena *arena, struct text *because)
{
	struct account account;
	struct slice login;

	if (!is_at_domain(store, address, &login) || !login_normalise(login, arena, &login, NULL))
		return NOT_FOUND;
	return store->kind->find(task, store, login, arena, &account, because);
}

static enum found mailbox_as_written(struct task *task, struct store *store, struct slice address,
	struct arena *arena, struct text *because)
{
	enum found found = store->kind->mailbox(task, store, address, arena, because);

	return found == NOT_FOUND ? name_has(task, store, address, arena, because) : found;
}

enum found store_mailbox(struct task *task, struct store *store, struct slice address,
	struct arena *arena, struct text *because)
{
	size_t from = begin_words(store, because);
	struct owned_address owned;
	struct slice plain;
	const char *why;

	if (!owned_normalise(address, arena, &owned, &why) ||
		slice_starts(owned.key, SLICE("*@"))) {
		text_put(because, SLICE("no address"));
		return NOT_FOUND;
	}
	enum found found = mailbox_as_written(task, store, owned.key, arena, because);
	if (found == NOT_FOUND && without_tag(owned.key, arena, &plain))
		found = mailbox_as_written(task, store, plain, arena, because);
	return end_words(store, found, because, from);
}

void store_used(struct store *store, struct slice login, wall_ns when)
{
	if (store->kind->used)
		store->kind->used(store, login, when);
}
