/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control asks: `status`, and `limits` (all counters, or those whose key has a word). Answers
 * leave in pieces as the channel takes them.
 */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "accounts/state.h"
#include "base/json.h"
#include "base/panic.h"
#include "packets/report.h"

enum { PACKET_MAX = 3800, PIECE_MAX = PACKET_MAX - 16, ANSWERS_MAX = 16 };

struct answer {
	struct list link;
	uint32_t request;
	struct text text;
	size_t sent;
};

/* ---- words ---- */

static void tell_status(struct accounts *accounts, struct text *out)
{
	json_put_number(out, SLICE("{\"role\":\"accounts\",\"slot\":0,\"counters\":"),
		counters_count(accounts->counters));
	json_put_number(out, SLICE(",\"reserved\":"), accounts->reserved);
	json_put_number(out, SLICE(",\"full\":"), accounts->full);
	json_put_number(out, SLICE(",\"kept\":"), accounts->kept);
	json_put_number(out, SLICE(",\"no_room\":"), accounts->no_room);
	json_put_number(out, SLICE(",\"forgotten\":"), counters_forgotten(accounts->counters));
	json_put_truth(
		out, SLICE(",\"written\":"), accounts->has_keeper && !accounts->keeper.complained);
	text_char(out, '}');
}

static bool has_word(struct slice key, struct slice word)
{
	while (key.len)
		if (slice_is_nocase(slice_cut(&key, ' '), word))
			return true;
	return false;
}

static void tell_counter(
	const struct accounts *accounts, const struct counter_view *view, struct text *out)
{
	int64_t offset = loop_wall(accounts->role->loop) - loop_mono(accounts->role->loop);

	json_put_text(out, SLICE("{\"counter\":"), view->key);
	json_put_number(out, SLICE(",\"used\":"), view->kept + view->reserved);
	json_put_number(out, SLICE(",\"reserved\":"), view->reserved);
	if (view->most)
		json_put_number(out, SLICE(",\"most\":"), view->most);
	json_put_number(out, SLICE(",\"period\":"), (uint64_t)(view->period / NS_PER_S));
	if (view->free_at != NEVER)
		json_put_time(out, SLICE(",\"next_free\":"), view->free_at + offset);
	text_put(out, SLICE("}\n"));
}

static void tell_limits(struct accounts *accounts, struct slice of, struct text *out)
{
	struct counter_view view;
	size_t at = 0;

	while (counters_next(accounts->counters, &at, loop_mono(accounts->role->loop), &view))
		if (!of.len || has_word(view.key, of))
			tell_counter(accounts, &view, out);
}

void told_answer(struct accounts *accounts, struct slice text, struct text *out)
{
	json_t *question = json_loadb(text.at ? text.at : "", text.len, 0, NULL);
	struct slice ask = slice_of(json_string_value(json_object_get(question, "ask")));

	if (slice_is(ask, SLICE("status")))
		tell_status(accounts, out);
	else if (slice_is(ask, SLICE("limits")))
		tell_limits(accounts, slice_of(json_string_value(json_object_get(question, "of"))),
			out);
	else
		text_put(out, SLICE("{\"error\":\"accounts answers status and limits\"}"));
	json_decref(question);
}

/* ---- pieces ---- */

static void answer_free(struct answer *answer)
{
	list_remove(&answer->link);
	text_free(&answer->text);
	free(answer);
}

/* False: the channel is full; `drained` goes on. */
static bool answer_send(struct accounts *accounts, struct answer *answer)
{
	char body[PACKET_MAX];
	bool last = false;

	while (!last) {
		struct writer out = writer_over(body, sizeof body);
		struct slice piece = slice_part(
			text_slice(&answer->text), answer->sent, answer->sent + PIECE_MAX);
		last = answer->sent + piece.len == answer->text.len;
		report_answer_write(&out, &(struct report_answer){answer->request, last, piece});
		if (channel_send(accounts->control, REPORT_ANSWER, writer_slice(&out), -1) != SENT)
			return false;
		answer->sent += piece.len;
	}
	return true;
}

static void pump(struct accounts *accounts)
{
	LIST_EACH (struct answer, answer, &accounts->answers, link) {
		if (!answer_send(accounts, answer))
			return;
		answer_free(answer);
	}
}

static size_t count_answers(const struct accounts *accounts)
{
	size_t count = 0;

	for (const struct list *at = accounts->answers.next; at != &accounts->answers;
		at = at->next)
		count++;
	return count;
}

static void take_question(struct accounts *accounts, const struct report_ask *ask)
{
	struct answer *answer = calloc(1, sizeof *answer);

	panic_if(!answer, "out of memory for an answer");
	answer->request = ask->request;
	answer->text = TEXT_GROWING;
	if (count_answers(accounts) < ANSWERS_MAX)
		told_answer(accounts, ask->question, &answer->text);
	else
		text_put(&answer->text, SLICE("{\"error\":\"too many questions at once\"}"));
	list_append(&accounts->answers, &answer->link);
	pump(accounts);
}

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct report_ask ask;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type == REPORT_ASK && report_ask_read(body, &ask))
		take_question(owner, &ask);
}

static void gone(void *owner, struct channel *channel)
{
	(void)channel;
	told_close(owner);
}

static void drained(void *owner, struct channel *channel)
{
	(void)channel;
	pump(owner);
}

void told_open(struct accounts *accounts, int fd)
{
	told_close(accounts);
	accounts->control = channel_open(accounts->role->loop, fd,
		(struct channel_user){
			.receive = receive, .gone = gone, .drained = drained, .owner = accounts});
}

void told_close(struct accounts *accounts)
{
	channel_close(accounts->control);
	accounts->control = NULL;
	LIST_EACH (struct answer, answer, &accounts->answers, link)
		answer_free(answer);
}
