/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes a whole session: arbitrary octets from a stranger against a whole edge. The first octet
 * chooses how they arrive (all at once, or a line at a time; read whole or cut) and the setting for
 * line ends; and whether it counts as encrypted, and accounts is there. Invariants: nothing is kept
 * that the policy refuses, and no more messages are acknowledged than ends were sent, CRLF.CRLF or
 * BDAT … LAST.
 */
#include "base/panic.h"
#include "smtpin/test_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { PARTS_MOST = 400, LINES = 1, CUT = 2, NORMALISE = 4, SIGNING_IN = 128 };

static struct policy *policies[2];

static void policies_make(void)
{
	static const char *const ends[] = {"strict", "normalise"};

	for (int i = 0; i < 2; i++) {
		struct arena *arena = arena_new();
		policies[i] = house_policy(arena_format(arena,
			"hostname mx.example.org\n"
			"listen smtp \"127.0.0.1:2525\"\n"
			"domain example.org any recipient deliver smtp \"127.0.0.1:26\"\n"
			"refuse if sender domain evil.example\n"
			"message size 300 KB\nline ends %s\n",
			ends[i]));
		panic_if(!policies[i], "the fuzzer's policy does not load");
		arena_free(arena);
	}
}

static size_t split(struct slice input, struct slice *parts)
{
	size_t count = 0;

	while (input.len && count < PARTS_MOST - 1) {
		size_t end = slice_find(input, '\n');
		size_t len = end == SIZE_MAX ? input.len : end + 1;
		parts[count++] = slice_part(input, 0, len);
		input = slice_from(input, len);
	}
	parts[count++] = input;
	return count;
}

static size_t count_nocase(struct slice s, struct slice part)
{
	size_t count = 0;

	for (size_t i = 0; i + part.len <= s.len; i++)
		count += slice_is_nocase(slice_part(s, i, i + part.len), part);
	return count;
}

static void check_kept(const struct message *message)
{
	const struct envelope *envelope = &message->envelope;

	panic_if(!envelope->recipient_count, "a message for nobody");
	panic_if(slice_ends_nocase(envelope->sender, SLICE("@evil.example")),
		"a refused sender's message was kept");
	for (size_t i = 0; i < envelope->recipient_count; i++) {
		struct slice address = envelope->recipients[i].address;
		panic_if(!slice_ends_nocase(address, SLICE("@example.org")) &&
				 !slice_is_nocase(address, SLICE("postmaster")),
			"relayed to %.*s", SLICE_ARGS(address));
	}
	panic_if(slice_has(message->body, '\0'), "a NUL was kept");
	panic_if(has_bare_end(message->body), "a bare line end was kept");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct slice parts[PARTS_MOST];
	struct slice input = {(const char *)bytes + 1, size ? size - 1 : 0};
	unsigned mode = size ? bytes[0] : 0;

	if (!policies[0])
		policies_make();
	struct house_client client = {
		.house = house_open(policy_ref(policies[(mode & NORMALISE) != 0]), SPOOL_WORKS),
		.parts = parts,
		.part_count = 1,
		.chunk = mode & CUT ? 1 + (mode >> 3) : 0,
	};
	panic_if(!address_parse(SLICE("203.0.113.9"), &client.from), "no address");
	if (mode & SIGNING_IN) {
		client.house->encrypted = true;
		house_accounts(client.house, SLICE("alice password=secret token=abc\n"));
	}
	parts[0] = input;
	if (mode & LINES)
		client.part_count = split(input, parts);
	house_converse(&client);
	size_t kept = slice_count(text_slice(&client.heard), SLICE("250 2.0.0 kept"));
	panic_if(kept > slice_count(input, SLICE("\r\n.\r\n")) +
				 count_nocase(input, SLICE("last\r\n")),
		"a message without its end");
	panic_if(kept > client.house->kept_count, "a message was acknowledged and not kept");
	for (size_t i = 0; i < client.house->kept_count; i++)
		check_kept(client.house->kept[i]);
	text_free(&client.heard);
	house_close(client.house);
	return 0;
}
