/* SPDX-License-Identifier: Apache-2.0 */
/* Segments for the edges, and how far they are durable (packets/spooling.h). */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "packets/spooling.h"
#include "queue/state.h"

/* The writer is gone: whatever it made durable and did not tell is found by walking. */
static void edge_gone(void *owner, struct channel *channel)
{
	struct edge *edge = owner;
	struct queue *queue = edge->queue;

	channel_close(channel);
	edge->channel = NULL;
	store_writer_died(queue->store, edge->slot);
	queue_stir(queue);
}

static void hostile(struct edge *edge, const char *what)
{
	role_log(edge->queue->role, LEVEL_ERROR, "peer", "edge %u sent a bad message: %s",
		edge->slot, what);
}

/* A full or gone channel: the edge reads nothing; it asks again when it is back. */
static bool send_segment(struct edge *edge, const struct spooling_give *give, int fd)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	spooling_give_write(&out, give);
	return channel_send(edge->channel, SPOOLING_GIVE, writer_slice(&out), fd) == SENT;
}

static void send_none(struct edge *edge, const struct spooling_want *want, int error)
{
	char body[256];
	struct writer out = writer_over(body, sizeof body);
	struct spooling_none none = {
		.segment_class = want->segment_class,
		.request = want->request,
		.full = error == ENOSPC || error == EDQUOT,
		.words = slice_part(slice_of(strerror(error)), 0, 100),
	};

	spooling_none_write(&out, &none);
	if (channel_send(edge->channel, SPOOLING_NONE, writer_slice(&out), -1) != SENT)
		role_log(
			edge->queue->role, LEVEL_WARN, "peer", "edge %u does not read", edge->slot);
}

static void edge_wants(struct edge *edge, struct slice body)
{
	struct spooling_want want;
	struct spooling_give give = {0};

	if (!spooling_want_read(body, &want)) {
		hostile(edge, "WANT");
		return;
	}
	int fd = store_give(
		edge->queue->store, (enum segment_class)want.segment_class, edge->slot, &give);
	if (fd < 0) {
		send_none(edge, &want, errno);
		return;
	}
	give.request = want.request;
	errno = 0;
	if (!send_segment(edge, &give, fd)) { /* never used: it can be given to another */
		int short_of = errno;
		store_done(edge->queue->store, give.number, give.epoch, 0);
		if (short_of) /* of descriptors: the edge asks again later */
			send_none(edge, &want, short_of);
	}
	close(fd);
}

static void edge_tells(struct edge *edge, uint16_t type, struct slice body)
{
	struct store *store = edge->queue->store;
	struct spooling_committed told;

	if (!spooling_committed_read(body, &told)) {
		hostile(edge, "COMMITTED, DONE or SUSPECT");
		return;
	}
	if (type == SPOOLING_COMMITTED)
		store_committed(store, told.number, told.epoch, told.durable);
	else if (type == SPOOLING_DONE)
		store_done(store, told.number, told.epoch, told.durable);
	else
		store_suspect(store, told.number, told.epoch, told.durable);
	queue_stir(edge->queue);
}

static void edge_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct edge *edge = owner;

	(void)channel;
	if (fd >= 0)
		close(fd);
	switch (type) {
	case SPOOLING_WANT: edge_wants(edge, body); break;
	case SPOOLING_COMMITTED:
	case SPOOLING_DONE:
	case SPOOLING_SUSPECT: edge_tells(edge, type, body); break;
	default: hostile(edge, "a type that is none of ours");
	}
}

void writer_open(struct queue *queue, unsigned slot, int fd)
{
	struct edge *edge = &queue->edges[slot];

	panic_if(slot >= ID_SLOTS, "edge %u", slot);
	if (edge->channel)
		edge_gone(edge, edge->channel);
	*edge = (struct edge){.queue = queue, .slot = slot};
	edge->channel = channel_open(queue->loop, fd,
		(struct channel_user){.receive = edge_receive, .gone = edge_gone, .owner = edge});
}

void edges_close(struct queue *queue)
{
	for (size_t i = 0; i < ID_SLOTS; i++) {
		channel_close(queue->edges[i].channel);
		queue->edges[i].channel = NULL;
	}
}
