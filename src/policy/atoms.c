/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of atoms. What no one else is asked for is known when they are called; what others
 * are asked for they look up themselves. */
#include "policy/index.h"

#include "wire/entity.h"

static enum truth truth_of(bool value)
{
	return value ? TRUE_ : FALSE_;
}

/* ---- the client ---- */

/* A program of this host has no address: it is in no network and in no list. Nor has a client that
 * its proxy does not name. */
static enum truth client_is(struct question *q, const struct node *node)
{
	return truth_of(q->facts->has_client && !address_is_nobody(&q->facts->client) &&
			network_contains(&node->net, &q->facts->client));
}

static enum truth network_is(struct question *q, const struct node *node)
{
	return truth_of(piece_is_in(question_piece(q), node->index));
}

static enum truth trusted_is(struct question *q, const struct node *node)
{
	(void)node;
	return index_trust(q);
}

static enum truth local_is(struct question *q, const struct node *node)
{
	bool named = node->text.len == 0 || slice_is(q->facts->local_user, node->text);

	return truth_of(q->facts->is_local && named);
}

static enum truth listener_is(struct question *q, const struct node *node)
{
	return truth_of(slice_is(q->facts->listener, node->text));
}

static enum truth recent_pop_is(struct question *q, const struct node *node)
{
	return lease_is_held(q, (mono_ns)node->number);
}

static enum truth helo_is(struct question *q, const struct node *node)
{
	return truth_of(slice_matches(q->facts->helo, node->text));
}

static enum truth tls_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(q->facts->tls);
}

static enum truth tls_verified_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(q->facts->tls && q->facts->tls_verified);
}

static enum truth certificate_is(struct question *q, const struct node *node)
{
	const struct certificate_row *row = &q->policy->certificates.at[node->index];

	return truth_of(q->facts->certificate.len > 0 &&
			slice_is_nocase(q->facts->certificate, row->fingerprint));
}

static enum truth authenticated_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(q->facts->account.len > 0);
}

static enum truth account_is(struct question *q, const struct node *node)
{
	return truth_of(slice_is_nocase(q->facts->account, node->text));
}

static enum truth group_is(struct question *q, const struct node *node)
{
	if (q->facts->has_account && q->facts->account.len == 0)
		return FALSE_;
	const struct fact_answer *answer = question_answer(q, FACT_GROUPS, SLICE_NONE);
	if (!answer)
		return UNKNOWN_;
	for (size_t i = 0; i < answer->text_count; i++)
		if (slice_is_nocase(answer->texts[i], node->text))
			return TRUE_;
	return FALSE_;
}

/* ---- the client's name ---- */

static enum truth client_named_is(struct question *q, const struct node *node)
{
	if (q->facts->is_local)
		return FALSE_;
	const struct fact_answer *answer = question_answer(q, FACT_CLIENT_NAME, SLICE_NONE);
	if (!answer)
		return UNKNOWN_;
	for (size_t i = 0; i < answer->text_count; i++)
		if (slice_matches(answer->texts[i], node->text))
			return TRUE_;
	return truth_of(answer->text.len > 0 && slice_matches(answer->text, node->text));
}

static enum truth client_unnamed_is(struct question *q, const struct node *node)
{
	(void)node;
	if (q->facts->is_local)
		return FALSE_;
	const struct fact_answer *answer = question_answer(q, FACT_CLIENT_NAME, SLICE_NONE);
	return answer ? truth_of(answer->text.len == 0 && answer->text_count == 0) : UNKNOWN_;
}

/* ---- lists ---- */

/* Outside 127.0.0.0/8, or 127.255.255.x: the list does not say what it was asked (RFC 5782 2.1). */
static bool is_no_answer(const struct address *address)
{
	const uint8_t *four = address->bytes + 12;

	return !address->is_v4 || four[0] != 127 || (four[1] == 255 && four[2] == 255);
}

static bool is_returned(const struct node *node, const struct address *address)
{
	for (uint32_t i = 0; i < node->net_count; i++)
		if (network_contains(&node->nets[i], address))
			return true;
	return node->net_count == 0;
}

static enum truth list_answer(struct question *q, enum fact fact, const struct node *node)
{
	const struct fact_answer *answer = question_answer(q, fact, node->text);
	bool listed = false;

	if (!answer)
		return UNKNOWN_;
	for (size_t i = 0; i < answer->address_count; i++) {
		if (is_no_answer(&answer->addresses[i]))
			return UNKNOWN_;
		listed |= is_returned(node, &answer->addresses[i]);
	}
	return truth_of(listed);
}

static enum truth listed_is(struct question *q, const struct node *node)
{
	enum fact fact = atom_row((enum atom)node->atom)->fact;

	if (q->facts->is_local && fact != FACT_LINK_LISTED)
		return FALSE_;
	return list_answer(q, fact, node);
}

static enum truth helo_listed_is(struct question *q, const struct node *node)
{
	struct slice helo = q->facts->helo;

	if (q->facts->has_helo && (helo.len == 0 || helo.at[0] == '['))
		return FALSE_; /* no name */
	return list_answer(q, FACT_HELO_LISTED, node);
}

/* The null sender and an address literal have no domain that a list or DNS could know. */
static bool sender_has_domain(const struct question *q)
{
	const struct facts *facts = q->facts;

	return !facts->has_sender || (!facts->sender.is_null && !facts->sender.is_literal);
}

static enum truth sender_domain_listed_is(struct question *q, const struct node *node)
{
	return sender_has_domain(q) ? list_answer(q, FACT_SENDER_DOMAIN_LISTED, node) : FALSE_;
}

static enum truth sender_unreachable_is(struct question *q, const struct node *node)
{
	(void)node;
	if (!sender_has_domain(q))
		return FALSE_;
	const struct fact_answer *answer = question_answer(q, FACT_SENDER_UNREACHABLE, SLICE_NONE);
	return answer ? truth_of(answer->yes) : UNKNOWN_;
}

/* ---- results ---- */

/* `temperror` is no result to decide by: it is unknown. */
static enum truth result_is(struct question *q, const struct node *node)
{
	enum fact fact = atom_row((enum atom)node->atom)->fact;
	const struct fact_answer *answer = question_answer(q, fact, SLICE_NONE);

	if (!answer || answer->text.len == 0 || slice_is(answer->text, SLICE("temperror")))
		return UNKNOWN_;
	return truth_of(slice_is_nocase(answer->text, node->text));
}

/* ---- parties ---- */

/* alice+tag@ is alice@'s (doc/policy.md, "Addresses"), so a rule for alice@ holds for it too. */
static enum truth party_is(struct question *q, struct party *party, const struct node *node)
{
	if (party->mailbox->is_null || !slice_is(party->mailbox->domain, node->domain))
		return FALSE_;
	return truth_of(slice_is(party_tagged(q, party), node->text) ||
			slice_is(party_plain(q, party), node->text));
}

static enum truth party_in(struct question *q, struct party *party, const struct node *node)
{
	const struct list_row *list = &q->policy->lists.at[node->index];

	if (party->mailbox->is_null || party->mailbox->domain.len == 0)
		return FALSE_;
	return truth_of(list_has(list, party->mailbox->domain) ||
			list_has(list, party_tagged(q, party)) ||
			list_has(list, party_plain(q, party)));
}

static enum truth party_domain_is(const struct party *party, const struct node *node)
{
	return truth_of(!party->mailbox->is_null && slice_is(party->mailbox->domain, node->text));
}

static enum truth sender_is(struct question *q, const struct node *node)
{
	return party_is(q, &q->sender, node);
}

static enum truth sender_domain_is(struct question *q, const struct node *node)
{
	return party_domain_is(&q->sender, node);
}

static enum truth sender_null_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(q->sender.mailbox->is_null);
}

static enum truth sender_in_is(struct question *q, const struct node *node)
{
	return party_in(q, &q->sender, node);
}

static enum truth sender_ours_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(party_domain(q, &q->sender) != NULL);
}

static enum truth owned_is(enum owning owning)
{
	return owning == OWNING_UNKNOWN ? UNKNOWN_ : truth_of(owning == OWNING_YES);
}

static enum truth not_owned_is(enum owning owning)
{
	return owning == OWNING_UNKNOWN ? UNKNOWN_ : truth_of(owning == OWNING_NOT);
}

static enum truth sender_owned_is(struct question *q, const struct node *node)
{
	(void)node;
	return q->facts->sender.is_null ? FALSE_ : owned_is(client_owns(q, &q->sender, false));
}

static enum truth sender_not_owned_is(struct question *q, const struct node *node)
{
	(void)node;
	return q->facts->sender.is_null ? FALSE_ : not_owned_is(client_owns(q, &q->sender, false));
}

/* A clause about the address written holds for what that address stands for as well. */
static enum truth recipient_is(struct question *q, const struct node *node)
{
	enum truth target = party_is(q, &q->recipient, node);

	return target == FALSE_ && q->facts->has_alias ? party_is(q, &q->alias, node) : target;
}

static enum truth recipient_domain_is(struct question *q, const struct node *node)
{
	enum truth target = party_domain_is(&q->recipient, node);

	return target == FALSE_ && q->facts->has_alias ? party_domain_is(&q->alias, node) : target;
}

static enum truth recipient_in_is(struct question *q, const struct node *node)
{
	enum truth target = party_in(q, &q->recipient, node);

	return target == FALSE_ && q->facts->has_alias ? party_in(q, &q->alias, node) : target;
}

static enum truth recipient_ours_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(recipient_class(q) != RECIPIENT_FOREIGN);
}

static enum truth recipient_unknown_is(struct question *q, const struct node *node)
{
	(void)node;
	return recipient_is_unknown(q);
}

static enum truth from_is(struct question *q, const struct node *node)
{
	return party_is(q, &q->from, node);
}

static enum truth from_domain_is(struct question *q, const struct node *node)
{
	return party_domain_is(&q->from, node);
}

static enum truth from_in_is(struct question *q, const struct node *node)
{
	return party_in(q, &q->from, node);
}

static enum truth from_ours_is(struct question *q, const struct node *node)
{
	(void)node;
	return truth_of(party_domain(q, &q->from) != NULL);
}

static enum truth from_owned_is(struct question *q, const struct node *node)
{
	(void)node;
	return owned_is(client_owns_authors(q));
}

static enum truth from_not_owned_is(struct question *q, const struct node *node)
{
	(void)node;
	return not_owned_is(client_owns_authors(q));
}

/* ---- the message ---- */

static enum truth size_is(struct question *q, const struct node *node)
{
	return truth_of(q->facts->size > node->number);
}

static enum truth recipients_is(struct question *q, const struct node *node)
{
	return truth_of(q->facts->recipients > node->number);
}

static enum truth header_is(struct question *q, const struct node *node)
{
	struct headers headers;

	header_scan(q->facts->header, q->arena, &headers);
	for (size_t i = 0; i < header_count(&headers, node->text); i++)
		if (slice_matches(field_text_of(&headers, node->text, i, q->arena), node->domain))
			return TRUE_;
	return FALSE_;
}

static enum truth score_is(struct question *q, const struct node *node)
{
	const struct fact_answer *answer = question_answer(q, FACT_SCORE, SLICE_NONE);

	return answer ? truth_of(answer->number > node->number) : UNKNOWN_;
}

static enum truth virus_is(struct question *q, const struct node *node)
{
	(void)node;
	const struct fact_answer *answer = question_answer(q, FACT_VIRUS, SLICE_NONE);
	return answer ? truth_of(answer->yes) : UNKNOWN_;
}

/* ---- the table ---- */

#define ATOM(id, words_, argument_, fact_, answer_, tells_, refused_, deferred_)                   \
	[ATOM_##id] = {.words = {words_, sizeof(words_) - 1},                                      \
		.argument = TAKES_##argument_,                                                     \
		.fact = FACT_##fact_,                                                              \
		.answer = answer_,                                                                 \
		.tells = TELLS_##tells_,                                                           \
		.refused = REASON_##refused_,                                                      \
		.deferred = REASON_##deferred_},
#define NOT_BUILT(id, words_) [ATOM_##id] = {.words = {words_, sizeof(words_) - 1}},
static const struct atom_row rows[ATOMS] = {
#include "policy/atoms.def"
};

const struct atom_row *atom_row(enum atom atom)
{
	return &rows[atom];
}
