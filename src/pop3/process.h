/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the role's process share: pop_role.c (its life), talk.c (control).
 * Nobody else includes it. */
#ifndef POP3_PROCESS_H
#define POP3_PROCESS_H

#include "pop3/pop.h"
#include "role/listening.h"
#include "role/told.h"

struct pop_process {
	struct role *role;
	struct pop pop;
	struct pop_doors doors;
	struct policy *prepared;
	struct tls *tls;
	struct tls_contexts *contexts; /* prepared */
	struct asker *asker;
	struct offload *pool;
	struct slice base_path; /* the state folder's, malloc'ed */
	struct listening listening;
	struct told told;
	struct text line;
};

/* talk.c: the answer to any question of control. */
void pop_tell(void *owner, struct slice question, struct text *out);
/* The doors of the journal and the log. */
void pop_told(void *owner, const struct pop_signin *signin);
void pop_failed(void *owner, struct slice account, struct slice words);

#endif
