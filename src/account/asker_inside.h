/* SPDX-License-Identifier: Apache-2.0 */
/* What asker.c (the channel, life), asker_exchange.c (signing in) and asker_questions.c (questions,
 * kept answers) share. Nobody else includes it. */
#ifndef ACCOUNT_ASKER_INSIDE_H
#define ACCOUNT_ASKER_INSIDE_H

#include "account/asker.h"
#include "base/map.h"

enum { OFFERED_MAX = 256 };
static const struct slice is_away = SLICE("accounts is away");

struct asker {
	struct loop *loop;
	struct channel *channel; /* NULL: accounts is away */
	bool is_own;
	bool (*send)(void *owner, uint16_t type, struct slice body); /* instead of it; NULL: none */
	void *way;
	uint32_t last_request;
	struct map *exchanges;          /* of struct asker_exchange, by request */
	struct map *questions;          /* of struct question, by request */
	struct map *standing;           /* of struct standing, by account */
	uint64_t changes;               /* answers of before one are not kept */
	struct addresses *shut, *known; /* until when nobody may sign in there; somebody has */
	size_t offered_len;
	char offered[OFFERED_MAX];
	void (*changed)(void *owner, struct slice account);
	void *owner;
};

/* Lies on the stack of the task that asks. */
struct question {
	uint64_t request;
	struct arena *arena;
	struct gate heard;
	struct asker_answer answer;
	struct slice *texts;
	wall_ns *times;
	size_t room;
	bool done;
};

/* Bodies hold passwords: the buffer is wiped, and the packet when it has left. */
struct outgoing {
	struct writer out;
	char *body;
};

/* ---- asker.c ---- */
uint64_t asker_new_request(struct asker *asker); /* never 0 */
struct outgoing asker_outgoing_begin(void);
/* False: it does not go. `outgoing` is over in either case. */
bool asker_outgoing_send(struct asker *asker, struct outgoing *outgoing, uint16_t type);
void asker_note_known(struct asker *asker, const struct address *client);

/* ---- asker_exchange.c ---- */
void asker_take_challenge(struct asker *asker, const struct signin_challenge *challenge);
void asker_take_done(struct asker *asker, const struct signin_done *done);
enum exchange asker_exchange_fail(struct asker_exchange *exchange, struct slice because);

/* ---- asker_questions.c ---- */
void asker_take_answer(struct asker *asker, const struct signin_answer *answer);
void asker_question_fail(struct question *question, struct slice because);
void asker_forget(struct asker *asker, struct slice account); /* what is kept of it */
void asker_forget_all(struct asker *asker);

#endif
