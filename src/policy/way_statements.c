/* SPDX-License-Identifier: Apache-2.0 */
/* How mail leaves: targets, `deliver` and `sign`. */
#include "policy/atoms.h"
#include "policy/statements.h"

/* ---- targets ---- */

static void tls_read(struct parser *p, struct target *target)
{
	if (parser_word(p, "off")) {
		target->tls = ROUTE_TLS_OFF;
	} else if (parser_word(p, "may")) {
		target->tls = ROUTE_TLS_MAY;
	} else if (parser_word(p, "verified")) {
		target->tls = ROUTE_TLS_VERIFIED;
	} else if (parser_word(p, "dane")) {
		target->tls = ROUTE_TLS_DANE;
		parser_later(p, parser_last(p), LATER_TLS_DANE);
	} else {
		parser_unexpected(p);
	}
}

/* No longer than a job to out may carry. */
static struct slice login_word(struct parser *p, const char *expected)
{
	struct slice word = parser_string(p, expected);

	if (!p->failed && word.len > ROUTE_LOGIN_MAX)
		parser_fail_format(p, parser_last(p), expected, "this has %zu octets: 1 to %d",
			word.len, ROUTE_LOGIN_MAX);
	return word;
}

/* login STRING password-file STRING; the file is read by whoever signs in. */
static void login_read(struct parser *p, struct target *target)
{
	target->login = login_word(p, "the name to sign in as, in quotes");
	if (parser_need(p, "password-file"))
		target->password_file = login_word(p, "a file's path in quotes");
}

/* A password never goes to whoever answers there. */
static void login_check(struct parser *p, const struct target *target, const struct token *login)
{
	bool sure = target->tls == ROUTE_TLS_VERIFIED || target->tls == ROUTE_TLS_DANE;

	if (!p->failed && target->kind == ROUTE_MX)
		parser_fail(p, login, SLICE("one does not sign in at the servers of any domain"),
			SLICE("`via \"host:port\"` for the server that knows this name"));
	else if (!p->failed && !sure)
		parser_fail(p, login,
			SLICE("a password is sent only to a server whose certificate is verified"),
			SLICE("`tls verified` or `tls dane` beside `login`"));
}

static void options_read(struct parser *p, struct target *target)
{
	const struct token *login = NULL, *tls = NULL;

	for (;;) {
		const struct token *token = parser_peek(p);
		if (!tls && parser_word(p, "tls")) {
			tls = token;
			tls_read(p, target);
		} else if (!login && parser_word(p, "login")) {
			login = token;
			login_read(p, target);
		} else {
			break;
		}
	}
	if (login)
		login_check(p, target, login);
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

/* "host:port", or the path of a socket. */
static struct target lmtp_read(struct parser *p)
{
	struct target target = {.kind = ROUTE_LMTP};
	struct text hosts = TEXT_GROWING;
	const struct token *token = parser_peek(p);

	bool is_path = token->kind == TOKEN_STRING && slice_starts(token->text, SLICE("/"));
	if (is_path) {
		target.hosts = parser_string(p, "a path");
		return target;
	}
	host_read(p, &hosts);
	if (!p->failed && !slice_has(token->text, ':'))
		parser_fail(p, token, SLICE("LMTP has no port of its own"),
			SLICE("\"host:port\", or a socket's path that begins with /"));
	target.hosts = arena_slice(p->policy->arena, text_slice(&hosts));
	text_free(&hosts);
	return target;
}

struct target parser_target(struct parser *p)
{
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
		return lmtp_read(p);
	parser_unexpected(p);
	return (struct target){0};
}

/* ---- deliver ---- */

/* doc/policy.md, "How mail leaves": the more specific, the higher. */
static unsigned rank_of(const struct policy *policy, uint32_t condition)
{
	static const unsigned ranks[ATOMS] = {
		[ATOM_SENDER] = 5,
		[ATOM_SENDER_DOMAIN] = 4,
		[ATOM_ACCOUNT] = 3,
		[ATOM_GROUP] = 2,
		[ATOM_NETWORK] = 1,
	};
	const struct node *node = &policy->nodes.at[condition];

	return node->kind == NODE_ATOM ? ranks[node->atom] : 0;
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
			SLICE("one of `sender \"a@b\"`, `sender domain D`, `account \"NAME\"`, "
			      "`group NAME`, `network NAME`"));
}

static struct slice domain_or_any(struct parser *p)
{
	return parser_word(p, "*") ? SLICE("*") : parser_domain(p, "a domain");
}

void deliver_statement(struct parser *p)
{
	struct deliver_row row = {
		.token = *parser_peek(p), .condition = NO_NODE, .place = parser_place(p)};

	row.domain = domain_or_any(p);
	if (parser_word(p, "if"))
		condition_of_way(p, &row);
	row.target = parser_target(p);
	if (!p->failed)
		*TABLE_ADD(p->policy->arena, &p->policy->delivers) = row;
}

/* ---- sign ---- */

/* `sign *` needs %d in the key's path, since each domain has its own key. */
static void key_path_read(struct parser *p, struct sign_row *row)
{
	const struct token *token = parser_peek(p);
	bool any = slice_is(row->domain, SLICE("*")), has_domain = false;

	row->key_path = parser_string(p, "the key's path in quotes");
	for (size_t i = 0; i < row->key_path.len && !p->failed; i++) {
		if (row->key_path.at[i] != '%')
			continue;
		has_domain = i + 1 < row->key_path.len && row->key_path.at[i + 1] == 'd';
		if (!has_domain)
			parser_fail(p, token, SLICE("a % that stands for nothing"),
				SLICE("%d for the author's domain"));
		i++;
	}
	if (!p->failed && any && !has_domain)
		parser_fail(p, token,
			SLICE("one key would sign for every domain, and receivers look it up under "
			      "each"),
			SLICE("%d in the path, for the author's domain"));
}

void sign_statement(struct parser *p)
{
	struct sign_row row = {
		.token = *parser_peek(p), .condition = NO_NODE, .place = parser_place(p)};

	parser_later(p, &p->statement.tokens[0], LATER_SIGN);
	row.domain = domain_or_any(p);
	if (parser_word(p, "if"))
		row.condition = parser_condition(p);
	parser_need(p, "selector");
	row.selector = parser_name(p, "a selector");
	parser_need(p, "key");
	key_path_read(p, &row);
	if (!p->failed)
		*TABLE_ADD(p->policy->arena, &p->policy->signs) = row;
}
