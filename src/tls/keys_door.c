/* SPDX-License-Identifier: Apache-2.0 */
/* The channel to keys. Rule for full: SIGN_BUSY, and the handshake ends. When keys dies all that
 * wait are told at once, and its next life comes by tls_keys_peer(). */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "run/channel.h"
#include "tls/inside.h"

enum { ASKED_MAX = 1024 }; /* on their way at once */
#define ANSWER_WITHIN (5 * NS_PER_S)

struct keys_door {
	struct tls *tls;
	struct channel *channel; /* NULL: keys is away */
	struct list asked;       /* struct asked */
	size_t count;
	uint32_t last;
};

/* Lies on the stack of the task that waits. */
struct asked {
	struct list link;
	struct gate answered;
	uint32_t request;
	bool over;
	enum signing_outcome outcome;
	struct text *signature;
};

static void settle(struct keys_door *door, struct asked *asked, enum signing_outcome outcome)
{
	list_remove(&asked->link);
	door->count--;
	asked->outcome = outcome;
	asked->over = true;
	gate_open(&asked->answered);
}

static void take_answer(struct keys_door *door, struct slice body)
{
	struct signing_answer answer;

	if (!signing_answer_read(body, &answer))
		return;
	LIST_EACH (struct asked, asked, &door->asked, link) {
		if (asked->request != answer.request)
			continue;
		text_put(asked->signature, answer.signature);
		settle(door, asked, answer.outcome);
		return;
	}
}

static void door_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct keys_door *door = owner;
	struct signing_tickets tickets;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type == SIGNING_ANSWER)
		take_answer(door, body);
	else if (type == SIGNING_TICKETS && signing_tickets_read(body, &tickets))
		tls_set_tickets(door->tls, &tickets);
	OPENSSL_cleanse(&tickets, sizeof tickets);
}

static void all_away(struct keys_door *door)
{
	LIST_EACH (struct asked, asked, &door->asked, link)
		settle(door, asked, SIGN_AWAY);
}

static void door_gone(void *owner, struct channel *channel)
{
	struct keys_door *door = owner;

	channel_close(channel);
	door->channel = NULL;
	all_away(door);
}

static bool door_is_open(const void *self)
{
	const struct keys_door *door = self;

	return door->channel != NULL;
}

static enum signing_outcome send_ask(
	struct keys_door *door, struct asked *asked, const struct signing_ask *ask)
{
	char buffer[SIGNING_INPUT_MAX + 64];
	struct writer out = writer_over(buffer, sizeof buffer);
	struct signing_ask numbered = *ask;

	if (!door->channel)
		return SIGN_AWAY;
	if (door->count >= ASKED_MAX)
		return SIGN_BUSY;
	numbered.request = asked->request = ++door->last;
	signing_ask_write(&out, &numbered);
	if (out.bad)
		return SIGN_FAILED;
	switch (channel_send(door->channel, SIGNING_ASK, writer_slice(&out), -1)) {
	case SENT: return SIGNED;
	case CHANNEL_FULL: return SIGN_BUSY;
	case CHANNEL_GONE: break;
	}
	return SIGN_AWAY;
}

static enum signing_outcome door_sign(
	struct task *task, void *self, const struct signing_ask *ask, struct text *signature)
{
	struct keys_door *door = self;
	struct asked asked = {.signature = signature};

	gate_init(&asked.answered);
	enum signing_outcome sent = send_ask(door, &asked, ask);
	if (sent != SIGNED)
		return sent;
	list_append(&door->asked, &asked.link);
	door->count++;
	mono_ns outer = task_limit(task, ANSWER_WITHIN);
	while (!asked.over && gate_wait(task, &asked.answered, "signature") == WAIT_READY)
		;
	task_restore(task, outer);
	if (!asked.over)
		settle(door, &asked, SIGN_AWAY);
	return asked.outcome;
}

void tls_keys_peer(struct tls *tls, int fd)
{
	struct keys_door *door = tls->door;

	if (!door) {
		door = calloc(1, sizeof *door);
		panic_if(!door, "no memory for the door to keys");
		list_init(&door->asked);
		door->tls = tls;
		tls->door = door;
	}
	channel_close(door->channel);
	all_away(door);
	door->channel = channel_open(tls->loop, fd,
		(struct channel_user){.receive = door_receive, .gone = door_gone, .owner = door});
	tls->signer = (struct tls_signer){door_sign, door_is_open, door};
}

void door_close(struct keys_door *door)
{
	if (!door)
		return;
	channel_close(door->channel);
	free(door);
}
