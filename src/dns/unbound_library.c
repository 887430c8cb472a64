/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of libunbound that this room calls. The contract is in unbound_library.h. */
#include "dns/unbound_library.h"

#include <unbound.h>

#include "run/library.h"

/* clang-format off */
LIBRARY_CALL(struct ub_ctx *, ub_ctx_create, (void), ())
LIBRARY_CALL(void, ub_ctx_delete, (struct ub_ctx *context), (context))
LIBRARY_CALL(int, ub_ctx_set_option,
	(struct ub_ctx *context, const char *option, const char *value),
	(context, option, value))
LIBRARY_CALL(int, ub_ctx_set_fwd, (struct ub_ctx *context, const char *address), (context, address))
LIBRARY_CALL(int, ub_ctx_resolvconf, (struct ub_ctx *context, const char *path), (context, path))
LIBRARY_CALL(int, ub_ctx_add_ta_file, (struct ub_ctx *context, const char *path), (context, path))
LIBRARY_CALL(int, ub_ctx_debugout, (struct ub_ctx *context, void *out), (context, out))
LIBRARY_CALL(int, ub_ctx_async, (struct ub_ctx *context, int threads), (context, threads))
LIBRARY_CALL(int, ub_ctx_zone_remove, (struct ub_ctx *context, const char *zone), (context, zone))
LIBRARY_CALL(int, ub_resolve_async,
	(struct ub_ctx *context, const char *name, int type, int class, void *owner, ub_callback_type found, int *id),
	(context, name, type, class, owner, found, id))
LIBRARY_CALL(void, ub_resolve_free, (struct ub_result *result), (result))
LIBRARY_CALL(int, ub_cancel, (struct ub_ctx *context, int id), (context, id))
LIBRARY_CALL(int, ub_process, (struct ub_ctx *context), (context))
LIBRARY_CALL(int, ub_fd, (struct ub_ctx *context), (context))
LIBRARY_CALL(const char *, ub_strerror, (int error), (error))
/* clang-format on */

static const struct library_symbol symbols[] = {
	LIBRARY_SYMBOL(ub_ctx_create),
	LIBRARY_SYMBOL(ub_ctx_delete),
	LIBRARY_SYMBOL(ub_ctx_set_option),
	LIBRARY_SYMBOL(ub_ctx_set_fwd),
	LIBRARY_SYMBOL(ub_ctx_resolvconf),
	LIBRARY_SYMBOL(ub_ctx_add_ta_file),
	LIBRARY_SYMBOL(ub_ctx_debugout),
	LIBRARY_SYMBOL(ub_ctx_async),
	LIBRARY_SYMBOL(ub_ctx_zone_remove),
	LIBRARY_SYMBOL(ub_resolve_async),
	LIBRARY_SYMBOL(ub_resolve_free),
	LIBRARY_SYMBOL(ub_cancel),
	LIBRARY_SYMBOL(ub_process),
	LIBRARY_SYMBOL(ub_fd),
	LIBRARY_SYMBOL(ub_strerror),
};

bool unbound_library_load(struct text *why)
{
	static const char *const names[] = {"libunbound.so.8", "libunbound.so", NULL};

	return library_load(names, symbols, sizeof symbols / sizeof symbols[0], why);
}
