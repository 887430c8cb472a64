/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of SCRAM. The contract is in scram_message.h; the grammar is RFC 5802 section 7. */
#include "sasl/scram_message.h"

#include "base/text.h"
#include "base/utf8.h"
#include "sasl/scram.h"
#include "wire/base64.h"

/* "x=value" up to the next comma or the end. A comma is taken, and must then be followed. */
static bool attribute_read(struct slice *s, char name, struct slice *value)
{
	if (s->len < 2 || s->at[0] != name || s->at[1] != '=')
		return false;
	struct slice whole = *s;
	*value = slice_from(slice_cut(s, ','), 2);
	return s->len > 0 || value->len + 2 == whole.len;
}

/* Extensions that are not mandatory: attributes of other letters, which we need not know. `m=`,
 * the mandatory one, stands in front of all others and so is refused by who reads those. */
static bool extensions_skip(struct slice s)
{
	while (s.len) {
		struct slice one = slice_cut(&s, ',');
		if (one.len < 2 || !ascii_is_alpha(one.at[0]) || one.at[1] != '=')
			return false;
	}
	return true;
}

/* printable: %x21-2B / %x2D-7E */
static bool is_nonce(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_print(s.at[i]) || s.at[i] == ' ' || s.at[i] == ',')
			return false;
	return s.len > 0;
}

static bool is_text(struct slice s)
{
	return utf8_is_valid(s) && !slice_has(s, '\0');
}

/* saslname = 1*(value-safe-char / "=2C" / "=3D") */
static bool name_decode(struct slice s, struct arena *arena, struct slice *name)
{
	struct text out = {.at = arena_alloc(arena, s.len + 1), .size = s.len + 1};

	if (!s.len || !is_text(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		struct slice escape = slice_part(s, i, i + 3);
		if (s.at[i] != '=') {
			text_char(&out, s.at[i]);
			continue;
		}
		bool comma = slice_is(escape, SLICE("=2C"));
		if (!comma && !slice_is(escape, SLICE("=3D")))
			return false;
		text_char(&out, comma ? ',' : '=');
		i += 2;
	}
	*name = text_slice(&out);
	return true;
}

struct slice scram_name_encode(struct slice name, struct arena *arena)
{
	struct text out = {.at = arena_alloc(arena, 3 * name.len + 1), .size = 3 * name.len + 1};

	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] == ',')
			text_put(&out, SLICE("=2C"));
		else if (name.at[i] == '=')
			text_put(&out, SLICE("=3D"));
		else
			text_char(&out, name.at[i]);
	}
	return text_slice(&out);
}

/* ---- the header ---- */

/* cb-name = 1*(ALPHA / DIGIT / "." / "-") */
static bool is_binding_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && s.at[i] != '.' && s.at[i] != '-')
			return false;
	return s.len > 0;
}

static bool binding_read(struct slice s, struct gs2_header *header)
{
	if (slice_is(s, SLICE("n"))) {
		header->binding = BINDING_NONE;
		return true;
	}
	if (slice_is(s, SLICE("y"))) {
		header->binding = BINDING_NOT_SEEN;
		return true;
	}
	header->binding = BINDING_USED;
	header->type = slice_from(s, 2);
	return slice_starts(s, SLICE("p=")) && is_binding_name(header->type);
}

bool gs2_parse(struct slice s, struct arena *arena, struct gs2_header *header, struct slice *rest)
{
	struct slice left = s;

	*header = (struct gs2_header){0};
	if (slice_find(s, ',') == SIZE_MAX || !binding_read(slice_cut(&left, ','), header))
		return false;
	if (slice_find(left, ',') == SIZE_MAX)
		return false;
	struct slice authzid = slice_cut(&left, ',');
	if (authzid.len && (!slice_starts(authzid, SLICE("a=")) ||
				   !name_decode(slice_from(authzid, 2), arena, &header->authzid)))
		return false;
	header->whole = slice_part(s, 0, s.len - left.len);
	*rest = left;
	return true;
}

/* ---- the messages ---- */

bool scram_first_parse(struct slice s, struct arena *arena, struct scram_first *first)
{
	struct slice left, name;

	*first = (struct scram_first){0};
	if (!is_text(s) || !gs2_parse(s, arena, &first->gs2, &left))
		return false;
	first->bare = left;
	return attribute_read(&left, 'n', &name) && name_decode(name, arena, &first->name) &&
	       attribute_read(&left, 'r', &first->nonce) && is_nonce(first->nonce) &&
	       extensions_skip(left);
}

static bool proof_split(struct slice s, struct slice *without, struct slice *proof)
{
	size_t at = slice_find_last(s, ',');

	if (at == SIZE_MAX)
		return false;
	*without = slice_part(s, 0, at);
	*proof = slice_from(s, at + 1);
	return slice_starts(*proof, SLICE("p="));
}

bool scram_final_parse(struct slice s, struct arena *arena, struct scram_final *final)
{
	struct slice left, binding, proof;

	*final = (struct scram_final){0};
	if (!is_text(s) || !proof_split(s, &final->without, &proof))
		return false;
	left = final->without;
	return attribute_read(&left, 'c', &binding) &&
	       base64_decode(binding, arena, &final->binding) &&
	       attribute_read(&left, 'r', &final->nonce) && is_nonce(final->nonce) &&
	       extensions_skip(left) && base64_decode(slice_from(proof, 2), arena, &final->proof);
}

bool scram_challenge_parse(struct slice s, struct arena *arena, struct scram_challenge *challenge)
{
	struct slice salt, iterations;
	uint64_t number;

	*challenge = (struct scram_challenge){0};
	if (!is_text(s) || !attribute_read(&s, 'r', &challenge->nonce) ||
		!is_nonce(challenge->nonce) || !attribute_read(&s, 's', &salt) || !salt.len ||
		!base64_decode(salt, arena, &challenge->salt) ||
		!attribute_read(&s, 'i', &iterations) || !extensions_skip(s) ||
		!slice_number(iterations, UINT32_MAX, &number))
		return false;
	challenge->iterations = (uint32_t)number;
	return true;
}

bool scram_signature_parse(struct slice s, struct arena *arena, struct slice *signature)
{
	struct slice value;

	*signature = SLICE_NONE;
	if (slice_starts(s, SLICE("e=")))
		return true;
	return attribute_read(&s, 'v', &value) && base64_decode(value, arena, signature) &&
	       extensions_skip(s);
}
