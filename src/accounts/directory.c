/* SPDX-License-Identifier: Apache-2.0 */
/* The store that questions are put to, what has changed there, and the directory's life. Read
 * directory.h first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/directory_inside.h"
#include "base/json.h"
#include "base/panic.h"
#include "role/shortage.h"
#include "run/random.h"

/* ---- the store ---- */

/* Whatever of the configuration changes it. */
static char *name_of(const struct settings *settings)
{
	char *name = NULL;
	int made = asprintf(&name, "%.*s %.*s %.*s %.*s %.*s", SLICE_ARGS(settings->accounts_kind),
		SLICE_ARGS(settings->accounts_where), SLICE_ARGS(settings->accounts_domain),
		SLICE_ARGS(settings->accounts_bind), SLICE_ARGS(settings->accounts_password_file));

	panic_if(made < 0, "no memory for a name");
	return name;
}

static void prepared_drop(struct directory *directory)
{
	stores_release(directory->prepared);
	free(directory->prepared_name);
	directory->prepared = NULL;
	directory->prepared_name = NULL;
	directory->has_prepared = false;
}

bool directory_prepare(struct directory *directory, const struct policy *policy, struct text *why)
{
	const struct settings *settings = policy_settings(policy);

	prepared_drop(directory);
	if (settings->accounts_kind.len) {
		directory->prepared_name = name_of(settings);
		if (directory->store && strcmp(directory->name, directory->prepared_name) == 0) {
			stores_hold(directory->store);
			directory->prepared = directory->store;
		} else {
			directory->prepared =
				stores_open(directory->role->loop, directory->pool, settings, why);
			if (!directory->prepared)
				return false;
		}
	}
	directory->has_prepared = true;
	return true;
}

void directory_switch_over(struct directory *directory)
{
	bool other = directory->store != directory->prepared;

	if (!directory->has_prepared)
		return;
	stores_release(directory->store);
	free(directory->name);
	directory->store = directory->prepared;
	directory->name = directory->prepared_name;
	directory->prepared = NULL;
	directory->prepared_name = NULL;
	directory->has_prepared = false;
	if (other)
		directory_changed(directory, SLICE_NONE);
}

struct store *directory_store(struct directory *directory)
{
	return directory->store;
}

/* ---- changes ---- */

/* A peer that does not take it loses patience with its own copies soon enough. */
static void tell_changed(struct directory_peer *peer, struct slice account)
{
	char body[SIGNIN_SUBJECT_MAX + 8];
	struct writer out = writer_over(body, sizeof body);

	signin_changed_write(
		&out, &(struct signin_changed){slice_part(account, 0, SIGNIN_SUBJECT_MAX)});
	if (channel_send(peer->channel, SIGNIN_CHANGED, writer_slice(&out), -1) != SENT)
		return;
}

void directory_lends(struct directory *directory, struct leasing *leasing)
{
	directory->leasing = leasing;
}

/* What the store says is as true as before. */
void directory_lease_ended(struct directory *directory, struct slice account)
{
	LIST_EACH (struct directory_peer, peer, &directory->peers, link)
		tell_changed(peer, account);
}

void directory_changed(struct directory *directory, struct slice account)
{
	directory->changes++;
	known_forget(directory->kept);
	directory_lease_ended(directory, account);
}

/* ---- status ---- */

void directory_tell(const struct directory *directory, struct text *out)
{
	const struct store *store = directory->store;

	text_put(out, SLICE("{\"store\":"));
	if (store)
		text_json(out, slice_of(store->kind->name));
	else
		text_put(out, SLICE("null"));
	json_put_number(out, SLICE(",\"questions\":"), directory->asked);
	json_put_number(out, SLICE(",\"kept\":"), known_count(directory->kept));
	json_put_number(out, SLICE(",\"busy\":"), directory->busy);
	if (store) {
		json_put_number(out, SLICE(",\"asked\":"), store->asked);
		json_put_number(out, SLICE(",\"cannot_tell\":"), store->untold);
		json_put_truth(out, SLICE(",\"away\":"), store->is_away);
		if (store->untold_at)
			json_put_time(out, SLICE(",\"cannot_tell_at\":"), store->untold_at);
		json_put_known(out, SLICE(",\"why\":"), slice_of(store->words));
		json_put_known(out, SLICE(",\"trouble\":"), slice_of(store->trouble));
	}
	text_char(out, '}');
}

/* ---- its life ---- */

struct directory *directory_open(struct role *role)
{
	struct directory *directory = calloc(1, sizeof *directory);

	panic_if(!directory, "no memory for the directory");
	directory->role = role;
	directory->pool = offload_open(role->loop, STORE_THREADS);
	if (!directory->pool) {
		role_is_short(role, "threads for the store of accounts", errno);
		free(directory);
		return NULL;
	}
	directory->kept = known_new(random_u64(), ANSWERS_KEPT_MOST);
	list_init(&directory->peers);
	gate_init(&directory->idle);
	return directory;
}

void directory_close(struct task *task, struct directory *directory)
{
	panic_if(!list_is_empty(&directory->peers), "the directory closed before its peers");
	while (directory->under_way > 0)
		if (gate_wait(task, &directory->idle, "questions of accounts") != WAIT_READY)
			break;
	/* Others (sign-ins, the last use being written) hold it in threads of this pool. */
	while (directory->store && directory->store->holders > 1)
		if (task_sleep(task, NS_PER_MS) != WAIT_READY)
			break;
	prepared_drop(directory);
	stores_release(directory->store);
	offload_close(directory->pool);
	known_free(directory->kept);
	free(directory->name);
	free(directory);
}

struct directory_peer *directory_peer_open(struct directory *directory, struct channel *channel)
{
	struct directory_peer *peer = calloc(1, sizeof *peer);

	panic_if(!peer, "no memory for a peer");
	*peer = (struct directory_peer){
		.directory = directory, .channel = channel, .id = ++directory->last_peer};
	list_append(&directory->peers, &peer->link);
	return peer;
}

void directory_peer_close(struct directory_peer *peer)
{
	if (!peer)
		return;
	list_remove(&peer->link);
	free(peer);
}
