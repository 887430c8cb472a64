/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings: what a clause (or the recipient itself) that fires would say, and which of several
 * speaks. That is chosen by an order over findings alone, so the order of lines cannot matter.
 */
#include <time.h>

#include "policy/decide.h"

/* ---- the order of findings ---- */

static int number_order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static struct slice finding_text(const struct policy *policy, const struct finding *finding)
{
	return finding->has_clause ? policy->clauses.at[finding->clause].place.text : SLICE_NONE;
}

/* The earliest stage; refuse before defer; the reason that stands first in the table; the smaller
 * text. */
int finding_order(const struct policy *policy, const struct finding *a, const struct finding *b)
{
	int order = number_order(a->verdict == VERDICT_ACCEPT, b->verdict == VERDICT_ACCEPT);

	if (order == 0)
		order = number_order(a->stage, b->stage);
	if (order == 0)
		order = number_order(a->verdict != VERDICT_REFUSE, b->verdict != VERDICT_REFUSE);
	if (order == 0)
		order = number_order(a->reason, b->reason);
	if (order == 0)
		order = slice_compare(a->words, b->words);
	if (order == 0)
		order = number_order(a->code, b->code);
	if (order == 0)
		order = slice_compare(finding_text(policy, a), finding_text(policy, b));
	return order;
}

void finding_weigh(const struct policy *policy, struct finding *best, struct finding finding)
{
	if (finding_order(policy, &finding, best) < 0)
		*best = finding;
}

/* ---- words ---- */

/* What the reason's words name ($1, $2). */
enum about {
	ABOUT_NUMBER,
	ABOUT_RECIPIENT,
	ABOUT_RELAY, /* the recipient's domain, our name */
	ABOUT_SENDER,
	ABOUT_SENDER_DOMAIN, /* and the list */
	ABOUT_AUTHOR,
	ABOUT_AUTHORS, /* who of them is not the client's */
	ABOUT_AUTHOR_DOMAIN,
	ABOUT_CLIENT, /* and the list */
	ABOUT_LIST,
	ABOUT_COUNTER
};
static const uint8_t abouts[REASONS] = {
	[REASON_RELAY_DENIED] = ABOUT_RELAY,
	[REASON_UNKNOWN_RECIPIENT] = ABOUT_RECIPIENT,
	[REASON_REFUSED_RECIPIENT] = ABOUT_RECIPIENT,
	[REASON_DEFERRED_RECIPIENT] = ABOUT_RECIPIENT,
	[REASON_REFUSED_SENDER] = ABOUT_SENDER,
	[REASON_DEFERRED_SENDER] = ABOUT_SENDER,
	[REASON_SENDER_NOT_OWNED] = ABOUT_SENDER,
	[REASON_FROM_NOT_OWNED] = ABOUT_AUTHORS,
	[REASON_REFUSED_AUTHOR] = ABOUT_AUTHOR,
	[REASON_DEFERRED_AUTHOR] = ABOUT_AUTHOR,
	[REASON_SENDER_UNREACHABLE] = ABOUT_SENDER_DOMAIN,
	[REASON_SENDER_NULL_MX] = ABOUT_SENDER_DOMAIN,
	[REASON_SENDER_UNREACHABLE_DEFERRED] = ABOUT_SENDER_DOMAIN,
	[REASON_SENDER_DOMAIN_LISTED] = ABOUT_SENDER_DOMAIN,
	[REASON_SENDER_DOMAIN_LISTED_DEFERRED] = ABOUT_SENDER_DOMAIN,
	[REASON_SPF_FAIL] = ABOUT_SENDER_DOMAIN,
	[REASON_SPF_PERMERROR] = ABOUT_SENDER_DOMAIN,
	[REASON_SPF_DEFERRED] = ABOUT_SENDER_DOMAIN,
	[REASON_DMARC_FAIL] = ABOUT_AUTHOR_DOMAIN,
	[REASON_DMARC_DEFERRED] = ABOUT_AUTHOR_DOMAIN,
	[REASON_LISTED] = ABOUT_CLIENT,
	[REASON_LISTED_DEFERRED] = ABOUT_CLIENT,
	[REASON_REVERSE_NAME] = ABOUT_CLIENT,
	[REASON_REVERSE_NAME_DEFERRED] = ABOUT_CLIENT,
	[REASON_HELO_LISTED] = ABOUT_LIST,
	[REASON_HELO_LISTED_DEFERRED] = ABOUT_LIST,
	[REASON_LINK_LISTED] = ABOUT_LIST,
	[REASON_LIMIT_REACHED] = ABOUT_COUNTER,
};

static struct slice mailbox_words(const struct mailbox *mailbox)
{
	return mailbox->is_null         ? SLICE("<>")
	       : mailbox->is_postmaster ? SLICE("postmaster")
					: mailbox->text;
}

/* As the client wrote it: what an alias stands for is nobody's business. */
static const struct mailbox *recipient_written(const struct facts *facts)
{
	return facts->has_alias ? &facts->alias : &facts->recipient;
}

/* The domain that SPF and lists judge; of a null sender, the name in EHLO (RFC 7208 2.4). */
static struct slice sender_domain(const struct facts *facts)
{
	return facts->sender.is_null ? facts->helo : facts->sender.domain;
}

static struct slice client_words(struct question *q)
{
	char raw[64];
	struct text text = TEXT_FIXED(raw);

	if (q->facts->has_client)
		text_address(&text, &q->facts->client);
	return arena_slice(q->arena, text_slice(&text));
}

static struct slice span_words(struct arena *arena, mono_ns span)
{
	static const struct {
		mono_ns unit;
		const char *name;
	} units[] = {{86400 * NS_PER_S, "day"}, {3600 * NS_PER_S, "hour"},
		{60 * NS_PER_S, "minute"}, {NS_PER_S, "second"}};
	size_t i = 0;

	if (span == 86400 * NS_PER_S)
		return SLICE("today");
	while (i < 3 && span % units[i].unit != 0)
		i++;
	long long count = (long long)(span / units[i].unit);
	return count == 1 ? arena_format(arena, "in the last %s", units[i].name)
			  : arena_format(arena, "in the last %lld %ss", count, units[i].name);
}

/* "14:07", with its day where that is not within one; local time of the host. */
static struct slice moment_words(struct arena *arena, wall_ns now, wall_ns moment)
{
	time_t seconds = (time_t)(moment / NS_PER_S);
	struct tm broken = {0};
	char raw[32];

	localtime_r(&seconds, &broken);
	bool near = moment - now < 86400 * NS_PER_S;
	size_t len = strftime(raw, sizeof raw, near ? "%H:%M" : "%Y-%m-%d %H:%M", &broken);
	return arena_slice(arena, (struct slice){raw, len});
}

struct slice counter_words(
	struct question *q, const struct counter_answer *counter, uint64_t most, mono_ns period)
{
	struct slice span = span_words(q->arena, period);

	if (!counter)
		return arena_format(
			q->arena, "%llu %.*s", (unsigned long long)most, SLICE_ARGS(span));
	struct slice free = moment_words(q->arena, q->facts->now, counter->free_at);
	return arena_format(q->arena, "%llu of %llu %.*s, next free %.*s",
		(unsigned long long)counter->used, (unsigned long long)counter->most,
		SLICE_ARGS(span), SLICE_ARGS(free));
}

static struct slice list_name(const struct question *q, const struct clause *clause)
{
	return clause && clause->speaks != NO_NODE ? q->policy->nodes.at[clause->speaks].text
						   : SLICE_NONE;
}

static struct slice recipient_domain(const struct mailbox *recipient)
{
	return recipient->is_postmaster ? SLICE("that postmaster") : recipient->domain;
}

/* The first argument; the second is the list's name, or ours. `clause` may be NULL. */
/* The first who is not the client's; where that cannot be told, the author. */
static struct slice author_not_owned(struct question *q)
{
	struct party *party;

	for (size_t n = 0; (party = author_party(q, n)) != NULL; n++)
		if (client_owns(q, party, true) == OWNING_NOT)
			return n <= q->facts->claim_count ? mailbox_words(party->mailbox)
							  : SLICE("anybody else");
	return mailbox_words(&q->facts->from);
}

static struct slice first_argument(
	struct question *q, enum about about, const struct clause *clause)
{
	const struct facts *facts = q->facts;

	switch (about) {
	case ABOUT_NUMBER:
		return arena_format(
			q->arena, "%llu", clause ? (unsigned long long)clause->number : 0);
	case ABOUT_RECIPIENT: return mailbox_words(recipient_written(facts));
	case ABOUT_RELAY: return recipient_domain(recipient_written(facts));
	case ABOUT_SENDER: return mailbox_words(&facts->sender);
	case ABOUT_SENDER_DOMAIN: return sender_domain(facts);
	case ABOUT_AUTHOR: return mailbox_words(&facts->from);
	case ABOUT_AUTHORS: return author_not_owned(q);
	case ABOUT_AUTHOR_DOMAIN: return facts->from.domain;
	case ABOUT_CLIENT: return client_words(q);
	case ABOUT_LIST: return list_name(q, clause);
	case ABOUT_COUNTER:
		return clause ? counter_words(q, counter_find(q, clause), clause->limit.most,
					clause->limit.period)
			      : SLICE_NONE;
	}
	return SLICE_NONE;
}

/* Where mail is handed in: the port of a submission listener; 0: there is none that is known. */
static unsigned submission_port(const struct policy *policy)
{
	unsigned port = 0;

	for (size_t i = 0; i < policy->listens.count; i++) {
		const struct listen_line *listen = &policy->listens.at[i];
		bool starts = listen->service == SERVICE_SUBMISSION;
		if (starts || (listen->service == SERVICE_SUBMISSIONS && !port))
			port = listen->address.port;
	}
	return port;
}

/* Some `relay for authenticated` would take it from a client that had signed in. */
static bool signing_in_may_help(struct question *q)
{
	const struct policy *policy = q->policy;

	if (!q->facts->has_account || q->facts->account.len || q->facts->is_local)
		return false;
	for (size_t i = 0; i < policy->relay_count; i++) {
		const struct clause *clause = &policy->clauses.at[policy->relays[i]];
		bool ended = q->facts->now && q->facts->now >= clause->place.until;
		if (clause->credential == CREDENTIAL_AUTHENTICATED && !ended)
			return true;
	}
	return false;
}

/* doc/policy.md, "Replies": whom signing in would help is told so, and where. */
static struct slice relay_words(struct question *q)
{
	struct slice domain = recipient_domain(recipient_written(q->facts));
	unsigned port = submission_port(q->policy);

	if (!port)
		return arena_format(
			q->arena, "Relaying to %.*s needs you to sign in", SLICE_ARGS(domain));
	return arena_format(q->arena, "Relaying to %.*s needs you to sign in (port %u)",
		SLICE_ARGS(domain), port);
}

static struct slice finding_words(
	struct question *q, enum reason reason, const struct clause *clause)
{
	enum about about = (enum about)abouts[reason];

	if (reason == REASON_RELAY_DENIED && signing_in_may_help(q))
		return relay_words(q);
	if (!slice_has(reason_row(reason)->text, '$'))
		return reason_row(reason)->text;
	struct slice second =
		about == ABOUT_RELAY ? q->policy->settings.hostname : list_name(q, clause);
	struct slice arguments[] = {first_argument(q, about, clause), second};
	return reason_words(reason, arguments, 2, q->arena);
}

/* ---- findings ---- */

static struct finding finding_of_row(enum reason reason, enum stage stage)
{
	const struct reason_row *row = reason_row(reason);

	return (struct finding){.verdict = row->code < 500 ? VERDICT_DEFER : VERDICT_REFUSE,
		.stage = stage,
		.reason = reason,
		.code = row->code,
		.enhanced = row->enhanced};
}

struct finding finding_of_reason(struct question *q, enum reason reason, enum stage stage)
{
	struct finding finding = finding_of_row(reason, stage);

	finding.words = finding_words(q, reason, NULL);
	return finding;
}

/* doc/policy.md, "Facts may be unknown": the status tells which kind of fact it was. */
static enum reason reason_of_unknown(struct question *q, enum fact fact)
{
	const struct domain_row *domain;

	switch (fact) {
	case FACT_SPF: return REASON_SPF_UNKNOWN;
	case FACT_DKIM: return REASON_DKIM_UNKNOWN;
	case FACT_ACCOUNT:
	case FACT_GROUPS:
	case FACT_OWNED:
	case FACT_LIMITS:
	case FACT_RECENT_POP:
	case FACT_COUNTER:
	case FACT_SCORE:
	case FACT_VIRUS: return REASON_STORE_UNKNOWN;
	case FACT_MAILBOX:
		domain = party_domain(q, &q->recipient);
		return domain && domain->known == KNOWN_ASKED ? REASON_FACT_UNKNOWN
							      : REASON_STORE_UNKNOWN;
	case FACT_CLIENT:
	case FACT_LISTENER:
	case FACT_TRUSTED:
	case FACT_LOCAL:
	case FACT_CLIENT_NAME:
	case FACT_LISTED:
	case FACT_ALLOWED:
	case FACT_HELO:
	case FACT_HELO_LISTED:
	case FACT_TLS:
	case FACT_CERTIFICATE:
	case FACT_SENDER:
	case FACT_SENDER_DOMAIN_LISTED:
	case FACT_SENDER_UNREACHABLE:
	case FACT_RECIPIENT:
	case FACT_RECIPIENTS:
	case FACT_FROM:
	case FACT_HEADER:
	case FACT_DMARC:
	case FACT_DMARC_POLICY:
	case FACT_ARC:
	case FACT_LINK_LISTED:
	case FACT_SIZE:
	case FACTS: break;
	}
	return REASON_FACT_UNKNOWN;
}

struct finding finding_of_unknown(struct question *q, enum fact missing, enum stage stage)
{
	enum reason reason = reason_of_unknown(q, missing);
	struct slice name = missing < FACTS ? fact_row(missing)->name : SLICE("a fact");
	struct finding finding = finding_of_row(reason, stage);

	finding.words = reason_words(reason, &name, 1, q->arena);
	return finding;
}

/* A domain with a null MX says that it sends nothing (RFC 7505 4.2), which is another matter than
 * one that cannot be reached. */
static enum reason clause_reason(struct question *q, const struct clause *clause)
{
	const struct fact_answer *answer;

	if (clause->reason != REASON_SENDER_UNREACHABLE)
		return clause->reason;
	answer = question_answer(q, FACT_SENDER_UNREACHABLE, SLICE_NONE);
	return answer && slice_is_nocase(answer->text, SLICE("null MX")) ? REASON_SENDER_NULL_MX
									 : clause->reason;
}

struct finding finding_of_clause(
	struct question *q, const struct clause *clause, enum truth value, enum stage stage)
{
	struct finding finding;

	if (value == UNKNOWN_) {
		finding = finding_of_unknown(q, clause_missing(q, clause), stage);
	} else {
		enum reason reason = clause_reason(q, clause);
		finding = finding_of_row(reason, stage);
		finding.verdict = clause->kind == CLAUSE_REFUSE ? VERDICT_REFUSE : VERDICT_DEFER;
		finding.words =
			clause->say.len > 0 ? clause->say : finding_words(q, reason, clause);
		if (clause->code > 0) {
			finding.code = clause->code;
			finding.enhanced = clause->enhanced;
		}
	}
	finding.has_clause = true;
	finding.clause = (uint32_t)(clause - q->policy->clauses.at);
	return finding;
}
