/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, loaded where tokens are accepted, in the process that asks about them. */
#ifndef ACCOUNTS_CURL_LIBRARY_H
#define ACCOUNTS_CURL_LIBRARY_H

#include "base/status.h"
#include "base/text.h"

/* Before the first call of any function of <curl/curl.h>. False, and why. */
MUST_USE bool curl_library_load(struct text *why);

#endif
