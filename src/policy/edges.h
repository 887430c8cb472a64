/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real decision, tried where it could go wrong: at the addresses on both sides of every edge of
 * every network, for every form of foreign address, with every claim true, false and unknown.
 * Private to this room; the proof does not believe its own algebra without it.
 */
#ifndef POLICY_EDGES_H
#define POLICY_EDGES_H

#include "policy/exposure.h"

struct edges_result {
	size_t decisions, edges_tried, edges;
	bool failed; /* a decision relays for `client`, whom the algebra says it does not */
	struct address client;
	enum service listener;
	struct slice sender, recipient; /* as the client would write them */
};
/* As many decisions as fit into a fixed amount of work, spread evenly over all edges. */
struct edges_result edges_try(
	const struct policy *policy, const struct exposure *exposure, struct arena *arena);

#endif
