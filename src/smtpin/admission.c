/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of connections over all edges, and pressure. Read admission.h first, then role/census.h.
 */
#include "smtpin/admission.h"

#include "smtpin/session.h"

enum {
	STRANGERS_SHARE = 90, /* hundredths of `limits connections` */
	SIGNING_IN_SHARE = 95,
	ALL = 100,
	ENOUGH_OCTETS = 15000,
};
static const mono_ns sweep_ns = NS_PER_S;

/* How long a stranger may stand still, and from which share on. */
static const struct {
	unsigned share;
	mono_ns patience;
} pressures[] = {{90, 10 * NS_PER_S}, {80, 30 * NS_PER_S}};

/* ---- room ---- */

static uint64_t most_of(const struct edge *edge)
{
	return policy_settings(edge->policy)->limits.connections;
}

static uint64_t share_of(uint64_t most, unsigned hundredths)
{
	if (most == UINT64_MAX)
		return most;
	return most / ALL * hundredths + most % ALL * hundredths / ALL;
}

static bool address_is_favoured(struct edge *edge, const struct address *from, struct slice service)
{
	struct facts facts = {.client = *from,
		.has_client = true,
		.listener = service,
		.now = loop_wall(edge->loop)};
	struct arena *arena = edge_arena_take(edge);
	bool favoured = policy_favours_client(edge->policy, &facts, arena);

	edge_arena_give(edge, arena);
	return favoured;
}

static bool session_is_favoured(struct session *session, struct arena *arena)
{
	struct facts facts;

	facts_gather(session, NULL, &facts);
	return policy_favours_client(session_policy(session), &facts, arena);
}

/* Whoever has to sign in is nobody yet, and likelier to become someone than who comes to port 25.
 */
static unsigned share_for_strangers(struct slice service)
{
	return slice_starts(service, SLICE("submission")) ? SIGNING_IN_SHARE : STRANGERS_SHARE;
}

/* Counted first and looked at then: of two that take the last place at once none gets over it. */
static bool enter_among_all(struct edge *edge, const struct address *from, struct slice service)
{
	uint64_t most = most_of(edge);

	census_add(edge->census);
	uint64_t total = census_total(edge->census);
	if (total <= share_of(most, share_for_strangers(service)) ||
		(total <= most && address_is_favoured(edge, from, service)))
		return true;
	census_take(edge->census);
	return false;
}

/* The key under which it was entered is kept, for it is left under no other. */
static enum reason enter(
	struct edge *edge, uint64_t key, uint64_t open, uint64_t a_minute, uint64_t *kept)
{
	*kept = 0;
	switch (census_enter(edge->census, key, loop_mono(edge->loop), open, a_minute)) {
	case CENSUS_ENTERED: *kept = key; return REASON_NONE;
	case CENSUS_UNCOUNTED: return REASON_NONE;
	case CENSUS_TOO_MANY_OPEN: return REASON_TOO_MANY_FROM_ADDRESS;
	case CENSUS_TOO_MANY_A_MINUTE: return REASON_TOO_OFTEN_FROM_ADDRESS;
	}
	return REASON_NONE;
}

static enum reason enter_address(struct edge *edge, const struct address *from,
	const struct session_limits *limits, struct admission *admission)
{
	if (limits->connections_per_address == UINT64_MAX &&
		limits->connections_per_minute == UINT64_MAX)
		return REASON_NONE;
	return enter(edge, census_key_of_address(edge->census, from),
		limits->connections_per_address, limits->connections_per_minute,
		&admission->address);
}

/* A network with a number of its own, or all. */
static enum reason enter_crowd(struct edge *edge, const struct address *from, struct slice service,
	const struct session_limits *limits, struct admission *admission)
{
	if (!limits->counted_in.len) {
		admission->among_all = enter_among_all(edge, from, service);
		return admission->among_all ? REASON_NONE : REASON_TOO_MANY_CONNECTIONS;
	}
	uint64_t key = census_key_of_name(edge->census, limits->counted_in);
	return enter(edge, key, limits->connections, UINT64_MAX, &admission->network) == REASON_NONE
		       ? REASON_NONE
		       : REASON_TOO_MANY_CONNECTIONS;
}

/* The limits of each address are the trusted client's only where they are written for it. */
static struct session_limits limits_at_the_door(
	struct edge *edge, const struct address *from, struct slice service)
{
	const struct session_limits *limits = &policy_settings(edge->policy)->limits;
	bool unlimited = limits->connections_per_address == UINT64_MAX &&
			 limits->connections_per_minute == UINT64_MAX;

	if (unlimited && !policy_has_limits_for(edge->policy))
		return *limits;
	return policy_limits_of(edge->policy, from, address_is_favoured(edge, from, service));
}

/* ---- pressure ---- */

/* 0: nobody is pressed. */
static mono_ns patience_now(const struct edge *edge)
{
	uint64_t most = most_of(edge), total = census_total(edge->census);

	for (size_t i = 0; most != UINT64_MAX && i < sizeof pressures / sizeof *pressures; i++)
		if (total >= share_of(most, pressures[i].share))
			return pressures[i].patience;
	return 0;
}

static uint64_t too_many(const struct edge *edge)
{
	uint64_t total = census_total(edge->census);
	uint64_t enough = share_of(most_of(edge), pressures[1].share);

	return total > enough ? total - enough : 1;
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
	uint64_t left = too_many(edge);

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
	struct session_limits limits = limits_at_the_door(edge, from, service);

	*admission = (struct admission){0};
	enum reason reason = enter_address(edge, from, &limits, admission);
	if (reason == REASON_NONE)
		reason = enter_crowd(edge, from, service, &limits, admission);
	if (reason != REASON_NONE)
		admission_end(edge, admission);
	if (edge->pressure.at == NEVER && patience_now(edge))
		timer_set(&edge->pressure, loop_mono(edge->loop) + sweep_ns);
	return reason;
}

void admission_end(struct edge *edge, struct admission *admission)
{
	if (admission->address)
		census_leave(edge->census, admission->address);
	if (admission->network)
		census_leave(edge->census, admission->network);
	if (admission->among_all)
		census_take(edge->census);
	*admission = (struct admission){0};
}
