/* SPDX-License-Identifier: Apache-2.0 */
/* Reading values: strings, numbers, spans, sizes, addresses, dates. The contract is in parser.h. */
#include <string.h>
#include <time.h>

#include "policy/parser.h"

static const struct token *take(struct parser *p)
{
	p->expected_count = 0;
	return &p->statement.tokens[p->at++];
}

static const struct token *take_kind(struct parser *p, enum token_kind kind, const char *what)
{
	if (p->failed)
		return NULL;
	if (parser_peek(p)->kind == kind)
		return take(p);
	parser_expect(p, slice_of(what));
	parser_unexpected(p);
	return NULL;
}

struct slice parser_string(struct parser *p, const char *what)
{
	const struct token *token = take_kind(p, TOKEN_STRING, what);

	if (!token)
		return SLICE_NONE;
	if (token->text.len == 0)
		parser_fail(p, token, SLICE("an empty string"), slice_of(what));
	return token->text;
}

static bool is_name_byte(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.';
}

struct slice parser_name(struct parser *p, const char *what)
{
	const struct token *token = take_kind(p, TOKEN_WORD, what);

	for (size_t i = 0; token && i < token->text.len; i++)
		if (!is_name_byte(token->text.at[i]))
			parser_fail_format(p, token, "letters, digits, - and _",
				"\"%.*s\" is no name", SLICE_ARGS(slice_part(token->text, 0, 80)));
	return token ? token->text : SLICE_NONE;
}

uint64_t parser_number(struct parser *p, const char *what, uint64_t most)
{
	const struct token *token = take_kind(p, TOKEN_WORD, what);
	uint64_t number = 0;

	if (token && !slice_number(token->text, most, &number))
		parser_fail_format(p, token, what, "\"%.*s\" is no number up to %llu",
			SLICE_ARGS(slice_part(token->text, 0, 80)), (unsigned long long)most);
	return number;
}

struct unit {
	const char *one, *many;
	uint64_t worth;
};

/* What one of the unit that stands here is worth; 0 after an error. */
static uint64_t unit_worth(struct parser *p, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (parser_word(p, units[i].one) ||
			(units[i].many && parser_word(p, units[i].many)))
			return units[i].worth;
	parser_unexpected(p);
	return 0;
}

/* A number and a unit; the product is at most `most`. */
static uint64_t counted(
	struct parser *p, const char *what, const struct unit *units, size_t count, uint64_t most)
{
	const struct token *first = parser_peek(p);
	uint64_t number = parser_number(p, what, UINT32_MAX);
	uint64_t worth = unit_worth(p, units, count);

	if (worth > 0 && number > most / worth)
		parser_fail(p, first, SLICE("this is too much"), slice_of(what));
	return p->failed ? 0 : number * worth;
}

static const struct unit spans[] = {
	{"s", NULL, 1000000000},
	{"second", "seconds", 1000000000},
	{"minute", "minutes", UINT64_C(60) * 1000000000},
	{"hour", "hours", UINT64_C(3600) * 1000000000},
	{"day", "days", UINT64_C(86400) * 1000000000},
	{"week", "weeks", UINT64_C(604800) * 1000000000},
};
enum { SPANS = sizeof spans / sizeof *spans };

mono_ns parser_span(struct parser *p, const char *what)
{
	return (mono_ns)counted(p, what, spans, SPANS, (uint64_t)INT64_MAX / 2);
}

/* "day", "2 hours" */
mono_ns parser_period(struct parser *p)
{
	const struct token *token = parser_peek(p);
	bool number = token->kind == TOKEN_WORD && ascii_is_digit(token->text.at[0]);

	if (number)
		return parser_span(p, "a number of units");
	parser_expect(p, SLICE("a number of units"));
	return p->failed ? 0 : (mono_ns)unit_worth(p, spans, SPANS);
}

uint64_t parser_size(struct parser *p, const char *what)
{
	static const struct unit units[] = {
		{"B", "bytes", 1},
		{"KB", NULL, 1000},
		{"MB", NULL, 1000000},
		{"GB", NULL, 1000000000},
		{"KiB", NULL, 1024},
		{"MiB", NULL, 1048576},
		{"GiB", NULL, 1073741824},
	};
	return counted(p, what, units, sizeof units / sizeof *units, UINT64_C(1) << 50);
}

struct slice parser_domain(struct parser *p, const char *what)
{
	const struct token *token = parser_peek(p);
	struct slice domain = SLICE_NONE;
	struct address address;

	if (p->failed)
		return domain;
	bool quoted = token->kind == TOKEN_STRING;
	if (!quoted && !(token->kind == TOKEN_WORD && slice_has(token->text, '.'))) {
		parser_expect(p, slice_of(what));
		if (token->kind == TOKEN_WORD)
			parser_expect(p, SLICE("a single label in quotes"));
		parser_unexpected(p);
		return domain;
	}
	take(p);
	if (address_parse(token->text, &address) ||
		!domain_normalise(token->text, p->arena, &domain))
		parser_fail_format(p, token, "a name like example.org, without a last dot",
			"\"%.*s\" is no domain", SLICE_ARGS(slice_part(token->text, 0, 80)));
	return domain;
}

static struct slice masked_text(struct parser *p, const struct network *network)
{
	struct network masked = *network;
	struct text text = TEXT_GROWING;

	for (unsigned bit = masked.prefix; bit < 128; bit++)
		masked.base.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	text_network(&text, &masked);
	struct slice copy = arena_slice(p->arena, text_slice(&text));
	text_free(&text);
	return copy;
}

bool parser_network(struct parser *p, const char *what, struct network *network)
{
	const struct token *token = parser_peek(p);

	*network = (struct network){0};
	if (p->failed)
		return false;
	enum network_fault fault =
		token->kind == TOKEN_WORD ? network_parse(token->text, network) : NETWORK_SYNTAX;
	switch (fault) {
	case NETWORK_OK: take(p); return true;
	case NETWORK_SYNTAX: parser_expect(p, slice_of(what)); return false;
	case NETWORK_HOST_BITS:
		parser_fail(p, token,
			SLICE("bits are set behind the network's prefix, so this is no network"),
			arena_format(p->arena, "%.*s, or a single address without /",
				SLICE_ARGS(masked_text(p, network))));
		return false;
	}
	return false;
}

struct mailbox parser_address(struct parser *p, const char *what)
{
	const struct token *token = take_kind(p, TOKEN_STRING, what);
	struct mailbox mailbox = {0};

	if (!token)
		return mailbox;
	enum mailbox_fault fault = mailbox_parse(token->text, p->arena, &mailbox);
	if (fault != MAILBOX_OK)
		parser_fail_format(p, token, "an address like \"user@example.org\"",
			"this is no mail address: %s", mailbox_fault_text(fault));
	else if (slice_has(mailbox.local, '*') || mailbox.is_null || mailbox.domain.len == 0)
		parser_fail(p, token, SLICE("this stands for no single address"),
			SLICE("an address like \"user@example.org\"; for a whole domain write "
			      "`domain example.org`"));
	return mailbox;
}

wall_ns parser_date(struct parser *p)
{
	const struct token *token = take_kind(p, TOKEN_WORD, "a date like 2027-06-30");
	uint64_t year = 0, month = 0, day = 0;

	if (!token)
		return NEVER;
	struct slice text = token->text;
	bool shaped = text.len == 10 && text.at[4] == '-' && text.at[7] == '-' &&
		      slice_number(slice_part(text, 0, 4), 9999, &year) &&
		      slice_number(slice_part(text, 5, 7), 12, &month) &&
		      slice_number(slice_part(text, 8, 10), 31, &day);
	struct tm local = {.tm_year = (int)year - 1900,
		.tm_mon = (int)month - 1,
		.tm_mday = (int)day,
		.tm_isdst = -1};
	struct tm day_after = local;
	day_after.tm_mday++;
	time_t end = mktime(&day_after);
	bool real = shaped && mktime(&local) != -1 && local.tm_mday == (int)day &&
		    local.tm_mon == (int)month - 1 && year >= 1970 && year < 2250;
	if (!real)
		parser_fail_format(p, token, "a day that exists, like 2027-06-30",
			"\"%.*s\" is no date", SLICE_ARGS(slice_part(token->text, 0, 80)));
	return real ? (wall_ns)end * NS_PER_S : NEVER;
}

struct slice parser_file(struct parser *p, const struct token *token, struct slice path)
{
	const struct bundle_file *file = p->failed ? NULL : files_want(p->files, BUNDLE_LIST, path);

	if (!p->failed && (!file || file->missing))
		parser_fail_format(p, token, "a file that can be read",
			"\"%.*s\" cannot be read: %.*s", SLICE_ARGS(slice_part(path, 0, 200)),
			SLICE_ARGS(file ? file->why : SLICE("it is not in the bundle")));
	return p->failed ? SLICE_NONE : file->bytes;
}

uint32_t parser_list(struct parser *p, bool of_mailboxes)
{
	const struct token *token = parser_peek(p);
	struct slice path = parser_string(p, "a file's path in quotes");

	for (size_t i = 0; i < p->policy->lists.count; i++)
		if (slice_is(p->policy->lists.at[i].path, path) &&
			p->policy->lists.at[i].of_mailboxes == of_mailboxes)
			return (uint32_t)i;
	parser_file(p, token, path);
	struct list_row *list = TABLE_ADD(p->policy->arena, &p->policy->lists);
	*list = (struct list_row){.path = path, .token = *token, .of_mailboxes = of_mailboxes};
	return (uint32_t)(p->policy->lists.count - 1);
}

uint32_t parser_aliases(struct parser *p)
{
	const struct token *token = parser_peek(p);
	struct slice path = parser_string(p, "a file's path in quotes");

	for (size_t i = 0; i < p->policy->aliases.count; i++)
		if (slice_is(p->policy->aliases.at[i].path, path))
			return (uint32_t)i;
	parser_file(p, token, path);
	*TABLE_ADD(p->policy->arena, &p->policy->aliases) =
		(struct aliases_row){.path = path, .token = *token};
	return (uint32_t)(p->policy->aliases.count - 1);
}

struct slice parser_name_use(
	struct parser *p, bool is_certificate, enum name_place place, uint32_t at)
{
	const struct token *token = parser_peek(p);
	struct slice name =
		parser_name(p, is_certificate ? "a certificate's name" : "a network's name");

	if (!p->failed)
		*TABLE_ADD(p->arena, &p->uses) =
			(struct name_use){*token, is_certificate, place, at};
	return name;
}

enum service parser_service(struct parser *p)
{
	for (int i = 0; i < SERVICES; i++)
		if (parser_word(p, service_text((enum service)i)))
			return (enum service)i;
	parser_unexpected(p);
	return SERVICES;
}
