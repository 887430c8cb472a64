/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY headers: what is wanted ends, stays in bounds, and what is whole is judged alike. */
#include "base/panic.h"
#include "wire/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice all = {(const char *)bytes, size};
	struct address client = {0};
	const char *why;
	size_t have = 0, wants;

	while ((wants = proxy_wants(slice_part(all, 0, have))) > 0 && have + wants <= size)
		have += wants;
	panic_if(have > PROXY_HEADER_MAX, "a header of %zu octets", have);
	enum proxy_verdict verdict = proxy_read(slice_part(all, 0, have), &client, &why);
	panic_if(verdict != PROXY_BAD && wants > 0, "a header that wants more is taken");
	panic_if((verdict == PROXY_BAD) != (why[0] != '\0'), "a refusal without its reason");
	return 0;
}
