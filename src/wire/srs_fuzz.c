/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: a return address of whatever address, and back; and whatever address as one of ours. */
#include "base/panic.h"
#include "wire/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct srs_secret secret = {{1, 2, 3}};
	const wall_ns now = 1700000000 * NS_PER_S;
	struct arena *arena = arena_new();
	struct mailbox sender, address, again;

	if (mailbox_parse((struct slice){(const char *)bytes, size}, arena, &sender) ==
		MAILBOX_OK) {
		if (srs_forward(&secret, &sender, SLICE("b.example"), now, arena, &address)) {
			panic_if(!srs_is_one(&address), "its own form is not known");
			panic_if(
				!srs_reverse(&secret, &address, now, arena, &again), "no way back");
			panic_if(!srs_is_one(&sender) && !slice_is(again.text, sender.text),
				"another sender than before");
		}
		panic_if(srs_reverse(&secret, &sender, now, arena, &again), "a forged hash");
	}
	arena_free(arena);
	return 0;
}
