/* SPDX-License-Identifier: Apache-2.0 */
/* A decision being taken: what is found out once and kept, and the value of a condition. */
#include "policy/index.h"

struct question question_of(const struct policy *policy, const struct facts *facts,
	enum stage stage, struct arena *arena)
{
	return (struct question){.policy = policy,
		.facts = facts,
		.arena = arena,
		.stage = stage,
		.sender = {.mailbox = &facts->sender},
		.recipient = {.mailbox = &facts->recipient},
		.alias = {.mailbox = &facts->alias},
		.from = {.mailbox = &facts->from}};
}

const struct domain_row *party_domain(struct question *q, struct party *party)
{
	if (!party->seen && !party->mailbox->is_null && !party->mailbox->is_literal)
		party->domain = domain_find(q->policy, party->mailbox->domain);
	party->seen = true;
	return party->domain;
}

struct slice party_plain(struct question *q, struct party *party)
{
	if (party->plain.len == 0)
		party->plain = party_key(q->policy, party->mailbox, false, q->arena);
	return party->plain;
}

struct slice party_tagged(struct question *q, struct party *party)
{
	if (party->tagged.len == 0)
		party->tagged = slice_has(party->mailbox->local, '+')
					? party_key(q->policy, party->mailbox, true, q->arena)
					: party_plain(q, party);
	return party->tagged;
}

const struct piece *question_piece(struct question *q)
{
	if (!q->placed && q->facts->has_client)
		q->innermost = stretch_find(q->policy, &q->facts->client);
	q->placed = true;
	return q->innermost;
}

/* ---- the recipient ---- */

/* postmaster@ each of our domains is always known (RFC 5321 4.5.1). */
static bool is_postmaster(struct slice key, struct slice domain)
{
	return slice_is(key_without_domain(key, domain), SLICE("postmaster@"));
}

static bool mailbox_is_listed(const struct list_row *list, struct slice key, struct slice domain)
{
	return list_has(list, key) || list_has(list, key_without_domain(key, domain));
}

/* <postmaster> is what the setting says it stands for; one elsewhere is a forwarding and needs a
 * grant (policy.md, "Aliases"). */
static enum recipient_class postmaster_class(const struct policy *policy)
{
	const struct mailbox *meant = policy_postmaster(policy);

	if (!meant)
		return RECIPIENT_OURS_UNKNOWN;
	return domain_find(policy, meant->domain) ? RECIPIENT_OURS_KNOWN : RECIPIENT_FOREIGN;
}

/* Whether the list of mailboxes names the recipient as it stands, its +tag included. */
bool recipient_is_listed_whole(struct question *q)
{
	const struct domain_row *domain = party_domain(q, &q->recipient);

	return domain && domain->known == KNOWN_LISTED &&
	       mailbox_is_listed(&q->policy->lists.at[domain->list], party_tagged(q, &q->recipient),
		       domain->name);
}

static enum truth mailbox_is_unknown(struct question *q, const struct domain_row *domain)
{
	struct party *party = &q->recipient;
	const struct fact_answer *answer;

	if (is_postmaster(party_plain(q, party), party->mailbox->domain))
		return FALSE_;
	switch (domain->known) {
	case KNOWN_ANY: return FALSE_;
	case KNOWN_LISTED: break;
	case KNOWN_ACCOUNTS:
	case KNOWN_ASKED:
		answer = question_answer(q, FACT_MAILBOX, SLICE_NONE);
		return !answer ? UNKNOWN_ : answer->yes ? FALSE_ : TRUE_;
	}
	const struct list_row *list = &q->policy->lists.at[domain->list];
	struct slice name = party->mailbox->domain;
	bool known = mailbox_is_listed(list, party_plain(q, party), name) ||
		     mailbox_is_listed(list, party_tagged(q, party), name);
	return known ? FALSE_ : TRUE_;
}

enum truth recipient_is_unknown(struct question *q)
{
	static const struct node atom = {.kind = NODE_ATOM, .atom = ATOM_RECIPIENT_UNKNOWN};
	enum truth value;

	if (q->recipient.mailbox->is_postmaster)
		return postmaster_class(q->policy) == RECIPIENT_OURS_UNKNOWN ? TRUE_ : FALSE_;
	const struct domain_row *domain = party_domain(q, &q->recipient);
	if (!domain)
		return FALSE_;
	return given_value(q, &atom, &value) ? value : mailbox_is_unknown(q, domain);
}

enum recipient_class recipient_class(struct question *q)
{
	if (q->recipient.mailbox->is_postmaster)
		return postmaster_class(q->policy);
	if (!party_domain(q, &q->recipient))
		return RECIPIENT_FOREIGN;
	return recipient_is_unknown(q) == TRUE_ ? RECIPIENT_OURS_UNKNOWN : RECIPIENT_OURS_KNOWN;
}

/* ---- what others were asked ---- */

const struct fact_answer *question_answer(struct question *q, enum fact fact, struct slice argument)
{
	const struct fact_answer *answer = facts_answer(q->facts, fact, argument);

	return answer && !answer->unknown ? answer : NULL;
}

/* ---- the value of a condition ---- */

static enum truth atom_answer(struct question *q, const struct node *node)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);
	enum truth value;

	if (given_value(q, node, &value))
		return value;
	if (row->fact == FACT_SIZE && !q->facts->size_is_final) {
		/* The size said in MAIL can only make `size >` true, never false. */
		bool over = q->facts->has_size && q->facts->size > node->number;
		return over ? TRUE_ : UNKNOWN_;
	}
	if (!fact_row(row->fact)->asked && !fact_is_known(q->facts, row->fact))
		return UNKNOWN_;
	return row->answer(q, node);
}

/* Equal atoms are one term, answered once a decision. */
enum truth term_value(struct question *q, const struct node *node)
{
	uint8_t *kept = q->memo ? &q->memo[node->term] : NULL;
	enum truth value = kept && *kept ? (enum truth)(*kept - 1) : atom_answer(q, node);

	if (kept)
		*kept = (uint8_t)(1 + value);
	return value;
}

static enum truth atom_value(struct question *q, const struct node *node)
{
	enum truth value = term_value(q, node);

	if (value != UNKNOWN_ || !node->lenient || q->strict)
		return value;
	q->excused = true;
	return FALSE_;
}

enum truth truth_not(enum truth value)
{
	return value == UNKNOWN_ ? UNKNOWN_ : value == TRUE_ ? FALSE_ : TRUE_;
}

enum truth truth_and(enum truth a, enum truth b)
{
	if (a == FALSE_ || b == FALSE_)
		return FALSE_;
	return a == UNKNOWN_ ? a : b;
}

/* A chain of one kind: decided by the first false of `and`, the first true of `or`. */
static enum truth chain_value(struct question *q, const struct node *node)
{
	enum truth decided = node->kind == NODE_AND ? FALSE_ : TRUE_;
	enum truth value, whole = truth_not(decided);
	uint8_t kind = node->kind;

	for (uint32_t right = 0; right != NO_NODE;) {
		bool goes_on = node->kind == kind;
		value = condition_value(q, goes_on ? node->left : right);
		if (value == decided)
			return decided;
		whole = value == UNKNOWN_ ? UNKNOWN_ : whole;
		right = goes_on ? node->right : NO_NODE;
		if (goes_on)
			node = &q->policy->nodes.at[right];
	}
	return whole;
}

enum truth condition_value(struct question *q, uint32_t at)
{
	if (at == NO_NODE)
		return TRUE_;
	const struct node *node = &q->policy->nodes.at[at];
	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: return atom_value(q, node);
	case NODE_NOT: return truth_not(condition_value(q, node->left));
	case NODE_AND:
	case NODE_OR: return chain_value(q, node);
	}
	return UNKNOWN_;
}

/* ---- what is written down of it ---- */

void facts_settle(const struct policy *policy, struct facts *facts, struct arena *arena)
{
	struct question q = question_of(policy, facts, STAGE_CONNECT, arena);

	facts->trusted = index_trust(&q) == TRUE_;
}

void policy_find_networks(const struct policy *policy, const struct address *client, wall_ns now,
	struct arena *arena, struct slice *names, bool *trusted)
{
	struct facts facts = {.has_client = true, .client = *client, .now = now};
	struct question q = question_of(policy, &facts, STAGE_CONNECT, arena);
	const struct piece *first = question_piece(&q);
	size_t most = 0;

	for (const struct piece *piece = first; piece; piece = piece->around)
		most += policy->networks.at[piece->network].name.len + 1;
	struct text text = {.at = arena_bytes(arena, most), .size = most};
	for (const struct piece *piece = first; piece; piece = piece->around) {
		if (piece->around && piece_is_in(piece->around, piece->network))
			continue; /* named by the wider piece */
		if (text.len > 0)
			text_char(&text, ' ');
		text_put(&text, policy->networks.at[piece->network].name);
	}
	*names = text_slice(&text);
	*trusted = index_trust(&q) == TRUE_;
}

bool policy_favours_client(
	const struct policy *policy, const struct facts *facts, struct arena *arena)
{
	struct question q = question_of(policy, facts, STAGE_CONNECT, arena);

	return index_trust(&q) == TRUE_ || policy_knows_client(policy, facts, arena);
}

bool policy_network_has(
	const struct policy *policy, uint32_t network, const struct address *address)
{
	return piece_is_in(stretch_find(policy, address), network);
}
