/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts in a plain file, behind the interface. Read store.h and users_file.h first.
 *
 * Each question looks whether the file has changed and then reads it anew, in a thread. A file that
 * has become faulty, or is gone, changes nothing: what was read before stays, and `status` says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account/stores.h"
#include "account/users_file.h"
#include "base/panic.h"

enum { FILE_MAX = 64 << 20 };

struct file_store {
	struct store store;
	char *path;
	pthread_mutex_t lock; /* of what follows */
	struct users_file *users;
	struct stat facts; /* of what was read, or refused, last */
	char trouble[STORE_WORDS];
};

static struct file_store *file_of(struct store *store)
{
	return LIST_OBJECT(struct file_store, store, store);
}

/* ---- reading ---- */

static bool read_whole(int fd, size_t size, char *bytes, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t got = read(fd, bytes + *len, size - *len);
		if (got < 0)
			return false;
		if (got == 0)
			break;
		*len += (size_t)got;
	}
	return true;
}

static struct users_file *parse(int fd, const struct stat *facts, struct text *why)
{
	size_t size = (size_t)facts->st_size, len;
	char *bytes = malloc(size + 1);
	struct users_file *users = NULL;

	panic_if(!bytes, "no memory for a file of accounts");
	if (read_whole(fd, size, bytes, &len))
		users = users_file_parse((struct slice){bytes, len}, why);
	else
		text_put(why, slice_of(strerror(errno)));
	explicit_bzero(bytes, size);
	free(bytes);
	return users;
}

/* NULL with words. */
static struct users_file *read_file(const char *path, struct stat *facts, struct text *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct users_file *users = NULL;

	text_escaped(why, slice_of(path));
	text_put(why, SLICE(": "));
	if (fd < 0 || fstat(fd, facts) < 0)
		text_format(why, "%s (the daemon's user, %u, must be able to read it)",
			strerror(errno), (unsigned)geteuid());
	else if (!S_ISREG(facts->st_mode) || facts->st_size > FILE_MAX)
		text_format(why, "is no file of at most %d MiB", FILE_MAX >> 20);
	else
		users = parse(fd, facts, why);
	if (fd >= 0)
		close(fd);
	return users;
}

static bool has_changed(const struct file_store *store, const struct stat *now)
{
	const struct stat *before = &store->facts;

	return now->st_mtim.tv_sec != before->st_mtim.tv_sec ||
	       now->st_mtim.tv_nsec != before->st_mtim.tv_nsec || now->st_size != before->st_size ||
	       now->st_ino != before->st_ino || now->st_dev != before->st_dev;
}

static void refresh(struct file_store *store)
{
	char words[STORE_WORDS];
	struct text why = {.at = words, .size = sizeof words - 1};
	struct stat now = {0};

	if (stat(store->path, &now) == 0 && !has_changed(store, &now))
		return;
	struct users_file *users = read_file(store->path, &now, &why);
	words[why.len] = '\0';
	strcpy(store->trouble, users ? "" : words);
	store->facts = now;
	if (!users)
		return;
	users_file_free(store->users);
	store->users = users;
}

struct users_file *store_file_read(const char *path, struct text *why)
{
	struct stat facts;

	return read_file(path, &facts, why);
}

/* ---- questions, in a thread ---- */

struct question {
	struct file_store *store;
	struct slice subject;
	struct arena *arena;
	struct account *account;
	bool found;
	char trouble[STORE_WORDS];
};

static const struct slice *copies(const struct slice *texts, size_t count, struct arena *arena)
{
	struct slice *list = ARENA_ARRAY(arena, struct slice, count + 1);

	for (size_t i = 0; i < count; i++)
		list[i] = arena_slice(arena, texts[i]);
	return list;
}

static void copy(const struct account *from, struct account *to, struct arena *arena)
{
	*to = (struct account){
		.login = arena_slice(arena, from->login),
		.verifier = arena_slice(arena, from->verifier),
		.scram = arena_slice(arena, from->scram),
		.owned = copies(from->owned, from->owned_count, arena),
		.owned_count = from->owned_count,
		.groups = copies(from->groups, from->group_count, arena),
		.group_count = from->group_count,
		.limits = copies(from->limits, from->limit_count, arena),
		.limit_count = from->limit_count,
		.disabled = from->disabled,
	};
}

static void run(void *arg)
{
	struct question *question = arg;
	struct file_store *store = question->store;

	pthread_mutex_lock(&store->lock);
	refresh(store);
	if (question->account) {
		const struct account *found = users_file_find(store->users, question->subject);
		question->found = found != NULL;
		if (found)
			copy(found, question->account, question->arena);
	} else {
		question->found = users_file_has_mailbox(store->users, question->subject);
	}
	memcpy(question->trouble, store->trouble, sizeof question->trouble);
	pthread_mutex_unlock(&store->lock);
}

/* ---- in the loop ---- */

static enum found ask(struct task *task, struct store *store, struct slice subject,
	struct arena *arena, struct account *account)
{
	struct question question = {
		.store = file_of(store), .subject = subject, .arena = arena, .account = account};

	offload_run(task, store->pool, run, &question);
	memcpy(store->trouble, question.trouble, sizeof store->trouble);
	return question.found ? FOUND : NOT_FOUND;
}

static enum found file_find(struct task *task, struct store *store, struct slice login,
	struct arena *arena, struct account *account, struct text *because)
{
	(void)because;
	return ask(task, store, login, arena, account);
}

static enum found file_mailbox(struct task *task, struct store *store, struct slice address,
	struct arena *arena, struct text *because)
{
	(void)because;
	return ask(task, store, address, arena, NULL);
}

static void file_close(struct store *base)
{
	struct file_store *store = file_of(base);

	users_file_free(store->users);
	pthread_mutex_destroy(&store->lock);
	free(store->path);
	free(store);
}

static const struct store_kind kind = {
	.name = "file",
	.has_verifiers = true,
	.find = file_find,
	.mailbox = file_mailbox,
	.close = file_close,
};

struct doing {
	struct file_store *store;
	void (*use)(void *arg, const struct users_file *users);
	void *arg;
};

static void run_doing(void *arg)
{
	struct doing *doing = arg;

	pthread_mutex_lock(&doing->store->lock);
	refresh(doing->store);
	doing->use(doing->arg, doing->store->users);
	pthread_mutex_unlock(&doing->store->lock);
}

enum status store_file_do(struct task *task, struct store *store,
	void (*use)(void *arg, const struct users_file *users), void *arg)
{
	if (store->kind != &kind)
		return STATUS_FAILED;
	struct doing doing = {file_of(store), use, arg};
	offload_run(task, store->pool, run_doing, &doing);
	return STATUS_OK;
}

struct store *store_file_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why)
{
	struct file_store *store = calloc(1, sizeof *store);

	(void)loop, (void)pool;
	panic_if(!store, "no memory for a store");
	store->store.kind = &kind;
	store->path = slice_string(settings->accounts_where);
	panic_if(!store->path, "no memory for a path");
	pthread_mutex_init(&store->lock, NULL);
	store->users = read_file(store->path, &store->facts, why);
	if (store->users) {
		text_clear(why);
		return &store->store;
	}
	file_close(&store->store);
	return NULL;
}
