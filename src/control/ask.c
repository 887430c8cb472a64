/* SPDX-License-Identifier: Apache-2.0 */
/* One question to one role and the pieces of its answer. Read packets/report.h first. */
#include <string.h>

#include "control/state.h"

static const mono_ns answer_patience = 10 * NS_PER_S;

static struct channel *neighbour_channel(const struct neighbour *neighbour)
{
	return neighbour->channel ? neighbour->channel : neighbour->control->role->supervisor;
}

static void question_open(struct question *question, struct neighbour *neighbour)
{
	struct control *control = neighbour->control;

	*question = (struct question){
		.request = ++control->last_request,
		.neighbour = neighbour,
		.answer = TEXT_GROWING,
	};
	gate_init(&question->arrived);
	list_append(&control->questions, &question->link);
}

static void question_close(struct question *question)
{
	list_remove(&question->link);
	text_free(&question->answer);
}

static struct question *question_find(struct control *control, uint32_t request)
{
	LIST_EACH (struct question, question, &control->questions, link)
		if (question->request == request)
			return question;
	return NULL;
}

/* Waits for the last piece; false on time-out, when the role has died, or when we end. */
static bool question_wait(struct task *task, struct question *question)
{
	mono_ns outer = task_limit(task, answer_patience);
	enum wait waited = WAIT_READY;

	while (waited == WAIT_READY && !question->complete && !question->lost)
		waited = gate_wait(task, &question->arrived, "answer of a role");
	task_restore(task, outer);
	return question->complete;
}

static bool question_send(struct question *question, uint16_t type, struct slice text)
{
	char body[CHANNEL_BODY_MAX];
	struct writer out = writer_over(body, sizeof body);

	if (type == REPORT_ASK)
		report_ask_write(&out, &(struct report_ask){question->request, text});
	else
		setup_reload_write(&out, &(struct setup_reload){question->request});
	struct channel *channel = neighbour_channel(question->neighbour);
	bool sent = !out.bad && channel_send(channel, type, writer_slice(&out), -1) == SENT;
	if (sent) /* a password may be in it (`postern user`) */
		channel_wipe_sent(channel);
	explicit_bzero(body, sizeof body);
	return sent;
}

bool control_ask(
	struct task *task, struct neighbour *neighbour, struct slice text, struct text *answer)
{
	struct question question;
	const char *name = role_name_text(neighbour->name);

	question_open(&question, neighbour);
	bool answered =
		question_send(&question, REPORT_ASK, text) && question_wait(task, &question);
	if (answered)
		text_put(answer, text_slice(&question.answer));
	else if (question.answer.len > ANSWER_MAX)
		text_format(answer, "the answer of %s is too long: ask for less", name);
	else
		text_format(answer, "%s does not answer", name);
	question_close(&question);
	return answered;
}

bool control_ask_reload(struct task *task, struct control *control, struct text *words)
{
	struct question question;

	question_open(&question, control_neighbour(control, ROLE_SUPERVISOR));
	bool answered = question_send(&question, SETUP_RELOAD, SLICE_NONE) &&
			question_wait(task, &question);
	struct slice said = text_slice(&question.answer);
	bool reloaded = answered && said.len > 0 && said.at[0] == '+';
	text_put(words, answered ? slice_from(said, 1) : SLICE("the supervisor does not answer"));
	question_close(&question);
	return reloaded;
}

static void question_end(struct question *question, bool complete)
{
	question->complete = complete;
	question->lost = !complete;
	gate_open(&question->arrived);
}

void control_take_answer(struct control *control, struct slice body)
{
	struct report_answer answer;

	if (!report_answer_read(body, &answer))
		return;
	struct question *question = question_find(control, answer.request);
	if (!question || question->lost) /* its client has gone or lost patience */
		return;
	text_put(&question->answer, answer.piece);
	if (question->answer.len > ANSWER_MAX)
		question_end(question, false);
	else if (answer.last)
		question_end(question, true);
}

/* Kept as one mark (+ or -) and the words. */
void control_take_reloaded(struct control *control, struct slice body)
{
	struct setup_reloaded reloaded;

	if (!setup_reloaded_read(body, &reloaded))
		return;
	struct question *question = question_find(control, reloaded.request);
	if (!question)
		return;
	text_char(&question->answer, reloaded.ok ? '+' : '-');
	text_put(&question->answer, reloaded.words);
	question_end(question, true);
}

void control_lose_neighbour(struct control *control, struct neighbour *neighbour)
{
	LIST_EACH (struct question, question, &control->questions, link)
		if (question->neighbour == neighbour)
			question_end(question, false);
}
