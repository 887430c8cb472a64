/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: what each atom is, and each credential. */
#include "policy/reference_inside.h"

/* ---- the recipient ---- */

static bool meant_postmaster_is_ours(struct reference *r)
{
	return r->policy->has_postmaster && reference_is_ours(r, &r->policy->postmaster);
}

bool reference_is_foreign(struct reference *r)
{
	const struct mailbox *recipient = &r->facts->recipient;

	if (recipient->is_postmaster)
		return r->policy->has_postmaster && !meant_postmaster_is_ours(r);
	return !reference_is_ours(r, recipient);
}

const struct domain_row *reference_domain(struct reference *r)
{
	for (size_t i = 0; i < r->policy->domains.count; i++)
		if (slice_is(r->policy->domains.at[i].name, r->facts->recipient.domain))
			return &r->policy->domains.at[i];
	return NULL;
}

bool reference_is_in_boxes(struct reference *r, const struct domain_row *domain, bool tagged)
{
	const struct map *entries = r->policy->lists.at[domain->list].entries;
	struct slice key = reference_one_form(r, &r->facts->recipient, tagged);
	struct slice local = slice_part(key, 0, key.len - domain->name.len);

	return map_get(entries, key) || map_get(entries, local);
}

static int unknown_recipient(struct reference *r)
{
	const struct mailbox *recipient = &r->facts->recipient;
	const struct domain_row *domain = reference_domain(r);
	const struct fact_answer *answer;

	if (recipient->is_postmaster)
		return yes_no(!r->policy->has_postmaster);
	if (!domain)
		return NO;
	struct slice local = slice_part(reference_one_form(r, recipient, false), 0, SIZE_MAX);
	if (slice_starts(local, SLICE("postmaster@")))
		return NO;
	switch (domain->known) {
	case KNOWN_ANY: return NO;
	case KNOWN_LISTED:
		return yes_no(!reference_is_in_boxes(r, domain, true) &&
			      !reference_is_in_boxes(r, domain, false));
	case KNOWN_ACCOUNTS:
	case KNOWN_ASKED:
		answer = reference_heard(r, FACT_MAILBOX, SLICE_NONE);
		return answer ? yes_no(!answer->yes) : MAYBE;
	}
	return NO;
}

/* ---- what others say ---- */

static int in_zone(struct reference *r, enum fact fact, const struct node *node)
{
	const struct fact_answer *answer = reference_heard(r, fact, node->text);
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
	const struct fact_answer *answer = reference_heard(r, fact, SLICE_NONE);

	if (!answer || slice_is(answer->text, SLICE("temperror")) || answer->text.len == 0)
		return MAYBE;
	return yes_no(slice_is(answer->text, wanted));
}

static int client_name(struct reference *r, const struct slice *pattern)
{
	const struct fact_answer *answer = reference_heard(r, FACT_CLIENT_NAME, SLICE_NONE);
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
	const struct fact_answer *answer = reference_heard(r, FACT_GROUPS, SLICE_NONE);
	bool member = false;

	if (r->facts->has_account && r->facts->account.len == 0)
		return NO;
	for (size_t i = 0; answer && i < answer->text_count; i++)
		member |= slice_is_nocase(answer->texts[i], group);
	return answer ? yes_no(member) : MAYBE;
}

/* ---- atoms ---- */

int reference_has_credential(struct reference *r, const struct clause *clause)
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
	return reference_atom_is(r, &node);
}

bool reference_has_ended(struct reference *r, const struct clause *clause)
{
	return r->facts->now != 0 && clause->place.until <= r->facts->now;
}

static int trusted(struct reference *r)
{
	int value = NO;

	for (size_t i = 0; i < r->policy->clauses.count; i++) {
		const struct clause *clause = &r->policy->clauses.at[i];
		if (clause->kind == CLAUSE_RELAY && !reference_has_ended(r, clause))
			value = most(value, reference_has_credential(r, clause));
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
	case ATOM_NETWORK: return client ? yes_no(reference_in_network(r, node->index)) : MAYBE;
	case ATOM_LOCAL:
		return client ? yes_no(facts->is_local &&
					(node->text.len == 0 ||
						slice_is(node->text, facts->local_user)))
			      : MAYBE;
	case ATOM_TRUSTED: return client ? trusted(r) : MAYBE;
	case ATOM_CLIENT_NAMED: return client_name(r, &node->text);
	case ATOM_CLIENT_UNNAMED: return client_name(r, NULL);
	case ATOM_LISTENER: return yes_no(slice_is(facts->listener, node->text));
	case ATOM_RECENT_POP: return reference_has_lease(r, (mono_ns)node->number);
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
		answer = reference_heard(r, FACT_SENDER_UNREACHABLE, SLICE_NONE);
		return r->facts->has_sender && !domain ? NO : answer ? yes_no(answer->yes) : MAYBE;
	default: break;
	}
	if (!r->facts->has_sender)
		return MAYBE;
	switch (node->atom) {
	case ATOM_SENDER:
		return yes_no(reference_is_address(
			r, sender, arena_format(r->arena, "%.*s", SLICE_ARGS(node->text))));
	case ATOM_SENDER_DOMAIN:
		return yes_no(!sender->is_null && slice_is(sender->domain, node->text));
	case ATOM_SENDER_NULL: return yes_no(sender->is_null);
	case ATOM_SENDER_IN: return yes_no(reference_is_in_file(r, sender, node->index));
	case ATOM_SENDER_OURS: return yes_no(reference_is_ours(r, sender));
	case ATOM_SENDER_OWNED: return reference_owned(r, sender, false);
	case ATOM_SENDER_NOT_OWNED: return reference_not_owned(r, sender, false);
	default: return -1;
	}
}

static int from_atom(struct reference *r, const struct node *node)
{
	const struct mailbox *from = &r->facts->from;

	if (!r->facts->has_from)
		return MAYBE;
	switch (node->atom) {
	case ATOM_FROM: return yes_no(reference_is_address(r, from, node->text));
	case ATOM_FROM_DOMAIN: return yes_no(slice_is(from->domain, node->text));
	case ATOM_FROM_IN: return yes_no(reference_is_in_file(r, from, node->index));
	case ATOM_FROM_OURS: return yes_no(reference_is_ours(r, from));
	case ATOM_FROM_OWNED: return reference_authors_owned(r);
	case ATOM_FROM_NOT_OWNED: return reference_authors_not_owned(r);
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
		return yes_no(reference_is_address(r, target, node->text) ||
			      reference_is_address(r, written, node->text));
	case ATOM_RECIPIENT_DOMAIN:
		return yes_no(slice_is(target->domain, node->text) ||
			      slice_is(written->domain, node->text));
	case ATOM_RECIPIENT_IN:
		return yes_no(reference_is_in_file(r, target, node->index) ||
			      reference_is_in_file(r, written, node->index));
	case ATOM_RECIPIENT_OURS: return yes_no(!reference_is_foreign(r));
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
		answer = reference_heard(r, FACT_SCORE, SLICE_NONE);
		return answer ? yes_no(answer->number > node->number) : MAYBE;
	case ATOM_VIRUS:
		answer = reference_heard(r, FACT_VIRUS, SLICE_NONE);
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

int reference_atom_is(struct reference *r, const struct node *node)
{
	static int (*const kinds[])(struct reference *, const struct node *) = {
		client_atom, zone_atom, recipient_atom, message_atom, sender_atom, from_atom};
	static const enum atom first_sender = ATOM_SENDER,
			       last_sender = ATOM_SENDER_DOMAIN_UNREACHABLE;
	enum atom atom = (enum atom)node->atom;
	int value = reference_given_is(r, node);

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
