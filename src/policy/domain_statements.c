/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is ours:
 *
 *	domain = "domain" ( "in" STRING | DOMAIN { DOMAIN } ) known [ "aliases" STRING ]
 *	         "deliver" target
 *	known  = "mailboxes" ( STRING | "accounts" | "asked" ) | "any" "recipient"
 */
#include "policy/statements.h"

/* A name of the statement: a word, or a line of the file of `domain in`. */
struct domain_name {
	struct slice name;
	bool below;
	struct token token;
};
struct domain_names {
	TABLE(struct domain_name) names;
};

/* ---- names ---- */

/* "example.org", "*.example.org"; false if it is neither. */
static bool name_parse(struct parser *p, struct slice text, struct domain_name *name)
{
	struct address address;

	name->below = slice_starts(text, SLICE("*."));
	if (name->below)
		text = slice_from(text, 2);
	return !address_parse(text, &address) &&
	       domain_normalise(text, p->policy->arena, &name->name);
}

static void name_below_read(struct parser *p, struct domain_name *name)
{
	if (name_parse(p, name->token.text, name)) {
		p->at++;
		p->expected_count = 0;
	} else {
		parser_fail_format(p, &name->token, "like *.example.org, without a last dot",
			"\"%.*s\" is no domain", SLICE_ARGS(slice_part(name->token.text, 0, 80)));
	}
}

static bool name_stands_here(const struct parser *p)
{
	const struct token *token = parser_peek(p);

	return token->kind == TOKEN_STRING ||
	       (token->kind == TOKEN_WORD && slice_has(token->text, '.'));
}

static void names_read(struct parser *p, struct domain_names *names)
{
	do {
		struct domain_name name = {.token = *parser_peek(p)};
		if (name.token.kind == TOKEN_WORD && slice_starts(name.token.text, SLICE("*.")))
			name_below_read(p, &name);
		else
			name.name = parser_domain(p, "a domain");
		*TABLE_ADD(p->arena, &names->names) = name;
	} while (!p->failed && name_stands_here(p));
}

/* The names in a file: one a line, `#` comments. They are part of the policy, so the file's lines
 * are what is complained about. */
static void names_of_file(struct parser *p, struct domain_names *names)
{
	const struct token *token = parser_peek(p);
	struct slice path = parser_string(p, "a file's path in quotes");
	struct lines lines = lines_of(parser_file(p, token, path));

	while (lines_next(&lines)) {
		struct domain_name name = {.token = lines_token(&lines, p->arena, path)};
		if (name_parse(p, lines.entry, &name))
			*TABLE_ADD(p->arena, &names->names) = name;
		else
			complain_at(p->complaints, SEVERITY_ERROR, &name.token,
				SLICE("this is no domain"), SLICE("one domain a line"));
	}
}

/* ---- the rows ---- */

static void known_read(struct parser *p, struct domain_row *row)
{
	if (parser_word(p, "any")) {
		parser_need(p, "recipient");
		row->known = KNOWN_ANY;
		return;
	}
	if (!parser_need(p, "mailboxes"))
		return;
	if (parser_word(p, "accounts")) {
		row->known = KNOWN_ACCOUNTS;
	} else if (parser_word(p, "asked")) {
		row->known = KNOWN_ASKED;
	} else {
		row->known = KNOWN_LISTED;
		row->list = parser_list(p, true);
	}
}

static void aliases_read(struct parser *p, struct domain_row *row)
{
	if (!parser_word(p, "aliases"))
		return;
	row->aliases = parser_aliases(p);
	row->has_aliases = true;
}

static void row_add(struct parser *p, struct domain_row row, const struct domain_name *name)
{
	struct policy *policy = p->policy;
	struct map *known = name->below ? policy->below_names : policy->domain_names;

	row.name = name->name;
	row.below = name->below;
	row.token = name->token;
	const void *other = map_get(known, name->name);
	if (other) {
		const struct token *first = &policy->domains.at[(uintptr_t)other - 1].token;
		parser_fail_format(p, &name->token, "one `domain` for each name",
			"the domain %s%.*s is declared already, at %.*s:%u",
			name->below ? "*." : "", SLICE_ARGS(name->name), SLICE_ARGS(first->file),
			first->line);
	}
	if (p->failed)
		return;
	*TABLE_ADD(policy->arena, &policy->domains) = row;
	map_put(known, row.name, (void *)(uintptr_t)policy->domains.count);
}

/* A folder is nobody who could be asked. */
static void way_read(struct parser *p, struct domain_row *row)
{
	const struct token *token = parser_peek(p);

	row->target = parser_target(p);
	if (!p->failed && row->known == KNOWN_ASKED && row->target.kind == ROUTE_MAILDIR)
		parser_fail(p, token,
			SLICE("`mailboxes asked` asks the next hop, and a Maildir has none"),
			SLICE("`mailboxes \"FILE\"`, `mailboxes accounts` or `any recipient`"));
}

void domain_statement(struct parser *p)
{
	struct domain_names names = {0};
	struct domain_row row = {.place = parser_place(p)};

	if (parser_word(p, "in"))
		names_of_file(p, &names);
	else
		names_read(p, &names);
	known_read(p, &row);
	aliases_read(p, &row);
	parser_need(p, "deliver");
	way_read(p, &row);
	for (size_t i = 0; i < names.names.count && !p->failed; i++)
		row_add(p, row, &names.names.at[i]);
}
