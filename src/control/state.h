/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share: the role's state, its neighbours, and a question under way.
 */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include <jansson.h>

#include "journal/files.h"
#include "journal/read.h"
#include "packets/report.h"
#include "policy/policy.h"
#include "role/role.h"
#include "run/io.h"
#include "run/offload.h"

struct control;
struct control_session;

/* A role at the other end of a channel; the supervisor is one too. */
struct neighbour {
	struct list link;
	struct control *control;
	enum role_name name;
	unsigned slot;
	struct channel *channel; /* NULL for the supervisor: role->supervisor */
	bool gone;
	uint64_t heard; /* the last delivery event that came */
	uint64_t told;  /* the last it was told we have */
};

enum { CONTROL_SOCKETS_MAX = 16 };
struct control_socket {
	struct control *control;
	struct io *io;
};

struct control {
	struct role *role;
	struct policy *policy, *prepared;
	struct journal_files *journal;
	bool keeping;         /* the task of keep.c runs */
	struct gate keep_now; /* opened when it is not to wait for its second */
	int journal_folder;   /* -1 until granted */
	struct slice journal_path;
	struct control_socket sockets[CONTROL_SOCKETS_MAX];
	size_t socket_count;
	struct list neighbours;
	struct list questions; /* struct question, under way */
	struct list sessions;  /* struct control_session, for their number */
	struct list followers; /* struct follower: sessions that follow the log */
	struct offload *pool;  /* reads the journal */
	struct offload *syncs; /* makes it durable */
	uint32_t last_request;
	uint64_t lines, dropped; /* since the start */
	bool stopping;
};

/* One question to one neighbour. */
struct question {
	struct list link;
	uint32_t request;
	struct neighbour *neighbour;
	struct text answer; /* growing */
	struct gate arrived;
	bool complete, lost;
};

enum { ANSWER_MAX = 64 << 20 }; /* bytes of one role's answer; a longer one is an error */

/* control.c */
struct neighbour *control_neighbour(struct control *control, enum role_name name);

/* keep.c: the task that writes the journal every second, makes it durable, and then tells queue
 * which events it need not repeat. It ends when cancelled. */
void control_keep_journal(struct task *task, void *control);
/* The same at once, in the loop: at the end. */
void control_keep_last(struct control *control);

/* ask.c: JSON in, JSON lines out. False with words in `answer` where the role is away or did not
 * answer within 10 s. */
bool control_ask(
	struct task *task, struct neighbour *neighbour, struct slice question, struct text *answer);
/* Asks the supervisor for a reload; `words` says what came of it. */
bool control_ask_reload(struct task *task, struct control *control, struct text *words);
/* The messages that answer; called by the receivers of control.c. */
void control_take_answer(struct control *control, struct slice body);
void control_take_reloaded(struct control *control, struct slice body);
void control_lose_neighbour(struct control *control, struct neighbour *neighbour);

/* A client that follows the log: lines wait here until its task sends them. */
struct follower {
	struct list link;
	const struct journal_query *query;
	struct text lines;
	uint64_t missed; /* lines that did not fit */
	struct gate more;
};
/* log.c */
void control_tell_followers(struct control *control, struct slice line);
bool control_log(struct task *task, struct control *control, struct control_session *session,
	const json_t *question, struct text *out);

/* command.c: answers one question; lines end in LF. False: `out` holds words of what went wrong. */
bool control_answer(struct task *task, struct control *control, struct control_session *session,
	struct slice question, struct text *out);

/* socket.c */
void control_accept(struct task *task, void *socket); /* struct control_socket */
/* Sends what is in `out` to the client and clears it; false when the client has gone. */
bool control_send(struct task *task, struct control_session *session, struct text *out);

#endif
