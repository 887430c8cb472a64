/* SPDX-License-Identifier: Apache-2.0 */
/* An atom in the policy's own words. */
#include "policy/atoms.h"

static void put_quoted(struct text *out, struct slice s)
{
	text_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '"' || s.at[i] == '\\')
			text_char(out, '\\');
		text_char(out, s.at[i]);
	}
	text_char(out, '"');
}

static void put_zone(struct text *out, const struct node *node)
{
	put_quoted(out, node->text);
	for (size_t i = 0; i < node->net_count; i++) {
		text_put(out, i ? SLICE(" ") : SLICE(" returning "));
		text_network(out, &node->nets[i]);
	}
}

static void put_argument(struct text *out, const struct policy *policy, const struct node *node)
{
	switch (atom_row((enum atom)node->atom)->argument) {
	case TAKES_NOTHING: return;
	case TAKES_NETWORK: text_network(out, &node->net); return;
	case TAKES_NETWORK_NAME: text_put(out, policy->networks.at[node->index].name); return;
	case TAKES_CERTIFICATE: text_put(out, policy->certificates.at[node->index].name); return;
	case TAKES_SERVICE:
	case TAKES_GROUP:
	case TAKES_DOMAIN:
	case TAKES_RESULT:
	case TAKES_POLICY: text_put(out, node->text); return;
	case TAKES_PATTERN:
	case TAKES_ADDRESS:
	case TAKES_ACCOUNT: put_quoted(out, node->text); return;
	case TAKES_LIST: put_quoted(out, policy->lists.at[node->index].path); return;
	case TAKES_SIZE:
	case TAKES_NUMBER: text_number(out, node->number); return;
	case TAKES_ZONE: put_zone(out, node); return;
	case TAKES_HEADER:
		put_quoted(out, node->text);
		text_char(out, ' ');
		put_quoted(out, node->domain);
		return;
	}
}

void text_atom(struct text *out, const struct policy *policy, const struct node *node)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);

	text_put(out, row->words);
	if (row->argument == TAKES_NOTHING)
		return;
	text_char(out, ' ');
	put_argument(out, policy, node);
}
