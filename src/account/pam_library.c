/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of libpam that this room calls. The contract is in pam_library.h. */
#include "account/pam_library.h"

#include <security/pam_appl.h>

#include "run/library.h"

/* clang-format off */
LIBRARY_CALL(int, pam_start, (const char *service, const char *user, const struct pam_conv *conversation,
	pam_handle_t **pam), (service, user, conversation, pam))
LIBRARY_CALL(int, pam_set_item, (pam_handle_t *pam, int item, const void *value), (pam, item, value))
LIBRARY_CALL(int, pam_authenticate, (pam_handle_t *pam, int how), (pam, how))
LIBRARY_CALL(int, pam_acct_mgmt, (pam_handle_t *pam, int how), (pam, how))
LIBRARY_CALL(int, pam_end, (pam_handle_t *pam, int code), (pam, code))
LIBRARY_CALL(const char *, pam_strerror, (pam_handle_t *pam, int code), (pam, code))
/* clang-format on */

static const struct library_symbol symbols[] = {
	LIBRARY_SYMBOL(pam_start),
	LIBRARY_SYMBOL(pam_set_item),
	LIBRARY_SYMBOL(pam_authenticate),
	LIBRARY_SYMBOL(pam_acct_mgmt),
	LIBRARY_SYMBOL(pam_end),
	LIBRARY_SYMBOL(pam_strerror),
};

bool pam_library_load(struct text *why)
{
	static const char *const names[] = {"libpam.so.0", NULL};

	return library_load(names, symbols, sizeof symbols / sizeof symbols[0], why);
}
