/* SPDX-License-Identifier: Apache-2.0 */
/* The policy asked backwards. Read who.h first. */
#include "diagnose/who.h"

#include "base/json.h"
#include "policy/proof.h"

/* ---- a clause ---- */

static struct slice base_name(struct slice path)
{
	size_t slash = slice_find_last(path, '/');

	return slash == SIZE_MAX ? path : slice_from(path, slash + 1);
}

static void put_clause(struct text *out, const struct clause_place *place, const char *mark)
{
	text_format(out, "  %-9s", mark);
	text_escaped(out, base_name(place->file));
	text_format(out, ":%-4u ", place->line);
	text_escaped(out, place->text);
	text_char(out, '\n');
}

static void put_clause_json(struct text *out, const struct clause_place *place, bool ended)
{
	json_put_text(out, SLICE("{\"file\":"), place->file);
	json_put_number(out, SLICE(",\"line\":"), place->line);
	json_put_text(out, SLICE(",\"text\":"), place->text);
	json_put_known(out, SLICE(",\"note\":"), place->note);
	if (place->until != NEVER && place->until)
		json_put_time(out, SLICE(",\"until\":"), place->until);
	json_put_truth(out, SLICE(",\"ended\":"), ended);
	text_char(out, '}');
}

/* ---- who relays ---- */

void who_relays(const struct policy *policy, wall_ns now, bool json, struct text *out)
{
	const uint32_t *relays;
	size_t count = policy_relays(policy, &relays);
	const struct proof *proof = policy_proof(policy);

	text_put(out, json ? SLICE("{\"relays\":[") : SLICE_NONE);
	if (!json)
		text_put(out, count ? SLICE("May relay to foreign domains:\n")
				    : SLICE("Nobody may relay to a foreign domain.\n"));
	for (size_t i = 0; i < count; i++) {
		struct clause_place place = policy_clause(policy, relays[i]);
		bool ended = now >= place.until;
		if (json && i)
			text_char(out, ',');
		if (json)
			put_clause_json(out, &place, ended);
		else
			put_clause(out, &place, ended ? "(ended)" : "");
	}
	text_put(out, json ? SLICE("]") : SLICE_NONE);
	if (json && proof) {
		text_put(out, SLICE(",\"proof\":"));
		text_proof_json(out, policy, proof);
	} else if (proof) {
		text_proof(out, policy, proof);
	}
	text_put(out, json ? SLICE("}\n") : SLICE_NONE);
}

/* ---- who sends as ---- */

static const char *owning_words(enum policy_owning owning)
{
	switch (owning) {
	case OWNS_IT: return "yes";
	case OWNS_OTHERS: return "no";
	case OWNS_NOTHING: return "as anybody";
	}
	return "";
}

static void put_owner(struct text *out, const struct policy_owner *owner, bool json)
{
	if (!json) {
		text_format(out, "  %.*s %-20.*s sender: %-11s author: %-11s%s\n",
			SLICE_ARGS(owner->kind), SLICE_ARGS(owner->name),
			owning_words(owner->as_sender), owning_words(owner->as_author),
			owner->relays ? "may relay" : "");
		return;
	}
	json_put_text(out, SLICE("{\"kind\":"), owner->kind);
	json_put_text(out, SLICE(",\"name\":"), owner->name);
	json_put_text(out, SLICE(",\"sender\":"), slice_of(owning_words(owner->as_sender)));
	json_put_text(out, SLICE(",\"author\":"), slice_of(owning_words(owner->as_author)));
	json_put_truth(out, SLICE(",\"relays\":"), owner->relays);
	text_char(out, '}');
}

/* As `postern user list` has it. */
static void put_account(struct text *out, const struct who_account *account)
{
	text_put(out, SLICE("  account     "));
	text_escaped(out, account->name);
	if (account->disabled)
		text_put(out, SLICE("  disabled"));
	for (size_t i = 0; i < account->limit_count; i++) {
		text_put(out, i ? SLICE(", ") : SLICE("  at most "));
		text_escaped(out, account->limits[i]);
	}
	text_char(out, '\n');
}

static void put_account_json(struct text *out, const struct who_account *account)
{
	text_put(out, SLICE("{\"kind\":\"account\""));
	json_put_text(out, SLICE(",\"name\":"), account->name);
	text_put(out, SLICE(",\"sender\":\"yes\",\"author\":\"yes\""));
	json_put_truth(out, SLICE(",\"disabled\":"), account->disabled);
	text_put(out, SLICE(",\"limits\":["));
	for (size_t i = 0; i < account->limit_count; i++)
		json_put_text(out, i ? SLICE(",") : SLICE_NONE, account->limits[i]);
	text_put(out, SLICE("]}"));
}

static size_t put_accounts(struct text *out, const struct who_accounts *accounts, bool json)
{
	for (size_t i = 0; i < accounts->count; i++) {
		text_put(out, json && i ? SLICE(",") : SLICE_NONE);
		(json ? put_account_json : put_account)(out, &accounts->list[i]);
	}
	if (!json && !accounts->known)
		text_format(out, "  accounts cannot be told: %.*s\n", SLICE_ARGS(accounts->why));
	return accounts->count;
}

bool who_sends_as(const struct policy *policy, const struct mailbox *address,
	const struct who_accounts *accounts, bool json, struct text *out)
{
	const struct policy_owner *owners;
	struct arena *arena = arena_new();
	size_t count = policy_owners(policy, address, arena, &owners), shown = 0;

	if (json)
		text_put(out, SLICE("{\"owners\":["));
	else
		text_format(out, "May use <%.*s>:\n", SLICE_ARGS(address->text));
	shown = put_accounts(out, accounts, json);
	for (size_t i = 0; i < count; i++) {
		if (owners[i].as_sender == OWNS_OTHERS && owners[i].as_author == OWNS_OTHERS)
			continue;
		if (json && shown)
			text_char(out, ',');
		put_owner(out, &owners[i], json);
		shown++;
	}
	text_put(out, json ? SLICE("]") : SLICE_NONE);
	if (json)
		json_put_truth(out, SLICE(",\"accounts_known\":"), accounts->known);
	text_put(out, json ? SLICE("}\n") : SLICE_NONE);
	if (!json && !shown)
		text_put(out, SLICE("  no account, no network and no certificate\n"));
	arena_free(arena);
	return shown > 0;
}

/* ---- what a client may ---- */

static const char *truth_words(enum truth value)
{
	return value == TRUE_ ? "yes" : value == FALSE_ ? "no" : "perhaps";
}

/* Its whole trace for mail abroad, with everything it may still say unknown. */
static size_t client_trace(const struct policy *policy, const struct address *client, wall_ns now,
	struct arena *arena, const struct trace_entry **trace)
{
	struct facts facts = {.has_client = true,
		.client = *client,
		.listener = SLICE("smtp"),
		.has_recipient = true,
		.has_tls = true,
		.has_account = true,
		.now = now};

	if (mailbox_parse(SLICE("somebody@elsewhere.example"), arena, &facts.recipient) !=
		MAILBOX_OK)
		return 0;
	return policy_trace_whole(policy, &facts, STAGE_END, arena, trace);
}

static bool is_relay(const struct policy *policy, uint32_t clause)
{
	const uint32_t *relays;
	size_t count = policy_relays(policy, &relays);

	for (size_t i = 0; i < count; i++)
		if (relays[i] == clause)
			return true;
	return false;
}

static void put_entry_json(
	struct text *out, const struct policy *policy, const struct trace_entry *entry, bool first)
{
	struct clause_place place = policy_clause(policy, entry->clause);

	text_put(out, first ? SLICE("{\"applies\":\"") : SLICE(",{\"applies\":\""));
	text_format(out, "%s\",\"clause\":", truth_words(entry->value));
	put_clause_json(out, &place, false);
	text_char(out, '}');
}

static void put_trace(struct text *out, const struct policy *policy,
	const struct trace_entry *trace, size_t count, bool json)
{
	bool first = true;

	for (size_t i = 0; i < count; i++) {
		if (trace[i].value == FALSE_)
			continue;
		struct clause_place place = policy_clause(policy, trace[i].clause);
		if (json)
			put_entry_json(out, policy, &trace[i], first);
		else
			put_clause(out, &place, truth_words(trace[i].value));
		first = false;
	}
}

bool who_is_client(const struct policy *policy, const struct address *client, wall_ns now,
	bool json, struct text *out)
{
	struct arena *arena = arena_new();
	const struct trace_entry *trace;
	size_t count = client_trace(policy, client, now, arena, &trace);
	struct slice networks;
	bool trusted, relays = false;

	policy_find_networks(policy, client, now, arena, &networks, &trusted);
	for (size_t i = 0; i < count; i++)
		relays |= trace[i].value != FALSE_ && is_relay(policy, trace[i].clause);
	if (json) {
		json_put_text(out, SLICE("{\"networks\":"), networks);
		json_put_truth(out, SLICE(",\"trusted\":"), trusted);
		json_put_truth(out, SLICE(",\"may_relay\":"), relays);
		text_put(out, SLICE(",\"clauses\":["));
	} else {
		text_address(out, client);
		text_format(out, ": %s%.*s; %s; %s\n",
			networks.len ? "in network " : "in no network", SLICE_ARGS(networks),
			trusted ? "trusted" : "not trusted",
			relays ? "may relay without signing in, if a line below says so"
			       : "may not relay without signing in");
		text_put(out, SLICE("Clauses that apply, or perhaps, by what it will say:\n"));
	}
	put_trace(out, policy, trace, count, json);
	text_put(out, json ? SLICE("]}\n") : SLICE_NONE);
	arena_free(arena);
	return relays;
}
