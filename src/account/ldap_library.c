/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of libldap that this room calls. The contract is in ldap_library.h. */
#include "account/ldap_library.h"

#include <ldap.h>

#include "run/library.h"

/* What LDAP_OPT_ON points at: any address but NULL means yes. */
char ber_pvt_opt_on;

/* clang-format off */
LIBRARY_CALL(int, ldap_initialize, (LDAP **at, const char *uri), (at, uri))
LIBRARY_CALL(int, ldap_set_option, (LDAP *at, int option, const void *value), (at, option, value))
LIBRARY_CALL(int, ldap_get_option, (LDAP *at, int option, void *value), (at, option, value))
LIBRARY_CALL(int, ldap_start_tls_s, (LDAP *at, LDAPControl **of_server, LDAPControl **of_client),
	(at, of_server, of_client))
LIBRARY_CALL(int, ldap_sasl_bind_s, (LDAP *at, const char *name, const char *mechanism,
	struct berval *secret, LDAPControl **of_server, LDAPControl **of_client, struct berval **answer),
	(at, name, mechanism, secret, of_server, of_client, answer))
LIBRARY_CALL(int, ldap_unbind_ext_s, (LDAP *at, LDAPControl **of_server, LDAPControl **of_client),
	(at, of_server, of_client))
LIBRARY_CALL(int, ldap_search_ext_s, (LDAP *at, const char *base, int scope, const char *filter,
	char **attributes, int names_only, LDAPControl **of_server, LDAPControl **of_client,
	struct timeval *time, int most, LDAPMessage **found),
	(at, base, scope, filter, attributes, names_only, of_server, of_client, time, most, found))
LIBRARY_CALL(int, ldap_count_entries, (LDAP *at, LDAPMessage *found), (at, found))
LIBRARY_CALL(LDAPMessage *, ldap_first_entry, (LDAP *at, LDAPMessage *found), (at, found))
LIBRARY_CALL(struct berval **, ldap_get_values_len, (LDAP *at, LDAPMessage *entry, const char *name),
	(at, entry, name))
LIBRARY_CALL(int, ldap_count_values_len, (struct berval **values), (values))
LIBRARY_CALL(void, ldap_value_free_len, (struct berval **values), (values))
LIBRARY_CALL(char *, ldap_get_dn, (LDAP *at, LDAPMessage *entry), (at, entry))
LIBRARY_CALL(int, ldap_msgfree, (LDAPMessage *found), (found))
LIBRARY_CALL(void, ldap_memfree, (void *at), (at))
LIBRARY_CALL(char *, ldap_err2string, (int code), (code))
LIBRARY_CALL(int, ldap_url_parse, (const char *url, LDAPURLDesc **parts), (url, parts))
LIBRARY_CALL(void, ldap_free_urldesc, (LDAPURLDesc *parts), (parts))
/* clang-format on */

static const struct library_symbol symbols[] = {
	LIBRARY_SYMBOL(ldap_initialize),
	LIBRARY_SYMBOL(ldap_set_option),
	LIBRARY_SYMBOL(ldap_get_option),
	LIBRARY_SYMBOL(ldap_start_tls_s),
	LIBRARY_SYMBOL(ldap_sasl_bind_s),
	LIBRARY_SYMBOL(ldap_unbind_ext_s),
	LIBRARY_SYMBOL(ldap_search_ext_s),
	LIBRARY_SYMBOL(ldap_count_entries),
	LIBRARY_SYMBOL(ldap_first_entry),
	LIBRARY_SYMBOL(ldap_get_values_len),
	LIBRARY_SYMBOL(ldap_count_values_len),
	LIBRARY_SYMBOL(ldap_value_free_len),
	LIBRARY_SYMBOL(ldap_get_dn),
	LIBRARY_SYMBOL(ldap_msgfree),
	LIBRARY_SYMBOL(ldap_memfree),
	LIBRARY_SYMBOL(ldap_err2string),
	LIBRARY_SYMBOL(ldap_url_parse),
	LIBRARY_SYMBOL(ldap_free_urldesc),
};

bool ldap_library_load(struct text *why)
{
	static const char *const names[] = {"libldap-2.5.so.0", "libldap.so.2", NULL};

	return library_load(names, symbols, sizeof symbols / sizeof symbols[0], why);
}
