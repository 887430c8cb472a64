/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a configuration: it loads or there is an error, and what loads decides. No file is
 * read: the bundle has the text, the same text as lists and aliases, and small files of each kind.
 */
#include "base/panic.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every question that may be asked of a policy at this stage. */
static void ask_everything(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena)
{
	const struct wanted *wanted;
	const struct counter_wanted *counters;
	const struct expansion *targets;
	struct decision decision;
	struct route route;

	policy_wanted(policy, facts, stage, arena, &wanted);
	policy_counters(policy, facts, arena, &counters);
	policy_decide(policy, facts, stage, arena, &decision);
	panic_if((decision.verdict == VERDICT_ACCEPT) != (decision.reason == REASON_NONE),
		"a refusal without a reason");
	panic_if(decision.possible == 0, "no decision is possible");
	size_t count = policy_expand(policy, &facts->recipient, arena, &targets);
	panic_if(count == 0 || count > ALIAS_TARGETS_MAX, "an address that stands for %zu", count);
	if (policy_route(policy, facts, &facts->recipient, arena, &route))
		panic_if(route.key.len == 0, "a route without a key");
	policy_knows_client(policy, facts, arena);
	policy_limits_of(policy, &facts->client, facts->listener.len > 0);
}

static void decide_something(const struct policy *policy, struct slice fact)
{
	struct arena *arena = arena_new();
	struct facts facts = {.has_client = true, .has_sender = true, .has_recipient = true};
	struct text why = TEXT_GROWING;
	struct given given;

	bool read = address_parse(SLICE("192.0.2.1"), &facts.client) &&
		    mailbox_parse(SLICE("a+b@example.org"), arena, &facts.sender) == MAILBOX_OK &&
		    mailbox_parse(SLICE("b@adatum.com"), arena, &facts.recipient) == MAILBOX_OK;
	panic_if(!read, "plain addresses do not parse");
	facts.given_count = policy_given_parse(policy, fact, arena, &given, &why);
	panic_if((facts.given_count == 0) != (why.len > 0), "no atom, and no word why");
	facts.given = &given;
	for (int stage = STAGE_CONNECT; stage < STAGES; stage++)
		ask_everything(policy, &facts, (enum stage)stage, arena);
	facts.has_account = true;
	facts.account = SLICE("a@example.org");
	facts.listener = SLICE("submission");
	ask_everything(policy, &facts, STAGE_END, arena);
	text_free(&why);
	arena_free(arena);
}

static void complaints_show(const struct complaints *complaints)
{
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < complaints->count; i++) {
		text_complaint(&text, &complaints->list[i]);
		text_complaint_json(&text, &complaints->list[i]);
	}
	text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice whole = {(const char *)bytes, size};
	struct bundle_file files[] = {
		{.kind = BUNDLE_CONFIGURATION, .path = SLICE("fuzz.conf"), .bytes = whole},
		{.kind = BUNDLE_LIST, .path = SLICE("list"), .bytes = whole},
		{.kind = BUNDLE_LIST,
			.path = SLICE("boxes"),
			.bytes = SLICE("alice\nb@x.example\n")},
		{.kind = BUNDLE_LIST,
			.path = SLICE("aliases"),
			.bytes = SLICE("info: alice@example.org, b@far.example\n")},
		{.kind = BUNDLE_LIST,
			.path = SLICE("domains"),
			.bytes = SLICE("d.example\n*.e.example\n")},
	};
	struct bundle bundle = {.files = files,
		.count = sizeof files / sizeof *files,
		.nodename = SLICE("node.example"),
		.gateways = SLICE("192.0.2.1")};
	struct complaints complaints;

	complaints_init(&complaints);
	struct policy *policy = policy_load(&bundle, &complaints);
	panic_if(!policy != (complaints.errors > 0), "an error without a complaint");
	if (policy) {
		policy_cannot_serve(policy, &complaints);
		decide_something(policy, slice_cut(&whole, '\n'));
	}
	complaints_show(&complaints);
	policy_unref(policy);
	complaints_free(&complaints);
	return 0;
}
