/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule is switched off: in the crash test's library alone. */
#include "spool/mutation.h"

#ifdef SPOOL_MUTATIONS
enum mutation spool_mutation;
#endif
