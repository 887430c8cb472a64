/* SPDX-License-Identifier: Apache-2.0 */
/* Public suffixes, by libpsl. The contract is in public_suffix.h. */
#include "policy/public_suffix.h"

#include <libpsl.h>
#include <string.h>

enum { NAME_MAX_LEN = 255 };

enum public_suffix public_suffix_kind(struct slice name)
{
	const psl_ctx_t *list = psl_builtin();
	char text[NAME_MAX_LEN + 1];

	if (name.len == 0 || name.len > NAME_MAX_LEN || !list)
		return SUFFIX_NONE;
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	if (psl_is_public_suffix2(list, text, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE))
		return SUFFIX_OF_A_REGISTRY;
	if (psl_is_public_suffix2(list, text, PSL_TYPE_PRIVATE | PSL_TYPE_NO_STAR_RULE))
		return SUFFIX_OF_A_COMPANY;
	return SUFFIX_NONE;
}
