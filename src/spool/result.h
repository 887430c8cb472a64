/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of RESULT, DEFER and ATTEMPT records, both directions (FORMAT.md). */
#ifndef SPOOL_RESULT_H
#define SPOOL_RESULT_H

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"

enum { RESULT_WORDS_MAX = 1000, RESULT_PAYLOAD_MAX = 1024 };

struct result_record {
	uint16_t recipient;
	uint8_t result;     /* RESULT: enum result; else 0 */
	uint32_t attempt;   /* DEFER */
	wall_ns time;       /* RESULT: when; DEFER: when next */
	struct slice words; /* cut to RESULT_WORDS_MAX when written */
};

void result_encode(struct text *out, uint8_t type, const struct result_record *result);
bool result_decode(uint8_t type, struct slice payload, struct result_record *result) MUST_USE;

#endif
