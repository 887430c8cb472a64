/* SPDX-License-Identifier: Apache-2.0 */
#include "account/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "sasl/scram.h"

static struct password_made make(const char *password)
{
	struct password_made made;
	char words[200];
	struct text why = TEXT_FIXED(words);

	assert_true(password_make(slice_of(password), &made, &why));
	assert_int_equal(why.len, 0);
	return made;
}

static enum password_verdict test_of(const char *verifier, const char *password)
{
	return password_test(slice_of(verifier), slice_of(password));
}

static void what_was_made_opens_with_its_password_alone(void **state)
{
	struct password_made made = make("correct horse"), again = make("correct horse");

	(void)state;
	assert_true(slice_starts(slice_of(made.verifier), SLICE("$y$")));
	assert_string_not_equal(made.verifier, again.verifier);
	assert_string_not_equal(made.scram, again.scram);
	assert_int_equal(test_of(made.verifier, "correct horse"), PASSWORD_RIGHT);
	assert_int_equal(test_of(made.verifier, "correct horsf"), PASSWORD_WRONG);
	assert_int_equal(test_of(made.verifier, ""), PASSWORD_WRONG);
}

static void scram_keys_are_of_the_same_password(void **state)
{
	struct password_made made = make("I\xc2\xadX");
	struct arena *arena = arena_new();
	struct scram_keys keys;

	(void)state;
	assert_true(scram_keys_parse(slice_of(made.scram), arena, &keys));
	assert_true(scram_keys_fit(&keys, SLICE("IX"))); /* RFC 4013 section 3 */
	assert_false(scram_keys_fit(&keys, SLICE("IY")));
	assert_int_equal(test_of(made.verifier, "IX"), PASSWORD_RIGHT);
	assert_int_equal(test_of(made.verifier, "I\xc2\xadX"), PASSWORD_RIGHT);
	arena_free(arena);
}

/* Each of "secret", by other programs. */
static const char *const imported[] = {
	"$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq."
	"H91p5hVO1",
	"$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
	"$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
	"$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
	"$y$j9T$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9",
	"$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHRzYWx0$GtmvaItN8lC5MlwCzxrNSjKLsxBNLELqm1vMS+"
	"47QVk",
	NULL,
};

static void verifiers_of_other_servers_are_tested(void **state)
{
	(void)state;
	for (size_t i = 0; imported[i]; i++) {
		assert_true(verifier_is_known(slice_of(imported[i])));
		assert_int_equal(test_of(imported[i], "secret"), PASSWORD_RIGHT);
		assert_int_equal(test_of(imported[i], "Secret"), PASSWORD_WRONG);
	}
}

static void what_is_no_verifier_opens_to_nobody(void **state)
{
	static const char *const rows[] = {"*", "!", "secret", "$1$ab$cdef", "$9$x$y", "$y$", "$6$",
		"$argon2id$v=19$", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$abc"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_not_equal(test_of(rows[i], "secret"), PASSWORD_RIGHT);
	assert_int_equal(test_of("", ""), PASSWORD_WRONG);
	assert_int_equal(test_of("", "secret"), PASSWORD_WRONG);
	assert_false(verifier_is_known(SLICE("secret")));
	assert_false(verifier_is_known(SLICE("")));
	assert_false(verifier_is_known(SLICE("$1$ab$cdef")));
	password_test_nothing(SLICE("secret"));
	password_test_nothing(SLICE(""));
}

static void passwords_that_cannot_be_kept_are_refused_with_a_reason(void **state)
{
	static char much[PASSWORD_MAX + 1];
	static const struct {
		struct slice password;
		const char *words;
	} rows[] = {
		{SLICE(""), "1 to 512 octets"},
		{SLICE("\xc2\xad"), "1 to 512 octets"}, /* prepared, it is empty */
		{SLICE("a\ab"), "characters"},
		{SLICE("a\0b"), "characters"},
		{SLICE("\xff"), "UTF-8"},
		{{much, sizeof much}, "at most 512"},
	};
	struct password_made made;
	char buffer[300];

	(void)state;
	memset(much, 'x', sizeof much);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text why = {.at = buffer, .size = sizeof buffer - 1};
		assert_false(password_make(rows[i].password, &made, &why));
		buffer[why.len] = '\0';
		assert_non_null(strstr(buffer, rows[i].words));
		assert_int_equal(made.verifier[0], '\0');
	}
}

static void a_nul_cuts_no_password_short(void **state)
{
	struct password_made made = make("abc");

	(void)state;
	assert_int_equal(password_test(slice_of(made.verifier), SLICE("abc\0def")), PASSWORD_WRONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_made_opens_with_its_password_alone),
		cmocka_unit_test(scram_keys_are_of_the_same_password),
		cmocka_unit_test(verifiers_of_other_servers_are_tested),
		cmocka_unit_test(what_is_no_verifier_opens_to_nobody),
		cmocka_unit_test(passwords_that_cannot_be_kept_are_refused_with_a_reason),
		cmocka_unit_test(a_nul_cuts_no_password_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
