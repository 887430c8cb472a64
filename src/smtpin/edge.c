/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions share. Read edge.h first. */
#include "smtpin/edge.h"

#include <sys/random.h>

#include "base/panic.h"
#include "policy/door.h"
#include "smtpin/admission.h"
#include "smtpin/refuse.h"
#include "smtpin/alike.h"

void edge_open(struct edge *edge, struct loop *loop, unsigned id_slot, struct edge_journal journal)
{
	*edge = (struct edge){
		.loop = loop,
		.ids = {.slot = id_slot},
		.memory_most = MEMORY_MOST,
		.journal = journal,
		.line = TEXT_GROWING,
	};
	list_init(&edge->sessions);
	list_init(&edge->questions);
	gate_init(&edge->emptied);
	admission_begin(edge);
	panic_if(getrandom(&edge->seed, sizeof edge->seed, 0) != sizeof edge->seed ||
			 getrandom(&edge->secret, sizeof edge->secret, 0) != sizeof edge->secret,
		"no random numbers");
	edge->alike = alike_open(loop, edge->seed, journal.take, journal.owner);
}

void edge_close(struct edge *edge)
{
	panic_if(edge->session_count, "%zu sessions at the end", edge->session_count);
	timer_clear(&edge->pressure);
	alike_close(edge->alike);
	census_close(edge->census);
	while (edge->spare_count)
		arena_free(edge->spare[--edge->spare_count]);
	policy_unref(edge->policy);
	text_free(&edge->line);
}

void edge_use_policy(struct edge *edge, struct policy *policy)
{
	policy_unref(edge->policy);
	edge->policy = policy;
	edge->needs = policy_needs(policy);
}

/* A proxy is counted nowhere: its clients are, when it has said who they are. */
static void welcome(
	struct task *task, struct edge *edge, struct io *client, struct arrival *arrival)
{
	enum reason reason = edge->stopping ? REASON_SHUTTING_DOWN
			     : arrival->local || arrival->proxied
				     ? REASON_NONE
				     : admission_ask(edge, &arrival->from, arrival->service,
					       &arrival->admission);

	if (reason == REASON_NONE && session_start(edge, client, arrival))
		return;
	if (reason == REASON_NONE) {
		admission_end(edge, &arrival->admission);
		reason = REASON_TOO_MANY_CONNECTIONS;
	}
	refuse_connection(task, edge, client, &arrival->from, arrival->service, reason);
}

void edge_welcome(struct task *task, struct edge *edge, struct io *client,
	const struct address *from, struct slice service)
{
	struct arrival arrival = {.from = *from, .service = service};

	welcome(task, edge, client, &arrival);
}

void edge_welcome_at(struct task *task, struct edge *edge, struct io *client,
	const struct address *from, struct slice service, const struct address *at)
{
	struct arrival arrival = {.from = *from,
		.service = service,
		.proxied = policy_proxy_is_due(edge->policy, service, at, from)};

	welcome(task, edge, client, &arrival);
}

void edge_welcome_local(struct task *task, struct edge *edge, struct io *client, struct slice user)
{
	struct arrival arrival = {
		.service = slice_of(service_text(SERVICE_LOCAL)), .local = true, .user = user};

	welcome(task, edge, client, &arrival);
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
	alike_record(edge->alike, decision, &edge->line);
	if (decision->decision->verdict != VERDICT_ACCEPT && edge->journal.refused)
		edge->journal.refused(edge->journal.owner, decision);
}

void edge_record_auth(struct edge *edge, struct journal_auth *auth)
{
	auth->id = auth->id ? auth->id : edge_new_id(edge);
	auth->time = loop_wall(edge->loop);
	auth->node = policy_settings(edge->policy)->hostname;
	text_clear(&edge->line);
	journal_write_auth(&edge->line, auth);
	edge->journal.take(edge->journal.owner, text_slice(&edge->line));
	if (edge->journal.signed_in)
		edge->journal.signed_in(edge->journal.owner, auth);
}

void edge_record_tls(struct edge *edge, struct journal_tls *failure)
{
	failure->id = edge_new_id(edge);
	failure->time = loop_wall(edge->loop);
	failure->node = policy_settings(edge->policy)->hostname;
	text_clear(&edge->line);
	journal_write_tls(&edge->line, failure);
	edge->journal.take(edge->journal.owner, text_slice(&edge->line));
	if (edge->journal.tls_failed)
		edge->journal.tls_failed(edge->journal.owner, failure);
}
