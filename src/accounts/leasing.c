/* SPDX-License-Identifier: Apache-2.0 */
/* Leases made, ended, kept and told. The contract is in leasing.h; commands are in granting.c. */
#include "accounts/leasing.h"

#include <unistd.h>

#include "accounts/leases_file.h"
#include "accounts/lending.h"
#include "base/json.h"
#include "run/random.h"

static const int64_t clock_slack = 2 * NS_PER_S;

static mono_ns now_of(const struct leasing *leasing)
{
	return loop_mono(leasing->role->loop);
}

static int64_t offset_of(const struct leasing *leasing)
{
	return loop_wall(leasing->role->loop) - now_of(leasing);
}

wall_ns lease_wall(const struct leasing *leasing, mono_ns at)
{
	return at + offset_of(leasing);
}

/* ---- what happens is written down ---- */

static void note(struct leasing *leasing, enum lease_event what, const struct lease_view *lease)
{
	int64_t offset = offset_of(leasing);
	struct lease_record record = {
		.what = what, .when = loop_wall(leasing->role->loop), .lease = *lease};

	if (!leasing->has_keeper)
		return;
	if (what == LEASE_MADE) {
		record.lease.since += offset;
		record.lease.until += offset;
	}
	leases_file_put(keeper_text(&leasing->keeper), &record);
}

bool lease_make(struct leasing *leasing, const struct lease_view *lease)
{
	if (!leases_put(leasing->leases, lease, now_of(leasing)))
		return false;
	note(leasing, LEASE_MADE, lease);
	return true;
}

/* Tells that some have ended; the count is given on. */
static size_t ended(struct leasing *leasing, size_t count, enum lease_event what,
	const struct lease_view *which)
{
	if (!count)
		return 0;
	note(leasing, what, which);
	leasing->ended(leasing->owner, which->account);
	return count;
}

size_t lease_revoke(struct leasing *leasing, const struct address *client, struct slice account)
{
	const struct lease_view which = {.client = *client, .account = account};

	if (account.len)
		return ended(
			leasing, leases_end(leasing->leases, client, account), LEASE_ENDED, &which);
	return ended(leasing, leases_end_address(leasing->leases, client), LEASE_ENDED_AT, &which);
}

void leasing_account_gone(struct leasing *leasing, struct slice account)
{
	const struct lease_view which = {.account = account};

	ended(leasing, leases_end_account(leasing->leases, account), LEASE_ENDED_OF, &which);
}

void leasing_heard(struct leasing *leasing, const struct signin_begin *begin,
	enum signin_outcome outcome, struct slice account)
{
	struct lease_view lease = {.client = begin->client,
		.account = account,
		.by = LEASE_BY_POP,
		.since = now_of(leasing)};

	lease.client.port = 0;
	lease.until = lease.since + LEASE_LONGEST;
	if (outcome == SIGNIN_WRONG)
		lease_revoke(leasing, &lease.client, SLICE_NONE);
	else if (outcome == SIGNED_IN && begin->service == SIGNIN_POP3 && begin->tls)
		lease_make(leasing, &lease);
}

/* ---- the file ---- */

static void happen(struct leasing *leasing, const struct lease_record *record)
{
	struct lease_view lease = record->lease;
	int64_t offset = offset_of(leasing);

	switch (record->what) {
	case LEASE_WRITTEN:
	case LEASE_EVENTS: break;
	case LEASE_MADE:
		lease.since -= offset;
		lease.until -= offset;
		leases_put(leasing->leases, &lease, now_of(leasing));
		break;
	case LEASE_ENDED: leases_end(leasing->leases, &lease.client, lease.account); break;
	case LEASE_ENDED_AT: leases_end_address(leasing->leases, &lease.client); break;
	case LEASE_ENDED_OF: leases_end_account(leasing->leases, lease.account); break;
	}
}

static void replay(struct leasing *leasing, struct keeper *keeper, struct slice bytes)
{
	wall_ns newest = 0, now = loop_wall(leasing->role->loop);
	struct lease_record record;

	while (leases_file_next(&bytes, &record)) {
		happen(leasing, &record);
		if (record.when > newest)
			newest = record.when;
	}
	keeper->ignored = bytes.len;
	if (newest <= now + clock_slack)
		return;
	size_t count = leases_end_all(leasing->leases);
	role_log(leasing->role, LEVEL_WARN, "leases",
		"the clock was set back while we were away: %zu leases have ended", count);
}

static bool take(struct keeper *keeper, struct slice bytes, struct text *why)
{
	uint32_t format = 0;

	switch (leases_file_open(&bytes, &format)) {
	case LEASES_FILE_OK: replay(keeper->owner, keeper, bytes); return true;
	case LEASES_FILE_DAMAGED: keeper->ignored = bytes.len; return true;
	case LEASES_FILE_NEWER: break;
	}
	text_format(why,
		"STATE/accounts/leases has format %u, and this version knows none above %d", format,
		LEASES_FORMAT);
	return false;
}

static void put_all(struct keeper *keeper, int64_t offset, struct text *out)
{
	struct leasing *leasing = keeper->owner;
	struct lease_record record = {.what = LEASE_WRITTEN, .when = now_of(leasing) + offset};
	const void *at = NULL;

	leases_sweep(leasing->leases, now_of(leasing));
	leases_file_begin(out);
	leases_file_put(out, &record);
	record.what = LEASE_MADE;
	while (leases_next(leasing->leases, &at, &record.lease)) {
		record.lease.since += offset;
		record.lease.until += offset;
		leases_file_put(out, &record);
	}
}

static const struct keeper_kind leases_kept = {
	.name = "leases",
	.new_name = "leases.new",
	.what = "the leases of POP",
	.take = take,
	.put_all = put_all,
};

/* ---- its life ---- */

void leasing_open(struct leasing *leasing, struct role *role,
	void (*ended_hook)(void *owner, struct slice account), void *owner)
{
	*leasing = (struct leasing){.role = role, .ended = ended_hook, .owner = owner};
	leasing->leases = leases_new(random_u64());
}

bool leasing_folder(struct leasing *leasing, struct offload *pool, int folder, struct text *why)
{
	leasing->has_keeper = true;
	return keeper_open(
		&leasing->keeper, &leases_kept, leasing, leasing->role, pool, folder, why);
}

void leasing_start(struct leasing *leasing)
{
	if (leasing->has_keeper)
		keeper_start(&leasing->keeper);
}

void leasing_tend(struct leasing *leasing)
{
	leases_sweep(leasing->leases, now_of(leasing));
	if (leasing->has_keeper)
		keeper_tend(&leasing->keeper);
}

/* The last record says how the clock stood when we went. */
void leasing_finish(struct task *task, struct leasing *leasing)
{
	if (!leasing->has_keeper)
		return;
	note(leasing, LEASE_WRITTEN, &(struct lease_view){0});
	keeper_finish(task, &leasing->keeper);
	leasing->has_keeper = false;
}

void leasing_close(struct leasing *leasing)
{
	leases_free(leasing->leases);
}

void leasing_tell(const struct leasing *leasing, struct text *out)
{
	json_put_number(out, SLICE("{\"held\":"), leases_count(leasing->leases));
	json_put_number(out, SLICE(",\"forgotten\":"), leases_forgotten(leasing->leases));
	json_put_truth(
		out, SLICE(",\"written\":"), leasing->has_keeper && !leasing->keeper.complained);
	text_char(out, '}');
}

/* ---- who asks ---- */

static size_t views_at(const struct leasing *leasing, const struct address *client,
	struct arena *arena, struct lease_view **views)
{
	*views = ARENA_ARRAY(arena, struct lease_view, LEASES_OF_ADDRESS);
	size_t count =
		leases_at(leasing->leases, client, now_of(leasing), *views, LEASES_OF_ADDRESS);
	for (size_t i = 0; i < count; i++)
		(*views)[i].account = arena_slice(arena, (*views)[i].account);
	return count;
}

static bool still_held(
	const struct lease_view *view, const struct lease_view *now_held, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(now_held[i].account, view->account))
			return true;
	return false;
}

/* Leases whose account does not stand end here; false: the store cannot tell of some. */
static bool keep_standing(struct task *task, struct leasing *leasing, struct store *store,
	struct lease_view *views, size_t *count, struct arena *arena, struct text *because)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		struct account account;
		text_clear(because);
		enum found found =
			store ? store_find(task, store, views[i].account, arena, &account, because)
			      : NOT_FOUND;
		if (found == CANNOT_TELL)
			return false;
		if (found == FOUND && !account.disabled)
			views[kept++] = views[i];
		else
			leasing_account_gone(leasing, views[i].account);
	}
	*count = kept;
	return true;
}

/* "leases here: alice@example.org (pop, 2026-11-22T09:30:00.000Z)". */
static void because_put(const struct leasing *leasing, const struct lease_view *views, size_t count,
	struct text *because)
{
	text_clear(because);
	text_put(because, count ? SLICE("leases here: ") : SLICE("no leases here"));
	for (size_t i = 0; i < count; i++) {
		text_put(because, i ? SLICE(", ") : SLICE_NONE);
		text_escaped(because, views[i].account);
		text_format(because, " (%s, ", lease_by_text(views[i].by));
		text_time(because, lease_wall(leasing, views[i].since));
		text_char(because, ')');
	}
}

/* A wait lies between, so what has ended meanwhile is left out at the end. */
void leasing_ask(struct task *task, struct leasing *leasing, struct store *store,
	const struct address *client, struct arena *arena, struct leases_told *told,
	struct text *because)
{
	struct lease_view *views, *held;
	size_t count = views_at(leasing, client, arena, &views), left = 0;

	*told = (struct leases_told){.found = ANSWER_CANNOT_TELL};
	if (!keep_standing(task, leasing, store, views, &count, arena, because))
		return;
	size_t held_count = views_at(leasing, client, arena, &held);
	struct slice *accounts = ARENA_ARRAY(arena, struct slice, count + 1);
	wall_ns *times = ARENA_ARRAY(arena, wall_ns, count + 1);
	for (size_t i = 0; i < count; i++) {
		if (!still_held(&views[i], held, held_count))
			continue;
		views[left] = views[i];
		accounts[left] = views[i].account;
		times[left++] = lease_wall(leasing, views[i].since);
	}
	because_put(leasing, views, left, because);
	*told = (struct leases_told){.found = left ? ANSWER_FOUND : ANSWER_NOT_FOUND,
		.accounts = accounts,
		.times = times,
		.count = left};
}
