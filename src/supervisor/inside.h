/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's own structs: members of the staff, the reload that runs, and what binds them. */
#ifndef SUPERVISOR_INSIDE_H
#define SUPERVISOR_INSIDE_H

#include "run/process.h"
#include "supervisor/configuration.h"
#include "supervisor/listeners.h"
#include "supervisor/state.h"

enum {
	MEMBERS_MAX = EDGES_MAX + ROLE_NAMES,
	DEATHS_SEEN = 3,
	CONTROL_SOCKETS_MAX = 8,
	FEEDS_MAX = 4,
	LOCALS_MAX = 8
};

enum member_state {
	MEMBER_ABSENT,    /* not running; start_at says from when on it may be started */
	MEMBER_GREETING,  /* started; HELLO has not come */
	MEMBER_PREPARING, /* has the bundle; PREPARED has not come */
	MEMBER_LINKED,    /* switched over, has its peers and grants, waits for GO */
	MEMBER_STARTING,  /* READY has not come */
	MEMBER_AT_WORK,
	MEMBER_STOPPING,
};
enum answer { NOT_ASKED, ASKED, ANSWERED_OK, ANSWERED_NO };

struct member {
	struct supervisor *supervisor;
	const struct role_kind *kind;
	unsigned slot, id_slot;
	char shown[16]; /* "edge/0" */
	enum member_state state;
	struct process *process; /* NULL in one-process mode */
	struct role *attached;   /* one-process mode */
	struct channel *channel;
	bool channel_gone; /* to be closed at the end of the turn */
	bool said_ended;
	bool killed; /* by us; nothing more is said to it */
	bool over;   /* the process (or the attached role) has ended, with `status` */
	int status, said_status;
	char how[96]; /* "was killed by signal 9 (Killed)" */
	unsigned starts;
	wall_ns since;
	mono_ns deaths[DEATHS_SEEN]; /* the last ones, the oldest first; NEVER: none */
	mono_ns start_at, pause, kill_at;
	enum answer answer; /* to the reload that runs: to its bundle, then to its switch */
	char words[512];    /* why not */
};

struct reload {
	struct configuration *next; /* not NULL: offered to the roles */
	struct list fresh;          /* its new listeners */
	uint32_t switching;         /* not 0: the generation that roles are switching to */
	mono_ns until;              /* how long answers are waited for */
	bool asked;                 /* one is to begin, as soon as nobody is on the way up */
	bool request_known;         /* control asked, and is owed an answer */
	uint32_t request;
	bool settling; /* a file has changed: wait until it stays as it is */
};

struct supervisor {
	const struct supervisor_options *options;
	struct loop *loop;
	enum log_form form;
	struct configuration *configuration;
	uint32_t generation; /* of the configuration read last */
	struct owner owner;
	struct state state;
	struct list listeners;
	int census; /* role/census.h; -1 until made */
	int control_sockets[CONTROL_SOCKETS_MAX];
	struct slice control_paths[CONTROL_SOCKETS_MAX]; /* in `arena` */
	size_t control_socket_count;
	int local_sockets[LOCALS_MAX];
	struct slice local_paths[LOCALS_MAX]; /* in `arena` */
	size_t local_count;
	int feed_sockets[FEEDS_MAX]; /* of `listen grants` */
	struct slice feed_paths[FEEDS_MAX];
	size_t feed_count;
	struct arena *arena;
	struct member members[MEMBERS_MAX]; /* in the order of the start */
	size_t member_count;
	unsigned next_id_slot;
	struct turn_end hook; /* staff_advance() */
	struct timer timer;
	mono_ns poll_at;
	wall_ns started;
	bool announced; /* `ready` was said */
	bool stopping;
	unsigned stop_phase;
	mono_ns stop_begun, stop_until;
	int exit_status;
	struct reload reload;
};

void supervisor_log(struct supervisor *supervisor, enum log_level level, const char *event,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Logs who may relay without a secret (policy/proof.h). */
void say_proof(struct supervisor *supervisor);
void supervisor_wake(struct supervisor *supervisor); /* staff_advance() at the end of this turn */
void supervisor_stop(struct supervisor *supervisor, int exit_status);
mono_ns supervisor_grace(const struct supervisor *supervisor);

/* ---- member.c ---- */
void member_init(struct supervisor *supervisor, const struct role_kind *kind, unsigned slot);
void member_start(struct member *member);
/* `fd` is -1 or stays the caller's. A member whose channel is full or gone is killed. */
void member_send(struct member *member, enum setup_type type, const struct writer *body, int fd);
void member_send_bundle(struct member *member, const struct configuration *configuration);
void member_switch(struct member *member, uint32_t generation);
void member_grant(
	struct member *member, enum setup_type type, const struct setup_grant *grant, int fd);
void member_stop(struct member *member, mono_ns grace);
void member_kill(struct member *member, const char *why);
/* It cannot be given what it works with (errno): killed, and started again later. */
void member_lacks(struct member *member, const char *what);
bool member_is_linked(const struct member *member); /* may be given peers */
/* Closes what ended during the turn. True if the member has become absent. */
bool member_settle(struct member *member);

/* ---- feeds.c: where other login servers say who has signed in ---- */
bool feeds_listen(struct supervisor *supervisor, struct text *why);
void feeds_grant(struct member *accounts);
void feeds_close(struct supervisor *supervisor);

/* ---- locals.c ---- */
/* Where programs of this host submit mail. False with words in `why`. */
bool locals_listen(struct supervisor *supervisor, struct text *why);
void locals_grant(struct member *edge);
void locals_close(struct supervisor *supervisor);

/* ---- passwords.c ---- */
/* The password files of `login`, to out. What cannot be had is logged, and told too. */
void passwords_grant(struct member *out, const struct configuration *configuration);

/* ---- staff.c ---- */
void staff_init(struct supervisor *supervisor);
void staff_link(struct member *member); /* has prepared: gets its peers and grants */
void staff_advance(struct turn_end *hook);
struct member *staff_find(struct supervisor *supervisor, enum role_name name);

/* ---- reload.c ---- */
void reload_ask(struct supervisor *supervisor, const uint32_t *request);
void reload_advance(struct supervisor *supervisor);
void reload_poll(struct supervisor *supervisor); /* whether files changed; every few seconds */
void reload_drop(struct supervisor *supervisor);
bool reload_runs(const struct supervisor *supervisor); /* from the bundle to the last switch */

/* ---- status.c ---- */
void status_answer(struct member *asker, struct slice ask);
void text_listeners(struct text *text, const struct supervisor *supervisor);

#endif
