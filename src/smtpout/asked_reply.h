/* SPDX-License-Identifier: Apache-2.0 */
/* What a next hop's answer to RCPT says about the mailbox. */
#ifndef SMTPOUT_ASKED_REPLY_H
#define SMTPOUT_ASKED_REPLY_H

#include "base/arena.h"
#include "packets/asking.h"
#include "wire/reply.h"

/*
 * 2yz: it is known. 5yz: unknown, but only where the reply is about the mailbox; one about policy,
 * the sender, relaying, TLS or the size of a message says nothing, for the next hop would say it of
 * every address. 4yz says nothing either.
 *
 *	5.1.0 5.1.1 5.1.3 5.1.4 5.1.6 5.1.10 5.2.1    unknown, whatever the words are
 *	5.7.* 5.3.* 5.5.* 5.6.* 5.1.7 5.1.8 5.2.2 …   cannot tell, whatever the words are
 *	5.0.0 5.1.2 5.2.0 5.4.* or none               as the words say (explain.h); where they say
 *	                                              nothing: unknown after 550, 551, 553 without
 *	                                              one of these, else cannot tell
 */
enum asking_found asked_reply_means(
	unsigned code, struct enhanced enhanced, struct slice words, struct arena *arena);

#endif
