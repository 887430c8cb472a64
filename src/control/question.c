/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of the control socket. The contract is in question.h. */
#include "control/question.h"

#include "base/id.h"

enum { LINES_USUAL = 1000, NESTING_MOST = 32 };

static struct slice member_text(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value)
		       ? (struct slice){json_string_value(value), json_string_length(value)}
		       : SLICE_NONE;
}

bool log_question_read(const json_t *object, struct log_question *question, struct text *words)
{
	struct slice id = member_text(object, "id"), client = member_text(object, "client");
	struct slice since = member_text(object, "since");
	json_int_t limit = json_integer_value(json_object_get(object, "limit"));

	*question = (struct log_question){.limit = limit > 0 ? (uint64_t)limit : LINES_USUAL,
		.follow = json_is_true(json_object_get(object, "follow"))};
	question->query.to = member_text(object, "to");
	question->query.from = member_text(object, "from");
	question->query.newest_first = true;
	if (id.len && !id_parse(id, &question->query.id))
		text_put(words, SLICE("\"id\" is not an id like 7K3Q-9MZD-2C4T"));
	else if (client.len && network_parse(client, &question->client) != NETWORK_OK)
		text_put(words, SLICE("\"client\" is not an address or a network"));
	else if (since.len && !time_parse(since, &question->query.since))
		text_put(words, SLICE("\"since\" is not a time like 2026-11-21T09:30:00Z"));
	if (client.len)
		question->query.client = &question->client;
	return words->len == 0;
}

/* Jansson calls itself for each level, up to 2048 of them; a task's stack does not hold so many.
 * Brackets in strings count too, which errs on the side that is safe. */
static bool nests_too_deeply(struct slice text)
{
	size_t depth = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '[' || text.at[i] == '{')
			depth++;
		else if ((text.at[i] == ']' || text.at[i] == '}') && depth > 0)
			depth--;
		if (depth > NESTING_MOST)
			return true;
	}
	return false;
}

json_t *control_question_parse(struct slice text, struct text *words)
{
	json_error_t error;

	if (nests_too_deeply(text)) {
		text_put(words, SLICE("the question nests too deeply"));
		return NULL;
	}
	json_t *question =
		json_loadb(text.at ? text.at : "", text.len, JSON_REJECT_DUPLICATES, &error);
	if (!question)
		text_format(words, "the question is not JSON: %s", error.text);
	return question;
}
