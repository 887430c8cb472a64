/* SPDX-License-Identifier: Apache-2.0 */
/* How mail leaves: targets, and the `deliver` statement. */
#include "policy/atoms.h"
#include "policy/statements.h"

/* ---- targets ---- */

static void option_read(struct parser *p, struct target *target)
{
	const struct token *token = parser_peek(p);

	if (parser_word(p, "off"))
		target->tls = ROUTE_TLS_OFF;
	else if (parser_word(p, "may"))
		target->tls = ROUTE_TLS_MAY;
	else if (parser_word(p, "verified"))
		parser_not_built(p, token, "tls verified");
	else if (parser_word(p, "dane"))
		parser_not_built(p, token, "tls dane");
	else
		parser_unexpected(p);
}

static void options_read(struct parser *p, struct target *target)
{
	for (;;) {
		const struct token *token = parser_peek(p);
		if (parser_word(p, "tls"))
			option_read(p, target);
		else if (parser_word(p, "login"))
			parser_not_built(p, token, "login");
		else
			return;
	}
}

static bool host_is_good(struct parser *p, struct slice host)
{
	struct slice domain;
	struct address address;

	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		return address_parse(slice_part(host, 1, host.len - 1), &address) && !address.is_v4;
	return !slice_has(host, ' ') &&
	       (address_parse(host, &address) || domain_normalise(host, p->arena, &domain));
}

/* "host", "host:port", "[2001:db8::1]:port": written with its port. */
static void host_read(struct parser *p, struct text *hosts)
{
	struct slice text = parser_string(p, "a host in quotes, like \"relay.example:25\"");
	size_t colon = slice_find_last(text, ':');
	bool bracket_last = text.len > 0 && text.at[text.len - 1] == ']';
	uint64_t port = 25;

	if (p->failed)
		return;
	bool has_port = colon != SIZE_MAX && !bracket_last;
	struct slice host = has_port ? slice_part(text, 0, colon) : text;
	bool good = (!has_port || slice_number(slice_from(text, colon + 1), UINT16_MAX, &port)) &&
		    port > 0 && host_is_good(p, host) &&
		    (host.at[0] == '[' || !slice_has(host, ':'));
	if (!good)
		parser_fail_format(p, parser_last(p),
			"like \"relay.example\", \"192.0.2.1:25\", \"[2001:db8::1]:25\"",
			"\"%.*s\" is no host with a port", SLICE_ARGS(slice_part(text, 0, 80)));
	if (hosts->len > 0)
		text_char(hosts, ' ');
	text_put(hosts, host);
	text_format(hosts, ":%u", (unsigned)port);
}

static struct target hosts_read(struct parser *p)
{
	struct target target = {.kind = ROUTE_HOSTS, .tls = ROUTE_TLS_MAY, .port = 25};
	struct text hosts = TEXT_GROWING;

	do
		host_read(p, &hosts);
	while (!p->failed && parser_peek(p)->kind == TOKEN_STRING);
	target.hosts = arena_slice(p->policy->arena, text_slice(&hosts));
	text_free(&hosts);
	options_read(p, &target);
	return target;
}

static struct target mx_read(struct parser *p)
{
	struct target target = {.kind = ROUTE_MX, .tls = ROUTE_TLS_MAY, .port = 25};

	if (parser_word(p, "port")) {
		target.port = (uint16_t)parser_number(p, "a port", UINT16_MAX);
		if (!p->failed && target.port == 0)
			parser_fail(p, parser_last(p), SLICE("0 is no port to send to"),
				SLICE("1 to 65535"));
	}
	options_read(p, &target);
	return target;
}

static struct target maildir_read(struct parser *p)
{
	struct target target = {.kind = ROUTE_MAILDIR};
	struct slice pattern = parser_string(p, "a folder in quotes, like \"/var/mail/%d/%l\"");

	for (size_t i = 0; i < pattern.len && !p->failed; i++) {
		if (pattern.at[i] != '%')
			continue;
		i++;
		bool good = i < pattern.len && (pattern.at[i] == 'd' || pattern.at[i] == 'l');
		if (!good)
			parser_fail(p, parser_last(p), SLICE("a % that stands for nothing"),
				SLICE("%d for the domain, %l for the local part"));
	}
	target.hosts = pattern;
	return target;
}

struct target parser_target(struct parser *p)
{
	const struct token *token = parser_peek(p);

	if (parser_word(p, "via")) {
		if (parser_word(p, "mx"))
			return mx_read(p);
		return hosts_read(p);
	}
	if (parser_word(p, "smtp"))
		return hosts_read(p);
	if (parser_word(p, "maildir"))
		return maildir_read(p);
	if (parser_word(p, "lmtp"))
		parser_not_built(p, token, "deliver lmtp");
	else
		parser_unexpected(p);
	return (struct target){0};
}

/* ---- deliver ---- */

/* doc/policy.md, "How mail leaves": sender "a@b", sender domain D, (account, group,) network NAME,
 * none. */
static unsigned rank_of(const struct policy *policy, uint32_t condition)
{
	const struct node *node = &policy->nodes.at[condition];

	if (node->kind != NODE_ATOM)
		return 0;
	return node->atom == ATOM_SENDER          ? 5
	       : node->atom == ATOM_SENDER_DOMAIN ? 4
	       : node->atom == ATOM_NETWORK       ? 1
						  : 0;
}

static void condition_of_way(struct parser *p, struct deliver_row *row)
{
	const struct token *token = parser_peek(p);

	row->condition = parser_condition(p);
	if (p->failed)
		return;
	row->rank = rank_of(p->policy, row->condition);
	if (row->rank == 0)
		parser_fail(p, token, SLICE("a way is not chosen by this"),
			SLICE("one of `sender \"a@b\"`, `sender domain D`, `network NAME`"));
}

void deliver_statement(struct parser *p)
{
	struct deliver_row row = {
		.token = *parser_peek(p), .condition = NO_NODE, .place = parser_place(p)};

	if (parser_word(p, "*"))
		row.domain = SLICE("*");
	else
		row.domain = parser_domain(p, "a domain");
	if (parser_word(p, "if"))
		condition_of_way(p, &row);
	row.target = parser_target(p);
	if (!p->failed)
		*TABLE_ADD(p->policy->arena, &p->policy->delivers) = row;
}
