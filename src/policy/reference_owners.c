/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: addresses, and who may use them. */
#include "policy/reference_inside.h"

/* ---- answers ---- */

const struct fact_answer *reference_heard(struct reference *r, enum fact fact, struct slice of)
{
	for (size_t i = 0; i < r->facts->answer_count; i++) {
		const struct fact_answer *answer = &r->facts->answers[i];
		if (answer->fact == fact && slice_is_nocase(answer->argument, of))
			return answer->unknown ? NULL : answer;
	}
	return NULL;
}

/* ---- addresses ---- */

static struct slice lower(struct reference *r, struct slice s)
{
	char *copy = arena_string(r->arena, s);

	for (size_t i = 0; i < s.len; i++)
		copy[i] = ascii_lower(copy[i]);
	return (struct slice){copy, s.len};
}

bool reference_is_ours(struct reference *r, const struct mailbox *mailbox)
{
	for (size_t i = 0; i < r->policy->domains.count; i++)
		if (!mailbox->is_null && slice_is(r->policy->domains.at[i].name, mailbox->domain))
			return true;
	return false;
}

/* "local@domain": without case, and perhaps without its tag, in domains of ours. */
struct slice reference_one_form(struct reference *r, const struct mailbox *mailbox, bool tagged)
{
	struct slice local = mailbox->local;

	if (reference_is_ours(r, mailbox)) {
		size_t plus = slice_find(local, '+');
		local = lower(r, local);
		if (!tagged && plus != SIZE_MAX && plus > 0)
			local = slice_part(local, 0, plus);
	}
	return arena_format(r->arena, "%.*s@%.*s", SLICE_ARGS(local), SLICE_ARGS(mailbox->domain));
}

bool reference_is_address(struct reference *r, const struct mailbox *mailbox, struct slice key)
{
	return !mailbox->is_null && (slice_is(reference_one_form(r, mailbox, true), key) ||
					    slice_is(reference_one_form(r, mailbox, false), key));
}

bool reference_is_in_file(struct reference *r, const struct mailbox *mailbox, uint32_t list)
{
	const struct map *entries = r->policy->lists.at[list].entries;

	return !mailbox->is_null && mailbox->domain.len > 0 &&
	       (map_get(entries, mailbox->domain) ||
		       map_get(entries, reference_one_form(r, mailbox, true)) ||
		       map_get(entries, reference_one_form(r, mailbox, false)));
}

bool reference_in_network(struct reference *r, uint32_t network)
{
	const struct network_row *row = &r->policy->networks.at[network];
	bool somewhere = r->facts->has_client && !address_is_nobody(&r->facts->client);

	for (size_t i = 0; somewhere && i < row->net_count; i++)
		if (network_contains(&row->nets[i], &r->facts->client))
			return true;
	return false;
}

/* ---- ownership ---- */

/* What a store or a statement writes: an address, or a whole domain. */
static bool names(struct reference *r, struct slice written, const struct mailbox *mailbox)
{
	struct mailbox other;

	if (!slice_has(written, '@'))
		return slice_is_nocase(written, mailbox->domain);
	if (slice_starts(written, SLICE("*@")))
		return slice_is_nocase(slice_from(written, 2), mailbox->domain);
	if (mailbox_parse(written, r->arena, &other) != MAILBOX_OK)
		return false;
	return slice_is(
		reference_one_form(r, &other, false), reference_one_form(r, mailbox, false));
}

/* What stands for a field that names nobody: no account has it, even one nobody can ask about. */
static const struct mailbox unclear = {.domain = SLICE("\n"), .text = SLICE("@\n")};

static int account_may_use(struct reference *r, struct slice account, const struct mailbox *mailbox)
{
	if (mailbox == &unclear)
		return NO;
	if (slice_has(account, '@') && names(r, account, mailbox))
		return YES;
	const struct fact_answer *answer = reference_heard(r, FACT_OWNED, account);
	if (!answer)
		return MAYBE;
	for (size_t i = 0; i < answer->text_count; i++)
		if (names(r, answer->texts[i], mailbox))
			return YES;
	return NO;
}

static bool owns_cover(struct reference *r, const struct owned *owns, size_t count,
	const struct mailbox *mailbox, bool author)
{
	bool covered = false;

	for (size_t i = 0; i < count; i++)
		switch (owns[i].kind) {
		case OWNED_ANY_SENDER: covered |= !author; break;
		case OWNED_ANY_AUTHOR: covered |= author; break;
		case OWNED_LIST: covered |= reference_is_in_file(r, mailbox, owns[i].list); break;
		case OWNED_ADDRESS:
		case OWNED_DOMAIN: covered |= names(r, owns[i].text, mailbox); break;
		}
	return covered;
}

static bool lease_is_young(
	struct reference *r, const struct fact_answer *leases, size_t i, mono_ns within)
{
	mono_ns allowed = within ? within : 1800 * NS_PER_S;

	return r->facts->now == 0 || !leases->times || r->facts->now - leases->times[i] < allowed;
}

int reference_has_lease(struct reference *r, mono_ns within)
{
	const struct fact_answer *leases = reference_heard(r, FACT_RECENT_POP, SLICE_NONE);
	bool found = false;

	if (r->facts->is_local)
		return NO;
	for (size_t i = 0; leases && i < leases->text_count; i++)
		found |= lease_is_young(r, leases, i, within);
	return leases ? yes_no(found) : MAYBE;
}

/* Of a client with a lease. */
int reference_leases_may_use(struct reference *r, const struct mailbox *mailbox, mono_ns within)
{
	const struct fact_answer *leases = reference_heard(r, FACT_RECENT_POP, SLICE_NONE);
	static const struct node some = {.kind = NODE_ATOM, .atom = ATOM_RECENT_POP};
	const struct facts *facts = r->facts;
	int may = NO;

	if ((!leases || leases->text_count == 0) && reference_given_is(r, &some) == YES)
		return facts->account.len > 0 ? account_may_use(r, facts->account, mailbox) : MAYBE;
	for (size_t i = 0; leases && i < leases->text_count; i++)
		if (lease_is_young(r, leases, i, within))
			may = most(may, account_may_use(r, leases->texts[i], mailbox));
	return leases ? may : MAYBE;
}

/* Known as someone (*known), and may use the address. */
static int may_use(struct reference *r, const struct mailbox *mailbox, bool author, int *known)
{
	const struct policy *policy = r->policy;
	const struct facts *facts = r->facts;
	bool owning = false, may = false;

	*known = YES;
	if (facts->account.len > 0)
		return account_may_use(r, facts->account, mailbox);
	if (facts->is_local && facts->local_user.len > 0) {
		struct slice own = arena_format(r->arena, "%.*s@%.*s",
			SLICE_ARGS(facts->local_user), SLICE_ARGS(policy->settings.hostname));
		if (names(r, own, mailbox))
			return YES;
		return policy->settings.accounts_kind.len ||
				       reference_heard(r, FACT_OWNED, facts->local_user)
			       ? account_may_use(r, facts->local_user, mailbox)
			       : NO;
	}
	*known = NO;
	if (facts->is_local)
		return NO;
	*known = MAYBE;
	if (!facts->has_account || !facts->has_tls)
		return MAYBE;
	*known = YES;
	for (size_t i = 0; i < policy->certificates.count && facts->certificate.len; i++) {
		const struct certificate_row *row = &policy->certificates.at[i];
		if (slice_is_nocase(row->fingerprint, facts->certificate))
			return yes_no(owns_cover(r, row->owns, row->owns_count, mailbox, author));
	}
	*known = reference_has_lease(r, 0);
	if (*known != NO)
		return *known == YES ? reference_leases_may_use(r, mailbox, 0) : MAYBE;
	for (uint32_t i = 0; i < policy->networks.count; i++) {
		const struct network_row *row = &policy->networks.at[i];
		if (row->owns_count == 0 || !reference_in_network(r, i))
			continue;
		owning = true;
		may |= owns_cover(r, row->owns, row->owns_count, mailbox, author);
	}
	*known = facts->has_client ? yes_no(owning) : MAYBE;
	return facts->has_client ? yes_no(may) : MAYBE;
}

int reference_owned(struct reference *r, const struct mailbox *mailbox, bool author)
{
	int known, may = may_use(r, mailbox, author, &known);

	return mailbox->is_null ? NO : known == NO ? NO : known == MAYBE ? MAYBE : may;
}

int reference_not_owned(struct reference *r, const struct mailbox *mailbox, bool author)
{
	int known, may = may_use(r, mailbox, author, &known);

	return mailbox->is_null ? NO : known == NO ? NO : known == MAYBE ? MAYBE : YES - may;
}

/* Of the author, and of everybody whom Sender and Resent-* name. */
int reference_authors_owned(struct reference *r)
{
	const struct facts *facts = r->facts;
	int all = reference_owned(r, &facts->from, true);

	for (size_t i = 0; i < facts->claim_count; i++)
		all = least(all, reference_owned(r, &facts->claims[i], true));
	return facts->claims_unclear ? least(all, reference_owned(r, &unclear, true)) : all;
}

int reference_authors_not_owned(struct reference *r)
{
	int known;

	(void)may_use(r, &r->facts->from, true, &known);
	return known == NO ? NO : known == MAYBE ? MAYBE : YES - reference_authors_owned(r);
}
