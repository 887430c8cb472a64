/* SPDX-License-Identifier: Apache-2.0 */
/* Many explanations counted: causes, who must act, domains, days. Bounded: the thousandth domain is
 * still counted, only not by name. */
#ifndef DIAGNOSE_TALLY_H
#define DIAGNOSE_TALLY_H

#include "diagnose/explained.h"

enum { TALLY_NAMES = 1000 };
struct tally_name {
	char name[64];
	size_t count;
};
struct tally_list {
	struct tally_name names[TALLY_NAMES];
	size_t count, others;
};
struct tally {
	size_t inputs, failures, unclear, not_bounces;
	struct tally_list causes, actors, domains, days;
};
struct tally *tally_new(struct arena *arena);
void tally_add(struct tally *tally, const struct explained *explained);
void tally_people(struct text *out, struct tally *tally);
void tally_json(struct text *out, struct tally *tally); /* {"summary":{…}} and a line end */
/* "2026-11-22" of a date as mail (RFC 5322 3.3) or a log writes it; false if it is none. */
bool day_of(struct slice date, char day[static 11]);

#endif
