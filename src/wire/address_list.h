/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of addresses as To, Cc and Bcc write them (RFC 5322 section 3.4): names, comments and the
 * names of groups are passed over. What is found is text, which is no address before
 * mailbox_parse() says so; it may lack a domain (root).
 */
#ifndef WIRE_ADDRESS_LIST_H
#define WIRE_ADDRESS_LIST_H

#include "base/arena.h"

/* Takes the next one off the front of *left (an unfolded field); false: there is none. A slice of
 * what was copied to `arena`. */
bool address_list_next(struct slice *left, struct arena *arena, struct slice *address);

#endif
