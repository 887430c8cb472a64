/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to accounts, and answers to ASK_STANDS that are kept. The contract is in asker.h. */
#include <stdlib.h>
#include <string.h>

#include "account/asker_inside.h"
#include "base/panic.h"

enum { STANDING_MOST = 4096 };
static const mono_ns answer_patience = 5 * NS_PER_S; /* of a question */
static const mono_ns standing_kept = 30 * NS_PER_S;

struct standing { /* an answer to ASK_STANDS that is kept */
	enum signin_found found;
	mono_ns until;
	struct arena *arena;       /* of what follows; NULL: nothing does */
	const struct slice *texts; /* its own limits */
	size_t count;
	struct slice because; /* of an account that has some */
	size_t len;
	char account[];
};

/* ---- kept answers ---- */

void asker_forget(struct asker *asker, struct slice account)
{
	struct standing *kept = map_take(asker->standing, account);

	if (kept)
		arena_free(kept->arena);
	free(kept);
}

static const struct slice *texts_copy(const struct slice *texts, size_t count, struct arena *arena)
{
	struct slice *copy = ARENA_ARRAY(arena, struct slice, count);

	for (size_t i = 0; i < count; i++)
		copy[i] = arena_slice(arena, texts[i]);
	return copy;
}

/* Few accounts have limits of their own: only those cost more than the answer itself. */
static void standing_keep_texts(struct standing *kept, const struct asker_answer *answer)
{
	if (!answer->count)
		return;
	kept->arena = arena_new();
	kept->texts = texts_copy(answer->texts, answer->count, kept->arena);
	kept->count = answer->count;
	kept->because = arena_slice(kept->arena, answer->because);
}

void asker_forget_all(struct asker *asker)
{
	size_t at = 0;

	for (struct standing *kept; (kept = map_next(asker->standing, &at));)
		asker_forget(asker, (struct slice){kept->account, kept->len});
}

static const struct standing *standing_find(struct asker *asker, struct slice account)
{
	const struct standing *kept = map_get(asker->standing, account);

	return kept && kept->until > loop_mono(asker->loop) ? kept : NULL;
}

/* When there is no room all are forgotten: they are asked again as they come. */
static void standing_keep(
	struct asker *asker, struct slice account, const struct asker_answer *answer)
{
	asker_forget(asker, account);
	if (answer->found == ANSWER_CANNOT_TELL)
		return;
	if (map_count(asker->standing) >= STANDING_MOST)
		asker_forget_all(asker);
	struct standing *kept = malloc(sizeof *kept + account.len);
	panic_if(!kept, "out of memory");
	*kept = (struct standing){.found = answer->found,
		.until = loop_mono(asker->loop) + standing_kept,
		.len = account.len};
	memcpy(kept->account, account.at ? account.at : "", account.len);
	standing_keep_texts(kept, answer);
	map_put(asker->standing, (struct slice){kept->account, kept->len}, kept);
}

/* ---- questions ---- */

static void question_over(struct question *question)
{
	question->answer.texts = question->texts;
	question->answer.times = question->times;
	question->done = true;
	gate_open(&question->heard);
}

void asker_question_fail(struct question *question, struct slice because)
{
	question->answer = (struct asker_answer){
		.found = ANSWER_CANNOT_TELL, .because = arena_slice(question->arena, because)};
	question->texts = NULL;
	question->times = NULL;
	question_over(question);
}

/* Doubled in the arena. */
static void make_room(struct question *question)
{
	size_t room = question->room ? question->room * 2 : 4;
	struct slice *texts = ARENA_ARRAY(question->arena, struct slice, room);
	wall_ns *times = ARENA_ARRAY(question->arena, wall_ns, room);

	for (size_t i = 0; i < question->answer.count; i++) {
		texts[i] = question->texts[i];
		times[i] = question->times[i];
	}
	question->texts = texts;
	question->times = times;
	question->room = room;
}

/* False: it does not parse, or is longer than anybody wants. */
static bool texts_add(struct question *question, const struct signin_answer *answer)
{
	struct reader in = reader_of(answer->texts);
	struct signin_text text;

	for (unsigned i = 0; i < answer->count; i++) {
		if (!signin_text_read(&in, &text) || question->answer.count >= ANSWER_TEXTS_MOST)
			return false;
		if (question->answer.count == question->room)
			make_room(question);
		question->texts[question->answer.count] = arena_slice(question->arena, text.text);
		question->times[question->answer.count++] = text.time;
	}
	return read_at_end(&in);
}

void asker_take_answer(struct asker *asker, const struct signin_answer *answer)
{
	uint64_t request = answer->request;
	struct question *question = map_get(asker->questions, map_key(&request));

	if (!question || question->done)
		return;
	if (!texts_add(question, answer)) {
		asker_question_fail(question, SLICE("an answer that is too long"));
		return;
	}
	if (answer->more)
		return;
	question->answer.found = (enum signin_found)answer->found;
	question->answer.because = arena_slice(question->arena, answer->because);
	question_over(question);
}

static bool question_send(struct asker *asker, const struct question *question,
	enum signin_question kind, struct slice subject, const struct address *client)
{
	struct outgoing outgoing = asker_outgoing_begin();
	struct signin_ask ask = {.request = (uint32_t)question->request,
		.question = (uint8_t)kind,
		.subject = subject};

	if (client)
		ask.client = *client;
	signin_ask_write(&outgoing.out, &ask);
	return asker_outgoing_send(asker, &outgoing, SIGNIN_ASK);
}

static enum wait question_wait(struct task *task, struct question *question)
{
	struct loop *loop = task_loop(task);
	mono_ns until = loop_mono(loop) + answer_patience;
	mono_ns outer = task_limit(task, answer_patience);
	enum wait end = WAIT_READY;

	while (!question->done && end == WAIT_READY)
		end = gate_wait(task, &question->heard, "accounts");
	task_restore(task, outer);
	if (!question->done)
		asker_question_fail(question, SLICE("accounts does not answer"));
	return end == WAIT_DEADLINE && loop_mono(loop) >= until ? WAIT_READY : end;
}

static bool answered_from_kept(
	struct asker *asker, struct slice account, struct arena *arena, struct asker_answer *answer)
{
	const struct standing *kept = standing_find(asker, account);

	if (!kept)
		return false;
	*answer = (struct asker_answer){
		.found = kept->found, .because = SLICE("as accounts said before")};
	if (kept->count) {
		answer->texts = texts_copy(kept->texts, kept->count, arena);
		answer->count = kept->count;
		answer->because = arena_slice(arena, kept->because);
	}
	return true;
}

enum wait asker_ask(struct task *task, struct asker *asker, enum signin_question kind,
	struct slice subject, const struct address *client, struct arena *arena,
	struct asker_answer *answer)
{
	struct question question = {.arena = arena};
	enum wait end = WAIT_READY;

	*answer = (struct asker_answer){.found = ANSWER_CANNOT_TELL, .because = is_away};
	if (!asker || (kind == ASK_STANDS && answered_from_kept(asker, subject, arena, answer)))
		return WAIT_READY;
	if (!asker_is_there(asker) || map_count(asker->questions) >= QUESTIONS_MOST)
		return WAIT_READY;
	uint64_t changes = asker->changes;
	gate_init(&question.heard);
	question.request = asker_new_request(asker);
	map_put(asker->questions, map_key(&question.request), &question);
	if (question_send(asker, &question, kind, subject, client))
		end = question_wait(task, &question);
	else
		asker_question_fail(&question, SLICE("accounts does not take the question"));
	map_take(asker->questions, map_key(&question.request));
	*answer = question.answer;
	if (kind == ASK_STANDS && changes == asker->changes)
		standing_keep(asker, subject, answer);
	return end;
}
