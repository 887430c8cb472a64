/* SPDX-License-Identifier: Apache-2.0 */
/* OpenLDAP's libldap, loaded where accounts are kept in a directory, in the process that asks it.
 */
#ifndef ACCOUNT_LDAP_LIBRARY_H
#define ACCOUNT_LDAP_LIBRARY_H

#include "base/status.h"
#include "base/text.h"

/* Before the first call of any function of <ldap.h>. False, and why. */
MUST_USE bool ldap_library_load(struct text *why);

#endif
