/* SPDX-License-Identifier: Apache-2.0 */
/* Shortages. The contract is in shortage.h. */
#include "role/shortage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	int error;
	const char *help;
} shortages[] = {
	{EMFILE, "raise LimitNOFILE= of the service, or `ulimit -n`"},
	{ENFILE, "raise the machine's fs.file-max"},
	{EAGAIN, "raise TasksMax= of the service, or `ulimit -u`"},
	{ENOMEM, "raise MemoryMax= of the service, or give the machine more memory"},
	{ENOBUFS, "the kernel has no memory left: give the machine more"},
};

const char *shortage_help(int error)
{
	for (size_t i = 0; i < sizeof shortages / sizeof *shortages; i++)
		if (shortages[i].error == error)
			return shortages[i].help;
	return NULL;
}

bool error_is_shortage(int error)
{
	return shortage_help(error) != NULL;
}

void text_shortage(struct text *text, int error)
{
	const char *words = strerrordesc_np(error), *help = shortage_help(error);

	text_format(text, "%s%s%s", words ? words : "an unknown error", help ? ": " : "",
		help ? help : "");
}

void role_is_short(struct role *role, const char *what, int error)
{
	char room[200];
	struct text words = TEXT_FIXED(room);

	text_shortage(&words, error);
	role_log(role, LEVEL_ERROR, "short", "no %s: %.*s", what, SLICE_ARGS(text_slice(&words)));
	role_has_failed(role, EXIT_FAILURE);
}
