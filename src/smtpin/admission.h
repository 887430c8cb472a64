/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is let in, and who goes first when there is not room for everybody.
 *
 * Who is let in at the door is in policy/door.h. A network with `connections` of its own (`limits
 * for network`) is counted by itself, and not among all.
 *
 * From four fifths on, strangers have to get on: who completes no command (and of a message fewer
 * than 15,000 octets) for 30 s is told so and loses its place, from nine tenths on after 10 s;
 * those that came first go first, and no more than are needed.
 *
 * The memory of each process for messages and recipients is bounded as well: beyond 128 MiB
 * strangers are put off (452), beyond 256 MiB everybody.
 */
#ifndef SMTPIN_ADMISSION_H
#define SMTPIN_ADMISSION_H

#include "base/address.h"
#include "role/admission.h"
#include "tls/tls.h"

struct edge;
struct session;

void admission_begin(struct edge *edge);
/* REASON_NONE: it is entered. Else nothing is, and that is what to say. */
enum reason admission_ask(struct edge *edge, const struct address *from, struct slice service,
	struct admission *admission);
/* The row's $1, where it has one. In `arena`. */
struct slice admission_about(const struct edge *edge, const struct address *from,
	enum reason reason, struct arena *arena);
void admission_end(struct edge *edge, struct admission *admission);

/* That the client has sent so many octets of a message. */
void admission_note_octets(struct session *session, size_t octets);
/* That it is its turn, and what it does next is counted from now on. */
void admission_note_turn(struct session *session);

/* When the client's handshake is done while many want one: who may relay, is known as someone or
 * has signed in from there of late does not wait; who guesses waits for all others. */
enum tls_turn admission_turn(struct session *session);

/* Whether this client may make the process hold more, for a message or a recipient; asked at MAIL,
 * at RCPT and while a message comes. What is said where it may not is REASON_MEMORY_FULL. */
bool admission_has_memory(struct session *session);

#endif
