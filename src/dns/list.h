/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS lists (RFC 5782): whether an address or a domain is in one.
 *
 * A list answers with addresses in 127.0.0.0/8 or not at all. What a list says that refuses our
 * questions (127.255.255.0/24), or that somebody else says in its place (any other address), is no
 * answer.
 */
#ifndef DNS_LIST_H
#define DNS_LIST_H

#include "dns/dns.h"

enum list_verdict { LIST_HAS, LIST_HAS_NOT, LIST_CANNOT_TELL };

struct list_answer {
	enum list_verdict verdict;
	const struct address *addresses; /* LIST_HAS: what it answered */
	size_t count;
	struct slice because; /* the name asked for, and what was wrong with the answer */
};

/* One question, within the deadline of the task; without an answer by then it is
 * LIST_CANNOT_TELL. WAIT_CANCELLED alone leaves the answer unset. The answer lives in `arena`. */
enum wait list_ask_address(struct task *task, struct dns *dns, struct slice zone,
	const struct address *address, struct arena *arena, struct list_answer *answer);
enum wait list_ask_domain(struct task *task, struct dns *dns, struct slice zone,
	struct slice domain, struct arena *arena, struct list_answer *answer);

/* RFC 5782 section 5: every list has an entry for 127.0.0.2, or for the domain "test", and none for
 * 127.0.0.1, or for "invalid". One that has it otherwise lists everything or nothing, and is not
 * to be believed; nor is one that does not answer. Gives false with words in `why`. */
enum wait list_test(struct task *task, struct dns *dns, struct slice zone, bool of_domains,
	struct arena *arena, bool *believed, struct slice *why);

#endif
