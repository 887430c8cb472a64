/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of the control socket, read: bytes from outside, no I/O. */
#ifndef CONTROL_QUESTION_H
#define CONTROL_QUESTION_H

#include <jansson.h>

#include "base/text.h"
#include "journal/read.h"

/* The question as JSON (the caller's), or NULL with words of what is wrong with it. */
json_t *control_question_parse(struct slice text, struct text *words);

struct log_question {
	struct journal_query query; /* its slices lie in the JSON */
	struct network client;
	uint64_t limit;
	bool follow;
};
/* False: `words` says which member is wrong. */
bool log_question_read(const json_t *object, struct log_question *question, struct text *words);

#endif
