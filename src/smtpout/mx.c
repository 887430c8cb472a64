/* SPDX-License-Identifier: Apache-2.0 */
/* Mail exchangers (RFC 5321 section 5.1, RFC 7505). The contract is in hosts.h. */
#include "smtpout/hosts.h"

#include <stdlib.h>

enum { NAMES_MAX = 10 }; /* exchangers looked up in one attempt */

struct exchanger {
	uint32_t preference;
	uint32_t lot; /* drawn, so that equals come in a random order */
	struct slice name;
};

static int exchanger_compare(const void *a, const void *b)
{
	const struct exchanger *one = a, *other = b;

	if (one->preference != other->preference)
		return one->preference < other->preference ? -1 : 1;
	return one->lot < other->lot ? -1 : one->lot > other->lot;
}

static uint32_t lot_draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 32);
}

static size_t exchangers_sort(const struct dns_answer *answer, uint64_t seed, struct arena *arena,
	struct exchanger **sorted)
{
	struct exchanger *list = ARENA_ARRAY(arena, struct exchanger, answer->count);
	size_t count = 0;

	for (size_t i = 0; i < answer->count; i++)
		if (answer->records[i].text.len)
			list[count++] = (struct exchanger){answer->records[i].preference,
				lot_draw(&seed), answer->records[i].text};
	qsort(list, count, sizeof *list, exchanger_compare);
	*sorted = list;
	return count;
}

/* RFC 5321 5.1: a relay that finds itself in the list drops itself and all that are no better. */
static size_t exchangers_before_us(
	const struct exchanger *list, size_t count, struct slice our_name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is_nocase(list[i].name, our_name)) {
			uint32_t ours = list[i].preference;
			while (i > 0 && list[i - 1].preference == ours)
				i--;
			return i;
		}
	return count;
}

/* Why no address was found. What may pass comes first: no bounce while something is unknown. */
static struct settlement failure_of(
	const struct hosts_ask *ask, const struct hosts *hosts, struct arena *arena)
{
	if (hosts->cannot_tell)
		return settlement_of(REASON_DNS_FAILED, ask->target, hosts->why, arena);
	return settlement_of(REASON_NO_USABLE_HOST, ask->target,
		hosts->forbidden ? SLICE("loopback and private addresses are not mailed to")
				 : SLICE("no name of a mail server has an address"),
		arena);
}

static enum wait add_exchangers(struct task *task, const struct hosts_ask *ask,
	const struct dns_answer *answer, struct arena *arena, struct hosts *hosts)
{
	struct exchanger *list;
	size_t all = exchangers_sort(answer, ask->seed, arena, &list);
	size_t count = exchangers_before_us(list, all, ask->our_name);

	if (all == 0) { /* RFC 7505: one MX, of the root */
		hosts->failure = settlement_of(REASON_NULL_MX, ask->target, SLICE_NONE, arena);
		return WAIT_READY;
	}
	if (count == 0) {
		hosts->failure = settlement_of(REASON_LOOPS_BACK, ask->target, SLICE_NONE, arena);
		return WAIT_READY;
	}
	for (size_t i = 0; i < count && i < NAMES_MAX && hosts->count < HOSTS_MAX; i++) {
		enum wait wait = hosts_add_name(task, ask, list[i].name, ask->port, arena, hosts);
		if (wait != WAIT_READY)
			return wait;
	}
	if (hosts->count == 0)
		hosts->failure = failure_of(ask, hosts, arena);
	return WAIT_READY;
}

/* RFC 5321 5.1: without MX records the domain itself is the one host, with preference 0. */
static enum wait add_implicit(
	struct task *task, const struct hosts_ask *ask, struct arena *arena, struct hosts *hosts)
{
	if (slice_is_nocase(ask->target, ask->our_name)) {
		hosts->failure = settlement_of(REASON_LOOPS_BACK, ask->target, SLICE_NONE, arena);
		return WAIT_READY;
	}
	enum wait wait = hosts_add_name(task, ask, ask->target, ask->port, arena, hosts);
	if (wait == WAIT_READY && hosts->count == 0)
		hosts->failure = failure_of(ask, hosts, arena);
	return wait;
}

/* [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 section 4.1.3). */
static void add_literal(const struct hosts_ask *ask, struct arena *arena, struct hosts *hosts)
{
	struct slice inside = slice_part(ask->target, 1, ask->target.len - 1);
	struct address address;

	if (slice_starts_nocase(inside, SLICE("IPv6:")))
		inside = slice_from(inside, 5);
	if (address_parse(inside, &address)) {
		address.port = ask->port;
		hosts_add(ask, ask->target, address, hosts);
	}
	if (hosts->count == 0)
		hosts->failure = failure_of(ask, hosts, arena);
}

enum wait hosts_by_mx(
	struct task *task, const struct hosts_ask *ask, struct arena *arena, struct hosts *hosts)
{
	struct dns_answer answer;

	*hosts = (struct hosts){0};
	if (ask->target.len && ask->target.at[0] == '[') {
		add_literal(ask, arena, hosts);
		return WAIT_READY;
	}
	enum wait wait = dns_ask(task, ask->dns, DNS_MX, ask->target, arena, &answer);
	if (wait != WAIT_READY)
		return wait;
	switch (answer.outcome) {
	case DNS_FOUND: return add_exchangers(task, ask, &answer, arena, hosts);
	case DNS_NO_DATA: return add_implicit(task, ask, arena, hosts);
	case DNS_NO_NAME:
		hosts->failure =
			settlement_of(REASON_NO_SUCH_DOMAIN, ask->target, SLICE_NONE, arena);
		return WAIT_READY;
	case DNS_CANNOT_TELL:
		hosts->failure = settlement_of(REASON_DNS_FAILED, ask->target, answer.why, arena);
		return WAIT_READY;
	}
	return WAIT_READY;
}
