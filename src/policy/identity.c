/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the client is known as, and which addresses that may use (doc/policy.md, `sender owned`): the
 * account it signed in as; else its named certificate or local user; else the accounts of its POP
 * leases; else every network it is in that `owns` something. The first there is counts alone.
 */
#include "policy/atoms.h"

#define LEASE_DEFAULT (30 * 60 * NS_PER_S)

/* ---- what an address is one of ---- */

static bool owned_has(
	struct question *q, const struct owned *owned, struct party *party, bool author)
{
	const struct mailbox *mailbox = party->mailbox;

	switch (owned->kind) {
	case OWNED_ADDRESS:
		if (slice_starts(owned->text, SLICE("*@")))
			return slice_is(slice_from(owned->text, 2), mailbox->domain);
		return slice_is(owned->text, party_plain(q, party));
	case OWNED_DOMAIN: return slice_is(owned->text, mailbox->domain);
	case OWNED_LIST:
		return list_has(&q->policy->lists.at[owned->list], mailbox->domain) ||
		       list_has(&q->policy->lists.at[owned->list], party_tagged(q, party)) ||
		       list_has(&q->policy->lists.at[owned->list], party_plain(q, party));
	case OWNED_ANY_SENDER: return !author;
	case OWNED_ANY_AUTHOR: return author;
	}
	return false;
}

static enum owning owned_by(struct question *q, const struct owned *owns, size_t count,
	struct party *party, bool author)
{
	for (size_t i = 0; i < count; i++)
		if (owned_has(q, &owns[i], party, author))
			return OWNING_YES;
	return OWNING_NOT;
}

/* An address as a store keeps it: "a@b", or "*@b", "@b" or "b" for a whole domain. */
static bool address_is_party(struct question *q, struct slice address, struct party *party)
{
	struct mailbox mailbox;
	size_t at = slice_find_last(address, '@');

	if (slice_is(address, party_plain(q, party)))
		return true;
	bool domain = at == SIZE_MAX || at == 0 || (at == 1 && address.at[0] == '*');
	if (domain)
		return slice_is_nocase(
			slice_from(address, at == SIZE_MAX ? 0 : at + 1), party->mailbox->domain);
	/* Compared in the one form only where the domain can be the same. */
	if (!slice_is_nocase(slice_from(address, at + 1), party->mailbox->domain) ||
		mailbox_parse(address, q->arena, &mailbox) != MAILBOX_OK)
		return false;
	return slice_is(party_key(q->policy, &mailbox, false, q->arena), party_plain(q, party));
}

/* ---- accounts ---- */

static enum owning owning_assumed(struct question *q, struct slice account, struct party *party)
{
	for (size_t i = 0; i < q->assumed_count; i++) {
		const struct assumed *assumed = &q->assumed[i];
		if (assumed->kind == ASSUMED_OWNS && slice_is_nocase(assumed->account, account) &&
			slice_is(assumed->key, party_plain(q, party)))
			return assumed->value == TRUE_ ? OWNING_YES : OWNING_NOT;
	}
	return OWNING_UNKNOWN;
}

/* In place of a field that does not hold exactly one address: an address nobody owns but who may
 * use any. */
static const struct mailbox unclear_claim = {.domain = SLICE("\n"), .text = SLICE("@\n")};

static enum owning account_owns(struct question *q, struct slice account, struct party *party)
{
	if (party->mailbox == &unclear_claim)
		return OWNING_NOT; /* whatever the account's addresses are */
	if (slice_has(account, '@') && address_is_party(q, account, party))
		return OWNING_YES; /* its own name */
	const struct fact_answer *answer = question_answer(q, FACT_OWNED, account);
	if (!answer)
		return owning_assumed(q, account, party);
	for (size_t i = 0; i < answer->text_count; i++)
		if (address_is_party(q, answer->texts[i], party))
			return OWNING_YES;
	return OWNING_NOT;
}

/* ---- leases ---- */

static bool lease_is_live(
	const struct question *q, const struct fact_answer *leases, size_t at, mono_ns within)
{
	if (!leases->times || q->facts->now == 0)
		return true;
	return q->facts->now - leases->times[at] < within;
}

mono_ns lease_time(mono_ns within)
{
	return within > 0 ? within : LEASE_DEFAULT;
}

enum truth lease_is_held(struct question *q, mono_ns within)
{
	if (q->facts->is_local)
		return FALSE_;
	const struct fact_answer *leases = question_answer(q, FACT_RECENT_POP, SLICE_NONE);
	if (!leases)
		return UNKNOWN_;
	for (size_t i = 0; i < leases->text_count; i++)
		if (lease_is_live(q, leases, i, lease_time(within)))
			return TRUE_;
	return FALSE_;
}

/* Where `given recent-pop` says that there is a lease, it is the account's that is named. */
static enum owning given_lease_owns(
	struct question *q, struct party *party, const struct fact_answer *leases)
{
	static const struct node lease = {.kind = NODE_ATOM, .atom = ATOM_RECENT_POP};
	enum truth given;

	if (!given_value(q, &lease, &given) || given != TRUE_)
		return leases ? OWNING_NOBODY : OWNING_UNKNOWN;
	return q->facts->account.len > 0 ? account_owns(q, q->facts->account, party)
					 : OWNING_UNKNOWN;
}

enum owning lease_owns(struct question *q, struct party *party, mono_ns within)
{
	const struct fact_answer *leases = question_answer(q, FACT_RECENT_POP, SLICE_NONE);
	enum owning whole = OWNING_NOBODY;

	if (!leases || leases->text_count == 0)
		return given_lease_owns(q, party, leases);
	for (size_t i = 0; i < leases->text_count; i++) {
		if (!lease_is_live(q, leases, i, lease_time(within)))
			continue;
		enum owning owning = account_owns(q, leases->texts[i], party);
		if (owning == OWNING_YES)
			return OWNING_YES;
		whole = owning == OWNING_UNKNOWN || whole == OWNING_UNKNOWN ? OWNING_UNKNOWN
									    : OWNING_NOT;
	}
	return whole;
}

/* Leases come from POP sessions and from other login servers: where the configuration listens for
 * neither, nobody is asked for them. It must not depend on `relay for recent-pop`: one more grant
 * would change who a client is known as, and so refuse more. */
bool policy_has_leases(const struct policy *policy)
{
	for (size_t i = 0; i < policy->listens.count; i++)
		if (policy->listens.at[i].service == SERVICE_POP3 ||
			policy->listens.at[i].service == SERVICE_POP3S ||
			policy->listens.at[i].service == SERVICE_GRANTS)
			return true;
	return false;
}

/* ---- the client ---- */

enum identity_kind identity_of(struct question *q, const struct certificate_row **certificate)
{
	const struct facts *facts = q->facts;
	const struct policy *policy = q->policy;

	if (facts->has_account && facts->account.len > 0)
		return IDENTITY_ACCOUNT;
	if (facts->is_local)
		return facts->local_user.len > 0 ? IDENTITY_LOCAL_USER : IDENTITY_NOBODY;
	if (!facts->has_account)
		return IDENTITY_UNKNOWN;
	if (!facts->has_tls && policy->certificates.count > 0)
		return IDENTITY_UNKNOWN;
	for (size_t i = 0; facts->certificate.len > 0 && i < policy->certificates.count; i++) {
		*certificate = &policy->certificates.at[i];
		if (slice_is_nocase(facts->certificate, (*certificate)->fingerprint))
			return IDENTITY_CERTIFICATE;
	}
	if (policy_has_leases(policy) || facts_answer(facts, FACT_RECENT_POP, SLICE_NONE)) {
		enum truth leased = lease_is_held(q, 0);
		if (leased != FALSE_)
			return leased == TRUE_ ? IDENTITY_LEASE : IDENTITY_UNKNOWN;
	}
	for (const struct piece *piece = question_piece(q); piece; piece = piece->around)
		if (policy->networks.at[piece->network].owns_count > 0)
			return IDENTITY_NETWORK;
	return facts->has_client ? IDENTITY_NOBODY : IDENTITY_UNKNOWN;
}

bool policy_has_accounts(const struct policy *policy)
{
	return policy->settings.accounts_kind.len > 0;
}

static enum owning networks_own(struct question *q, struct party *party, bool author)
{
	for (const struct piece *piece = question_piece(q); piece; piece = piece->around) {
		const struct network_row *row = &q->policy->networks.at[piece->network];
		if (owned_by(q, row->owns, row->owns_count, party, author) == OWNING_YES)
			return OWNING_YES;
	}
	return OWNING_NOT;
}

/* A program of this host may use its user's name at this host, and what accounts say that an
 * account of that name owns, where there are accounts. */
static enum owning local_user_owns(struct question *q, struct party *party)
{
	struct slice user = q->facts->local_user;
	struct slice own = arena_format(
		q->arena, "%.*s@%.*s", SLICE_ARGS(user), SLICE_ARGS(q->policy->settings.hostname));

	if (address_is_party(q, own, party))
		return OWNING_YES;
	return policy_has_accounts(q->policy) || question_answer(q, FACT_OWNED, user)
		       ? account_owns(q, user, party)
		       : OWNING_NOT;
}

enum owning client_owns(struct question *q, struct party *party, bool author)
{
	const struct certificate_row *certificate;

	switch (identity_of(q, &certificate)) {
	case IDENTITY_NOBODY: return OWNING_NOBODY;
	case IDENTITY_UNKNOWN: return OWNING_UNKNOWN;
	case IDENTITY_ACCOUNT: return account_owns(q, q->facts->account, party);
	case IDENTITY_CERTIFICATE:
		return owned_by(q, certificate->owns, certificate->owns_count, party, author);
	case IDENTITY_LOCAL_USER: return local_user_owns(q, party);
	case IDENTITY_LEASE: return lease_owns(q, party, 0);
	case IDENTITY_NETWORK: return networks_own(q, party, author);
	}
	return OWNING_UNKNOWN;
}

/* ---- who stands behind a message ---- */

static struct party *claims_of(struct question *q)
{
	const struct facts *facts = q->facts;
	size_t count = facts->claim_count + facts->claims_unclear;

	if (!q->claims && count > 0) {
		q->claims = ARENA_ARRAY(q->arena, struct party, count);
		for (size_t i = 0; i < count; i++)
			q->claims[i] =
				(struct party){.mailbox = i < facts->claim_count ? &facts->claims[i]
										 : &unclear_claim};
	}
	return q->claims;
}

struct party *author_party(struct question *q, size_t n)
{
	if (n == 0)
		return &q->from;
	return n <= q->facts->claim_count + q->facts->claims_unclear ? &claims_of(q)[n - 1] : NULL;
}

enum owning client_owns_authors(struct question *q)
{
	enum owning whole = client_owns(q, &q->from, true);
	struct party *claim;

	for (size_t n = 1; whole != OWNING_NOBODY && whole != OWNING_NOT &&
			   (claim = author_party(q, n)) != NULL;
		n++) {
		enum owning owning = client_owns(q, claim, true);
		if (owning != OWNING_YES)
			whole = owning;
	}
	return whole;
}

/* ---- what is open ---- */

bool lease_open(struct question *q, struct party *party, mono_ns within, struct slice *account)
{
	const struct fact_answer *leases = question_answer(q, FACT_RECENT_POP, SLICE_NONE);

	for (size_t i = 0; leases && i < leases->text_count; i++) {
		*account = leases->texts[i];
		if (lease_is_live(q, leases, i, lease_time(within)) &&
			account_owns(q, *account, party) == OWNING_UNKNOWN)
			return true;
	}
	return false;
}

bool owning_open(struct question *q, struct party *party, struct slice *account)
{
	const struct certificate_row *certificate;
	enum identity_kind kind = identity_of(q, &certificate);

	*account = kind == IDENTITY_LOCAL_USER ? q->facts->local_user : q->facts->account;
	if (kind == IDENTITY_LOCAL_USER)
		return local_user_owns(q, party) == OWNING_UNKNOWN;
	if (kind == IDENTITY_ACCOUNT)
		return account_owns(q, *account, party) == OWNING_UNKNOWN;
	return kind == IDENTITY_LEASE && lease_open(q, party, 0, account);
}

bool policy_knows_client(
	const struct policy *policy, const struct facts *facts, struct arena *arena)
{
	struct question q = question_of(policy, facts, STAGE_END, arena);
	const struct certificate_row *certificate;
	enum identity_kind kind = identity_of(&q, &certificate);

	return kind != IDENTITY_NOBODY && kind != IDENTITY_UNKNOWN;
}
