/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to an LDAP directory, and searches over them; in threads, with time limits. Read
 * store_ldap.c first.
 */
#include <string.h>

#include "account/store_ldap_inside.h"

enum { SECONDS = 5 };

/* `at` may be NULL. The library's own words say what was wrong with a certificate. */
bool ldap_store_fails(LDAP *at, int code, const char *what, struct text *why)
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

int ldap_store_bind_as(LDAP *connection, const char *name, const char *password)
{
	struct berval secret = {
		.bv_val = (char *)(uintptr_t)password, .bv_len = password ? strlen(password) : 0};

	return ldap_sasl_bind_s(connection, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

/* NULL with words. */
LDAP *ldap_store_connect(const struct ldap_store *store, struct text *why)
{
	LDAP *connection = NULL;

	if (ldap_store_fails(NULL, ldap_initialize(&connection, store->place.server),
		    store->place.server, why))
		return NULL;
	limit(connection);
	if (store->place.starts_tls &&
		ldap_store_fails(
			connection, ldap_start_tls_s(connection, NULL, NULL), "StartTLS", why)) {
		ldap_unbind_ext_s(connection, NULL, NULL);
		return NULL;
	}
	return connection;
}

void ldap_store_disconnect(struct ldap_store *store)
{
	if (store->connection)
		ldap_unbind_ext_s(store->connection, NULL, NULL);
	store->connection = NULL;
}

static bool ready(struct ldap_store *store, struct text *why)
{
	if (store->connection)
		return true;
	store->connection = ldap_store_connect(store, why);
	if (!store->connection)
		return false;
	if (store->bind &&
		ldap_store_fails(store->connection,
			ldap_store_bind_as(store->connection, store->bind, store->secret),
			"signing in at the directory", why)) {
		ldap_store_disconnect(store);
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
enum found ldap_store_search(struct ldap_store *store, const char *filter, int most,
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
		ldap_store_disconnect(store);
		if (!ready(store, why))
			return CANNOT_TELL;
		code = search_once(store, filter, most, found);
	}
	if (code != LDAP_SIZELIMIT_EXCEEDED &&
		ldap_store_fails(store->connection, code, "searching", why)) {
		ldap_store_disconnect(store);
		return CANNOT_TELL;
	}
	return ldap_count_entries(store->connection, *found) > 0 ? FOUND : NOT_FOUND;
}
