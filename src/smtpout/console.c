/* SPDX-License-Identifier: Apache-2.0 */
/* What control asks out. The contract is in console.h. */
#include "smtpout/console.h"

#include <jansson.h>

#include "base/json.h"

/* ---- the two forms ---- */

static struct slice string_of(const json_t *value)
{
	return (struct slice){json_string_value(value), json_string_length(value)};
}

bool console_read(struct slice question, struct arena *arena, struct slice *address)
{
	json_t *object = json_loadb(
		question.at ? question.at : "", question.len, JSON_REJECT_DUPLICATES, NULL);
	bool is_ours = slice_is(string_of(json_object_get(object, "ask")), SLICE("mailbox"));

	*address = SLICE_NONE;
	if (is_ours)
		*address = arena_slice(arena, string_of(json_object_get(object, "address")));
	json_decref(object);
	return is_ours;
}

void console_write(struct text *json, struct slice address, const struct asking_answer *answer)
{
	static const struct slice known[ASKING_FOUNDS] = {
		[ASKING_KNOWN] = SLICE("true"),
		[ASKING_UNKNOWN] = SLICE("false"),
		[ASKING_CANNOT_TELL] = SLICE("null"),
	};

	json_put_text(json, SLICE("{\"address\":"), address);
	text_put(json, SLICE(",\"known\":"));
	text_put(json, known[answer->found]);
	json_put_text(json, SLICE(",\"because\":"), answer->because);
	text_char(json, '}');
}

/* ---- one question ---- */

struct console {
	struct arena *arena; /* holds itself */
	struct told *told;
	uint32_t request;
	uint64_t asker;
	struct slice address;
};

static void tell(void *owner, const struct asking_answer *answer)
{
	struct console *console = owner;
	struct text json = TEXT_GROWING;

	console_write(&json, console->address, answer);
	told_later(console->told, console->request, console->asker, text_slice(&json));
	text_free(&json);
	arena_free(console->arena);
}

bool console_ask(struct asked *asked, struct told *told, struct slice question, uint32_t request,
	uint64_t asker)
{
	struct arena *arena = arena_new();
	struct slice address;

	if (!console_read(question, arena, &address)) {
		arena_free(arena);
		return false;
	}
	struct console *console = ARENA_NEW(arena, struct console);
	*console = (struct console){arena, told, request, asker, address};
	asked_ask(asked, &(struct asking_ask){.address = address},
		(struct asked_user){tell, console});
	return true;
}
