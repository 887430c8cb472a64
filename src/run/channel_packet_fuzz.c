/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a packet from a hostile role. A sound one is made of its messages again. */
#include "run/channel_packet.h"

#include <string.h>

#include "base/panic.h"
#include "run/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice packet = {(const char *)bytes, size};
	size_t count = packet_messages(packet), seen = 0;
	static char again[CHANNEL_PACKET_MAX];
	struct writer out = writer_over(again, sizeof again);
	struct reader in = reader_of(packet);
	struct slice body;
	uint16_t type;

	if (count == 0)
		return 0;
	for (; packet_next(&in, &type, &body); seen++)
		packet_add(&out, type, body);
	panic_if(seen != count, "%zu messages, then %zu", count, seen);
	panic_if(!slice_is(writer_slice(&out), packet), "not the same packet again");
	return 0;
}
