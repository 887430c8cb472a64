/* SPDX-License-Identifier: Apache-2.0 */
/* Confirmed names and reachable domains. The contract is in host.h. */
#include "dns/host.h"

#include <stdlib.h>

#include "dns/reverse.h"

/* Like dns_ask(), with the deadline as an answer. */
static enum wait ask(struct task *task, struct dns *dns, enum dns_type type, struct slice name,
	struct arena *arena, struct dns_answer *answer)
{
	enum wait end = dns_ask(task, dns, type, name, arena, answer);

	if (end != WAIT_DEADLINE)
		return end;
	*answer =
		(struct dns_answer){.outcome = DNS_CANNOT_TELL, .why = SLICE("no answer in time")};
	return WAIT_READY;
}

/* ---- confirmed names ---- */

enum confirmation { NOT_TOLD, CONFIRMED, CONTRADICTED };

struct forward {
	struct dns *dns;
	const struct address *address;
	struct arena *arena;
	struct slice name;
	enum confirmation confirmation;
	struct slice why;
};

static void forward_ask(struct task *task, struct forward *forward)
{
	struct dns_answer found;
	enum dns_type type = forward->address->is_v4 ? DNS_A : DNS_AAAA;

	forward->why = SLICE("no answer in time");
	if (ask(task, forward->dns, type, forward->name, forward->arena, &found) != WAIT_READY)
		return;
	forward->why = found.why;
	if (found.outcome == DNS_CANNOT_TELL)
		return;
	forward->confirmation = CONTRADICTED;
	for (size_t i = 0; i < found.count; i++)
		if (address_is(&found.records[i].address, forward->address))
			forward->confirmation = CONFIRMED;
}

static void forward_run(struct task *task, void *arg)
{
	forward_ask(task, arg);
}

static enum wait ask_all(struct task *task, struct forward *forwards, size_t count)
{
	struct task_group group;

	if (count == 1) {
		forward_ask(task, &forwards[0]);
		return task_is_cancelled(task) ? WAIT_CANCELLED : WAIT_READY;
	}
	group_init(&group, task_loop(task));
	for (size_t i = 0; i < count; i++)
		if (!group_start(&group, "confirm", forward_run, &forwards[i]))
			forwards[i].why = SLICE("no memory for the question");
	return group_wait(task, &group);
}

static int name_order(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void conclude(
	const struct forward *forwards, size_t count, struct arena *arena, struct host_names *names)
{
	struct slice *confirmed = ARENA_ARRAY(arena, struct slice, count + 1);

	*names = (struct host_names){.names = confirmed};
	for (size_t i = 0; i < count; i++) {
		const struct forward *forward = &forwards[i];
		if (forward->confirmation == CONFIRMED)
			confirmed[names->count++] = forward->name;
		else if (forward->confirmation == NOT_TOLD)
			names->because = arena_format(arena, "%.*s: %.*s",
				SLICE_ARGS(forward->name), SLICE_ARGS(forward->why));
		else if (!names->because.len)
			names->because = arena_format(
				arena, "%.*s does not lead back to it", SLICE_ARGS(forward->name));
	}
	for (size_t i = 0; !names->count && i < count; i++)
		names->unknown |= forwards[i].confirmation == NOT_TOLD;
	if (names->count)
		names->because = SLICE_NONE;
	qsort(confirmed, names->count, sizeof *confirmed, name_order);
}

static enum wait confirm_each(struct task *task, struct dns *dns, const struct address *address,
	const struct dns_answer *found, struct arena *arena, struct host_names *names)
{
	size_t count = found->count < CONFIRM_MOST ? found->count : CONFIRM_MOST;
	struct forward *forwards = ARENA_ARRAY(arena, struct forward, count);

	for (size_t i = 0; i < count; i++)
		forwards[i] = (struct forward){.dns = dns,
			.address = address,
			.arena = arena,
			.name = found->records[i].text};
	if (ask_all(task, forwards, count) == WAIT_CANCELLED)
		return WAIT_CANCELLED;
	conclude(forwards, count, arena, names);
	return WAIT_READY;
}

enum wait host_confirm(struct task *task, struct dns *dns, const struct address *address,
	struct arena *arena, struct host_names *names)
{
	char room[REVERSE_NAME_MAX];
	struct text name = TEXT_FIXED(room);
	struct dns_answer found;

	text_reverse_name(&name, address);
	enum wait end = ask(task, dns, DNS_PTR, text_slice(&name), arena, &found);
	if (end != WAIT_READY)
		return end;
	if (found.outcome == DNS_FOUND)
		return confirm_each(task, dns, address, &found, arena, names);
	*names = (struct host_names){.unknown = found.outcome == DNS_CANNOT_TELL,
		.because = found.outcome == DNS_CANNOT_TELL ? found.why : SLICE("no PTR record")};
	return WAIT_READY;
}

/* ---- reachable domains ---- */

static enum wait find_address(struct task *task, struct dns *dns, struct slice domain,
	struct arena *arena, enum reach *reach, struct slice *because)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};
	bool told = true;

	for (size_t i = 0; i < 2; i++) {
		struct dns_answer found;
		enum wait end = ask(task, dns, types[i], domain, arena, &found);
		if (end != WAIT_READY)
			return end;
		told &= found.outcome != DNS_CANNOT_TELL;
		*because = found.why;
		if (found.outcome == DNS_FOUND) {
			*reach = REACH_YES;
			*because = SLICE("an address");
			return WAIT_READY;
		}
	}
	*reach = told ? REACH_NO : REACH_CANNOT_TELL;
	if (told)
		*because = SLICE("no MX record and no address");
	return WAIT_READY;
}

static bool is_null_mx(const struct dns_answer *found)
{
	return found->count == 1 && found->records[0].text.len == 0;
}

enum wait domain_reach(struct task *task, struct dns *dns, struct slice domain, struct arena *arena,
	enum reach *reach, struct slice *because)
{
	struct dns_answer found;
	enum wait end = ask(task, dns, DNS_MX, domain, arena, &found);

	if (end != WAIT_READY)
		return end;
	switch (found.outcome) {
	case DNS_FOUND:
		*reach = is_null_mx(&found) ? REACH_NO : REACH_YES;
		*because = is_null_mx(&found) ? SLICE(NULL_MX_WORDS) : SLICE("an MX record");
		break;
	case DNS_NO_NAME:
		*reach = REACH_NO;
		*because = SLICE("no such domain");
		break;
	case DNS_CANNOT_TELL:
		*reach = REACH_CANNOT_TELL;
		*because = found.why;
		break;
	case DNS_NO_DATA: return find_address(task, dns, domain, arena, reach, because);
	}
	return WAIT_READY;
}
