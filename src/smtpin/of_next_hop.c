/* SPDX-License-Identifier: Apache-2.0 */
/* What the next hop says of mailboxes, through out. The contract is in of_next_hop.h. */
#include "smtpin/of_next_hop.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "base/panic.h"

struct next_hop {
	struct loop *loop;
	struct channel *channel;                                     /* NULL: out is away */
	bool (*send)(void *owner, uint16_t type, struct slice body); /* instead of it */
	void *way;
	uint32_t last_request;
	struct map *questions; /* by request */
};

struct question { /* lies on the stack of the task that asks */
	uint64_t request;
	struct arena *arena;
	struct gate heard;
	bool done;
	enum asking_found found;
	struct slice because;
};

struct next_hop *next_hop_open(struct loop *loop)
{
	struct next_hop *next_hop = calloc(1, sizeof *next_hop);

	panic_if(!next_hop, "out of memory");
	next_hop->loop = loop;
	next_hop->questions = map_new(0); /* the keys are our own */
	return next_hop;
}

void next_hop_close(struct next_hop *next_hop)
{
	if (!next_hop)
		return;
	channel_close(next_hop->channel);
	map_free(next_hop->questions);
	free(next_hop);
}

void next_hop_use_way(struct next_hop *next_hop,
	bool (*send)(void *owner, uint16_t type, struct slice body), void *owner)
{
	next_hop->send = send;
	next_hop->way = owner;
}

/* ---- answers ---- */

static void question_over(struct question *question, enum asking_found found, struct slice because)
{
	question->done = true;
	question->found = found;
	question->because = arena_slice(question->arena, because);
	gate_open(&question->heard);
}

void next_hop_receive(struct next_hop *next_hop, uint16_t type, struct slice body)
{
	struct asking_answer answer;

	if (type != ASKING_ANSWER || !asking_answer_read(body, &answer))
		return;
	uint64_t request = answer.request;
	struct question *question = map_get(next_hop->questions, map_key(&request));
	if (question && !question->done)
		question_over(question, (enum asking_found)answer.found, answer.because);
}

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	(void)channel;
	if (fd >= 0)
		close(fd);
	next_hop_receive(owner, type, body);
}

static const struct slice is_away = SLICE("the role that sends mail, which asks, is away");

static void gone(void *owner, struct channel *channel)
{
	struct next_hop *next_hop = owner;
	size_t at = 0;

	channel_close(channel);
	next_hop->channel = NULL;
	for (struct question *question; (question = map_next(next_hop->questions, &at));)
		if (!question->done)
			question_over(question, ASKING_CANNOT_TELL, is_away);
}

void next_hop_connect(struct next_hop *next_hop, int fd)
{
	if (next_hop->channel)
		gone(next_hop, next_hop->channel);
	next_hop->channel = channel_open(next_hop->loop, fd,
		(struct channel_user){.receive = receive, .gone = gone, .owner = next_hop});
}

/* ---- questions ---- */

static bool question_send(
	struct next_hop *next_hop, const struct question *question, struct slice address)
{
	char body[ASKING_ADDRESS_MAX + 16];
	struct writer out = writer_over(body, sizeof body);

	asking_ask_write(&out, &(struct asking_ask){(uint32_t)question->request, address});
	if (out.bad)
		return false;
	if (next_hop->send)
		return next_hop->send(next_hop->way, ASKING_ASK, writer_slice(&out));
	return next_hop->channel &&
	       channel_send(next_hop->channel, ASKING_ASK, writer_slice(&out), -1) == SENT;
}

static enum wait question_wait(struct task *task, struct question *question)
{
	struct loop *loop = task_loop(task);
	mono_ns until = loop_mono(loop) + NEXT_HOP_PATIENCE;
	mono_ns outer = task_limit(task, NEXT_HOP_PATIENCE);
	enum wait end = WAIT_READY;

	while (!question->done && end == WAIT_READY)
		end = gate_wait(task, &question->heard, "the next hop");
	task_restore(task, outer);
	if (!question->done)
		question_over(question, ASKING_CANNOT_TELL, SLICE("no answer in time"));
	return end == WAIT_DEADLINE && loop_mono(loop) >= until ? WAIT_READY : end;
}

static enum wait ask(struct task *task, struct next_hop *next_hop, struct slice address,
	struct question *question)
{
	enum wait end = WAIT_READY;

	if (!++next_hop->last_request)
		next_hop->last_request = 1;
	question->request = next_hop->last_request;
	gate_init(&question->heard);
	map_put(next_hop->questions, map_key(&question->request), question);
	if (question_send(next_hop, question, address))
		end = question_wait(task, question);
	else
		question_over(question, ASKING_CANNOT_TELL, is_away);
	map_take(next_hop->questions, map_key(&question->request));
	return end;
}

enum wait fact_of_next_hop(struct task *task, struct next_hop *next_hop,
	const struct mailbox *recipient, struct arena *arena, struct fact_answer *answer)
{
	struct question question = {
		.arena = arena, .found = ASKING_CANNOT_TELL, .because = is_away};
	enum wait end = WAIT_READY;

	if (next_hop && map_count(next_hop->questions) < NEXT_HOP_QUESTIONS_MOST)
		end = ask(task, next_hop, recipient->text, &question);
	if (end != WAIT_READY)
		return end;
	answer->unknown = question.found == ASKING_CANNOT_TELL;
	answer->yes = question.found == ASKING_KNOWN;
	answer->because = question.because;
	return WAIT_READY;
}
