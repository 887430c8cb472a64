/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and words that come to nothing: mailboxes that no file names, `forward for` of somebody
 * else's domain, words that most clients cannot be shown. */
#include "policy/atoms.h"
#include "policy/check.h"

enum { SAY_MAX = 400 };

static struct domain_row *ours(const struct policy *policy, struct slice domain)
{
	return domain.len > 0 ? domain_find(policy, domain) : NULL;
}

/* Whether a key ("local@domain") is of a listed domain of ours, and neither listed nor an alias. */
static bool is_nobodys(const struct policy *policy, struct slice key, struct slice domain)
{
	const struct domain_row *row = ours(policy, domain);
	struct slice local = key_without_domain(key, domain);

	if (!row || row->known != KNOWN_LISTED || key.len <= domain.len)
		return false;
	if (row->has_aliases) {
		const struct map *names = policy->aliases.at[row->aliases].names;
		if (map_get(names, key) || map_get(names, local))
			return false;
	}
	const struct list_row *list = &policy->lists.at[row->list];
	return !list_has(list, key) && !list_has(list, local) && !slice_has(local, '+') &&
	       !slice_is(local, SLICE("postmaster@"));
}

static void owned_warn(const struct policy *policy, const struct owned *owns, size_t count,
	struct complaints *complaints)
{
	for (size_t i = 0; i < count; i++)
		if (owns[i].kind == OWNED_ADDRESS &&
			is_nobodys(policy, owns[i].text, owns[i].domain))
			complain_at(complaints, SEVERITY_WARNING, &owns[i].token,
				SLICE("no mailbox of ours has this address: answers to it, and "
				      "reports about its mail, go nowhere"),
				SLICE("an address that the domain's mailboxes name"));
}

static void recipients_warn(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->node_tokens.count; i++) {
		const struct node *node = &policy->nodes.at[i];
		bool named = node->kind == NODE_ATOM && node->atom == ATOM_RECIPIENT &&
			     is_nobodys(policy, node->text, node->domain);
		if (named)
			complain_at(complaints, SEVERITY_WARNING, &policy->node_tokens.at[i],
				SLICE("no mailbox of ours has this address, so mail to it is "
				      "refused without this"),
				SLICE("an address that the domain's mailboxes name"));
	}
}

/* ---- forward for ---- */

static void forward_warn(
	const struct policy *policy, const struct clause *clause, struct complaints *complaints)
{
	struct token token = token_of_place(&clause->place);
	size_t at = slice_find_last(clause->forward_address, '@');
	struct slice domain = clause->forward_domain.len > 0
				      ? clause->forward_domain
				      : slice_from(clause->forward_address, at + 1);
	const struct domain_row *row = ours(policy, domain);

	if (!row)
		complain_at(complaints, SEVERITY_WARNING, &token,
			SLICE("this is no domain of ours, so there are no aliases to forward for"),
			SLICE("a `domain` line that declares it, or no such line"));
	else if (!row->has_aliases)
		complain_at(complaints, SEVERITY_WARNING, &token,
			SLICE("the domain has no `aliases`, so nothing is forwarded"),
			SLICE("`aliases` in its `domain` line, or no such line"));
}

/* ---- words ---- */

static bool is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_print(text.at[i]))
			return false;
	return true;
}

static void say_warn(const struct clause *clause, struct complaints *complaints)
{
	struct token token = token_of_place(&clause->place);

	if (!is_ascii(clause->say))
		complain_at(complaints, SEVERITY_WARNING, &token,
			SLICE("the words of `say` are not all ASCII: only clients that use "
			      "SMTPUTF8 see them, others a ? for each character"),
			SLICE("plain ASCII"));
	if (clause->say.len > SAY_MAX)
		complain_at(complaints, SEVERITY_WARNING, &token,
			SLICE("the words of `say` do not fit a reply line and will be cut"),
			SLICE("at most 400 characters"));
}

/* ---- domains ---- */

static void domain_note(
	const struct policy *policy, const struct domain_row *row, struct complaints *complaints)
{
	if (row->known == KNOWN_ANY)
		complain_at(complaints, SEVERITY_NOTE, &row->token,
			SLICE("`any recipient`: mail to every address of this domain is accepted"),
			SLICE_NONE);
	else if (row->known == KNOWN_ACCOUNTS && policy->settings.accounts_kind.len == 0)
		complain_at(complaints, SEVERITY_WARNING, &row->token,
			SLICE("nobody is known in this domain: the file names no accounts"),
			SLICE("a line like: accounts sqlite \"/var/lib/postern/accounts.db\""));
	else if (row->known == KNOWN_LISTED && map_count(policy->lists.at[row->list].entries) == 0)
		complain_at(complaints, SEVERITY_WARNING, &row->token,
			SLICE("the file of this domain's mailboxes names nobody"),
			SLICE("one address or local part a line"));
}

/* ---- signing in ---- */

static void accounts_warn(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->listens.count; i++) {
		enum service service = policy->listens.at[i].service;
		bool signs_in = service == SERVICE_SUBMISSION || service == SERVICE_SUBMISSIONS ||
				service == SERVICE_POP3 || service == SERVICE_POP3S ||
				service == SERVICE_GRANTS;
		if (!signs_in || policy->settings.accounts_kind.len > 0)
			continue;
		complain_at(complaints, SEVERITY_WARNING, &policy->listen_tokens.at[i],
			SLICE("nobody can sign in there: the file names no accounts"),
			SLICE("a line like: accounts sqlite \"/var/lib/postern/accounts.db\""));
		return;
	}
}

void parties_check(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->domains.count; i++)
		domain_note(policy, &policy->domains.at[i], complaints);
	for (size_t i = 0; i < policy->networks.count; i++)
		owned_warn(policy, policy->networks.at[i].owns, policy->networks.at[i].owns_count,
			complaints);
	for (size_t i = 0; i < policy->certificates.count; i++)
		owned_warn(policy, policy->certificates.at[i].owns,
			policy->certificates.at[i].owns_count, complaints);
	recipients_warn(policy, complaints);
	for (size_t i = 0; i < policy->clauses.count; i++) {
		say_warn(&policy->clauses.at[i], complaints);
		if (policy->clauses.at[i].kind == CLAUSE_FORWARD)
			forward_warn(policy, &policy->clauses.at[i], complaints);
	}
	accounts_warn(policy, complaints);
}
