/* SPDX-License-Identifier: Apache-2.0 */
/* One role: started, spoken with, ended. What it says is taken for hostile: nonsense ends it. Read
 * inside.h first. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/panic.h"
#include "packets/report.h"
#include "role/build.h"
#include "role/shortage.h"
#include "supervisor/inside.h"
#include "supervisor/key_files.h"

#define UP_WITHIN (60 * NS_PER_S) /* from start to PREPARED */
#define DEATH_WINDOW (10 * NS_PER_S)
#define PAUSE_FIRST NS_PER_S
#define PAUSE_MOST (60 * NS_PER_S)
#define KILL_AFTER_GRACE (NS_PER_S / 2)

void member_init(struct supervisor *supervisor, const struct role_kind *kind, unsigned slot)
{
	struct member *member = &supervisor->members[supervisor->member_count++];

	*member = (struct member){.supervisor = supervisor,
		.kind = kind,
		.slot = slot,
		.start_at = 0,
		.kill_at = NEVER,
		.deaths = {NEVER, NEVER, NEVER}};
	if (kind->name == ROLE_EDGE)
		snprintf(member->shown, sizeof member->shown, "edge/%u", slot);
	else
		snprintf(member->shown, sizeof member->shown, "%s", role_name_text(kind->name));
}

/* ---- speaking ---- */

void member_kill(struct member *member, const char *why)
{
	supervisor_log(member->supervisor, LEVEL_ERROR, "kill", "%s: %s", member->shown, why);
	panic_if(!member->process, "%s in one process: %s", member->shown, why);
	member->killed = true;
	process_kill(member->process, SIGKILL);
}

void member_lacks(struct member *member, const char *what)
{
	char room[200];
	struct text why = TEXT_FIXED(room);

	text_put(&why, SLICE("no descriptor for "));
	text_put(&why, slice_of(what));
	text_put(&why, SLICE(": "));
	text_shortage(&why, errno);
	text_char(&why, '\0');
	member_kill(member, room);
}

void member_send(struct member *member, enum setup_type type, const struct writer *body, int fd)
{
	panic_if(body->bad, "a message to %s does not fit", member->shown);
	if (!member->channel || member->channel_gone || member->killed)
		return;
	errno = 0;
	switch (channel_send(member->channel, (uint16_t)type, writer_slice(body), fd)) {
	case SENT: break;
	case CHANNEL_FULL:
		if (error_is_shortage(errno))
			member_lacks(member, "what it is to be handed");
		else
			member_kill(member, "does not read what it is told");
		break;
	case CHANNEL_GONE: break; /* its end comes as an event too */
	}
}

void member_send_bundle(struct member *member, const struct configuration *configuration)
{
	char buffer[16];
	struct writer body = writer_over(buffer, sizeof buffer);

	if (member->kind->name == ROLE_OUT)
		passwords_grant(member, configuration);
	key_files_grant(member, configuration);
	setup_bundle_write(&body, &(struct setup_bundle){configuration->generation});
	member_send(member, SETUP_BUNDLE, &body, configuration->fd);
}

void member_switch(struct member *member, uint32_t generation)
{
	char buffer[16];
	struct writer body = writer_over(buffer, sizeof buffer);

	setup_bundle_write(&body, &(struct setup_bundle){generation});
	member_send(member, SETUP_SWITCH, &body, -1);
}

void member_grant(
	struct member *member, enum setup_type type, const struct setup_grant *grant, int fd)
{
	static const size_t most = CHANNEL_BODY_MAX;
	char *buffer = malloc(most);

	panic_if(!buffer, "no memory for a message");
	struct writer body = writer_over(buffer, most);
	setup_grant_write(&body, grant);
	member_send(member, type, &body, fd);
	free(buffer);
}

void member_stop(struct member *member, mono_ns grace)
{
	char buffer[16];
	struct writer body = writer_over(buffer, sizeof buffer);

	if (member->state == MEMBER_ABSENT || member->state == MEMBER_STOPPING)
		return;
	if (grace < 0)
		grace = 0;
	member->state = MEMBER_STOPPING;
	member->kill_at = loop_mono(member->supervisor->loop) + grace + KILL_AFTER_GRACE;
	setup_stop_write(&body, &(struct setup_stop){(uint32_t)(grace / NS_PER_MS)});
	member_send(member, SETUP_STOP, &body, -1);
}

/* ---- listening ---- */

static bool hear_hello(struct member *member, struct slice body)
{
	struct setup_hello hello;
	char build[128];
	struct text text = TEXT_FIXED(build);

	if (!setup_hello_read(body, &hello) || hello.role != (uint16_t)member->kind->name ||
		hello.slot != member->slot)
		return false;
	text_build(&text);
	if (!slice_is(hello.build, text_slice(&text))) {
		member_kill(member, "is of another build than the supervisor");
		return true;
	}
	if (member->state == MEMBER_GREETING) {
		member->state = MEMBER_PREPARING;
		member_send_bundle(member, member->supervisor->configuration);
	}
	return member->state == MEMBER_PREPARING || member->state == MEMBER_STOPPING;
}

/* The first bundle of a start was proved and loaded already: a role that cannot use it has the last
 * word before the program has said `ready`, and is tried again after. */
static void start_refused(struct member *member, struct slice words)
{
	struct supervisor *supervisor = member->supervisor;

	supervisor_log(supervisor, LEVEL_ERROR, "configuration", "%s: %.*s", member->shown,
		SLICE_ARGS(words));
	if (!supervisor->announced)
		supervisor_stop(supervisor, EXIT_REFUSED);
	else
		member_kill(member, "cannot use the configuration");
}

static bool hear_prepared(struct member *member, struct slice body)
{
	struct supervisor *supervisor = member->supervisor;
	struct setup_prepared prepared;

	if (!setup_prepared_read(body, &prepared))
		return false;
	if (member->state == MEMBER_PREPARING) {
		if (!prepared.ok) {
			start_refused(member, prepared.words);
			return true;
		}
		member_switch(member, prepared.generation);
		staff_link(member);
		return true;
	}
	if (member->answer == ASKED && supervisor->reload.next &&
		prepared.generation == supervisor->reload.next->generation) {
		member->answer = prepared.ok ? ANSWERED_OK : ANSWERED_NO;
		snprintf(member->words, sizeof member->words, "%.*s", SLICE_ARGS(prepared.words));
	}
	return true; /* an answer that came too late */
}

static bool hear_switched(struct member *member, struct slice body)
{
	struct setup_bundle switched;

	if (!setup_bundle_read(body, &switched))
		return false;
	if (member->answer == ASKED && switched.generation == member->supervisor->reload.switching)
		member->answer = ANSWERED_OK;
	return true; /* else of its start */
}

static bool hear_ready(struct member *member, struct slice body)
{
	if (body.len > 0 || (member->state != MEMBER_STARTING && member->state != MEMBER_STOPPING))
		return false;
	if (member->state == MEMBER_STARTING)
		member->state = MEMBER_AT_WORK;
	return true;
}

static bool hear_ended(struct member *member, struct slice body)
{
	struct setup_ended ended;

	if (!setup_ended_read(body, &ended))
		return false;
	member->said_ended = true;
	member->said_status = ended.status;
	if (member->attached) { /* a process is over when it has been waited for */
		member->over = true;
	}
	return true;
}

static bool hear_reload(struct member *member, struct slice body)
{
	struct setup_reload reload;

	if (!setup_reload_read(body, &reload) || member->kind->name != ROLE_CONTROL)
		return false;
	reload_ask(member->supervisor, &reload.request);
	return true;
}

static bool hear_question(struct member *member, struct slice body)
{
	if (member->kind->name != ROLE_CONTROL)
		return false;
	status_answer(member, body);
	return true;
}

static const struct {
	uint16_t type;
	bool (*hear)(struct member *member, struct slice body);
} words[] = {
	{SETUP_HELLO, hear_hello},
	{SETUP_PREPARED, hear_prepared},
	{SETUP_SWITCHED, hear_switched},
	{SETUP_READY, hear_ready},
	{SETUP_ENDED, hear_ended},
	{SETUP_RELOAD, hear_reload},
	{REPORT_ASK, hear_question},
};

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct member *member = owner;
	bool understood = false;

	(void)channel;
	if (fd >= 0)
		close(fd); /* a role has none to give */
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].type == type)
			understood = fd < 0 && words[i].hear(member, body);
	if (!understood)
		member_kill(member, "said something that no role says");
	supervisor_wake(member->supervisor);
}

static void channel_gone(void *owner, struct channel *channel)
{
	struct member *member = owner;

	(void)channel;
	member->channel_gone = true;
	supervisor_wake(member->supervisor);
}

/* ---- starting ---- */

static void process_ended(void *owner, struct process *process, struct process_end end)
{
	struct member *member = owner;
	struct text how = TEXT_FIXED(member->how);

	(void)process;
	text_process_end(&how, end);
	text_char(&how, '\0');
	member->over = true;
	member->status = end.killed ? EXIT_FAILED : end.number;
	supervisor_wake(member->supervisor);
}

static unsigned take_id_slot(struct supervisor *supervisor)
{
	for (;;) { /* there are fewer members than slots */
		unsigned slot = supervisor->next_id_slot++ % ID_SLOTS;
		bool used = false;
		for (size_t i = 0; i < supervisor->member_count; i++)
			used |= supervisor->members[i].state != MEMBER_ABSENT &&
				supervisor->members[i].id_slot == slot;
		if (!used)
			return slot;
	}
}

static bool start_process(struct member *member, int fd)
{
	struct supervisor *supervisor = member->supervisor;
	struct role_arguments arguments;
	const struct role_start start = {.name = member->kind->name,
		.slot = member->slot,
		.edges = supervisor->configuration->edges,
		.id_slot = member->id_slot,
		.debug = supervisor->options->debug,
		.drop = supervisor->owner.drop,
		.uid = supervisor->owner.uid,
		.gid = supervisor->owner.gid};

	role_start_write(&arguments, &start);
	member->process =
		process_start(supervisor->loop, arguments.list, fd, process_ended, member);
	close(fd);
	return member->process != NULL;
}

static bool start_here(struct member *member, int fd)
{
	member->attached = role_attach(member->supervisor->loop, member->kind, member->slot, fd);
	return member->attached != NULL;
}

static void start_failed(struct member *member)
{
	struct supervisor *supervisor = member->supervisor;
	char room[200];
	struct text why = TEXT_FIXED(room);

	text_shortage(&why, errno);
	supervisor_log(supervisor, LEVEL_ERROR, "start", "cannot start %s: %.*s", member->shown,
		SLICE_ARGS(text_slice(&why)));
	member->start_at = loop_mono(supervisor->loop) + PAUSE_FIRST;
	if (!supervisor->announced)
		supervisor_stop(supervisor, EXIT_FAILED);
}

void member_start(struct member *member)
{
	struct supervisor *supervisor = member->supervisor;
	int fds[2];

	member->id_slot = take_id_slot(supervisor);
	if (!channel_pair(fds)) {
		start_failed(member);
		return;
	}
	bool started = supervisor->options->one_process ? start_here(member, fds[1])
							: start_process(member, fds[1]);
	if (!started) {
		close(fds[0]);
		start_failed(member);
		return;
	}
	member->channel = channel_open(supervisor->loop, fds[0],
		(struct channel_user){.receive = receive, .gone = channel_gone, .owner = member});
	member->state = MEMBER_GREETING;
	member->starts++;
	member->since = loop_wall(supervisor->loop);
	member->kill_at = loop_mono(supervisor->loop) + UP_WITHIN;
	member->said_ended = member->over = member->channel_gone = member->killed = false;
	member->status = EXIT_ENDED;
	member->answer = NOT_ASKED;
}

bool member_is_linked(const struct member *member)
{
	return member->state == MEMBER_LINKED || member->state == MEMBER_STARTING ||
	       member->state == MEMBER_AT_WORK;
}

/* ---- the end ---- */

/* Started again at once; where three have died within ten seconds, later and later. */
static void plan_restart(struct member *member)
{
	mono_ns now = loop_mono(member->supervisor->loop);

	memmove(member->deaths, member->deaths + 1, sizeof member->deaths - sizeof *member->deaths);
	member->deaths[DEATHS_SEEN - 1] = now;
	member->start_at = now;
	if (member->deaths[0] == NEVER || now - member->deaths[0] > DEATH_WINDOW + member->pause) {
		member->pause = 0;
		return;
	}
	member->pause = member->pause == 0 ? PAUSE_FIRST : member->pause * 2;
	if (member->pause > PAUSE_MOST)
		member->pause = PAUSE_MOST;
	member->start_at = now + member->pause;
}

static void died(struct member *member)
{
	struct supervisor *supervisor = member->supervisor;

	plan_restart(member);
	supervisor_log(supervisor, LEVEL_ERROR, "died", "%s %s; %s", member->shown, member->how,
		member->pause ? "it dies often and is started again later" : "it is started again");
	if (member->status == EXIT_HELD || member->status == EXIT_REFUSED)
		supervisor_stop(supervisor, member->status);
	else if (member->pause > 0 && !supervisor->announced)
		supervisor_stop(supervisor, EXIT_FAILED);
}

static void close_all(struct member *member)
{
	channel_close(member->channel);
	process_close(member->process);
	if (member->attached)
		role_detach(member->attached);
	member->channel = NULL;
	member->process = NULL;
	member->attached = NULL;
	member->over = false;
	member->kill_at = NEVER;
	member->answer = NOT_ASKED;
}

bool member_settle(struct member *member)
{
	if (member->channel_gone && member->channel) {
		channel_close(member->channel);
		member->channel = NULL;
		if (!member->said_ended && !member->over && member->process)
			process_kill(member->process, SIGKILL); /* deaf, so of no use */
	}
	if (!member->over || (member->process && member->channel))
		return false; /* what it said last is still to be read */
	if (member->said_ended) {
		member->status = member->said_status;
		snprintf(member->how, sizeof member->how, "left with status %d", member->status);
	}
	bool asked = member->state == MEMBER_STOPPING;
	close_all(member);
	member->state = MEMBER_ABSENT;
	member->start_at = 0;
	if (!asked)
		died(member);
	return true;
}
