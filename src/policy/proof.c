/* SPDX-License-Identifier: Apache-2.0 */
/* The proof, judged: what lets too many relay without a secret is complained of, with the session
 * that would do it. The contract is in proof.h. */
#include "policy/proof.h"

#include <string.h>
#include <time.h>

#include "policy/edges.h"
#include "policy/proof_inside.h"
#include "policy/transcript.h"

enum { TRANSCRIPTS_MOST = 3, ERRORS_MOST = 20 };

#define OWN_CLIENTS "the addresses of your own clients alone"

static bool is_too_much(const struct policy *policy, struct measure measure)
{
	return measure.v4 > v4_most(policy->widest_v4) || measure.v6 > v6_most(policy->widest_v6);
}

/* ---- with a transcript ---- */

/* Where a stranger would come from: in the widest part of what counts and can exist. */
static struct address stranger_in(struct arena *arena, struct address_set part)
{
	struct address_set counted = set_counted(arena, part), widest;
	struct address_set real = set_without(arena, counted, set_reserved(arena, counted));
	size_t at = 0;

	widest = real.count > 0 ? real : counted.count > 0 ? counted : part;
	for (size_t i = 1; i < widest.count; i++)
		if (widest.at[i].last - widest.at[i].first >
			widest.at[at].last - widest.at[at].first)
			at = i;
	return address_of_number(widest.at[at].first + (widest.at[at].last > widest.at[at].first));
}

static void transcript_attach(struct proving *proving, struct slice words)
{
	struct complaints *complaints = proving->complaints;

	complaints->list[complaints->count - 1].transcript = arena_slice(complaints->arena, words);
}

void proving_show(struct proving *proving, const struct transcript *transcript)
{
	struct text text = TEXT_GROWING;

	text_transcript(&text, proving->policy, transcript);
	transcript_attach(proving, text_slice(&text));
	text_free(&text);
}

static void session_show(struct proving *proving, uint32_t clause, struct address_set part)
{
	struct address client = stranger_in(proving->arena, part);
	struct transcript transcript;

	if (proving->transcripts++ >= TRANSCRIPTS_MOST)
		return;
	if (transcript_find(proving->policy, &client, clause, proving->exposure.now, proving->arena,
		    &transcript))
		proving_show(proving, &transcript);
	else
		transcript_attach(proving,
			SLICE("no session that was tried relays as the other lines stand; but they "
			      "rest on what a client says of itself\n"));
}

/* ---- one piece ---- */

static void piece_complain(struct proving *proving, const struct exposed_clause *one,
	const struct token *token, struct address_set part, bool wide)
{
	if (wide)
		complain_at(proving->complaints, SEVERITY_ERROR, token,
			SLICE("this would be an open relay: the network may relay and is wider "
			      "than `widest network` allows"),
			SLICE(OWN_CLIENTS ", or a `widest network` line that says how wide you "
					  "mean"));
	else
		complain_at(proving->complaints, SEVERITY_ERROR, token,
			SLICE("the network may relay and has reserved addresses, which no client "
			      "of yours can have"),
			SLICE(OWN_CLIENTS));
	session_show(proving, one->clause, part);
}

/* Each CIDR is complained of once, whichever clause lets it. */
static bool *complained_of(struct proving *proving, uint32_t network)
{
	if (!proving->complained[network])
		proving->complained[network] = ARENA_ARRAY(
			proving->arena, bool, proving->policy->networks.at[network].net_count + 1);
	return proving->complained[network];
}

static size_t clause_judge(struct proving *proving, const struct exposed_clause *one)
{
	const struct policy *policy = proving->policy;
	uint32_t network = policy->clauses.at[one->clause].network;
	const struct network_row *row = &policy->networks.at[network];
	bool *complained = complained_of(proving, network);
	struct address_set set = exposed_set(&proving->exposure, one, proving->arena);
	size_t bad = 0;

	for (size_t i = 0; i < row->net_count && bad < ERRORS_MOST; i++) {
		struct address_set part =
			set_in_range(proving->arena, set, range_of_network(&row->nets[i]));
		bool wide = is_too_much(policy, set_measure(proving->arena, part));
		bool reserved = set_reserved(proving->arena, part).count > 0;
		if (complained[i] || (!wide && !reserved))
			continue;
		complained[i] = true;
		piece_complain(proving, one, &row->net_tokens[i], part, wide);
		bad++;
	}
	return bad;
}

/* ---- all together ---- */

static const struct exposed_clause *clause_at(const struct proving *proving, address_number number)
{
	const struct exposure *exposure = &proving->exposure;

	for (size_t i = 0; i < exposure->clause_count; i++)
		if (set_has(exposure->clauses[i].granted, number))
			return &exposure->clauses[i];
	return NULL;
}

static const struct token *token_at(
	const struct proving *proving, const struct exposed_clause *one, address_number number)
{
	const struct policy *policy = proving->policy;
	struct address address = address_of_number(number);
	uint32_t network = one ? policy->clauses.at[one->clause].network : proving->peer_network;
	const struct network_row *row = &policy->networks.at[network];

	for (size_t i = 0; i < row->net_count; i++)
		if (network_contains(&row->nets[i], &address))
			return &row->net_tokens[i];
	return &row->name_token;
}

/* How many ranges, in order, are still within the limits together. */
static size_t ranges_within(struct proving *proving)
{
	struct address_set all = proving->exposure.all;
	size_t low = 0, high = all.count;

	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;
		struct address_set some = {all.at, middle};
		if (is_too_much(proving->policy, set_measure(proving->arena, some)))
			high = middle;
		else
			low = middle;
	}
	return low;
}

static void sum_complain(struct proving *proving, struct measure measure)
{
	const struct policy *policy = proving->policy;
	struct range range = proving->exposure.all.at[ranges_within(proving)];
	bool v4 = measure.v4 > v4_most(policy->widest_v4);
	const struct exposed_clause *one = clause_at(proving, range.last);
	char what[240];
	struct text text = TEXT_FIXED(what);

	text_format(&text,
		"this would be an open relay: with this piece the networks that may relay hold "
		"more %s addresses together than `widest network` allows, a /%u",
		v4 ? "IPv4" : "IPv6", v4 ? policy->widest_v4 : policy->widest_v6);
	complain_at(proving->complaints, SEVERITY_ERROR, token_at(proving, one, range.last),
		text_slice(&text),
		SLICE(OWN_CLIENTS ", or a `widest network` line that says how many you mean"));
	if (one)
		session_show(
			proving, one->clause, set_in_range(proving->arena, one->granted, range));
}

static void members_judge(struct proving *proving)
{
	struct address_set all = proving->exposure.all;
	struct measure measure = set_measure(proving->arena, all);
	bool much = is_too_much(proving->policy, measure);
	size_t bad = 0;

	proving->proof->measure = measure;
	if (!much && set_reserved(proving->arena, all).count == 0)
		return;
	for (size_t i = 0; i < proving->exposure.clause_count && bad < ERRORS_MOST; i++)
		bad += clause_judge(proving, &proving->exposure.clauses[i]);
	if (bad == 0 && much)
		sum_complain(proving, measure);
}

static void shared_space_judge(struct proving *proving)
{
	const struct policy *policy = proving->policy;
	struct address_set shared = set_shared(proving->arena, proving->exposure.granted);

	for (size_t i = 0; shared.count > 0 && i < policy->networks.count; i++) {
		const struct network_row *row = &policy->networks.at[i];
		for (size_t j = 0; !row->shared && j < row->net_count; j++)
			if (set_in_range(proving->arena, shared, range_of_network(&row->nets[j]))
					.count > 0)
				complain_at(proving->complaints, SEVERITY_WARNING,
					&row->net_tokens[j],
					SLICE("the network may relay and is shared space (RFC "
					      "6598): strangers of the same provider may be in "
					      "it"),
					SLICE("`shared` behind the network if that is meant"));
	}
}

/* ---- the decision against the algebra ---- */

static void edges_judge(struct proving *proving, struct slice file)
{
	struct edges_result tried = edges_try(proving->policy, &proving->exposure, proving->arena);
	struct complaint complaint = {.severity = SEVERITY_ERROR,
		.file = file,
		.what = SLICE("a decision relays for a client that holds no credential; this is a "
			      "defect of Postern, not of this file"),
		.right = SLICE("please report it with this file")};

	proving->proof->decisions = tried.decisions;
	proving->proof->edges = tried.edges;
	proving->proof->edges_tried = tried.edges_tried;
	if (!tried.failed)
		return;
	complain(proving->complaints, &complaint);
	proving_show(proving, &(struct transcript){.client = tried.client,
				      .listener = tried.listener,
				      .helo = SLICE("spammer.example"),
				      .sender = tried.sender,
				      .recipient = tried.recipient,
				      .from = SLICE("spammer@spammer.example")});
}

/* ---- what is kept of it ---- */

static void piece_keep(struct proving *proving, const struct proof_piece *piece)
{
	struct proof *proof = proving->proof;

	if (proof->piece_count < PROOF_PIECES_MAX)
		proving->pieces[proof->piece_count++] = *piece;
	else
		proof->has_more = true;
}

static void pieces_keep(struct proving *proving)
{
	const struct policy *policy = proving->policy;
	const struct exposure *exposure = &proving->exposure;
	struct proof *proof = proving->proof;

	proving->pieces = ARENA_ARRAY(policy->arena, struct proof_piece, PROOF_PIECES_MAX);
	proof->pieces = proving->pieces;
	for (size_t i = 0; i < exposure->clause_count && !proof->has_more; i++) {
		const struct clause *clause = &policy->clauses.at[exposure->clauses[i].clause];
		struct address_set set =
			exposed_set(exposure, &exposure->clauses[i], proving->arena);
		for (size_t j = 0; j < set.count && !proof->has_more; j++)
			piece_keep(proving, &(struct proof_piece){.range = set.at[j],
						    .network = clause->network,
						    .place = clause->place});
	}
	for (size_t i = 0; i < exposure->peers.count; i++)
		piece_keep(proving, &(struct proof_piece){.range = exposure->peers.at[i],
					    .origin = ORIGIN_PROXY,
					    .network = proving->peer_network});
}

static void all_keep(struct proving *proving)
{
	struct address_set set = proving->exposure.all;
	struct range *all = ARENA_ARRAY(proving->policy->arena, struct range, set.count + 1);

	if (set.count > 0)
		memcpy(all, set.at, set.count * sizeof *all);
	proving->proof->all = (struct address_set){all, set.count};
}

static bool lies_in(const struct network_row *row, const struct address *address, bool *single)
{
	bool in = false;

	for (size_t i = 0; i < row->net_count; i++) {
		bool here = network_contains(&row->nets[i], address);
		in |= here;
		*single |= here && row->nets[i].prefix == 128;
	}
	return in;
}

static void left_out_keep(struct proving *proving)
{
	const struct policy *policy = proving->policy;
	size_t most = policy->gateway_count * policy->networks.count, count = 0;
	struct proof_left_out *left_out =
		ARENA_ARRAY(policy->arena, struct proof_left_out, most + 1);

	for (size_t i = 0; i < policy->gateway_count; i++)
		for (size_t j = 0; j < policy->networks.count; j++) {
			bool single = false;
			const struct address *gateway = &policy->gateways[i];
			if (lies_in(&policy->networks.at[j], gateway, &single) && !single)
				left_out[count++] = (struct proof_left_out){.address = *gateway,
					.interface = policy->gateway_interfaces[i],
					.network = (uint32_t)j};
		}
	proving->proof->left_out = left_out;
	proving->proof->left_out_count = count;
}

/* ---- the whole ---- */

/* The network of the first `proxy from`: where peers are too many, it is shown. */
static uint32_t peer_network_of(const struct policy *policy)
{
	for (size_t i = 0; i < policy->listens.count; i++)
		if (policy->listens.at[i].has_proxy)
			return policy->listens.at[i].proxy;
	return 0;
}

static wall_ns time_now(void)
{
	struct timespec clock;

	clock_gettime(CLOCK_REALTIME, &clock);
	return clock.tv_sec * NS_PER_S + clock.tv_nsec;
}

void proof_make(struct policy *policy, struct slice file, struct complaints *complaints)
{
	struct arena *arena = arena_new();
	struct proving proving = {.policy = policy,
		.complaints = complaints,
		.arena = arena,
		.proof = ARENA_NEW(policy->arena, struct proof)};

	proving.complained = ARENA_ARRAY(arena, bool *, policy->networks.count + 1);
	proving.proof->widest_v4 = policy->widest_v4;
	proving.proof->widest_v6 = policy->widest_v6;
	proving.exposure = exposure_of(policy, time_now(), arena);
	proving.peer_network = peer_network_of(policy);
	size_t errors = complaints->errors;
	members_judge(&proving);
	if (complaints->errors == errors)
		shared_space_judge(&proving);
	domains_judge(&proving);
	aliases_judge(&proving);
	edges_judge(&proving, file);
	pieces_keep(&proving);
	all_keep(&proving);
	left_out_keep(&proving);
	policy->proof = proving.proof;
	arena_free(arena);
}

const struct proof *policy_proof(const struct policy *policy)
{
	return policy->proof;
}
