/* SPDX-License-Identifier: Apache-2.0 */
/* A resolver out of a text. The contract is in fake.h. */
#include "dns/fake.h"

#include "base/panic.h"

enum { FAKE_CHAIN_MAX = 8 };

struct fake {
	struct dns dns;
	struct slice zone;
	unsigned asked;
};

struct line {
	struct slice name, kind, rest;
};

/* The next line that says something; false at the end. */
static bool line_next(struct slice *zone, struct line *line)
{
	while (zone->len) {
		struct slice rest = slice_trim(slice_cut(zone, '\n'));
		if (rest.len == 0 || rest.at[0] == '#')
			continue;
		line->name = slice_cut(&rest, ' ');
		rest = slice_trim(rest);
		line->kind = slice_cut(&rest, ' ');
		line->rest = slice_trim(rest);
		return true;
	}
	return false;
}

static const struct {
	struct slice text;
	enum dns_type type;
} types[] = {
	{{"A", 1}, DNS_A},
	{{"AAAA", 4}, DNS_AAAA},
	{{"MX", 2}, DNS_MX},
	{{"PTR", 3}, DNS_PTR},
	{{"TXT", 3}, DNS_TXT},
};

static bool line_is_of_type(const struct line *line, enum dns_type type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].type == type)
			return slice_is(line->kind, types[i].text);
	return false;
}

static struct slice name_without_dot(struct slice name)
{
	return name.len && name.at[name.len - 1] == '.' ? slice_part(name, 0, name.len - 1) : name;
}

static void record_read(enum dns_type type, const struct line *line, struct dns_record *record)
{
	struct slice rest = line->rest;
	uint64_t preference = 0;

	if (type == DNS_A || type == DNS_AAAA) {
		panic_if(!address_parse(rest, &record->address), "zone: bad address");
		return;
	}
	if (type == DNS_MX) {
		bool read = slice_number(slice_cut(&rest, ' '), UINT16_MAX, &preference);
		panic_if(!read, "zone: an MX without preference");
	}
	if (type == DNS_TXT && rest.len > 1 && rest.at[0] == '"')
		rest = slice_part(rest, 1, rest.len - 1);
	record->preference = (uint16_t)preference;
	record->text = type == DNS_TXT ? rest : name_without_dot(slice_trim(rest));
}

/* What one name says about one type. */
struct found {
	bool name, failing, silent, secure;
	struct slice alias;
};

static struct found zone_search(struct slice zone, enum dns_type type, struct slice name,
	struct dns_answer *answer, size_t room)
{
	struct found found = {0};

	for (struct line line; line_next(&zone, &line);) {
		if (!slice_is_nocase(name_without_dot(line.name), name))
			continue;
		found.name = true;
		found.failing |= slice_is(line.kind, SLICE("SERVFAIL"));
		found.silent |= slice_is(line.kind, SLICE("TIMEOUT"));
		found.secure |= slice_is(line.kind, SLICE("SECURE"));
		if (slice_is(line.kind, SLICE("CNAME")))
			found.alias = name_without_dot(line.rest);
		if (line_is_of_type(&line, type) && answer->count < room)
			record_read(type, &line, &answer->records[answer->count++]);
	}
	return found;
}

static enum wait fake_ask(struct task *task, struct dns *dns, enum dns_type type, struct slice name,
	struct arena *arena, struct dns_answer *answer)
{
	enum { ROOM = 64 };
	struct fake *fake = LIST_OBJECT(struct fake, dns, dns);
	struct found found = {.alias = name_without_dot(name)};

	fake->asked++;
	*answer = (struct dns_answer){
		.ttl = 300, .records = ARENA_ARRAY(arena, struct dns_record, ROOM)};
	for (unsigned i = 0; found.alias.len && i < FAKE_CHAIN_MAX; i++)
		found = zone_search(fake->zone, type, found.alias, answer, ROOM);
	answer->secure = found.secure;
	answer->outcome = answer->count ? DNS_FOUND : found.name ? DNS_NO_DATA : DNS_NO_NAME;
	if (found.failing || found.silent) {
		*answer = (struct dns_answer){.outcome = DNS_CANNOT_TELL,
			.why = found.silent ? SLICE("no answer within 20 s") : SLICE("SERVFAIL")};
		return found.silent ? task_sleep(task, 20 * NS_PER_S) : WAIT_READY;
	}
	return task_yield(task);
}

struct dns *dns_fake_new(struct arena *arena, struct slice zone)
{
	struct fake *fake = ARENA_NEW(arena, struct fake);

	fake->dns.ask = fake_ask;
	fake->zone = arena_slice(arena, zone);
	return &fake->dns;
}

unsigned dns_fake_asked(const struct dns *dns)
{
	return ((const struct fake *)(const void *)dns)->asked;
}
