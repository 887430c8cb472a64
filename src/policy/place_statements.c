/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: included files, listeners, networks, domains. */
#include "policy/statements.h"

const char *service_text(enum service service)
{
	static const char *const names[SERVICES] = {
		[SERVICE_SMTP] = "smtp",
		[SERVICE_SUBMISSION] = "submission",
		[SERVICE_SUBMISSIONS] = "submissions",
		[SERVICE_LMTP] = "lmtp",
		[SERVICE_POP3] = "pop3",
		[SERVICE_POP3S] = "pop3s",
		[SERVICE_CONTROL] = "control",
		[SERVICE_WEB] = "web",
	};
	return names[service];
}

/* ---- include ---- */

static void file_include(struct parser *p, const struct token *token, struct slice path)
{
	const struct bundle_file *file = files_want(p->files, BUNDLE_CONFIGURATION, path);

	if (!file || file->missing) {
		parser_fail_format(p, token, "a file that can be read",
			"\"%.*s\" cannot be read: %.*s", SLICE_ARGS(slice_part(path, 0, 200)),
			SLICE_ARGS(file ? file->why : SLICE("it is not in the bundle")));
		return;
	}
	/* Also what keeps files that include each other from being read for ever. */
	if (map_put(p->included, file->path, p)) {
		parser_fail_format(p, token, "one `include` for each file",
			"\"%.*s\" is included already", SLICE_ARGS(slice_part(path, 0, 200)));
		return;
	}
	p->depth++;
	parser_read_file(p, file);
	p->depth--;
}

void include_statement(struct parser *p)
{
	const struct token *token = parser_peek(p);
	struct slice pattern = parser_string(p, "a path in quotes, like \"conf.d/*.conf\"");

	if (!parser_at_end(p)) {
		parser_expect(p, SLICE("the end of the statement"));
		parser_unexpected(p);
	}
	if (!p->failed && p->depth >= INCLUDE_DEPTH_MAX)
		parser_fail(p, token, SLICE("files include each other too deeply"),
			SLICE("no file that includes itself"));
	if (p->failed)
		return;
	struct slice paths = files_matching(p->files, pattern);
	while (paths.len > 0) {
		struct slice path = slice_cut(&paths, '\n');
		if (path.len > 0)
			file_include(p, token, path);
	}
}

/* ---- listen ---- */

static bool listen_address(struct slice text, struct listen_line *listen)
{
	uint64_t port;

	if (slice_starts(text, SLICE("*:"))) {
		listen->any = true;
		if (!slice_number(slice_from(text, 2), UINT16_MAX, &port))
			return false;
		listen->address.port = (uint16_t)port;
		return true;
	}
	return address_parse_port(text, &listen->address);
}

static void listen_twice(struct parser *p, const struct listen_line *listen)
{
	for (size_t i = 0; i < p->policy->listens.count; i++) {
		const struct listen_line *other = &p->policy->listens.at[i];
		bool same = other->any == listen->any &&
			    other->address.port == listen->address.port &&
			    (listen->any || address_is(&other->address, &listen->address));
		if (same && listen->address.port != 0)
			parser_fail(p, parser_last(p),
				SLICE("another `listen` has this address and port"),
				SLICE("one `listen` for each"));
	}
}

static void listen_read(struct parser *p)
{
	struct listen_line listen = {.service = SERVICE_SMTP};
	struct slice text = parser_string(p, "an address and port in quotes, like \"*:25\"");

	if (p->failed)
		return;
	if (!listen_address(text, &listen))
		parser_fail_format(p, parser_last(p),
			"like \"*:25\", \"192.0.2.1:25\", \"[::1]:25\"",
			"\"%.*s\" is no address with a port", SLICE_ARGS(slice_part(text, 0, 80)));
	listen_twice(p, &listen);
	*TABLE_ADD(p->policy->arena, &p->policy->listens) = listen;
}

void listen_statement(struct parser *p)
{
	for (int i = 0; i < SERVICES; i++) {
		const struct token *token = parser_peek(p);
		if (!parser_word(p, service_text((enum service)i)))
			continue;
		if (i != SERVICE_SMTP)
			parser_not_built(p, token,
				arena_string(p->arena, arena_format(p->arena, "listen %s",
							       service_text((enum service)i))));
		do
			listen_read(p);
		while (!parser_at_end(p) && parser_peek(p)->kind == TOKEN_STRING);
		const struct token *proxy = parser_peek(p);
		if (parser_word(p, "proxy"))
			parser_not_built(p, proxy, "listen … proxy from");
		return;
	}
	parser_unexpected(p);
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

void network_statement(struct parser *p)
{
	struct policy *policy = p->policy;
	struct network_row row = {.name_token = *parser_peek(p)};

	row.name = parser_name(p, "a name for the network");
	nets_read(p, &row);
	row.shared = parser_word(p, "shared");
	const struct token *owns = parser_peek(p);
	if (parser_word(p, "owns"))
		parser_not_built(p, owns, "network … owns");
	const struct network_row *other = map_get(policy->network_names, row.name);
	if (other)
		other = &policy->networks.at[(size_t)(uintptr_t)other - 1];
	if (other && !p->failed)
		parser_fail_format(p, &row.name_token, "another name, or all pieces in one line",
			"the network \"%.*s\" is declared already, at %.*s:%u",
			SLICE_ARGS(row.name), SLICE_ARGS(other->name_token.file),
			other->name_token.line);
	if (other || row.name.len == 0)
		return;
	*TABLE_ADD(policy->arena, &policy->networks) = row;
	map_put(policy->network_names, row.name, (void *)(uintptr_t)policy->networks.count);
}

/* ---- domain ---- */

static void domain_known(struct parser *p, struct domain_row *row)
{
	if (parser_word(p, "any")) {
		parser_need(p, "recipient");
		row->known = KNOWN_ANY;
		return;
	}
	if (!parser_need(p, "mailboxes"))
		return;
	const struct token *token = parser_peek(p);
	if (parser_word(p, "accounts"))
		parser_not_built(p, token, "mailboxes accounts");
	else if (parser_word(p, "asked"))
		parser_not_built(p, token, "mailboxes asked");
	row->known = KNOWN_LISTED;
	row->list = parser_list(p, true);
}

static bool name_stands_here(const struct parser *p)
{
	const struct token *token = parser_peek(p);

	return token->kind == TOKEN_STRING ||
	       (token->kind == TOKEN_WORD && slice_has(token->text, '.'));
}

static void domain_add(
	struct parser *p, struct domain_row row, struct slice name, struct token token)
{
	struct policy *policy = p->policy;

	row.name = name;
	row.token = token;
	const void *other = map_get(policy->domain_names, name);
	if (other) {
		const struct token *first = &policy->domains.at[(uintptr_t)other - 1].token;
		parser_fail_format(p, &token, "one `domain` for each name",
			"the domain %.*s is declared already, at %.*s:%u", SLICE_ARGS(name),
			SLICE_ARGS(first->file), first->line);
	}
	if (p->failed)
		return;
	*TABLE_ADD(policy->arena, &policy->domains) = row;
	map_put(policy->domain_names, name, (void *)(uintptr_t)policy->domains.count);
}

void domain_statement(struct parser *p)
{
	TABLE(struct slice) names = {0};
	const struct token *first = parser_peek(p);
	struct domain_row row = {.place = parser_place(p)};

	if (parser_word(p, "in"))
		parser_not_built(p, first, "domain in");
	do {
		const struct token *token = parser_peek(p);
		if (token->kind == TOKEN_WORD && slice_starts(token->text, SLICE("*.")))
			parser_not_built(p, token, "domain *.…");
		*TABLE_ADD(p->arena, &names) = parser_domain(p, "a domain");
	} while (!p->failed && name_stands_here(p));
	domain_known(p, &row);
	const struct token *aliases = parser_peek(p);
	if (parser_word(p, "aliases"))
		parser_not_built(p, aliases, "domain … aliases");
	parser_need(p, "deliver");
	row.target = parser_target(p);
	for (size_t i = 0; i < names.count && !p->failed; i++)
		domain_add(p, row, names.at[i], first[i]);
}
