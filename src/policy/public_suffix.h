/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public suffixes: names below which strangers register names of their own (publicsuffix.org), by
 * the list that is built into libpsl. No file is read.
 */
#ifndef POLICY_PUBLIC_SUFFIX_H
#define POLICY_PUBLIC_SUFFIX_H

#include "base/slice.h"

enum public_suffix {
	SUFFIX_NONE,
	SUFFIX_OF_A_COMPANY, /* github.io: its owner may well be the one who asks */
	SUFFIX_OF_A_REGISTRY /* com, co.uk, xn--p1ai */
};
/* `name` in A-labels. A single label that the list does not have (localhost, lan) is none. */
enum public_suffix public_suffix_kind(struct slice name);

#endif
