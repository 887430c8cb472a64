/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message's payload, whole and read in part. */
#include "base/panic.h"
#include "spool/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice payload = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct message message;

	if (message_decode(payload, arena, &message)) {
		struct text again = TEXT_GROWING;
		struct message second;
		message_encode(&again, &message, message.body.len);
		text_put(&again, message.body);
		panic_if(!message_decode(text_slice(&again), arena, &second) ||
				 second.envelope.recipient_count !=
					 message.envelope.recipient_count ||
				 !slice_is(second.body, message.body),
			"a message does not survive being written again");
		text_free(&again);
	}
	panic_if(message_decode_part(slice_part(payload, 0, size / 2), size, arena, &message) ==
				 MESSAGE_WHOLE &&
			 message.body.len > size / 2,
		"more body than bytes");
	arena_free(arena);
	return 0;
}
