/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `expect`: each is decided on the file alone (doc/policy.md, "What must stay true"). What the
 * statement says is given; what the world would be asked is answered harmlessly, since nothing but
 * what is written shall decide. Read expect_statements.c for how they are written.
 */
#include <stdio.h>
#include <string.h>

#include "base/panic.h"
#include "policy/atoms.h"

enum { ROUNDS_MAX = 16 };

/* One `expect` being tried for one client. */
struct trial {
	const struct policy *policy;
	const struct expect_row *row;
	struct arena *arena;
	struct facts facts;
	TABLE(struct fact_answer) answers;
};

/* ---- a client ---- */

static bool is_named_by_clause(const struct policy *policy, const struct address *address)
{
	for (size_t i = 0; i < policy->nodes.count; i++) {
		const struct node *node = &policy->nodes.at[i];
		if (node->kind == NODE_ATOM && node->atom == ATOM_CLIENT &&
			network_contains(&node->net, address))
			return true;
	}
	return false;
}

/* An address in no network and that no condition names: of the documentation ranges if one is
 * left (RFC 5737, RFC 3849). */
static struct address stranger_of(const struct policy *policy)
{
	static const char *const ranges[] = {"203.0.113.", "198.51.100.", "192.0.2.", "2001:db8::"};
	struct address address = {0};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		for (unsigned host = 1; host < 255; host++) {
			char text[40];
			snprintf(text, sizeof text, "%s%u", ranges[i], host);
			bool read = address_parse(slice_of(text), &address);
			panic_if(!read, "\"%s\" does not parse", text);
			if (!stretch_find(policy, &address) &&
				!is_named_by_clause(policy, &address))
				return address;
		}
	return address;
}

/* ---- the facts ---- */

static struct mailbox mailbox_of(struct slice text, struct arena *arena)
{
	struct mailbox mailbox = {0};

	if (mailbox_parse(text, arena, &mailbox) != MAILBOX_OK)
		return (struct mailbox){0};
	return mailbox;
}

/* Who sends where nobody is written: the account itself, if its name is an address. */
static struct mailbox some_sender(const struct trial *t)
{
	struct mailbox sender = {0};

	if (t->row->account.len > 0)
		sender = mailbox_of(t->row->account, t->arena);
	if (sender.domain.len == 0)
		sender = mailbox_of(SLICE("someone@sender.invalid"), t->arena);
	return sender;
}

static void parties_fill(struct trial *t)
{
	const struct expect_row *row = t->row;
	struct facts *facts = &t->facts;

	facts->has_sender = facts->has_from = facts->has_recipient = true;
	facts->sender = row->has_sender ? row->sender : row->has_from ? row->from : some_sender(t);
	facts->from = row->has_from ? row->from : facts->sender;
	if (facts->from.is_null || facts->from.domain.len == 0)
		facts->from = some_sender(t);
	facts->recipient = row->to;
	facts->has_header = true;
	facts->header =
		arena_format(t->arena, "From: <%.*s>\r\n\r\n", SLICE_ARGS(facts->from.text));
}

static bool gives(const struct trial *t, enum atom atom)
{
	for (size_t i = 0; i < t->row->given_count; i++) {
		const struct node *node = &t->policy->nodes.at[t->row->given[i]];
		if (node->kind == NODE_ATOM && node->atom == atom)
			return true;
	}
	return false;
}

static void answer_add(struct trial *t, struct fact_answer answer)
{
	*TABLE_ADD(t->arena, &t->answers) = answer;
}

/* `account` is who signed in, under TLS, on a submission listener; beside `given recent-pop` it is
 * who signed in by POP, which is no signing in here. */
static void account_fill(struct trial *t)
{
	struct facts *facts = &t->facts;
	struct slice account = t->row->account;
	bool leased = gives(t, ATOM_RECENT_POP) && account.len > 0 && t->row->listener.len == 0;

	facts->has_account = facts->has_tls = true;
	if (leased) {
		struct slice *texts = ARENA_NEW(t->arena, struct slice);
		*texts = account;
		answer_add(t, (struct fact_answer){
				      .fact = FACT_RECENT_POP, .texts = texts, .text_count = 1});
		account = SLICE_NONE;
	}
	facts->account = account;
	facts->tls = t->row->tls || account.len > 0;
	facts->listener = t->row->listener.len > 0 ? t->row->listener
			  : account.len > 0        ? SLICE("submission")
						   : SLICE("smtp");
}

static void certificate_fill(struct trial *t)
{
	const void *found = t->row->certificate.len > 0
				    ? map_get(t->policy->certificate_names, t->row->certificate)
				    : NULL;

	if (!found)
		return;
	t->facts.certificate = t->policy->certificates.at[(uintptr_t)found - 1].fingerprint;
	t->facts.tls = t->facts.tls_verified = true;
}

static void given_fill(struct trial *t)
{
	struct given *given = ARENA_ARRAY(t->arena, struct given, t->row->given_count + 1);

	for (size_t i = 0; i < t->row->given_count; i++) {
		const struct node *node = &t->policy->nodes.at[t->row->given[i]];
		given[i].is = node->kind == NODE_ATOM;
		given[i].node = given[i].is ? node : &t->policy->nodes.at[node->left];
	}
	t->facts.given = given;
	t->facts.given_count = t->row->given_count;
}

static void facts_fill(struct trial *t, const struct address *client)
{
	t->facts = (struct facts){.has_client = true,
		.client = *client,
		.has_helo = true,
		.helo = t->row->has_helo ? t->row->helo : SLICE("client.invalid"),
		.has_size = true,
		.size_is_final = true,
		.has_recipients = true,
		.recipients = 1};
	parties_fill(t);
	account_fill(t);
	certificate_fill(t);
	given_fill(t);
}

/* What the world would say is harmless. */
static struct fact_answer harmless(const struct wanted *wanted)
{
	struct fact_answer answer = {.fact = wanted->fact, .argument = wanted->argument};

	answer.yes = wanted->fact == FACT_MAILBOX; /* the recipient is known */
	if (wanted->fact == FACT_CLIENT_NAME)
		answer.text = SLICE("client.invalid");
	else if (fact_row(wanted->fact)->type == FACT_IS_RESULT)
		answer.text = SLICE("none");
	return answer;
}

static void questions_answer(struct trial *t)
{
	const struct wanted *wanted;
	size_t count = 1;

	for (unsigned round = 0; round < ROUNDS_MAX && count > 0; round++) {
		count = policy_wanted(t->policy, &t->facts, STAGE_END, t->arena, &wanted);
		for (size_t i = 0; i < count; i++)
			answer_add(t, harmless(&wanted[i]));
		t->facts.answers = t->answers.at;
		t->facts.answer_count = t->answers.count;
	}
}

/* Counters are empty. */
static void counters_fill(struct trial *t)
{
	const struct counter_wanted *wanted;
	size_t count = policy_counters(t->policy, &t->facts, t->arena, &wanted);
	struct counter_answer *counters = ARENA_ARRAY(t->arena, struct counter_answer, count + 1);

	for (size_t i = 0; i < count; i++)
		counters[i] =
			(struct counter_answer){.clause = wanted[i].clause, .most = wanted[i].most};
	t->facts.counters = counters;
	t->facts.counter_count = count;
}

/* ---- the decision ---- */

/* For one of the addresses that the recipient stands for. */
static void target_decide(
	struct trial *t, const struct expansion *expansion, struct decision *decision)
{
	t->facts.recipient = expansion->target;
	t->facts.has_alias = expansion->is_alias;
	if (expansion->is_alias)
		t->facts.alias = t->row->to;
	t->facts.answers = t->answers.at;
	t->facts.answer_count = t->answers.count;
	counters_fill(t);
	questions_answer(t);
	policy_decide(t->policy, &t->facts, STAGE_END, t->arena, decision);
}

static struct decision decide_for(struct trial *t, const struct address *client)
{
	const struct expansion *targets;

	t->answers.count = 0;
	facts_fill(t, client);
	size_t count = policy_expand(t->policy, &t->row->to, t->arena, &targets);
	struct decision *decisions = ARENA_ARRAY(t->arena, struct decision, count + 1);
	for (size_t i = 0; i < count; i++)
		target_decide(t, &targets[i], &decisions[i]);
	return *policy_strictest(t->policy, decisions, count);
}

/* ---- what is said ---- */

static bool is_as_expected(const struct expect_row *row, const struct decision *decision)
{
	const struct enhanced *is = &decision->enhanced, *wanted = &row->status;

	if (decision->verdict != row->verdict)
		return false;
	return !row->has_status || (is->class == wanted->class && is->subject == wanted->subject &&
					   is->detail == wanted->detail);
}

static void place_put(struct text *text, const struct policy *policy, uint32_t clause)
{
	struct clause_place place = policy_clause(policy, clause);

	text_put(text, SLICE(", by "));
	text_put(text, place.file);
	text_format(text, ":%u: ", place.line);
	text_put(text, place.text);
}

static void verdict_put(
	struct text *text, const struct policy *policy, const struct decision *decision)
{
	switch (decision->verdict) {
	case VERDICT_ACCEPT: text_put(text, SLICE("accepted")); break;
	case VERDICT_REFUSE: text_put(text, SLICE("refused: ")); break;
	case VERDICT_DEFER: text_put(text, SLICE("deferred: ")); break;
	}
	if (decision->verdict == VERDICT_ACCEPT) {
		if (decision->has_grant)
			place_put(text, policy, decision->grant);
		else
			text_put(text, SLICE(", since the recipient is ours and nothing refuses"));
		return;
	}
	text_format(text, "%u ", decision->code);
	text_enhanced(text, decision->enhanced);
	text_char(text, ' ');
	text_put(text, decision->words);
	text_format(text, " (%.*s)", SLICE_ARGS(reason_row(decision->reason)->name));
	if (decision->has_clause)
		place_put(text, policy, decision->clause);
}

static void false_expect(
	const struct trial *t, const struct decision *decision, struct complaints *complaints)
{
	struct text what = TEXT_GROWING;

	text_put(&what, SLICE("this `expect` is false: a mail from "));
	text_address(&what, &t->facts.client);
	text_put(&what, SLICE(" is "));
	verdict_put(&what, t->policy, decision);
	complain_at(complaints, SEVERITY_ERROR, &t->row->token, text_slice(&what),
		SLICE("the clause changed, or the `expect`"));
	text_free(&what);
}

/* True if it holds for this client. */
static bool holds_for(struct trial *t, const struct address *client, struct complaints *complaints)
{
	arena_reset(t->arena);
	t->answers.at = NULL;
	t->answers.count = t->answers.size = 0;
	struct decision decision = decide_for(t, client);
	bool holds = is_as_expected(t->row, &decision);
	if (!holds)
		false_expect(t, &decision, complaints);
	return holds;
}

static bool expect_holds(struct trial *t, struct complaints *complaints)
{
	struct address client = t->row->has_client ? t->row->client.base : stranger_of(t->policy);

	if (!holds_for(t, &client, complaints))
		return false;
	if (!t->row->has_client || t->row->client.prefix == 128)
		return true;
	client = network_last(&t->row->client);
	return holds_for(t, &client, complaints);
}

bool policy_expects_check(const struct policy *policy, struct complaints *complaints)
{
	struct arena *arena = arena_new();
	bool all = true;

	for (size_t i = 0; i < policy->expects.count; i++) {
		struct trial t = {.policy = policy, .row = &policy->expects.at[i], .arena = arena};
		all &= expect_holds(&t, complaints);
	}
	arena_free(arena);
	return all;
}
