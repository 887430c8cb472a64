/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: decisions as a reader of doc/policy.md would take them, slowly. Conditions, stages
 * and clauses are here, what they are made of in reference_*.c. */
#include "policy/reference_inside.h"

/* ---- conditions ---- */

static bool is_a_blocklist(const struct node *node)
{
	return node->atom == ATOM_LISTED || node->atom == ATOM_HELO_LISTED ||
	       node->atom == ATOM_SENDER_DOMAIN_LISTED || node->atom == ATOM_LINK_LISTED;
}

/* `refusing`: it stands positively in a refusal. */
static int condition_is(struct reference *r, uint32_t at, bool refusing, bool refusal)
{
	if (at == NO_NODE)
		return YES;
	const struct node *node = &r->policy->nodes.at[at];
	int value;
	switch ((enum node_kind)node->kind) {
	case NODE_ATOM:
		value = reference_atom_is(r, node);
		if (value == MAYBE && refusal && refusing && !r->strict && is_a_blocklist(node))
			return NO;
		return value;
	case NODE_NOT: return YES - condition_is(r, node->left, !refusing, refusal);
	case NODE_AND:
		return least(condition_is(r, node->left, refusing, refusal),
			condition_is(r, node->right, refusing, refusal));
	case NODE_OR:
		return most(condition_is(r, node->left, refusing, refusal),
			condition_is(r, node->right, refusing, refusal));
	}
	return MAYBE;
}

/* ---- stages ---- */

static enum stage credential_stage(const struct clause *clause)
{
	switch (clause->credential) {
	case CREDENTIAL_NETWORK:
	case CREDENTIAL_RECENT_POP:
	case CREDENTIAL_LOCAL:
	case CREDENTIAL_LOCAL_USER: return STAGE_CONNECT;
	case CREDENTIAL_AUTHENTICATED:
	case CREDENTIAL_ACCOUNT:
	case CREDENTIAL_GROUP:
	case CREDENTIAL_CERTIFICATE: return STAGE_AUTH;
	}
	return STAGE_CONNECT;
}

static enum stage trust_stage(struct reference *r)
{
	enum stage stage = STAGE_CONNECT;

	for (size_t i = 0; i < r->policy->clauses.count; i++) {
		const struct clause *clause = &r->policy->clauses.at[i];
		if (clause->kind == CLAUSE_RELAY && credential_stage(clause) > stage)
			stage = credential_stage(clause);
	}
	return stage;
}

static enum stage atom_stage(struct reference *r, const struct node *node)
{
	enum atom atom = (enum atom)node->atom;

	if (atom == ATOM_TRUSTED)
		return trust_stage(r);
	if (atom == ATOM_HELO || atom == ATOM_HELO_LISTED)
		return STAGE_HELO;
	if (atom == ATOM_TLS || atom == ATOM_TLS_VERIFIED || atom == ATOM_CERTIFICATE ||
		atom == ATOM_AUTHENTICATED || atom == ATOM_ACCOUNT || atom == ATOM_GROUP)
		return STAGE_AUTH;
	if (atom == ATOM_SPF || (atom >= ATOM_SENDER && atom <= ATOM_SENDER_DOMAIN_UNREACHABLE))
		return STAGE_MAIL;
	if (atom == ATOM_RECIPIENTS || (atom >= ATOM_RECIPIENT && atom <= ATOM_RECIPIENT_UNKNOWN))
		return STAGE_RCPT;
	return atom < ATOM_SENDER ? STAGE_CONNECT : STAGE_END;
}

struct naming {
	enum stage stage, without_size;
	bool size;
	uint64_t above;
};

static void naming_add(struct reference *r, struct naming *naming, uint32_t at)
{
	if (at == NO_NODE)
		return;
	const struct node *node = &r->policy->nodes.at[at];
	if (node->kind != NODE_ATOM) {
		naming_add(r, naming, node->left);
		if (node->kind != NODE_NOT)
			naming_add(r, naming, node->right);
		return;
	}
	enum stage stage = atom_stage(r, node);
	naming->stage = stage > naming->stage ? stage : naming->stage;
	if (node->atom == ATOM_SIZE) {
		naming->size = true;
		naming->above = node->number > naming->above ? node->number : naming->above;
	} else if (stage > naming->without_size) {
		naming->without_size = stage;
	}
}

/* A limit is counted when a recipient is offered. */
static enum stage stage_of(struct reference *r, const struct clause *clause)
{
	enum stage first = clause->kind == CLAUSE_LIMIT ? STAGE_RCPT : STAGE_CONNECT;
	struct naming naming = {.stage = first, .without_size = first};
	const struct facts *facts = r->facts;

	naming_add(r, &naming, clause->condition);
	if (naming.size && facts->has_size && !facts->size_is_final && facts->size > naming.above)
		return naming.without_size > STAGE_MAIL ? naming.without_size : STAGE_MAIL;
	return naming.stage;
}

/* ---- clauses ---- */

static int counted_is_there(struct reference *r, const struct limit *limit)
{
	struct node node = {.kind = NODE_ATOM, .text = limit->name, .index = limit->index};
	const struct facts *facts = r->facts;

	switch (limit->counted) {
	case COUNTED_AUTHENTICATED: node.atom = ATOM_AUTHENTICATED; break;
	case COUNTED_ACCOUNT: node.atom = ATOM_ACCOUNT; break;
	case COUNTED_GROUP: node.atom = ATOM_GROUP; break;
	case COUNTED_NETWORK: node.atom = ATOM_NETWORK; break;
	case COUNTED_CERTIFICATE: node.atom = ATOM_CERTIFICATE; break;
	case COUNTED_CLIENT: return facts->has_client ? YES : facts->is_local ? NO : MAYBE;
	case COUNTED_SENDER:
	case COUNTED_SENDER_DOMAIN:
		return !facts->has_sender ? MAYBE : yes_no(!facts->sender.is_null);
	case COUNTED_RECIPIENT: return facts->has_recipient ? YES : MAYBE;
	}
	return reference_atom_is(r, &node);
}

int reference_counter_is_full(struct reference *r, uint32_t clause)
{
	for (size_t i = 0; i < r->facts->counter_count; i++) {
		const struct counter_answer *counter = &r->facts->counters[i];
		if (counter->clause == clause)
			return counter->unknown ? MAYBE : yes_no(counter->full);
	}
	return r->facts->now == 0 ? NO : MAYBE;
}

/* The sender of mail under a lease is its account's. */
static int lease_suits(struct reference *r, const struct clause *clause)
{
	static const struct node owned_sender = {.kind = NODE_ATOM, .atom = ATOM_SENDER_OWNED};
	const struct facts *facts = r->facts;

	if (clause->credential != CREDENTIAL_RECENT_POP)
		return YES;
	if (!facts->has_sender)
		return MAYBE;
	if (facts->sender.is_null)
		return YES;
	int given = reference_given_is(r, &owned_sender);
	return given >= 0 ? given : reference_leases_may_use(r, &facts->sender, clause->within);
}

static bool is_of_alias(struct reference *r, const struct clause *clause)
{
	const struct mailbox *alias = &r->facts->alias;

	if (clause->forward_domain.len > 0)
		return slice_is(clause->forward_domain, alias->domain);
	return slice_is(clause->forward_address, reference_one_form(r, alias, false));
}

static int clause_is(struct reference *r, uint32_t at)
{
	const struct clause *clause = &r->policy->clauses.at[at];
	bool grants = r->facts->has_recipient && r->stage >= STAGE_RCPT && reference_is_foreign(r);

	switch (clause->kind) {
	case CLAUSE_REFUSE:
	case CLAUSE_DEFER:
		return stage_of(r, clause) > r->stage
			       ? NO
			       : condition_is(r, clause->condition, true, true);
	case CLAUSE_LIMIT:
		if (stage_of(r, clause) > r->stage)
			return NO;
		return least(least(counted_is_there(r, &clause->limit),
				     condition_is(r, clause->condition, true, true)),
			reference_counter_is_full(r, at));
	case CLAUSE_RELAY:
		if (!grants || r->facts->has_alias || reference_has_ended(r, clause))
			return NO;
		return least(least(reference_has_credential(r, clause), lease_suits(r, clause)),
			condition_is(r, clause->condition, true, false));
	case CLAUSE_FORWARD:
		if (!grants || !r->facts->has_alias || reference_has_ended(r, clause) ||
			!is_of_alias(r, clause))
			return NO;
		return condition_is(r, clause->condition, true, false);
	}
	return NO;
}

/* ---- deciding ---- */

struct speaking {
	enum stage stage;
	enum verdict verdict; /* ACCEPT: nobody speaks */
};

static void speak(struct speaking *speaking, enum stage stage, enum verdict verdict)
{
	bool first = speaking->verdict == VERDICT_ACCEPT || stage < speaking->stage ||
		     (stage == speaking->stage && verdict == VERDICT_REFUSE);

	if (first)
		*speaking = (struct speaking){stage, verdict};
}

static void clauses_speak(
	struct reference *r, struct reference_decision *decision, struct speaking *speaking)
{
	for (uint32_t i = 0; i < r->policy->clauses.count; i++) {
		const struct clause *clause = &r->policy->clauses.at[i];
		bool grant = clause->kind == CLAUSE_RELAY || clause->kind == CLAUSE_FORWARD;
		int value = clause_is(r, i);
		decision->values[i] = (uint8_t)value;
		decision->considered_count += value != NO;
		if (value == NO || grant)
			continue;
		speak(speaking, stage_of(r, clause),
			value == YES && clause->kind == CLAUSE_REFUSE ? VERDICT_REFUSE
								      : VERDICT_DEFER);
	}
}

/* But for its condition. */
static bool is_offered(struct reference *r, const struct clause *clause)
{
	if (reference_has_ended(r, clause) ||
		r->facts->has_alias != (clause->kind == CLAUSE_FORWARD))
		return false;
	return clause->kind == CLAUSE_FORWARD ? is_of_alias(r, clause)
					      : reference_has_credential(r, clause) != NO;
}

/* Whether a part that keeps it unknown is one that only the message can tell. */
static bool waits(struct reference *r, uint32_t at)
{
	if (at == NO_NODE || condition_is(r, at, true, false) != MAYBE)
		return false;
	const struct node *node = &r->policy->nodes.at[at];
	if (node->kind == NODE_ATOM)
		return atom_stage(r, node) > r->stage;
	return waits(r, node->left) || (node->kind != NODE_NOT && waits(r, node->right));
}

/* Whether a grant is there, or may still come from what the message says. */
static bool grants_find(struct reference *r, struct reference_decision *decision, bool *late)
{
	bool pending = false;

	for (uint32_t i = 0; i < r->policy->clauses.count; i++) {
		const struct clause *clause = &r->policy->clauses.at[i];
		if (clause->kind != CLAUSE_RELAY && clause->kind != CLAUSE_FORWARD)
			continue;
		bool after = stage_of(r, clause) > STAGE_RCPT;
		*late |= after && is_offered(r, clause);
		pending |= decision->values[i] == MAYBE && waits(r, clause->condition);
		if (decision->values[i] != YES)
			continue;
		if (!decision->granted || slice_compare(clause->place.text, decision->grant) < 0)
			decision->grant = clause->place.text;
		decision->granted = true;
	}
	return decision->granted || pending || r->facts->is_returned;
}

static bool is_risky(struct reference *r)
{
	const struct domain_row *domain = reference_domain(r);
	const struct mailbox *recipient = &r->facts->recipient;
	bool tagged = slice_has(recipient->local, '+');

	if (!mailbox_is_risky(recipient) || r->facts->has_alias || !domain)
		return false;
	switch (domain->known) {
	case KNOWN_ANY:
	case KNOWN_ASKED: return true;
	case KNOWN_ACCOUNTS: return tagged;
	case KNOWN_LISTED: return !reference_is_in_boxes(r, domain, true);
	}
	return true;
}

struct reference_decision reference_decide(struct reference *r)
{
	struct reference_decision decision = {.verdict = VERDICT_ACCEPT};
	struct speaking speaking = {.verdict = VERDICT_ACCEPT};
	static const struct node signed_in = {.kind = NODE_ATOM, .atom = ATOM_AUTHENTICATED},
				 no_mailbox = {.kind = NODE_ATOM, .atom = ATOM_RECIPIENT_UNKNOWN};
	bool late = false, submission = slice_is(r->facts->listener, SLICE("submission"));

	decision.values = ARENA_ARRAY(r->arena, uint8_t, r->policy->clauses.count + 1);
	clauses_speak(r, &decision, &speaking);
	int in = reference_atom_is(r, &signed_in);
	if (submission && r->stage >= STAGE_AUTH && in != YES)
		speak(&speaking, STAGE_AUTH, in == NO ? VERDICT_REFUSE : VERDICT_DEFER);
	if (r->stage >= STAGE_RCPT && r->facts->has_recipient) {
		int unknown = reference_is_foreign(r) ? NO : reference_atom_is(r, &no_mailbox);
		if (reference_is_foreign(r) && !grants_find(r, &decision, &late))
			speak(&speaking, late ? r->stage : STAGE_RCPT, VERDICT_REFUSE);
		if (unknown == YES || (!reference_is_foreign(r) && is_risky(r)))
			speak(&speaking, STAGE_RCPT, VERDICT_REFUSE);
		else if (unknown == MAYBE)
			speak(&speaking, STAGE_RCPT, VERDICT_DEFER);
		bool earlier = speaking.verdict != VERDICT_ACCEPT && speaking.stage <= STAGE_RCPT;
		bool over = reference_is_over_own_limit(r, &decision.own_limit) != NO;
		if (over)
			speak(&speaking, STAGE_RCPT, VERDICT_DEFER);
		decision.held = over && !earlier;
	}
	decision.verdict = speaking.verdict;
	decision.stage = speaking.verdict == VERDICT_ACCEPT ? r->stage : speaking.stage;
	return decision;
}
