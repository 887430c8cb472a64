/* SPDX-License-Identifier: Apache-2.0 */
/* The mechanisms' names, and which of those offered is taken. The contract is in sasl.h. */
#include "sasl/sasl.h"

#include "wire/base64.h"

static const struct slice names[SASL_MECHANISMS] = {
	[SASL_SCRAM_SHA_256_PLUS] = SLICE("SCRAM-SHA-256-PLUS"),
	[SASL_SCRAM_SHA_256] = SLICE("SCRAM-SHA-256"),
	[SASL_PLAIN] = SLICE("PLAIN"),
	[SASL_LOGIN] = SLICE("LOGIN"),
	[SASL_OAUTHBEARER] = SLICE("OAUTHBEARER"),
	[SASL_XOAUTH2] = SLICE("XOAUTH2"),
	[SASL_EXTERNAL] = SLICE("EXTERNAL"),
};

struct slice sasl_name(enum sasl_mechanism mechanism)
{
	return names[mechanism];
}

bool sasl_find(struct slice name, enum sasl_mechanism *mechanism)
{
	for (int i = 0; i < SASL_MECHANISMS; i++)
		if (slice_is_nocase(name, names[i])) {
			*mechanism = (enum sasl_mechanism)i;
			return true;
		}
	return false;
}

struct slice sasl_nonce(const uint8_t *chance, struct arena *arena)
{
	struct text text = {.at = arena_alloc(arena, SASL_NONCE), .size = SASL_NONCE};

	text_base64(&text, (struct slice){(const char *)chance, SASL_NONCE / 4 * 3});
	return text_slice(&text);
}

static bool is_offered(struct slice offered, struct slice name)
{
	while (offered.len)
		if (slice_is_nocase(slice_cut(&offered, ' '), name))
			return true;
	return false;
}

bool sasl_choose(struct slice offered, enum sasl_mechanism *mechanism)
{
	static const enum sasl_mechanism spoken[] = {SASL_SCRAM_SHA_256, SASL_PLAIN, SASL_LOGIN};

	for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++)
		if (is_offered(offered, names[spoken[i]])) {
			*mechanism = spoken[i];
			return true;
		}
	return false;
}
