/* SPDX-License-Identifier: Apache-2.0 */
/* The table of facts. The contracts are in facts.h and atoms.h. */
#include "policy/atoms.h"

enum { NOT_FOUND = false, FOUND = true };
#define NAMED_ASKED(known_) (sizeof(#known_) == sizeof("ASKED"))
#define FACT(id, name_, key_, type_, stage_, known_, source_, found_)                              \
	[FACT_##id] = {.name = {name_, sizeof(name_) - 1},                                         \
		.key = {key_, sizeof(key_) - 1},                                                   \
		.type = FACT_IS_##type_,                                                           \
		.stage = stage_,                                                                   \
		.source = {source_, sizeof(source_) - 1},                                          \
		.asked = NAMED_ASKED(known_),                                                      \
		.found = (found_)},
static const struct fact_row rows[FACTS] = {
#include "policy/facts.def"
};
#undef FACT

const struct fact_row *fact_row(enum fact fact)
{
	return &rows[fact];
}

const struct fact_answer *facts_answer(
	const struct facts *facts, enum fact fact, struct slice argument)
{
	for (size_t i = 0; i < facts->answer_count; i++)
		if (facts->answers[i].fact == fact &&
			slice_is_nocase(facts->answers[i].argument, argument))
			return &facts->answers[i];
	return NULL;
}

/* Facts with an argument are asked by their atoms, which know it. */
static bool answer_is_known(const struct facts *facts, enum fact fact)
{
	for (size_t i = 0; i < facts->answer_count; i++)
		if (facts->answers[i].fact == fact)
			return !facts->answers[i].unknown;
	return false;
}

bool fact_is_known(const struct facts *facts, enum fact fact)
{
	switch (fact) {
#define ASKED answer_is_known(facts, fact)
#define FACT(id, name_, key_, type_, stage_, known_, ...)                                          \
	case FACT_##id:                                                                            \
		return known_;
#include "policy/facts.def"
#undef FACT
#undef ASKED
	case FACTS: break;
	}
	return false;
}

const char *stage_text(enum stage stage)
{
	static const char *const names[STAGES] = {
		[STAGE_CONNECT] = "connect",
		[STAGE_HELO] = "helo",
		[STAGE_AUTH] = "auth",
		[STAGE_MAIL] = "mail",
		[STAGE_RCPT] = "rcpt",
		[STAGE_DATA] = "data",
		[STAGE_END] = "end of data",
	};
	return names[stage];
}
