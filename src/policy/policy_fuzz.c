/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a configuration: it loads or there is an error, and what loads decides. No file is
 * read: the bundle has the text and a list. */
#include "base/panic.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void decide_something(const struct policy *policy)
{
	struct arena *arena = arena_new();
	struct facts facts = {.has_client = true, .has_sender = true, .has_recipient = true};
	struct decision decision;
	struct route route;

	bool read = address_parse(SLICE("192.0.2.1"), &facts.client) &&
		    mailbox_parse(SLICE("a+b@example.org"), arena, &facts.sender) == MAILBOX_OK &&
		    mailbox_parse(SLICE("b@adatum.com"), arena, &facts.recipient) == MAILBOX_OK;
	panic_if(!read, "plain addresses do not parse");
	for (int stage = STAGE_CONNECT; stage < STAGES; stage++) {
		policy_decide(policy, &facts, (enum stage)stage, arena, &decision);
		panic_if((decision.verdict == VERDICT_ACCEPT) != (decision.reason == REASON_NONE),
			"a refusal without a reason");
		panic_if(!(decision.possible & 1u << decision.verdict), "decided the impossible");
	}
	if (policy_route(policy, &facts, &facts.recipient, arena, &route))
		panic_if(route.key.len == 0, "a route without a key");
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct bundle_file files[] = {{.kind = BUNDLE_CONFIGURATION,
					      .path = SLICE("fuzz.conf"),
					      .bytes = {(const char *)bytes, size}},
		{.kind = BUNDLE_LIST, .path = SLICE("list"), .bytes = {(const char *)bytes, size}},
		{.kind = BUNDLE_LIST,
			.path = SLICE("boxes"),
			.bytes = SLICE("alice\nb@x.example\n")}};
	struct bundle bundle = {.files = files, .count = 3, .nodename = SLICE("node.example")};
	struct complaints complaints;
	struct text text = TEXT_GROWING;

	complaints_init(&complaints);
	struct policy *policy = policy_load(&bundle, &complaints);
	panic_if(!policy != (complaints.errors > 0), "an error without a complaint");
	for (size_t i = 0; i < complaints.count; i++) {
		text_complaint(&text, &complaints.list[i]);
		text_complaint_json(&text, &complaints.list[i]);
	}
	if (policy)
		decide_something(policy);
	policy_unref(policy);
	text_free(&text);
	complaints_free(&complaints);
	return 0;
}
