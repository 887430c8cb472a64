/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: addresses. What parses has one form, and that form parses to itself. */
#include "base/panic.h"
#include "base/utf8.h"
#include "wire/mailbox.h"

static void check(const struct mailbox *mailbox, struct arena *arena)
{
	struct mailbox again;

	panic_if(!utf8_is_valid(mailbox->text), "text is not UTF-8");
	panic_if(!utf8_is_ascii(mailbox->domain), "domain is not ASCII");
	panic_if(mailbox->text.len > 254, "text is too long");
	for (size_t i = 0; i < mailbox->text.len; i++)
		panic_if((uint8_t)mailbox->text.at[i] < ' ', "control character");
	mailbox_local_key(mailbox, arena);
	mailbox_is_risky(mailbox);
	if (mailbox->is_null || mailbox->is_postmaster)
		return;
	panic_if(mailbox_parse(mailbox->text, arena, &again) != MAILBOX_OK, "one form refused");
	panic_if(!slice_is(again.text, mailbox->text), "one form is not one");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct mailbox mailbox;

	if (mailbox_parse(s, arena, &mailbox) == MAILBOX_OK)
		check(&mailbox, arena);
	if (mailbox_read_path(&s, size % 2 == 0, arena, &mailbox) == MAILBOX_OK)
		check(&mailbox, arena);
	arena_free(arena);
	return 0;
}
