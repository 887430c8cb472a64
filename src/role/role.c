/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a role: what comes over the supervisor's channel and which function of the kind it
 * calls. Read role.h first. */
#include "role/role.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/panic.h"
#include "role/build.h"
#include "role/inside.h"
#include "role/shortage.h"

#define SHORT_SAID_EVERY (60 * NS_PER_S)

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static struct life *life_of(struct role *role)
{
	return LIST_OBJECT(struct life, role, role);
}

/* ---- what the role says ---- */

void role_log_line(struct role *role, const struct log_line *line)
{
	struct life *life = life_of(role);
	struct log_line full = *line;

	if (line->level == LEVEL_DEBUG && !life->debug)
		return;
	full.time = loop_wall(role->loop);
	full.role = slice_of(life->shown);
	log_gather(&life->log, &full);
	if (line->level > LEVEL_INFO)
		log_send(&life->log);
	else
		loop_at_turn_end(role->loop, &life->saying);
}

/* What goes well is said once a turn: of a flood of refusals many lines leave at once. */
static void turn_ends(struct turn_end *hook)
{
	log_send(&LIST_OBJECT(struct life, hook, saying)->log);
}

void life_log_end(struct life *life)
{
	if (list_is_linked(&life->saying.link))
		list_remove(&life->saying.link);
	log_send(&life->log);
}

void role_log(struct role *role, enum log_level level, const char *event, const char *format, ...)
{
	char words[LOG_TEXT_MAX + 1];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	role_log_line(
		role, &(struct log_line){
			      .level = level, .event = slice_of(event), .text = slice_of(words)});
}

/* The supervisor reads at once and few messages go to it: a full channel means that it hangs, and a
 * role whose supervisor hangs or is gone has nothing left to do. */
static void tell(struct life *life, enum setup_type type, struct slice body)
{
	if (life->role.supervisor &&
		channel_send(life->role.supervisor, (uint16_t)type, body, -1) == CHANNEL_FULL)
		panic("the supervisor does not read");
}

static void say_hello(struct life *life)
{
	char body[256], build[128];
	struct writer out = writer_over(body, sizeof body);
	struct text text = TEXT_FIXED(build);

	text_build(&text);
	setup_hello_write(&out, &(struct setup_hello){.role = (uint16_t)life->role.kind->name,
					.slot = (uint16_t)life->role.slot,
					.build = text_slice(&text)});
	tell(life, SETUP_HELLO, writer_slice(&out));
}

void role_is_ready(struct role *role)
{
	struct life *life = life_of(role);

	panic_if(life->ready, "%s is ready twice", life->shown);
	life->ready = true;
	tell(life, SETUP_READY, SLICE_NONE);
}

static void say_ended(struct life *life, int status)
{
	char body[8];
	struct writer out = writer_over(body, sizeof body);

	setup_ended_write(&out, &(struct setup_ended){(uint8_t)status});
	tell(life, SETUP_ENDED, writer_slice(&out));
}

void role_has_failed(struct role *role, int exit_status)
{
	struct life *life = life_of(role);

	if (life->ended)
		return;
	life->ended = true;
	life->exit_status = exit_status;
	timer_clear(&life->grace);
	say_ended(life, exit_status);
	if (!life->own_process)
		return;
	if (role->supervisor)
		channel_drain(role->supervisor);
	loop_stop(role->loop);
}

void role_has_ended(struct role *role)
{
	role_has_failed(role, EXIT_SUCCESS);
}

/* ---- configuration ---- */

static void unmap(struct mapped *mapped)
{
	if (mapped->bytes.len > 0)
		munmap((void *)(uintptr_t)mapped->bytes.at, mapped->bytes.len);
	*mapped = (struct mapped){0};
}

/* Sealed, so that what was checked is what is used, whoever else holds the file. */
static bool map_sealed(int fd, struct slice *bytes)
{
	struct stat facts;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &facts) < 0 || facts.st_size <= 0)
		return false;
	void *at = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	*bytes = (struct slice){at, (size_t)facts.st_size};
	return at != MAP_FAILED;
}

static bool prepare(struct life *life, uint32_t generation, int fd, struct text *why)
{
	struct slice bytes;

	unmap(&life->prepared);
	if (!map_sealed(fd, &bytes)) {
		text_put(why, SLICE("the bundle is no sealed memory file or cannot be mapped"));
		return false;
	}
	life->prepared = (struct mapped){bytes, generation};
	if (life->role.kind->prepare(life->role.state, bytes, why))
		return true;
	unmap(&life->prepared);
	return false;
}

static void take_bundle(struct life *life, struct slice body, int fd)
{
	char words[1024], reply[1100];
	struct text why = TEXT_FIXED(words);
	struct writer out = writer_over(reply, sizeof reply);
	struct setup_bundle bundle;

	panic_if(!setup_bundle_read(body, &bundle), "the supervisor sent no BUNDLE");
	if (fd < 0) {
		role_is_short(&life->role, "descriptor for the configuration", EMFILE);
		return;
	}
	bool ok = prepare(life, bundle.generation, fd, &why);
	if (life->ended) /* short of something, not of another opinion */
		return;
	setup_prepared_write(&out,
		&(struct setup_prepared){
			.generation = bundle.generation, .ok = ok, .words = text_slice(&why)});
	tell(life, SETUP_PREPARED, writer_slice(&out));
}

static void take_switch(struct life *life, struct slice body, int fd)
{
	struct setup_bundle bundle;

	(void)fd;
	panic_if(!setup_bundle_read(body, &bundle), "the supervisor sent no SWITCH");
	panic_if(life->prepared.bytes.len == 0 || life->prepared.generation != bundle.generation,
		"SWITCH to generation %u, which is not prepared", bundle.generation);
	life->role.kind->switch_over(life->role.state);
	unmap(&life->current);
	life->current = life->prepared;
	life->prepared = (struct mapped){0};
	tell(life, SETUP_SWITCHED, body);
}

/* ---- what the role is given ---- */

static void take_peer(struct life *life, struct slice body, int fd)
{
	struct setup_peer peer;

	panic_if(!setup_peer_read(body, &peer), "the supervisor sent no PEER");
	if (fd < 0) {
		role_is_short(&life->role, "descriptor for a neighbour's channel", EMFILE);
		return;
	}
	life->role.kind->peer(life->role.state, (enum role_name)peer.role, peer.slot, fd);
}

static void take_grant(struct life *life, struct slice body, int fd)
{
	struct setup_grant grant;

	panic_if(!setup_grant_read(body, &grant), "the supervisor sent no GRANT");
	if (fd < 0) {
		role_is_short(&life->role, "descriptor for what the supervisor grants", EMFILE);
		return;
	}
	life->role.kind->grant(life->role.state, &grant, fd);
}

static void take_revoke(struct life *life, struct slice body, int fd)
{
	struct setup_grant grant;

	(void)fd;
	panic_if(!setup_grant_read(body, &grant), "the supervisor sent no REVOKE");
	if (life->role.kind->revoke)
		life->role.kind->revoke(life->role.state, &grant);
}

static void take_go(struct life *life, struct slice body, int fd)
{
	(void)body;
	(void)fd;
	life->going = true;
	life->role.kind->go(life->role.state);
}

/* ---- the end ---- */

static void grace_is_over(struct timer *timer)
{
	struct life *life = LIST_OBJECT(struct life, timer, grace);

	role_log(&life->role, LEVEL_WARN, "grace-over", "did not end in order within the grace");
	role_has_ended(&life->role);
}

static void stop_within(struct life *life, mono_ns grace)
{
	if (life->stopping)
		return;
	life->stopping = true;
	if (!life->going) { /* it has not begun: nothing is to be brought to an end */
		role_has_ended(&life->role);
		return;
	}
	life->role.stop_by = loop_mono(life->role.loop) + grace;
	timer_set(&life->grace, life->role.stop_by);
	life->role.kind->stop(life->role.state);
}

static void take_stop(struct life *life, struct slice body, int fd)
{
	struct setup_stop stop;

	(void)fd;
	panic_if(!setup_stop_read(body, &stop), "the supervisor sent no STOP");
	stop_within(life, stop.grace_ms * NS_PER_MS);
}

/* Without a supervisor nobody starts what dies or hands out descriptors: end at once. The spool
 * survives that like any other crash. */
static void supervisor_is_gone(void *owner, struct channel *channel)
{
	struct life *life = owner;

	channel_close(channel);
	life->role.supervisor = NULL;
	if (!life->own_process || life->ended)
		return;
	role_log(&life->role, LEVEL_ERROR, "supervisor-gone", "the supervisor has ended");
	life->exit_status = EXIT_FAILURE;
	life->ended = true;
	loop_stop(life->role.loop);
}

/* ---- packets ---- */

static const struct {
	enum setup_type type;
	bool passes_fd_on; /* to the kind, who owns it then */
	void (*take)(struct life *life, struct slice body, int fd);
} orders[] = {
	{SETUP_BUNDLE, false, take_bundle},
	{SETUP_SWITCH, false, take_switch},
	{SETUP_PEER, true, take_peer},
	{SETUP_GRANT, true, take_grant},
	{SETUP_REVOKE, false, take_revoke},
	{SETUP_GO, false, take_go},
	{SETUP_STOP, false, take_stop},
};

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct life *life = owner;
	bool passed_on = false, known = false;

	(void)channel;
	for (size_t i = 0; i < sizeof orders / sizeof *orders && !life->ended && !known; i++) {
		known = orders[i].type == type;
		if (known) {
			passed_on = orders[i].passes_fd_on;
			orders[i].take(life, body, fd);
		}
	}
	if (!known && !life->ended && life->role.kind->message)
		life->role.kind->message(life->role.state, type, body);
	if (fd >= 0 && !passed_on)
		close(fd);
}

/* ---- shortages after the start ---- */

/* Connections and packets wait then and are tried again: said once a minute at most. */
static void say_short(void *owner, int error)
{
	struct life *life = owner;
	mono_ns now = loop_mono(life->role.loop);
	char room[200];
	struct text words = TEXT_FIXED(room);

	if (life->short_said != NEVER && now - life->short_said < SHORT_SAID_EVERY)
		return;
	life->short_said = now;
	text_shortage(&words, error);
	role_log(&life->role, LEVEL_WARN, "short", "%.*s; until then connections wait",
		SLICE_ARGS(text_slice(&words)));
}

/* ---- start ---- */

static void name_life(struct life *life, enum role_name name, unsigned slot)
{
	const char *text = role_name_text(name);

	if (name == ROLE_EDGE)
		snprintf(life->shown, sizeof life->shown, "%s/%u", text, slot);
	else
		snprintf(life->shown, sizeof life->shown, "%s", text);
}

struct life *life_begin(struct loop *loop, const struct role_kind *kind,
	const struct role_start *start, int fd, bool own_process)
{
	struct life *life = calloc(1, sizeof *life);

	if (!life)
		return NULL;
	life->log = (struct log_lines){STDERR_FILENO, log_form_of(STDERR_FILENO), TEXT_GROWING};
	life->saying.run = turn_ends;
	life->debug = start->debug;
	life->own_process = own_process;
	name_life(life, kind->name, start->slot);
	life->role = (struct role){.loop = loop,
		.kind = kind,
		.slot = start->slot,
		.edges = start->edges ? start->edges : 1,
		.id_slot = start->id_slot,
		.alone = own_process,
		.stop_by = NEVER};
	timer_init(&life->grace, loop, grace_is_over);
	life->role.supervisor = channel_open(loop, fd,
		(struct channel_user){
			.receive = receive, .gone = supervisor_is_gone, .owner = life});
	if (!life->role.supervisor) {
		free(life);
		return NULL;
	}
	life->short_said = NEVER;
	loop_on_shortage(loop, say_short, life);
	say_hello(life);
	life->role.state = kind->start(&life->role);
	return life;
}

struct role *role_attach(struct loop *loop, const struct role_kind *kind, unsigned slot, int fd)
{
	const struct role_start start = {.name = kind->name,
		.slot = slot,
		.id_slot = ((unsigned)kind->name * 8 + slot) % ID_SLOTS};
	struct life *life = life_begin(loop, kind, &start, fd, false);

	return life ? &life->role : NULL;
}

void role_detach(struct role *role)
{
	struct life *life = life_of(role);

	life_log_end(life);
	timer_clear(&life->grace);
	loop_on_shortage(role->loop, NULL, NULL);
	channel_close(role->supervisor);
	unmap(&life->prepared);
	unmap(&life->current);
	free(life);
}
