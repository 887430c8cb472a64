/* SPDX-License-Identifier: Apache-2.0 */
/* A proof being made: what its parts share. Private to this room. */
#ifndef POLICY_PROOF_INSIDE_H
#define POLICY_PROOF_INSIDE_H

#include "policy/exposure.h"
#include "policy/transcript.h"

struct proving {
	const struct policy *policy;
	struct complaints *complaints;
	struct arena *arena;
	struct exposure exposure;
	struct proof *proof; /* in the policy's arena */
	struct proof_piece *pieces;
	size_t transcripts;
	uint32_t peer_network;
	bool **complained; /* by network and CIDR */
};
/* Prints a session under the last complaint. */
void proving_show(struct proving *proving, const struct transcript *transcript);

/* Domains that are everybody's (proof_domains.c); aliases that lead abroad (proof_aliases.c). */
void domains_judge(struct proving *proving);
void aliases_judge(struct proving *proving);

#endif
