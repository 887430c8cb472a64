/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who wrote a message: the one address of its one From field (RFC 5322 section 3.6.2). What two
 * readers could read in two ways (several fields, several addresses, a group, brackets or quotes
 * that do not end) is no author.
 */
#ifndef WIRE_AUTHOR_H
#define WIRE_AUTHOR_H

#include "wire/header.h"
#include "wire/mailbox.h"

enum author_fault {
	AUTHOR_OK,
	AUTHOR_MISSING,       /* there is no From field */
	AUTHOR_FIELDS,        /* there are several */
	AUTHOR_EMPTY,         /* it holds no address */
	AUTHOR_SEVERAL,       /* it holds several addresses, or a group */
	AUTHOR_NOT_AN_ADDRESS /* what it holds is none */
};
const char *author_fault_text(enum author_fault fault); /* a phrase for people */

/* The mailbox lives in `arena`. */
enum author_fault author_find(
	const struct headers *headers, struct arena *arena, struct mailbox *author) MUST_USE;
/* The same of a field's value, folds and all. */
enum author_fault author_parse(
	struct slice raw, struct arena *arena, struct mailbox *author) MUST_USE;

#endif
