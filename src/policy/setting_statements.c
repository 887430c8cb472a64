/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: statements that set one thing once. */
#include "policy/statements.h"

void hostname_statement(struct parser *p)
{
	p->policy->settings.hostname = parser_domain(p, "the host's name");
	p->policy->hostname_written = true;
}

void state_statement(struct parser *p)
{
	p->policy->settings.state = parser_string(p, "a folder's path in quotes");
}

void user_statement(struct parser *p)
{
	p->policy->settings.user = parser_name(p, "a user's name");
	p->policy->settings.user_written = true;
}

/* "127.0.0.1", "127.0.0.1@5353", "::1@53" */
static bool resolver_is_good(struct slice text)
{
	struct address address;
	uint64_t port;
	size_t at = slice_find(text, '@');

	return address_parse(slice_part(text, 0, at), &address) &&
	       (at == SIZE_MAX ||
		       (slice_number(slice_from(text, at + 1), UINT16_MAX, &port) && port > 0));
}

void resolver_statement(struct parser *p)
{
	struct slice text = parser_string(p, "an address in quotes");

	if (!p->failed && !resolver_is_good(text))
		parser_fail_format(p, parser_last(p),
			"an address like \"127.0.0.1\" or \"127.0.0.1@5353\"",
			"\"%.*s\" is no name server", SLICE_ARGS(slice_part(text, 0, 80)));
	p->policy->settings.resolver = text;
}

void postmaster_statement(struct parser *p)
{
	p->policy->postmaster = parser_address(p, "an address in quotes");
	p->policy->settings.postmaster = p->policy->postmaster.text;
	p->policy->has_postmaster = !p->failed;
}

void edges_statement(struct parser *p)
{
	p->policy->settings.edges = (unsigned)parser_number(p, "a number of processes", EDGES_MAX);
	if (!p->failed && p->policy->settings.edges == 0)
		parser_fail(p, parser_last(p), SLICE("without an edge nothing is accepted"),
			SLICE("1 to 48, or no `edges` line for as many as suit the processors"));
}

void grace_statement(struct parser *p)
{
	p->policy->settings.grace = parser_span(p, "a time like 30 s");
}

void message_size_statement(struct parser *p)
{
	bool unlimited = parser_word(p, "unlimited");

	p->policy->settings.message_size =
		unlimited ? UINT64_MAX : parser_size(p, "a size like 50 MB");
}

/* for 5 days first after 1 minute at most 4 hours */
void retry_statement(struct parser *p)
{
	struct settings *settings = &p->policy->settings;
	const struct token *first = parser_peek(p);

	settings->retry_for = parser_span(p, "a time like 5 days");
	if (parser_word(p, "first")) {
		parser_need(p, "after");
		settings->retry_first = parser_span(p, "a time like 1 minute");
	}
	if (parser_word(p, "at")) {
		parser_need(p, "most");
		settings->retry_most = parser_span(p, "a time like 4 hours");
	}
	bool ordered = settings->retry_first > 0 && settings->retry_first <= settings->retry_most;
	if (!p->failed && !ordered)
		parser_fail(p, first, SLICE("the first retry comes later than the longest wait"),
			SLICE("`first after` above 0 and not above `at most`"));
}

void journal_keep_statement(struct parser *p)
{
	p->policy->settings.journal_keep = parser_span(p, "a time like 30 days");
}

void journal_size_statement(struct parser *p)
{
	parser_later(p, &p->statement.tokens[0], LATER_JOURNAL_SIZE);
	if (parser_word(p, "unlimited"))
		return;
	const struct token *token = parser_peek(p);
	p->policy->settings.journal_size = parser_size(p, "a size like 10 GB");
	if (!p->failed && p->policy->settings.journal_size == 0)
		parser_fail(p, token, SLICE("a journal of this size keeps nothing"),
			SLICE("a size like 10 GB, or `unlimited`"));
}

/* local parts after 7 days */
void journal_hide_statement(struct parser *p)
{
	parser_later(p, &p->statement.tokens[0], LATER_JOURNAL_HIDE);
	if (parser_need(p, "local") && parser_need(p, "parts") && parser_need(p, "after"))
		p->policy->settings.journal_hide = parser_span(p, "a time like 7 days");
}

/* ---- tls, accounts ---- */

static void write_once(struct parser *p, const struct slice *written)
{
	if (written->len > 0)
		parser_fail(p, parser_last(p), SLICE("this is written already"),
			SLICE("one of the two"));
}

static bool certificate_is_written(const struct policy *policy, struct slice path)
{
	for (size_t i = 0; i < policy->tls_rows.count; i++)
		if (slice_is(policy->tls_rows.at[i].certificate, path))
			return true;
	return false;
}

/* The key's file is opened by the daemon alone, and read by the role keys alone. */
static void tls_certificate(struct parser *p)
{
	struct tls_row row = {.certificate_token = *parser_peek(p)};

	row.certificate = parser_string(p, "a file's path in quotes");
	if (!p->failed && certificate_is_written(p->policy, row.certificate))
		parser_fail(p, parser_last(p), SLICE("this certificate is written already"),
			SLICE("one `tls certificate` for each"));
	parser_need(p, "key");
	row.key_token = *parser_peek(p);
	row.key = parser_string(p, "a file's path in quotes");
	if (p->failed)
		return;
	files_want(p->files, BUNDLE_CERTIFICATE, row.certificate);
	*TABLE_ADD(p->policy->arena, &p->policy->tls_rows) = row;
}

static void tls_client_ca(struct parser *p)
{
	struct settings *settings = &p->policy->settings;

	write_once(p, &settings->tls_client_ca);
	p->policy->client_ca_token = *parser_peek(p);
	settings->tls_client_ca = parser_string(p, "a file's path in quotes");
	if (!p->failed)
		files_want(p->files, BUNDLE_CERTIFICATE, settings->tls_client_ca);
}

void tls_statement(struct parser *p)
{
	struct settings *settings = &p->policy->settings;

	if (parser_word(p, "certificate")) {
		tls_certificate(p);
	} else if (parser_word(p, "client-ca")) {
		tls_client_ca(p);
	} else if (parser_word(p, "trust")) {
		write_once(p, &settings->tls_trust);
		settings->tls_trust = parser_string(p, "a file's path in quotes");
	} else {
		parser_unexpected(p);
	}
}

/* Where each kind is: a path, or words of its own. */
static const struct accounts_kind {
	const char *name, *what;
	bool is_path, has_bind;
	enum later later; /* LATERS: it is built */
} accounts_kinds[] = {
	{"sqlite", "the database's path, in quotes", true, false, LATERS},
	{"file", "the file's path, in quotes", true, false, LATERS},
	{"ldap", "a URL like \"ldaps://ldap.example.org/dc=example,dc=org?uid,mail\"", false, true,
		LATERS},
	{"pam", "the service's name, in quotes", false, false, LATERS},
	{"dovecot", "the path of Dovecot's auth socket, in quotes", true, false, LATERS},
	{"postgresql", "where they are, in quotes", false, false, LATER_ACCOUNTS_POSTGRESQL},
};

/* The daemon and `postern` start in different folders and must find the same file. */
static struct slice absolute_path(struct parser *p, const char *what)
{
	const struct token *token = parser_peek(p);
	struct slice path = parser_string(p, what);

	if (!p->failed && !slice_starts(path, SLICE("/")))
		parser_fail(p, token, SLICE("this path depends on where the daemon is started"),
			SLICE("one that begins with /"));
	return path;
}

static void accounts_option(struct parser *p, const struct accounts_kind *kind)
{
	struct settings *settings = &p->policy->settings;

	if (parser_word(p, "domain")) {
		write_once(p, &settings->accounts_domain);
		settings->accounts_domain = parser_domain(p, "the domain of names without one");
	} else if (kind->has_bind && parser_word(p, "bind")) {
		write_once(p, &settings->accounts_bind);
		settings->accounts_bind = parser_string(p, "a distinguished name in quotes");
		if (parser_need(p, "password-file"))
			settings->accounts_password_file =
				absolute_path(p, "a file's path in quotes");
	} else {
		parser_unexpected(p);
	}
}

void accounts_statement(struct parser *p)
{
	struct settings *settings = &p->policy->settings;

	for (size_t i = 0; i < sizeof accounts_kinds / sizeof *accounts_kinds; i++) {
		const struct accounts_kind *kind = &accounts_kinds[i];
		if (!parser_word(p, kind->name))
			continue;
		if (kind->later != LATERS)
			parser_later(p, parser_last(p), kind->later);
		settings->accounts_kind = slice_of(kind->name);
		settings->accounts_where =
			kind->is_path ? absolute_path(p, kind->what) : parser_string(p, kind->what);
		while (!p->failed && !parser_at_end(p))
			accounts_option(p, kind);
		return;
	}
	parser_unexpected(p);
}

/* ---- the others ---- */

static unsigned prefix_read(struct parser *p, unsigned most)
{
	const struct token *token = parser_peek(p);
	uint64_t prefix = 0;

	if (p->failed)
		return 0;
	if (token->kind != TOKEN_WORD || !slice_starts(token->text, SLICE("/")) ||
		!slice_number(slice_from(token->text, 1), most, &prefix)) {
		parser_expect(
			p, most == 32 ? SLICE("a prefix like /16") : SLICE("a prefix like /32"));
		parser_unexpected(p);
		return 0;
	}
	p->at++;
	p->expected_count = 0;
	return (unsigned)prefix;
}

void widest_statement(struct parser *p)
{
	p->policy->widest_v4 = prefix_read(p, 32);
	p->policy->widest_v6 = prefix_read(p, 128);
}

void line_ends_statement(struct parser *p)
{
	if (parser_word(p, "strict"))
		p->policy->settings.line_ends = LINE_ENDS_STRICT;
	else if (parser_word(p, "normalise"))
		p->policy->settings.line_ends = LINE_ENDS_NORMALISE;
	else
		parser_unexpected(p);
}
