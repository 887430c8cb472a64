/* SPDX-License-Identifier: Apache-2.0 */
/* The proof against brute force: generated configurations over 64 IPv4 and 64 IPv6 addresses, each
 * of which tries every listener, sender, greeting and recipient. What relays must be what the proof
 * says, open must be found open, with a session that does relay, and closed closed.
 *
 * POSTERN_LONG_TESTS=1 for the long form, 100,000 of them; POSTERN_BRUTE=N for N. */
#include <stdlib.h>

#include "policy/exposure.h"
#include "policy/generate.h"
#include "policy/testing.h"

enum { SPACE = 64, USUAL_ROUNDS = 150, LONG_ROUNDS = 100000, TEXT_SIZE = 8000, SESSIONS = 40 };

static struct generator generator = {.state = 20261122};
#define BELOW(limit) generate_below(&generator, (limit))
#define PICK(list) ((list)[BELOW(sizeof(list) / sizeof *(list))])

static size_t rounds(void)
{
	const char *asked = getenv("POSTERN_BRUTE");

	if (asked)
		return strtoul(asked, NULL, 10);
	return getenv("POSTERN_LONG_TESTS") ? LONG_ROUNDS : USUAL_ROUNDS;
}

static struct address place(unsigned number)
{
	struct address first;

	address_parse(number < SPACE ? SLICE("198.51.100.0") : SLICE("2001:db8::"), &first);
	return address_of_number(number_of_address(&first) + number % SPACE);
}

/* ---- configurations ---- */

/* What a client claims; in one configuration each stands at most once, so that any of them may be
 * true and any false at the same time. */
enum claim {
	CLAIM_SENDER,
	CLAIM_HELO,
	CLAIM_RECIPIENT,
	CLAIM_TLS,
	CLAIM_SPF,
	CLAIM_LISTED,
	CLAIMS
};
static const char *const claim_words[CLAIMS] = {"sender domain a.example", "helo \"a*\"",
	"recipient domain f.example", "tls", "spf pass", "listed \"bl.example\""};

struct made {
	struct text text;
	char buffer[TEXT_SIZE];
	char gateways[200];
	bool claimed[CLAIMS];
	unsigned widest_v4, widest_v6;
};

static void net_put(struct made *made)
{
	bool v4 = BELOW(2);
	unsigned bits = BELOW(7);
	struct address base = place((v4 ? 0 : SPACE) + (BELOW(SPACE) >> bits << bits));

	text_char(&made->text, ' ');
	text_address(&made->text, &base);
	text_format(&made->text, "/%u", (v4 ? 32 : 128) - bits);
}

static void atom_put(struct made *made)
{
	static const char *const exact[] = {"network n0", "network n1", "network n2",
		"listener smtp", "listener lmtp", "authenticated", "account \"a@ours.example\"",
		"group staff", "recipient ours"};
	enum claim claim = (enum claim)BELOW(CLAIMS);

	if (BELOW(3) == 0 && !made->claimed[claim]) {
		made->claimed[claim] = true;
		text_put(&made->text, slice_of(claim_words[claim]));
	} else if (BELOW(3) == 0) {
		text_put(&made->text, SLICE("client"));
		net_put(made);
	} else {
		text_put(&made->text, slice_of(PICK(exact)));
	}
}

static void condition_put(struct made *made)
{
	static const char *const joints[] = {" and ", " or ", " and not ", " or not "};

	text_put(&made->text, BELOW(4) ? SLICE(" if ") : SLICE(" if not "));
	atom_put(made);
	for (unsigned more = BELOW(3); more > 0; more--) {
		text_put(&made->text, slice_of(PICK(joints)));
		atom_put(made);
	}
}

static void clauses_put(struct made *made)
{
	for (unsigned i = BELOW(5); i > 0; i--) {
		text_format(&made->text, "relay for network n%u", BELOW(3));
		if (BELOW(2))
			condition_put(made);
		text_put(&made->text, BELOW(6) ? SLICE("\n") : SLICE(" until 2020-01-01\n"));
	}
	for (unsigned i = BELOW(4); i > 0; i--) {
		text_put(&made->text, BELOW(2) ? SLICE("refuse") : SLICE("defer"));
		condition_put(made);
		text_put(&made->text, BELOW(3) ? SLICE("\n") : SLICE(" unless trusted\n"));
	}
}

static void networks_put(struct made *made)
{
	for (unsigned i = 0; i < 3; i++) {
		text_format(&made->text, "network n%u", i);
		for (unsigned nets = 1 + BELOW(3); nets > 0; nets--)
			net_put(made);
		text_char(&made->text, '\n');
	}
}

static void gateways_make(struct made *made)
{
	struct text text = TEXT_FIXED(made->gateways);

	for (unsigned i = BELOW(3); i > 0; i--) {
		struct address gateway = place(BELOW(2 * SPACE));
		text_address(&text, &gateway);
		text_put(&text, BELOW(2) ? SLICE("@docker0 ") : SLICE(" "));
	}
	text_char(&text, '\0');
}

static void configuration_make(struct made *made)
{
	made->text = TEXT_FIXED(made->buffer);
	memset(made->claimed, 0, sizeof made->claimed);
	made->widest_v4 = 26 + BELOW(5);
	made->widest_v6 = 122 + BELOW(5);
	text_format(&made->text,
		"listen smtp \"*:25\"\ndomain ours.example any recipient deliver via mx\n"
		"widest network /%u /%u\n",
		made->widest_v4, made->widest_v6);
	networks_put(made);
	clauses_put(made);
	gateways_make(made);
}

static struct policy *load(struct made *made, struct complaints *complaints, bool proved)
{
	struct bundle_file file = {.kind = BUNDLE_CONFIGURATION,
		.path = SLICE("test.conf"),
		.bytes = text_slice(&made->text)};
	struct bundle bundle = {.files = &file,
		.count = 1,
		.nodename = SLICE("node.example.org"),
		.gateways = slice_of(made->gateways)};

	complaints_init(complaints);
	return proved ? policy_load(&bundle, complaints)
		      : policy_load_unproved(&bundle, complaints);
}

/* ---- brute force ---- */

struct brute {
	const struct policy *policy;
	struct arena *arena;
	unsigned asked;                 /* what the configuration asks of a session, as bits */
	struct given given[2 * CLAIMS]; /* the world's: spf and listed */
	size_t given_count;
};

/* One session of all: `number` counts in the claims, two of each. */
static bool session_relays(struct brute *brute, const struct address *client, unsigned number)
{
	static const char *const services[] = {"smtp", "lmtp"};
	struct facts facts = test_facts(NULL, number & 1 ? "a.example" : "b.example",
		number & 2 ? "u@a.example" : "u@b.example",
		number & 4 ? "v@f.example" : "v@g.example", brute->arena);
	struct decision decision;

	facts.has_client = facts.has_tls = facts.has_account = true;
	facts.client = *client;
	facts.tls = number & 8;
	facts.listener = slice_of(services[number >> 4 & 1]);
	for (size_t i = 0; i < brute->given_count; i++)
		brute->given[i].is = number >> (5 + i % 2) & 1;
	facts.given = brute->given;
	facts.given_count = brute->given_count;
	facts.now = INT64_C(1800000000) * NS_PER_S;
	policy_decide(brute->policy, &facts, STAGE_END, brute->arena, &decision);
	return decision.verdict == VERDICT_ACCEPT && decision.foreign;
}

static bool relays(struct brute *brute, const struct address *client)
{
	bool any = false;

	for (unsigned number = 0; number < 128 && !any; number++)
		any = (number & ~brute->asked) == 0 && session_relays(brute, client, number);
	arena_reset(brute->arena);
	return any;
}

static void given_fill(struct brute *brute, struct arena *kept)
{
	static const char *const words[] = {"spf pass", "listed \"bl.example\""};
	char buffer[200];
	struct text why = TEXT_FIXED(buffer);

	for (size_t i = 0; i < 2; i++)
		assert_true(policy_given_parse(brute->policy, slice_of(words[i]), kept,
			&brute->given[brute->given_count++], &why));
}

static unsigned asked_of(const struct made *made)
{
	static const unsigned bits[CLAIMS] = {[CLAIM_SENDER] = 2,
		[CLAIM_HELO] = 1,
		[CLAIM_RECIPIENT] = 4,
		[CLAIM_TLS] = 8,
		[CLAIM_SPF] = 32,
		[CLAIM_LISTED] = 64};
	unsigned asked = 16;

	for (size_t i = 0; i < CLAIMS; i++)
		asked |= made->claimed[i] ? bits[i] : 0;
	return asked;
}

/* ---- a transcript, read and played ---- */

static struct slice behind(struct slice text, const char *word, char end)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= text.len; i++)
		if (memcmp(text.at + i, word, len) == 0) {
			struct slice left = slice_from(text, i + len);
			return slice_cut(&left, end);
		}
	return SLICE("(none)");
}

/* The client says exactly what the transcript says; DNS says what it assumes and nothing else. */
static bool transcript_relays(struct brute *brute, struct slice text)
{
	struct facts facts = {.has_client = true,
		.has_tls = true,
		.has_account = true,
		.has_helo = true,
		.helo = behind(text, "C: EHLO ", '\n'),
		.listener = behind(text, "on port ", ':'),
		.now = INT64_C(1800000000) * NS_PER_S};
	struct slice sender = behind(text, "MAIL FROM:", '\n');
	struct slice recipient = behind(text, "RCPT TO:", '\n');
	struct slice assumed = behind(text, "assumed: ", '\n');
	struct decision decision;

	if (!address_parse(behind(text, "anybody at ", ' '), &facts.client))
		return false;
	facts.tls = slice_is(behind(text, "C: STARTTL", '\n'), SLICE("S"));
	facts.has_sender =
		mailbox_read_path(&sender, true, brute->arena, &facts.sender) == MAILBOX_OK;
	facts.has_recipient =
		mailbox_read_path(&recipient, true, brute->arena, &facts.recipient) == MAILBOX_OK;
	assert_true(facts.has_sender && facts.has_recipient);
	brute->given[0].is = !slice_is(behind(assumed, "spf", ','), SLICE("(none)"));
	brute->given[1].is = !slice_is(behind(assumed, "listed", ','), SLICE("(none)"));
	facts.given = brute->given;
	facts.given_count = brute->given_count;
	policy_decide(brute->policy, &facts, STAGE_END, brute->arena, &decision);
	return decision.verdict == VERDICT_ACCEPT && decision.foreign;
}

/* ---- one configuration ---- */

struct counts {
	size_t open, closed, transcripts;
};

static void explain(struct made *made, const char *what, const struct address *client)
{
	char buffer[60];
	struct text text = TEXT_FIXED(buffer);

	if (client)
		text_address(&text, client);
	print_message("%s %.*s\ngateways %s\n%.*s\n", what, SLICE_ARGS(text_slice(&text)),
		made->gateways, SLICE_ARGS(text_slice(&made->text)));
}

static bool is_open(struct made *made, struct brute *brute, const struct exposure *exposure)
{
	size_t found[2] = {0};

	for (unsigned i = 0; i < 2 * SPACE; i++) {
		struct address client = place(i);
		bool is = relays(brute, &client);
		found[i / SPACE] += is;
		if (is != set_has(exposure->all, number_of_address(&client))) {
			explain(made, is ? "relays, unforeseen:" : "does not relay:", &client);
			fail();
		}
	}
	return found[0] > v4_most(made->widest_v4) || found[1] > v6_most(made->widest_v6);
}

static void verdict_compare(
	struct made *made, struct brute *brute, bool open, struct counts *counts)
{
	struct complaints complaints;
	struct policy *proved = load(made, &complaints, true);
	size_t shown = 0;

	if (open == (proved != NULL)) {
		explain(made, open ? "open, not found" : "closed, found open", NULL);
		test_print(&complaints);
		fail();
	}
	for (size_t i = 0; i < complaints.count; i++) {
		struct slice text = complaints.list[i].transcript;
		shown += text.len > 0;
		if (text.len > 0 && !transcript_relays(brute, text)) {
			explain(made, "the transcript does not relay", NULL);
			test_print(&complaints);
			fail();
		}
	}
	assert_true(!open || shown > 0);
	counts->open += open;
	counts->closed += !open;
	counts->transcripts += shown;
	policy_unref(proved);
	complaints_free(&complaints);
}

static void try_configuration(struct made *made, struct counts *counts)
{
	struct complaints complaints;
	struct arena *kept = arena_new();
	struct policy *policy = load(made, &complaints, false);
	struct brute brute = {.policy = policy, .arena = arena_new(), .asked = asked_of(made)};

	if (!policy) {
		explain(made, "does not load", NULL);
		test_print(&complaints);
	}
	assert_non_null(policy);
	given_fill(&brute, kept);
	struct exposure exposure = exposure_of(policy, INT64_C(1800000000) * NS_PER_S, kept);
	bool open = is_open(made, &brute, &exposure);
	verdict_compare(made, &brute, open, counts);
	arena_free(brute.arena);
	arena_free(kept);
	policy_unref(policy);
	complaints_free(&complaints);
}

static void the_proof_agrees_with_brute_force(void **state)
{
	struct made *made = calloc(1, sizeof *made);
	struct counts counts = {0};

	(void)state;
	assert_non_null(made);
	for (size_t i = 0; i < rounds(); i++) {
		configuration_make(made);
		try_configuration(made, &counts);
	}
	print_message("%zu open, %zu closed, %zu transcripts that relay\n", counts.open,
		counts.closed, counts.transcripts);
	assert_true(counts.open > 0 && counts.closed > 0);
	free(made);
}

/* ---- every kind of clause ---- */

/* Takes from a random session whatever is a secret. */
static void secrets_drop(struct facts *facts, struct arena *arena)
{
	struct fact_answer *answers =
		ARENA_ARRAY(arena, struct fact_answer, facts->answer_count + 1);
	size_t count = 0;

	for (size_t i = 0; i < facts->answer_count; i++)
		if (facts->answers[i].fact != FACT_RECENT_POP)
			answers[count++] = facts->answers[i];
	facts->answers = answers;
	facts->answer_count = count;
	facts->given_count = 0;
	facts->has_account = facts->has_tls = true;
	facts->account = facts->certificate = SLICE_NONE;
	facts->tls_verified = facts->is_local = facts->has_alias = facts->is_returned = false;
	facts->is_returned = false; /* its hash is a secret of ours */
	facts->now = INT64_C(1800000000) * NS_PER_S;
}

static size_t sessions_try(
	struct generated *made, const struct policy *policy, const struct exposure *exposure)
{
	struct arena *arena = arena_new();
	struct session_generated session;
	struct decision decision;
	size_t relayed = 0;

	for (unsigned i = 0; i < SESSIONS; i++) {
		generate_session(&generator, policy, arena, &session);
		secrets_drop(&session.facts, arena);
		if (!session.facts.has_client || !session.facts.has_recipient)
			continue;
		policy_decide(policy, &session.facts, STAGE_END, arena, &decision);
		bool relay = decision.verdict == VERDICT_ACCEPT && decision.foreign;
		relayed += relay;
		if (relay && !set_has(exposure->all, number_of_address(&session.facts.client))) {
			for (size_t line = 0; line < made->count; line++)
				print_message("%s\n", made->lines[line]);
			fail_msg("relays, unforeseen");
		}
		arena_reset(arena);
	}
	arena_free(arena);
	return relayed;
}

static void nobody_relays_whom_the_proof_does_not_foresee(void **state)
{
	struct generated *made = calloc(1, sizeof *made);
	size_t relayed = 0;

	(void)state;
	assert_non_null(made);
	for (size_t i = 0; i < rounds(); i++) {
		struct complaints complaints;
		struct arena *arena = arena_new();
		generate_configuration(&generator, made);
		complaints_init(&complaints);
		struct policy *policy = generated_load(made, &complaints);
		if (policy) {
			struct exposure exposure =
				exposure_of(policy, INT64_C(1800000000) * NS_PER_S, arena);
			relayed += sessions_try(made, policy, &exposure);
		}
		policy_unref(policy);
		complaints_free(&complaints);
		arena_free(arena);
	}
	assert_true(relayed > 0);
	free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_proof_agrees_with_brute_force),
		cmocka_unit_test(nobody_relays_whom_the_proof_does_not_foresee),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
