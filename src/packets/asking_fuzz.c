/* SPDX-License-Identifier: Apache-2.0 */
/* Packets between edges and out: the first byte chooses the decoder, the rest is its body. */
#include "packets/asking.h"

#include "packets/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice body = {(const char *)bytes, size};

	if (size == 0)
		return 0;
	body = slice_from(body, 1);
	if (bytes[0] % 2)
		DECODES_TO_ONE_FORM(asking_answer, body);
	else
		DECODES_TO_ONE_FORM(asking_ask, body);
	return 0;
}
