/* SPDX-License-Identifier: Apache-2.0 */
/* Packets between edges and accounts: the first byte chooses the decoder, the rest is its body. */
#include "packets/counting.h"

#include "packets/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { DECODERS = 5 };

static void decode(unsigned which, struct slice body)
{
	switch (which) {
	case 0: DECODES_TO_ONE_FORM(counting_reserve, body); break;
	case 1: DECODES_TO_ONE_FORM(counting_answer, body); break;
	case 2: DECODES_TO_ONE_FORM(counting_release, body); break;
	case 3: DECODES_TO_ONE_FORM(counting_keep, body); break;
	default: DECODES_TO_ONE_FORM(counting_drop, body); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice input = {(const char *)bytes, size};

	if (size > 0)
		decode(bytes[0] % DECODERS, slice_from(input, 1));
	return 0;
}
