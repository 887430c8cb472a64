/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health of DNS lists: each is tested (list_test()) when it is first named, at every reload and
 * every hour; one that is not believed every minute, so that it is believed again soon.
 *
 * The resolver does this: it hears all questions and every role that asks is its neighbour, so one
 * test serves all edges, and a list that is found wrong is found wrong for all of them at once.
 */
#ifndef DNS_HEALTH_H
#define DNS_HEALTH_H

#include "dns/dns.h"

struct list_name {
	struct slice zone; /* lower case, no last dot */
	bool of_domains;   /* else of addresses */
};
enum list_health { LIST_UNTESTED, LIST_BELIEVED, LIST_NOT_BELIEVED };
struct list_state {
	struct list_name name;
	enum list_health health;
	struct slice why; /* it is not believed; for people, escaped */
	wall_ns tested;
};

struct list_tests;

/* `changed` is called in the loop whenever the health of a list has changed. */
struct list_tests *list_tests_open(struct loop *loop, struct dns *dns,
	void (*changed)(void *owner, const struct list_state *state), void *owner);
/* Lists that were there keep what is known of them; all are tested at once. */
void list_tests_use(struct list_tests *tests, const struct list_name *names, size_t count);
size_t list_tests_count(const struct list_tests *tests);
const struct list_state *list_tests_state(const struct list_tests *tests, size_t number);
/* Ends with its task, which frees it and then calls `done`; `changed` is not called any more. */
void list_tests_close(struct list_tests *tests, void (*done)(void *owner));

#endif
