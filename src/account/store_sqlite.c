/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts in SQLite, behind the interface. Read store.h and database.h first.
 *
 * Questions run in a thread, one at a time. The file is opened anew when another lies in its place
 * (a backup was brought back), and as long as it cannot be opened nobody can tell. What was used to
 * sign in is written a few seconds later, all in one change.
 */
#include <errno.h>
#include <libgen.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/database.h"
#include "account/stores.h"
#include "base/map.h"
#include "base/panic.h"
#include "run/random.h"

enum { USES_MOST = 10000 };
static const mono_ns uses_wait = 3 * NS_PER_S;

struct use {
	wall_ns when;
	size_t len;
	char login[];
};

struct sqlite_store {
	struct store store;
	char *path;
	pthread_mutex_t lock; /* of the database */
	struct database *database;
	struct map *uses; /* struct use, not yet written */
	struct timer write_uses;
};

static struct sqlite_store *sqlite_of(struct store *store)
{
	return LIST_OBJECT(struct sqlite_store, store, store);
}

/* ---- in a thread ---- */

/* Takes the lock; NULL and words. */
static struct database *database_take(struct sqlite_store *store, struct text *why)
{
	pthread_mutex_lock(&store->lock);
	if (store->database && !database_is_in_place(store->database)) {
		database_close(store->database);
		store->database = NULL;
	}
	if (!store->database)
		store->database = database_open(store->path, DATABASE_WRITE, NULL, why);
	return store->database;
}

static void database_give(struct sqlite_store *store)
{
	pthread_mutex_unlock(&store->lock);
}

struct question {
	struct sqlite_store *store;
	struct slice subject;
	struct arena *arena;
	struct account *account;
	struct text *because;
	enum found found;
};

static void run_find(void *arg)
{
	struct question *question = arg;
	struct database *database = database_take(question->store, question->because);

	question->found = database ? database_find(database, question->subject, question->arena,
					     question->account, question->because)
				   : CANNOT_TELL;
	database_give(question->store);
}

static void run_mailbox(void *arg)
{
	struct question *question = arg;
	struct database *database = database_take(question->store, question->because);

	question->found = database
				  ? database_mailbox(database, question->subject, question->because)
				  : CANNOT_TELL;
	database_give(question->store);
}

/* ---- in the loop ---- */

static enum found ask(struct task *task, struct question *question, void (*run)(void *arg))
{
	offload_run(task, question->store->store.pool, run, question);
	return question->found;
}

static enum found sqlite_find(struct task *task, struct store *store, struct slice login,
	struct arena *arena, struct account *account, struct text *because)
{
	struct question question = {.store = sqlite_of(store),
		.subject = login,
		.arena = arena,
		.account = account,
		.because = because};

	return ask(task, &question, run_find);
}

static enum found sqlite_mailbox(struct task *task, struct store *store, struct slice address,
	struct arena *arena, struct text *because)
{
	struct question question = {
		.store = sqlite_of(store), .subject = address, .arena = arena, .because = because};

	return ask(task, &question, run_mailbox);
}

struct doing {
	struct sqlite_store *store;
	void (*run)(void *arg, struct database *database, struct slice why);
	void *arg;
};

static void run_doing(void *arg)
{
	struct doing *doing = arg;
	char words[STORE_WORDS];
	struct text why = TEXT_FIXED(words);
	struct database *database = database_take(doing->store, &why);

	doing->run(doing->arg, database, text_slice(&why));
	database_give(doing->store);
}

static const struct store_kind kind;

enum status store_sqlite_do(struct task *task, struct store *store,
	void (*run)(void *arg, struct database *database, struct slice why), void *arg)
{
	struct doing doing;

	if (store->kind != &kind)
		return STATUS_FAILED;
	doing = (struct doing){sqlite_of(store), run, arg};
	offload_run(task, store->pool, run_doing, &doing);
	return STATUS_OK;
}

/* ---- the last use ---- */

static void uses_free(struct map *uses)
{
	size_t at = 0;

	for (struct use *use; (use = map_next(uses, &at));)
		free(use);
	map_free(uses);
}

static void uses_write(struct database *database, const struct map *uses)
{
	char words[STORE_WORDS];
	struct text why = TEXT_FIXED(words);
	size_t at = 0;

	/* What fails is lost: it says no more than when somebody was last seen. */
	if (database_begin(database, &why) != STATUS_OK)
		return;
	bool good = true;
	for (struct use *use; good && (use = map_next(uses, &at));)
		good = database_set_used(database, (struct slice){use->login, use->len}, use->when,
			       &why) != CHANGE_FAILED;
	if (database_end(database, good, &why) != STATUS_OK)
		return;
}

struct writing {
	struct sqlite_store *store;
	struct map *uses;
};

static void run_writing(void *arg)
{
	struct writing *writing = arg;
	char words[STORE_WORDS];
	struct text why = TEXT_FIXED(words);
	struct database *database = database_take(writing->store, &why);

	if (database)
		uses_write(database, writing->uses);
	database_give(writing->store);
}

static void write_task(struct task *task, void *arg)
{
	struct sqlite_store *store = arg;
	struct writing writing = {store, store->uses};

	store->uses = map_new(random_u64());
	offload_run(task, store->store.pool, run_writing, &writing);
	uses_free(writing.uses);
	stores_release(&store->store);
}

static void write_uses(struct timer *timer)
{
	struct sqlite_store *store = LIST_OBJECT(struct sqlite_store, timer, write_uses);

	stores_hold(&store->store);
	if (task_start(store->store.loop, "last use", write_task, store))
		return;
	stores_release(&store->store);
	timer_set(timer, loop_mono(store->store.loop) + uses_wait);
}

static void sqlite_used(struct store *base, struct slice login, wall_ns when)
{
	struct sqlite_store *store = sqlite_of(base);
	struct use *use = map_get(store->uses, login);

	if (use) {
		use->when = when;
		return;
	}
	if (map_count(store->uses) >= USES_MOST)
		return;
	use = malloc(sizeof *use + login.len);
	panic_if(!use, "no memory for a login");
	*use = (struct use){.when = when, .len = login.len};
	memcpy(use->login, login.at, login.len);
	map_put(store->uses, (struct slice){use->login, use->len}, use);
	if (store->write_uses.at == NEVER)
		timer_set(&store->write_uses, loop_mono(base->loop) + uses_wait);
}

/* ---- its life ---- */

/* What is left to be written is written here: at the end, or with another configuration. */
static void sqlite_close(struct store *base)
{
	struct sqlite_store *store = sqlite_of(base);

	timer_clear(&store->write_uses);
	if (store->database && map_count(store->uses) > 0)
		uses_write(store->database, store->uses);
	uses_free(store->uses);
	database_close(store->database);
	pthread_mutex_destroy(&store->lock);
	free(store->path);
	free(store);
}

static const struct store_kind kind = {
	.name = "sqlite",
	.has_verifiers = true,
	.find = sqlite_find,
	.mailbox = sqlite_mailbox,
	.used = sqlite_used,
	.close = sqlite_close,
};

/* SQLite makes files beside its own, so the folder must be ours to write in too. */
static bool can_be_written(const char *path, struct text *why)
{
	char *copy = strdup(path);

	panic_if(!copy, "no memory for a path");
	const char *folder = dirname(copy);
	bool can = access(folder, W_OK | X_OK) == 0;
	if (!can) {
		text_put(why, SLICE("the accounts' folder "));
		text_escaped(why, slice_of(folder));
		text_format(why,
			" cannot be written by the daemon's user (%u): %s; make it, and give it to "
			"that user",
			(unsigned)geteuid(), strerror(errno));
	} else if (access(path, F_OK) == 0 && access(path, R_OK | W_OK) < 0) {
		text_escaped(why, slice_of(path));
		text_format(why,
			" cannot be read and written by the daemon's user (%u): %s; chown it to "
			"that user",
			(unsigned)geteuid(), strerror(errno));
		can = false;
	}
	free(copy);
	return can;
}

struct store *store_sqlite_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why)
{
	struct sqlite_store *store = calloc(1, sizeof *store);

	(void)pool;
	panic_if(!store, "no memory for a store");
	store->store.kind = &kind;
	store->path = slice_string(settings->accounts_where);
	panic_if(!store->path, "no memory for a path");
	pthread_mutex_init(&store->lock, NULL);
	store->uses = map_new(random_u64());
	timer_init(&store->write_uses, loop, write_uses);
	if (can_be_written(store->path, why)) {
		bool refused;
		store->database = database_open(store->path, DATABASE_MAKE, &refused, why);
		if (!refused) { /* one that is damaged or locked may be mended while we run */
			text_clear(why);
			return &store->store;
		}
	}
	sqlite_close(&store->store);
	return NULL;
}
