/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of named hosts. The contract is in hosts.h; mx.c has the mail exchangers. */
#include "smtpout/hosts.h"

void hosts_add(
	const struct hosts_ask *ask, struct slice name, struct address address, struct hosts *hosts)
{
	if (!ask->private_too && address_is_special(&address))
		hosts->forbidden = true;
	else if (hosts->count < HOSTS_MAX)
		hosts->list[hosts->count++] = (struct host){.name = name, .address = address};
}

static enum wait add_of_type(struct task *task, const struct hosts_ask *ask, enum dns_type type,
	struct slice name, uint16_t port, struct arena *arena, struct hosts *hosts)
{
	struct dns_answer answer;
	enum wait wait = dns_ask(task, ask->dns, type, name, arena, &answer);

	if (wait != WAIT_READY)
		return wait;
	if (answer.outcome == DNS_CANNOT_TELL) {
		hosts->cannot_tell = true;
		hosts->why = answer.why;
	}
	if (answer.outcome != DNS_FOUND)
		return WAIT_READY;
	for (size_t i = 0; i < answer.count; i++) {
		struct address address = answer.records[i].address;
		address.port = port;
		hosts_add(ask, arena_slice(arena, name), address, hosts);
	}
	return WAIT_READY;
}

/* RFC 6761 6.3: localhost is this host, whatever a name server says. */
static bool add_localhost(
	const struct hosts_ask *ask, struct slice name, uint16_t port, struct hosts *hosts)
{
	static const struct slice loopback[] = {{"127.0.0.1", 9}, {"::1", 3}};
	struct address address;

	if (!slice_is_nocase(name, SLICE("localhost")))
		return false;
	for (size_t i = 0; i < 2; i++) {
		if (!address_parse(loopback[i], &address))
			continue;
		address.port = port;
		hosts_add(ask, SLICE("localhost"), address, hosts);
	}
	return true;
}

enum wait hosts_add_name(struct task *task, const struct hosts_ask *ask, struct slice name,
	uint16_t port, struct arena *arena, struct hosts *hosts)
{
	if (add_localhost(ask, name, port, hosts))
		return WAIT_READY;
	enum wait wait = add_of_type(task, ask, DNS_A, name, port, arena, hosts);
	if (wait != WAIT_READY)
		return wait;
	return add_of_type(task, ask, DNS_AAAA, name, port, arena, hosts);
}

static bool name_split(struct slice target, struct slice *name, uint16_t *port)
{
	size_t colon = slice_find_last(target, ':');
	uint64_t number;

	if (colon == SIZE_MAX || !slice_number(slice_from(target, colon + 1), UINT16_MAX, &number))
		return false;
	*name = slice_part(target, 0, colon);
	*port = (uint16_t)number;
	return name->len > 0;
}

static enum wait add_target(struct task *task, const struct hosts_ask *ask, struct slice target,
	struct arena *arena, struct hosts *hosts)
{
	struct address address;
	struct slice name;
	uint16_t port;

	if (address_parse_port(target, &address)) {
		hosts_add(ask, target, address, hosts);
		return WAIT_READY;
	}
	if (!name_split(target, &name, &port))
		return WAIT_READY;
	return hosts_add_name(task, ask, name, port, arena, hosts);
}

enum wait hosts_by_name(
	struct task *task, const struct hosts_ask *ask, struct arena *arena, struct hosts *hosts)
{
	struct hosts_ask allowed = *ask;
	struct slice left = ask->target;

	if (slice_starts(left, SLICE("/"))) {
		*hosts = (struct hosts){.list = {{.path = left}}, .count = 1};
		return WAIT_READY;
	}
	/* The configuration names these hosts: private addresses are what it means. */
	allowed.private_too = true;
	*hosts = (struct hosts){0};
	while (left.len) {
		struct slice target = slice_cut(&left, ' ');
		enum wait wait =
			target.len ? add_target(task, &allowed, target, arena, hosts) : WAIT_READY;
		if (wait != WAIT_READY)
			return wait;
	}
	/* A host that cannot be found is the configuration's fault or the network's: both are
	 * mended on our side, so the mail is kept. */
	if (hosts->count == 0)
		hosts->failure = settlement_of(REASON_DNS_FAILED, ask->target,
			hosts->why.len ? hosts->why : SLICE("no such host"), arena);
	return WAIT_READY;
}
