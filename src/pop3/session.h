/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One POP3 session. A command is a function named in the table of session.c. The session lies on
 * its task's stack; memory of one command comes from `scratch`, which an idle session has not.
 */
#ifndef POP3_SESSION_H
#define POP3_SESSION_H

#include "pop3/command.h"
#include "pop3/maildrop.h"
#include "pop3/pop.h"
#include "run/stream.h"

enum { POP_NAME_MAX = 255 };

struct pop_session {
	struct list link; /* in pop's sessions */
	struct pop *pop;
	struct task *task;
	struct stream *stream;
	struct tls_session *tls;
	struct maildrop *drop; /* NULL: not signed in */
	struct arena *scratch; /* of the command at work; NULL between commands */
	struct address client;
	uint64_t id;
	wall_ns since;
	uint64_t errors, no_ops;
	struct admission admission;
	mono_ns heard; /* when it last said something */
	bool implicit_tls, encrypted;
	bool pressed; /* ended, since it kept a place that others need */
	bool waiting; /* for a command */
	bool ending;  /* nothing is read any more */
	bool broken;  /* nothing is said any more: what was begun must not look whole */
	bool utf8;
	bool has_name;
	uint8_t name_len;
	char name[POP_NAME_MAX]; /* of USER; then the account's */
};

struct pop_arrival {
	struct address from;
	bool implicit_tls;
	bool proxied; /* who comes has to say first for whom it speaks */
	struct admission admission;
};
/* False when no task can be had; the io is then still the caller's. */
bool pop_session_start(
	struct pop *pop, struct io *client, const struct pop_arrival *arrival) MUST_USE;
/* REASON_NONE: the client is counted (pop.c). */
enum reason pop_admit(struct pop *pop, const struct address *from, bool implicit_tls,
	struct admission *admission);
struct slice pop_reason_words(enum reason reason);

/* "+OK words", and "-ERR [CODE] words" where `code` is not empty (RFC 2449 section 8). */
void pop_say(struct pop_session *session, struct slice words);
void pop_complain(struct pop_session *session, struct slice code, struct slice words);
/* The last words, and the end. */
void pop_part(struct pop_session *session, struct slice code, struct slice words);
/* Reads one line of the client's within the session's patience; false: the session is ending. */
bool pop_hear(struct task *task, struct pop_session *session, struct slice *line) MUST_USE;
/* Sends what has been gathered, once it is much; false: the session is ending. */
bool pop_flush(struct task *task, struct pop_session *session, size_t much) MUST_USE;
struct slice pop_session_name(const struct pop_session *session);

/* Every size is known then; false: the session is ending. */
bool pop_measure(struct task *task, struct pop_session *session) MUST_USE;
/* The message a command names, if it is there; else that was said. */
bool pop_has(struct pop_session *session, uint64_t number);

/* Takes the next of the mechanisms that are offered here; false: there is none. */
bool pop_mechanism_next(struct slice *left, struct slice *mechanism);

/* Runs on a thread with the session's maildrop. */
void pop_offload(struct task *task, struct pop_session *session, void (*run)(void *arg), void *arg);

typedef void pop_function(
	struct task *task, struct pop_session *session, const struct pop_command *command);
pop_function pop_capa, pop_stls, pop_user, pop_pass, pop_auth, pop_apop, pop_utf8, pop_lang;
pop_function pop_stat, pop_list, pop_uidl, pop_retr, pop_top, pop_dele, pop_rset, pop_noop;
pop_function pop_quit, pop_http;

#endif
