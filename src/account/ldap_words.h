/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of LDAP: where accounts are (a URL, RFC 4516), filters (RFC 4515), names of groups. Pure.
 *
 *	ldaps://ldap.example.org/ou=people,dc=example,dc=org?uid,mail,memberOf?sub?(active=TRUE)
 *
 * The attributes are, in this order, the login's, the addresses', the groups' and the limits';
 * those that are not written are uid, mail, memberOf and none.
 */
#ifndef ACCOUNT_LDAP_WORDS_H
#define ACCOUNT_LDAP_WORDS_H

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

struct ldap_place {
	const char *server; /* "ldaps://ldap.example.org:636" */
	bool starts_tls;    /* ldap:// to another host */
	const char *base;
	int scope;
	const char *login, *addresses, *groups; /* attributes */
	const char *limits;                     /* likewise; NULL: accounts have none */
	const char *filter;                     /* "(objectClass=*)" */
};
/* In `arena`. False with words. */
bool ldap_place_read(
	struct slice url, struct arena *arena, struct ldap_place *place, struct text *why) MUST_USE;
/* (&FILTER(ATTRIBUTE=VALUE)), or with (|(A=VALUE)(B=VALUE)) where `or` is not NULL. The value is
 * escaped: it can be nothing but a value. */
const char *ldap_filter(const struct ldap_place *place, const char *attribute, const char * or,
	struct slice value, struct arena *arena);
/* "staff" of "cn=staff,ou=groups,dc=example,dc=org"; what is no such name is given back whole. */
struct slice ldap_group_name(struct slice value);

#endif
