/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys and certificates on their way to the roles that need them. */
#ifndef SUPERVISOR_KEY_FILES_H
#define SUPERVISOR_KEY_FILES_H

#include "supervisor/configuration.h"
#include "supervisor/state.h"

/* Opens the keys that the policy's `tls` names; what cannot be opened is complained of, with its
 * place, and the answer is false. */
bool key_files_open(struct configuration *configuration, const struct policy *policy);
void key_files_close(struct configuration *configuration);

/* The certificate and key of who has written none, in STATE/tls, made where they are not there, end
 * soon or are another name's. Without them (a reason in `why`) mail goes on without TLS. */
bool self_signed_open(struct state *state, struct slice name, wall_ns now, struct text *why);

struct member;
/* What keys, edges and pop must have before they prepare this configuration. */
void key_files_grant(struct member *member, const struct configuration *configuration);

#endif
