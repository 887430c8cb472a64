/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples: one value of each kind that a policy can tell from others (policy.h, policy_samples()).
 * Decisions over all combinations of two policies' samples show where these differ.
 */
#include "policy/atoms.h"

struct sampling {
	const struct policy *policy;
	struct arena *arena;
	struct samples *samples;
	struct map *seen; /* of texts, by kind and text */
};

/* ---- texts ---- */

static void add_text(struct sampling *s, struct sample_texts *texts, char kind, struct slice text)
{
	if (text.len == 0 || texts->count == SAMPLES_MAX)
		return;
	struct slice key = arena_format(s->arena, "%c%.*s", kind, SLICE_ARGS(text));
	if (map_put(s->seen, key, s))
		return;
	texts->at[texts->count++] = slice_from(key, 1);
}

static void add_sender(struct sampling *s, struct slice text)
{
	add_text(s, &s->samples->senders, 's', text);
}

static void add_recipient(struct sampling *s, struct slice text)
{
	add_text(s, &s->samples->recipients, 'r', text);
}

static struct slice at_domain(struct sampling *s, const char *local, struct slice domain)
{
	return arena_format(s->arena, "%s@%.*s", local, SLICE_ARGS(domain));
}

/* An entry of a list is an address, a domain, or "local@" of any domain. */
static void add_entry(struct sampling *s, struct slice entry, bool sender)
{
	struct slice text = entry;

	if (entry.len == 0 || entry.at[entry.len - 1] == '@')
		return;
	if (!slice_has(entry, '@'))
		text = at_domain(s, "somebody", entry);
	if (sender)
		add_sender(s, text);
	else
		add_recipient(s, text);
}

/* ---- clients ---- */

static void add_client(struct sampling *s, const struct address *address)
{
	struct samples *samples = s->samples;

	for (size_t i = 0; i < samples->client_count; i++)
		if (address_is(&samples->clients[i], address))
			return;
	if (samples->client_count < SAMPLES_MAX)
		samples->clients[samples->client_count++] = *address;
}

static void add_network(struct sampling *s, const struct network *net)
{
	struct address last = network_last(net);

	add_client(s, &net->base);
	add_client(s, &last);
}

/* Both ends of every piece: with those of the other policy, whatever one has and the other not. */
static void sample_clients(struct sampling *s)
{
	for (size_t i = 0; i < s->policy->networks.count; i++) {
		const struct network_row *row = &s->policy->networks.at[i];
		for (size_t j = 0; j < row->net_count; j++)
			add_network(s, &row->nets[j]);
	}
	for (size_t i = 0; i < s->policy->nodes.count; i++) {
		const struct node *node = &s->policy->nodes.at[i];
		if (node->kind == NODE_ATOM && node->atom == ATOM_CLIENT)
			add_network(s, &node->net);
	}
}

/* ---- atoms ---- */

/* A text that the pattern matches. */
static struct slice matching(struct sampling *s, struct slice pattern)
{
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < pattern.len; i++)
		text_char(&text, pattern.at[i] == '*' ? 'x' : pattern.at[i]);
	struct slice found = arena_slice(s->arena, text_slice(&text));
	text_free(&text);
	return found;
}

static void sample_sender(struct sampling *s, const struct node *node)
{
	add_sender(s, node->text);
}

static void sample_sender_domain(struct sampling *s, const struct node *node)
{
	add_sender(s, at_domain(s, "somebody", node->text));
}

static void sample_sender_list(struct sampling *s, const struct node *node)
{
	add_entry(s, s->policy->lists.at[node->index].example, true);
}

static void sample_recipient(struct sampling *s, const struct node *node)
{
	add_recipient(s, node->text);
}

static void sample_recipient_domain(struct sampling *s, const struct node *node)
{
	add_recipient(s, at_domain(s, "somebody", node->text));
}

static void sample_recipient_list(struct sampling *s, const struct node *node)
{
	add_entry(s, s->policy->lists.at[node->index].example, false);
}

static void sample_helo(struct sampling *s, const struct node *node)
{
	add_text(s, &s->samples->helos, 'h', matching(s, node->text));
}

static void sample_account(struct sampling *s, const struct node *node)
{
	add_text(s, &s->samples->accounts, 'a', node->text);
}

static void sample_group(struct sampling *s, const struct node *node)
{
	add_text(s, &s->samples->groups, 'g', node->text);
}

static void sample_size(struct sampling *s, const struct node *node)
{
	struct samples *samples = s->samples;
	uint64_t size = node->number + 1;

	for (size_t i = 0; i < samples->size_count; i++)
		if (samples->sizes[i] == size)
			return;
	if (samples->size_count < SAMPLE_NUMBERS_MAX)
		samples->sizes[samples->size_count++] = size;
}

/* What others are asked is varied by the one who tries. */
static const struct {
	enum atom atom;
	void (*sample)(struct sampling *s, const struct node *node);
} samplers[] = {
	{ATOM_SENDER, sample_sender},
	{ATOM_FROM, sample_sender},
	{ATOM_SENDER_DOMAIN, sample_sender_domain},
	{ATOM_FROM_DOMAIN, sample_sender_domain},
	{ATOM_SENDER_IN, sample_sender_list},
	{ATOM_FROM_IN, sample_sender_list},
	{ATOM_RECIPIENT, sample_recipient},
	{ATOM_RECIPIENT_DOMAIN, sample_recipient_domain},
	{ATOM_RECIPIENT_IN, sample_recipient_list},
	{ATOM_HELO, sample_helo},
	{ATOM_ACCOUNT, sample_account},
	{ATOM_GROUP, sample_group},
	{ATOM_SIZE, sample_size},
};

static void sample_atom(struct sampling *s, const struct node *node)
{
	for (size_t i = 0; i < sizeof samplers / sizeof *samplers; i++)
		if (samplers[i].atom == (enum atom)node->atom)
			samplers[i].sample(s, node);
}

static void sample_atoms(struct sampling *s)
{
	for (size_t i = 0; i < s->policy->nodes.count; i++)
		if (s->policy->nodes.at[i].kind == NODE_ATOM && !s->policy->nodes.at[i].is_given)
			sample_atom(s, &s->policy->nodes.at[i]);
}

/* ---- clauses and definitions ---- */

static void sample_credential(struct sampling *s, const struct clause *clause)
{
	struct samples *samples = s->samples;

	switch (clause->credential) {
	case CREDENTIAL_ACCOUNT: add_text(s, &samples->accounts, 'a', clause->name); return;
	case CREDENTIAL_GROUP: add_text(s, &samples->groups, 'g', clause->name); return;
	case CREDENTIAL_LOCAL:
	case CREDENTIAL_LOCAL_USER:
		add_text(s, &samples->locals, 'l',
			clause->name.len ? clause->name : SLICE("somebody"));
		return;
	case CREDENTIAL_RECENT_POP: samples->has_leases = true; return;
	case CREDENTIAL_NETWORK:
	case CREDENTIAL_AUTHENTICATED:
	case CREDENTIAL_CERTIFICATE: return;
	}
}

static void sample_clauses(struct sampling *s)
{
	for (size_t i = 0; i < s->policy->clauses.count; i++) {
		const struct clause *clause = &s->policy->clauses.at[i];
		if (clause->kind == CLAUSE_RELAY)
			sample_credential(s, clause);
		if (clause->kind == CLAUSE_FORWARD)
			add_recipient(s, clause->forward_address);
	}
	for (size_t i = 0; i < s->policy->certificates.count; i++)
		add_text(s, &s->samples->certificates, 'c',
			s->policy->certificates.at[i].fingerprint);
}

static void sample_owned(struct sampling *s, const struct owned *owned)
{
	switch (owned->kind) {
	case OWNED_ADDRESS:
		add_sender(s, slice_starts(owned->text, SLICE("*@"))
				      ? at_domain(s, "somebody", slice_from(owned->text, 2))
				      : owned->text);
		return;
	case OWNED_DOMAIN: add_sender(s, at_domain(s, "somebody", owned->text)); return;
	case OWNED_LIST: add_entry(s, s->policy->lists.at[owned->list].example, true); return;
	case OWNED_ANY_SENDER:
	case OWNED_ANY_AUTHOR: return;
	}
}

static void sample_owners(struct sampling *s)
{
	for (size_t i = 0; i < s->policy->networks.count; i++)
		for (size_t j = 0; j < s->policy->networks.at[i].owns_count; j++)
			sample_owned(s, &s->policy->networks.at[i].owns[j]);
	for (size_t i = 0; i < s->policy->certificates.count; i++)
		for (size_t j = 0; j < s->policy->certificates.at[i].owns_count; j++)
			sample_owned(s, &s->policy->certificates.at[i].owns[j]);
}

static void sample_domain(struct sampling *s, const struct domain_row *domain)
{
	struct slice name = domain->below ? at_domain(s, "sub", domain->name) : domain->name;

	if (domain->below) /* "sub@x" to "sub.x" */
		name = arena_format(s->arena, "sub.%.*s", SLICE_ARGS(domain->name));
	add_sender(s, at_domain(s, "somebody", name));
	add_recipient(s, at_domain(s, "postmaster", name));
	add_recipient(s, at_domain(s, "nobody-of-this-name", name));
	if (domain->known != KNOWN_LISTED)
		return;
	struct slice example = s->policy->lists.at[domain->list].example;
	if (example.len && example.at[example.len - 1] == '@')
		example = arena_format(s->arena, "%.*s%.*s", SLICE_ARGS(example), SLICE_ARGS(name));
	add_recipient(s, example);
}

static void sample_domains(struct sampling *s)
{
	for (size_t i = 0; i < s->policy->domains.count; i++)
		sample_domain(s, &s->policy->domains.at[i]);
	for (size_t i = 0; i < s->policy->aliases.count; i++)
		for (size_t j = 0; j < s->policy->aliases.at[i].count && j < 20; j++)
			add_entry(s, s->policy->aliases.at[i].rows[j].name, false);
}

void policy_samples(const struct policy *policy, struct arena *arena, struct samples *samples)
{
	struct sampling s = {policy, arena, samples, map_new(policy->seed)};

	*samples = (struct samples){.clients = ARENA_ARRAY(arena, struct address, SAMPLES_MAX)};
	struct sample_texts *const texts[] = {&samples->senders, &samples->recipients,
		&samples->helos, &samples->accounts, &samples->groups, &samples->certificates,
		&samples->locals};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		texts[i]->at = ARENA_ARRAY(arena, struct slice, SAMPLES_MAX);
	sample_clients(&s);
	sample_atoms(&s);
	sample_clauses(&s);
	sample_owners(&s);
	sample_domains(&s);
	map_free(s.seen);
}
