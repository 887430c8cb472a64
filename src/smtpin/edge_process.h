/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the edge's process share: edge_role.c (its life), listener.c, talk.c (to queue
 * and control). Nobody else includes it. */
#ifndef SMTPIN_EDGE_PROCESS_H
#define SMTPIN_EDGE_PROCESS_H

#include "packets/report.h"
#include "smtpin/edge.h"

struct edge_process {
	struct role *role;
	struct edge edge;
	struct policy *prepared;
	struct tls_contexts *prepared_tls;
	struct offload *pool;
	struct channel *queue, *control;
	struct list listeners;
	struct dns_client *names;
	struct counting *counting;
	struct asker *asker; /* over the channel of `counting` */
	bool at_work;
	struct text kept;                 /* journal lines while control is away */
	uint64_t dropped;                 /* journal lines since control was told */
	struct spooling_committed behind; /* the newest that did not fit the channel */
	bool is_behind;
};

void listener_add(struct edge_process *process, const struct setup_grant *grant, int fd);
void listener_end(struct edge_process *process, const struct setup_grant *grant);
void listeners_start(struct edge_process *process);
void listeners_end(struct edge_process *process);

/* Each owns its descriptor. */
void control_open(struct edge_process *process, int fd);
void queue_open(struct edge_process *process, int fd);
struct edge_journal control_journal(struct edge_process *process);

#endif
