/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: every mechanism's messages, as a server and as a client; keys at rest; names. The first
 * octet chooses; lines of the rest are what the other side says, one after the other. */
#include <string.h>

#include "base/panic.h"
#include "sasl/prepare.h"
#include "sasl/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const uint8_t binding[32];

static void serve(unsigned which, struct slice said, struct arena *arena)
{
	struct sasl_setting setting = {
		.binding = binding, .plus_offered = which & 1, .nonce = SLICE("server")};
	struct sasl_server *server =
		sasl_server_new(arena, (enum sasl_mechanism)(which % SASL_MECHANISMS), &setting);
	struct scram_keys keys = {.iterations = 4096, .salt_len = 16};
	struct sasl_step step;

	sasl_server_begin(server, which & 2, slice_cut(&said, '\n'), &step);
	for (;;) {
		switch (step.next) {
		case SASL_CHALLENGE:
			sasl_server_answer(server, slice_cut(&said, '\n'), &step);
			break;
		case SASL_FIND_ACCOUNT: sasl_server_keys(server, &keys, &step); break;
		case SASL_TEST_PASSWORD:
			panic_if(!step.password.len, "an empty password is tested");
			panic_if(!step.login.len, "nobody's password is tested");
			sasl_server_verdict(server, which & 4, &step);
			break;
		case SASL_TEST_TOKEN:
			panic_if(!step.token.len, "an empty token is tested");
			sasl_server_verdict(server, which & 4, &step);
			break;
		case SASL_TEST_CERTIFICATE: sasl_server_verdict(server, which & 4, &step); break;
		case SASL_DONE:
		case SASL_WRONG:
		case SASL_MALFORMED: return;
		}
	}
}

static void ask(struct slice said, struct arena *arena)
{
	struct sasl_client *client = sasl_client_new(
		arena, SASL_SCRAM_SHA_256, SLICE("user"), SLICE("pencil"), SLICE("client"));
	struct slice words;

	if (sasl_client_begin(client, &words))
		while (said.len && !sasl_client_believes(client))
			if (!sasl_client_answer(client, slice_cut(&said, '\n'), &words))
				break;
}

static void rest(struct slice said, struct arena *arena)
{
	struct slice prepared, again;
	struct scram_keys keys;
	struct text text = TEXT_GROWING;

	if (scram_keys_parse(said, arena, &keys))
		text_scram_keys(&text, &keys);
	text_free(&text);
	if (sasl_prepare(said, arena, &prepared) && sasl_prepare(prepared, arena, &again))
		panic_if(!slice_is(prepared, again), "prepared twice is another name");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice input = {(const char *)bytes, size};
	struct arena *arena = arena_new();

	if (size && bytes[0] == 'c')
		ask(slice_from(input, 1), arena);
	else if (size && bytes[0] == 'k')
		rest(slice_from(input, 1), arena);
	else if (size)
		serve(bytes[0], slice_from(input, 1), arena);
	arena_wipe(arena);
	arena_free(arena);
	return 0;
}
