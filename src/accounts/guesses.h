/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often somebody may guess a password: counters (counters.h) of wrong sign-ins. Pure: time is
 * given, nothing is written.
 *
 *	guess-address 192.0.2.1        10 a minute, 100 a day      IPv6: each /64
 *	guess-network 192.0.2.0/24     100 a minute, 1000 a day    IPv6: each /48
 *	guess-account alice@a.example  20 an hour, from everywhere
 *	guess-untested 192.0.2.1       10 a minute, for which there was no room
 *	guess-known alice@a.example 192.0.2.1    has signed in there within 60 days
 *	guess-home 192.0.2.1                     somebody has
 *
 * A place is taken in each before a password is tested, given back when it was right, kept when it
 * was wrong; so many guesses at once are no more than one after the other. From an address that an
 * account has signed in at before, the account's own counter neither stops nor counts.
 *
 * An address with a full counter need not be heard at all until a place is free: guess_shut_for()
 * says how long, and never of one that is somebody's home.
 *
 * Each of these words is a class of counters with room of its own: who invents names or addresses
 * makes this room forget what was asked for longest ago of that class, and nothing else.
 */
#ifndef ACCOUNTS_GUESSES_H
#define ACCOUNTS_GUESSES_H

#include "accounts/counters.h"
#include "base/address.h"

enum {
	GUESS_COUNTERS = 5,
	GUESS_UNTESTED = GUESS_COUNTERS, /* behind them: these three */
	GUESS_KNOWN,
	GUESS_HOME,
	GUESS_KEYS,
	GUESS_KEY_MAX = 320
};

/* One sign-in. Zero-filled it holds nothing. */
struct guess {
	struct holder holder;
	struct counting_counter counters[GUESS_KEYS];
	size_t count;  /* of those that hold; 0: nothing was begun */
	bool is_known; /* the account has signed in from this address before */
	bool is_noted; /* today */
	bool is_home;  /* some account has signed in from this address before */
	char keys[GUESS_KEYS][GUESS_KEY_MAX];
};
enum guessing {
	GUESS_FREE,     /* a place is taken in each */
	GUESS_WAIT,     /* others of these are being tested: ask again when one is over */
	GUESS_TOO_MANY, /* `free_in` of the state says when the next is free */
};
/* `account` in its one form, or as it was claimed; empty: not known yet, and then not counted.
 * `full`: the key of the counter that is full, with `state`. */
enum guessing guess_begin(struct counters *counters, struct guess *guess,
	const struct address *client, struct slice account, mono_ns now, struct slice *full,
	struct counting_state *state) MUST_USE;
/* One end of each that was begun, after GUESS_FREE. What was kept is in counters[first…end), for
 * the file. */
struct guess_kept {
	size_t first, end;
};
struct guess_kept guess_was_wrong(struct counters *counters, struct guess *guess, mono_ns now);
struct guess_kept guess_was_right(struct counters *counters, struct guess *guess, mono_ns now);
void guess_forget(struct counters *counters, struct guess *guess); /* nobody can tell */
/* After GUESS_WAIT, or instead of another end: there was no room to test it. */
void guess_was_untested(struct counters *counters, struct guess *guess, mono_ns now);
/* How long nobody may sign in from its address any more; 0: one may, or it is a home. */
mono_ns guess_shut_for(struct counters *counters, const struct guess *guess, mono_ns now);
/* How long the answer to a wrong one is kept back: nothing for the first two of an address within
 * a minute, then half a second, doubled with each, at most 8 s. */
mono_ns guess_delay(struct counters *counters, const struct guess *guess, mono_ns now);

#endif
