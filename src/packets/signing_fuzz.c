/* SPDX-License-Identifier: Apache-2.0 */
/* Packets to and from keys: the first byte chooses the decoder, the rest is its body. */
#include "packets/signing.h"

#include "packets/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { DECODERS = 3 };

static void decode(unsigned which, struct slice body)
{
	switch (which) {
	case 0: DECODES_TO_ONE_FORM(signing_ask, body); break;
	case 1: DECODES_TO_ONE_FORM(signing_answer, body); break;
	default: DECODES_TO_ONE_FORM(signing_tickets, body); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice input = {(const char *)bytes, size};

	if (size > 0)
		decode(bytes[0] % DECODERS, slice_from(input, 1));
	return 0;
}
