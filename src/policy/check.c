/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked when all is read: what one statement alone cannot show. */
#include <time.h>

#include "policy/atoms.h"

#define WEEK (7 * 86400 * NS_PER_S)

/* ---- networks that may relay ---- */

/* Private and loopback space is not counted; carriers hold IPv4 inside IPv6 and are measured by the
 * IPv4 they carry (policy.md, "The proof"). */
static const char *const uncounted[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1"};
static const char *const reserved[] = {
	"0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8", "2001::/32"};
static const char *const carriers[] = {
	"::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "2002::/16"};

static bool network_is_within(const struct network *net, const struct network *outer)
{
	return net->prefix >= outer->prefix && network_contains(outer, &net->base);
}

static bool network_of(const char *text, struct network *network)
{
	return network_parse(slice_of(text), network) == NETWORK_OK;
}

static bool is_within_any(const struct network *net, const char *const *list, size_t count)
{
	struct network outer;

	for (size_t i = 0; i < count; i++)
		if (network_of(list[i], &outer) && network_is_within(net, &outer))
			return true;
	return false;
}

static bool touches_any(const struct network *net, const char *const *list, size_t count)
{
	struct network other;

	for (size_t i = 0; i < count; i++)
		if (network_of(list[i], &other) &&
			(network_is_within(net, &other) || network_is_within(&other, net)))
			return true;
	return false;
}

/* How many bits of IPv4 prefix the network has where it carries IPv4; 128 where it carries none. */
static unsigned carried_prefix(const struct network *net)
{
	struct network carrier;

	for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
		if (!network_of(carriers[i], &carrier))
			continue;
		if (network_is_within(net, &carrier))
			return net->prefix - carrier.prefix;
		if (network_is_within(&carrier, net))
			return 0;
	}
	return 128;
}

static bool is_too_wide(const struct policy *policy, const struct network *net)
{
	if (is_within_any(net, uncounted, sizeof uncounted / sizeof *uncounted))
		return false;
	return carried_prefix(net) < policy->widest_v4 ||
	       (!net->base.is_v4 && net->prefix < policy->widest_v6);
}

static void relay_network_check(
	struct policy *policy, const struct network_row *row, struct complaints *complaints)
{
	struct network shared_space;
	bool known = network_of("100.64.0.0/10", &shared_space);

	for (size_t i = 0; i < row->net_count; i++) {
		const struct network *net = &row->nets[i];
		if (is_too_wide(policy, net))
			complain_at(complaints, SEVERITY_ERROR, &row->net_tokens[i],
				SLICE("this would be an open relay: the network may relay and is "
				      "wider "
				      "than `widest network` allows"),
				SLICE("the addresses of your own clients alone, or a `widest "
				      "network` "
				      "line that says how wide you mean"));
		else if (touches_any(net, reserved, sizeof reserved / sizeof *reserved))
			complain_at(complaints, SEVERITY_ERROR, &row->net_tokens[i],
				SLICE("the network may relay and has reserved addresses, which no "
				      "client of yours can have"),
				SLICE("the addresses of your own clients alone"));
		else if (known && !row->shared && network_is_within(net, &shared_space))
			complain_at(complaints, SEVERITY_WARNING, &row->net_tokens[i],
				SLICE("the network may relay and is shared space (RFC 6598): "
				      "strangers of the same provider may be in it"),
				SLICE("`shared` behind the network if that is meant"));
	}
}

static void networks_check(struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->networks.count; i++) {
		const struct network_row *row = &policy->networks.at[i];
		if (row->relays)
			relay_network_check(policy, row, complaints);
		if (!row->used)
			complain_at(complaints, SEVERITY_WARNING, &row->name_token,
				SLICE("the network is declared and never used"),
				SLICE("a clause that names it, or no such line"));
	}
}

/* ---- grants that have ended ---- */

static struct token token_of_place(const struct clause_place *place)
{
	return (struct token){.file = place->file,
		.line = place->line,
		.column = 1,
		.source = place->text,
		.raw = slice_part(place->text, 0, 1)};
}

static void grants_check(const struct policy *policy, struct complaints *complaints)
{
	struct timespec clock;

	clock_gettime(CLOCK_REALTIME, &clock);
	wall_ns now = clock.tv_sec * NS_PER_S;
	for (size_t i = 0; i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		struct token token = token_of_place(&clause->place);
		if (clause->kind != CLAUSE_RELAY || clause->place.until == NEVER)
			continue;
		if (clause->place.until <= now)
			complain_at(complaints, SEVERITY_WARNING, &token,
				SLICE("this `relay for` has ended: its `until` is past"),
				SLICE("a later day, or no such line"));
		else if (clause->place.until <= now + WEEK)
			complain_at(complaints, SEVERITY_WARNING, &token,
				SLICE("this `relay for` ends within a week"), SLICE_NONE);
	}
}

/* ---- ways that could both be chosen ---- */

static bool networks_overlap(const struct network_row *a, const struct network_row *b)
{
	for (size_t i = 0; i < a->net_count; i++)
		for (size_t j = 0; j < b->net_count; j++)
			if (network_is_within(&a->nets[i], &b->nets[j]) ||
				network_is_within(&b->nets[j], &a->nets[i]))
				return true;
	return false;
}

/* Whether one message can make both conditions true; they have the same rank. */
static bool conditions_meet(const struct policy *policy, uint32_t a, uint32_t b)
{
	if (a == NO_NODE || b == NO_NODE)
		return true;
	const struct node *left = &policy->nodes.at[a], *right = &policy->nodes.at[b];
	if (left->atom == ATOM_NETWORK)
		return networks_overlap(
			&policy->networks.at[left->index], &policy->networks.at[right->index]);
	return slice_is(left->text, right->text) && slice_is(left->domain, right->domain);
}

static void way_complain(const struct deliver_row *row, struct slice file, unsigned line,
	struct complaints *complaints)
{
	char what[400];
	struct text text = TEXT_FIXED(what);

	text_format(&text, "this `deliver` and the line at %.*s:%u could both be chosen",
		SLICE_ARGS(slice_part(file, 0, 200)), line);
	complain_at(complaints, SEVERITY_ERROR, &row->token, text_slice(&text),
		SLICE("one of the two, or a condition that tells them apart"));
}

static void ways_check(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->delivers.count; i++) {
		const struct deliver_row *row = &policy->delivers.at[i];
		const struct domain_row *ours = domain_find(policy, row->domain);
		if (ours && row->rank == 0)
			way_complain(row, ours->token.file, ours->token.line, complaints);
		for (uint32_t j = policy->deliver_next[i]; j != UINT32_MAX;
			j = policy->deliver_next[j]) {
			const struct deliver_row *other = &policy->delivers.at[j];
			if (row->rank == other->rank &&
				conditions_meet(policy, row->condition, other->condition))
				way_complain(other, row->place.file, row->place.line, complaints);
		}
	}
}

/* ---- the whole ---- */

static void whole_warn(
	struct complaints *complaints, struct slice file, struct slice what, struct slice right)
{
	struct complaint complaint = {
		.severity = SEVERITY_WARNING, .file = file, .what = what, .right = right};

	complain(complaints, &complaint);
}

void policy_check(struct policy *policy, struct slice file, struct complaints *complaints)
{
	if (complaints->errors == 0) {
		networks_check(policy, complaints);
		ways_check(policy, complaints);
	}
	grants_check(policy, complaints);
	if (policy->listens.count == 0 && complaints->errors == 0)
		whole_warn(complaints, file, SLICE("nothing listens"),
			SLICE("a line like: listen smtp \"*:25\""));
	if (!policy->has_postmaster && complaints->errors == 0)
		whole_warn(complaints, file,
			SLICE("mail to <postmaster> has nowhere to go and is refused"),
			SLICE("a line like: postmaster \"you@example.org\""));
}
