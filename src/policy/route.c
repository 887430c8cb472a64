/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How mail leaves (doc/policy.md, "How mail leaves"): the lines for exactly this domain, else those
 * for
 * `*`; among them the greatest rank whose condition is true. A domain of ours has its own way at
 * rank 0. Two true lines of one rank, or an unknown condition that could win, defer.
 */
#include "policy/atoms.h"

enum choice { CHOICE_NONE, CHOICE_ONE, CHOICE_OPEN };

struct choosing {
	enum choice choice;
	const struct deliver_row *row;
	unsigned unknown_rank; /* of the greatest unknown condition, + 1; 0: none */
};

static uint32_t first_of_domain(const struct policy *policy, struct slice domain)
{
	const void *object = map_get(policy->deliver_names, domain);

	return object ? (uint32_t)((uintptr_t)object - 1) : UINT32_MAX;
}

static void way_weigh(struct choosing *choosing, const struct deliver_row *row, enum truth value)
{
	if (value == UNKNOWN_ && row->rank + 1 > choosing->unknown_rank)
		choosing->unknown_rank = row->rank + 1;
	if (value != TRUE_)
		return;
	if (!choosing->row || row->rank > choosing->row->rank) {
		choosing->row = row;
		choosing->choice = CHOICE_ONE;
	} else if (row->rank == choosing->row->rank) {
		choosing->choice = CHOICE_OPEN;
	}
}

static struct choosing way_choose(struct question *q, struct slice domain)
{
	const struct policy *policy = q->policy;
	struct choosing choosing = {.choice = CHOICE_NONE};

	for (uint32_t i = first_of_domain(policy, domain); i != UINT32_MAX;
		i = policy->deliver_next[i]) {
		const struct deliver_row *row = &policy->delivers.at[i];
		way_weigh(&choosing, row, condition_value(q, row->condition));
	}
	if (choosing.unknown_rank > 0 &&
		(!choosing.row || choosing.unknown_rank > choosing.row->rank))
		choosing.choice = CHOICE_OPEN;
	return choosing;
}

static struct slice route_key(const struct route *route, struct arena *arena)
{
	static const struct slice kinds[] = {
		[ROUTE_MX] = {"mx", 2},
		[ROUTE_HOSTS] = {"hosts", 5},
		[ROUTE_LMTP] = {"lmtp", 4},
		[ROUTE_MAILDIR] = {"maildir", 7},
	};
	char room[32];
	struct text numbers = TEXT_FIXED(room);

	text_char(&numbers, ' ');
	text_number(&numbers, route->port);
	text_char(&numbers, ' ');
	text_number(&numbers, (unsigned)route->tls);
	text_char(&numbers, ' ');
	text_char(&numbers, ' ');
	/* What wishes verified TLS never goes over a connection that was opened without, and
	 * nobody's mail over one signed in as another. */
	const struct slice parts[] = {kinds[route->kind], SLICE(" "), route->target,
		text_slice(&numbers), route->login, SLICE(" "), route->password_file};
	return arena_join(arena, parts, sizeof parts / sizeof *parts);
}

static struct route route_of(const struct target *target, struct clause_place place,
	struct slice domain, bool named, struct arena *arena)
{
	struct route route = {.kind = target->kind,
		.tls = target->tls,
		.port = target->port,
		.login = target->login,
		.password_file = target->password_file};

	route.place = place;
	route.target = target->kind == ROUTE_MX ? domain : target->hosts;
	route.private_too = named || target->kind != ROUTE_MX;
	route.key = route_key(&route, arena);
	return route;
}

bool policy_route(const struct policy *policy, const struct facts *facts,
	const struct mailbox *recipient, struct arena *arena, struct route *route)
{
	static const struct target by_mx = {.kind = ROUTE_MX, .tls = ROUTE_TLS_MAY, .port = 25};
	struct question q = question_of(policy, facts, STAGE_END, arena);

	if (recipient->is_postmaster && policy_postmaster(policy))
		recipient = policy_postmaster(policy);
	struct slice name = recipient->domain;
	const struct domain_row *ours = domain_find(policy, name);
	struct choosing chosen = way_choose(&q, name);
	bool named = ours || first_of_domain(policy, name) != UINT32_MAX;
	if (chosen.choice == CHOICE_NONE && ours) {
		*route = route_of(&ours->target, ours->place, name, true, arena);
		return true;
	}
	if (chosen.choice == CHOICE_NONE)
		chosen = way_choose(&q, SLICE("*"));
	if (chosen.choice == CHOICE_OPEN)
		return false;
	*route = chosen.choice == CHOICE_ONE
			 ? route_of(&chosen.row->target, chosen.row->place, name, named, arena)
			 : route_of(&by_mx, (struct clause_place){.until = NEVER}, name, named,
				   arena);
	return true;
}

/* ---- who is asked whether a mailbox is known ---- */

static struct slice declared_name(const struct domain_row *row, struct arena *arena)
{
	return row->below ? arena_format(arena, "*.%.*s", SLICE_ARGS(row->name)) : row->name;
}

/* A `deliver` line for a domain of ours depends on the message: none is at hand when it is asked.
 */
bool policy_asked_way(const struct policy *policy, struct slice domain, struct arena *arena,
	struct slice *declared, struct route *route)
{
	const struct domain_row *ours = domain_find(policy, domain);

	if (!ours || ours->known != KNOWN_ASKED)
		return false;
	*route = route_of(&ours->target, ours->place, domain, true, arena);
	*declared = declared_name(ours, arena);
	return ours->target.kind != ROUTE_MAILDIR;
}

bool policy_asks_next_hop(const struct policy *policy, struct slice domain)
{
	const struct domain_row *ours = domain_find(policy, domain);

	return ours && ours->known == KNOWN_ASKED;
}

size_t policy_asked_domains(
	const struct policy *policy, struct arena *arena, const struct slice **domains)
{
	struct slice *list = ARENA_ARRAY(arena, struct slice, policy->domains.count);
	size_t count = 0;

	for (size_t i = 0; i < policy->domains.count; i++)
		if (policy->domains.at[i].known == KNOWN_ASKED)
			list[count++] = declared_name(&policy->domains.at[i], arena);
	*domains = list;
	return count;
}

/* ---- passwords ---- */

static void password_file_add(struct slice file, struct slice *list, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (slice_is(list[i], file))
			return;
	if (file.len)
		list[(*count)++] = file;
}

size_t policy_password_files(
	const struct policy *policy, struct arena *arena, const struct slice **files)
{
	struct slice *list =
		ARENA_ARRAY(arena, struct slice, policy->delivers.count + policy->domains.count);
	size_t count = 0;

	for (size_t i = 0; i < policy->delivers.count; i++)
		password_file_add(policy->delivers.at[i].target.password_file, list, &count);
	for (size_t i = 0; i < policy->domains.count; i++)
		password_file_add(policy->domains.at[i].target.password_file, list, &count);
	*files = list;
	return count;
}
