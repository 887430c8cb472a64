/* SPDX-License-Identifier: Apache-2.0 */
/* Members of JSON objects. The contract is in json.h; strings are escaped by text_json(). */
#include "base/json.h"

#include "base/id.h"

void json_put_text(struct text *json, struct slice key, struct slice value)
{
	text_put(json, key);
	text_json(json, value);
}

void json_put_known(struct text *json, struct slice key, struct slice value)
{
	if (value.len)
		json_put_text(json, key, value);
}

void json_put_number(struct text *json, struct slice key, uint64_t number)
{
	text_put(json, key);
	text_number(json, number);
}

void json_put_truth(struct text *json, struct slice key, bool truth)
{
	text_put(json, key);
	text_put(json, truth ? SLICE("true") : SLICE("false"));
}

void json_put_time(struct text *json, struct slice key, wall_ns time)
{
	text_put(json, key);
	text_char(json, '"');
	text_time(json, time);
	text_char(json, '"');
}

void json_put_id(struct text *json, struct slice key, uint64_t id)
{
	text_put(json, key);
	text_char(json, '"');
	text_id(json, id);
	text_char(json, '"');
}
