/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes are a question or are refused with words. */
#include "base/panic.h"
#include "queue/question.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct text why = TEXT_GROWING;
	struct question question;

	if (question_parse((struct slice){(const char *)bytes, size}, arena, &question, &why))
		panic_if(question.kind == QUESTION_ACT && !question.id_count && !question.to.len,
			"an act upon nothing in particular was taken");
	else
		panic_if(!why.len, "refused without a word");
	text_free(&why);
	arena_free(arena);
	return 0;
}
