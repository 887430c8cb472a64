/* SPDX-License-Identifier: Apache-2.0 */
/* A decision, told. Read told.h, and journal/README.md for the members, first. */
#include "diagnose/told.h"

#include "base/id.h"

struct slice told_text(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value)
		       ? (struct slice){json_string_value(value), json_string_length(value)}
		       : SLICE_NONE;
}

int64_t told_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* "2026-11-21T23:30:17.123Z" as people read it: "2026-11-21 23:30:17 UTC". */
static void put_time(struct text *out, struct slice time)
{
	wall_ns wall;

	if (!time_parse(time, &wall)) {
		text_escaped(out, time);
		return;
	}
	text_put(out, slice_part(time, 0, 10));
	text_char(out, ' ');
	text_put(out, slice_part(time, 11, 19));
	text_put(out, SLICE(" UTC"));
}

static void put_row(struct text *out, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	text_format(out, "  %-10s ", name);
	text_escaped(out, value);
	text_char(out, '\n');
}

static void put_address(struct text *out, const char *name, const json_t *decision, const char *key)
{
	if (!json_object_get(decision, key))
		return;
	text_format(out, "  %-10s <", name);
	text_escaped(out, told_text(decision, key));
	text_put(out, SLICE(">\n"));
}

/* The networks stand in one text or in a list. */
static void put_networks(struct text *out, const json_t *network)
{
	if (json_is_string(network)) {
		text_put(out, SLICE(", in network "));
		text_escaped(out, slice_of(json_string_value(network)));
		return;
	}
	if (json_array_size(network) == 0) {
		text_put(out, SLICE(", in no network"));
		return;
	}
	text_put(out, SLICE(", in network "));
	for (size_t i = 0; i < json_array_size(network); i++) {
		text_put(out, i ? SLICE(", ") : SLICE_NONE);
		text_escaped(out, slice_of(json_string_value(json_array_get(network, i))));
	}
}

static void put_client(struct text *out, const json_t *client)
{
	struct slice helo = told_text(client, "helo");

	if (told_text(client, "ip").len == 0)
		return;
	text_put(out, SLICE("  client     "));
	text_escaped(out, told_text(client, "ip"));
	put_networks(out, json_object_get(client, "network"));
	if (helo.len) {
		text_put(out, SLICE(", calls itself "));
		text_escaped(out, helo);
	}
	text_char(out, '\n');
}

static struct slice verdict_words(struct slice decision)
{
	if (slice_is(decision, SLICE("accept")))
		return SLICE("accepted");
	if (slice_is(decision, SLICE("refuse")))
		return SLICE("refused");
	return slice_is(decision, SLICE("defer")) ? SLICE("deferred") : decision;
}

/* A trial has no id: nothing happened. */
static bool is_trial(const json_t *decision)
{
	uint64_t id;

	return !id_parse(told_text(decision, "id"), &id) || id == 0;
}

/* Equal refusals share a line (posternd(8), "JOURNAL"). */
static void put_repeats(struct text *out, const json_t *decision)
{
	const json_t *ids = json_object_get(decision, "ids");
	char raw[100];
	struct text words = TEXT_FIXED(raw);

	if (told_number(decision, "repeats") < 2)
		return;
	text_number(&words, (uint64_t)told_number(decision, "repeats"));
	text_put(&words, SLICE(" equal refusals of one second"));
	for (size_t i = 0; i < 2; i++) {
		text_put(&words, i ? SLICE(" to ") : SLICE(", "));
		text_put(&words, slice_of(json_string_value(json_array_get(ids, i))));
	}
	put_row(out, "shared by", text_slice(&words));
}

static void put_heading(struct text *out, const json_t *decision)
{
	struct slice stage = told_text(decision, "stage");

	if (is_trial(decision)) {
		text_put(out, SLICE("would be "));
	} else {
		text_escaped(out, told_text(decision, "id"));
		text_put(out, SLICE("   "));
		put_time(out, told_text(decision, "time"));
		text_put(out, SLICE("   "));
	}
	text_escaped(out, verdict_words(told_text(decision, "decision")));
	if (stage.len) {
		text_put(out, SLICE(" at "));
		text_escaped(out, stage);
	}
	text_put(out, SLICE("\n\n"));
	put_client(out, json_object_get(decision, "client"));
	put_row(out, "listener", told_text(decision, "listener"));
	put_address(out, "from", decision, "sender");
	put_address(out, "to", decision, "recipient");
	put_row(out, "said", told_text(decision, "said"));
	put_row(out, "answered", told_text(decision, "reply"));
	put_row(out, "message", told_text(decision, "message"));
	put_repeats(out, decision);
}

static struct slice actor_words(struct slice actor)
{
	static const struct {
		struct slice actor, words;
	} rows[] = {
		{SLICE("sender"), SLICE("the sender")},
		{SLICE("sender-admin"),
			SLICE("whoever runs the sending client or its mail server")},
		{SLICE("recipient"), SLICE("the recipient")},
		{SLICE("recipient-admin"),
			SLICE("the administrator of this server or of the recipient's domain")},
		{SLICE("nobody"), SLICE("nobody: it passes by itself or is meant so")},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (slice_is(rows[i].actor, actor))
			return rows[i].words;
	return actor;
}

/* The row's steps stand one a line. */
static void put_steps(struct text *out, struct slice steps)
{
	for (unsigned number = 1; steps.len; number++) {
		struct slice step = slice_cut(&steps, '\n');
		text_format(out, "  %u. %.*s\n", number, SLICE_ARGS(step));
	}
}

static void put_explanation(struct text *out, struct slice name)
{
	enum reason reason = reason_find(name);

	if (reason == REASON_NONE)
		return;
	const struct reason_row *row = reason_row(reason);
	text_format(
		out, "\nWhy (%.*s)\n  %.*s\n", SLICE_ARGS(row->name), SLICE_ARGS(row->explanation));
	text_format(out, "\nWho can act: %.*s\n", SLICE_ARGS(actor_words(row->actor)));
	put_steps(out, row->steps);
}

static void put_place(struct text *out, struct slice file, int64_t line, struct slice text)
{
	struct text place = TEXT_GROWING;
	size_t slash = slice_find_last(file, '/');

	text_escaped(&place, slash == SIZE_MAX ? file : slice_from(file, slash + 1));
	text_format(&place, ":%lld", (long long)line);
	text_format(out, "%-20.*s ", SLICE_ARGS(text_slice(&place)));
	text_escaped(out, text);
	text_free(&place);
}

/* A limit that an account carries: the store that keeps it, in place of a file and a line. */
static void put_kept(struct text *out, struct slice store, struct slice account, struct slice text)
{
	text_put(out, SLICE("limit of "));
	text_escaped(out, account);
	text_put(out, SLICE(" in "));
	text_escaped(out, store);
	text_put(out, SLICE(": "));
	text_escaped(out, text);
}

/* The clause that permitted or that speaks, from the record itself. */
static void put_clause(struct text *out, const char *title, const json_t *clause)
{
	if (!json_is_object(clause))
		return;
	text_format(out, "  %-10s ", title);
	if (told_text(clause, "store").len)
		put_kept(out, told_text(clause, "store"), told_text(clause, "account"),
			told_text(clause, "text"));
	else
		put_place(out, told_text(clause, "file"), told_number(clause, "line"),
			told_text(clause, "text"));
	text_char(out, '\n');
	put_row(out, "  note", told_text(clause, "note"));
	put_row(out, "  until", told_text(clause, "until"));
}

static struct slice truth_words(const json_t *value)
{
	if (json_is_true(value))
		return SLICE("yes");
	return json_is_false(value) ? SLICE("no") : SLICE("unknown");
}

static void put_trace_entry(struct text *out, const json_t *entry, const struct policy *policy)
{
	json_int_t clause = json_integer_value(json_array_get(entry, 0));
	struct slice value = truth_words(json_array_get(entry, 1));

	text_format(out, "  %-8.*s", SLICE_ARGS(value));
	if (policy && clause >= 0 && (size_t)clause < policy_clause_count(policy)) {
		struct clause_place place = policy_clause(policy, (uint32_t)clause);
		put_place(out, place.file, place.line, place.text);
	} else {
		text_format(out, "clause %lld", (long long)clause);
	}
	text_char(out, '\n');
}

/* How the counter of the account's own limit of this number stood. */
static struct slice counted_words(const json_t *facts, size_t number)
{
	const json_t *counters = json_object_get(facts, "counter");

	for (size_t i = 0; i < json_array_size(counters); i++) {
		const json_t *counter = json_array_get(counters, i);
		const json_t *limit = json_object_get(counter, "limit");
		if (json_is_integer(limit) && (size_t)json_integer_value(limit) == number)
			return truth_words(json_object_get(counter, "full"));
	}
	return truth_words(NULL);
}

static size_t put_account_limits(struct text *out, const json_t *decision)
{
	const json_t *facts = json_object_get(decision, "facts");
	const json_t *limits = json_object_get(facts, "limits");
	const json_t *texts = json_object_get(limits, "value");

	for (size_t i = 0; i < json_array_size(texts); i++) {
		text_format(out, "  %-8.*s", SLICE_ARGS(counted_words(facts, i)));
		put_kept(out, told_text(limits, "because"), told_text(decision, "account"),
			slice_of(json_string_value(json_array_get(texts, i))));
		text_char(out, '\n');
	}
	return json_array_size(texts);
}

/* What accounts or the next hop said of the recipient's mailbox. */
static void put_mailbox(struct text *out, const json_t *decision)
{
	const json_t *known =
		json_object_get(json_object_get(decision, "facts"), "recipient_known");
	struct slice because = told_text(known, "because");

	if (!because.len)
		return;
	text_format(out, "  %-8.*sthe recipient is known: ",
		SLICE_ARGS(truth_words(json_object_get(known, "value"))));
	text_escaped(out, because);
	text_char(out, '\n');
}

static void put_trace(struct text *out, const json_t *decision, const struct policy *policy)
{
	const json_t *trace = json_object_get(decision, "trace");
	struct slice hash = told_text(decision, "policy");

	text_put(out, SLICE("\nWhat was considered"));
	if (hash.len)
		text_format(out, " (policy %.*s%s)", SLICE_ARGS(hash),
			policy ? "" : ", whose text is not kept here any more");
	text_put(out, SLICE("\n"));
	put_mailbox(out, decision);
	size_t kept = put_account_limits(out, decision);
	if (json_array_size(trace) == 0 && kept == 0)
		text_put(out, SLICE("  no clause: the rules that always hold decided\n"));
	for (size_t i = 0; i < json_array_size(trace); i++)
		put_trace_entry(out, json_array_get(trace, i), policy);
}

/* For the administrator alone (doc/policy.md, "The trace"). */
static void put_nearest(struct text *out, const json_t *nearest)
{
	if (json_array_size(nearest) == 0)
		return;
	text_put(out, SLICE("\nIt would have been accepted with\n"));
	for (size_t i = 0; i < json_array_size(nearest); i++) {
		text_put(out, SLICE("  "));
		text_escaped(out, slice_of(json_string_value(json_array_get(nearest, i))));
		text_char(out, '\n');
	}
}

void told_decision(struct text *out, const json_t *decision, const struct policy *policy)
{
	put_heading(out, decision);
	put_clause(out, "granted by", json_object_get(decision, "grant"));
	put_clause(out, "decided by", json_object_get(decision, "clause"));
	put_explanation(out, told_text(decision, "reason"));
	put_nearest(out, json_object_get(decision, "nearest"));
	put_trace(out, decision, policy);
}

void told_tls(struct text *out, const json_t *tls)
{
	struct slice reached = told_text(tls, "reached"), why = told_text(tls, "why");

	if (!json_is_object(tls) || slice_is(told_text(tls, "wanted"), SLICE("off")))
		return;
	if (reached.len) {
		text_put(out, SLICE(", over "));
		text_escaped(out, reached);
		text_put(out, json_is_true(json_object_get(tls, "verified"))
				      ? SLICE(", certificate verified")
				      : SLICE(", certificate not verified"));
	} else {
		text_put(out, SLICE(", without TLS"));
	}
	if (why.len) {
		text_put(out, SLICE(" ("));
		text_escaped(out, why);
		text_char(out, ')');
	}
}

/* A sign-in or a handshake: of a session, not of a message. */
static bool is_of_session(const json_t *event)
{
	struct slice name = told_text(event, "event");

	return slice_is(name, SLICE("auth")) || slice_is(name, SLICE("tls"));
}

static void put_known(struct text *out, struct slice before, struct slice words)
{
	if (!words.len)
		return;
	text_put(out, before);
	text_escaped(out, words);
}

/* "192.0.2.7 alice@example.org by SCRAM-SHA-256: signed-in", "192.0.2.7: failed, no shared cipher"
 */
static void put_session_event(struct text *out, const json_t *event)
{
	text_escaped(out, told_text(json_object_get(event, "client"), "ip"));
	put_known(out, SLICE(" "), told_text(event, "account"));
	put_known(out, SLICE(" by "), told_text(event, "mechanism"));
	put_known(out, SLICE(": "), told_text(event, "outcome"));
	put_known(out, SLICE(", "), told_text(event, "because"));
	text_char(out, '\n');
}

static void put_event(struct text *out, const json_t *event)
{
	text_put(out, SLICE("  "));
	if (is_of_session(event)) {
		put_time(out, told_text(event, "time"));
		text_format(out, "  %-9.*s ", SLICE_ARGS(told_text(event, "event")));
		put_session_event(out, event);
		return;
	}
	put_time(out, told_text(event, "time"));
	text_format(out, "  %-9.*s <", SLICE_ARGS(told_text(event, "event")));
	text_escaped(out, told_text(event, "recipient"));
	text_char(out, '>');
	if (told_text(event, "remote").len) {
		text_put(out, SLICE("  "));
		text_escaped(out, told_text(event, "remote"));
	}
	told_tls(out, json_object_get(event, "tls"));
	text_char(out, '\n');
	if (told_text(event, "reply").len) {
		text_put(out, SLICE("      "));
		text_escaped(out, told_text(event, "reply"));
		text_char(out, '\n');
	}
	if (told_text(event, "next").len) {
		text_put(out, SLICE("      next attempt "));
		put_time(out, told_text(event, "next"));
		text_char(out, '\n');
	}
}

void told_deliveries(struct text *out, const json_t *events)
{
	if (json_array_size(events) == 0)
		return;
	text_put(out, SLICE("\nWhat became of it\n"));
	for (size_t i = 0; i < json_array_size(events); i++)
		put_event(out, json_array_get(events, i));
}

/* Where a refusal's place is not known, its reason stands there. */
/* The 250 after the data: the message is ours now. */
bool told_is_kept(const json_t *record)
{
	return slice_is(told_text(record, "stage"), SLICE("end of data")) &&
	       slice_is(told_text(record, "decision"), SLICE("accept"));
}

static void put_cause(struct text *out, const json_t *record)
{
	const json_t *clause = json_object_get(record, "clause");

	if (!json_is_object(clause))
		clause = json_object_get(record, "grant");
	text_put(out, SLICE("  "));
	if (told_text(clause, "store").len)
		text_escaped(out, told_text(clause, "text"));
	else if (json_is_object(clause))
		text_format(out, "line %lld", (long long)told_number(clause, "line"));
	else
		text_escaped(out, told_text(record, "reason"));
}

void told_line(struct text *out, const json_t *record)
{
	struct slice event = told_text(record, "event");
	struct slice verdict = event.len ? event
			       : told_is_kept(record)
				       ? SLICE("kept")
				       : verdict_words(told_text(record, "decision"));
	bool of_session = is_of_session(record);
	struct slice id = told_text(record, event.len && !of_session ? "message" : "id");

	put_time(out, told_text(record, "time"));
	text_format(out, "  %-14.*s  %-9.*s  ", SLICE_ARGS(id), SLICE_ARGS(verdict));
	if (of_session) {
		put_session_event(out, record);
		return;
	}
	if (!event.len)
		text_escaped(out, told_text(json_object_get(record, "client"), "ip"));
	text_put(out, SLICE(" <"));
	text_escaped(out, told_text(record, "sender"));
	text_put(out, SLICE("> to <"));
	text_escaped(out, told_text(record, "recipient"));
	text_put(out, SLICE(">"));
	if (event.len) {
		text_put(out, SLICE("  "));
		text_escaped(out, told_text(record, "reply"));
	} else {
		put_cause(out, record);
	}
	text_char(out, '\n');
}
