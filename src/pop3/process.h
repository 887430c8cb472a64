/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the role's process share: pop_role.c (its life), listener.c, talk.c (control).
 * Nobody else includes it. */
#ifndef POP3_PROCESS_H
#define POP3_PROCESS_H

#include "pop3/pop.h"
#include "role/answers.h"

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
	struct list listeners;
	bool at_work;
	struct channel *control;
	struct answers answers;
	struct text line;
	uint64_t dropped; /* journal lines since control was told */
};

/* listener.c */
void pop_listener_add(struct pop_process *process, const struct setup_grant *grant, int fd);
void pop_listener_end(struct pop_process *process, const struct setup_grant *grant);
void pop_listeners_start(struct pop_process *process);
void pop_listeners_end(struct pop_process *process);

/* talk.c; owns `fd`. */
void pop_control_open(struct pop_process *process, int fd);
void pop_control_close(struct pop_process *process);
/* The doors of the journal and the log. */
void pop_told(void *owner, const struct pop_signin *signin);
void pop_failed(void *owner, struct slice account, struct slice words);

#endif
