/* SPDX-License-Identifier: Apache-2.0 */
/* Packets between askers and accounts: the first byte chooses the decoder, the rest is its body. */
#include "packets/signin.h"

#include "packets/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { DECODERS = 10 };

static void decode(unsigned which, struct slice body)
{
	switch (which) {
	case 0: DECODES_TO_ONE_FORM(signin_begin, body); break;
	case 1: DECODES_TO_ONE_FORM(signin_challenge, body); break;
	case 2: DECODES_TO_ONE_FORM(signin_response, body); break;
	case 3: DECODES_TO_ONE_FORM(signin_done, body); break;
	case 4: DECODES_TO_ONE_FORM(signin_give_up, body); break;
	case 5: DECODES_TO_ONE_FORM(signin_ask, body); break;
	case 6: DECODES_TO_ONE_FORM(signin_answer, body); break;
	case 7: DECODES_TO_ONE_FORM(signin_offered, body); break;
	case 8: DECODES_TO_ONE_FORM(signin_changed, body); break;
	default: DECODES_TO_ONE_FORM(signin_shut, body); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice input = {(const char *)bytes, size};

	if (size > 0)
		decode(bytes[0] % DECODERS, slice_from(input, 1));
	return 0;
}
