/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a From field, and whole headers: what is found is an address that parses alone, but
 * for underscores in its domain. */
#include "base/panic.h"
#include "wire/author.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void is_an_address(const struct mailbox *author, struct arena *arena)
{
	struct slice text = author->text;
	char *digits = arena_alloc(arena, text.len);
	struct mailbox again;

	for (size_t i = 0; i < text.len; i++) {
		bool in_domain = i >= text.len - author->domain.len;
		digits[i] = in_domain && text.at[i] == '_' ? '0' : text.at[i];
	}
	text.at = digits;
	panic_if(author->is_null || mailbox_parse(text, arena, &again) != MAILBOX_OK ||
			 !slice_is(text, again.text),
		"an author that is no address");
}

static void whole_header(struct slice bytes, struct arena *arena)
{
	struct headers headers;
	struct mailbox author;
	struct claims claims;

	header_scan(bytes, arena, &headers);
	if (author_find(&headers, arena, &author) == AUTHOR_OK)
		is_an_address(&author, arena);
	claims_find(&headers, arena, &claims);
	for (size_t i = 0; i < claims.count; i++)
		is_an_address(&claims.at[i], arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct slice all = {(const char *)bytes, size};
	struct mailbox author = {0};

	if (author_parse(all, arena, &author) == AUTHOR_OK)
		is_an_address(&author, arena);
	whole_header(all, arena);
	arena_free(arena);
	return 0;
}
