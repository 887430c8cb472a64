/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy says at the door. The contract is in door.h. */
#include "policy/door.h"

#include "base/panic.h"

enum { STRANGERS_PART = 90, SIGNING_IN_PART = 95 }; /* hundredths of `limits connections` */

struct slice policy_service(struct slice name)
{
	for (int i = 0; i < SERVICES; i++)
		if (slice_is(name, slice_of(service_text((enum service)i))))
			return slice_of(service_text((enum service)i));
	panic("a listener for %.*s", SLICE_ARGS(name));
}

/* ---- proxies ---- */

static bool line_is_of(
	const struct listen_line *line, struct slice service, const struct address *at)
{
	return slice_is(slice_of(service_text(line->service)), service) &&
	       (line->address.port == 0 || line->address.port == at->port) &&
	       (line->any || address_is(&line->address, at));
}

bool policy_proxy_is_due(const struct policy *policy, struct slice service,
	const struct address *at, const struct address *from)
{
	const struct settings *settings = policy_settings(policy);

	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen_line *line = &settings->listens[i];
		if (line->has_proxy && line_is_of(line, service, at) &&
			policy_network_has(policy, line->proxy, from))
			return true;
	}
	return false;
}

/* ---- who guesses ---- */

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)

struct slice door_words_until(mono_ns shut_for, struct arena *arena)
{
	mono_ns minutes = (shut_for - 1) / MINUTE + 1;

	if (minutes <= 1)
		return SLICE("in a minute");
	if (minutes > 10)
		minutes = (minutes + 9) / 10 * 10;
	if (minutes <= 60)
		return arena_format(arena, "in %jd minutes", (intmax_t)minutes);
	return arena_format(arena, "in %jd hours", (intmax_t)((shut_for - 1) / HOUR + 1));
}

/* ---- admission ---- */

struct newcomer {
	const struct door *door;
	const struct address *from;
	struct slice service;
};

static bool is_favoured(void *owner)
{
	const struct newcomer *newcomer = owner;
	const struct door *door = newcomer->door;
	struct facts facts = {.client = *newcomer->from,
		.has_client = true,
		.listener = newcomer->service,
		.now = door->wall};

	return policy_favours_client(door->policy, &facts, door->arena);
}

/* Whoever has to sign in is nobody yet, and likelier to become someone than who comes to port 25.
 */
static unsigned part_of_strangers(struct slice service)
{
	return slice_is(service, slice_of(service_text(SERVICE_SMTP))) ? STRANGERS_PART
								       : SIGNING_IN_PART;
}

/* On port 25 one may sign in too; but mail comes in there, for which nobody does. */
static bool is_for_signing_in(struct slice service)
{
	static const enum service services[] = {
		SERVICE_SUBMISSION, SERVICE_SUBMISSIONS, SERVICE_POP3, SERVICE_POP3S};

	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (slice_is(service, slice_of(service_text(services[i]))))
			return true;
	return false;
}

/* Those who may relay are not here to guess: some of them only share the address of who does. */
static bool is_shut_out(struct newcomer *newcomer)
{
	return newcomer->door->shut_for && is_for_signing_in(newcomer->service) &&
	       !is_favoured(newcomer);
}

/* The limits of each address are the trusted client's only where they are written for it. */
static struct session_limits limits_at_the_door(struct newcomer *newcomer)
{
	const struct policy *policy = newcomer->door->policy;
	const struct session_limits *limits = &policy_settings(policy)->limits;
	bool unlimited = limits->connections_per_address == UINT64_MAX &&
			 limits->connections_per_minute == UINT64_MAX;

	if (unlimited && !policy_has_limits_for(policy))
		return *limits;
	return policy_limits_of(policy, newcomer->from, is_favoured(newcomer));
}

enum reason policy_admit(const struct door *door, const struct address *from, struct slice service,
	struct admission *admission)
{
	struct newcomer newcomer = {door, from, service};

	if (is_shut_out(&newcomer)) {
		*admission = (struct admission){0};
		return REASON_TOO_MANY_WRONG_SIGN_INS;
	}
	struct session_limits limits = limits_at_the_door(&newcomer);
	const struct admission_limits numbers = {
		.per_address = limits.connections_per_address,
		.per_minute = limits.connections_per_minute,
		.network = limits.counted_in,
		.most = limits.counted_in.len ? limits.connections
					      : policy_settings(door->policy)->limits.connections,
	};

	return admission_enter(door->census, from, door->mono, &numbers, part_of_strangers(service),
		is_favoured, &newcomer, admission);
}
