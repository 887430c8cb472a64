/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions share. Read edge.h first. */
#include "smtpin/edge.h"

#include <sys/random.h>

#include "base/panic.h"
#include "smtpin/refuse.h"

void edge_open(struct edge *edge, struct loop *loop, unsigned id_slot, unsigned edges,
	struct edge_journal journal)
{
	*edge = (struct edge){
		.loop = loop,
		.ids = {.slot = id_slot},
		.edges = edges,
		.journal = journal,
		.line = TEXT_GROWING,
	};
	list_init(&edge->sessions);
	list_init(&edge->questions);
	gate_init(&edge->emptied);
	panic_if(getrandom(&edge->seed, sizeof edge->seed, 0) != sizeof edge->seed ||
			 getrandom(&edge->secret, sizeof edge->secret, 0) != sizeof edge->secret,
		"no random numbers");
}

void edge_close(struct edge *edge)
{
	panic_if(edge->session_count, "%zu sessions at the end", edge->session_count);
	while (edge->spare_count)
		arena_free(edge->spare[--edge->spare_count]);
	policy_unref(edge->policy);
	text_free(&edge->line);
}

/* `limits connections` holds for the whole daemon; the kernel spreads them over the edges. */
static uint64_t session_most(const struct edge *edge)
{
	uint64_t all = policy_settings(edge->policy)->limits.connections;

	return all == UINT64_MAX || all < edge->edges ? all : all / edge->edges;
}

void edge_use_policy(struct edge *edge, struct policy *policy)
{
	policy_unref(edge->policy);
	edge->policy = policy;
	edge->needs = policy_needs(policy);
	edge->session_most = session_most(edge);
}

void edge_welcome(struct task *task, struct edge *edge, struct io *client,
	const struct address *from, struct slice service)
{
	if (edge->stopping)
		refuse_connection(task, edge, client, from, service, REASON_SHUTTING_DOWN);
	else if (edge->session_count >= edge->session_most ||
		 !session_start(edge, client, from, service))
		refuse_connection(task, edge, client, from, service, REASON_TOO_MANY_CONNECTIONS);
}

void edge_stop(struct edge *edge)
{
	edge->stopping = true;
	LIST_EACH (struct session, session, &edge->sessions, link)
		if (session->waiting && !session->transaction)
			task_cancel(session->task);
}

void edge_stop_now(struct edge *edge)
{
	edge->stopping = true;
	LIST_EACH (struct session, session, &edge->sessions, link)
		task_cancel(session->task);
}

uint64_t edge_new_id(struct edge *edge)
{
	return id_next(&edge->ids, loop_wall(edge->loop));
}

/* Last in, first out: the one used last is the one in the processor's cache. */
struct arena *edge_arena_take(struct edge *edge)
{
	return edge->spare_count ? edge->spare[--edge->spare_count] : arena_new();
}

void edge_arena_give(struct edge *edge, struct arena *arena)
{
	if (!arena)
		return;
	if (edge->spare_count == SPARE_ARENAS) {
		arena_free(arena);
		return;
	}
	arena_reset(arena);
	edge->spare[edge->spare_count++] = arena;
}

void edge_record(struct edge *edge, struct journal_decision *decision)
{
	decision->time = loop_wall(edge->loop);
	decision->node = policy_settings(decision->policy)->hostname;
	text_clear(&edge->line);
	journal_write_decision(&edge->line, decision);
	edge->journal.take(edge->journal.owner, text_slice(&edge->line));
	if (decision->decision->verdict != VERDICT_ACCEPT && edge->journal.refused)
		edge->journal.refused(edge->journal.owner, decision);
}
