/* SPDX-License-Identifier: Apache-2.0 */
/* Verifiers of passwords, made and tested. The contract is in password.h. */
#include "account/password.h"

#include <argon2.h>
#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/arena.h"
#include "base/panic.h"
#include "sasl/prepare.h"
#include "sasl/scram.h"

enum { SALT = 16 };

/* crypt(3)'s working space: 32 KiB, zeroed before it is given back. */
static struct crypt_data *space_take(void)
{
	struct crypt_data *space = calloc(1, sizeof *space);

	panic_if(!space, "no memory for hashing a password");
	return space;
}

static void space_give(struct crypt_data *space)
{
	explicit_bzero(space, sizeof *space);
	free(space);
}

/* crypt(3) wants a C string: a password with a NUL is none that was ever set. */
static bool is_c_string(struct slice password)
{
	return password.len > 0 && password.len <= PASSWORD_MAX && !slice_has(password, '\0');
}

static bool hash(struct slice password, const char *setting, char out[VERIFIER_MAX])
{
	char phrase[PASSWORD_MAX + 1];
	struct crypt_data *space = space_take();

	memcpy(phrase, password.at, password.len);
	phrase[password.len] = '\0';
	const char *made = crypt_rn(phrase, setting, space, (int)sizeof *space);
	bool fits = made && made[0] != '*' && strlen(made) < VERIFIER_MAX;
	if (fits)
		strcpy(out, made);
	explicit_bzero(phrase, sizeof phrase);
	space_give(space);
	return fits;
}

/* ---- making ---- */

static void make_scram(struct slice prepared, char out[SCRAM_TEXT_MAX])
{
	uint8_t salt[SALT];
	struct scram_keys keys;
	struct text text = {.at = out, .size = SCRAM_TEXT_MAX - 1};

	panic_if(getrandom(salt, sizeof salt, 0) != sizeof salt, "no random numbers");
	scram_keys_derive(prepared, (struct slice){(const char *)salt, sizeof salt},
		SCRAM_ITERATIONS_MIN, &keys);
	text_scram_keys(&text, &keys);
	panic_if(text.cut, "SCRAM keys are too long");
	out[text.len] = '\0';
	explicit_bzero(&keys, sizeof keys);
}

static bool make_of_prepared(struct slice prepared, struct password_made *made, struct text *words)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (!is_c_string(prepared)) {
		text_format(words, "a password has 1 to %d octets", PASSWORD_MAX);
		return false;
	}
	if (!crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting) ||
		!hash(prepared, setting, made->verifier)) {
		text_put(words, SLICE("this host's libcrypt cannot make a yescrypt verifier"));
		return false;
	}
	make_scram(prepared, made->scram);
	return true;
}

bool password_make(struct slice password, struct password_made *made, struct text *words)
{
	struct arena *arena = arena_new();
	struct slice prepared;
	bool done = false;

	*made = (struct password_made){0};
	if (password.len > PASSWORD_MAX)
		text_format(words, "a password has at most %d octets", PASSWORD_MAX);
	else if (!sasl_prepare(password, arena, &prepared))
		text_put(words, SLICE("the password has characters that no keyboard writes "
				      "(controls, private ones, mixed writing directions) or "
				      "is not UTF-8"));
	else
		done = make_of_prepared(prepared, made, words);
	arena_wipe(arena);
	arena_free(arena);
	return done;
}

/* ---- testing ---- */

static const struct kind {
	struct slice prefix;
	bool argon2;
} kinds[] = {
	{SLICE("$y$"), false},
	{SLICE("$6$"), false},
	{SLICE("$5$"), false},
	{SLICE("$2b$"), false},
	{SLICE("$2y$"), false},
	{SLICE("$2a$"), false},
	{SLICE("$argon2id$"), true},
};

static const struct kind *kind_of(struct slice verifier)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (slice_starts(verifier, kinds[i].prefix))
			return &kinds[i];
	return NULL;
}

static bool verifier_string(struct slice verifier, char out[VERIFIER_MAX])
{
	if (verifier.len >= VERIFIER_MAX || slice_has(verifier, '\0'))
		return false;
	memcpy(out, verifier.at, verifier.len);
	out[verifier.len] = '\0';
	return true;
}

bool verifier_is_known(struct slice verifier)
{
	char text[VERIFIER_MAX];
	const struct kind *kind = kind_of(verifier);

	return kind && verifier_string(verifier, text) &&
	       (kind->argon2 || crypt_checksalt(text) != CRYPT_SALT_INVALID);
}

static enum password_verdict test_argon2(const char *verifier, struct slice password)
{
	switch (argon2id_verify(verifier, password.at, password.len)) {
	case ARGON2_OK: return PASSWORD_RIGHT;
	case ARGON2_VERIFY_MISMATCH: return PASSWORD_WRONG;
	default: return PASSWORD_UNTESTED;
	}
}

static enum password_verdict test_crypt(const char *verifier, struct slice password)
{
	char made[VERIFIER_MAX];

	if (!hash(password, verifier, made))
		return PASSWORD_UNTESTED;
	size_t len = strlen(verifier);
	bool right = strlen(made) == len &&
		     sasl_same((const uint8_t *)made, (const uint8_t *)verifier, len);
	explicit_bzero(made, sizeof made);
	return right ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

static enum password_verdict test_octets(struct slice verifier, struct slice password)
{
	char text[VERIFIER_MAX];
	const struct kind *kind = kind_of(verifier);

	if (!kind || !verifier_string(verifier, text))
		return PASSWORD_UNTESTED;
	enum password_verdict verdict =
		kind->argon2 ? test_argon2(text, password) : test_crypt(text, password);
	explicit_bzero(text, sizeof text);
	return verdict;
}

/* Prepared first, as we make them; then as written, as other servers may have. */
static enum password_verdict test_both(
	struct slice verifier, struct slice password, struct arena *arena)
{
	struct slice prepared;
	enum password_verdict verdict = PASSWORD_WRONG;

	bool can = sasl_prepare(password, arena, &prepared) && is_c_string(prepared);
	if (can)
		verdict = test_octets(verifier, prepared);
	if (verdict == PASSWORD_WRONG && (!can || !slice_is(prepared, password)))
		verdict = test_octets(verifier, password);
	return verdict;
}

enum password_verdict password_test(struct slice verifier, struct slice password)
{
	if (!is_c_string(password) || verifier.len == 0) {
		password_test_nothing(password);
		return PASSWORD_WRONG;
	}
	struct arena *arena = arena_new();
	enum password_verdict verdict = test_both(verifier, password, arena);
	arena_wipe(arena);
	arena_free(arena);
	return verdict;
}

/* yescrypt at its default cost, with a digest that no known password has. */
void password_test_nothing(struct slice password)
{
	static const struct slice nobody = SLICE("$y$j9T$NpvTCpLZ0LPzBSDRcTHVt1$"
						 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/");
	struct arena *arena = arena_new();

	test_both(nobody, is_c_string(password) ? password : SLICE("-"), arena);
	arena_wipe(arena);
	arena_free(arena);
}
