/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Next hops that are asked: how much they are asked, and how long they are left alone when they do
 * not answer. Read asked_inside.h first.
 */
#include "smtpout/asked_inside.h"

enum { THOUSAND = 1000 };

/* ---- hops ---- */

/* "10.0.0.7:25", the first of several, "the MX of example.org", a socket's path. */
static struct slice shown_name(const struct route *route, struct arena *arena)
{
	struct slice left = route->target, first = slice_cut(&left, ' ');
	struct slice shown = route->kind == ROUTE_MX ? arena_format(arena, "the MX of %.*s",
							       SLICE_ARGS(route->target))
						     : arena_slice(arena, first);

	return slice_part(shown, 0, HOP_SHOWN_MAX - 1);
}

static struct hop *hop_new(struct asked *asked, const struct route *route)
{
	struct arena *arena = arena_new();
	struct hop *hop = ARENA_NEW(arena, struct hop);

	*hop = (struct hop){.asked = asked,
		.arena = arena,
		.way = way_of_route(route, arena),
		.key = arena_slice(arena, route->key),
		.budget = (int64_t)PROBES_BURST * THOUSAND,
		.filled = loop_mono(asked->loop)};
	hop->shown = shown_name(route, arena);
	list_init(&hop->waiting);
	list_init(&hop->connections);
	list_init(&hop->idle);
	map_put(asked->hops, hop->key, hop);
	return hop;
}

void hop_free(struct hop *hop)
{
	map_take(hop->asked->hops, hop->key);
	list_remove(&hop->order);
	arena_free(hop->arena);
}

/* Names below `domain *.example.org … via mx` are as many as clients can think of. */
static bool make_room(struct asked *asked)
{
	if (map_count(asked->hops) < HOPS_MOST)
		return true;
	LIST_EACH (struct hop, hop, &asked->hop_order, order) {
		if (hop->open || !list_is_empty(&hop->waiting))
			continue;
		hop_free(hop);
		return true;
	}
	return false;
}

struct hop *hop_of(struct asked *asked, const struct route *route)
{
	struct hop *hop = map_get(asked->hops, route->key);

	if (hop)
		list_remove(&hop->order);
	else if (make_room(asked))
		hop = hop_new(asked, route);
	else
		return NULL;
	list_append(&asked->hop_order, &hop->order);
	return hop;
}

/* ---- how much ---- */

static void budget_fill(struct hop *hop)
{
	const int64_t most = (int64_t)PROBES_BURST * THOUSAND;
	mono_ns now = loop_mono(hop->asked->loop);
	int64_t more = (now - hop->filled) / (NS_PER_S / (PROBES_PER_SECOND * THOUSAND));

	if (more <= 0)
		return;
	hop->filled = now;
	hop->budget = more >= most - hop->budget ? most : hop->budget + more;
}

bool hop_take_budget(struct hop *hop)
{
	budget_fill(hop);
	if (hop->budget < THOUSAND)
		return false;
	hop->budget -= THOUSAND;
	return true;
}

void hop_give_budget(struct hop *hop)
{
	hop->budget += THOUSAND;
}

/* ---- whether it answers ---- */

bool hop_rests(const struct hop *hop)
{
	return hop->rest_until > loop_mono(hop->asked->loop);
}

void hop_is_well(struct hop *hop)
{
	if (hop->rest)
		asked_say(hop->asked, false, "next-hop-answers", "%.*s answers again",
			SLICE_ARGS(hop->shown));
	hop->rest = hop->rest_until = 0;
}

void hop_is_silent(struct hop *hop, struct slice why)
{
	struct list waiting = LIST_HEAD(waiting), *first;

	words_copy(hop->trouble, sizeof hop->trouble, why);
	if (!hop->rest)
		asked_say(hop->asked, true, "next-hop-silent",
			"no answer about mailboxes from %s; who is not remembered is deferred",
			hop->trouble);
	hop->rest = !hop->rest                      ? HOP_REST_FIRST
		    : hop->rest * 2 > HOP_REST_MOST ? HOP_REST_MOST
						    : hop->rest * 2;
	hop->rest_until = loop_mono(hop->asked->loop) + hop->rest;
	while ((first = list_take(&hop->waiting)))
		list_append(&waiting, first);
	while ((first = list_take(&waiting)))
		probe_settle_untold(hop->asked, LIST_OBJECT(struct probe, first, link), why);
}
