/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who wrote a message: the one address of its one From field (RFC 5322 section 3.6.2). What two
 * readers could read in two ways (several fields, several addresses, a group, brackets or quotes
 * that do not end, an address where a name belongs, a field behind a line that is none) is no
 * author. Blanks around the dots and the @ of an address are such a case, though they were allowed
 * once (RFC 5322 section 4.4). What can be read in one way alone is taken, whether SMTP knows it or
 * not: an underscore in the domain, an old route with blanks.
 */
#ifndef WIRE_AUTHOR_H
#define WIRE_AUTHOR_H

#include "wire/header.h"
#include "wire/mailbox.h"

enum author_fault {
	AUTHOR_OK,
	AUTHOR_MISSING, /* there is no From field */
	AUTHOR_FIELDS,  /* there are several */
	AUTHOR_EMPTY,   /* it holds no address */
	AUTHOR_SEVERAL, /* it holds several addresses, a group, or one that readers differ about */
	AUTHOR_NOT_AN_ADDRESS, /* what it holds is none */
	AUTHOR_HIDDEN /* a line that is no field ends the header before one of these fields */
};
const char *author_fault_text(enum author_fault fault); /* a phrase for people */

/* The mailbox lives in `arena`. */
enum author_fault author_find(
	const struct headers *headers, struct arena *arena, struct mailbox *author) MUST_USE;
/* The same of a field's value, folds and all. */
enum author_fault author_parse(
	struct slice raw, struct arena *arena, struct mailbox *author) MUST_USE;

/* Who else the header says stands behind the message: the addresses of every Sender, Resent-From
 * and Resent-Sender field (RFC 5322 sections 3.6.2 and 3.6.6). */
enum { CLAIMS_MAX = 32 };
struct claims {
	const struct mailbox *at;
	size_t count;
	bool unclear; /* some field does not hold exactly one address, or there are more than fit */
};
void claims_find(const struct headers *headers, struct arena *arena, struct claims *claims);

#endif
