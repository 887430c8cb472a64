/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes are a question about a mailbox or another question; and what is answered
 * is JSON with the same address, whatever it is and whatever the next hop said. */
#include <jansson.h>

#include "base/panic.h"
#include "smtpout/console.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void answer_about(struct slice address, struct slice because)
{
	struct text json = TEXT_GROWING;

	console_write(&json, address,
		&(struct asking_answer){.found = ASKING_UNKNOWN, .because = because});
	json_t *object = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *said = json_object_get(object, "address");
	panic_if(!object || slice_has(text_slice(&json), '\n'), "an answer that is not JSON");
	panic_if(!slice_is((struct slice){json_string_value(said), json_string_length(said)},
			 address),
		"an answer about another address");
	panic_if(!json_is_false(json_object_get(object, "known")), "unknown is not false");
	panic_if(!json_is_string(json_object_get(object, "because")), "no reason");
	json_decref(object);
	text_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice question = {(const char *)bytes, size}, address;
	struct arena *arena = arena_new();

	if (console_read(question, arena, &address))
		answer_about(address, question);
	else
		panic_if(address.len > 0, "an address of another question");
	arena_free(arena);
	return 0;
}
