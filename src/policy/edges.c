/* SPDX-License-Identifier: Apache-2.0 */
/* Trying the real decision at the edges. The contract is in edges.h. */
#include "policy/edges.h"

#include <stdlib.h>

#include "policy/transcript.h"

enum {
	WORK_MOST = 3000000, /* clauses looked at, in all decisions together: some 50 ms */
	DECISIONS_MOST = 8000,
	CLAIMS_MOST = 64,
	COUNTERS_MOST = 64,
};

/* $f a foreign domain, $o one of ours. Some are no addresses at all, and some are ours with a
 * foreign one inside; none may ever reach a foreign domain. */
static const char *const forms[] = {"u@$f", "U@$F", "u@$f.", "u+tag@$f", "u@sub.$f", "u@$f.$o",
	"u@x$o", "u@sub.$o", "u@$o.$f", "u@$o.", "@$o:u@$f", "@$o,@x.example:u@$f", "u%$f@$o",
	"$f!u@$o", "\"u@$f\"@$o", "\"u%$f\"@$o", "\"$f!u\"@$o", "u@$f@$o", "u%$f%$o@$o", "u:$f@$o",
	"u/$f@$o", "|u@$o", "-u@$o", ".u@$o", "u+@$f@$o", "\"u+x@$f\"@$o", "u+x%$f@$o", "\"\"@$f",
	"\"u v\"@$f", "u@[192.0.2.1]", "u@[IPv6:2001:db8::1]", "u@[127.0.0.1]", "u@[x-tag:y]",
	"u@$f;$o", "u@$f($o)", "u@$f $o", "u@b\303\274cher.example", "u@xn--bcher-kva.example",
	"u@elsewhere\343\200\202example", "\303\274@$f", "u@localhost", "u@192.0.2.1", "postmaster",
	"postmaster@$f", "u@com"};
enum { FORMS = sizeof forms / sizeof *forms };

/* How the claims of a session stand: as its own words have them and the world unknown, all of them
 * true, all of them false. */
enum claims { CLAIMS_AS_SAID, CLAIMS_TRUE, CLAIMS_FALSE, CLAIM_CASES };
static const struct slice senders[] = {
	SLICE("spammer@spammer.example"), SLICE_NONE, SLICE("u@$o"), SLICE("u@$f")};
static const enum service listeners[] = {
	SERVICE_SMTP, SERVICE_SUBMISSION, SERVICE_LMTP, SERVICE_SUBMISSIONS};
enum {
	SENDERS = sizeof senders / sizeof *senders,
	LISTENERS = sizeof listeners / sizeof *listeners,
};

struct form {
	struct slice text;
	struct mailbox mailbox;
	bool parses, ours;
};
struct trying {
	const struct policy *policy;
	const struct exposure *exposure;
	struct arena *arena, *scratch; /* scratch: one decision's */
	struct form recipients[FORMS], senders[SENDERS];
	struct given claims[CLAIM_CASES][CLAIMS_MOST];
	size_t claim_count;
	struct counter_answer counters[COUNTERS_MOST]; /* all of them empty */
	size_t counter_count;
	size_t claim_cases, listener_count; /* 1 where the policy does not ask */
	const address_number *at;           /* where it is tried */
	size_t count;
	struct edges_result result;
};

/* ---- addresses to write to ---- */

static struct slice form_text(
	struct trying *trying, struct slice form, struct slice foreign, struct slice ours)
{
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < form.len; i++) {
		bool variable = form.at[i] == '$' && i + 1 < form.len;
		if (!variable)
			text_char(&text, form.at[i]);
		else
			text_put(&text, ascii_lower(form.at[++i]) == 'f' ? foreign : ours);
	}
	struct slice whole = arena_slice(trying->arena, text_slice(&text));
	text_free(&text);
	return whole;
}

static struct form form_of(
	struct trying *trying, struct slice template, struct slice foreign, struct slice ours)
{
	struct form form = {.text = form_text(trying, template, foreign, ours)};
	struct slice path = arena_format(trying->arena, "<%.*s>", SLICE_ARGS(form.text));

	form.parses = mailbox_read_path(&path, true, trying->arena, &form.mailbox) == MAILBOX_OK;
	form.ours = form.parses && (form.mailbox.is_postmaster ||
					   domain_find(trying->policy, form.mailbox.domain));
	return form;
}

static void forms_fill(struct trying *trying)
{
	const struct policy *policy = trying->policy;
	struct slice foreign = domain_elsewhere(policy);
	struct slice ours =
		policy->domains.count > 0 ? policy->domains.at[0].name : SLICE("ours.example");

	for (size_t i = 0; i < FORMS; i++)
		trying->recipients[i] = form_of(trying, slice_of(forms[i]), foreign, ours);
	for (size_t i = 0; i < SENDERS; i++)
		trying->senders[i] = form_of(trying, senders[i], foreign, ours);
}

static void claims_fill(struct trying *trying)
{
	const struct policy *policy = trying->policy;

	for (size_t i = 0; i < policy->nodes.count && trying->claim_count < CLAIMS_MOST; i++) {
		const struct node *node = &policy->nodes.at[i];
		if (node->kind != NODE_ATOM || atom_standing(node) != STANDS_CLAIM)
			continue;
		trying->claims[CLAIMS_TRUE][trying->claim_count] =
			(struct given){.node = node, .is = true};
		trying->claims[CLAIMS_FALSE][trying->claim_count++] =
			(struct given){.node = node, .is = false};
	}
}

static void counters_fill(struct trying *trying)
{
	const struct policy *policy = trying->policy;

	for (size_t i = 0; i < policy->clauses.count && trying->counter_count < COUNTERS_MOST; i++)
		if (policy->clauses.at[i].kind == CLAUSE_LIMIT)
			trying->counters[trying->counter_count++] =
				(struct counter_answer){.clause = (uint32_t)i, .most = 1};
}

/* ---- where it is tried ---- */

struct points {
	struct arena *arena;
	TABLE(address_number) at;
};

static void points_add(struct points *points, struct range range)
{
	address_number edges[] = {range.first, range.last, range.first - 1, range.last + 1};

	for (size_t i = 0; i < 4; i++)
		*TABLE_ADD(points->arena, &points->at) = edges[i];
}

static int point_order(const void *a, const void *b)
{
	const address_number *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static size_t points_sort(struct points *points)
{
	size_t kept = 0;

	qsort(points->at.at, points->at.count, sizeof *points->at.at, point_order);
	for (size_t i = 0; i < points->at.count; i++)
		if (kept == 0 || points->at.at[i] != points->at.at[kept - 1])
			points->at.at[kept++] = points->at.at[i];
	return kept;
}

/* The edges of all networks, of what conditions name, of the gateways and of the result. */
static void points_fill(struct trying *trying)
{
	const struct policy *policy = trying->policy;
	struct points points = {.arena = trying->arena};

	for (size_t i = 0; i < policy->networks.count; i++)
		for (size_t j = 0; j < policy->networks.at[i].net_count; j++)
			points_add(&points, range_of_network(&policy->networks.at[i].nets[j]));
	for (size_t i = 0; i < policy->nodes.count; i++)
		if (policy->nodes.at[i].kind == NODE_ATOM &&
			policy->nodes.at[i].atom == ATOM_CLIENT)
			points_add(&points, range_of_network(&policy->nodes.at[i].net));
	for (size_t i = 0; i < trying->exposure->all.count; i++)
		points_add(&points, trying->exposure->all.at[i]);
	for (size_t i = 0; i < policy->gateway_count; i++) {
		address_number number = number_of_address(&policy->gateways[i]);
		points_add(&points, (struct range){number, number});
	}
	points_add(&points, set_all.at[0]);
	trying->count = points_sort(&points);
	trying->at = points.at.at;
}

/* ---- one decision ---- */

/* One of all combinations; `number` is below cases_count(). */
struct combination {
	const struct form *recipient, *sender;
	size_t claims;
	enum service listener;
};

static size_t cases_count(const struct trying *trying)
{
	return FORMS * SENDERS * trying->claim_cases * trying->listener_count;
}

static struct combination combination_of(const struct trying *trying, size_t number)
{
	struct combination one = {.recipient = &trying->recipients[number % FORMS]};

	number /= FORMS;
	one.sender = &trying->senders[number % SENDERS];
	number /= SENDERS;
	one.claims = number % trying->claim_cases;
	one.listener = listeners[number / trying->claim_cases];
	return one;
}

static struct facts facts_of(
	const struct trying *trying, address_number at, const struct combination *one)
{
	return (struct facts){.now = trying->exposure->now,
		.client = address_of_number(at),
		.has_client = true,
		.listener = slice_of(service_text(one->listener)),
		.has_tls = true,
		.has_account = true,
		.has_helo = true,
		.helo = SLICE("spammer.example"),
		.has_sender = true,
		.sender = one->sender->mailbox,
		.has_recipient = true,
		.recipient = one->recipient->mailbox,
		.has_recipients = true,
		.recipients = 1,
		.has_size = true,
		.size_is_final = true,
		.size = 1000,
		.has_from = true,
		.from = trying->senders[0].mailbox,
		.has_header = true,
		.header = SLICE("From: <spammer@spammer.example>\r\n\r\n"),
		.counters = trying->counters,
		.counter_count = trying->counter_count,
		.given = trying->claims[one->claims],
		.given_count = one->claims == CLAIMS_AS_SAID ? 0 : trying->claim_count};
}

/* A local part that the next hop could read as a foreign address, where we do not know ours. */
static bool is_unsafe(const struct trying *trying, const struct form *form)
{
	const struct domain_row *domain = domain_find(trying->policy, form->mailbox.domain);

	return domain && (domain->known == KNOWN_ANY || domain->known == KNOWN_ASKED) &&
	       mailbox_is_risky(&form->mailbox);
}

static bool accepts(struct trying *trying, const struct facts *facts, enum stage stage)
{
	struct decision decision;

	policy_decide(trying->policy, facts, stage, trying->scratch, &decision);
	trying->result.decisions++;
	arena_reset(trying->scratch);
	return decision.verdict == VERDICT_ACCEPT;
}

/* A clause that could have been decided earlier may stand in one that waits for the data. */
static bool try_one(struct trying *trying, address_number at, size_t number)
{
	struct combination one = combination_of(trying, number);
	const struct form *form = one.recipient;
	struct facts facts = facts_of(trying, at, &one);

	if (!form->parses || !accepts(trying, &facts, STAGE_RCPT))
		return true;
	bool right = form->ours ? !is_unsafe(trying, form) : set_has(trying->exposure->all, at);
	return right || !accepts(trying, &facts, STAGE_END);
}

static void result_fail(struct trying *trying, address_number at, size_t number)
{
	struct edges_result *result = &trying->result;
	struct combination one = combination_of(trying, number);

	result->failed = true;
	result->client = address_of_number(at);
	result->listener = one.listener;
	result->sender = one.sender->text;
	result->recipient = one.recipient->text;
}

/* ---- all of them ---- */

static size_t work_most(const struct policy *policy)
{
	size_t most = WORK_MOST / (policy->clauses.count + 1);

	return most < DECISIONS_MOST ? most : DECISIONS_MOST;
}

static size_t greatest_divisor(size_t a, size_t b)
{
	while (b > 0) {
		size_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* The step over all pairs of a place and a case; it has no divisor with the cases in common, so
 * that every case comes. */
static size_t step_of(size_t all, size_t most, size_t cases)
{
	size_t step = all / (most + 1) + 1;

	while (greatest_divisor(step, cases) > 1)
		step++;
	return step;
}

static void try_all(struct trying *trying)
{
	size_t cases = cases_count(trying), all = trying->count * cases, before = SIZE_MAX;
	size_t step = step_of(all, work_most(trying->policy), cases);

	for (size_t i = 0; i < all && !trying->result.failed; i += step) {
		trying->result.edges_tried += i / cases != before;
		before = i / cases;
		if (!try_one(trying, trying->at[before], i % cases))
			result_fail(trying, trying->at[before], i % cases);
	}
}

struct edges_result edges_try(
	const struct policy *policy, const struct exposure *exposure, struct arena *arena)
{
	struct trying *trying = ARENA_NEW(arena, struct trying);

	trying->policy = policy;
	trying->exposure = exposure;
	trying->arena = arena;
	trying->scratch = arena_new();
	forms_fill(trying);
	claims_fill(trying);
	counters_fill(trying);
	trying->claim_cases = trying->claim_count > 0 ? CLAIM_CASES : 1;
	trying->listener_count = policy_names_listener(policy) ? LISTENERS : 1;
	points_fill(trying);
	trying->result.edges = trying->count;
	try_all(trying);
	arena_free(trying->scratch);
	return trying->result;
}
