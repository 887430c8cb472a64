/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASLprep (RFC 4013): user names and passwords in the form in which they are hashed and compared,
 * so that two keyboards that write the same characters in two ways mean the same password.
 */
#ifndef SASL_PREPARE_H
#define SASL_PREPARE_H

#include "base/arena.h"
#include "base/status.h"

/* False: not UTF-8, or characters that the profile forbids (controls, private use, mixed writing
 * directions). Unassigned code points pass: the form of queries. What comes out may be empty. */
bool sasl_prepare(struct slice s, struct arena *arena, struct slice *prepared) MUST_USE;

#endif
