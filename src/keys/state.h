/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef KEYS_STATE_H
#define KEYS_STATE_H

#include "packets/signing.h"
#include "role/told.h"
#include "role/role.h"
#include "tls/private_key.h"

enum stand { PENDING, CURRENT, FORMER };
struct held {
	struct list link;
	enum stand stand;
	struct private_key *key;
	struct text file; /* its path, as it was written */
};

struct keys {
	struct role *role;
	struct list held;
	bool batch_over;    /* a bundle has come since the last key */
	struct text faults; /* of the keys that came since */
	struct list askers;
	struct signing_tickets tickets;
	struct timer rotation;
	wall_ns rotated;
	struct told told;
	uint64_t outcomes[SIGNING_OUTCOMES], unheard; /* unheard: the asker's channel was full */
	mono_ns window;                               /* begin of the 10 s that are counted */
	uint64_t in_window, in_last;
};

/* ---- signing.c ---- */
void asker_add(struct keys *keys, int fd);
void askers_close(struct keys *keys);
void tickets_begin(struct keys *keys);
double signing_rate(struct keys *keys); /* a second, over the last whole 10 s */

/* ---- told.c ---- */
/* The answer to any question of control. */
void keys_tell(void *owner, struct slice question, struct text *out);

#endif
