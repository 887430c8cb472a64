/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a role process, written and read. Read start.h first. */
#include "role/start.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/panic.h"

static size_t put(struct role_arguments *arguments, size_t count, const char *text)
{
	panic_if(count >= ROLE_ARGUMENTS_MAX, "too many arguments for a role");
	snprintf(arguments->texts[count], ROLE_ARGUMENT_SIZE, "%s", text);
	arguments->list[count] = arguments->texts[count];
	arguments->list[count + 1] = NULL;
	return count + 1;
}

static size_t put_number(
	struct role_arguments *arguments, size_t count, const char *option, unsigned long number)
{
	char digits[ROLE_ARGUMENT_SIZE];

	snprintf(digits, sizeof digits, "%lu", number);
	count = put(arguments, count, option);
	return put(arguments, count, digits);
}

void role_start_write(struct role_arguments *arguments, const struct role_start *start)
{
	size_t count = put(arguments, 0, "posternd");

	count = put(arguments, count, "--role");
	count = put(arguments, count, role_name_text(start->name));
	count = put_number(arguments, count, "--slot", start->slot);
	count = put_number(arguments, count, "--id-slot", start->id_slot);
	count = put_number(arguments, count, "--edges", start->edges);
	if (start->debug)
		count = put(arguments, count, "--debug");
	if (start->drop) {
		count = put_number(arguments, count, "--uid", start->uid);
		put_number(arguments, count, "--gid", start->gid);
	}
}

struct words {
	const char *const *at;
	int left;
};

static struct slice next_word(struct words *words)
{
	if (words->left == 0)
		return SLICE_NONE;
	words->left--;
	return slice_of(*words->at++);
}

static bool next_number(struct words *words, uint64_t most, uint64_t *number)
{
	return slice_number(next_word(words), most, number);
}

static bool read_option(struct words *words, struct role_start *start)
{
	struct slice option = next_word(words);
	uint64_t number = 0;

	if (slice_is(option, SLICE("--debug"))) {
		start->debug = true;
		return true;
	}
	if (!next_number(words, UINT32_MAX - 1, &number))
		return false;
	if (slice_is(option, SLICE("--slot")))
		start->slot = (unsigned)number;
	else if (slice_is(option, SLICE("--edges")))
		start->edges = (unsigned)number;
	else if (slice_is(option, SLICE("--id-slot")) && number < ID_SLOTS)
		start->id_slot = (unsigned)number;
	else if (slice_is(option, SLICE("--uid")) && number > 0)
		start->uid = (uid_t)number;
	else if (slice_is(option, SLICE("--gid")) && number > 0)
		start->gid = (gid_t)number;
	else
		return false;
	return true;
}

bool role_start_read(int count, const char *const *arguments, struct role_start *start)
{
	struct words words = {arguments, count};

	memset(start, 0, sizeof *start);
	next_word(&words);
	if (!slice_is(next_word(&words), SLICE("--role")) ||
		!role_name_find(next_word(&words), &start->name) || start->name == ROLE_SUPERVISOR)
		return false;
	while (words.left > 0)
		if (!read_option(&words, start))
			return false;
	start->drop = start->uid != 0;
	return (start->uid != 0) == (start->gid != 0);
}
