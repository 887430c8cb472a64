/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the edge's process share: edge_role.c (its life), arrivals.c (who comes)
 * and talk.c (to queue and control). Nobody else includes it. */
#ifndef SMTPIN_EDGE_PROCESS_H
#define SMTPIN_EDGE_PROCESS_H

#include "packets/report.h"
#include "role/listening.h"
#include "role/told.h"
#include "smtpin/edge.h"

struct edge_process {
	struct role *role;
	struct edge edge;
	struct policy *prepared;
	struct tls_contexts *prepared_tls;
	struct offload *pool;
	struct channel *queue;
	struct told told;
	struct listening listening;
	struct dns_client *names;
	struct counting *counting;
	struct asker *asker;              /* over the channel of `counting` */
	struct spooling_committed behind; /* the newest that did not fit the channel */
	bool is_behind;
};

void arrivals_init(struct edge_process *process);

/* Owns `fd`. */
void queue_open(struct edge_process *process, int fd);
void control_begin(struct edge_process *process);
struct edge_journal control_journal(struct edge_process *process);

#endif
