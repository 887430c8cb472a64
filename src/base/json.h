/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON put together member by member: no tree and no printf, for what is written often.
 *
 * Braces and commas are the writer's: `key` is all that stands before the value.
 *
 *	json_put_id(&line, SLICE("{\"id\":"), id);
 *	json_put_text(&line, SLICE(",\"sender\":"), sender);
 *	text_char(&line, '}');
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/clock.h"
#include "base/text.h"

void json_put_text(struct text *json, struct slice key, struct slice value); /* any bytes */
/* The same, and nothing at all where the value is empty, which here means unknown. */
void json_put_known(struct text *json, struct slice key, struct slice value);
void json_put_number(struct text *json, struct slice key, uint64_t number);
void json_put_truth(struct text *json, struct slice key, bool truth);
void json_put_time(struct text *json, struct slice key, wall_ns time); /* RFC 3339, a string */
void json_put_id(struct text *json, struct slice key, uint64_t id);    /* as text_id() */

#endif
