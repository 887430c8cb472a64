/* SPDX-License-Identifier: Apache-2.0 */
/* Answers on their way to control. Read answers.h first. */
#include "role/answers.h"

#include <stdlib.h>

#include "base/panic.h"
#include "packets/report.h"

enum { PIECE_MAX = CHANNEL_BODY_MAX - 16 };

struct answer {
	struct list link;
	uint32_t request;
	struct text text;
	size_t sent;
};

void answers_init(struct answers *answers)
{
	list_init(&answers->waiting);
	answers->count = 0;
}

static void answer_free(struct answers *answers, struct answer *answer)
{
	list_remove(&answer->link);
	text_free(&answer->text);
	free(answer);
	answers->count--;
}

struct text *answers_begin(struct answers *answers, uint32_t request)
{
	struct answer *answer = calloc(1, sizeof *answer);

	panic_if(!answer, "out of memory for an answer");
	answer->request = request;
	answer->text = TEXT_GROWING;
	list_append(&answers->waiting, &answer->link);
	if (answers->count++ < ANSWERS_MAX)
		return &answer->text;
	text_put(&answer->text, SLICE("{\"error\":\"too many questions at once\"}"));
	return NULL;
}

static bool answer_send(struct answer *answer, struct channel *channel)
{
	char body[CHANNEL_BODY_MAX];
	bool last = false;

	while (!last) {
		struct writer out = writer_over(body, sizeof body);
		struct slice piece = slice_part(
			text_slice(&answer->text), answer->sent, answer->sent + PIECE_MAX);
		last = answer->sent + piece.len == answer->text.len;
		report_answer_write(&out, &(struct report_answer){answer->request, last, piece});
		if (channel_send(channel, REPORT_ANSWER, writer_slice(&out), -1) != SENT)
			return false;
		answer->sent += piece.len;
	}
	return true;
}

bool answers_pump(struct answers *answers, struct channel *channel)
{
	LIST_EACH (struct answer, answer, &answers->waiting, link) {
		if (!answer_send(answer, channel))
			return false;
		answer_free(answers, answer);
	}
	return true;
}

void answers_drop(struct answers *answers)
{
	LIST_EACH (struct answer, answer, &answers->waiting, link)
		answer_free(answers, answer);
}
