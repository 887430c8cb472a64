/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transcript: the session that somebody without a secret would hold to relay, found by trying
 * the real decision. What he would say is taken from the policy's own words, so that every `if`
 * that speaks of a claim can be met.
 */
#ifndef POLICY_TRANSCRIPT_H
#define POLICY_TRANSCRIPT_H

#include "policy/address_set.h"
#include "policy/model.h"

struct transcript {
	struct address client;
	enum service listener;
	struct slice helo, sender, recipient, from; /* addresses in the one form; "" is <> */
	bool tls;
	uint64_t size;
	wall_ns now;
	struct clause_place grant;
	/* What DNS or a filter would have to say, in the policy's words; empty: nothing. */
	struct slice assumed;
};
/* Finds one from `client` to a domain that is not ours. False: none of the sessions tried relays.
 * `clause`: the `relay for` that lets the client; its own words are tried first. */
bool transcript_find(const struct policy *policy, const struct address *client, uint32_t clause,
	wall_ns now, struct arena *arena, struct transcript *found);
/* For people: a line each, "S: …" what the server says, "C: …" what the client says. */
void text_transcript(
	struct text *text, const struct policy *policy, const struct transcript *transcript);

/* A domain that is not ours, for examples. */
struct slice domain_elsewhere(const struct policy *policy);
/* Facts of such a session at the end of its data, which have no answers of others. */
struct facts transcript_facts(const struct transcript *transcript, struct arena *arena);

#endif
