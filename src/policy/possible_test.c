/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unknown facts leave open, against all their completions; what is asked of others, against
 * answers that were not asked for; and what tells recipients apart, against what is decided after
 * the data. Over generated configurations and sessions; POSTERN_LONG_TESTS makes it the long form.
 */
#include <stdlib.h>

#include "policy/atoms.h"
#include "policy/generate.h"
#include "policy/testing.h"

enum { SESSIONS = 20, CANDIDATES_MAX = 16, SLOTS_MAX = 56, COMPLETIONS_MAX = 3000 };

static struct generator random_source = {.state = 20261124};
static struct generated configuration;

static int times(int usual, int when_long)
{
	return getenv("POSTERN_LONG_TESTS") ? when_long : usual;
}

static struct policy *load(void)
{
	struct complaints complaints;

	generate_configuration(&random_source, &configuration);
	complaints_init(&complaints);
	struct policy *policy = generated_load(&configuration, &complaints);
	assert_non_null(policy);
	complaints_free(&complaints);
	return policy;
}

/* ---- the answers there could be ---- */

/* A question that has no answer yet. */
struct slot {
	struct fact_answer candidates[CANDIDATES_MAX];
	unsigned count, at;
	uint32_t counter; /* of that clause, where the fact is FACT_COUNTER */
	enum fact fact;
};
struct completing {
	const struct policy *policy;
	struct arena *arena;
	struct facts facts; /* what is known */
	struct fact_answer answers[2 * SLOTS_MAX];
	struct counter_answer counters[SLOTS_MAX];
	size_t known_answers, known_counters;
	struct slot slots[SLOTS_MAX];
	size_t slot_count;
};

static bool is_known(const struct facts *facts, enum fact fact, struct slice argument)
{
	const struct fact_answer *answer = facts_answer(facts, fact, argument);

	if (!answer || answer->unknown || slice_is(answer->text, SLICE("temperror")))
		return false;
	for (size_t i = 0; i < answer->address_count; i++)
		if (!answer->addresses[i].is_v4 || answer->addresses[i].bytes[12] != 127 ||
			answer->addresses[i].bytes[13] == 255)
			return false;
	return true;
}

/* Whether anything in the policy could ask for it. */
static bool is_named(const struct policy *policy, enum fact fact, struct slice argument)
{
	for (size_t i = 0; i < policy->term_count; i++) {
		const struct node *node = &policy->nodes.at[policy->terms[i]];
		const struct atom_row *row = atom_row((enum atom)node->atom);
		bool zone = row->argument == TAKES_ZONE;
		bool mailbox =
			fact == FACT_MAILBOX || fact == FACT_OWNED || fact == FACT_RECENT_POP;
		if (mailbox || (row->fact == fact && (!zone || slice_is(node->text, argument))))
			return true;
	}
	return false;
}

static struct slot *slot_add(struct completing *c, enum fact fact, struct slice argument)
{
	struct slot *slot = &c->slots[c->slot_count];

	if (is_known(&c->facts, fact, argument) || !is_named(c->policy, fact, argument))
		return NULL;
	*slot = (struct slot){.fact = fact};
	for (size_t i = 0; i < CANDIDATES_MAX; i++)
		slot->candidates[i] = (struct fact_answer){.fact = fact, .argument = argument};
	c->slot_count++;
	return slot;
}

static void results_add(struct completing *c, enum fact fact, const char *const *texts)
{
	struct slot *slot = slot_add(c, fact, SLICE_NONE);

	for (; slot && *texts; texts++)
		slot->candidates[slot->count++].text = slice_of(*texts);
}

static void zone_add(struct completing *c, enum fact fact, const char *zone)
{
	static const char *const found[] = {"127.0.0.2", "127.0.0.9"};
	struct slot *slot = slot_add(c, fact, slice_of(zone));

	if (!slot)
		return;
	slot->count = 3; /* the first: not in it */
	for (size_t i = 0; i < 2; i++) {
		struct address *address = ARENA_NEW(c->arena, struct address);
		assert_true(address_parse(slice_of(found[i]), address));
		slot->candidates[i + 1].addresses = address;
		slot->candidates[i + 1].address_count = 1;
	}
}

/* Every set of them. */
static void sets_add(struct completing *c, enum fact fact, struct slice argument,
	const struct slice *all, unsigned count)
{
	struct slot *slot = slot_add(c, fact, argument);

	if (!slot)
		return;
	slot->count = 1u << count;
	assert_true(slot->count <= CANDIDATES_MAX);
	for (unsigned set = 0; set < slot->count; set++) {
		struct slice *texts = ARENA_ARRAY(c->arena, struct slice, count);
		slot->candidates[set].texts = texts;
		for (unsigned i = 0; i < count; i++)
			if (set >> i & 1)
				texts[slot->candidates[set].text_count++] = all[i];
	}
}

/* Of everybody whom the client could be known as; what matters is who stands in the message. */
static void owned_add(struct completing *c)
{
	static const char *const accounts[] = {"alice@example.org", "carol", "x@a.example"};
	struct slice parties[4] = {c->facts.sender.text, c->facts.from.text};
	unsigned count = 2;

	for (size_t i = 0; i < c->facts.claim_count && count < 4; i++)
		parties[count++] = c->facts.claims[i].text;
	for (size_t i = 0; i < 3; i++)
		sets_add(c, FACT_OWNED, slice_of(accounts[i]), parties, count);
	if (c->facts.is_local)
		sets_add(c, FACT_OWNED, c->facts.local_user, parties, count);
}

static void numbers_add(
	struct completing *c, enum fact fact, const uint64_t *numbers, unsigned count)
{
	struct slot *slot = slot_add(c, fact, SLICE_NONE);

	for (unsigned i = 0; slot && i < count; i++) {
		slot->candidates[i].yes = numbers[i] != 0;
		slot->candidates[slot->count++].number = numbers[i];
	}
}

/* Nobody could tell which limits the account has of its own: none, or one that is full. */
static void own_limits_add(struct completing *c, const struct facts *facts)
{
	static const struct slice limit = SLICE("5 recipients per day");
	const struct fact_answer *answer = facts_answer(facts, FACT_LIMITS, SLICE_NONE);

	if (!answer || !answer->unknown || facts->account.len == 0)
		return;
	struct slot *slot = &c->slots[c->slot_count++];
	*slot = (struct slot){.fact = FACT_LIMITS, .count = 2, .counter = ACCOUNT_LIMIT_FIRST};
	slot->candidates[0] = slot->candidates[1] = (struct fact_answer){.fact = FACT_LIMITS};
	slot->candidates[1].texts = &limit;
	slot->candidates[1].text_count = 1;
}

/* At no particular time a counter that was not asked for is empty. */
static bool counter_is_open(const struct facts *facts, uint32_t clause)
{
	for (size_t i = 0; i < facts->counter_count; i++)
		if (facts->counters[i].clause == clause)
			return facts->counters[i].unknown;
	return facts->now != 0;
}

static void counters_add(struct completing *c, const struct facts *facts)
{
	const struct counter_wanted *wanted;
	size_t count = policy_counters(c->policy, &c->facts, c->arena, &wanted);

	for (size_t i = 0; i < count; i++) {
		if (!counter_is_open(facts, wanted[i].clause))
			continue;
		c->slots[c->slot_count++] = (struct slot){
			.fact = FACT_COUNTER, .count = 2, .counter = wanted[i].clause};
	}
}

static void slots_make(struct completing *c, const struct facts *facts)
{
	static const char *const spf[] = {"pass", "fail", "softfail", "permerror", "none", NULL};
	static const char *const three[] = {"pass", "fail", "none", NULL};
	static const char *const policies[] = {"none", "quarantine", "reject", NULL};
	static const char *const names[] = {
		"", "a.isp.example", "b.isp.example", "other.example", NULL};
	static const uint64_t truths[] = {0, 1}, scores[] = {3, 8, 15};
	static const struct slice groups[] = {SLICE("staff"), SLICE("pupils")};

	results_add(c, FACT_CLIENT_NAME, names);
	results_add(c, FACT_SPF, spf);
	results_add(c, FACT_DKIM, three);
	results_add(c, FACT_DMARC, three);
	results_add(c, FACT_DMARC_POLICY, policies);
	results_add(c, FACT_ARC, three);
	zone_add(c, FACT_LISTED, "bl.example");
	zone_add(c, FACT_LISTED, "bl2.example");
	zone_add(c, FACT_ALLOWED, "wl.example");
	zone_add(c, FACT_HELO_LISTED, "dbl.example");
	zone_add(c, FACT_SENDER_DOMAIN_LISTED, "dbl.example");
	zone_add(c, FACT_LINK_LISTED, "dbl.example");
	sets_add(c, FACT_GROUPS, SLICE_NONE, groups, 2);
	owned_add(c);
	numbers_add(c, FACT_SENDER_UNREACHABLE, truths, 2);
	numbers_add(c, FACT_MAILBOX, truths, 2);
	numbers_add(c, FACT_VIRUS, truths, 2);
	numbers_add(c, FACT_SCORE, scores, 3);
	own_limits_add(c, facts);
	counters_add(c, facts);
}

/* ---- going through them ---- */

static void known_keep(struct completing *c, const struct facts *facts)
{
	c->facts = *facts;
	for (size_t i = 0; i < facts->answer_count; i++)
		if (is_known(facts, facts->answers[i].fact, facts->answers[i].argument))
			c->answers[c->known_answers++] = facts->answers[i];
	for (size_t i = 0; i < facts->counter_count; i++)
		if (!facts->counters[i].unknown)
			c->counters[c->known_counters++] = facts->counters[i];
	c->facts.answers = c->answers;
	c->facts.answer_count = c->known_answers;
	c->facts.counters = c->counters;
	c->facts.counter_count = c->known_counters;
}

static void completion_fill(struct completing *c)
{
	c->facts.answer_count = c->known_answers;
	c->facts.counter_count = c->known_counters;
	for (size_t i = 0; i < c->slot_count; i++) {
		const struct slot *slot = &c->slots[i];
		if (slot->fact == FACT_COUNTER || slot->fact == FACT_LIMITS)
			c->counters[c->facts.counter_count++] = (struct counter_answer){
				.clause = slot->counter, .full = slot->at == 1};
		if (slot->fact != FACT_COUNTER)
			c->answers[c->facts.answer_count++] = slot->candidates[slot->at];
	}
}

static bool completion_next(struct completing *c)
{
	for (size_t i = 0; i < c->slot_count; i++) {
		if (++c->slots[i].at < c->slots[i].count)
			return true;
		c->slots[i].at = 0;
	}
	return false;
}

static size_t completion_count(const struct completing *c)
{
	size_t count = 1;

	for (size_t i = 0; i < c->slot_count && count <= COMPLETIONS_MAX; i++)
		count *= c->slots[i].count;
	return count;
}

/* What nobody is asked for is known in these sessions, and who holds leases. */
static void session_make(
	const struct policy *policy, struct arena *arena, struct session_generated *session)
{
	struct facts *facts = &session->facts;

	do {
		generate_session(&random_source, policy, arena, session);
		facts->given_count = 0;
	} while (!(facts->has_client || facts->is_local) || !facts->has_account ||
		 !facts->has_tls || !facts->has_helo || !facts->has_sender ||
		 !facts->has_recipient || session->stage < STAGE_RCPT ||
		 !is_known(facts, FACT_RECENT_POP, SLICE_NONE) ||
		 (session->stage == STAGE_END &&
			 !(facts->has_from && facts->has_header && facts->size_is_final)));
	if (!facts->has_from)
		facts->from = facts->sender;
}

/* ---- said when something is wrong ---- */

static void session_print(const struct policy *policy, const struct facts *facts, enum stage stage,
	const struct decision *decision)
{
	for (size_t i = 0; i < configuration.count; i++)
		print_message("%s\n", configuration.lines[i]);
	print_message("%s %.*s, from %.*s to %.*s%s, account %.*s\n", stage_text(stage),
		SLICE_ARGS(facts->listener), SLICE_ARGS(facts->sender.text),
		SLICE_ARGS(facts->recipient.text), facts->has_alias ? " (an alias)" : "",
		SLICE_ARGS(facts->account));
	for (size_t i = 0; i < facts->answer_count; i++)
		print_message("%.*s %.*s: %s\n", SLICE_ARGS(fact_row(facts->answers[i].fact)->name),
			SLICE_ARGS(facts->answers[i].argument),
			facts->answers[i].unknown ? "unknown" : "known");
	for (size_t i = 0; i < decision->trace_count; i++)
		print_message("%c %.*s\n", "ft?"[decision->trace[i].value],
			SLICE_ARGS(policy_clause(policy, decision->trace[i].clause).text));
	print_message("verdict %d, %.*s\n", decision->verdict, SLICE_ARGS(decision->words));
}

/* ---- possible ---- */

/* What is known later cannot be known by now. */
static void later_leave(struct completing *c, enum stage stage)
{
	size_t count = 0;

	for (size_t i = 0; i < c->slot_count; i++)
		if (fact_row(c->slots[i].fact)->stage <= stage)
			c->slots[count++] = c->slots[i];
	c->slot_count = count;
}

static bool possible_is_exact(const struct policy *policy, size_t *open)
{
	struct arena *arena = arena_new(), *scratch = arena_new();
	struct completing *c = ARENA_NEW(arena, struct completing);
	struct session_generated session;
	struct decision decision, completed;
	unsigned found = 0;

	c->policy = policy;
	c->arena = arena;
	session_make(policy, arena, &session);
	known_keep(c, &session.facts);
	slots_make(c, &session.facts);
	later_leave(c, session.stage);
	policy_decide(policy, &session.facts, session.stage, arena, &decision);
	bool few = completion_count(c) <= COMPLETIONS_MAX;
	for (bool more = few; more; more = completion_next(c)) {
		completion_fill(c);
		policy_decide(policy, &c->facts, session.stage, scratch, &completed);
		assert_int_equal(completed.possible, 1u << completed.verdict);
		found |= 1u << completed.verdict;
		arena_reset(scratch);
	}
	bool same = !few || found == decision.possible;
	if (!same) {
		session_print(policy, &session.facts, session.stage, &decision);
		print_message("possible %x, found %x\n", decision.possible, found);
	}
	*open += few && (found & (found - 1)) != 0;
	arena_free(scratch);
	arena_free(arena);
	return same;
}

static void possible_is_what_completions_give(void **state)
{
	size_t open = 0;

	(void)state;
	for (int i = times(150, 4000); i > 0; i--) {
		struct policy *policy = load();
		for (int j = 0; j < SESSIONS; j++)
			assert_true(possible_is_exact(policy, &open));
		policy_unref(policy);
	}
	print_message("%zu sessions with several possible decisions\n", open);
	assert_true(open > 100);
}

/* ---- what is asked ---- */

static struct slot *slot_of(struct completing *c, const struct wanted *wanted)
{
	for (size_t i = 0; i < c->slot_count; i++)
		if (c->slots[i].fact == wanted->fact &&
			slice_is_nocase(c->slots[i].candidates[0].argument, wanted->argument))
			return &c->slots[i];
	return NULL;
}

/* Any answer to each of the questions; false: there was none. */
static bool wanted_answer(struct completing *c, enum stage stage)
{
	const struct wanted *wanted;
	size_t count = policy_wanted(c->policy, &c->facts, stage, c->arena, &wanted);

	for (size_t i = 0; i < count; i++) {
		struct slot *slot = slot_of(c, &wanted[i]);
		assert_non_null(slot);
		c->answers[c->known_answers++] =
			slot->candidates[generate_below(&random_source, slot->count)];
		slot->count = 0; /* it is known now */
	}
	c->facts.answer_count = c->known_answers;
	return count > 0;
}

/* Counters and an account's own limits are asked for elsewhere; what is known later is not asked
 * for yet. */
static void slots_settle(struct completing *c, enum stage stage)
{
	for (size_t i = 0; i < c->slot_count; i++) {
		struct slot *slot = &c->slots[i];
		bool own = slot->fact == FACT_LIMITS, counter = own || slot->fact == FACT_COUNTER;
		unsigned full = counter ? generate_below(&random_source, 2) : 0;
		if (own)
			c->answers[c->known_answers++] = slot->candidates[full];
		if (counter)
			c->counters[c->known_counters++] =
				(struct counter_answer){.clause = slot->counter, .full = full};
		if (counter || fact_row(slot->fact)->stage > stage)
			slot->count = 0;
	}
	c->facts.answer_count = c->known_answers;
	c->facts.counter_count = c->known_counters;
}

static void other_answers_fill(struct completing *c)
{
	c->facts.answer_count = c->known_answers;
	for (size_t i = 0; i < c->slot_count; i++)
		if (c->slots[i].count > 0)
			c->answers[c->facts.answer_count++] = c->slots[i].candidates[generate_below(
				&random_source, c->slots[i].count)];
}

static void nothing_else_matters(const struct policy *policy, size_t *asked)
{
	struct arena *arena = arena_new();
	struct completing *c = ARENA_NEW(arena, struct completing);
	struct session_generated session;
	struct decision one, other;

	c->policy = policy;
	c->arena = arena;
	session_make(policy, arena, &session);
	known_keep(c, &session.facts);
	slots_make(c, &session.facts);
	slots_settle(c, session.stage);
	while (wanted_answer(c, session.stage))
		(*asked)++;
	policy_decide(policy, &c->facts, session.stage, arena, &one);
	for (int i = 0; i < 5; i++) {
		other_answers_fill(c);
		policy_decide(policy, &c->facts, session.stage, arena, &other);
		if (one.verdict != other.verdict || one.reason != other.reason ||
			!slice_is(one.words, other.words)) {
			session_print(policy, &session.facts, session.stage, &one);
			session_print(policy, &c->facts, session.stage, &other);
		}
		assert_int_equal(one.verdict, other.verdict);
		assert_int_equal(one.reason, other.reason);
		/* Nobody is asked only whether a grant could still have come with the message. */
		if (one.reason != REASON_RELAY_DENIED)
			assert_int_equal(one.stage, other.stage);
		assert_true(slice_is(one.words, other.words));
	}
	arena_free(arena);
}

static void what_is_not_asked_does_not_matter(void **state)
{
	size_t asked = 0;

	(void)state;
	for (int i = times(150, 4000); i > 0; i--) {
		struct policy *policy = load();
		for (int j = 0; j < SESSIONS; j++)
			nothing_else_matters(policy, &asked);
		policy_unref(policy);
	}
	assert_true(asked > 100);
}

/* ---- telling recipients apart ---- */

/* What came with the message, of another session. */
static void message_take(const struct policy *policy, struct arena *arena, struct facts *facts)
{
	struct fact_answer *answers = ARENA_ARRAY(arena, struct fact_answer, 2 * SLOTS_MAX);
	struct session_generated other;
	size_t count = 0;

	do
		generate_session(&random_source, policy, arena, &other);
	while (other.stage != STAGE_END);
	for (size_t i = 0; i < facts->answer_count; i++)
		if (fact_row(facts->answers[i].fact)->stage < STAGE_END)
			answers[count++] = facts->answers[i];
	for (size_t i = 0; i < other.facts.answer_count; i++)
		if (fact_row(other.facts.answers[i].fact)->stage == STAGE_END)
			answers[count++] = other.facts.answers[i];
	facts->answers = answers;
	facts->answer_count = count;
	facts->has_from = other.facts.has_from;
	facts->from = other.facts.from;
	facts->has_header = other.facts.has_header;
	facts->header = other.facts.header;
	facts->has_size = facts->size_is_final = true;
	facts->size = other.facts.size;
}

/* Before the data nothing of the message is known. */
static void message_drop(struct facts *facts, struct arena *arena)
{
	struct fact_answer *answers = ARENA_ARRAY(arena, struct fact_answer, SLOTS_MAX);
	size_t count = 0;

	for (size_t i = 0; i < facts->answer_count; i++)
		if (fact_row(facts->answers[i].fact)->stage < STAGE_END)
			answers[count++] = facts->answers[i];
	facts->answers = answers;
	facts->answer_count = count;
	facts->has_from = facts->has_header = facts->has_size = facts->size_is_final = false;
	facts->now = 0; /* counters are empty, whatever the recipient */
	facts->counter_count = 0;
	facts->recipients = 1;
}

static bool is_accepted(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena)
{
	struct decision decision;

	policy_decide(policy, facts, stage, arena, &decision);
	return decision.verdict == VERDICT_ACCEPT;
}

/* False: the two recipients were not both accepted at RCPT, or are told apart. */
static bool replies_are_alike(const struct policy *policy, size_t *apart)
{
	struct arena *arena = arena_new();
	struct session_generated session, second;
	bool tried = false;

	session_make(policy, arena, &session);
	session_make(policy, arena, &second);
	message_drop(&session.facts, arena);
	struct facts one = session.facts, two = session.facts;
	two.recipient = second.facts.recipient;
	two.has_alias = second.facts.has_alias;
	two.alias = second.facts.alias;
	bool both = is_accepted(policy, &one, STAGE_RCPT, arena) &&
		    is_accepted(policy, &two, STAGE_RCPT, arena);
	bool told = both && policy_tells_apart(policy, &one, &two, arena);
	*apart += told;
	for (int i = 0; both && !told && i < 5; i++) {
		message_take(policy, arena, &one);
		two.answers = one.answers;
		two.answer_count = one.answer_count;
		two.has_from = one.has_from;
		two.from = one.from;
		two.has_header = one.has_header;
		two.header = one.header;
		two.has_size = two.size_is_final = true;
		two.size = one.size;
		struct decision first, other;
		policy_decide(policy, &one, STAGE_END, arena, &first);
		policy_decide(policy, &two, STAGE_END, arena, &other);
		bool same = (first.verdict == VERDICT_ACCEPT) == (other.verdict == VERDICT_ACCEPT);
		if (!same) {
			session_print(policy, &one, STAGE_END, &first);
			session_print(policy, &two, STAGE_END, &other);
		}
		assert_true(same);
		tried = true;
	}
	arena_free(arena);
	return tried;
}

static void recipients_that_are_not_told_apart_get_one_reply(void **state)
{
	size_t alike = 0, apart = 0;

	(void)state;
	for (int i = times(300, 4000); i > 0; i--) {
		struct policy *policy = load();
		for (int j = 0; j < SESSIONS; j++)
			alike += replies_are_alike(policy, &apart);
		policy_unref(policy);
	}
	print_message("%zu pairs alike, %zu told apart\n", alike, apart);
	assert_true(alike > 100 && apart > 2); /* about one in forty-five */
}

/* "Cannot be told" ranks before what is said of content: it would speak for what nobody asked. */
static void what_would_speak_if_left_unknown_is_asked(void **state)
{
	struct policy *policy = test_load("hostname mx.example.org\nlisten smtp \"*:25\"\n"
					  "domain example.org any recipient deliver via mx\n"
					  "defer if size > 10 KB\ndefer if score > 5\n",
		NULL, 0);
	struct arena *arena = arena_new();
	struct facts facts = test_facts("203.0.113.9", "h", "a@a.example", "a@example.org", arena);
	const struct wanted *wanted;

	(void)state;
	facts.has_size = facts.size_is_final = facts.has_header = true;
	facts.size = 20000;
	assert_int_equal(policy_wanted(policy, &facts, STAGE_END, arena, &wanted), 1);
	assert_int_equal(wanted[0].fact, FACT_SCORE);
	arena_free(arena);
	policy_unref(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_would_speak_if_left_unknown_is_asked),
		cmocka_unit_test(what_is_not_asked_does_not_matter),
		cmocka_unit_test(recipients_that_are_not_told_apart_get_one_reply),
		cmocka_unit_test(possible_is_what_completions_give),
	};
	const char *seed = getenv("POSTERN_SEED");

	if (seed)
		random_source.state = strtoull(seed, NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
