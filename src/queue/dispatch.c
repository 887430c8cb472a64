/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs to out and outcomes back (packets/delivery.h). Out opens nothing: each segment is given to
 * it once, before the first job on it, and taken back before it is recycled. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "queue/state.h"

struct known_segment {
	uint64_t number; /* the key */
	bool forgotten;  /* FORGET could not be sent yet: before anything else about this number */
};

static void forget_segments(struct queue *queue)
{
	void *known;

	for (size_t at = 0; (known = map_next(queue->segments, &at));) {
		map_take(queue->segments, map_key(&((struct known_segment *)known)->number));
		free(known);
	}
}

static void out_gone(void *owner, struct channel *channel)
{
	struct queue *queue = owner;

	channel_close(channel);
	queue->out = NULL;
	queue->out_full = false;
	forget_segments(queue);
	schedule_out_gone(queue->schedule, queue_now(queue));
	queue_stir(queue);
}

static void out_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct queue *queue = owner;
	struct delivery_outcome outcome;
	struct delivery_end end;
	bool good = false;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type == DELIVERY_OUTCOME && delivery_outcome_read(body, &outcome))
		good = schedule_outcome(queue->schedule, &outcome, queue_now(queue));
	else if (type == DELIVERY_END && delivery_end_read(body, &end))
		good = schedule_end(queue->schedule, end.job, queue_now(queue));
	if (!good)
		role_log(queue->role, LEVEL_ERROR, "peer",
			"out sent a message of type %#x that fits no job", type);
	queue_stir(queue);
}

static bool send_to_out(struct queue *queue, enum delivery_type type, struct slice body, int fd)
{
	enum sent sent = channel_send(queue->out, (uint16_t)type, body, fd);

	if (sent == CHANNEL_FULL)
		queue->out_full = true;
	return sent == SENT;
}

static bool send_forget(struct queue *queue, struct known_segment *known)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	delivery_segment_write(&out, &(struct delivery_segment){.number = (uint32_t)known->number});
	if (!send_to_out(queue, DELIVERY_FORGET, writer_slice(&out), -1))
		return false;
	map_take(queue->segments, map_key(&known->number));
	free(known);
	return true;
}

static void tell_forgotten(struct queue *queue)
{
	struct known_segment *known;

	for (size_t at = 0; (known = map_next(queue->segments, &at));)
		if (known->forgotten && !send_forget(queue, known))
			return;
}

static void out_drained(void *owner, struct channel *channel)
{
	struct queue *queue = owner;

	(void)channel;
	queue->out_full = false;
	tell_forgotten(queue);
	schedule_go_on(queue->schedule);
	queue_stir(queue);
}

void out_open(struct queue *queue, int fd)
{
	if (queue->out)
		out_gone(queue, queue->out);
	queue->out = channel_open(queue->loop, fd,
		(struct channel_user){.receive = out_receive,
			.gone = out_gone,
			.drained = out_drained,
			.owner = queue});
	schedule_go_on(queue->schedule);
	queue_stir(queue);
}

void out_close(struct queue *queue)
{
	channel_close(queue->out);
	queue->out = NULL;
	forget_segments(queue);
}

/* Said again after a minute, whatever waits for it. */
static void complain_of_segment(struct queue *queue, uint32_t number, int error)
{
	mono_ns now = loop_mono(queue->loop);

	if (queue->complained_of == number && now < queue->complain_after)
		return;
	queue->complained_of = number;
	queue->complain_after = now + 60 * NS_PER_S;
	role_log(queue->role, LEVEL_ERROR, "spool",
		"segment %u cannot be opened for delivery: %s; its mail is tried again", number,
		strerror(error));
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

static enum handed send_segment(struct queue *queue, uint32_t number)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);
	struct delivery_segment segment = {.number = number};
	enum segment_class kind;
	int fd = store_open_segment(queue->store, number, &segment.epoch, &kind);

	if (fd < 0) {
		int error = errno;
		complain_of_segment(queue, number, error);
		return is_shortage(error) ? HANDED_NOT_NOW : HANDED_UNREADABLE;
	}
	segment.segment_class = (uint8_t)kind;
	delivery_segment_write(&out, &segment);
	bool sent = send_to_out(queue, DELIVERY_SEGMENT, writer_slice(&out), fd);
	close(fd);
	return sent ? HANDED : HANDED_NOT_NOW;
}

/* Once, before the first job that names it. */
static enum handed give_segment(struct queue *queue, uint64_t number)
{
	struct known_segment *known = map_get(queue->segments, map_key(&number));

	if (known && !known->forgotten)
		return HANDED;
	if (known && !send_forget(queue, known))
		return HANDED_NOT_NOW;
	enum handed handed = send_segment(queue, (uint32_t)number);
	if (handed != HANDED)
		return handed;
	known = calloc(1, sizeof *known);
	panic_if(!known, "out of memory for a segment");
	known->number = number;
	map_put(queue->segments, map_key(&known->number), known);
	return HANDED;
}

enum handed dispatch_job(void *owner, const struct delivery_job *job)
{
	struct queue *queue = owner;
	char body[CHANNEL_BODY_MAX];
	struct writer out = writer_over(body, sizeof body);

	enum handed handed = queue->out ? give_segment(queue, job->segment) : HANDED_NOT_NOW;
	if (handed != HANDED)
		return handed;
	delivery_job_write(&out, job);
	panic_if(out.bad, "a job of %zu octets", job->target.len + job->recipients.len);
	return send_to_out(queue, DELIVERY_JOB, writer_slice(&out), -1) ? HANDED : HANDED_NOT_NOW;
}

void dispatch_forget(void *owner, uint32_t number)
{
	struct queue *queue = owner;
	uint64_t key = number;
	struct known_segment *known = map_get(queue->segments, map_key(&key));

	if (!known)
		return;
	known->forgotten = true;
	if (queue->out)
		(void)send_forget(queue, known); /* else when it has drained */
}
