/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing. The contract is in guesses.h. */
#include "accounts/guesses.h"

#include <string.h>

#include "base/panic.h"
#include "base/text.h"

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
enum { FREE_OF_DELAY = 2, DELAY_STEPS = 4, LOGIN_SHOWN = 254 };
static const mono_ns first_delay = NS_PER_S / 2;

enum whose { OF_ADDRESS, OF_NETWORK, OF_ACCOUNT, OF_BOTH };
struct guess_limit {
	enum whose whose;
	const char *word;
	mono_ns period;
	uint64_t most;
};
static const struct guess_limit limits[GUESS_KEYS] = {
	{OF_ADDRESS, "guess-address", MINUTE, 10},
	{OF_ADDRESS, "guess-address", DAY, 100},
	{OF_NETWORK, "guess-network", MINUTE, 100},
	{OF_NETWORK, "guess-network", DAY, 1000},
	{OF_ACCOUNT, "guess-account", HOUR, 20},
	[GUESS_UNTESTED] = {OF_ADDRESS, "guess-untested", MINUTE, 10},
	[GUESS_KNOWN] = {OF_BOTH, "guess-known", 60 * DAY, UINT64_MAX},
	[GUESS_HOME] = {OF_ADDRESS, "guess-home", 60 * DAY, UINT64_MAX},
};
enum { OF_MINUTE };

/* ---- keys ---- */

static struct network network_of(const struct address *client, unsigned v4_bits, unsigned v6_bits)
{
	unsigned prefix = client->is_v4 ? 96 + v4_bits : v6_bits;
	struct network network = {.base = *client, .prefix = (uint8_t)prefix};

	network.base.port = 0;
	for (size_t i = 0; i < sizeof network.base.bytes; i++) {
		unsigned kept = prefix > 8 * i ? prefix - 8 * (unsigned)i : 0;
		if (kept < 8)
			network.base.bytes[i] &= (uint8_t)(0xff00 >> kept);
	}
	return network;
}

static void put_address(struct text *key, const struct address *client)
{
	struct network network = network_of(client, 32, 64);

	if (client->is_v4)
		text_address(key, client);
	else
		text_network(key, &network);
}

/* The whole of a long one would not fit; and a blank would look like another word. */
static void put_account(struct text *key, struct slice account)
{
	bool plain = account.len <= LOGIN_SHOWN;

	for (size_t i = 0; plain && i < account.len; i++)
		plain = (uint8_t)account.at[i] > ' ';
	if (plain)
		text_put(key, account);
	else
		text_format(key, "#%016jx", (uintmax_t)slice_hash(account));
}

static struct slice key_make(
	struct guess *guess, size_t which, const struct address *client, struct slice account)
{
	const struct guess_limit *limit = &limits[which];
	struct text key = TEXT_FIXED(guess->keys[which]);
	struct network wide = network_of(client, 24, 48);

	text_put(&key, slice_of(limit->word));
	text_char(&key, ' ');
	if (limit->whose == OF_NETWORK)
		text_network(&key, &wide);
	if (limit->whose == OF_ACCOUNT || limit->whose == OF_BOTH)
		put_account(&key, account);
	if (limit->whose == OF_BOTH)
		text_char(&key, ' ');
	if (limit->whose == OF_ADDRESS || limit->whose == OF_BOTH)
		put_address(&key, client);
	text_char(&key, ' ');
	text_number(&key, (uint64_t)(limit->period / NS_PER_S));
	panic_if(key.cut, "a key of guesses that does not fit");
	return text_slice(&key);
}

static bool is_kept(struct counters *counters, const struct guess *guess, size_t which, mono_ns now)
{
	struct counter_view view;

	return counters_find(counters, guess->counters[which].key, now, &view) && view.kept;
}

/* Fills `counters`; those of the account come last, and are left out where they do not count. */
static void make_all(struct counters *counters, struct guess *guess, const struct address *client,
	struct slice account, mono_ns now)
{
	struct counter_view view = {0};

	for (size_t i = 0; i < GUESS_KEYS; i++)
		guess->counters[i] =
			(struct counting_counter){.key = key_make(guess, i, client, account),
				.period = limits[i].period,
				.most = limits[i].most,
				.places = 1};
	guess->is_known = account.len &&
			  counters_find(counters, guess->counters[GUESS_KNOWN].key, now, &view) &&
			  view.kept;
	guess->is_noted = guess->is_known && now - view.newest < DAY;
	guess->is_home = guess->is_known || is_kept(counters, guess, GUESS_HOME, now);
	guess->count = account.len && !guess->is_known ? GUESS_COUNTERS : GUESS_COUNTERS - 1;
}

/* ---- one sign-in ---- */

enum guessing guess_begin(struct counters *counters, struct guess *guess,
	const struct address *client, struct slice account, mono_ns now, struct slice *full,
	struct counting_state *state)
{
	struct counting_state states[GUESS_COUNTERS];
	struct counter_view view;
	enum guessing guessing = GUESS_WAIT;

	make_all(counters, guess, client, account, now);
	enum reservation got = counters_reserve(
		counters, &guess->holder, 1, guess->counters, guess->count, now, states);
	if (got == RESERVED)
		return GUESS_FREE;
	for (size_t i = 0; got == RESERVED_NOTHING && i < guess->count; i++) {
		if (!states[i].full)
			continue;
		bool kept = counters_find(counters, guess->counters[i].key, now, &view) &&
			    view.kept >= guess->counters[i].most;
		if (!kept)
			continue;
		*full = guess->counters[i].key;
		*state = states[i];
		guessing = GUESS_TOO_MANY;
	}
	return guessing;
}

static struct guess_kept keep(
	struct counters *counters, struct guess *guess, struct guess_kept kept, mono_ns now)
{
	for (size_t i = kept.first; i < kept.end; i++)
		counters_keep(counters, &guess->holder, &guess->counters[i], now);
	counters_drop(counters, &guess->holder);
	return kept;
}

struct guess_kept guess_was_wrong(struct counters *counters, struct guess *guess, mono_ns now)
{
	return keep(counters, guess, (struct guess_kept){0, guess->count}, now);
}

/* Once a day is enough to be known by. */
struct guess_kept guess_was_right(struct counters *counters, struct guess *guess, mono_ns now)
{
	size_t end = guess->is_noted ? GUESS_KNOWN : GUESS_HOME + 1;

	guess->is_home = true;
	return keep(counters, guess, (struct guess_kept){GUESS_KNOWN, end}, now);
}

void guess_forget(struct counters *counters, struct guess *guess)
{
	counters_drop(counters, &guess->holder);
}

/* ---- who is not heard any more ---- */

void guess_was_untested(struct counters *counters, struct guess *guess, mono_ns now)
{
	const struct counting_counter *untested = &guess->counters[GUESS_UNTESTED];
	struct counting_state state;

	counters_drop(counters, &guess->holder);
	if (guess->count && !guess->is_home &&
		counters_reserve(counters, &guess->holder, 1, untested, 1, now, &state) == RESERVED)
		keep(counters, guess, (struct guess_kept){GUESS_UNTESTED, GUESS_UNTESTED + 1}, now);
}

static bool is_of_place(size_t which)
{
	return limits[which].whose == OF_ADDRESS || limits[which].whose == OF_NETWORK;
}

mono_ns guess_shut_for(struct counters *counters, const struct guess *guess, mono_ns now)
{
	struct counter_view view;
	mono_ns until = now;

	for (size_t i = 0; guess->count && !guess->is_home && i <= GUESS_UNTESTED; i++)
		if (is_of_place(i) && counters_find(counters, guess->counters[i].key, now, &view) &&
			view.kept >= limits[i].most && view.free_at > until)
			until = view.free_at;
	return until - now;
}

/* ---- who waits ---- */

mono_ns guess_delay(struct counters *counters, const struct guess *guess, mono_ns now)
{
	struct counter_view view;

	if (!counters_find(counters, guess->counters[OF_MINUTE].key, now, &view) ||
		view.kept <= FREE_OF_DELAY)
		return 0;
	uint64_t step = view.kept - FREE_OF_DELAY - 1;
	return first_delay << (step < DELAY_STEPS ? step : DELAY_STEPS);
}
