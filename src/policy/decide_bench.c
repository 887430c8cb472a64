/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision costs: microseconds of processor time, with 50 clauses, and with 5,000 clauses
 * and 100,000 ranges. One line each on standard output: `decide CLAUSES RANGES MICROSECONDS BYTES`.
 */
#include <stdio.h>
#include <time.h>

#include "base/panic.h"
#include "policy/policy.h"

enum { ROUNDS = 200000, SESSIONS = 64, ANSWERS = 6 };

struct size {
	unsigned networks, ranges_each, domains, accounts, senders;
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What every policy of some size has: who, from where, as whom, in no list. */
static void common_put(struct text *text)
{
	text_put(text, SLICE("hostname mx.example.org\n"
			     "listen smtp \"*:25\"\nlisten submission \"*:587\"\n"
			     "domain example.org any recipient deliver lmtp \"/run/lmtp\"\n"
			     "relay for authenticated\n"
			     "refuse if sender not owned\nrefuse if from not owned\n"
			     "refuse if sender ours unless sender owned\n"
			     "refuse if from ours and not dmarc pass unless from owned\n"
			     "refuse if listed \"zen.example\" unless trusted\n"
			     "refuse if spf fail unless trusted\n"
			     "refuse if dmarc fail and dmarc policy reject unless trusted\n"
			     "defer if client unnamed unless trusted\n"
			     "refuse if helo \"*.dynamic.example\" unless trusted\n"
			     "refuse if size > 25 MB\nrefuse if recipients > 100\n"
			     "limit authenticated 500 recipients per day\n"));
}

static void networks_put(struct text *text, const struct size *size)
{
	for (unsigned i = 0; i < size->networks; i++) {
		text_format(text, "network n%u", i);
		for (unsigned j = 0; j < size->ranges_each; j++) {
			unsigned at = i * size->ranges_each + j;
			text_format(text, " 10.%u.%u.%u/30", at >> 14 & 255, at >> 6 & 255,
				(at & 63) * 4);
		}
		text_format(text,
			" owns domain d%u.example\nrelay for network n%u if not sender "
			"null\n",
			i, i);
	}
}

static struct policy *policy_of_size(const struct size *size)
{
	struct text text = TEXT_GROWING;
	struct complaints complaints;

	common_put(&text);
	networks_put(&text, size);
	for (unsigned i = 0; i < size->domains; i++)
		text_format(&text, "refuse if sender domain bad%u.example unless trusted\n", i);
	for (unsigned i = 0; i < size->accounts; i++)
		text_format(&text, "limit account \"u%u@example.org\" 100 recipients per day\n", i);
	for (unsigned i = 0; i < size->senders; i++)
		text_format(&text,
			"refuse if recipient \"l%u@example.org\" and not sender domain "
			"example.org\n",
			i);
	struct bundle_file file = {.kind = BUNDLE_CONFIGURATION,
		.path = SLICE("bench.conf"),
		.bytes = text_slice(&text)};
	struct bundle bundle = {.files = &file,
		.count = 1,
		.nodename = SLICE("mx.example.org"),
		.hash = "0123456789abcdef"};
	complaints_init(&complaints);
	struct policy *policy = policy_load_unproved(&bundle, &complaints);
	panic_if(!policy, "the bench's configuration has an error");
	complaints_free(&complaints);
	text_free(&text);
	return policy;
}

static struct mailbox mailbox_of(const char *text, struct arena *arena)
{
	struct mailbox mailbox;

	panic_if(mailbox_parse(slice_of(text), arena, &mailbox) != MAILBOX_OK, "%s", text);
	return mailbox;
}

/* Half of them strangers writing to us, half clients of a network writing abroad. */
static void session_make(
	unsigned i, const struct size *size, struct arena *arena, struct facts *facts)
{
	bool stranger = i % 2;
	unsigned at = i * 997 % (size->networks * size->ranges_each);
	unsigned network = at / size->ranges_each;
	struct slice client = stranger ? arena_format(arena, "203.0.113.%u", i)
				       : arena_format(arena, "10.%u.%u.%u", at >> 14 & 255,
						 at >> 6 & 255, (at & 63) * 4 + 1);
	struct slice sender = arena_format(arena, "someone@d%u.example", network);

	*facts = (struct facts){.listener = SLICE("smtp"),
		.has_client = address_parse(client, &facts->client),
		.has_tls = true,
		.has_account = true,
		.has_helo = true,
		.helo = SLICE("mail.sender.example"),
		.has_sender = true,
		.has_recipient = true,
		.has_recipients = true,
		.recipients = 1,
		.now = INT64_C(1800000000) * NS_PER_S};
	address_parse(client, &facts->client);
	facts->sender = mailbox_of(arena_string(arena, sender), arena);
	facts->recipient = mailbox_of(stranger ? "alice@example.org" : "bob@adatum.example", arena);
}

static void measure(const struct size *size)
{
	static const struct fact_answer answers[ANSWERS] = {
		{.fact = FACT_CLIENT_NAME, .text = {"mail.sender.example", 19}},
		{.fact = FACT_LISTED, .argument = {"zen.example", 11}},
		{.fact = FACT_SPF, .text = {"pass", 4}}, {.fact = FACT_DMARC, .text = {"pass", 4}},
		{.fact = FACT_DMARC_POLICY, .text = {"none", 4}},
		{.fact = FACT_DKIM, .text = {"none", 4}}};
	struct policy *policy = policy_of_size(size);
	struct arena *lasting = arena_new(), *arena = arena_new();
	struct facts *sessions = ARENA_ARRAY(lasting, struct facts, SESSIONS);
	struct decision decision;
	size_t bytes = 0;

	for (unsigned i = 0; i < SESSIONS; i++) {
		session_make(i, size, lasting, &sessions[i]);
		sessions[i].answers = answers;
		sessions[i].answer_count = ANSWERS;
	}
	double begin = seconds();
	for (unsigned i = 0; i < ROUNDS; i++) {
		policy_decide(policy, &sessions[i % SESSIONS], STAGE_RCPT, arena, &decision);
		panic_if(decision.verdict != VERDICT_ACCEPT, "session %u: %.*s", i % SESSIONS,
			SLICE_ARGS(decision.words));
		bytes += arena_used(arena);
		arena_reset(arena);
	}
	double each = (seconds() - begin) * 1e6 / ROUNDS;
	printf("decide %zu %u %.2f %zu\n", policy_clause_count(policy),
		size->networks * size->ranges_each, each, bytes / ROUNDS);
	arena_free(arena);
	arena_free(lasting);
	policy_unref(policy);
}

int main(void)
{
	static const struct size sizes[] = {{5, 2, 15, 5, 12}, {1000, 100, 1984, 1000, 1000}};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		measure(&sizes[i]);
	return 0;
}
