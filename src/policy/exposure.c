/* SPDX-License-Identifier: Apache-2.0 */
/* Who relays without a secret, as sets of addresses. The contract is in exposure.h. */
#include "policy/exposure.h"

/* Everything is seen from one listener at a time: of a stranger's session that is a constant. */
struct view {
	const struct policy *policy;
	struct arena *arena;
	wall_ns now;
	enum service listener;
	struct address_set *networks; /* of each network; at NULL and count 0 until asked for */
	bool *network_known;
	struct address_set trusted;
	bool trusted_known;
};

/* ---- what an atom rests on ---- */

/* STANDS_OURS: false of a foreign recipient. What is not here is a claim. */
static const uint8_t standings[ATOMS] = {
	[ATOM_CLIENT] = STANDS_EXACT,
	[ATOM_NETWORK] = STANDS_EXACT,
	[ATOM_LISTENER] = STANDS_EXACT,
	[ATOM_TRUSTED] = STANDS_EXACT,
	[ATOM_AUTHENTICATED] = STANDS_SECRET,
	[ATOM_ACCOUNT] = STANDS_SECRET,
	[ATOM_GROUP] = STANDS_SECRET,
	[ATOM_CERTIFICATE] = STANDS_SECRET,
	[ATOM_RECENT_POP] = STANDS_SECRET,
	[ATOM_LOCAL] = STANDS_SECRET,
	[ATOM_RECIPIENT_OURS] = STANDS_OURS,
	[ATOM_RECIPIENT_UNKNOWN] = STANDS_OURS,
};

enum atom_standing atom_standing(const struct node *node)
{
	return (enum atom_standing)standings[node->atom];
}

/* ---- networks ---- */

static bool names_single(const struct network_row *row, const struct address *address)
{
	for (size_t i = 0; i < row->net_count; i++)
		if (row->nets[i].prefix == 128 && address_is(&row->nets[i].base, address))
			return true;
	return false;
}

static struct address_set gateways_outside(
	const struct policy *policy, const struct network_row *row, struct arena *arena)
{
	struct range *ranges = ARENA_ARRAY(arena, struct range, policy->gateway_count + 1);
	size_t count = 0;

	for (size_t i = 0; i < policy->gateway_count; i++) {
		address_number number = number_of_address(&policy->gateways[i]);
		if (!names_single(row, &policy->gateways[i]))
			ranges[count++] = (struct range){number, number};
	}
	return set_of_ranges(ranges, count);
}

struct address_set network_set(const struct policy *policy, uint32_t network, struct arena *arena)
{
	const struct network_row *row = &policy->networks.at[network];
	struct range *ranges = ARENA_ARRAY(arena, struct range, row->net_count + 1);

	for (size_t i = 0; i < row->net_count; i++)
		ranges[i] = range_of_network(&row->nets[i]);
	return set_without(
		arena, set_of_ranges(ranges, row->net_count), gateways_outside(policy, row, arena));
}

static struct address_set view_network(struct view *view, uint32_t network)
{
	if (!view->network_known[network])
		view->networks[network] = network_set(view->policy, network, view->arena);
	view->network_known[network] = true;
	return view->networks[network];
}

/* ---- many sets ---- */

/* Ranges of many sets, sorted and joined once. */
struct heap {
	struct arena *arena;
	TABLE(struct range) ranges;
};

static void heap_put(struct heap *heap, struct address_set set)
{
	for (size_t i = 0; i < set.count; i++)
		*TABLE_ADD(heap->arena, &heap->ranges) = set.at[i];
}

static struct address_set heap_set(const struct heap *heap)
{
	return set_of_ranges(heap->ranges.at, heap->ranges.count);
}

/* ---- conditions ---- */

/* A set, or everything outside it: so `not` costs nothing. */
struct side {
	struct address_set set;
	bool outside;
};
/* The addresses for which a condition may be true, and those for which it must be, whatever the
 * client claims. */
struct extent {
	struct side may, must;
};
static const struct side nobody = {.outside = false}, anybody = {.outside = true};

static struct side side_not(struct side side)
{
	side.outside = !side.outside;
	return side;
}

static struct side side_and(struct arena *arena, struct side a, struct side b)
{
	if (a.outside && b.outside)
		return (struct side){set_join(arena, a.set, b.set), true};
	if (a.outside || b.outside)
		return (struct side){a.outside ? set_without(arena, b.set, a.set)
					       : set_without(arena, a.set, b.set),
			false};
	return (struct side){set_meet(arena, a.set, b.set), false};
}

static struct side side_or(struct arena *arena, struct side a, struct side b)
{
	return side_not(side_and(arena, side_not(a), side_not(b)));
}

static bool is_live(const struct view *view, const struct clause *clause)
{
	return clause->place.until > view->now;
}

static bool lets_network(const struct view *view, const struct clause *clause)
{
	return clause->kind == CLAUSE_RELAY && clause->credential == CREDENTIAL_NETWORK &&
	       is_live(view, clause);
}

/* Whoever is in a network that some living `relay for` names, whatever else that clause asks. */
static struct address_set view_trusted(struct view *view)
{
	const struct policy *policy = view->policy;
	bool *named = ARENA_ARRAY(view->arena, bool, policy->networks.count + 1);
	struct heap heap = {.arena = view->arena};

	if (view->trusted_known)
		return view->trusted;
	for (size_t i = 0; i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		if (!lets_network(view, clause) || named[clause->network])
			continue;
		named[clause->network] = true;
		heap_put(&heap, view_network(view, clause->network));
	}
	view->trusted = heap_set(&heap);
	view->trusted_known = true;
	return view->trusted;
}

static struct extent extent_exact(struct side side)
{
	return (struct extent){side, side};
}

static struct side exact_side(struct view *view, const struct node *node)
{
	struct range *range;

	switch (node->atom) {
	case ATOM_NETWORK: return (struct side){view_network(view, node->index), false};
	case ATOM_TRUSTED: return (struct side){view_trusted(view), false};
	case ATOM_LISTENER:
		return slice_is(node->text, slice_of(service_text(view->listener))) ? anybody
										    : nobody;
	default:
		range = ARENA_NEW(view->arena, struct range);
		*range = range_of_network(&node->net);
		return (struct side){{range, 1}, false};
	}
}

static struct extent atom_extent(struct view *view, const struct node *node)
{
	switch (atom_standing(node)) {
	case STANDS_EXACT: return extent_exact(exact_side(view, node));
	case STANDS_SECRET:
	case STANDS_OURS: return extent_exact(nobody);
	case STANDS_CLAIM: break;
	}
	return (struct extent){anybody, nobody};
}

static struct extent condition_extent(struct view *view, uint32_t at);

static struct extent both_extent(struct view *view, const struct node *node)
{
	struct extent left = condition_extent(view, node->left);
	struct extent right = condition_extent(view, node->right);
	struct side (*combine)(struct arena *, struct side, struct side) =
		node->kind == NODE_AND ? side_and : side_or;

	return (struct extent){combine(view->arena, left.may, right.may),
		combine(view->arena, left.must, right.must)};
}

static struct extent condition_extent(struct view *view, uint32_t at)
{
	struct extent inner;

	if (at == NO_NODE)
		return extent_exact(anybody);
	const struct node *node = &view->policy->nodes.at[at];
	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: return atom_extent(view, node);
	case NODE_NOT:
		inner = condition_extent(view, node->left);
		return (struct extent){side_not(inner.must), side_not(inner.may)};
	case NODE_AND:
	case NODE_OR: return both_extent(view, node);
	}
	return (struct extent){anybody, nobody};
}

/* ---- what is granted, and what is refused whatever is claimed ---- */

static struct address_set side_set(struct view *view, struct side side)
{
	return side.outside ? set_not(view->arena, side.set) : side.set;
}

static struct address_set refused_set(struct view *view)
{
	const struct policy *policy = view->policy;
	struct heap heap = {.arena = view->arena};

	for (size_t i = 0; i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		if (clause->kind == CLAUSE_REFUSE || clause->kind == CLAUSE_DEFER)
			heap_put(&heap,
				side_set(view, condition_extent(view, clause->condition).must));
	}
	return heap_set(&heap);
}

static struct address_set granted_set(struct view *view, const struct clause *clause)
{
	struct side network = {view_network(view, clause->network), false};

	return side_and(view->arena, network, condition_extent(view, clause->condition).may).set;
}

/* What one listener adds. Where there is only one view, what is refused is subtracted later and
 * once, and clauses share the sets of their networks. */
static void exposure_see(struct exposure *exposure, struct view *view, bool only)
{
	const struct policy *policy = view->policy;
	struct address_set refused = refused_set(view);

	if (only)
		exposure->refused = refused;
	for (size_t i = 0; i < exposure->clause_count; i++) {
		struct exposed_clause *one = &exposure->clauses[i];
		struct address_set set = granted_set(view, &policy->clauses.at[one->clause]);
		if (!only)
			set = set_without(view->arena, set, refused);
		one->granted = set_join(view->arena, one->granted, set);
	}
}

struct address_set exposed_set(
	const struct exposure *exposure, const struct exposed_clause *one, struct arena *arena)
{
	return set_without(arena, one->granted, exposure->refused);
}

/* A network that some clause grants whole is counted once; whoever else names it adds nothing. */
static struct address_set all_granted(struct exposure *exposure, struct view *view)
{
	const struct policy *policy = view->policy;
	bool *whole = ARENA_ARRAY(view->arena, bool, policy->networks.count + 1);
	struct heap heap = {.arena = view->arena};

	for (unsigned pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < exposure->clause_count; i++) {
			const struct exposed_clause *one = &exposure->clauses[i];
			uint32_t network = policy->clauses.at[one->clause].network;
			bool is_whole = one->granted.at == view->networks[network].at;
			if (whole[network] || is_whole != (pass == 0))
				continue;
			whole[network] = is_whole;
			heap_put(&heap, one->granted);
		}
	return set_without(view->arena, heap_set(&heap), exposure->refused);
}

/* A peer of `proxy from` says for whom it speaks: it may be anybody who may relay. */
static struct address_set peers_set(struct view *view)
{
	const struct policy *policy = view->policy;
	struct address_set peers = SET_NONE;

	for (size_t i = 0; i < policy->listens.count; i++)
		if (policy->listens.at[i].has_proxy)
			peers = set_join(view->arena, peers,
				view_network(view, policy->listens.at[i].proxy));
	return peers;
}

/* ---- the whole ---- */

bool policy_names_listener(const struct policy *policy)
{
	for (size_t i = 0; i < policy->nodes.count; i++)
		if (policy->nodes.at[i].kind == NODE_ATOM &&
			policy->nodes.at[i].atom == ATOM_LISTENER)
			return true;
	return false;
}

static struct exposure exposure_start(struct view *view)
{
	const struct policy *policy = view->policy;
	struct exposure exposure = {.now = view->now};

	exposure.clauses =
		ARENA_ARRAY(view->arena, struct exposed_clause, policy->clauses.count + 1);
	for (size_t i = 0; i < policy->clauses.count; i++)
		if (lets_network(view, &policy->clauses.at[i]))
			exposure.clauses[exposure.clause_count++].clause = (uint32_t)i;
	return exposure;
}

struct exposure exposure_of(const struct policy *policy, wall_ns now, struct arena *arena)
{
	/* The submission listeners ask for a secret before anything else (policy.md, "Signing in").
	 */
	static const enum service strangers[] = {SERVICE_SMTP, SERVICE_LMTP};
	size_t listeners = policy_names_listener(policy) ? sizeof strangers / sizeof *strangers : 1;
	struct view view = {.policy = policy, .arena = arena, .now = now};

	view.networks = ARENA_ARRAY(arena, struct address_set, policy->networks.count + 1);
	view.network_known = ARENA_ARRAY(arena, bool, policy->networks.count + 1);
	struct exposure exposure = exposure_start(&view);
	for (size_t i = 0; i < listeners; i++) {
		view.listener = strangers[i];
		exposure_see(&exposure, &view, listeners == 1);
	}
	exposure.granted = all_granted(&exposure, &view);
	if (exposure.granted.count > 0)
		exposure.peers = peers_set(&view);
	exposure.all = set_join(arena, exposure.granted, exposure.peers);
	return exposure;
}
