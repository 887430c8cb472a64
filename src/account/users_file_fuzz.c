/* SPDX-License-Identifier: Apache-2.0 */
/* Files of accounts: what is read can be found, under its one form. */
#include "account/users_file.h"

#include "account/login.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void find_first(const struct users_file *users, struct slice input, struct arena *arena)
{
	struct slice login, line = slice_trim(slice_cut(&input, '\n'));

	if (line.len == 0 || line.at[0] == '#' || slice_is(line, SLICE("\r")))
		return;
	panic_if(!login_normalise(slice_cut(&line, ':'), arena, &login, NULL),
		"a file was read whose first login is none");
	const struct account *account = users_file_find(users, login);
	panic_if(!account || !slice_is(account->login, login), "an account is lost");
	panic_if(!users_file_has_mailbox(users, login), "an account has no mailbox");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char words[200];
	struct text why = TEXT_FIXED(words);
	struct slice input = {(const char *)bytes, size};
	struct users_file *users = users_file_parse(input, &why);
	struct arena *arena = arena_new();

	panic_if(!users && why.len == 0, "a file was refused without words");
	if (users)
		find_first(users, input, arena);
	arena_free(arena);
	users_file_free(users);
	return 0;
}
