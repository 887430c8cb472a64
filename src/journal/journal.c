/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a journal line. Read journal.h first. The edge comes through here for every recipient, so
 * there is no printf and no tree of JSON: each field is put where it stands, or left out.
 */
#include "journal/inside.h"

#include "base/json.h"
#include "base/panic.h"

enum { SAID_MOST = 320 }; /* no address is longer */
#define PUT(line, literal) text_put((line), SLICE(literal))

static void put_us(struct text *line, int64_t us)
{
	json_put_number(line, SLICE(",\"us\":"), us < 0 ? 0 : (uint64_t)us);
}

static struct slice verdict_text(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ACCEPT: return SLICE("accept");
	case VERDICT_REFUSE: return SLICE("refuse");
	case VERDICT_DEFER: return SLICE("defer");
	}
	panic("verdict %d", (int)verdict);
}

static void put_client(struct text *line, const struct journal_decision *d, struct slice networks)
{
	const struct facts *facts = d->facts;

	if (facts->is_local) {
		json_put_text(line, SLICE(",\"client\":{\"local\":"), facts->local_user);
		text_char(line, '}');
		return;
	}
	if (!facts->has_client)
		return;
	PUT(line, ",\"client\":{\"ip\":\"");
	text_address(line, &facts->client);
	text_char(line, '"');
	const struct fact_answer *name = facts_answer(facts, FACT_CLIENT_NAME, SLICE_NONE);
	if (name)
		json_put_known(line, SLICE(",\"name\":"), name->text);
	if (facts->has_helo)
		json_put_known(line, SLICE(",\"helo\":"), facts->helo);
	json_put_truth(line, SLICE(",\"tls\":"), d->tls);
	if (facts->tls_verified)
		json_put_truth(line, SLICE(",\"tls_verified\":"), true);
	json_put_known(line, SLICE(",\"certificate\":"), facts->certificate);
	json_put_known(line, SLICE(",\"network\":"), networks);
	text_char(line, '}');
}

static void put_place(
	struct text *line, struct slice key, const struct policy *policy, uint32_t clause)
{
	struct clause_place place = policy_clause(policy, clause);

	text_put(line, key);
	json_put_number(line, SLICE("{\"line\":"), place.line);
	json_put_known(line, SLICE(",\"file\":"), place.file);
	json_put_known(line, SLICE(",\"text\":"), place.text);
	text_char(line, '}');
}

/* Whom Sender and Resent-* name; null: a field that does not hold exactly one address. */
static void put_claims(struct text *line, const struct facts *facts)
{
	PUT(line, ",\"claims\":[");
	for (size_t i = 0; i < facts->claim_count; i++) {
		text_put(line, i ? SLICE(",") : SLICE_NONE);
		text_json(line, facts->claims[i].text);
	}
	if (facts->claims_unclear)
		text_put(line, facts->claim_count ? SLICE(",null") : SLICE("null"));
	text_char(line, ']');
}

static void put_envelope(struct text *line, const struct facts *facts)
{
	if (facts->has_sender) /* the null sender is known, and empty */
		json_put_text(line, SLICE(",\"sender\":"), facts->sender.text);
	if (facts->has_recipient) /* as the client wrote it */
		json_put_known(line, SLICE(",\"recipient\":"),
			facts->has_alias ? facts->alias.text : facts->recipient.text);
	if (facts->has_recipient && facts->has_alias)
		json_put_known(line, SLICE(",\"target\":"), facts->recipient.text);
	if (facts->is_returned)
		PUT(line, ",\"returned\":true");
	if (facts->has_from)
		json_put_known(line, SLICE(",\"from\":"), facts->from.text);
	if (facts->claim_count || facts->claims_unclear)
		put_claims(line, facts);
	if (facts->has_size)
		json_put_number(line, SLICE(",\"size\":"), facts->size);
}

/* The facts that no field above shows; what `replay` needs beside them. */
static void put_facts(struct text *line, const struct journal_decision *d, bool trusted)
{
	const struct facts *facts = d->facts;

	json_put_truth(line, SLICE(",\"facts\":{\"trusted\":{\"value\":"), trusted);
	text_char(line, '}');
	if (facts->has_recipient) {
		json_put_truth(line, SLICE(",\"recipient_ours\":{\"value\":"),
			facts->has_alias || !d->decision->foreign);
		text_char(line, '}');
	}
	if (facts->has_recipients) {
		json_put_number(line, SLICE(",\"recipients\":{\"value\":"), facts->recipients);
		text_char(line, '}');
	}
	if (facts->has_size && !facts->size_is_final)
		PUT(line, ",\"size\":{\"declared\":true}");
	journal_put_answers(line, facts);
	text_char(line, '}');
}

static void put_trace(struct text *line, const struct decision *decision)
{
	if (!decision->trace_count)
		return;
	PUT(line, ",\"trace\":[");
	for (size_t i = 0; i < decision->trace_count; i++) {
		const struct trace_entry *entry = &decision->trace[i];
		if (i)
			text_char(line, ',');
		text_char(line, '[');
		text_number(line, entry->clause);
		text_put(line, entry->value == TRUE_    ? SLICE(",true]")
			       : entry->value == FALSE_ ? SLICE(",false]")
							: SLICE(",null]"));
	}
	text_char(line, ']');
}

/* In place of a file and a line, the store that said so. */
static void put_account_limit(struct text *line, const struct journal_decision *d)
{
	const struct fact_answer *limits = facts_answer(d->facts, FACT_LIMITS, SLICE_NONE);
	uint32_t number = d->decision->account_limit;

	PUT(line, ",\"clause\":{\"store\":");
	text_json(line, limits ? limits->because : SLICE_NONE);
	json_put_text(line, SLICE(",\"account\":"), d->facts->account);
	if (limits && number < limits->text_count)
		json_put_text(line, SLICE(",\"text\":"), limits->texts[number]);
	text_char(line, '}');
}

static void put_decided(struct text *line, const struct journal_decision *d)
{
	const struct decision *decision = d->decision;

	json_put_text(line, SLICE(",\"decision\":"), verdict_text(decision->verdict));
	if (decision->reason != REASON_NONE)
		json_put_known(line, SLICE(",\"reason\":"), reason_row(decision->reason)->name);
	json_put_known(line, SLICE(",\"reply\":"), d->reply);
	if (decision->has_clause)
		put_place(line, SLICE(",\"clause\":"), d->policy, decision->clause);
	else if (decision->has_account_limit)
		put_account_limit(line, d);
}

static void put_line(
	struct text *line, const struct journal_decision *d, struct slice networks, bool trusted)
{
	PUT(line, "{\"schema\":1");
	if (d->id) /* a trial has none, and perhaps no time */
		json_put_id(line, SLICE(",\"id\":"), d->id);
	if (d->time)
		json_put_time(line, SLICE(",\"time\":"), d->time);
	json_put_known(line, SLICE(",\"node\":"), d->node);
	json_put_known(line, SLICE(",\"session\":"), d->session);
	json_put_known(line, SLICE(",\"policy\":"), slice_of(policy_hash(d->policy)));
	json_put_known(line, SLICE(",\"stage\":"), slice_of(stage_text(d->decision->stage)));
	json_put_known(line, SLICE(",\"listener\":"), d->facts->listener);
	put_client(line, d, networks);
	if (d->decision->has_grant)
		put_place(line, SLICE(",\"grant\":"), d->policy, d->decision->grant);
	json_put_known(line, SLICE(",\"account\":"), d->facts->account);
	put_envelope(line, d->facts);
	json_put_known(line, SLICE(",\"said\":"), slice_part(d->said, 0, SAID_MOST));
	if (d->message)
		json_put_id(line, SLICE(",\"message\":"), d->message);
	put_decided(line, d);
	put_facts(line, d, trusted);
	put_trace(line, d->decision);
	put_us(line, d->us);
	text_char(line, '}');
}

void journal_write_decision(struct text *line, const struct journal_decision *decision)
{
	struct arena *own = decision->arena ? NULL : arena_new();
	struct arena *arena = own ? own : decision->arena;
	struct slice networks = SLICE_NONE;
	bool by_address = false;

	if (decision->facts->has_client)
		policy_find_networks(decision->policy, &decision->facts->client, decision->time,
			arena, &networks, &by_address);
	put_line(line, decision, networks, decision->facts->trusted || by_address);
	arena_free(own);
}

struct slice delivery_event_text(enum delivery_event event)
{
	switch (event) {
	case EVENT_DELIVERED: return SLICE("delivered");
	case EVENT_DEFERRED: return SLICE("deferred");
	case EVENT_BOUNCED: return SLICE("bounced");
	case EVENT_EXPIRED: return SLICE("expired");
	case EVENT_REMOVED: return SLICE("removed");
	}
	panic("delivery event %d", (int)event);
}

static void put_attempt(struct text *line, const struct journal_delivery *delivery)
{
	if (delivery->attempt)
		json_put_number(line, SLICE(",\"attempt\":"), delivery->attempt);
	if (delivery->next)
		json_put_time(line, SLICE(",\"next\":"), delivery->next);
}

void journal_write_delivery(struct text *line, const struct journal_delivery *delivery)
{
	json_put_text(
		line, SLICE("{\"schema\":1,\"event\":"), delivery_event_text(delivery->event));
	json_put_time(line, SLICE(",\"time\":"), delivery->time);
	json_put_known(line, SLICE(",\"node\":"), delivery->node);
	json_put_id(line, SLICE(",\"message\":"), delivery->message);
	json_put_text(line, SLICE(",\"sender\":"), delivery->sender); /* the null sender: "" */
	json_put_known(line, SLICE(",\"recipient\":"), delivery->recipient);
	if (!delivery->recipient.len)
		json_put_number(line, SLICE(",\"number\":"), delivery->number);
	if (delivery->repeated)
		json_put_truth(line, SLICE(",\"repeated\":"), true);
	json_put_known(line, SLICE(",\"remote\":"), delivery->remote);
	json_put_known(line, SLICE(",\"reply\":"), delivery->reply);
	json_put_known(line, SLICE(",\"reason\":"), delivery->reason);
	json_put_tls(line, &delivery->tls);
	put_attempt(line, delivery);
	put_us(line, delivery->us);
	text_char(line, '}');
}
