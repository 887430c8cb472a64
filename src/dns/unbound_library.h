/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libunbound, loaded by who resolves names and by nobody else (run/library.h): the other processes
 * map neither it nor the five libraries it brings. Afterwards <unbound.h> is called as usual.
 */
#ifndef DNS_UNBOUND_LIBRARY_H
#define DNS_UNBOUND_LIBRARY_H

#include "base/status.h"
#include "base/text.h"

MUST_USE bool unbound_library_load(struct text *why);

#endif
