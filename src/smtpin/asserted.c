/* SPDX-License-Identifier: Apache-2.0 */
/* What scenarios assert. Read asserted.h first. */
#include "smtpin/asserted.h"

#include <stdio.h>

#include "base/panic.h"
#include "policy/atoms.h"

static struct slice member(const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text ? slice_of(text) : SLICE_NONE;
}

static bool holds(struct slice s, struct slice part)
{
	for (size_t i = 0; i + part.len <= s.len; i++)
		if (slice_starts(slice_from(s, i), part))
			return true;
	return false;
}

/* What stands behind "name=" in the words; empty: nothing does. */
static struct slice word_of(struct slice words, struct slice name)
{
	while (words.len) {
		struct slice word = slice_cut(&words, ' ');
		if (slice_is(slice_cut(&word, '='), name))
			return word;
	}
	return SLICE_NONE;
}

/* ---- the reply ---- */

const struct asserted_reply *asserted_reply_add(const struct asserted_reply *before,
	struct slice id, struct slice pattern, struct arena *arena)
{
	struct asserted_reply *reply = ARENA_NEW(arena, struct asserted_reply);

	*reply = (struct asserted_reply){id, arena_slice(arena, pattern), before};
	return reply;
}

/* The pattern that a reply with this id was held against; empty: nobody looked. */
static struct slice pattern_of(const struct asserted_reply *replies, struct slice id)
{
	for (; replies; replies = replies->before)
		if (slice_is(replies->id, id))
			return replies->pattern;
	return SLICE_NONE;
}

/* "550 5.7.1 " */
static struct slice codes_of(struct slice reply)
{
	struct slice rest = reply;

	slice_cut(&rest, ' ');
	slice_cut(&rest, ' ');
	return slice_part(reply, 0, reply.len - rest.len);
}

static bool is_expected(struct slice reply, struct slice pattern)
{
	struct slice codes = codes_of(reply);

	return codes.len && codes.at[0] != '2' && slice_starts(pattern, codes);
}

/* ---- atoms ---- */

struct looked_at {
	struct asserted *asserted;
	const struct policy *policy;
	const json_t *line;
	struct slice pattern;
};

static bool is_unknown(const struct looked_at *at, const struct node *node)
{
	const struct fact_row *row = fact_row(atom_row((enum atom)node->atom)->fact);
	char key[64];

	panic_if(row->key.len >= sizeof key, "a long key");
	snprintf(key, sizeof key, "%.*s", SLICE_ARGS(row->key));
	const json_t *fact = json_object_get(json_object_get(at->line, "facts"), key);
	return (!row->found || json_is_true(json_object_get(fact, "unknown"))) &&
	       holds(at->pattern, row->name);
}

/* Of a conjunction that is true, every part has the one value that makes it so; of one that is
 * unknown, those parts that nobody could tell are unknown. */
static void rests_on(const struct looked_at *at, uint32_t index, enum truth value)
{
	if (index == NO_NODE)
		return;
	const struct node *node = &at->policy->nodes.at[index];
	switch ((enum node_kind)node->kind) {
	case NODE_ATOM:
		if (value == TRUE_ || is_unknown(at, node))
			at->asserted->atoms[node->atom] = true;
		break;
	case NODE_NOT:
		if (at->policy->nodes.at[node->left].kind == NODE_ATOM)
			rests_on(at, node->left, value);
		break;
	case NODE_AND:
		rests_on(at, node->left, value);
		rests_on(at, node->right, value);
		break;
	case NODE_OR: break;
	}
}

static void look_at_entry(const struct looked_at *at, const json_t *entry, struct slice trace)
{
	const json_t *value = json_array_get(entry, 1);
	uint32_t clause = (uint32_t)json_integer_value(json_array_get(entry, 0));
	enum truth truth = json_is_true(value) ? TRUE_ : UNKNOWN_;
	char words[40];

	snprintf(words, sizeof words, "[%u,%s]", clause, truth == TRUE_ ? "true" : "null");
	if (json_is_false(value) || !holds(trace, slice_of(words)))
		return;
	panic_if(clause >= at->policy->clauses.count, "a clause of another policy");
	rests_on(at, at->policy->clauses.at[clause].condition, truth);
	rests_on(at, at->policy->clauses.at[clause].subject, truth);
}

void asserted_line(struct asserted *asserted, const struct policy *policy, const json_t *line,
	struct slice words, const struct asserted_reply *replies)
{
	struct slice pattern = pattern_of(replies, member(line, "id"));
	struct slice named = word_of(words, SLICE("reason")),
		     trace = word_of(words, SLICE("trace"));
	const json_t *entries = json_object_get(line, "trace");

	if (!is_expected(member(line, "reply"), pattern))
		return;
	if (slice_is(member(line, "event"), SLICE("auth")))
		named = word_of(words, SLICE("outcome"));
	if (named.len && (holds(trace, SLICE("[")) || !entries))
		asserted->reasons[reason_find(named)] = true;
	if (!slice_is(member(line, "policy"), slice_of(policy_hash(policy))))
		return; /* of a configuration before, whose clauses have other numbers */
	const struct looked_at at = {asserted, policy, line, pattern};
	for (size_t i = 0; i < json_array_size(entries); i++)
		look_at_entry(&at, json_array_get(entries, i), trace);
}

/* ---- what nobody looked at ---- */

/* Rows that are never a reply of this room. tests/style/test_reasons.py holds that each is said,
 * and asserted, elsewhere. */
static const enum reason elsewhere[] = {
	/* when a message leaves, or comes to nothing */
	REASON_ROUTE_AMBIGUOUS,
	REASON_EXPIRED,
	REASON_DNS_FAILED,
	REASON_NO_SUCH_DOMAIN,
	REASON_NULL_MX,
	REASON_NO_USABLE_HOST,
	REASON_CONNECT_FAILED,
	REASON_CONNECTION_LOST,
	REASON_LOOPS_BACK,
	REASON_REMOTE_REFUSED,
	REASON_REMOTE_PROTOCOL,
	REASON_MAILDIR_FAILED,
	REASON_MESSAGE_UNREADABLE,
	REASON_MESSAGE_DAMAGED,
	REASON_REMOVED,
	REASON_SMTPUTF8_NOT_OFFERED,
	REASON_EIGHT_BIT_NOT_OFFERED,
	REASON_TLS_NOT_AVAILABLE,
	REASON_TLS_FAILED,
	REASON_LOGIN_FAILED,
	/* with counters that another process keeps */
	REASON_LIMIT_REACHED,
	REASON_ACCOUNT_LIMIT_REACHED,
};

static bool is_elsewhere(enum reason reason)
{
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (elsewhere[i] == reason)
			return true;
	return false;
}

static bool is_of_atom(enum reason reason, const struct atom_row *row)
{
	return row->refused == reason || row->deferred == reason ||
	       (row->refused == REASON_SPF_FAIL && reason == REASON_SPF_PERMERROR);
}

/* Whether only atoms speak with it whose facts this version does not find. */
static bool is_never_known(enum reason reason)
{
	unsigned atoms = 0, found = 0;

	for (int atom = 0; atom < ATOMS; atom++) {
		const struct atom_row *row = atom_row((enum atom)atom);
		if (is_of_atom(reason, row)) {
			atoms++;
			found += fact_row(row->fact)->found;
		}
	}
	return atoms > 0 && found == 0;
}

unsigned asserted_reasons_missing(const struct asserted *asserted)
{
	unsigned missing = 0;

	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		enum reason reason = (enum reason)i;
		bool is_ours = !is_elsewhere(reason) && !is_never_known(reason);
		if (is_ours == asserted->reasons[i])
			continue;
		fprintf(stderr, "%.*s: %s\n", SLICE_ARGS(reason_row(reason)->name),
			is_ours ? "no scenario asserts its reply and its trace"
				: "is uttered, though it should not be");
		missing++;
	}
	return missing;
}

unsigned asserted_atoms_missing(const struct asserted *asserted)
{
	unsigned missing = 0;

	_Static_assert((int)ATOMS <= (int)ASSERTED_ATOMS_MOST, "room for every atom");
	for (int i = 0; i < ATOMS; i++) {
		if (asserted->atoms[i])
			continue;
		fprintf(stderr, "atom %.*s: no scenario asserts its reply and its trace\n",
			SLICE_ARGS(atom_row((enum atom)i)->words));
		missing++;
	}
	return missing;
}
