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
#include <ldap.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/ldap_words.h"
#include "account/login.h"
#include "account/stores.h"
#include "base/panic.h"

enum { SECONDS = 5, SECRET_MAX = 512, WORDS_MAX = 160 };
static const mono_ns pause_after_failure = 2 * NS_PER_S;

struct ldap_store {
	struct store store;
	struct ldap_place place; /* its texts in `arena` */
	struct arena *arena;
	char *bind;              /* NULL: anonymous */
	char secret[SECRET_MAX]; /* its password */
	mono_ns away_until;
	char away[WORDS_MAX]; /* why */
	pthread_mutex_t lock; /* of the connection */
	LDAP *connection;     /* searches; NULL: none */
};

static struct ldap_store *ldap_of(struct store *store)
{
	return LIST_OBJECT(struct ldap_store, store, store);
}

/* ---- connections, in a thread ---- */

/* `at` may be NULL. The library's own words say what was wrong with a certificate. */
static bool fails(LDAP *at, int code, const char *what, struct text *why)
{
	char *words = NULL;

	if (code == LDAP_SUCCESS)
		return false;
	text_format(why, "%s: %s", what, ldap_err2string(code));
	if (at && ldap_get_option(at, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words) == LDAP_OPT_SUCCESS &&
		words && words[0]) {
		text_put(why, SLICE(" ("));
		text_escaped(why, slice_part(slice_of(words), 0, 120));
		text_char(why, ')');
	}
	ldap_memfree(words);
	return true;
}

/* A context of its own (so that `demand` holds, whatever ldap.conf(5) says of it) knows nothing of
 * what that file says of certificates: it is handed over. */
static void hand_over(LDAP *connection)
{
	static const int options[] = {LDAP_OPT_X_TLS_CACERTFILE, LDAP_OPT_X_TLS_CACERTDIR,
		LDAP_OPT_X_TLS_CERTFILE, LDAP_OPT_X_TLS_KEYFILE, LDAP_OPT_X_TLS_CRLFILE};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		char *value = NULL;
		if (ldap_get_option(NULL, options[i], &value) == LDAP_OPT_SUCCESS && value)
			ldap_set_option(connection, options[i], value);
		ldap_memfree(value);
	}
}

static void limit(LDAP *connection)
{
	static const struct timeval time = {.tv_sec = SECONDS};
	static const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, fresh = 0;

	ldap_set_option(connection, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(connection, LDAP_OPT_NETWORK_TIMEOUT, &time);
	ldap_set_option(connection, LDAP_OPT_TIMEOUT, &time);
	ldap_set_option(connection, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(connection, LDAP_OPT_RESTART, LDAP_OPT_ON);
	ldap_set_option(connection, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	hand_over(connection);
	ldap_set_option(connection, LDAP_OPT_X_TLS_NEWCTX, &fresh);
}

static int bind_as(LDAP *connection, const char *name, const char *password)
{
	struct berval secret = {
		.bv_val = (char *)(uintptr_t)password, .bv_len = password ? strlen(password) : 0};

	return ldap_sasl_bind_s(connection, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

/* NULL with words. */
static LDAP *connect_to(const struct ldap_store *store, struct text *why)
{
	LDAP *connection = NULL;

	if (fails(NULL, ldap_initialize(&connection, store->place.server), store->place.server,
		    why))
		return NULL;
	limit(connection);
	if (store->place.starts_tls &&
		fails(connection, ldap_start_tls_s(connection, NULL, NULL), "StartTLS", why)) {
		ldap_unbind_ext_s(connection, NULL, NULL);
		return NULL;
	}
	return connection;
}

static void disconnect(struct ldap_store *store)
{
	if (store->connection)
		ldap_unbind_ext_s(store->connection, NULL, NULL);
	store->connection = NULL;
}

static bool ready(struct ldap_store *store, struct text *why)
{
	if (store->connection)
		return true;
	store->connection = connect_to(store, why);
	if (!store->connection)
		return false;
	if (store->bind &&
		fails(store->connection, bind_as(store->connection, store->bind, store->secret),
			"signing in at the directory", why)) {
		disconnect(store);
		return false;
	}
	return true;
}

static int search_once(struct ldap_store *store, const char *filter, int most, LDAPMessage **found)
{
	struct timeval time = {.tv_sec = SECONDS};
	const struct ldap_place *place = &store->place;
	char *attributes[] = {(char *)(uintptr_t)place->login, (char *)(uintptr_t)place->addresses,
		(char *)(uintptr_t)place->groups, (char *)(uintptr_t)place->limits, NULL};

	return ldap_search_ext_s(store->connection, place->base, place->scope, filter, attributes,
		0, NULL, NULL, &time, most, found);
}

/* A connection that the server has closed meanwhile is made anew, once. */
static enum found search(struct ldap_store *store, const char *filter, int most,
	LDAPMessage **found, struct text *why)
{
	bool had = store->connection != NULL;

	*found = NULL;
	if (!ready(store, why))
		return CANNOT_TELL;
	int code = search_once(store, filter, most, found);
	if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED && had) {
		ldap_msgfree(*found);
		*found = NULL;
		disconnect(store);
		if (!ready(store, why))
			return CANNOT_TELL;
		code = search_once(store, filter, most, found);
	}
	if (code != LDAP_SIZELIMIT_EXCEEDED && fails(store->connection, code, "searching", why)) {
		disconnect(store);
		return CANNOT_TELL;
	}
	return ldap_count_entries(store->connection, *found) > 0 ? FOUND : NOT_FOUND;
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

	enum found outcome = search(store,
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
	question->found = search(store,
		ldap_filter(
			place, place->addresses, place->login, question->subject, question->arena),
		1, &found, question->because);
	ldap_msgfree(found);
	pthread_mutex_unlock(&store->lock);
}

/* ---- testing a password, in a thread ---- */

static enum found bind_to_test(struct question *question, const char *name)
{
	LDAP *connection = connect_to(question->store, question->because);

	if (!connection)
		return CANNOT_TELL;
	int code = bind_as(connection, name, arena_string(question->arena, question->password));
	bool wrong = code == LDAP_INVALID_CREDENTIALS ||
		     code == LDAP_INAPPROPRIATE_AUTH || /* the entry has no password */
		     code == LDAP_NO_SUCH_OBJECT;
	bool failed =
		!wrong && fails(connection, code, "signing in as the account", question->because);

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
	if (question->found == FOUND)
		question->found = name[0] ? bind_to_test(question, name) : CANNOT_TELL;
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

	disconnect(store);
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

/* One line of a file. */
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
	store->secret[strcspn(store->secret, "\r\n")] = '\0';
	return got >= 0;
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
	if (settings->accounts_bind.len)
		store->bind = slice_string(settings->accounts_bind);
	if (ldap_place_read(settings->accounts_where, store->arena, &store->place, why) &&
		(!store->bind || secret_read(store, settings->accounts_password_file, why)))
		return &store->store;
	ldap_close(&store->store);
	return NULL;
}
