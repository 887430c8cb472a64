/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the store, kept for a while: by question and subject. Pure: time is given.
 */
#ifndef ACCOUNTS_KEPT_H
#define ACCOUNTS_KEPT_H

#include "base/clock.h"
#include "base/slice.h"
#include "packets/signin.h"

struct kept_answers;
struct kept_answer { /* slices live until the next put or forget */
	enum signin_found found;
	uint16_t count;
	struct slice texts; /* `count` of signin_text */
	struct slice because;
};

/* `most`: answers; above it the oldest is forgotten. */
struct kept_answers *known_new(uint64_t seed, size_t most);
void known_free(struct kept_answers *kept);
bool known_find(struct kept_answers *kept, enum signin_question question, struct slice subject,
	mono_ns now, struct kept_answer *answer);
void known_put(struct kept_answers *kept, enum signin_question question, struct slice subject,
	mono_ns until, const struct kept_answer *answer);
void known_forget(struct kept_answers *kept); /* all */
size_t known_count(const struct kept_answers *kept);

#endif
