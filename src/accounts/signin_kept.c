/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What signing in keeps below STATE/accounts: the counters of guesses (`guesses`, as limits are
 * kept), so that a restart opens no lock; and the secret from which salts of users who are not
 * there are made (`salts`, 32 octets). The contract is in signin.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accounts/counters_kept.h"
#include "accounts/exchange.h"
#include "run/random.h"

static const struct keeper_kind guesses_kept = {
	.name = "guesses",
	.new_name = "guesses.new",
	.what = "the counters of guesses",
	/* Each flush is one that mail may have to wait for, and nobody who guesses can make the
	 * host die: the last guesses before that need not be known. */
	.flush_every = 10 * NS_PER_S,
	.take = counters_take,
	.put_all = counters_put_all,
};

/* ---- the secret ---- */

static bool secret_read(struct signin *signin, int folder)
{
	int file = openat(folder, "salts", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t secret[sizeof signin->secret];

	if (file < 0)
		return false;
	bool whole = read(file, secret, sizeof secret) == sizeof secret;
	close(file);
	if (whole)
		signin_secret(signin, secret);
	explicit_bzero(secret, sizeof secret);
	return whole;
}

/* Only at the first start. A crash leaves none, or this one. */
static bool secret_write(const struct signin *signin, int folder)
{
	int file = openat(
		folder, "salts.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (file < 0)
		return false;
	bool written =
		write(file, signin->secret, sizeof signin->secret) == sizeof signin->secret &&
		fsync(file) == 0;
	return close(file) == 0 && written && renameat(folder, "salts.new", folder, "salts") == 0;
}

/* ---- both ---- */

bool signin_folder(struct signin *signin, struct offload *pool, int folder, struct text *why)
{
	if (!secret_read(signin, folder) && !secret_write(signin, folder))
		role_log(signin->role, LEVEL_WARN, "storage",
			"the secret of salts cannot be kept: salts of users who are not there will "
			"change at the next start");
	signin->has_keeper = true;
	return keeper_open(
		&signin->keeper, &guesses_kept, signin->guesses, signin->role, pool, folder, why);
}

void signin_start(struct signin *signin)
{
	if (signin->has_keeper)
		keeper_start(&signin->keeper);
}

void signin_tend(struct signin *signin)
{
	counters_sweep(signin->guesses, loop_mono(signin->role->loop));
	if (signin->has_keeper)
		keeper_tend(&signin->keeper);
}

void signin_finish(struct task *task, struct signin *signin)
{
	if (signin->has_keeper)
		keeper_finish(task, &signin->keeper);
}

void signin_note(struct signin *signin, const struct counting_counter *kept)
{
	if (signin->has_keeper)
		counters_note(&signin->keeper, kept);
}
