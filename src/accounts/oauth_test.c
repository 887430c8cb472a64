/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says of a token (RFC 7662 section 2.2). */
#include "accounts/oauth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
	const char *answer;
	enum token token;
	const char *login;
} rows[] = {
	{"{\"active\":true,\"username\":\"alice@example.org\"}", TOKEN_GOOD, "alice@example.org"},
	{"{\"active\":true,\"username\":\"alice\",\"exp\":1001,\"nbf\":1000}", TOKEN_GOOD, "alice"},
	{"{\"active\":false,\"username\":\"alice\"}", TOKEN_BAD, ""},
	{"{\"active\":false}", TOKEN_BAD, ""},
	{"{\"active\":true,\"username\":\"alice\",\"exp\":1000}", TOKEN_BAD, ""},
	{"{\"active\":true,\"username\":\"alice\",\"nbf\":1001}", TOKEN_BAD, ""},
	{"{\"active\":true}", TOKEN_BAD, ""},
	{"{\"active\":true,\"username\":\"\"}", TOKEN_BAD, ""},
	{"{\"active\":true,\"username\":7}", TOKEN_BAD, ""},
	{"{\"active\":true,\"username\":null,\"sub\":\"alice\"}", TOKEN_BAD, ""},
	{"{\"active\":\"true\",\"username\":\"alice\"}", TOKEN_CANNOT_TELL, ""},
	{"{\"active\":1,\"username\":\"alice\"}", TOKEN_CANNOT_TELL, ""},
	{"{\"active\":false,\"active\":true,\"username\":\"alice\"}", TOKEN_CANNOT_TELL, ""},
	{"{\"username\":\"alice\"}", TOKEN_CANNOT_TELL, ""},
	{"[true]", TOKEN_CANNOT_TELL, ""},
	{"<html>", TOKEN_CANNOT_TELL, ""},
	{"", TOKEN_CANNOT_TELL, ""},
};

static void only_an_active_token_of_somebody_is_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new();
		struct text because = TEXT_GROWING;
		struct slice login;
		enum token token = token_answer_read(
			slice_of(rows[i].answer), SLICE("username"), 1000, arena, &login, &because);
		if (token != rows[i].token || !slice_is(login, slice_of(rows[i].login)))
			fail_msg("row %zu: %d %.*s", i, (int)token, SLICE_ARGS(login));
		assert_int_equal(because.len == 0, token == TOKEN_GOOD);
		text_free(&because);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_active_token_of_somebody_is_good),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
