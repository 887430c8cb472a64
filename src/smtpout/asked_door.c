/* SPDX-License-Identifier: Apache-2.0 */
/* Edges and their questions. An answer to an edge that has gone is dropped. Read asked_inside.h
 * first. */
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "run/channel.h"
#include "smtpout/asked_inside.h"

struct door {
	struct list link;
	struct asked *asked;
	struct channel *channel; /* NULL: it has gone */
	size_t open;             /* questions that are not answered */
};

static void door_release(struct door *door)
{
	if (door->channel || door->open)
		return;
	list_remove(&door->link);
	free(door);
}

/* A full channel is that of an edge that does not read: its questions end by its own patience. */
static void tell(void *owner, const struct asking_answer *answer)
{
	struct door *door = owner;
	char body[ASKING_BECAUSE_MAX + 16];
	struct writer out = writer_over(body, sizeof body);

	door->open--;
	asking_answer_write(&out, answer);
	if (door->channel &&
		channel_send(door->channel, ASKING_ANSWER, writer_slice(&out), -1) == SENT)
		return;
	door_release(door);
}

static void gone(void *owner, struct channel *channel)
{
	struct door *door = owner;

	channel_close(channel);
	door->channel = NULL;
	door_release(door);
}

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct door *door = owner;
	struct asking_ask ask;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type != ASKING_ASK || !asking_ask_read(body, &ask))
		return;
	door->open++;
	asked_ask(door->asked, &ask, (struct asked_user){tell, door});
}

void asked_edge(struct asked *asked, int fd)
{
	struct door *door = calloc(1, sizeof *door);

	panic_if(!door, "out of memory");
	door->asked = asked;
	list_append(&asked->doors, &door->link);
	door->channel = channel_open(asked->loop, fd,
		(struct channel_user){.receive = receive, .gone = gone, .owner = door});
}

void doors_close(struct asked *asked)
{
	LIST_EACH (struct door, door, &asked->doors, link) {
		if (door->channel)
			channel_drain(door->channel);
		channel_close(door->channel);
		door->channel = NULL;
		door_release(door);
	}
}
