/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `postern grant`, `grant --revoke` and `grants`: leases from people and from other login servers.
 * What a grant says is checked like a sign-in: the account must stand. Read leasing.h first.
 *
 *	{"ask":"grant","client":"192.0.2.7","account":"alice@example.org","seconds":1800}
 *	{"ask":"revoke","client":"192.0.2.7","account":"alice@example.org"}     or without account
 *	{"ask":"grants"}
 */
#include "account/login.h"
#include "accounts/lending.h"
#include "base/json.h"

static struct slice string_of(const json_t *question, const char *key)
{
	const json_t *value = json_object_get(question, key);

	return (struct slice){json_string_value(value), json_string_length(value)};
}

static void fail(struct text *out, struct slice words)
{
	json_put_text(out, SLICE("{\"error\":"), words);
	text_put(out, SLICE("}\n"));
}

static void put_lease(
	const struct leasing *leasing, const struct lease_view *lease, struct text *out)
{
	text_put(out, SLICE("\"client\":\""));
	text_address(out, &lease->client);
	json_put_text(out, SLICE("\",\"account\":"), lease->account);
	json_put_text(out, SLICE(",\"by\":"), slice_of(lease_by_text(lease->by)));
	json_put_time(out, SLICE(",\"since\":"), lease_wall(leasing, lease->since));
	json_put_time(out, SLICE(",\"until\":"), lease_wall(leasing, lease->until));
	text_put(out, SLICE("}\n"));
}

static bool client_read(const json_t *question, struct lease_view *lease, struct text *out)
{
	if (address_parse(string_of(question, "client"), &lease->client))
		return true;
	fail(out, SLICE("a grant is of one IP address, like 192.0.2.7 or 2001:db8::7"));
	return false;
}

/* ---- grant ---- */

/* The account in its one form, if it stands; else `words` say what is wrong. */
static bool account_look(struct task *task, struct store *store, struct slice named,
	struct arena *arena, struct slice *login, struct text *words)
{
	struct account account;
	char room[300];
	struct text because = TEXT_FIXED(room);
	enum found found = CANNOT_TELL;

	if (store && named.len)
		found = store_find(task, store, named, arena, &account, &because);
	else
		text_put(&because, named.len ? SLICE("the configuration names no accounts")
					     : SLICE("a grant is of an account"));
	if (found == FOUND && !account.disabled) {
		*login = account.login;
		return true;
	}
	text_put(words, found == FOUND       ? SLICE("that account is disabled")
			: found == NOT_FOUND ? SLICE("there is no such account")
					     : text_slice(&because));
	return false;
}

bool lease_grant(struct task *task, struct leasing *leasing, struct store *store, mono_ns span,
	struct arena *arena, struct lease_view *lease, struct text *words)
{
	lease->by = LEASE_BY_GRANT;
	if (!account_look(task, store, lease->account, arena, &lease->account, words))
		return false;
	lease->since = loop_mono(leasing->role->loop);
	lease->until = lease->since + span;
	if (lease_make(leasing, lease))
		return true;
	text_put(words, SLICE("that is no name of an account"));
	return false;
}

static bool seconds_read(const json_t *question, mono_ns *span, struct text *out)
{
	json_int_t seconds = json_integer_value(json_object_get(question, "seconds"));

	*span = seconds > 0 && seconds <= LEASE_LONGEST / NS_PER_S ? seconds * NS_PER_S : 0;
	if (!*span)
		fail(out, SLICE("a grant is for at least a second and at most 24 hours"));
	return *span > 0;
}

static void grant(struct task *task, struct leasing *leasing, struct store *store,
	const json_t *question, struct arena *arena, struct text *out)
{
	struct lease_view lease = {.account = string_of(question, "account")};
	char room[300];
	struct text words = TEXT_FIXED(room);
	mono_ns span;

	if (!client_read(question, &lease, out) || !seconds_read(question, &span, out))
		return;
	if (!lease_grant(task, leasing, store, span, arena, &lease, &words)) {
		fail(out, text_slice(&words));
		return;
	}
	text_put(out, SLICE("{\"granted\":true,"));
	put_lease(leasing, &lease, out);
}

/* ---- revoke, grants ---- */

size_t lease_take_back(struct leasing *leasing, const struct address *client, struct slice account,
	struct arena *arena)
{
	struct slice login = SLICE_NONE;

	if (account.len && !login_normalise(account, arena, &login, NULL))
		return 0; /* nobody has that name */
	return lease_revoke(leasing, client, login);
}

static void take_back(
	struct leasing *leasing, const json_t *question, struct arena *arena, struct text *out)
{
	struct lease_view which = {0};

	if (!client_read(question, &which, out))
		return;
	struct slice account = string_of(question, "account");
	if (account.len && !login_normalise(account, arena, &which.account, NULL)) {
		fail(out, SLICE("that is no name of an account"));
		return;
	}
	json_put_number(
		out, SLICE("{\"revoked\":"), lease_revoke(leasing, &which.client, which.account));
	text_put(out, SLICE("}\n"));
}

static void list(const struct leasing *leasing, struct text *out)
{
	const void *at = NULL;
	struct lease_view lease;

	leases_sweep(leasing->leases, loop_mono(leasing->role->loop));
	while (leases_next(leasing->leases, &at, &lease)) {
		text_char(out, '{');
		put_lease(leasing, &lease, out);
	}
}

bool leasing_is_command(const json_t *question)
{
	struct slice ask = string_of(question, "ask");

	return slice_is(ask, SLICE("grant")) || slice_is(ask, SLICE("revoke")) ||
	       slice_is(ask, SLICE("grants"));
}

void leasing_command(struct task *task, struct leasing *leasing, struct store *store,
	const json_t *question, struct text *out)
{
	struct slice ask = string_of(question, "ask");
	struct arena *arena = arena_new();

	if (store)
		stores_hold(store);
	if (slice_is(ask, SLICE("grant")))
		grant(task, leasing, store, question, arena, out);
	else if (slice_is(ask, SLICE("revoke")))
		take_back(leasing, question, arena, out);
	else
		list(leasing, out);
	stores_release(store);
	arena_wipe(arena);
	arena_free(arena);
}
