/* SPDX-License-Identifier: Apache-2.0 */
/* Record data as hostile: the first byte chooses the type. What is taken must come through the
 * packet unchanged and hold nothing but what the type allows. */
#include "base/panic.h"
#include "base/text.h"
#include "dns/rdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void host_is_harmless(struct slice name)
{
	panic_if(name.len > DNS_NAME_MAX, "a name of %zu octets", name.len);
	for (size_t i = 0; i < name.len; i++)
		panic_if(!ascii_is_alnum(name.at[i]) && name.at[i] != '-' && name.at[i] != '_' &&
				 name.at[i] != '.',
			"a byte %d in a name", name.at[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_MX, DNS_PTR, DNS_TXT, DNS_TLSA};
	char buffer[RDATA_TEXT_MAX + 1];
	struct text scratch = TEXT_FIXED(buffer);
	struct resolve_record packet;
	struct dns_record record;

	if (size == 0)
		return 0;
	enum dns_type type = types[bytes[0] % 6];
	struct slice rdata = {(const char *)bytes + 1, size - 1};
	if (rdata_normalise(type, rdata, &scratch, &packet) != RDATA_OK)
		return 0;
	struct arena *arena = arena_new();
	panic_if(!record_from_packet(type, &packet, arena, &record), "our own record is refused");
	if (type == DNS_MX || type == DNS_PTR)
		host_is_harmless(record.text);
	panic_if(record.text.len > RDATA_TEXT_MAX, "a text of %zu octets", record.text.len);
	arena_free(arena);
	return 0;
}
