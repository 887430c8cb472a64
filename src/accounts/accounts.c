/* SPDX-License-Identifier: Apache-2.0 */
/* The role's life and its edges. Read accounts.h and packets/counting.h first. */
#include "accounts/accounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "accounts/state.h"
#include "role/json_secret.h"
#include "role/shortage.h"
#include "base/map.h"
#include "base/panic.h"

enum { EXIT_FORMAT = 78 }; /* posternd(8), EXIT STATUS */
static const mono_ns tick_every = 10 * NS_PER_S;

/* An edge, or pop, which counts nothing. */
struct edge {
	struct list link;
	struct accounts *accounts;
	struct channel *channel;
	struct map *holders; /* of struct holder by its id */
	struct directory_peer *questions;
	struct signin_peer *exchanges;
};

static mono_ns now_of(const struct accounts *accounts)
{
	return loop_mono(accounts->role->loop);
}

/* ---- holders ---- */

static struct holder *holder_of(struct edge *edge, uint64_t id)
{
	struct holder *holder = map_get(edge->holders, map_key(&id));

	if (holder)
		return holder;
	holder = calloc(1, sizeof *holder);
	panic_if(!holder, "out of memory for a transaction");
	holder->id = id;
	map_put(edge->holders, map_key(&holder->id), holder);
	return holder;
}

static void holder_end(struct edge *edge, struct holder *holder)
{
	map_take(edge->holders, map_key(&holder->id));
	counters_drop(edge->accounts->counters, holder);
	free(holder);
}

/* ---- what an edge says ---- */

static size_t counters_read(struct slice packed, uint8_t count, struct counting_counter *counters)
{
	struct reader in = reader_of(packed);

	for (uint8_t i = 0; i < count; i++)
		if (!counting_counter_read(&in, &counters[i]))
			return 0;
	return count;
}

static void tally(struct accounts *accounts, enum reservation reservation)
{
	switch (reservation) {
	case RESERVED: accounts->reserved++; break;
	case RESERVED_NOTHING: accounts->full++; break;
	case RESERVED_NO_ROOM: accounts->no_room++; break;
	}
}

/* Full: the edge's patience ends, and it gives back what it then does not know of. */
static void answer(struct edge *edge, const struct counting_answer *answer)
{
	char body[64 + COUNTERS_MAX * 17];
	struct writer out = writer_over(body, sizeof body);

	counting_answer_write(&out, answer);
	panic_if(out.bad, "an answer of %u counters", answer->count);
	if (channel_send(edge->channel, COUNTING_ANSWER, writer_slice(&out), -1) != SENT)
		return;
}

static void reserve(struct edge *edge, const struct counting_reserve *asked)
{
	struct accounts *accounts = edge->accounts;
	struct counting_counter wanted[COUNTERS_MAX];
	struct counting_state states[COUNTERS_MAX];
	char packed[COUNTERS_MAX * 17];
	struct writer out = writer_over(packed, sizeof packed);
	size_t count = counters_read(asked->counters, asked->count, wanted);
	struct holder *holder = holder_of(edge, asked->holder);

	enum reservation reservation = counters_reserve(accounts->counters, holder, asked->request,
		wanted, count, now_of(accounts), states);
	tally(accounts, reservation);
	for (size_t i = 0; reservation != RESERVED_NO_ROOM && i < count; i++)
		counting_state_write(&out, &states[i]);
	bool unknown = reservation == RESERVED_NO_ROOM;
	answer(edge, &(struct counting_answer){.request = asked->request,
			     .unknown = unknown,
			     .count = unknown ? 0 : (uint8_t)count,
			     .states = writer_slice(&out)});
	if (!holder->count)
		holder_end(edge, holder);
}

static void release(struct edge *edge, const struct counting_release *release)
{
	uint64_t id = release->holder;
	struct holder *holder = map_get(edge->holders, map_key(&id));

	if (!holder)
		return;
	counters_release(edge->accounts->counters, holder, release->request);
	if (!holder->count)
		holder_end(edge, holder);
}

static void keep(struct edge *edge, const struct counting_keep *kept)
{
	struct accounts *accounts = edge->accounts;
	struct counting_counter counters[COUNTERS_MAX];
	size_t count = counters_read(kept->counters, kept->count, counters);
	struct holder *holder = holder_of(edge, kept->holder);

	for (size_t i = 0; i < count; i++) {
		counters_keep(accounts->counters, holder, &counters[i], now_of(accounts));
		counters_note(&accounts->keeper, &counters[i]);
		accounts->kept += counters[i].places;
	}
	if (kept->last)
		holder_end(edge, holder);
}

static void drop(struct edge *edge, const struct counting_drop *dropped)
{
	uint64_t id = dropped->holder;
	struct holder *holder = map_get(edge->holders, map_key(&id));

	if (holder)
		holder_end(edge, holder);
}

static void edge_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct edge *edge = owner;
	struct counting_reserve asked;
	struct counting_release released;
	struct counting_keep kept;
	struct counting_drop dropped;

	if (fd >= 0)
		close(fd);
	if (directory_receive(edge->questions, type, body))
		return;
	if (signin_receive(edge->exchanges, type, body)) {
		channel_wipe_received(channel);
		return;
	}
	if (type == COUNTING_RESERVE && counting_reserve_read(body, &asked))
		reserve(edge, &asked);
	else if (type == COUNTING_RELEASE && counting_release_read(body, &released))
		release(edge, &released);
	else if (type == COUNTING_KEEP && counting_keep_read(body, &kept))
		keep(edge, &kept);
	else if (type == COUNTING_DROP && counting_drop_read(body, &dropped))
		drop(edge, &dropped);
	else
		role_log(edge->accounts->role, LEVEL_ERROR, "peer",
			"an edge sent a bad message of type %#x", type);
}

/* What it had not said to be accepted was not. */
static void edge_end(struct edge *edge)
{
	size_t at = 0;

	for (struct holder *holder; (holder = map_next(edge->holders, &at));)
		holder_end(edge, holder);
	map_free(edge->holders);
	directory_peer_close(edge->questions);
	signin_peer_close(edge->exchanges);
	channel_close(edge->channel);
	list_remove(&edge->link);
	free(edge);
}

static void edge_gone(void *owner, struct channel *channel)
{
	(void)channel;
	edge_end(owner);
}

static uint64_t random_seed(void)
{
	uint64_t seed = 0;

	panic_if(getrandom(&seed, sizeof seed, 0) != sizeof seed, "no random numbers");
	return seed;
}

static void edge_add(struct accounts *accounts, int fd)
{
	struct edge *edge = calloc(1, sizeof *edge);

	panic_if(!edge, "no memory for an edge");
	edge->accounts = accounts;
	edge->holders = map_new(random_seed());
	list_append(&accounts->edges, &edge->link);
	edge->channel = channel_open(accounts->role->loop, fd,
		(struct channel_user){.receive = edge_receive, .gone = edge_gone, .owner = edge});
	edge->questions = directory_peer_open(accounts->directory, edge->channel);
	edge->exchanges = signin_peer_open(accounts->signin, edge->channel);
}

/* ---- the role's life ---- */

static void tick(struct timer *timer)
{
	struct accounts *accounts = LIST_OBJECT(struct accounts, timer, tick);

	counters_sweep(accounts->counters, now_of(accounts));
	keeper_tend(&accounts->keeper);
	leasing_tend(&accounts->leasing);
	signin_tend(accounts->signin);
	timer_set(timer, now_of(accounts) + tick_every);
}

static void signin_over(void *owner, const struct signin_begin *begin, enum signin_outcome outcome,
	struct slice account)
{
	struct accounts *accounts = owner;

	leasing_heard(&accounts->leasing, begin, outcome, account);
}

static struct slice account_of_certificate(
	void *owner, struct slice certificate, struct arena *arena)
{
	const struct accounts *accounts = owner;

	return accounts->policy ? arena_slice(arena,
					  policy_certificate_account(accounts->policy, certificate))
				: SLICE_NONE;
}

static void lease_ended(void *owner, struct slice account)
{
	struct accounts *accounts = owner;

	directory_lease_ended(accounts->directory, account);
}

static void *accounts_start(struct role *role)
{
	struct accounts *accounts = calloc(1, sizeof *accounts);

	json_secret_begin();
	panic_if(!accounts, "no memory for a role");
	accounts->role = role;
	accounts->pool = offload_open(role->loop, 1);
	if (!accounts->pool) {
		role_is_short(role, "thread for writing", errno);
		return accounts;
	}
	accounts->counters = counters_new(random_seed(), COUNTERS_OF_A_CLASS);
	accounts->directory = directory_open(role);
	accounts->signin =
		signin_open(role, &(struct signin_hooks){.over = signin_over,
					  .account_of_certificate = account_of_certificate,
					  .owner = accounts});
	if (!accounts->directory || !accounts->signin)
		return accounts; /* said, and failed */
	leasing_open(&accounts->leasing, role, lease_ended, accounts);
	directory_lends(accounts->directory, &accounts->leasing);
	accounts->feed = feed_open(role, accounts->directory, &accounts->leasing);
	list_init(&accounts->edges);
	accounts_told_begin(accounts);
	timer_init(&accounts->tick, role->loop, tick);
	return accounts;
}

/* What a counter may reach comes with each question: only where accounts are kept is held here. */
static bool accounts_prepare(void *state, struct slice bundle, struct text *why)
{
	struct accounts *accounts = state;
	struct policy *policy = policy_of_bundle(bundle, why);
	struct token_setting tokens = {0}; /* its texts are the policy's */

	bool good = policy && token_setting_read(policy_settings(policy), &tokens, why) &&
		    directory_prepare(accounts->directory, policy, why);
	if (good) {
		policy_unref(accounts->prepared);
		accounts->prepared = policy;
		accounts->tokens = tokens;
	} else {
		policy_unref(policy);
	}
	explicit_bzero(&tokens, sizeof tokens);
	return good;
}

static void accounts_switch_over(void *state)
{
	struct accounts *accounts = state;

	if (!accounts->prepared)
		return;
	policy_unref(accounts->policy);
	accounts->policy = accounts->prepared;
	accounts->prepared = NULL;
	directory_switch_over(accounts->directory);
	signin_use(accounts->signin, directory_store(accounts->directory), &accounts->tokens);
}

static void accounts_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct accounts *accounts = state;

	(void)slot;
	if (name == ROLE_EDGE || name == ROLE_POP)
		edge_add(state, fd);
	else if (name == ROLE_CONTROL)
		told_open(&accounts->told, fd);
	else
		close(fd);
}

/* Each keeper has the folder for itself. */
static bool files_open(struct accounts *accounts, int folder, struct text *why)
{
	int other = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	int third = fcntl(folder, F_DUPFD_CLOEXEC, 0);

	if (other < 0 || third < 0) {
		role_is_short(accounts->role, "descriptors for the folder of accounts", errno);
		return true;
	}
	bool good = keeper_open(&accounts->keeper, &counters_kept, accounts->counters,
		accounts->role, accounts->pool, folder, why);
	good &= leasing_folder(&accounts->leasing, accounts->pool, other, why);
	return signin_folder(accounts->signin, accounts->pool, third, why) && good;
}

static void accounts_grant(void *state, const struct setup_grant *what, int fd)
{
	struct accounts *accounts = state;
	struct text why = TEXT_GROWING;

	if (what->what == GRANT_FEED) {
		feed_listen(accounts->feed, fd);
		return;
	}
	panic_if(what->what != GRANT_ACCOUNTS_FOLDER || accounts->has_keeper,
		"accounts was granted %u", what->what);
	accounts->has_keeper = true;
	if (!files_open(accounts, fd, &why)) {
		role_log(accounts->role, LEVEL_ERROR, "format", "%.*s",
			SLICE_ARGS(text_slice(&why)));
		role_has_failed(accounts->role, EXIT_FORMAT);
	}
	text_free(&why);
}

static void accounts_go(void *state)
{
	struct accounts *accounts = state;

	panic_if(!accounts->has_keeper, "accounts has no folder");
	keeper_start(&accounts->keeper);
	leasing_start(&accounts->leasing);
	feed_start(accounts->feed);
	signin_start(accounts->signin);
	timer_set(&accounts->tick, now_of(accounts) + tick_every);
	role_is_ready(accounts->role);
}

static void accounts_close(struct task *task, struct accounts *accounts)
{
	LIST_EACH (struct edge, edge, &accounts->edges, link)
		edge_end(edge);
	told_close(&accounts->told);
	timer_clear(&accounts->tick);
	signin_close(task, accounts->signin);
	directory_close(task, accounts->directory);
	policy_unref(accounts->prepared);
	policy_unref(accounts->policy);
	offload_close(accounts->pool);
	leasing_close(&accounts->leasing);
	counters_free(accounts->counters);
	free(accounts);
}

static void stop_run(struct task *task, void *arg)
{
	struct accounts *accounts = arg;
	struct role *role = accounts->role;

	feed_close(task, accounts->feed);
	if (accounts->has_keeper)
		keeper_finish(task, &accounts->keeper);
	leasing_finish(task, &accounts->leasing);
	signin_finish(task, accounts->signin);
	accounts_close(task, accounts);
	role_has_ended(role);
}

static void accounts_stop(void *state)
{
	struct accounts *accounts = state;

	panic_if(!task_start(accounts->role->loop, "stop", stop_run, accounts),
		"no memory for an orderly end");
}

const struct role_kind accounts_role = {
	.name = ROLE_ACCOUNTS,
	.start = accounts_start,
	.prepare = accounts_prepare,
	.switch_over = accounts_switch_over,
	.peer = accounts_peer,
	.grant = accounts_grant,
	.go = accounts_go,
	.stop = accounts_stop,
};
