/* SPDX-License-Identifier: Apache-2.0 */
/* Included files, and where the server listens. */
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
		[SERVICE_LOCAL] = "local",
		[SERVICE_GRANTS] = "grants",
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

/* A Unix socket. */
static bool takes_path(enum service service)
{
	return service == SERVICE_CONTROL || service == SERVICE_LOCAL || service == SERVICE_GRANTS;
}

static bool listens_meet(const struct listen_line *a, const struct listen_line *b)
{
	if (takes_path(a->service) || takes_path(b->service))
		return slice_is(a->path, b->path);
	return a->any == b->any && a->address.port == b->address.port && a->address.port != 0 &&
	       (a->any || address_is(&a->address, &b->address));
}

static void listen_twice(struct parser *p, const struct listen_line *listen)
{
	for (size_t i = 0; i < p->policy->listens.count; i++) {
		const struct listen_line *other = &p->policy->listens.at[i];
		if (listens_meet(other, listen))
			parser_fail(p, parser_last(p),
				SLICE("another `listen` has this address and port"),
				SLICE("one `listen` for each"));
	}
}

/* What cannot be served yet; LATERS: the daemon does. */
static enum later later_of(enum service service)
{
	static const enum later rows[SERVICES] = {
		[SERVICE_SMTP] = LATERS,
		[SERVICE_SUBMISSION] = LATERS,
		[SERVICE_SUBMISSIONS] = LATERS,
		[SERVICE_LMTP] = LATER_LMTP_SERVICE,
		[SERVICE_POP3] = LATERS,
		[SERVICE_POP3S] = LATERS,
		[SERVICE_CONTROL] = LATERS,
		[SERVICE_WEB] = LATER_WEB,
		[SERVICE_LOCAL] = LATERS,
		[SERVICE_GRANTS] = LATERS,
	};
	return rows[service];
}

static void listen_read(struct parser *p, struct listen_line listen)
{
	bool is_path = takes_path(listen.service);
	struct slice text = parser_string(
		p, is_path ? "a path in quotes" : "an address and port in quotes, like \"*:25\"");

	if (p->failed)
		return;
	if (is_path)
		listen.path = text;
	else if (!listen_address(text, &listen))
		parser_fail_format(p, parser_last(p),
			"like \"*:25\", \"192.0.2.1:25\", \"[::1]:25\"",
			"\"%.*s\" is no address with a port", SLICE_ARGS(slice_part(text, 0, 80)));
	listen_twice(p, &listen);
	*TABLE_ADD(p->policy->arena, &p->policy->listens) = listen;
	*TABLE_ADD(p->policy->arena, &p->policy->listen_tokens) = *parser_last(p);
}

/* proxy from NETWORK, for all addresses of the line. */
static void proxy_read(struct parser *p, enum service service, size_t first)
{
	if (takes_path(service) || service == SERVICE_WEB || !parser_word(p, "proxy"))
		return;
	parser_need(p, "from");
	for (size_t i = first; i < p->policy->listens.count && !p->failed; i++) {
		p->policy->listens.at[i].has_proxy = true;
		parser_name_use(p, false, NAME_OF_LISTEN, (uint32_t)i);
		if (i + 1 < p->policy->listens.count)
			p->at--; /* the same name for the next address */
	}
}

void listen_statement(struct parser *p)
{
	const struct token *token = parser_peek(p);
	size_t first = p->policy->listens.count;
	enum service service = parser_service(p);

	if (service == SERVICES)
		return;
	if (later_of(service) != LATERS)
		parser_later(p, token, later_of(service));
	do
		listen_read(p, (struct listen_line){.service = service});
	while (!parser_at_end(p) && parser_peek(p)->kind == TOKEN_STRING);
	proxy_read(p, service, first);
}
