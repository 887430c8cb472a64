/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of connections over all processes, and pressure. Read admission.h first, then census.h. */
#include "role/admission.h"

enum { ALL = 100 };

/* How long a stranger may stand still, and from which share on. */
static const struct {
	unsigned share;
	mono_ns patience;
} pressures[] = {{90, 10 * NS_PER_S}, {80, 30 * NS_PER_S}};

static uint64_t share_of(uint64_t most, unsigned hundredths)
{
	if (most == UINT64_MAX)
		return most;
	return most / ALL * hundredths + most % ALL * hundredths / ALL;
}

/* The key under which it was entered is kept, for it is left under no other. */
static enum reason enter(struct census *census, uint64_t key, mono_ns now, uint64_t open,
	uint64_t a_minute, uint64_t *kept)
{
	*kept = 0;
	switch (census_enter(census, key, now, open, a_minute)) {
	case CENSUS_ENTERED: *kept = key; return REASON_NONE;
	case CENSUS_UNCOUNTED: return REASON_NONE;
	case CENSUS_TOO_MANY_OPEN: return REASON_TOO_MANY_FROM_ADDRESS;
	case CENSUS_TOO_MANY_A_MINUTE: return REASON_TOO_OFTEN_FROM_ADDRESS;
	}
	return REASON_NONE;
}

static enum reason enter_address(struct census *census, const struct address *from, mono_ns now,
	const struct admission_limits *limits, struct admission *admission)
{
	if (limits->per_address == UINT64_MAX && limits->per_minute == UINT64_MAX)
		return REASON_NONE;
	return enter(census, census_key_of_address(census, from), now, limits->per_address,
		limits->per_minute, &admission->address);
}

static enum reason enter_network(struct census *census, mono_ns now,
	const struct admission_limits *limits, struct admission *admission)
{
	uint64_t key = census_key_of_name(census, limits->network);

	return enter(census, key, now, limits->most, UINT64_MAX, &admission->network) == REASON_NONE
		       ? REASON_NONE
		       : REASON_TOO_MANY_CONNECTIONS;
}

/* Counted first and looked at then: of two that take the last place at once none gets over it. */
static enum reason enter_among_all(struct census *census, uint64_t most, unsigned part,
	bool (*is_favoured)(void *owner), void *owner, struct admission *admission)
{
	census_add(census);
	uint64_t total = census_total(census);
	admission->among_all =
		total <= share_of(most, part) || (total <= most && is_favoured(owner));
	if (admission->among_all)
		return REASON_NONE;
	census_take(census);
	return REASON_TOO_MANY_CONNECTIONS;
}

enum reason admission_enter(struct census *census, const struct address *from, mono_ns now,
	const struct admission_limits *limits, unsigned part, bool (*is_favoured)(void *owner),
	void *owner, struct admission *admission)
{
	*admission = (struct admission){0};
	enum reason reason = enter_address(census, from, now, limits, admission);
	if (reason == REASON_NONE && limits->network.len)
		reason = enter_network(census, now, limits, admission);
	else if (reason == REASON_NONE)
		reason = enter_among_all(census, limits->most, part, is_favoured, owner, admission);
	if (reason != REASON_NONE)
		admission_leave(census, admission);
	return reason;
}

void admission_leave(struct census *census, struct admission *admission)
{
	if (admission->address)
		census_leave(census, admission->address);
	if (admission->network)
		census_leave(census, admission->network);
	if (admission->among_all)
		census_take(census);
	*admission = (struct admission){0};
}

mono_ns admission_patience(const struct census *census, uint64_t most)
{
	uint64_t total = census_total(census);

	for (size_t i = 0; most != UINT64_MAX && i < sizeof pressures / sizeof *pressures; i++)
		if (total >= share_of(most, pressures[i].share))
			return pressures[i].patience;
	return 0;
}

uint64_t admission_excess(const struct census *census, uint64_t most)
{
	uint64_t total = census_total(census), enough = share_of(most, pressures[1].share);

	return total > enough ? total - enough : 1;
}
