/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for signatures, and the keys of session tickets. An asker that does not read its answers
 * loses them; it gives up waiting by itself. Read packets/signing.h first. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/panic.h"
#include "keys/state.h"
#include "run/channel.h"

#define ROTATE_EVERY (INT64_C(6) * 3600 * NS_PER_S) /* a ticket lives as long (tls/contexts.c) */
#define WINDOW (10 * NS_PER_S)
enum { TICKET_KEYS = 3 }; /* the one that seals, and two that only open */

struct asker {
	struct list link;
	struct keys *keys;
	struct channel *channel;
};

/* ---- how much is signed ---- */

static void turn_window(struct keys *keys)
{
	mono_ns now = loop_mono(keys->role->loop);

	if (now - keys->window < WINDOW)
		return;
	keys->in_last = now - keys->window < 2 * WINDOW ? keys->in_window : 0;
	keys->in_window = 0;
	keys->window = now;
}

double signing_rate(struct keys *keys)
{
	turn_window(keys);
	return (double)keys->in_last * NS_PER_S / WINDOW;
}

/* ---- signing ---- */

static const struct held *find_key(const struct keys *keys, const uint8_t *name)
{
	LIST_EACH (const struct held, held, &keys->held, link)
		if (memcmp(private_key_name(held->key), name, KEY_NAME_LEN) == 0)
			return held;
	return NULL;
}

static void answer(struct asker *asker, const struct signing_answer *answer)
{
	char buffer[SIGNATURE_MAX + 64];
	struct writer out = writer_over(buffer, sizeof buffer);

	signing_answer_write(&out, answer);
	panic_if(out.bad, "a signature of %zu octets", answer->signature.len);
	if (channel_send(asker->channel, SIGNING_ANSWER, writer_slice(&out), -1) != SENT)
		asker->keys->unheard++;
}

static void sign(struct asker *asker, const struct signing_ask *ask)
{
	struct keys *keys = asker->keys;
	char buffer[SIGNATURE_MAX];
	struct text signature = TEXT_FIXED(buffer);
	const struct held *held = find_key(keys, ask->key);
	enum signing_outcome outcome =
		held ? private_key_sign(held->key, ask, &signature) : SIGN_NO_KEY;

	keys->outcomes[outcome]++;
	turn_window(keys);
	keys->in_window++;
	answer(asker, &(struct signing_answer){.request = ask->request,
			      .outcome = (uint8_t)outcome,
			      .signature = text_slice(&signature)});
}

static void asker_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct asker *asker = owner;
	struct signing_ask ask;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type == SIGNING_ASK && signing_ask_read(body, &ask))
		sign(asker, &ask);
	else
		role_log(asker->keys->role, LEVEL_ERROR, "peer",
			"somebody sent a bad message of type %#x", type);
}

/* ---- session tickets ---- */

static void send_tickets(struct asker *asker)
{
	char buffer[sizeof(struct signing_tickets) + 8];
	struct writer out = writer_over(buffer, sizeof buffer);

	signing_tickets_write(&out, &asker->keys->tickets);
	panic_if(out.bad, "ticket keys do not fit");
	if (channel_send(asker->channel, SIGNING_TICKETS, writer_slice(&out), -1) != SENT)
		asker->keys->unheard++;
}

static void make_ticket_key(struct keys *keys)
{
	struct signing_tickets *tickets = &keys->tickets;

	memmove(tickets->keys + 1, tickets->keys, (TICKET_KEYS - 1) * sizeof *tickets->keys);
	panic_if(getrandom(tickets->keys, sizeof *tickets->keys, 0) != sizeof *tickets->keys,
		"no random numbers");
	if (tickets->count < TICKET_KEYS)
		tickets->count++;
	keys->rotated = loop_wall(keys->role->loop);
}

static void rotate(struct timer *timer)
{
	struct keys *keys = LIST_OBJECT(struct keys, timer, rotation);

	make_ticket_key(keys);
	LIST_EACH (struct asker, asker, &keys->askers, link)
		send_tickets(asker);
	timer_set(timer, loop_mono(keys->role->loop) + ROTATE_EVERY);
}

void tickets_begin(struct keys *keys)
{
	make_ticket_key(keys);
	timer_init(&keys->rotation, keys->role->loop, rotate);
	timer_set(&keys->rotation, loop_mono(keys->role->loop) + ROTATE_EVERY);
}

/* ---- askers ---- */

static void asker_end(struct asker *asker)
{
	channel_close(asker->channel);
	list_remove(&asker->link);
	free(asker);
}

static void asker_gone(void *owner, struct channel *channel)
{
	(void)channel;
	asker_end(owner);
}

void asker_add(struct keys *keys, int fd)
{
	struct asker *asker = calloc(1, sizeof *asker);

	panic_if(!asker, "no memory for who asks");
	asker->keys = keys;
	list_append(&keys->askers, &asker->link);
	asker->channel = channel_open(keys->role->loop, fd,
		(struct channel_user){
			.receive = asker_receive, .gone = asker_gone, .owner = asker});
	send_tickets(asker);
}

void askers_close(struct keys *keys)
{
	LIST_EACH (struct asker, asker, &keys->askers, link)
		asker_end(asker);
}
