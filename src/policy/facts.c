/* SPDX-License-Identifier: Apache-2.0 */
/* The table of facts. The contracts are in facts.h and atoms.h. */
#include "policy/atoms.h"

#define FACT(id, name_, stage_, known_, source_)                                                   \
	[FACT_##id] = {.name = {name_, sizeof(name_) - 1},                                         \
		.stage = stage_,                                                                   \
		.source = {source_, sizeof(source_) - 1}},
static const struct fact_row rows[FACTS] = {
#include "policy/facts.def"
};
#undef FACT

const struct fact_row *fact_row(enum fact fact)
{
	return &rows[fact];
}

bool fact_is_known(const struct facts *facts, enum fact fact)
{
	switch (fact) {
#define FACT(id, name_, stage_, known_, source_)                                                   \
	case FACT_##id:                                                                            \
		return known_;
#include "policy/facts.def"
#undef FACT
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
