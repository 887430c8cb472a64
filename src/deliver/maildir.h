/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Final delivery into a Maildir. Blocking: for an offload thread.
 */
#ifndef DELIVER_MAILDIR_H
#define DELIVER_MAILDIR_H

#include "spool/reader.h"

/* A folder handed to us open, since its path may lead through places that we may not enter (the
 * state folder below /root, say): what lies below `path` is reached through `fd`. */
struct maildir_base {
	struct slice path; /* empty: none */
	int fd;
};

struct maildir_order {
	struct slice folder;      /* from maildir_folder() */
	struct maildir_base base; /* all zero: none */
	struct slice recipient;   /* as Delivered-To shows it */
	uint64_t id, origin;      /* the message's identity */
	uint16_t index;           /* of the recipient in the envelope */
	bool maybe_repeated;      /* an earlier run may have delivered it: look in cur/ too */
	const struct message *message;
	const struct spool_source *source; /* where the chunks of a big one lie */
	uint32_t parts;                    /* 0: the body is message->body */
};

enum maildir_end {
	MAILDIR_DELIVERED,
	MAILDIR_ALREADY, /* it was there: delivered before a crash */
	MAILDIR_FAILED,  /* the system said no: may pass */
	MAILDIR_DAMAGED, /* a chunk's checksum is wrong */
};
struct maildir_result {
	enum maildir_end end;
	struct slice path;  /* of the message in new/, where delivered */
	struct slice words; /* MAILDIR_FAILED: "/var/mail/x/new: No space left on device" */
};

/* `pattern` with %l and %d replaced, percent-encoded: letters, digits and - _ + = @ ~ stand as they
 * are, and so does a dot that is not in front; everything else is %XX, so no address leads out of
 * its folder. False if a name gets longer than file systems take (255 octets). */
bool maildir_folder(struct slice pattern, struct slice local, struct slice domain,
	struct arena *arena, struct slice *folder) MUST_USE;

/* Result and scratch in `arena`, which nobody else uses meanwhile. */
void maildir_deliver(
	const struct maildir_order *order, struct arena *arena, struct maildir_result *result);

#endif
