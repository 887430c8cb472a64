/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a session that relays. The contract is in transcript.h. */
#include "policy/transcript.h"

#include "policy/exposure.h"

enum { WORDS_MOST = 12, ASSUMED_MOST = 128, TRIES_MOST = 4000 };

/* What can be said in one place of the session: a few words to try, the likeliest first. */
struct words {
	struct slice at[WORDS_MOST];
	size_t count;
};
struct search {
	const struct policy *policy;
	struct arena *arena;
	struct words helos, senders, recipients;
	struct given assumed[ASSUMED_MOST];
	size_t assumed_count;
	struct counter_answer counters[ASSUMED_MOST]; /* all empty */
	size_t counter_count;
	uint64_t size;
};

static void words_add(struct words *words, struct slice word)
{
	for (size_t i = 0; i < words->count; i++)
		if (slice_is(words->at[i], word))
			return;
	if (words->count < WORDS_MOST)
		words->at[words->count++] = word;
}

struct slice domain_elsewhere(const struct policy *policy)
{
	static const struct slice names[] = {SLICE("victim.example"), SLICE("victim.invalid"),
		SLICE("victim.test"), SLICE("victim-of-a-spammer.example.net")};
	size_t i = 0;

	while (i + 1 < sizeof names / sizeof *names && domain_find(policy, names[i]))
		i++;
	return names[i];
}

/* ---- words from the policy ---- */

/* What the pattern matches: each * stands for one letter. */
static struct slice pattern_example(struct search *search, struct slice pattern)
{
	struct slice copy = arena_slice(search->arena, pattern);
	char *at = (char *)(uintptr_t)copy.at;

	for (size_t i = 0; i < copy.len; i++)
		at[i] = at[i] == '*' ? 'x' : at[i];
	return copy;
}

static struct slice address_in(struct search *search, struct slice domain)
{
	return arena_format(search->arena, "spammer@%.*s", SLICE_ARGS(domain));
}

static struct slice entry_example(struct search *search, const struct list_row *list)
{
	return slice_has(list->example, '@') ? list->example : address_in(search, list->example);
}

static struct words *words_of(struct search *search, enum fact fact)
{
	return fact == FACT_HELO                          ? &search->helos
	       : fact == FACT_SENDER || fact == FACT_FROM ? &search->senders
	       : fact == FACT_RECIPIENT                   ? &search->recipients
							  : NULL;
}

static void words_of_atom(struct search *search, const struct node *node)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);
	struct words *words = words_of(search, row->fact);

	if (node->atom == ATOM_SENDER_NULL)
		words_add(&search->senders, SLICE_NONE);
	if (node->atom == ATOM_SIZE && node->number < search->size)
		search->size = node->number;
	if (!words)
		return;
	if (row->argument == TAKES_PATTERN)
		words_add(words, pattern_example(search, node->text));
	if (row->argument == TAKES_ADDRESS)
		words_add(words, node->text);
	if (row->argument == TAKES_DOMAIN)
		words_add(words, address_in(search, node->text));
	if (row->argument == TAKES_LIST && search->policy->lists.at[node->index].example.len > 0)
		words_add(words, entry_example(search, &search->policy->lists.at[node->index]));
}

static void words_of_condition(struct search *search, uint32_t at)
{
	if (at == NO_NODE)
		return;
	const struct node *node = &search->policy->nodes.at[at];
	if (node->kind == NODE_ATOM) {
		words_of_atom(search, node);
		return;
	}
	words_of_condition(search, node->left);
	if (node->kind != NODE_NOT)
		words_of_condition(search, node->right);
}

/* What DNS and filters say is of the spammer's choosing too: he owns domains, and his address may
 * be listed or not. True where the grant wants it, false where a refusal would rest on it. */
static void assume(struct search *search, uint32_t at, bool is)
{
	if (at == NO_NODE || search->assumed_count == ASSUMED_MOST)
		return;
	const struct node *node = &search->policy->nodes.at[at];
	if (node->kind != NODE_ATOM) {
		assume(search, node->left, is != (node->kind == NODE_NOT));
		if (node->kind != NODE_NOT)
			assume(search, node->right, is);
		return;
	}
	const struct fact_row *fact = fact_row(atom_row((enum atom)node->atom)->fact);
	if (atom_standing(node) == STANDS_CLAIM && fact->asked)
		search->assumed[search->assumed_count++] = (struct given){.node = node, .is = is};
}

static void words_of_domains(struct search *search)
{
	if (search->policy->domains.count > 0)
		words_add(&search->senders, address_in(search, search->policy->domains.at[0].name));
}

static void search_fill(struct search *search, uint32_t granting)
{
	const struct policy *policy = search->policy;
	struct slice elsewhere = domain_elsewhere(policy);

	words_of_condition(search, policy->clauses.at[granting].condition);
	assume(search, policy->clauses.at[granting].condition, true);
	words_add(&search->helos, SLICE("spammer.example"));
	words_add(&search->senders, SLICE("spammer@spammer.example"));
	words_add(&search->recipients,
		arena_format(search->arena, "anybody@%.*s", SLICE_ARGS(elsewhere)));
	words_add(&search->senders, SLICE_NONE);
	words_of_domains(search);
	for (size_t i = 0; i < policy->clauses.count; i++)
		if (policy->clauses.at[i].kind != CLAUSE_RELAY) {
			words_of_condition(search, policy->clauses.at[i].condition);
			assume(search, policy->clauses.at[i].condition, false);
		}
}

static void counters_fill(struct search *search)
{
	const struct policy *policy = search->policy;

	for (size_t i = 0; i < policy->clauses.count && search->counter_count < ASSUMED_MOST; i++)
		if (policy->clauses.at[i].kind == CLAUSE_LIMIT)
			search->counters[search->counter_count++] =
				(struct counter_answer){.clause = (uint32_t)i, .most = 1};
}

/* ---- trying ---- */

static bool mailbox_of(struct slice word, struct arena *arena, struct mailbox *mailbox)
{
	*mailbox = (struct mailbox){.is_null = true, .text = SLICE("")};
	return word.len == 0 || mailbox_parse(word, arena, mailbox) == MAILBOX_OK;
}

struct facts transcript_facts(const struct transcript *transcript, struct arena *arena)
{
	struct facts facts = {.client = transcript->client,
		.has_client = true,
		.listener = slice_of(service_text(transcript->listener)),
		.has_tls = true,
		.tls = transcript->tls,
		.has_account = true,
		.has_helo = true,
		.helo = transcript->helo,
		.has_recipients = true,
		.recipients = 1,
		.has_size = true,
		.size_is_final = true,
		.size = transcript->size,
		.now = transcript->now,
		.has_header = true};

	facts.has_sender = mailbox_of(transcript->sender, arena, &facts.sender);
	facts.has_recipient = mailbox_of(transcript->recipient, arena, &facts.recipient);
	facts.has_from = mailbox_of(transcript->from, arena, &facts.from);
	facts.header = arena_format(
		arena, "From: <%.*s>\r\nSubject: x\r\n\r\n", SLICE_ARGS(transcript->from));
	return facts;
}

static bool accepted_at(const struct search *search, const struct facts *facts, enum stage stage,
	struct decision *decision)
{
	policy_decide(search->policy, facts, stage, search->arena, decision);
	return decision->verdict == VERDICT_ACCEPT && decision->foreign && decision->has_grant;
}

static bool relays(const struct search *search, struct transcript *tried)
{
	struct facts facts = transcript_facts(tried, search->arena);
	struct decision decision;

	facts.given = search->assumed;
	facts.given_count = search->assumed_count;
	facts.counters = search->counters;
	facts.counter_count = search->counter_count;
	if (!accepted_at(search, &facts, STAGE_RCPT, &decision) ||
		!accepted_at(search, &facts, STAGE_END, &decision))
		return false;
	tried->grant = policy_clause(search->policy, decision.grant);
	return true;
}

/* The same words from every listener, in clear and under TLS. */
static bool relays_somewhere(const struct search *search, struct transcript *tried)
{
	static const enum service listeners[] = {
		SERVICE_SMTP, SERVICE_LMTP, SERVICE_SUBMISSION, SERVICE_SUBMISSIONS};

	for (size_t i = 0; i < 2 * sizeof listeners / sizeof *listeners; i++) {
		tried->listener = listeners[i / 2];
		tried->tls = i % 2 == 1 || tried->listener == SERVICE_SUBMISSIONS;
		if (relays(search, tried))
			return true;
	}
	return false;
}

static bool attempt(const struct search *search, size_t number, struct transcript *tried)
{
	size_t helos = search->helos.count, senders = search->senders.count;

	tried->helo = search->helos.at[number % helos];
	number /= helos;
	tried->sender = search->senders.at[number % senders];
	tried->recipient = search->recipients.at[number / senders];
	tried->from = tried->sender.len > 0 ? tried->sender : SLICE("spammer@spammer.example");
	return relays_somewhere(search, tried);
}

/* As the policy writes it. */
static void atom_put(struct text *text, const struct node *node)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);
	bool quoted = row->argument == TAKES_ZONE || row->argument == TAKES_PATTERN ||
		      row->argument == TAKES_ADDRESS;

	text_put(text, row->words);
	if (node->text.len > 0)
		text_format(text, quoted ? " \"%.*s\"" : " %.*s", SLICE_ARGS(node->text));
}

static struct slice assumed_words(const struct search *search)
{
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < search->assumed_count; i++) {
		if (!search->assumed[i].is)
			continue;
		text_put(&text, text.len > 0 ? SLICE(", ") : SLICE_NONE);
		atom_put(&text, search->assumed[i].node);
	}
	struct slice words = arena_slice(search->arena, text_slice(&text));
	text_free(&text);
	return words;
}

bool transcript_find(const struct policy *policy, const struct address *client, uint32_t clause,
	wall_ns now, struct arena *arena, struct transcript *found)
{
	struct search *search = ARENA_NEW(arena, struct search);

	*search = (struct search){.policy = policy, .arena = arena, .size = 1000};
	search_fill(search, clause);
	counters_fill(search);
	size_t tries = search->helos.count * search->senders.count * search->recipients.count;
	*found = (struct transcript){.client = *client, .size = search->size, .now = now};
	for (size_t i = 0; i < tries && i < TRIES_MOST; i++)
		if (attempt(search, i, found)) {
			found->assumed = assumed_words(search);
			return true;
		}
	return false;
}

/* ---- for people ---- */

static void put_line(struct text *text, const char *who, struct slice before, struct slice word,
	struct slice behind)
{
	text_put(text, slice_of(who));
	text_put(text, before);
	text_escaped(text, word);
	text_put(text, behind);
	text_char(text, '\n');
}

static void put_opening(
	struct text *text, const struct policy *policy, const struct transcript *transcript)
{
	bool implicit = transcript->listener == SERVICE_SUBMISSIONS;
	struct slice host = policy->settings.hostname;

	put_line(text, "S: ", SLICE("220 "), host, SLICE(" ESMTP"));
	if (transcript->tls && !implicit) {
		put_line(text, "C: ", SLICE("EHLO "), transcript->helo, SLICE_NONE);
		put_line(text, "S: ", SLICE("250 "), host, SLICE_NONE);
		put_line(text, "C: ", SLICE("STARTTLS"), SLICE_NONE, SLICE_NONE);
		put_line(text, "S: ", SLICE("220 2.0.0 go on"), SLICE_NONE, SLICE_NONE);
	}
	put_line(text, "C: ", SLICE("EHLO "), transcript->helo, SLICE_NONE);
	put_line(text, "S: ", SLICE("250 "), host, SLICE_NONE);
}

void text_transcript(
	struct text *text, const struct policy *policy, const struct transcript *transcript)
{
	text_put(text, SLICE("anybody at "));
	text_address(text, &transcript->client);
	text_put(text, SLICE(" could relay without a secret"));
	text_format(text, ", on port %s:\n", service_text(transcript->listener));
	if (transcript->assumed.len > 0)
		put_line(text, "assumed: ", SLICE_NONE, transcript->assumed, SLICE_NONE);
	put_opening(text, policy, transcript);
	put_line(text, "C: ", SLICE("MAIL FROM:<"), transcript->sender, SLICE(">"));
	put_line(text, "S: ", SLICE("250 2.1.0 sender noted"), SLICE_NONE, SLICE_NONE);
	put_line(text, "C: ", SLICE("RCPT TO:<"), transcript->recipient, SLICE(">"));
	put_line(text, "S: ", SLICE("250 2.1.5 recipient taken"), SLICE_NONE, SLICE_NONE);
	put_line(text, "C: ", SLICE("DATA"), SLICE_NONE, SLICE_NONE);
	put_line(text, "S: ", SLICE("354 go on"), SLICE_NONE, SLICE_NONE);
	put_line(text, "C: ", SLICE("From: <"), transcript->from, SLICE(">"));
	put_line(text, "C: ", SLICE_NONE, SLICE_NONE, SLICE_NONE);
	put_line(text, "C: ", SLICE("."), SLICE_NONE, SLICE_NONE);
	put_line(text, "S: ", SLICE("250 2.0.0 kept"), SLICE_NONE, SLICE_NONE);
}
