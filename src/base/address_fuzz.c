/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: addresses, ports and networks. What parses is written so that it parses to itself. */
#include "base/address.h"
#include "base/panic.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	char raw[128];
	struct text text = TEXT_FIXED(raw);
	struct address address, back;
	struct network network, again;

	if (address_parse(s, &address)) {
		address_is_special(&address);
		text_address(&text, &address);
		panic_if(!address_parse(text_slice(&text), &back), "own form refused");
		panic_if(!address_is(&address, &back), "another address");
	}
	text_clear(&text);
	if (address_parse_port(s, &address)) {
		text_address_port(&text, &address);
		panic_if(!address_parse_port(text_slice(&text), &back), "own form refused");
		panic_if(!address_is(&address, &back) || address.port != back.port, "another port");
	}
	text_clear(&text);
	if (network_parse(s, &network) == NETWORK_OK) {
		panic_if(!network_contains(&network, &network.base), "base outside");
		text_network(&text, &network);
		panic_if(
			network_parse(text_slice(&text), &again) != NETWORK_OK, "own form refused");
		panic_if(network.prefix != again.prefix, "another prefix");
		panic_if(!address_is(&network.base, &again.base), "another network");
	}
	return 0;
}
