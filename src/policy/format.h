/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formatter: one file of the configuration in its usual form, `check --format`.
 *
 *	struct text out = TEXT_GROWING;
 *	if (format_file(name, bytes, &complaints, &out))
 *		…
 *
 * Statements that follow each other directly have their first words in one column; single blanks
 * stand between the others. Line breaks inside a statement stay where they are, indented by four;
 * comments stay, two blanks behind what they follow; one blank line at most between statements.
 *What the file means does not change, and formatting twice changes nothing more.
 */
#ifndef POLICY_FORMAT_H
#define POLICY_FORMAT_H

#include "policy/complaint.h"

/* False, with complaints, if the file is not even made of statements (an open string, bytes that
 * are no text): then nothing is put. Words are not looked at. */
bool format_file(
	struct slice name, struct slice bytes, struct complaints *complaints, struct text *out);

#endif
