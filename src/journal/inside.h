/* SPDX-License-Identifier: Apache-2.0 */
/* What the writers of a journal line share and nobody else needs. */
#ifndef JOURNAL_INSIDE_H
#define JOURNAL_INSIDE_H

#include "journal/journal.h"

/* Members of `facts`, each with a comma before it; nothing where nobody was asked. */
void journal_put_answers(struct text *line, const struct facts *facts);

#endif
