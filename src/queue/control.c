/* SPDX-License-Identifier: Apache-2.0 */
/* Events to control, questions from it (packets/report.h). */
#include <unistd.h>

#include "packets/report.h"
#include "queue/ask.h"
#include "queue/state.h"

/* What events and answers rest on is written before they leave. */
void reports_pump(struct queue *queue)
{
	if (queue->store)
		store_write_results(queue->store);
	if (queue->control && answers_pump(&queue->answers, queue->control))
		events_pump(queue->events);
}

void reports_hurry(struct queue *queue)
{
	reports_pump(queue);
	/* Full: it does so within a second all the same. */
	if (queue->control && channel_send(queue->control, REPORT_SYNC, SLICE_NONE, -1) != SENT)
		return;
}

static void take_question(struct queue *queue, const struct report_ask *ask)
{
	struct asked asked = {queue->schedule, queue->store, queue->events, queue_now(queue)};
	struct text *answer = answers_begin(&queue->answers, ask->request);

	if (answer)
		ask_answer(&asked, ask->question, answer);
	queue_stir(queue); /* an act may have made something due */
}

/* Events told again have new numbers, above those the store knows them by: they count as heard all
 * together. */
static void take_heard(struct queue *queue, uint64_t sequence)
{
	events_have(queue->events, sequence);
	uint64_t heard = events_heard(queue->events);
	if (queue->store && heard >= queue->repeated)
		store_heard(queue->store, heard);
	books_heard(queue);
}

static void control_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct queue *queue = owner;
	struct report_ask ask;
	uint64_t sequence;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type == REPORT_HAVE && report_count_read(body, &sequence))
		take_heard(queue, sequence);
	else if (type == REPORT_ASK && report_ask_read(body, &ask))
		take_question(queue, &ask);
	else
		role_log(queue->role, LEVEL_ERROR, "peer", "control sent a bad message of type %#x",
			type);
}

static void control_gone(void *owner, struct channel *channel)
{
	(void)channel;
	reports_close(owner);
}

static void control_drained(void *owner, struct channel *channel)
{
	(void)channel;
	reports_pump(owner);
}

void reports_open(struct queue *queue, int fd)
{
	reports_close(queue);
	queue->control = channel_open(queue->loop, fd,
		(struct channel_user){.receive = control_receive,
			.gone = control_gone,
			.drained = control_drained,
			.owner = queue});
	events_attach(queue->events, queue->control);
}

void reports_close(struct queue *queue)
{
	events_attach(queue->events, NULL);
	channel_close(queue->control);
	queue->control = NULL;
	if (queue->books_open)
		books_heard(queue);
	answers_drop(&queue->answers);
}
