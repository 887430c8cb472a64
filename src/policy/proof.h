/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof (doc/policy.md, "The proof"): which addresses can relay to a foreign domain without a
 * secret. Made when a policy is loaded; a policy whose proof fails is not loaded.
 *
 * Exact where a clause speaks of the client's address, its networks and the listener, and of
 * secrets, which a stranger does not have. Whatever a client or its DNS says may be true or false:
 * what a claim grants is granted, what a claim refuses is not refused.
 */
#ifndef POLICY_PROOF_H
#define POLICY_PROOF_H

#include "policy/address_set.h"
#include "policy/measure.h"
#include "policy/policy.h"

enum proof_origin { ORIGIN_RELAY, ORIGIN_PROXY };
enum { PROOF_PIECES_MAX = 1000 };
/* Addresses that may relay, and the line that lets them. Pieces of two lines may overlap. */
struct proof_piece {
	struct range range;
	enum proof_origin origin;
	uint32_t network;
	struct clause_place place; /* the `relay for`; for ORIGIN_PROXY the file and line alone */
};
/* An address that belongs to no network although one holds it. */
struct proof_left_out {
	struct address address;
	struct slice interface; /* the container network's; empty: a default gateway */
	uint32_t network;
};
struct proof {
	const struct proof_piece *pieces;
	size_t piece_count;
	bool has_more;          /* than PROOF_PIECES_MAX */
	struct address_set all; /* of all pieces */
	struct measure measure;
	unsigned widest_v4, widest_v6;
	const struct proof_left_out *left_out;
	size_t left_out_count;
	/* The real decision was tried so often, at so many addresses of so many edges of pieces. */
	size_t decisions, edges_tried, edges;
};
/* Of a policy that policy_load() gave; NULL for one of policy_of_bundle(). Lives as long as it. */
const struct proof *policy_proof(const struct policy *policy);

/* True; but for posternd-without-proof, which the system tests alone build and nobody installs. */
bool proof_is_asked(void);

/* For people: the set, what was left out, what was tried, what no proof sees. */
void text_proof(struct text *text, const struct policy *policy, const struct proof *proof);
/* The same in one line, for a log. */
void text_proof_line(struct text *text, const struct policy *policy, const struct proof *proof);
/* One JSON object {complete,pieces,v4,v6,widest,left_out,decisions,edges_tried,edges,unseen}. */
void text_proof_json(struct text *text, const struct policy *policy, const struct proof *proof);

#endif
