/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others answered, in a line's `facts`: a member for each fact, {"value":…, "because":…}; one
 * for each list or account below it where the fact has such an argument. What nobody could tell is
 * {"unknown":true} with its reason.
 */
#include "journal/inside.h"

#include "base/json.h"

enum { BECAUSE_MOST = 160, ANSWERS_SHOWN = 64 };

static void put_texts(struct text *line, struct slice key, const struct slice *texts, size_t count)
{
	text_put(line, key);
	text_char(line, '[');
	for (size_t i = 0; i < count && i < ANSWERS_SHOWN; i++) {
		if (i)
			text_char(line, ',');
		text_json(line, texts[i]);
	}
	text_char(line, ']');
}

static void put_addresses(struct text *line, const struct fact_answer *answer)
{
	json_put_truth(line, SLICE("\"value\":"), answer->address_count > 0);
	if (!answer->address_count)
		return;
	text_put(line, SLICE(",\"addresses\":["));
	for (size_t i = 0; i < answer->address_count && i < ANSWERS_SHOWN; i++) {
		text_put(line, i ? SLICE(",\"") : SLICE("\""));
		text_address(line, &answer->addresses[i]);
		text_char(line, '"');
	}
	text_char(line, ']');
}

static void put_text_value(struct text *line, const struct fact_answer *answer)
{
	json_put_text(line, SLICE("\"value\":"), answer->text);
	if (answer->text_count > 1)
		put_texts(line, SLICE(",\"values\":"), answer->texts, answer->text_count);
}

static void put_truth_value(struct text *line, const struct fact_answer *answer)
{
	json_put_truth(line, SLICE("\"value\":"), answer->yes);
	json_put_known(line, SLICE(",\"text\":"), answer->text);
}

static void put_value(struct text *line, const struct fact_answer *answer)
{
	switch (fact_row(answer->fact)->type) {
	case FACT_IS_ADDRESSES: put_addresses(line, answer); break;
	case FACT_IS_TEXT:
	case FACT_IS_ADDRESS:
	case FACT_IS_MAILBOX: put_text_value(line, answer); break;
	case FACT_IS_YES_NO: put_truth_value(line, answer); break;
	case FACT_IS_RESULT: json_put_text(line, SLICE("\"value\":"), answer->text); break;
	case FACT_IS_NUMBER: json_put_number(line, SLICE("\"value\":"), answer->number); break;
	case FACT_IS_TEXTS:
		put_texts(line, SLICE("\"value\":"), answer->texts, answer->text_count);
		break;
	}
}

static void put_answer(struct text *line, const struct fact_answer *answer)
{
	text_char(line, '{');
	if (answer->unknown)
		text_put(line, SLICE("\"unknown\":true"));
	else
		put_value(line, answer);
	json_put_known(line, SLICE(",\"because\":"), slice_part(answer->because, 0, BECAUSE_MOST));
	text_char(line, '}');
}

/* All answers of one fact, from the first on: alone, or by their argument. */
static void put_fact(struct text *line, const struct facts *facts, size_t first)
{
	const struct fact_answer *answers = facts->answers;
	bool nested = answers[first].argument.len > 0;

	text_char(line, ',');
	text_json(line, fact_row(answers[first].fact)->key);
	text_put(line, nested ? SLICE(":{") : SLICE(":"));
	for (size_t i = first; i < facts->answer_count; i++) {
		if (answers[i].fact != answers[first].fact || (!nested && i > first))
			continue;
		if (i > first)
			text_char(line, ',');
		if (nested) {
			text_json(line, answers[i].argument);
			text_char(line, ':');
		}
		put_answer(line, &answers[i]);
	}
	if (nested)
		text_char(line, '}');
}

static bool is_first(const struct facts *facts, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (facts->answers[i].fact == facts->answers[at].fact)
			return false;
	return true;
}

/* A clause, or the account's own limit of this number among the fact's. */
static void put_counted_by(struct text *line, uint32_t clause)
{
	if (clause >= ACCOUNT_LIMIT_FIRST)
		json_put_number(line, SLICE("{\"limit\":"), clause - ACCOUNT_LIMIT_FIRST);
	else
		json_put_number(line, SLICE("{\"clause\":"), clause);
}

static void put_counters(struct text *line, const struct facts *facts)
{
	for (size_t i = 0; i < facts->counter_count && i < ANSWERS_SHOWN; i++) {
		const struct counter_answer *counter = &facts->counters[i];
		text_put(line, i ? SLICE(",") : SLICE(",\"counter\":["));
		put_counted_by(line, counter->clause);
		if (counter->unknown) {
			text_put(line, SLICE(",\"unknown\":true}"));
			continue;
		}
		json_put_number(line, SLICE(",\"value\":"), counter->used);
		json_put_number(line, SLICE(",\"most\":"), counter->most);
		json_put_truth(line, SLICE(",\"full\":"), counter->full);
		if (counter->full)
			json_put_time(line, SLICE(",\"free_at\":"), counter->free_at);
		text_char(line, '}');
	}
	if (facts->counter_count)
		text_char(line, ']');
}

void journal_put_answers(struct text *line, const struct facts *facts)
{
	for (size_t i = 0; i < facts->answer_count; i++)
		if (is_first(facts, i))
			put_fact(line, facts, i);
	put_counters(line, facts);
}
