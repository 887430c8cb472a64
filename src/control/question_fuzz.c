/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a client of the control socket sends: it is read, or words say what is wrong with it. */
#include "base/panic.h"
#include "control/question.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct text words = TEXT_GROWING;
	json_t *question =
		control_question_parse((struct slice){(const char *)bytes, size}, &words);
	struct log_question log;
	bool read = question && log_question_read(question, &log, &words);

	panic_if(!read && words.len == 0, "a question was refused without a word");
	panic_if(read && log.limit == 0, "a question for no line");
	json_decref(question);
	text_free(&words);
	return 0;
}
