/* SPDX-License-Identifier: Apache-2.0 */
/* All members together: who neighbours whom, who waits for whom, and what the next step is after
 * every turn in which something happened. Read inside.h first. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "role/census.h"
#include "supervisor/inside.h"
#include "supervisor/notify.h"

#define POLL_EVERY (2 * NS_PER_S)
#define QUEUE_DEATH_GRACE (5 * NS_PER_S)

/* The doors between roles (ARCHITECTURE.md's picture). */
static const struct {
	enum role_name a, b;
} doors[] = {
	{ROLE_EDGE, ROLE_QUEUE},
	{ROLE_EDGE, ROLE_RESOLVER},
	{ROLE_EDGE, ROLE_ACCOUNTS},
	{ROLE_EDGE, ROLE_CONTROL},
	{ROLE_EDGE, ROLE_OUT},
	{ROLE_QUEUE, ROLE_OUT},
	{ROLE_QUEUE, ROLE_CONTROL},
	{ROLE_OUT, ROLE_RESOLVER},
	{ROLE_OUT, ROLE_CONTROL},
	{ROLE_ACCOUNTS, ROLE_CONTROL},
	{ROLE_RESOLVER, ROLE_CONTROL},
	{ROLE_EDGE, ROLE_KEYS},
	{ROLE_POP, ROLE_KEYS},
	{ROLE_KEYS, ROLE_CONTROL},
	{ROLE_POP, ROLE_ACCOUNTS},
	{ROLE_POP, ROLE_CONTROL},
};

/* Who ends before whom, and when its share of the grace is over, in hundredths. */
static const struct {
	enum role_name name;
	int share;
} end_order[] = {
	{ROLE_EDGE, 60},
	{ROLE_POP, 60},
	{ROLE_OUT, 80},
	{ROLE_QUEUE, 88},
	{ROLE_KEYS, 90},
	{ROLE_ACCOUNTS, 92},
	{ROLE_CONTROL, 95},
	{ROLE_RESOLVER, 100},
};

static bool are_neighbours(const struct member *m, const struct member *n)
{
	enum role_name a = m->kind->name, b = n->kind->name;

	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
		if ((doors[i].a == a && doors[i].b == b) || (doors[i].a == b && doors[i].b == a))
			return true;
	return false;
}

/* Edges write into segments that queue gave out, out reads jobs of a queue: both belong to one
 * life of queue and end with it. */
static bool depends_on_queue(const struct member *member)
{
	return member->kind->name == ROLE_EDGE || member->kind->name == ROLE_OUT;
}

struct member *staff_find(struct supervisor *supervisor, enum role_name name)
{
	for (size_t i = 0; i < supervisor->member_count; i++)
		if (supervisor->members[i].kind->name == name)
			return &supervisor->members[i];
	return NULL;
}

void staff_init(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->options->kind_count; i++) {
		const struct role_kind *kind = supervisor->options->kinds[i];
		unsigned count = kind->name == ROLE_EDGE ? supervisor->configuration->edges : 1;
		for (unsigned slot = 0; slot < count; slot++)
			member_init(supervisor, kind, slot);
	}
}

/* ---- peers and grants ---- */

static void send_peer(struct member *to, const struct member *about, int fd)
{
	char buffer[16];
	struct writer body = writer_over(buffer, sizeof buffer);

	setup_peer_write(
		&body, &(struct setup_peer){(uint16_t)about->kind->name, (uint16_t)about->slot});
	member_send(to, SETUP_PEER, &body, fd);
}

static void introduce(struct member *m, struct member *n)
{
	int fds[2];

	if (m->killed || n->killed)
		return;
	if (!channel_pair(fds)) {
		member_lacks(m, "a channel to a neighbour");
		return;
	}
	send_peer(m, n, fds[0]);
	send_peer(n, m, fds[1]);
	close(fds[0]);
	close(fds[1]);
}

/* Or a file of the state folder. */
static void grant_folder(struct member *member, enum grant_what what, int fd, const char *below)
{
	struct text text = TEXT_GROWING;

	text_put(&text, slice_of(member->supervisor->state.path));
	text_put(&text, slice_of(below));
	member_grant(member, SETUP_GRANT,
		&(struct setup_grant){.what = (uint16_t)what,
			.address = slice_part(text_slice(&text), 0, CHANNEL_BODY_MAX - 16)},
		fd);
	text_free(&text);
}

static void grant_listeners(struct member *member)
{
	char where[64];

	LIST_EACH (struct listener, listener, &member->supervisor->listeners, link) {
		struct text text = TEXT_FIXED(where);
		if (service_role(listener->service) != member->kind->name)
			continue;
		text_address_port(&text, &listener->bound);
		member_grant(member, SETUP_GRANT,
			&(struct setup_grant){.what = GRANT_LISTENER,
				.service = slice_of(service_text(listener->service)),
				.address = text_slice(&text)},
			listener->fds[member->slot]);
	}
}

static void grant_control(struct member *member)
{
	struct supervisor *supervisor = member->supervisor;

	grant_folder(member, GRANT_JOURNAL_FOLDER, supervisor->state.journal, "/journal");
	grant_folder(member, GRANT_POLICY_FOLDER, supervisor->state.policy, "/policy");
	grant_folder(member, GRANT_STATE_FOLDER, supervisor->state.folder, "");
	for (size_t i = 0; i < supervisor->control_socket_count; i++)
		member_grant(member, SETUP_GRANT,
			&(struct setup_grant){.what = GRANT_CONTROL_SOCKET,
				.service = SLICE("control"),
				.address = supervisor->control_paths[i]},
			supervisor->control_sockets[i]);
}

static void grant_queue(struct member *member)
{
	grant_folder(member, GRANT_SPOOL_FOLDER, member->supervisor->state.spool, "/spool");
	grant_folder(member, GRANT_STATE_FOLDER, member->supervisor->state.folder, "");
}

static void grant_census(struct member *member)
{
	member_grant(member, SETUP_GRANT, &(struct setup_grant){.what = GRANT_CENSUS},
		member->supervisor->census);
}

static void grant_all(struct member *member)
{
	switch (member->kind->name) {
	case ROLE_EDGE:
		grant_folder(
			member, GRANT_SECRET, member->supervisor->state.secret, "/return-path.key");
		grant_census(member);
		grant_listeners(member);
		locals_grant(member);
		break;
	case ROLE_QUEUE: grant_queue(member); break;
	case ROLE_CONTROL: grant_control(member); break;
	case ROLE_OUT:
		grant_folder(member, GRANT_STATE_FOLDER, member->supervisor->state.folder, "");
		break;
	case ROLE_ACCOUNTS:
		grant_folder(member, GRANT_ACCOUNTS_FOLDER, member->supervisor->state.accounts,
			"/accounts");
		feeds_grant(member);
		break;
	case ROLE_POP:
		grant_folder(member, GRANT_STATE_FOLDER, member->supervisor->state.folder, "");
		grant_census(member);
		grant_listeners(member);
		break;
	case ROLE_KEYS: /* its own come before each bundle */
	case ROLE_RESOLVER:
	case ROLE_SUPERVISOR:
	case ROLE_NAMES: break;
	}
}

void staff_link(struct member *member)
{
	struct supervisor *supervisor = member->supervisor;

	member->state = MEMBER_LINKED;
	member->kill_at = NEVER;
	grant_all(member);
	for (size_t i = 0; i < supervisor->member_count; i++) {
		struct member *other = &supervisor->members[i];
		if (other != member && are_neighbours(member, other) && member_is_linked(other))
			introduce(member, other);
	}
}

/* ---- up ---- */

static bool is_on_the_way_up(const struct member *member)
{
	return member->state == MEMBER_GREETING || member->state == MEMBER_PREPARING;
}

/* Queue waits until those of its former life have ended, they wait until it is there again. */
static bool may_start(const struct member *member, mono_ns now)
{
	struct supervisor *supervisor = member->supervisor;
	const struct member *queue = staff_find(supervisor, ROLE_QUEUE);

	if (member->state != MEMBER_ABSENT || supervisor->stopping || supervisor->reload.next ||
		now < member->start_at)
		return false;
	if (depends_on_queue(member))
		return !queue || queue->state != MEMBER_ABSENT;
	for (size_t i = 0; member == queue && i < supervisor->member_count; i++)
		if (depends_on_queue(&supervisor->members[i]) &&
			supervisor->members[i].state != MEMBER_ABSENT)
			return false;
	return true;
}

static bool may_go(const struct member *member)
{
	struct supervisor *supervisor = member->supervisor;
	const struct member *queue = staff_find(supervisor, ROLE_QUEUE);

	if (member->state != MEMBER_LINKED)
		return false;
	if (depends_on_queue(member) && queue && queue->state != MEMBER_AT_WORK)
		return false;
	for (size_t i = 0; i < supervisor->member_count; i++)
		if (are_neighbours(member, &supervisor->members[i]) &&
			is_on_the_way_up(&supervisor->members[i]))
			return false;
	return true;
}

static void bring_up(struct supervisor *supervisor)
{
	mono_ns now = loop_mono(supervisor->loop);
	struct writer nothing = {0};

	for (size_t i = 0; i < supervisor->member_count; i++) {
		struct member *member = &supervisor->members[i];
		if (may_start(member, now)) {
			member_start(member);
		} else if (may_go(member)) {
			member->state = MEMBER_STARTING;
			member_send(member, SETUP_GO, &nothing, -1);
		}
	}
}

static void list_processes(struct text *text, const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->member_count; i++)
		if (supervisor->members[i].process)
			text_format(text, "%s%s %d", i ? ", " : "", supervisor->members[i].shown,
				(int)process_pid(supervisor->members[i].process));
}

static void announce(struct supervisor *supervisor)
{
	struct text where = TEXT_GROWING, who = TEXT_GROWING;

	if (supervisor->announced || supervisor->stopping)
		return;
	for (size_t i = 0; i < supervisor->member_count; i++)
		if (supervisor->members[i].state != MEMBER_AT_WORK)
			return;
	supervisor->announced = true;
	text_listeners(&where, supervisor);
	list_processes(&who, supervisor);
	supervisor_log(supervisor, LEVEL_INFO, "ready",
		"listening on %.*s; policy %s; supervisor %d%s%.*s", SLICE_ARGS(text_slice(&where)),
		supervisor->configuration->bundle.hash, (int)getpid(), who.len ? ", " : "",
		SLICE_ARGS(text_slice(&who)));
	notify("READY=1\nSTATUS=ready");
	text_free(&where);
	text_free(&who);
}

/* ---- down ---- */

static void stop_dependents(struct supervisor *supervisor)
{
	mono_ns grace = supervisor_grace(supervisor);

	for (size_t i = 0; i < supervisor->member_count; i++)
		if (depends_on_queue(&supervisor->members[i]))
			member_stop(&supervisor->members[i],
				grace < QUEUE_DEATH_GRACE ? grace : QUEUE_DEATH_GRACE);
}

static void settle_all(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->member_count; i++) {
		struct member *member = &supervisor->members[i];
		bool ended = member_settle(member);
		if (ended && member->kind->name == ROLE_EDGE)
			census_clear(supervisor->census, member->slot);
		if (ended && member->kind->name == ROLE_POP)
			census_clear(supervisor->census, supervisor->configuration->edges);
		if (ended && member->kind->name == ROLE_QUEUE && !supervisor->stopping)
			stop_dependents(supervisor);
	}
}

/* False when nobody of this name is left. */
static bool stop_phase(struct supervisor *supervisor, enum role_name name, mono_ns until)
{
	mono_ns now = loop_mono(supervisor->loop);
	bool some = false;

	for (size_t i = 0; i < supervisor->member_count; i++) {
		struct member *member = &supervisor->members[i];
		if (member->kind->name != name || member->state == MEMBER_ABSENT)
			continue;
		some = true;
		member_stop(member, until - now);
	}
	return some;
}

static void take_down(struct supervisor *supervisor)
{
	static const unsigned phases = sizeof end_order / sizeof *end_order;
	mono_ns grace = supervisor->stop_until - supervisor->stop_begun;

	while (supervisor->stop_phase < phases &&
		!stop_phase(supervisor, end_order[supervisor->stop_phase].name,
			supervisor->stop_begun +
				grace / 100 * end_order[supervisor->stop_phase].share))
		supervisor->stop_phase++;
	if (supervisor->stop_phase == phases)
		loop_stop(supervisor->loop);
}

/* ---- every step ---- */

static void kill_the_late(struct supervisor *supervisor)
{
	mono_ns now = loop_mono(supervisor->loop);

	for (size_t i = 0; i < supervisor->member_count; i++) {
		struct member *member = &supervisor->members[i];
		if (member->state == MEMBER_ABSENT || now < member->kill_at)
			continue;
		member->kill_at = NEVER;
		if (member->process)
			member_kill(member, member->state == MEMBER_STOPPING
						    ? "has not ended within the grace"
						    : "does not come up");
	}
}

static void set_timer(struct supervisor *supervisor)
{
	mono_ns next = supervisor->poll_at;

	for (size_t i = 0; i < supervisor->member_count; i++) {
		const struct member *member = &supervisor->members[i];
		mono_ns at = member->state == MEMBER_ABSENT ? member->start_at : member->kill_at;
		if (at > loop_mono(supervisor->loop) && at < next)
			next = at;
	}
	if (reload_runs(supervisor) && supervisor->reload.until < next)
		next = supervisor->reload.until;
	timer_set(&supervisor->timer, next);
}

void staff_advance(struct turn_end *hook)
{
	struct supervisor *supervisor = LIST_OBJECT(struct supervisor, hook, hook);
	mono_ns now = loop_mono(supervisor->loop);

	settle_all(supervisor);
	kill_the_late(supervisor);
	if (now >= supervisor->poll_at) {
		supervisor->poll_at = now + POLL_EVERY;
		reload_poll(supervisor);
	}
	reload_advance(supervisor);
	bring_up(supervisor);
	announce(supervisor);
	if (supervisor->stopping)
		take_down(supervisor);
	set_timer(supervisor);
}
