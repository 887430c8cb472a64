/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the rig share and nobody else includes. */
#ifndef SPOOL_RIG_JUDGE_H
#define SPOOL_RIG_JUDGE_H

#include "spool/rig.h"

size_t rig_recipient_count(uint64_t id);
bool rig_is_done(const struct rig_message *sent, unsigned bits); /* bits: all of its recipients */
char rig_body_byte(uint64_t id, size_t at);
void rig_judge_unheard(struct rig *rig);
/* The store's events. */
void rig_found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients);
void rig_unheard(void *owner, const struct unheard_result *result);
void rig_damage(void *owner, struct slice words);

#endif
