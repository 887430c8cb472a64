/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts that DNS tells.
 *
 *	struct fact_answer answer = {.fact = wanted.fact, .argument = wanted.argument};
 *	struct slice domain = fact_domain(wanted.fact, helo, &sender, arena);
 *	if (fact_of_dns(task, dns, &client, domain, arena, &answer) == WAIT_READY) …
 */
#ifndef FACTS_OF_DNS_H
#define FACTS_OF_DNS_H

#include "dns/dns.h"
#include "policy/facts.h"
#include "run/task.h"

bool fact_is_of_dns(enum fact fact);
/* The domain that this fact is about, in the one form: the name in EHLO, or the sender's. Empty:
 * the fact is about the client, or there is no domain to ask for (an address literal, the null
 * sender). `sender` may be NULL. Lives in `arena`. */
struct slice fact_domain(
	enum fact fact, struct slice helo, const struct mailbox *sender, struct arena *arena);
/* Fills what the answer's fact and argument ask for, within the task's deadline; anything but
 * WAIT_READY leaves it as it was. What it points to lives in `arena`. */
enum wait fact_of_dns(struct task *task, struct dns *dns, const struct address *client,
	struct slice domain, struct arena *arena, struct fact_answer *answer);

#endif
