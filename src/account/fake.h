/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An accounts for tests: an asker whose questions are answered in the same process from a text, one
 * account or outcome a line. Packets are written and read as over a channel.
 *
 *	alice@example.org password=secret groups=staff,board owns=*@example.org,info@example.org
 *	bob@example.org   password=secret disabled
 *	dan               password=x limits=500-recipients-per-day,9-messages-per-hour
 *	carol             token=abc certificate=SHA256:00ff
 *	lease 192.0.2.7   alice@example.org       she signed in by POP, and it lasts; several
 *	shut 203.0.113.9          90              nobody may sign in there for so many seconds
 *	away                                      nobody answers
 *	busy                                      sign-ins are SIGNIN_BUSY
 *	locked                                    they are SIGNIN_TOO_MANY
 *	silent                                    sign-ins and questions are never answered
 *	untold                                    questions are CANNOT_TELL
 *
 * Mechanisms are real (sasl/sasl.h); SCRAM has 4096 iterations and a fixed nonce. `#` begins a
 * comment line.
 */
#ifndef ACCOUNT_FAKE_H
#define ACCOUNT_FAKE_H

#include "account/asker.h"

struct accounts_fake;

/* Both live in `arena`; the text is copied. */
struct accounts_fake *accounts_fake_new(
	struct arena *arena, struct asker *asker, struct slice text);
/* From now on this is so; kept answers are told to be untrue. */
void accounts_fake_change(struct accounts_fake *fake, struct slice text);

#endif
