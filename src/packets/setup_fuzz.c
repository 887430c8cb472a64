/* SPDX-License-Identifier: Apache-2.0 */
/* Packets between supervisor and roles: the first byte chooses the decoder of the rest. */
#include "packets/setup.h"

#include "packets/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { DECODERS = 9 };

static void decode(unsigned which, struct slice body)
{
	switch (which) {
	case 0: DECODES_TO_ONE_FORM(setup_hello, body); break;
	case 1: DECODES_TO_ONE_FORM(setup_bundle, body); break;
	case 2: DECODES_TO_ONE_FORM(setup_prepared, body); break;
	case 3: DECODES_TO_ONE_FORM(setup_peer, body); break;
	case 4: DECODES_TO_ONE_FORM(setup_grant, body); break;
	case 5: DECODES_TO_ONE_FORM(setup_stop, body); break;
	case 8: DECODES_TO_ONE_FORM(setup_ended, body); break;
	case 6: DECODES_TO_ONE_FORM(setup_reload, body); break;
	default: DECODES_TO_ONE_FORM(setup_reloaded, body); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice input = {(const char *)bytes, size};

	if (size > 0)
		decode(bytes[0] % DECODERS, slice_from(input, 1));
	return 0;
}
