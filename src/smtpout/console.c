/* SPDX-License-Identifier: Apache-2.0 */
/* What control asks out. The contract is in console.h. */
#include "smtpout/console.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/panic.h"
#include "packets/report.h"

enum { PIECE_MAX = 3000 };

void console_answer(struct channel *control, uint32_t request, struct slice answer)
{
	char *packet = malloc(CHANNEL_BODY_MAX);

	panic_if(!packet, "out of memory");
	do {
		struct slice piece = slice_part(answer, 0, PIECE_MAX);
		struct writer out = writer_over(packet, CHANNEL_BODY_MAX);
		answer = slice_from(answer, piece.len);
		report_answer_write(
			&out, &(struct report_answer){
				      .request = request, .last = answer.len == 0, .piece = piece});
		if (channel_send(control, REPORT_ANSWER, writer_slice(&out), -1) != SENT)
			break;
	} while (answer.len);
	free(packet);
}

struct console {
	struct channel **control, *asking;
	uint32_t request;
	struct text address;
};

static void told(void *owner, const struct asking_answer *answer)
{
	static const struct slice known[ASKING_FOUNDS] = {
		[ASKING_KNOWN] = SLICE("true"),
		[ASKING_UNKNOWN] = SLICE("false"),
		[ASKING_CANNOT_TELL] = SLICE("null"),
	};
	struct console *console = owner;
	struct text json = TEXT_GROWING;

	json_put_text(&json, SLICE("{\"address\":"), text_slice(&console->address));
	text_put(&json, SLICE(",\"known\":"));
	text_put(&json, known[answer->found]);
	json_put_text(&json, SLICE(",\"because\":"), answer->because);
	text_char(&json, '}');
	if (*console->control && *console->control == console->asking)
		console_answer(*console->control, console->request, text_slice(&json));
	text_free(&json);
	text_free(&console->address);
	free(console);
}

static void ask(
	struct asked *asked, struct slice address, uint32_t request, struct channel **control)
{
	struct console *console = calloc(1, sizeof *console);

	panic_if(!console, "out of memory");
	*console = (struct console){.control = control,
		.asking = *control,
		.request = request,
		.address = TEXT_GROWING};
	text_put(&console->address, address);
	asked_ask(asked, &(struct asking_ask){.address = text_slice(&console->address)},
		(struct asked_user){told, console});
}

bool console_ask(
	struct asked *asked, struct slice question, uint32_t request, struct channel **control)
{
	json_t *object = json_loadb(question.at ? question.at : "", question.len, 0, NULL);
	const char *what = json_string_value(json_object_get(object, "ask"));
	const json_t *address = json_object_get(object, "address");
	bool is_ours = what && slice_is(slice_of(what), SLICE("mailbox"));

	if (is_ours)
		ask(asked, (struct slice){json_string_value(address), json_string_length(address)},
			request, control);
	json_decref(object);
	return is_ours;
}
