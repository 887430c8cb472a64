/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory: questions about accounts and addresses (SIGNIN_ASK), answered from the store that
 * the configuration names; and the changes that people make there.
 *
 *	struct directory *directory = directory_open(role);
 *	if (directory_prepare(directory, policy, why)) directory_switch_over(directory);
 *	struct directory_peer *peer = directory_peer_open(directory, channel);
 *	if (directory_receive(peer, type, body)) …                    it was a question
 *
 * Answers are kept for ANSWERS_KEPT_FOR, what nobody could tell for a second; a change through this
 * process forgets them all and tells every peer. ASKED_MOST questions are worked on at once; above
 * it the answer is CANNOT_TELL.
 */
#ifndef ACCOUNTS_DIRECTORY_H
#define ACCOUNTS_DIRECTORY_H

#include <jansson.h>

#include "account/stores.h"
#include "packets/signin.h"
#include "role/role.h"

enum { ASKED_MOST = 1024, ANSWERS_KEPT_MOST = 20000, STORE_THREADS = 4 };
#define ANSWERS_KEPT_FOR (10 * NS_PER_S)

struct directory;
struct directory *directory_open(struct role *role);
/* False with words: the store can never work as it is written. */
bool directory_prepare(
	struct directory *directory, const struct policy *policy, struct text *why) MUST_USE;
void directory_switch_over(struct directory *directory);
/* NULL: the configuration names none. Who waits while he uses it holds it (stores.h). */
struct store *directory_store(struct directory *directory);
/* What is known of this account (empty: of any) is not true any more: forget it, tell all. */
void directory_changed(struct directory *directory, struct slice account);
/* The leases that ASK_LEASES is answered from; and what is said when some have ended. */
struct leasing;
void directory_lends(struct directory *directory, struct leasing *leasing);
void directory_lease_ended(struct directory *directory, struct slice account);
void directory_tell(const struct directory *directory, struct text *out); /* JSON, for status */
/* postern user …: carries the question out and writes JSON lines. */
void directory_user(
	struct task *task, struct directory *directory, const json_t *question, struct text *out);
/* postern grant …: likewise (leasing.h). */
void directory_grant(
	struct task *task, struct directory *directory, const json_t *question, struct text *out);
/* Every question has ended when it comes back; every peer is closed. */
void directory_close(struct task *task, struct directory *directory);

struct directory_peer;
struct directory_peer *directory_peer_open(struct directory *directory, struct channel *channel);
void directory_peer_close(struct directory_peer *peer);
/* False: no question. */
bool directory_receive(struct directory_peer *peer, uint16_t type, struct slice body);

#endif
