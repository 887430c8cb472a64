/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of libcurl that this room calls. The contract is in curl_library.h. */
#include "accounts/curl_library.h"

#include <curl/curl.h>
#include <stdarg.h>

#include "run/library.h"

/* clang-format off */
LIBRARY_CALL(CURLcode, curl_global_init, (long parts), (parts))
LIBRARY_CALL(CURL *, curl_easy_init, (void), ())
LIBRARY_CALL(CURLcode, curl_easy_perform, (CURL *curl), (curl))
LIBRARY_CALL(void, curl_easy_cleanup, (CURL *curl), (curl))
LIBRARY_CALL(const char *, curl_easy_strerror, (CURLcode code), (code))
LIBRARY_CALL(struct curl_slist *, curl_slist_append, (struct curl_slist *list, const char *line),
	(list, line))
LIBRARY_CALL(void, curl_slist_free_all, (struct curl_slist *list), (list))
/* clang-format on */

/* Their last argument is a long or a pointer; the names are macros of <curl/curl.h> as well. */
static __typeof__((curl_easy_setopt)) *at_curl_easy_setopt;
static __typeof__((curl_easy_getinfo)) *at_curl_easy_getinfo;

CURLcode(curl_easy_setopt)(CURL *curl, CURLoption option, ...)
{
	CURLcode code;
	va_list arguments;

	va_start(arguments, option);
	if (option < CURLOPTTYPE_OBJECTPOINT)
		code = at_curl_easy_setopt(curl, option, va_arg(arguments, long));
	else
		code = at_curl_easy_setopt(curl, option, va_arg(arguments, void *));
	va_end(arguments);
	return code;
}

CURLcode(curl_easy_getinfo)(CURL *curl, CURLINFO info, ...)
{
	CURLcode code;
	va_list arguments;

	va_start(arguments, info);
	code = at_curl_easy_getinfo(curl, info, va_arg(arguments, void *));
	va_end(arguments);
	return code;
}

static const struct library_symbol symbols[] = {
	LIBRARY_SYMBOL(curl_global_init),
	LIBRARY_SYMBOL(curl_easy_init),
	LIBRARY_SYMBOL(curl_easy_perform),
	LIBRARY_SYMBOL(curl_easy_cleanup),
	LIBRARY_SYMBOL(curl_easy_strerror),
	LIBRARY_SYMBOL(curl_slist_append),
	LIBRARY_SYMBOL(curl_slist_free_all),
	{"curl_easy_setopt", &at_curl_easy_setopt},
	{"curl_easy_getinfo", &at_curl_easy_getinfo},
};

bool curl_library_load(struct text *why)
{
	static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};

	if (!library_load(names, symbols, sizeof symbols / sizeof symbols[0], why))
		return false;
	/* Here, before threads use it; again it only counts. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		return true;
	text_put(why, SLICE("libcurl does not start"));
	return false;
}
