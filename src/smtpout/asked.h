/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mailboxes asked`: whether the next hop of a domain takes mail for an address, asked of it at
 * RCPT and kept for a while.
 *
 * A question comes from an edge (packets/asking.h) or from control. It is answered from memory
 * (recall.h), else by the next hop: MAIL FROM:<>, RCPT, RSET over a connection like those that mail
 * leaves by. Several addresses ride on one transaction. Where the next hop does not answer, is
 * asked too much, or says what is not about the mailbox, nobody can tell; one that was known not
 * long ago is still known then.
 */
#ifndef SMTPOUT_ASKED_H
#define SMTPOUT_ASKED_H

#include "base/text.h"
#include "dns/dns.h"
#include "packets/asking.h"
#include "run/offload.h"
#include "smtpout/job.h"
#include "smtpout/secrets.h"

#define PROBE_PATIENCE                                                                             \
	(8 * NS_PER_S)           /* from the question to its answer; edges wait a bit longer       \
				  */
#define HOP_IDLE (10 * NS_PER_S) /* a connection is kept open so long */
#define HOP_REST_FIRST                                                                             \
	(1 * NS_PER_S) /* after no answer it is asked nothing so long; then doubled */
#define HOP_REST_MOST (60 * NS_PER_S)
#define TAKES_ALL_EVERY (24 * 3600 * NS_PER_S) /* a name at random is tried */
enum {
	PROBES_AT_ONCE = 20, /* recipients of one transaction */
	PROBE_CONNECTIONS = 2,
	/* Questions that a next hop is asked and does not answer with yes: what mail itself would
	 * ask costs nothing, guesses are bounded. */
	PROBES_PER_SECOND = 20,
	PROBES_BURST = 100,
	REFUSALS_PER_CONNECTION = 8, /* servers make a client slow, or end, after some */
	HOPS_MOST = 1000,
	WAITERS_MOST = 20000,
};

struct asked;
struct asked_link {
	/* For the log: a next hop that does not answer, that does again, that takes everyone. */
	void (*say)(void *owner, bool is_trouble, const char *event, struct slice words);
	void (*empty)(void *owner); /* after asked_stop(): the last connection is closed */
	void *owner;
};
struct asked *asked_open(struct loop *loop, struct dns *dns, struct offload *threads,
	const struct passwords *passwords, struct asked_link link);
void asked_close(struct asked *asked); /* it is empty */
/* From now on. The policy and the trust are held. What was known of domains that are asked
 * elsewhere now is forgotten, and all that was unknown. */
void asked_use(struct asked *asked, struct policy *policy, struct trust *trust);
void asked_edge(struct asked *asked, int fd); /* a channel to an edge, owned from here on */

/* A question of this process, with its answer told once, maybe at once. */
struct asked_user {
	void (*told)(void *owner, const struct asking_answer *answer);
	void *owner;
};
void asked_ask(struct asked *asked, const struct asking_ask *ask, struct asked_user user);
/* What became of a recipient of a job; it tells what an answer to RCPT would. */
void asked_learn(struct asked *asked, const struct job *job, const struct rcpt *rcpt);
bool asked_is_any(const struct asked *asked); /* some domain of the policy is asked */

/* No question is answered by a next hop any more. */
void asked_stop(struct asked *asked);
size_t asked_connections(const struct asked *asked);
/* A JSON array, a domain each; at most ASKED_SHOWN, those in trouble first. */
enum { ASKED_SHOWN = 200 };
void asked_status(const struct asked *asked, struct text *json);

#endif
