/* SPDX-License-Identifier: Apache-2.0 */
/* What store_ldap.c (entries, questions, life) and ldap_connection.c (connections, searches) share.
 * Nobody else includes it. */
#ifndef ACCOUNT_STORE_LDAP_INSIDE_H
#define ACCOUNT_STORE_LDAP_INSIDE_H

#include <ldap.h>
#include <pthread.h>

#include "account/ldap_words.h"
#include "account/stores.h"

enum { SECRET_MAX = 512, WORDS_MAX = 160 };
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

/* ---- ldap_connection.c: in a thread ---- */
/* False: it is LDAP_SUCCESS; else words. `at` may be NULL: the library's own words of it say what
 * was wrong with a certificate. */
bool ldap_store_fails(LDAP *at, int code, const char *what, struct text *why);
int ldap_store_bind_as(LDAP *connection, const char *name, const char *password);
LDAP *ldap_store_connect(const struct ldap_store *store, struct text *why); /* NULL with words */
void ldap_store_disconnect(struct ldap_store *store); /* the one that searches */
/* `store->lock` is held. *found is the caller's to free (ldap_msgfree), whatever comes back. */
enum found ldap_store_search(struct ldap_store *store, const char *filter, int most,
	LDAPMessage **found, struct text *why);

#endif
