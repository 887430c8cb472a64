/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: asking the resolver, from a task.
 *
 * The one process that parses DNS answers from outside is the `resolver` role; everybody else holds
 * a `struct dns` and gets small normalised records. Tests hold a fake one (dns/fake.h) that answers
 * from a zone text.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include "base/arena.h"
#include "run/io.h"

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52 };

enum dns_outcome {
	DNS_FOUND,       /* at least one record */
	DNS_NO_DATA,     /* the name exists, this type does not */
	DNS_NO_NAME,     /* NXDOMAIN */
	DNS_CANNOT_TELL, /* time-out, SERVFAIL, bogus: `why` says which; never a reason for a 5xx */
};

struct dns_record {
	struct address address; /* A, AAAA; port 0 */
	struct slice text; /* TXT: its strings joined. PTR, MX: the name, lower-case, no last dot */
	uint16_t preference; /* MX */
};

struct dns_answer {
	enum dns_outcome outcome;
	bool secure;  /* validated by DNSSEC */
	uint32_t ttl; /* seconds */
	size_t count;
	struct dns_record *records;
	struct slice why; /* what went wrong, or where the answer came from */
};

struct dns {
	enum wait (*ask)(struct task *task, struct dns *dns, enum dns_type type, struct slice name,
		struct arena *arena, struct dns_answer *answer);
};

/* `name` in A-labels, with or without the last dot. The answer lives in `arena`. A deadline of the
 * task gives WAIT_DEADLINE; the resolver's own patience (at most 20 s) gives DNS_CANNOT_TELL. */
static inline enum wait dns_ask(struct task *task, struct dns *dns, enum dns_type type,
	struct slice name, struct arena *arena, struct dns_answer *answer)
{
	return dns->ask(task, dns, type, name, arena, answer);
}

#endif
