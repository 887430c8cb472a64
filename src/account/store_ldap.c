/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts in an LDAP directory (RFC 4511), behind the interface. Read store.h and ldap_words.h
 * first.
 *
 * A search finds the account's entry, a bind as that entry tests its password. One connection
 * searches, each bind has its own; all in threads, with time limits. After a failure nobody is kept
 * waiting for a server that is away: for two seconds the answer is that nobody can tell.
 *
 * What leaves this host is encrypted: ldaps, or StartTLS (RFC 4511 section 4.14); the server's
 * certificate must be good. ldap.conf(5) says whose certificates are.
 */
#include <errno.h>
#include <fcntl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/login.h"
#include "account/store_ldap_inside.h"
#include "base/panic.h"

static const mono_ns pause_after_failure = 2 * NS_PER_S;

static struct ldap_store *ldap_of(struct store *store)
{
	return LIST_OBJECT(struct ldap_store, store, store);
}

/* ---- entries ---- */

struct values {
	struct berval **list;
	size_t count;
};

static struct values values_of(LDAP *connection, LDAPMessage *entry, const char *attribute)
{
	struct berval **list = ldap_get_values_len(connection, entry, attribute);

	return (struct values){list, list ? (size_t)ldap_count_values_len(list) : 0};
}

static struct slice value_at(const struct values *values, size_t at)
{
	return (struct slice){values->list[at]->bv_val, values->list[at]->bv_len};
}

/* What is no address there is nobody's. */
static void read_addresses(LDAP *connection, LDAPMessage *entry, const char *attribute,
	struct arena *arena, struct account *account)
{
	struct values values = values_of(connection, entry, attribute);
	struct slice *owned = ARENA_ARRAY(arena, struct slice, values.count + 1);
	struct owned_address address;

	for (size_t i = 0; i < values.count; i++)
		if (owned_normalise(value_at(&values, i), arena, &address, NULL))
			owned[account->owned_count++] = address.address;
	account->owned = owned;
	ldap_value_free_len(values.list);
}

static void read_groups(LDAP *connection, LDAPMessage *entry, const char *attribute,
	struct arena *arena, struct account *account)
{
	struct values values = values_of(connection, entry, attribute);
	struct slice *groups = ARENA_ARRAY(arena, struct slice, values.count + 1);

	for (size_t i = 0; i < values.count; i++) {
		struct slice name = ldap_group_name(value_at(&values, i));
		if (group_is_name(name))
			groups[account->group_count++] = arena_slice(arena, name);
	}
	account->groups = groups;
	ldap_value_free_len(values.list);
}

/* What stands there and is no limit was meant as one: nobody is let send more than was meant. */
static bool read_limits(LDAP *connection, LDAPMessage *entry, const char *attribute,
	struct arena *arena, struct account *account, struct text *because)
{
	struct values values = values_of(connection, entry, attribute);
	struct slice *limits = ARENA_ARRAY(arena, struct slice, ACCOUNT_LIMITS_MAX);
	bool good = values.count <= ACCOUNT_LIMITS_MAX;
	struct account_limit limit;

	if (!good)
		text_format(because, "%s has more than %d values", attribute, ACCOUNT_LIMITS_MAX);
	for (size_t i = 0; good && i < values.count; i++) {
		struct slice value = value_at(&values, i);
		good = account_limit_parse(value, &limit);
		limits[account->limit_count++] = arena_slice(arena, value);
		if (good)
			continue;
		text_format(because, "%s is no limit like \"500 recipients per day\": ", attribute);
		text_escaped(because, slice_part(value, 0, 60));
	}
	account->limits = limits;
	ldap_value_free_len(values.list);
	return good;
}

static void read_login(LDAP *connection, LDAPMessage *entry, const char *attribute,
	struct slice asked, struct arena *arena, struct account *account)
{
	struct values values = values_of(connection, entry, attribute);

	/* Of several, and of spellings that LDAP takes to be the same, the one that was asked. */
	account->login = arena_slice(arena, asked);
	if (values.count == 1 &&
		!login_normalise(value_at(&values, 0), arena, &account->login, NULL))
		account->login = arena_slice(arena, asked);
	ldap_value_free_len(values.list);
}

struct question {
	struct ldap_store *store;
	struct slice subject, password;
	struct arena *arena;
	struct account *account;
	struct text *because;
	enum found found;
	bool of_entry; /* it is the entry that cannot be told, not the server */
};

/* *name: the entry's, in the arena. */
static enum found find_entry(struct question *question, const char **name)
{
	struct ldap_store *store = question->store;
	const struct ldap_place *place = &store->place;
	LDAPMessage *found;

	enum found outcome = ldap_store_search(store,
		ldap_filter(place, place->login, NULL, question->subject, question->arena), 2,
		&found, question->because);
	if (outcome == FOUND && ldap_count_entries(store->connection, found) > 1) {
		text_put(question->because, SLICE("several entries have this login"));
		outcome = CANNOT_TELL;
		question->of_entry = true;
	}
	if (outcome == FOUND) {
		LDAP *at = store->connection;
		LDAPMessage *entry = ldap_first_entry(at, found);
		char *dn = ldap_get_dn(at, entry);
		*name = arena_string(question->arena, slice_of(dn));
		ldap_memfree(dn);
		read_login(at, entry, place->login, question->subject, question->arena,
			question->account);
		read_addresses(at, entry, place->addresses, question->arena, question->account);
		read_groups(at, entry, place->groups, question->arena, question->account);
		if (place->limits && !read_limits(at, entry, place->limits, question->arena,
					     question->account, question->because)) {
			outcome = CANNOT_TELL;
			question->of_entry = true;
		}
	}
	ldap_msgfree(found);
	return outcome;
}

static void run_find(void *arg)
{
	struct question *question = arg;
	const char *name;

	pthread_mutex_lock(&question->store->lock);
	question->found = find_entry(question, &name);
	pthread_mutex_unlock(&question->store->lock);
}

static void run_mailbox(void *arg)
{
	struct question *question = arg;
	struct ldap_store *store = question->store;
	const struct ldap_place *place = &store->place;
	LDAPMessage *found;

	pthread_mutex_lock(&store->lock);
	question->found = ldap_store_search(store,
		ldap_filter(
			place, place->addresses, place->login, question->subject, question->arena),
		1, &found, question->because);
	ldap_msgfree(found);
	pthread_mutex_unlock(&store->lock);
}

/* ---- testing a password, in a thread ---- */

static enum found bind_to_test(struct question *question, const char *name)
{
	LDAP *connection = ldap_store_connect(question->store, question->because);

	if (!connection)
		return CANNOT_TELL;
	int code = ldap_store_bind_as(
		connection, name, arena_string(question->arena, question->password));
	bool wrong = code == LDAP_INVALID_CREDENTIALS ||
		     code == LDAP_INAPPROPRIATE_AUTH || /* the entry has no password */
		     code == LDAP_NO_SUCH_OBJECT;
	bool failed = !wrong && ldap_store_fails(connection, code, "signing in as the account",
					question->because);

	ldap_unbind_ext_s(connection, NULL, NULL);
	return failed ? CANNOT_TELL : wrong ? NOT_FOUND : FOUND;
}

static void run_test(void *arg)
{
	struct question *question = arg;
	const char *name = "";

	pthread_mutex_lock(&question->store->lock);
	question->found = find_entry(question, &name);
	pthread_mutex_unlock(&question->store->lock);
	/* An empty name would bind anonymously, and so succeed (RFC 4513 section 5.1.2). */
	if (question->found == FOUND && name[0]) {
		question->found = bind_to_test(question, name);
	} else if (question->found == FOUND) {
		text_put(question->because, SLICE("its entry has no name"));
		question->found = CANNOT_TELL;
	}
}

/* ---- in the loop ---- */

static void pause_begin(struct ldap_store *store, struct slice why)
{
	struct text words = {.at = store->away, .size = sizeof store->away - 1};

	store->away_until = loop_mono(store->store.loop) + pause_after_failure;
	text_put(&words, why);
	store->away[words.len] = '\0';
}

static enum found ask(struct task *task, struct question *question, void (*run)(void *arg))
{
	struct ldap_store *store = question->store;

	if (loop_mono(store->store.loop) < store->away_until) {
		text_format(question->because, "a moment ago: %s", store->away);
		return CANNOT_TELL;
	}
	size_t from = question->because->len;
	offload_run(task, store->store.pool, run, question);
	if (question->found == CANNOT_TELL && !question->of_entry)
		pause_begin(store, slice_from(text_slice(question->because), from));
	return question->found;
}

static enum found ldap_find(struct task *task, struct store *store, struct slice login,
	struct arena *arena, struct account *account, struct text *because)
{
	struct question question = {.store = ldap_of(store),
		.subject = login,
		.arena = arena,
		.account = account,
		.because = because};

	return ask(task, &question, run_find);
}

static enum found ldap_test(struct task *task, struct store *store, struct slice login,
	struct slice password, struct arena *arena, struct account *account, struct text *because)
{
	struct question question = {.store = ldap_of(store),
		.subject = login,
		.password = password,
		.arena = arena,
		.account = account,
		.because = because};

	return ask(task, &question, run_test);
}

static enum found ldap_mailbox(struct task *task, struct store *store, struct slice address,
	struct arena *arena, struct text *because)
{
	struct question question = {
		.store = ldap_of(store), .subject = address, .arena = arena, .because = because};

	return ask(task, &question, run_mailbox);
}

/* ---- its life ---- */

static void ldap_close(struct store *base)
{
	struct ldap_store *store = ldap_of(base);

	ldap_store_disconnect(store);
	pthread_mutex_destroy(&store->lock);
	arena_free(store->arena);
	explicit_bzero(store->secret, sizeof store->secret);
	free(store->bind);
	free(store);
}

static const struct store_kind kind = {
	.name = "ldap",
	.find = ldap_find,
	.test = ldap_test,
	.mailbox = ldap_mailbox,
	.close = ldap_close,
};

/* One line of a file. An empty one would bind anonymously (RFC 4513 section 5.1.2). */
static bool secret_read(struct ldap_store *store, struct slice path, struct text *why)
{
	char *name = slice_string(path);

	panic_if(!name, "no memory for a path");
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, store->secret, sizeof store->secret - 1);
	if (got < 0) {
		text_escaped(why, path);
		text_format(why, ": %s (the daemon's user, %u, must be able to read it)",
			strerror(errno), (unsigned)geteuid());
	}
	if (fd >= 0)
		close(fd);
	free(name);
	store->secret[got < 0 ? 0 : (size_t)got] = '\0';
	size_t len = strcspn(store->secret, "\r\n");
	bool whole = len < sizeof store->secret - 1;
	store->secret[len] = '\0';
	if (got >= 0 && (len == 0 || !whole)) {
		text_escaped(why, path);
		text_format(why, ": its first line must be a password of 1 to %zu octets",
			sizeof store->secret - 2);
	}
	return len > 0 && whole;
}

struct store *store_ldap_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why)
{
	struct ldap_store *store = calloc(1, sizeof *store);

	(void)loop, (void)pool;
	panic_if(!store, "no memory for a store");
	store->store.kind = &kind;
	store->arena = arena_new();
	pthread_mutex_init(&store->lock, NULL);
	if (settings->accounts_bind.len) {
		store->bind = slice_string(settings->accounts_bind);
		panic_if(!store->bind, "no memory for a name");
	}
	if (ldap_place_read(settings->accounts_where, store->arena, &store->place, why) &&
		(!store->bind || secret_read(store, settings->accounts_password_file, why)))
		return &store->store;
	ldap_close(&store->store);
	return NULL;
}
