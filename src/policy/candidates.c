/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the index over clauses: which can be true or unknown now. The contract is in index.h. */
#include <string.h>

#include "policy/index.h"

struct looking {
	struct question *q;
	const struct clause_index *index;
	uint64_t *bits;
};

static void bucket_mark(struct looking *l, const struct bucket *bucket)
{
	for (size_t i = 0; bucket && i < bucket->clauses.count; i++) {
		uint32_t clause = bucket->clauses.at[i];
		l->bits[clause / 64] |= UINT64_C(1) << clause % 64;
	}
}

/* What they compare with is not known: each of them may hold. */
static void kind_mark(struct looking *l, enum index_kind kind)
{
	for (size_t i = 0; i < l->index->buckets[kind].count; i++)
		bucket_mark(l, l->index->buckets[kind].at[i]);
}

static struct bucket *bucket_find(const struct looking *l, enum index_kind kind, struct slice key)
{
	return l->index->keyed[kind] && key.len > 0 ? map_get(l->index->keyed[kind], key) : NULL;
}

/* ---- addresses ---- */

static void party_mark(
	struct looking *l, struct party *party, enum index_kind address, enum index_kind domain)
{
	if (party->mailbox->is_null)
		return;
	if (l->index->keyed[domain])
		bucket_mark(l, bucket_find(l, domain, party->mailbox->domain));
	if (!l->index->keyed[address])
		return;
	bucket_mark(l, bucket_find(l, address, party_plain(l->q, party)));
	bucket_mark(l, bucket_find(l, address, party_tagged(l->q, party)));
}

static void parties_mark(struct looking *l)
{
	const struct facts *facts = l->q->facts;

	if (facts->has_sender) {
		party_mark(l, &l->q->sender, INDEX_SENDER, INDEX_SENDER_DOMAIN);
	} else if (l->q->stage >= STAGE_MAIL) {
		kind_mark(l, INDEX_SENDER);
		kind_mark(l, INDEX_SENDER_DOMAIN);
	}
	if (facts->has_recipient) {
		party_mark(l, &l->q->recipient, INDEX_RECIPIENT, INDEX_RECIPIENT_DOMAIN);
	} else if (l->q->stage >= STAGE_RCPT) {
		kind_mark(l, INDEX_RECIPIENT);
		kind_mark(l, INDEX_RECIPIENT_DOMAIN);
	}
	if (facts->has_from) {
		party_mark(l, &l->q->from, INDEX_FROM, INDEX_FROM_DOMAIN);
	} else if (l->q->stage >= STAGE_END) {
		kind_mark(l, INDEX_FROM);
		kind_mark(l, INDEX_FROM_DOMAIN);
	}
	if (facts->has_alias) {
		party_mark(l, &l->q->alias, INDEX_RECIPIENT, INDEX_RECIPIENT_DOMAIN);
		party_mark(l, &l->q->alias, INDEX_ALIAS, INDEX_ALIAS_DOMAIN);
	}
}

/* ---- the client ---- */

static void address_cut(struct address *address, uint8_t prefix)
{
	unsigned whole = prefix / 8;

	if (prefix % 8 != 0)
		address->bytes[whole++] &= (uint8_t)(0xff00u >> prefix % 8);
	memset(address->bytes + whole, 0, 16 - whole);
}

static void client_mark(struct looking *l)
{
	const struct facts *facts = l->q->facts;
	char raw[17];

	if (facts->is_local)
		return;
	if (!facts->has_client) {
		kind_mark(l, INDEX_CLIENT);
		kind_mark(l, INDEX_NETWORK);
		return;
	}
	for (size_t i = 0; i < l->index->prefix_count; i++) {
		struct network net = {.base = facts->client, .prefix = l->index->prefixes[i]};
		address_cut(&net.base, net.prefix);
		bucket_mark(l, bucket_find(l, INDEX_CLIENT, index_network_key(&net, raw)));
	}
	for (const struct piece *piece = question_piece(l->q); piece; piece = piece->around)
		bucket_mark(l, l->index->of_network[piece->network]);
}

/* ---- the account ---- */

static struct bucket *lower_find(const struct looking *l, enum index_kind kind, struct slice key)
{
	return l->index->keyed[kind] ? bucket_find(l, kind, index_lower(key, l->q->arena)) : NULL;
}

static void groups_mark(struct looking *l)
{
	const struct fact_answer *answer;

	if (l->index->buckets[INDEX_GROUP].count == 0)
		return;
	answer = question_answer(l->q, FACT_GROUPS, SLICE_NONE);
	if (!answer)
		kind_mark(l, INDEX_GROUP);
	for (size_t i = 0; answer && i < answer->text_count; i++)
		bucket_mark(l, lower_find(l, INDEX_GROUP, answer->texts[i]));
}

static void account_mark(struct looking *l)
{
	const struct facts *facts = l->q->facts;

	if (!facts->has_account)
		kind_mark(l, INDEX_ACCOUNT);
	else
		bucket_mark(l, lower_find(l, INDEX_ACCOUNT, facts->account));
	if (!facts->has_account || facts->account.len > 0)
		groups_mark(l);
}

/* ---- what is answered ---- */

/* What is known later says nothing now: no clause under it is decided yet. The size may be said
 * before; credentials are all known before RCPT. */
static void asked_mark(struct looking *l)
{
	const struct policy *policy = l->q->policy;

	for (size_t i = 0; i < l->index->buckets[INDEX_ASKED].count; i++) {
		const struct bucket *bucket = l->index->buckets[INDEX_ASKED].at[i];
		const struct node *node = &policy->nodes.at[bucket->node];
		enum fact fact = atom_row((enum atom)node->atom)->fact;
		bool later = fact_row(fact)->stage > l->q->stage && fact != FACT_SIZE;
		if (!later && term_value(l->q, node) != FALSE_)
			bucket_mark(l, bucket);
	}
}

uint64_t *index_candidates(struct question *q)
{
	const struct policy *policy = q->policy;
	size_t words = policy->clauses.count / 64 + 1;
	struct looking l = {q, policy->index, ARENA_ARRAY(q->arena, uint64_t, words)};

	if (q->facts->given_count > 0) { /* anything may be given, whatever it is found by */
		memset(l.bits, 0xff, words * sizeof *l.bits);
		return l.bits;
	}
	for (size_t i = 0; i < l.index->always.count; i++)
		l.bits[l.index->always.at[i] / 64] |= UINT64_C(1) << l.index->always.at[i] % 64;
	client_mark(&l);
	account_mark(&l);
	parties_mark(&l);
	asked_mark(&l);
	return l.bits;
}

/* ---- trust ---- */

struct trusting {
	struct question *q;
	enum truth value;
};

static void bucket_trust(struct trusting *t, const struct bucket *bucket)
{
	wall_ns now = t->q->facts->now;
	bool live = bucket && bucket->until != 0 && (now == 0 || now < bucket->until);

	if (!live || t->value == TRUE_)
		return;
	enum truth value = term_value(t->q, &t->q->policy->nodes.at[bucket->node]);
	t->value = value == FALSE_ ? t->value : value;
}

static void kind_trust(struct trusting *t, enum index_kind kind)
{
	const struct clause_index *index = t->q->policy->index;

	for (size_t i = 0; i < index->buckets[kind].count && t->value != TRUE_; i++)
		bucket_trust(t, index->buckets[kind].at[i]);
}

static void account_trust(struct trusting *t)
{
	const struct looking l = {t->q, t->q->policy->index, NULL};
	const struct facts *facts = t->q->facts;
	const struct fact_answer *groups = question_answer(t->q, FACT_GROUPS, SLICE_NONE);

	if (!facts->has_account)
		kind_trust(t, INDEX_ACCOUNT);
	else
		bucket_trust(t, lower_find(&l, INDEX_ACCOUNT, facts->account));
	if (!groups)
		kind_trust(t, INDEX_GROUP);
	for (size_t i = 0; groups && i < groups->text_count; i++)
		bucket_trust(t, lower_find(&l, INDEX_GROUP, groups->texts[i]));
}

static void networks_trust(struct trusting *t)
{
	const struct clause_index *index = t->q->policy->index;

	if (!t->q->facts->has_client)
		kind_trust(t, INDEX_NETWORK);
	for (const struct piece *piece = question_piece(t->q); piece; piece = piece->around)
		bucket_trust(t, index->of_network[piece->network]);
}

enum truth index_trust(struct question *q)
{
	struct trusting t = {q, FALSE_};

	if (q->facts->given_count > 0) { /* anything may be given */
		kind_trust(&t, INDEX_NETWORK);
		kind_trust(&t, INDEX_ACCOUNT);
		kind_trust(&t, INDEX_GROUP);
	} else {
		networks_trust(&t);
		account_trust(&t);
	}
	kind_trust(&t, INDEX_ASKED);
	return t.value;
}
