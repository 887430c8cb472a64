/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: decisions as a reader of doc/policy.md would take them, slowly. */
#include "policy/reference.h"

#include <strings.h>

#include "policy/atoms.h"

static int yes_no(bool value)
{
	return value ? YES : NO;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

/* ---- answers ---- */

static const struct fact_answer *heard(struct reference *r, enum fact fact, struct slice of)
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

static bool is_ours(struct reference *r, const struct mailbox *mailbox)
{
	for (size_t i = 0; i < r->policy->domains.count; i++)
		if (!mailbox->is_null && slice_is(r->policy->domains.at[i].name, mailbox->domain))
			return true;
	return false;
}

/* "local@domain": without case, and perhaps without its tag, in domains of ours. */
static struct slice one_form(struct reference *r, const struct mailbox *mailbox, bool tagged)
{
	struct slice local = mailbox->local;

	if (is_ours(r, mailbox)) {
		size_t plus = slice_find(local, '+');
		local = lower(r, local);
		if (!tagged && plus != SIZE_MAX && plus > 0)
			local = slice_part(local, 0, plus);
	}
	return arena_format(r->arena, "%.*s@%.*s", SLICE_ARGS(local), SLICE_ARGS(mailbox->domain));
}

static bool is_address(struct reference *r, const struct mailbox *mailbox, struct slice key)
{
	return !mailbox->is_null && (slice_is(one_form(r, mailbox, true), key) ||
					    slice_is(one_form(r, mailbox, false), key));
}

static bool is_in_file(struct reference *r, const struct mailbox *mailbox, uint32_t list)
{
	const struct map *entries = r->policy->lists.at[list].entries;

	return !mailbox->is_null && mailbox->domain.len > 0 &&
	       (map_get(entries, mailbox->domain) || map_get(entries, one_form(r, mailbox, true)) ||
		       map_get(entries, one_form(r, mailbox, false)));
}

static bool in_network(struct reference *r, uint32_t network)
{
	const struct network_row *row = &r->policy->networks.at[network];
	bool somewhere = r->facts->has_client && !address_is_nobody(&r->facts->client);

	for (size_t i = 0; somewhere && i < row->net_count; i++)
		if (network_contains(&row->nets[i], &r->facts->client))
			return true;
	return false;
}

/* ---- what is given ---- */

/* Whole words are compared, as people write them. */
static bool same_words(struct reference *r, const struct node *a, const struct node *b)
{
	struct text one = TEXT_GROWING, other = TEXT_GROWING;

	text_atom(&one, r->policy, a);
	text_atom(&other, r->policy, b);
	bool same = slice_is(text_slice(&one), text_slice(&other)) && a->number == b->number &&
		    slice_is(a->text, b->text);
	text_free(&one);
	text_free(&other);
	return same;
}

/* Of two different kinds: one that cannot be without the other, and two that cannot both be. */
static int follows_from_another(enum atom given, bool is, enum atom asked)
{
	static const enum atom needs[][2] = {{ATOM_TLS_VERIFIED, ATOM_TLS},
		{ATOM_ACCOUNT, ATOM_AUTHENTICATED}, {ATOM_GROUP, ATOM_AUTHENTICATED}};
	static const enum atom apart[][2] = {{ATOM_CLIENT_NAMED, ATOM_CLIENT_UNNAMED},
		{ATOM_SENDER_OWNED, ATOM_SENDER_NOT_OWNED}, {ATOM_FROM_OWNED, ATOM_FROM_NOT_OWNED}};
	int value = -1;

	for (size_t i = 0; i < 3; i++) {
		const enum atom *n = needs[i], *a = apart[i];
		if (is && given == n[0] && asked == n[1])
			value = YES;
		if (!is && given == n[1] && asked == n[0])
			value = NO;
		if (is && ((given == a[0] && asked == a[1]) || (given == a[1] && asked == a[0])))
			value = NO;
	}
	return value;
}

/* `wide` holds wherever `narrow` does. */
static bool is_wider(const struct node *wide, const struct node *narrow)
{
	enum atom_argument argument = atom_row((enum atom)wide->atom)->argument;

	return argument == TAKES_PATTERN ? slice_matches(narrow->text, wide->text)
					 : wide->number <= narrow->number;
}

/* -1: nothing follows. */
static int follows_from(const struct node *given, bool is, const struct node *asked)
{
	enum atom_argument argument = atom_row((enum atom)asked->atom)->argument;
	bool zone = argument == TAKES_ZONE;

	if (given->atom != asked->atom)
		return follows_from_another((enum atom)given->atom, is, (enum atom)asked->atom);
	if (argument == TAKES_ACCOUNT)
		return is && !slice_is_nocase(given->text, asked->text) ? NO : -1;
	if (argument == TAKES_RESULT || argument == TAKES_POLICY)
		return is ? NO : -1;
	if (zone && !slice_is(given->text, asked->text))
		return -1;
	if (zone) /* a list that lists at all is taken to give each answer */
		return given->net_count == 0 ? yes_no(is) : is && asked->net_count == 0 ? YES : -1;
	if (argument == TAKES_NOTHING) /* leases of any age; users by name apart */
		return asked->text.len == 0 ? yes_no(is) : -1;
	if (argument != TAKES_SIZE && argument != TAKES_NUMBER && argument != TAKES_PATTERN)
		return -1;
	if (is)
		return is_wider(asked, given) ? YES : -1;
	return is_wider(given, asked) ? NO : -1;
}

/* What is said of the atom itself, else what follows from what is said of others; -1: nothing. */
static int given_is(struct reference *r, const struct node *node)
{
	const struct facts *facts = r->facts;
	int value = -1;

	for (size_t i = 0; i < facts->given_count && value < 0; i++)
		if (((const struct node *)facts->given[i].node)->atom == node->atom &&
			same_words(r, facts->given[i].node, node))
			value = yes_no(facts->given[i].is);
	for (size_t i = 0; i < facts->given_count && value < 0; i++)
		value = follows_from(facts->given[i].node, facts->given[i].is, node);
	return value;
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
	return slice_is(one_form(r, &other, false), one_form(r, mailbox, false));
}

/* What stands for a field that names nobody: no account has it, even one nobody can ask about. */
static const struct mailbox unclear = {.domain = SLICE("\n"), .text = SLICE("@\n")};

static int account_may_use(struct reference *r, struct slice account, const struct mailbox *mailbox)
{
	if (mailbox == &unclear)
		return NO;
	if (slice_has(account, '@') && names(r, account, mailbox))
		return YES;
	const struct fact_answer *answer = heard(r, FACT_OWNED, account);
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
		case OWNED_LIST: covered |= is_in_file(r, mailbox, owns[i].list); break;
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

static int has_lease(struct reference *r, mono_ns within)
{
	const struct fact_answer *leases = heard(r, FACT_RECENT_POP, SLICE_NONE);
	bool found = false;

	if (r->facts->is_local)
		return NO;
	for (size_t i = 0; leases && i < leases->text_count; i++)
		found |= lease_is_young(r, leases, i, within);
	return leases ? yes_no(found) : MAYBE;
}

/* Of a client with a lease. */
static int leases_may_use(struct reference *r, const struct mailbox *mailbox, mono_ns within)
{
	const struct fact_answer *leases = heard(r, FACT_RECENT_POP, SLICE_NONE);
	static const struct node some = {.kind = NODE_ATOM, .atom = ATOM_RECENT_POP};
	const struct facts *facts = r->facts;
	int may = NO;

	if ((!leases || leases->text_count == 0) && given_is(r, &some) == YES)
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
		return policy->settings.accounts_kind.len || heard(r, FACT_OWNED, facts->local_user)
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
	*known = has_lease(r, 0);
	if (*known != NO)
		return *known == YES ? leases_may_use(r, mailbox, 0) : MAYBE;
	for (uint32_t i = 0; i < policy->networks.count; i++) {
		const struct network_row *row = &policy->networks.at[i];
		if (row->owns_count == 0 || !in_network(r, i))
			continue;
		owning = true;
		may |= owns_cover(r, row->owns, row->owns_count, mailbox, author);
	}
	*known = facts->has_client ? yes_no(owning) : MAYBE;
	return facts->has_client ? yes_no(may) : MAYBE;
}

static int owned(struct reference *r, const struct mailbox *mailbox, bool author)
{
	int known, may = may_use(r, mailbox, author, &known);

	return mailbox->is_null ? NO : known == NO ? NO : known == MAYBE ? MAYBE : may;
}

static int not_owned(struct reference *r, const struct mailbox *mailbox, bool author)
{
	int known, may = may_use(r, mailbox, author, &known);

	return mailbox->is_null ? NO : known == NO ? NO : known == MAYBE ? MAYBE : YES - may;
}

/* Of the author, and of everybody whom Sender and Resent-* name. */
static int authors_owned(struct reference *r)
{
	const struct facts *facts = r->facts;
	int all = owned(r, &facts->from, true);

	for (size_t i = 0; i < facts->claim_count; i++)
		all = least(all, owned(r, &facts->claims[i], true));
	return facts->claims_unclear ? least(all, owned(r, &unclear, true)) : all;
}

static int authors_not_owned(struct reference *r)
{
	int known;

	(void)may_use(r, &r->facts->from, true, &known);
	return known == NO ? NO : known == MAYBE ? MAYBE : YES - authors_owned(r);
}

/* ---- the recipient ---- */

static int atom_is(struct reference *r, const struct node *node);

static bool meant_postmaster_is_ours(struct reference *r)
{
	return r->policy->has_postmaster && is_ours(r, &r->policy->postmaster);
}

static bool is_foreign(struct reference *r)
{
	const struct mailbox *recipient = &r->facts->recipient;

	if (recipient->is_postmaster)
		return r->policy->has_postmaster && !meant_postmaster_is_ours(r);
	return !is_ours(r, recipient);
}

static const struct domain_row *its_domain(struct reference *r)
{
	for (size_t i = 0; i < r->policy->domains.count; i++)
		if (slice_is(r->policy->domains.at[i].name, r->facts->recipient.domain))
			return &r->policy->domains.at[i];
	return NULL;
}

static bool is_in_boxes(struct reference *r, const struct domain_row *domain, bool tagged)
{
	const struct map *entries = r->policy->lists.at[domain->list].entries;
	struct slice key = one_form(r, &r->facts->recipient, tagged);
	struct slice local = slice_part(key, 0, key.len - domain->name.len);

	return map_get(entries, key) || map_get(entries, local);
}

static int unknown_recipient(struct reference *r)
{
	const struct mailbox *recipient = &r->facts->recipient;
	const struct domain_row *domain = its_domain(r);
	const struct fact_answer *answer;

	if (recipient->is_postmaster)
		return yes_no(!r->policy->has_postmaster);
	if (!domain)
		return NO;
	struct slice local = slice_part(one_form(r, recipient, false), 0, SIZE_MAX);
	if (slice_starts(local, SLICE("postmaster@")))
		return NO;
	switch (domain->known) {
	case KNOWN_ANY: return NO;
	case KNOWN_LISTED:
		return yes_no(!is_in_boxes(r, domain, true) && !is_in_boxes(r, domain, false));
	case KNOWN_ACCOUNTS:
	case KNOWN_ASKED:
		answer = heard(r, FACT_MAILBOX, SLICE_NONE);
		return answer ? yes_no(!answer->yes) : MAYBE;
	}
	return NO;
}

/* ---- what others say ---- */

static int in_zone(struct reference *r, enum fact fact, const struct node *node)
{
	const struct fact_answer *answer = heard(r, fact, node->text);
	bool meant = false;

	if (!answer)
		return MAYBE;
	for (size_t i = 0; i < answer->address_count; i++) {
		const uint8_t *bytes = answer->addresses[i].bytes;
		bool of_127 = answer->addresses[i].is_v4 && bytes[12] == 127;
		if (!of_127 || (bytes[13] == 255 && bytes[14] == 255))
			return MAYBE;
		meant |= node->net_count == 0;
		for (uint32_t j = 0; j < node->net_count; j++)
			meant |= network_contains(&node->nets[j], &answer->addresses[i]);
	}
	return yes_no(meant);
}

static int result_of(struct reference *r, enum fact fact, struct slice wanted)
{
	const struct fact_answer *answer = heard(r, fact, SLICE_NONE);

	if (!answer || slice_is(answer->text, SLICE("temperror")) || answer->text.len == 0)
		return MAYBE;
	return yes_no(slice_is(answer->text, wanted));
}

static int client_name(struct reference *r, const struct slice *pattern)
{
	const struct fact_answer *answer = heard(r, FACT_CLIENT_NAME, SLICE_NONE);
	bool matches = false;

	if (r->facts->is_local)
		return NO;
	if (!answer)
		return MAYBE;
	bool named = answer->text.len > 0 || answer->text_count > 0;
	if (!pattern)
		return yes_no(!named);
	matches = answer->text.len > 0 && slice_matches(answer->text, *pattern);
	for (size_t i = 0; i < answer->text_count; i++)
		matches |= slice_matches(answer->texts[i], *pattern);
	return yes_no(matches);
}

static int in_group(struct reference *r, struct slice group)
{
	const struct fact_answer *answer = heard(r, FACT_GROUPS, SLICE_NONE);
	bool member = false;

	if (r->facts->has_account && r->facts->account.len == 0)
		return NO;
	for (size_t i = 0; answer && i < answer->text_count; i++)
		member |= slice_is_nocase(answer->texts[i], group);
	return answer ? yes_no(member) : MAYBE;
}

/* ---- atoms ---- */

static int has_credential(struct reference *r, const struct clause *clause)
{
	struct node node = {.kind = NODE_ATOM,
		.index = clause->network,
		.text = clause->name,
		.number = (uint64_t)clause->within};

	switch (clause->credential) {
	case CREDENTIAL_NETWORK: node.atom = ATOM_NETWORK; break;
	case CREDENTIAL_AUTHENTICATED: node.atom = ATOM_AUTHENTICATED; break;
	case CREDENTIAL_ACCOUNT: node.atom = ATOM_ACCOUNT; break;
	case CREDENTIAL_GROUP: node.atom = ATOM_GROUP; break;
	case CREDENTIAL_CERTIFICATE: node.atom = ATOM_CERTIFICATE; break;
	case CREDENTIAL_RECENT_POP: node.atom = ATOM_RECENT_POP; break;
	case CREDENTIAL_LOCAL:
	case CREDENTIAL_LOCAL_USER: node.atom = ATOM_LOCAL; break;
	}
	return atom_is(r, &node);
}

static bool has_ended(struct reference *r, const struct clause *clause)
{
	return r->facts->now != 0 && clause->place.until <= r->facts->now;
}

static int trusted(struct reference *r)
{
	int value = NO;

	for (size_t i = 0; i < r->policy->clauses.count; i++) {
		const struct clause *clause = &r->policy->clauses.at[i];
		if (clause->kind == CLAUSE_RELAY && !has_ended(r, clause))
			value = most(value, has_credential(r, clause));
	}
	return value;
}

static int header_has(struct reference *r, const struct node *node)
{
	/* The generator's one header, unfolded by hand. */
	bool there = r->facts->header.len > 0 && slice_is_nocase(node->text, SLICE("subject"));

	return yes_no(there && slice_matches(SLICE("the Casino"), node->domain));
}

static int client_atom(struct reference *r, const struct node *node)
{
	const struct facts *facts = r->facts;
	bool client = facts->has_client || facts->is_local;

	switch (node->atom) {
	case ATOM_CLIENT:
		return !client ? MAYBE
			       : yes_no(facts->has_client && !address_is_nobody(&facts->client) &&
					 network_contains(&node->net, &facts->client));
	case ATOM_NETWORK: return client ? yes_no(in_network(r, node->index)) : MAYBE;
	case ATOM_LOCAL:
		return client ? yes_no(facts->is_local &&
					(node->text.len == 0 ||
						slice_is(node->text, facts->local_user)))
			      : MAYBE;
	case ATOM_TRUSTED: return client ? trusted(r) : MAYBE;
	case ATOM_CLIENT_NAMED: return client_name(r, &node->text);
	case ATOM_CLIENT_UNNAMED: return client_name(r, NULL);
	case ATOM_LISTENER: return yes_no(slice_is(facts->listener, node->text));
	case ATOM_RECENT_POP: return has_lease(r, (mono_ns)node->number);
	case ATOM_HELO:
		return facts->has_helo ? yes_no(slice_matches(facts->helo, node->text)) : MAYBE;
	case ATOM_TLS: return facts->has_tls ? yes_no(facts->tls) : MAYBE;
	case ATOM_TLS_VERIFIED:
		return facts->has_tls ? yes_no(facts->tls && facts->tls_verified) : MAYBE;
	case ATOM_CERTIFICATE:
		return !facts->has_tls
			       ? MAYBE
			       : yes_no(slice_is_nocase(facts->certificate,
					 r->policy->certificates.at[node->index].fingerprint));
	case ATOM_AUTHENTICATED: return facts->has_account ? yes_no(facts->account.len > 0) : MAYBE;
	case ATOM_ACCOUNT:
		return facts->has_account ? yes_no(slice_is_nocase(facts->account, node->text))
					  : MAYBE;
	case ATOM_GROUP: return in_group(r, node->text);
	default: return -1;
	}
}

static int sender_atom(struct reference *r, const struct node *node)
{
	const struct mailbox *sender = &r->facts->sender;
	bool domain = !sender->is_null && !sender->is_literal;
	const struct fact_answer *answer;

	switch (node->atom) {
	case ATOM_SENDER_DOMAIN_LISTED:
		return r->facts->has_sender && !domain
			       ? NO
			       : in_zone(r, FACT_SENDER_DOMAIN_LISTED, node);
	case ATOM_SENDER_DOMAIN_UNREACHABLE:
		answer = heard(r, FACT_SENDER_UNREACHABLE, SLICE_NONE);
		return r->facts->has_sender && !domain ? NO : answer ? yes_no(answer->yes) : MAYBE;
	default: break;
	}
	if (!r->facts->has_sender)
		return MAYBE;
	switch (node->atom) {
	case ATOM_SENDER:
		return yes_no(is_address(
			r, sender, arena_format(r->arena, "%.*s", SLICE_ARGS(node->text))));
	case ATOM_SENDER_DOMAIN:
		return yes_no(!sender->is_null && slice_is(sender->domain, node->text));
	case ATOM_SENDER_NULL: return yes_no(sender->is_null);
	case ATOM_SENDER_IN: return yes_no(is_in_file(r, sender, node->index));
	case ATOM_SENDER_OURS: return yes_no(is_ours(r, sender));
	case ATOM_SENDER_OWNED: return owned(r, sender, false);
	case ATOM_SENDER_NOT_OWNED: return not_owned(r, sender, false);
	default: return -1;
	}
}

static int from_atom(struct reference *r, const struct node *node)
{
	const struct mailbox *from = &r->facts->from;

	if (!r->facts->has_from)
		return MAYBE;
	switch (node->atom) {
	case ATOM_FROM: return yes_no(is_address(r, from, node->text));
	case ATOM_FROM_DOMAIN: return yes_no(slice_is(from->domain, node->text));
	case ATOM_FROM_IN: return yes_no(is_in_file(r, from, node->index));
	case ATOM_FROM_OURS: return yes_no(is_ours(r, from));
	case ATOM_FROM_OWNED: return authors_owned(r);
	case ATOM_FROM_NOT_OWNED: return authors_not_owned(r);
	default: return -1;
	}
}

static int recipient_atom(struct reference *r, const struct node *node)
{
	const struct facts *facts = r->facts;
	const struct mailbox *written = facts->has_alias ? &facts->alias : &facts->recipient;
	const struct mailbox *target = &facts->recipient;

	if (!facts->has_recipient)
		return MAYBE;
	switch (node->atom) {
	case ATOM_RECIPIENT:
		return yes_no(
			is_address(r, target, node->text) || is_address(r, written, node->text));
	case ATOM_RECIPIENT_DOMAIN:
		return yes_no(slice_is(target->domain, node->text) ||
			      slice_is(written->domain, node->text));
	case ATOM_RECIPIENT_IN:
		return yes_no(
			is_in_file(r, target, node->index) || is_in_file(r, written, node->index));
	case ATOM_RECIPIENT_OURS: return yes_no(!is_foreign(r));
	case ATOM_RECIPIENT_UNKNOWN: return unknown_recipient(r);
	default: return -1;
	}
}

static int message_atom(struct reference *r, const struct node *node)
{
	const struct facts *facts = r->facts;
	const struct fact_answer *answer;

	switch (node->atom) {
	case ATOM_SIZE:
		if (facts->has_size && facts->size > node->number)
			return YES;
		return facts->has_size && facts->size_is_final ? NO : MAYBE;
	case ATOM_RECIPIENTS:
		return facts->has_recipients ? yes_no(facts->recipients > node->number) : MAYBE;
	case ATOM_HEADER: return facts->has_header ? header_has(r, node) : MAYBE;
	case ATOM_SCORE:
		answer = heard(r, FACT_SCORE, SLICE_NONE);
		return answer ? yes_no(answer->number > node->number) : MAYBE;
	case ATOM_VIRUS:
		answer = heard(r, FACT_VIRUS, SLICE_NONE);
		return answer ? yes_no(answer->yes) : MAYBE;
	case ATOM_SPF: return result_of(r, FACT_SPF, node->text);
	case ATOM_DKIM: return result_of(r, FACT_DKIM, node->text);
	case ATOM_DMARC: return result_of(r, FACT_DMARC, node->text);
	case ATOM_DMARC_POLICY: return result_of(r, FACT_DMARC_POLICY, node->text);
	case ATOM_ARC: return result_of(r, FACT_ARC, node->text);
	default: return -1;
	}
}

static int zone_atom(struct reference *r, const struct node *node)
{
	struct slice helo = r->facts->helo;
	bool no_name = r->facts->has_helo && (helo.len == 0 || helo.at[0] == '[');

	switch (node->atom) {
	case ATOM_LISTED: return r->facts->is_local ? NO : in_zone(r, FACT_LISTED, node);
	case ATOM_ALLOWED: return r->facts->is_local ? NO : in_zone(r, FACT_ALLOWED, node);
	case ATOM_HELO_LISTED: return no_name ? NO : in_zone(r, FACT_HELO_LISTED, node);
	case ATOM_LINK_LISTED: return in_zone(r, FACT_LINK_LISTED, node);
	default: return -1;
	}
}

static int atom_is(struct reference *r, const struct node *node)
{
	static int (*const kinds[])(struct reference *, const struct node *) = {
		client_atom, zone_atom, recipient_atom, message_atom, sender_atom, from_atom};
	static const enum atom first_sender = ATOM_SENDER,
			       last_sender = ATOM_SENDER_DOMAIN_UNREACHABLE;
	enum atom atom = (enum atom)node->atom;
	int value = given_is(r, node);

	if (value >= 0)
		return value;
	if (atom >= first_sender && atom <= last_sender)
		return sender_atom(r, node);
	if (atom >= ATOM_FROM && atom <= ATOM_FROM_NOT_OWNED)
		return from_atom(r, node);
	if (atom >= ATOM_RECIPIENT && atom <= ATOM_RECIPIENT_UNKNOWN)
		return recipient_atom(r, node);
	for (size_t i = 0; i < 4 && value < 0; i++)
		if (kinds[i] != recipient_atom)
			value = kinds[i](r, node);
	return value < 0 ? MAYBE : value;
}

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
		value = atom_is(r, node);
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
	return atom_is(r, &node);
}

static int counter_is_full(struct reference *r, uint32_t clause)
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
	int given = given_is(r, &owned_sender);
	return given >= 0 ? given : leases_may_use(r, &facts->sender, clause->within);
}

static bool is_of_alias(struct reference *r, const struct clause *clause)
{
	const struct mailbox *alias = &r->facts->alias;

	if (clause->forward_domain.len > 0)
		return slice_is(clause->forward_domain, alias->domain);
	return slice_is(clause->forward_address, one_form(r, alias, false));
}

static int clause_is(struct reference *r, uint32_t at)
{
	const struct clause *clause = &r->policy->clauses.at[at];
	bool grants = r->facts->has_recipient && r->stage >= STAGE_RCPT && is_foreign(r);

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
			counter_is_full(r, at));
	case CLAUSE_RELAY:
		if (!grants || r->facts->has_alias || has_ended(r, clause))
			return NO;
		return least(least(has_credential(r, clause), lease_suits(r, clause)),
			condition_is(r, clause->condition, true, false));
	case CLAUSE_FORWARD:
		if (!grants || !r->facts->has_alias || has_ended(r, clause) ||
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
	if (has_ended(r, clause) || r->facts->has_alias != (clause->kind == CLAUSE_FORWARD))
		return false;
	return clause->kind == CLAUSE_FORWARD ? is_of_alias(r, clause)
					      : has_credential(r, clause) != NO;
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
	const struct domain_row *domain = its_domain(r);
	const struct mailbox *recipient = &r->facts->recipient;
	bool tagged = slice_has(recipient->local, '+');

	if (!mailbox_is_risky(recipient) || r->facts->has_alias || !domain)
		return false;
	switch (domain->known) {
	case KNOWN_ANY:
	case KNOWN_ASKED: return true;
	case KNOWN_ACCOUNTS: return tagged;
	case KNOWN_LISTED: return !is_in_boxes(r, domain, true);
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
	int in = atom_is(r, &signed_in);
	if (submission && r->stage >= STAGE_AUTH && in != YES)
		speak(&speaking, STAGE_AUTH, in == NO ? VERDICT_REFUSE : VERDICT_DEFER);
	if (r->stage >= STAGE_RCPT && r->facts->has_recipient) {
		int unknown = is_foreign(r) ? NO : atom_is(r, &no_mailbox);
		if (is_foreign(r) && !grants_find(r, &decision, &late))
			speak(&speaking, late ? r->stage : STAGE_RCPT, VERDICT_REFUSE);
		if (unknown == YES || (!is_foreign(r) && is_risky(r)))
			speak(&speaking, STAGE_RCPT, VERDICT_REFUSE);
		else if (unknown == MAYBE)
			speak(&speaking, STAGE_RCPT, VERDICT_DEFER);
	}
	decision.verdict = speaking.verdict;
	decision.stage = speaking.verdict == VERDICT_ACCEPT ? r->stage : speaking.stage;
	return decision;
}
