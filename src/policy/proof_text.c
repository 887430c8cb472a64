/* SPDX-License-Identifier: Apache-2.0 */
/* A proof, for people and as JSON. The contract is in proof.h. */
#include "policy/model.h"
#include "policy/proof.h"

enum { PIECES_SHOWN = 40, PIECES_LOGGED = 10 };

static const struct slice unseen = SLICE(
	"No proof sees who shares an address, how weak a password is, or what the next hop does.");

/* Up to 2^128, in decimal; beyond 2^64 as the power below it. */
static void text_count(struct text *text, address_number count)
{
	unsigned bits = 0;

	if (count <= UINT64_MAX) {
		text_number(text, (uint64_t)count);
		return;
	}
	while (bits < 127 && count >> (bits + 1) > 0)
		bits++;
	text_format(text, "2^%u", bits);
}

static struct slice network_name(const struct policy *policy, uint32_t network)
{
	return policy->networks.at[network].name;
}

/* ---- for people ---- */

static void put_piece(
	struct text *text, const struct policy *policy, const struct proof_piece *piece)
{
	text_put(text, SLICE("  "));
	text_range(text, piece->range);
	text_put(text, SLICE("  in "));
	text_escaped(text, network_name(policy, piece->network));
	if (piece->origin == ORIGIN_PROXY) {
		text_put(text, SLICE(", by `proxy from`\n"));
		return;
	}
	text_put(text, SLICE(", by "));
	text_escaped(text, piece->place.file);
	text_format(text, ":%u: ", piece->place.line);
	text_escaped(text, piece->place.text);
	text_char(text, '\n');
}

static void put_pieces(struct text *text, const struct policy *policy, const struct proof *proof)
{
	size_t shown = proof->piece_count < PIECES_SHOWN ? proof->piece_count : PIECES_SHOWN;

	if (proof->piece_count == 0) {
		text_put(text, SLICE("Nobody can relay without a secret.\n"));
		return;
	}
	text_put(text, SLICE("These can relay without a secret, and nobody else:\n"));
	for (size_t i = 0; i < shown; i++)
		put_piece(text, policy, &proof->pieces[i]);
	if (shown < proof->piece_count)
		text_format(text, "  and %s%zu more pieces\n", proof->has_more ? "more than " : "",
			proof->piece_count - shown);
	text_put(text, SLICE("  together, private space not counted: "));
	text_count(text, proof->measure.v4);
	text_put(text, SLICE(" IPv4 and "));
	text_count(text, proof->measure.v6);
	text_format(text, " IPv6 addresses (`widest network` allows a /%u and a /%u)\n",
		proof->widest_v4, proof->widest_v6);
}

static void put_left_out(struct text *text, const struct policy *policy, const struct proof *proof)
{
	for (size_t i = 0; i < proof->left_out_count; i++) {
		const struct proof_left_out *one = &proof->left_out[i];
		text_put(text, SLICE("Left out of network "));
		text_escaped(text, network_name(policy, one->network));
		text_put(text, SLICE(": "));
		text_address(text, &one->address);
		text_put(text, one->interface.len > 0 ? SLICE(", the container network's ")
						      : SLICE(", a default gateway of this host"));
		text_escaped(text, one->interface);
		text_char(text, '\n');
	}
}

void text_proof(struct text *text, const struct policy *policy, const struct proof *proof)
{
	put_pieces(text, policy, proof);
	put_left_out(text, policy, proof);
	text_format(text, "Tried %zu decisions at %zu of %zu edges: nobody else relays. ",
		proof->decisions, proof->edges_tried, proof->edges);
	text_put(text, unseen);
	text_char(text, '\n');
}

void text_proof_line(struct text *text, const struct policy *policy, const struct proof *proof)
{
	text_put(text, SLICE("able to relay without a secret: "));
	text_put(text, proof->piece_count == 0 ? SLICE("nobody") : SLICE_NONE);
	for (size_t i = 0; i < proof->piece_count && i < PIECES_LOGGED; i++) {
		text_put(text, i > 0 ? SLICE(", ") : SLICE_NONE);
		text_range(text, proof->pieces[i].range);
	}
	if (proof->piece_count > PIECES_LOGGED)
		text_format(text, " and %s%zu more pieces", proof->has_more ? "more than " : "",
			proof->piece_count - PIECES_LOGGED);
	for (size_t i = 0; i < proof->left_out_count && i < PIECES_LOGGED; i++) {
		text_put(text, i > 0 ? SLICE(", ") : SLICE("; gateways left out: "));
		text_address(text, &proof->left_out[i].address);
		text_put(text, SLICE(" of "));
		text_escaped(text, network_name(policy, proof->left_out[i].network));
	}
}

/* ---- as JSON ---- */

static void json_count(struct text *text, const char *name, address_number count)
{
	text_format(text, ",\"%s\":", name);
	if (count <= UINT32_MAX) {
		text_number(text, (uint64_t)count);
		return;
	}
	text_char(text, '"');
	text_count(text, count);
	text_char(text, '"');
}

static void json_piece(
	struct text *text, const struct policy *policy, const struct proof_piece *piece)
{
	text_put(text, SLICE("{\"addresses\":\""));
	text_range(text, piece->range);
	text_put(text, SLICE("\",\"network\":"));
	text_json(text, network_name(policy, piece->network));
	if (piece->origin == ORIGIN_PROXY) {
		text_put(text, SLICE(",\"by\":\"proxy from\"}"));
		return;
	}
	text_put(text, SLICE(",\"file\":"));
	text_json(text, piece->place.file);
	text_format(text, ",\"line\":%u,\"by\":", piece->place.line);
	text_json(text, piece->place.text);
	text_char(text, '}');
}

static void json_left_out(
	struct text *text, const struct policy *policy, const struct proof_left_out *one)
{
	text_put(text, SLICE("{\"address\":\""));
	text_address(text, &one->address);
	text_put(text, SLICE("\",\"network\":"));
	text_json(text, network_name(policy, one->network));
	text_put(text, SLICE(",\"interface\":"));
	text_json(text, one->interface);
	text_char(text, '}');
}

void text_proof_json(struct text *text, const struct policy *policy, const struct proof *proof)
{
	text_format(text, "{\"complete\":%s,\"pieces\":[", proof->has_more ? "false" : "true");
	for (size_t i = 0; i < proof->piece_count; i++) {
		text_put(text, i > 0 ? SLICE(",") : SLICE_NONE);
		json_piece(text, policy, &proof->pieces[i]);
	}
	text_char(text, ']');
	json_count(text, "v4", proof->measure.v4);
	json_count(text, "v6", proof->measure.v6);
	text_format(text, ",\"widest\":[%u,%u],\"left_out\":[", proof->widest_v4, proof->widest_v6);
	for (size_t i = 0; i < proof->left_out_count; i++) {
		text_put(text, i > 0 ? SLICE(",") : SLICE_NONE);
		json_left_out(text, policy, &proof->left_out[i]);
	}
	text_format(text, "],\"decisions\":%zu,\"edges_tried\":%zu,\"edges\":%zu,\"unseen\":",
		proof->decisions, proof->edges_tried, proof->edges);
	text_json(text, unseen);
	text_char(text, '}');
}
