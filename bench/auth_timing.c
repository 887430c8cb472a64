/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the time of a failed sign-in tells if the account is there: wrong passwords of accounts
 * that are and of such that are not, in turn, through the whole exchange (channel, guesses, store,
 * hash). Prints means, standard deviations, and Welch's t: beyond 4.5 somebody could tell.
 *
 *	BUILD/bench/auth_timing 10000
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/asker.h"
#include "account/password.h"
#include "accounts/accounts.h"
#include "accounts/exchange.h"
#include "base/panic.h"
#include "run/random.h"

enum { WARM_UP = 50 };

struct sums {
	double count, sum, squares;
};
static struct password_made made;
static struct signin_peer *peer;

static enum found find(struct task *task, struct store *store, struct slice login,
	struct arena *arena, struct account *account, struct text *because)
{
	(void)task, (void)store, (void)because;
	if (!slice_starts(login, SLICE("known")))
		return NOT_FOUND;
	*account = (struct account){.login = arena_slice(arena, login),
		.verifier = slice_of(made.verifier),
		.scram = slice_of(made.scram)};
	return FOUND;
}

static void close_store(struct store *store)
{
	(void)store;
}

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	(void)owner, (void)channel, (void)fd;
	panic_if(!signin_receive(peer, type, body), "a message of type %#x", type);
}

static void gone(void *owner, struct channel *channel)
{
	(void)owner, (void)channel;
}

/* Another network each time, so that no counter of guesses stops it. */
static double fail_once(struct task *task, struct asker *asker, bool known, unsigned number)
{
	struct arena *arena = arena_new();
	struct loop *loop = task_loop(task);
	struct slice words = arena_format(
		arena, "-%s%08u@example.org-wrong password", known ? "known" : "other", number);
	struct signin_begin begin = {
		.tls = true, .mechanism = SLICE("PLAIN"), .has_initial = true, .initial = words};
	struct asker_exchange exchange;
	char *at = arena_string(arena, words);

	at[0] = at[words.len - sizeof "-wrong password" + 1] = '\0';
	begin.initial.at = at;
	begin.client.bytes[0] = 0x20;
	random_bytes(begin.client.bytes + 1, 15);
	mono_ns start = loop_mono_exact(loop);
	enum exchange end = asker_sign_in(task, asker, arena, &begin, &exchange);
	mono_ns took = loop_mono_exact(loop) - start;
	panic_if(end != EXCHANGE_DONE || exchange.outcome != SIGNIN_WRONG, "outcome %d",
		(int)exchange.outcome);
	arena_free(arena);
	return (double)took / (double)NS_PER_US;
}

static void add(struct sums *sums, double value)
{
	sums->count++;
	sums->sum += value;
	sums->squares += value * value;
}

static double mean(const struct sums *s)
{
	return s->sum / s->count;
}

static double variance(const struct sums *s)
{
	return (s->squares - s->sum * s->sum / s->count) / (s->count - 1);
}

struct run {
	struct asker *asker;
	unsigned samples;
	struct sums sums[2];
};

static void measure(struct task *task, void *arg)
{
	struct run *run = arg;

	for (unsigned i = 0; i < WARM_UP; i++)
		fail_once(task, run->asker, i % 2, 90000000 + i);
	for (unsigned i = 0; i < 2 * run->samples; i++) {
		bool known = (i ^ i / 2) & 1; /* 0 1 1 0: no drift falls on one of them */
		add(&run->sums[known], fail_once(task, run->asker, known, i));
	}
	loop_stop(task_loop(task));
}

int main(int count, char **words)
{
	struct loop *loop = loop_open();
	struct role role = {.loop = loop, .kind = &accounts_role};
	struct store_kind kind = {
		.name = "timed", .has_verifiers = true, .find = find, .close = close_store};
	struct store store = {.kind = &kind, .loop = loop, .holders = 1};
	struct text why = TEXT_GROWING;
	struct run run = {.samples = count > 1 ? (unsigned)atoi(words[1]) : 1000};
	int fds[2];

	panic_if(!password_make(SLICE("a right password"), &made, &why), "no password");
	panic_if(!channel_pair(fds), "no channel");
	struct signin *signin = signin_open(&role, &(struct signin_hooks){.owner = NULL});
	signin_use(signin, &store, NULL);
	struct channel *channel =
		channel_open(loop, fds[1], (struct channel_user){.receive = receive, .gone = gone});
	peer = signin_peer_open(signin, channel);
	run.asker = asker_open(loop);
	asker_connect(run.asker, fds[0]);
	panic_if(!task_start(loop, "measure", measure, &run), "no task");
	loop_run(loop);
	const struct sums *other = &run.sums[0], *known = &run.sums[1];
	double t = (mean(known) - mean(other)) /
		   sqrt(variance(known) / known->count + variance(other) / other->count);
	printf("known   %8.0f samples, mean %10.1f us, deviation %8.1f us\n", known->count,
		mean(known), sqrt(variance(known)));
	printf("unknown %8.0f samples, mean %10.1f us, deviation %8.1f us\n", other->count,
		mean(other), sqrt(variance(other)));
	printf("difference %+.1f us, Welch's t %+.2f\n", mean(known) - mean(other), t);
	return fabs(t) > 4.5;
}
