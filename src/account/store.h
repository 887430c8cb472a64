/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where accounts are kept: one interface over SQLite, a plain file, LDAP, PAM and Dovecot's auth
 * socket. Only the role accounts has stores. Every question is answered found, not found, or cannot
 * tell, which a client hears as 4xx and never as 5xx; `because` says which store said so and why.
 *
 * A question takes a task and may wait; what it finds lives in the caller's arena.
 */
#ifndef ACCOUNT_STORE_H
#define ACCOUNT_STORE_H

#include "base/arena.h"
#include "base/clock.h"
#include "run/task.h"

enum found { FOUND, NOT_FOUND, CANNOT_TELL };

struct account {
	struct slice login;    /* in its one form, which may differ from what was asked */
	struct slice verifier; /* crypt(3) or argon2id string; empty: no password */
	struct slice scram; /* RFC 5803: "SCRAM-SHA-256$4096:salt$StoredKey:ServerKey"; or empty */
	const struct slice *owned; /* addresses and `*@domain`, its own name not repeated */
	size_t owned_count;
	const struct slice *groups;
	size_t group_count;
	const struct slice *limits; /* its own: "500 recipients per day" (account_limit_parse()) */
	size_t limit_count;
	bool disabled;
	wall_ns last_used; /* 0: never, or not kept */
};

struct store;
struct store_kind {
	const char *name; /* "sqlite" */
	/* Does it hand out verifiers (SCRAM and our own hashing), or test passwords itself? */
	bool has_verifiers;
	enum found (*find)(struct task *task, struct store *store, struct slice login,
		struct arena *arena, struct account *account, struct text *because);
	/* FOUND: the password is right; NOT_FOUND: there is no such account, or it is wrong. Only
	 * of stores without verifiers; `account` is filled as far as the store knows it. */
	enum found (*test)(struct task *task, struct store *store, struct slice login,
		struct slice password, struct arena *arena, struct account *account,
		struct text *because);
	/* Has somebody this address (in its one form)? */
	enum found (*mailbox)(struct task *task, struct store *store, struct slice address,
		struct arena *arena, struct text *because);
	/* It was used to sign in; NULL: not kept. Waits for nothing that matters. */
	void (*used)(struct store *store, struct slice login, wall_ns when);
	void (*close)(struct store *store);
};
enum { STORE_WORDS = 256 };
/* The first member of each kind's own struct; stores.h fills all but `kind`. */
struct store {
	const struct store_kind *kind;
	struct loop *loop;
	struct offload *pool;
	unsigned holders;
	char domain[256]; /* behind names without one: alice owns alice@domain; "": nothing */
	/* For `status`: */
	uint64_t asked, untold;
	wall_ns untold_at;         /* the last CANNOT_TELL; 0: none */
	bool is_away;              /* the last answer was one */
	char words[STORE_WORDS];   /* of it */
	char trouble[STORE_WORDS]; /* it answers, but something is wrong with it; "": nothing */
};

#endif
