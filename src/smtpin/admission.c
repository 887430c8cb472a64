/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes first. Read admission.h first, then role/admission.h. */
#include "smtpin/admission.h"

#include "account/asker.h"
#include "policy/door.h"
#include "smtpin/session.h"

enum { ENOUGH_OCTETS = 15000 };
static const mono_ns sweep_ns = NS_PER_S;

static uint64_t most_of(const struct edge *edge)
{
	return policy_settings(edge->policy)->limits.connections;
}

static bool session_is_favoured(struct session *session, struct arena *arena)
{
	struct facts facts;

	facts_gather(session, NULL, &facts);
	return policy_favours_client(session_policy(session), &facts, arena);
}

/* ---- handshakes ---- */

enum tls_turn admission_turn(struct session *session)
{
	struct asker *asker = session->edge->asker;
	struct arena *arena = edge_arena_take(session->edge);
	bool first = asker_knows(asker, &session->client) || session_is_favoured(session, arena);

	edge_arena_give(session->edge, arena);
	if (first)
		return TLS_AT_ONCE;
	return asker_shut_for(asker, &session->client) ? TLS_LAST : TLS_IN_TURN;
}

/* ---- pressure ---- */

/* 0: nobody is pressed. */
static mono_ns patience_now(const struct edge *edge)
{
	return admission_patience(edge->census, most_of(edge));
}

static bool stands_still(const struct session *session, mono_ns patience)
{
	return session->waiting && !session->pressed && session->admission.among_all &&
	       loop_mono(session->edge->loop) - session->moved >= patience;
}

/* The sessions stand in the order in which they came. */
static void press(struct edge *edge, mono_ns patience)
{
	struct arena *arena = edge_arena_take(edge);
	uint64_t left = admission_excess(edge->census, most_of(edge));

	LIST_EACH (struct session, session, &edge->sessions, link) {
		if (!left || !stands_still(session, patience) ||
			session_is_favoured(session, arena))
			continue;
		session->pressed = true;
		task_cancel(session->task);
		left--;
	}
	edge_arena_give(edge, arena);
}

static void sweep(struct timer *timer)
{
	struct edge *edge = LIST_OBJECT(struct edge, timer, pressure);
	mono_ns patience = patience_now(edge);

	if (!patience || !edge->session_count)
		return;
	press(edge, patience);
	timer_set(timer, loop_mono(edge->loop) + sweep_ns);
}

void admission_begin(struct edge *edge)
{
	timer_init(&edge->pressure, edge->loop, sweep);
}

void admission_note_turn(struct session *session)
{
	session->moved = loop_mono(session->edge->loop);
	session->octets_since = 0;
}

void admission_note_octets(struct session *session, size_t octets)
{
	session->octets_since += octets;
	if (session->octets_since >= ENOUGH_OCTETS)
		admission_note_turn(session);
}

/* ---- memory ---- */

bool admission_has_memory(struct session *session)
{
	const struct edge *edge = session->edge;

	return edge->gathered <= edge->memory_most ||
	       (edge->gathered <= 2 * edge->memory_most &&
		       session_is_favoured(session, session->scratch));
}

/* ---- in and out ---- */

enum reason admission_ask(struct edge *edge, const struct address *from, struct slice service,
	struct admission *admission)
{
	struct arena *arena = edge_arena_take(edge);
	const struct door door = {.census = edge->census,
		.policy = edge->policy,
		.mono = loop_mono(edge->loop),
		.wall = loop_wall(edge->loop),
		.arena = arena,
		.shut_for = asker_shut_for(edge->asker, from)};
	enum reason reason = policy_admit(&door, from, service, admission);

	edge_arena_give(edge, arena);
	if (edge->pressure.at == NEVER && patience_now(edge))
		timer_set(&edge->pressure, loop_mono(edge->loop) + sweep_ns);
	return reason;
}

struct slice admission_about(const struct edge *edge, const struct address *from,
	enum reason reason, struct arena *arena)
{
	return reason == REASON_TOO_MANY_WRONG_SIGN_INS
		       ? door_words_until(asker_shut_for(edge->asker, from), arena)
		       : SLICE_NONE;
}

void admission_end(struct edge *edge, struct admission *admission)
{
	admission_leave(edge->census, admission);
}
