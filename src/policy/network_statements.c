/* SPDX-License-Identifier: Apache-2.0 */
/* Who there is: networks and client certificates, and what they own. */
#include <string.h>

#include "policy/statements.h"

/* ---- owns ---- */

static void owned_any(struct parser *p, struct owned *owned)
{
	if (parser_word(p, "sender"))
		owned->kind = OWNED_ANY_SENDER;
	else if (parser_word(p, "author"))
		owned->kind = OWNED_ANY_AUTHOR;
	else
		parser_unexpected(p);
}

/* Addresses become keys when all domains are known (owned.c). */
static void owned_address(struct parser *p, struct owned *owned)
{
	struct mailbox mailbox = parser_address(p, "an address in quotes");

	owned->kind = OWNED_ADDRESS;
	owned->text = mailbox.text;
	owned->domain = mailbox.domain;
}

/* False if nothing that can be owned stands here. */
static bool owned_read(struct parser *p, struct owned *owned)
{
	*owned = (struct owned){.token = *parser_peek(p)};
	if (parser_word(p, "domain")) {
		owned->kind = OWNED_DOMAIN;
		owned->text = parser_domain(p, "a domain");
	} else if (parser_word(p, "in")) {
		owned->kind = OWNED_LIST;
		owned->list = parser_list(p, false);
	} else if (parser_word(p, "any")) {
		owned_any(p, owned);
	} else if (!parser_at_end(p) && parser_peek(p)->kind == TOKEN_STRING) {
		owned_address(p, owned);
	} else {
		parser_expect(p, SLICE("an address in quotes"));
		return false;
	}
	return !p->failed;
}

void parser_owns(struct parser *p, struct owned **owns, size_t *count)
{
	TABLE(struct owned) rows = {0};
	struct owned owned;

	*owns = NULL;
	*count = 0;
	if (!parser_word(p, "owns"))
		return;
	while (owned_read(p, &owned))
		*TABLE_ADD(p->policy->arena, &rows) = owned;
	if (rows.count == 0)
		parser_unexpected(p);
	*owns = rows.at;
	*count = rows.count;
}

/* ---- network ---- */

static void nets_read(struct parser *p, struct network_row *row)
{
	TABLE(struct network) nets = {0};
	TABLE(struct token) tokens = {0};
	struct network net;

	while (parser_network(p, "an address or a network", &net)) {
		*TABLE_ADD(p->policy->arena, &nets) = net;
		*TABLE_ADD(p->policy->arena, &tokens) = *parser_last(p);
	}
	if (nets.count == 0)
		parser_unexpected(p);
	row->nets = nets.at;
	row->net_tokens = tokens.at;
	row->net_count = nets.count;
}

static void declared_already(struct parser *p, const struct token *token, const char *kind,
	const struct token *first, const char *right)
{
	parser_fail_format(p, token, right, "the %s \"%.*s\" is declared already, at %.*s:%u", kind,
		SLICE_ARGS(token->text), SLICE_ARGS(first->file), first->line);
}

void network_statement(struct parser *p)
{
	struct policy *policy = p->policy;
	struct network_row row = {.name_token = *parser_peek(p)};

	row.name = parser_name(p, "a name for the network");
	nets_read(p, &row);
	row.shared = parser_word(p, "shared");
	parser_owns(p, &row.owns, &row.owns_count);
	const struct network_row *other = map_get(policy->network_names, row.name);
	if (other)
		other = &policy->networks.at[(size_t)(uintptr_t)other - 1];
	if (other && !p->failed)
		declared_already(p, &row.name_token, "network", &other->name_token,
			"another name, or all pieces in one line");
	if (other || row.name.len == 0)
		return;
	*TABLE_ADD(policy->arena, &policy->networks) = row;
	map_put(policy->network_names, row.name, (void *)(uintptr_t)policy->networks.count);
}

/* ---- certificate ---- */

enum { FINGERPRINT_DIGITS = 64, FINGERPRINT_LEAST = 4 };

static char hex_lower(char c)
{
	c = ascii_lower(c);
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f') ? c : '\0';
}

/* "SHA256:" and hex digits, with or without colons between them; empty if it is none. */
static struct slice fingerprint_of(struct parser *p, struct slice text)
{
	struct text out = {.at = arena_alloc(p->policy->arena, text.len + 8), .size = text.len + 8};
	size_t digits = 0;

	if (!slice_starts_nocase(text, SLICE("SHA256:")))
		return SLICE_NONE;
	text_put(&out, SLICE("SHA256:"));
	for (size_t i = strlen("SHA256:"); i < text.len; i++) {
		char c = hex_lower(text.at[i]);
		if (c)
			text_char(&out, c);
		else if (text.at[i] != ':')
			return SLICE_NONE;
		digits += c != '\0';
	}
	bool right = digits >= FINGERPRINT_LEAST && digits <= FINGERPRINT_DIGITS && digits % 2 == 0;
	return right ? text_slice(&out) : SLICE_NONE;
}

static struct slice fingerprint_read(struct parser *p)
{
	const struct token *token = parser_peek(p);
	struct slice text = parser_string(p, "a fingerprint in quotes, like \"SHA256:9f2c…\"");
	struct slice fingerprint = fingerprint_of(p, text);

	if (p->failed)
		return SLICE_NONE;
	if (fingerprint.len == 0)
		parser_fail_format(p, token, "\"SHA256:\" and 64 hexadecimal digits",
			"\"%.*s\" is no fingerprint", SLICE_ARGS(slice_part(text, 0, 100)));
	else if (fingerprint.len < strlen("SHA256:") + FINGERPRINT_DIGITS)
		complain_at(p->complaints, SEVERITY_WARNING, token,
			SLICE("a part of a fingerprint: no certificate has it, so this name stands "
			      "for nobody"),
			SLICE("all 64 hexadecimal digits of the certificate's SHA-256"));
	return fingerprint;
}

void certificate_statement(struct parser *p)
{
	struct policy *policy = p->policy;
	struct certificate_row row = {.name_token = *parser_peek(p)};

	row.name = parser_name(p, "a name for the certificate");
	row.fingerprint = fingerprint_read(p);
	if (parser_word(p, "account")) {
		row.account = parser_string(p, "an account's name in quotes");
		row.used = true;
	}
	parser_owns(p, &row.owns, &row.owns_count);
	const void *other = map_get(policy->certificate_names, row.name);
	if (other && !p->failed)
		declared_already(p, &row.name_token, "certificate",
			&policy->certificates.at[(uintptr_t)other - 1].name_token, "another name");
	if (other || row.name.len == 0)
		return;
	*TABLE_ADD(policy->arena, &policy->certificates) = row;
	map_put(policy->certificate_names, row.name, (void *)(uintptr_t)policy->certificates.count);
}
