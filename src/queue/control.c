/* SPDX-License-Identifier: Apache-2.0 */
/* Events to control, questions from it (packets/report.h). Answers leave in pieces as the channel
 * takes them, so a long list never fills it. */
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "packets/report.h"
#include "queue/ask.h"
#include "queue/state.h"

enum { PIECE_MAX = CHANNEL_BODY_MAX - 16, ANSWERS_MAX = 16 };

static void answer_free(struct answer *answer)
{
	list_remove(&answer->link);
	text_free(&answer->text);
	free(answer);
}

static void drop_answers(struct queue *queue)
{
	LIST_EACH (struct answer, answer, &queue->answers, link)
		answer_free(answer);
}

/* False: the channel is full; `drained` goes on. */
static bool answer_send(struct queue *queue, struct answer *answer)
{
	char body[CHANNEL_BODY_MAX];
	bool last = false;

	while (!last) {
		struct writer out = writer_over(body, sizeof body);
		struct slice piece = slice_part(
			text_slice(&answer->text), answer->sent, answer->sent + PIECE_MAX);
		last = answer->sent + piece.len == answer->text.len;
		report_answer_write(&out, &(struct report_answer){answer->request, last, piece});
		if (channel_send(queue->control, REPORT_ANSWER, writer_slice(&out), -1) != SENT)
			return false;
		answer->sent += piece.len;
	}
	return true;
}

void reports_pump(struct queue *queue)
{
	if (!queue->control)
		return;
	LIST_EACH (struct answer, answer, &queue->answers, link) {
		if (!answer_send(queue, answer))
			return;
		answer_free(answer);
	}
	events_pump(queue->events);
}

void reports_hurry(struct queue *queue)
{
	reports_pump(queue);
	/* Full: it does so within a second all the same. */
	if (queue->control && channel_send(queue->control, REPORT_SYNC, SLICE_NONE, -1) != SENT)
		return;
}

static size_t count_answers(const struct queue *queue)
{
	size_t count = 0;

	for (const struct list *at = queue->answers.next; at != &queue->answers; at = at->next)
		count++;
	return count;
}

static void take_question(struct queue *queue, const struct report_ask *ask)
{
	struct answer *answer = calloc(1, sizeof *answer);
	struct asked asked = {queue->schedule, queue->store, queue->events, queue_now(queue)};

	panic_if(!answer, "out of memory for an answer");
	answer->request = ask->request;
	answer->text = TEXT_GROWING;
	if (count_answers(queue) < ANSWERS_MAX)
		ask_answer(&asked, ask->question, &answer->text);
	else
		text_put(&answer->text, SLICE("{\"error\":\"too many questions at once\"}"));
	list_append(&queue->answers, &answer->link);
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
	drop_answers(queue);
}
