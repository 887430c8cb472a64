/* SPDX-License-Identifier: Apache-2.0 */
/* Random configurations, for tests. The contract is in generate.h. */
#include <stdio.h>
#include <string.h>

#include "policy/generate_inside.h"

unsigned generate_below(struct generator *g, unsigned limit)
{
	g->state += 0x9e3779b97f4a7c15u;
	uint64_t z = g->state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (unsigned)((z ^ z >> 31) % limit);
}

bool generate_chance(struct generator *g, unsigned percent)
{
	return generate_below(g, 100) < percent;
}

/* ---- pools ---- */

static const char *const atoms[] = {"network n0", "network n1", "network n2", "client 198.51.100.3",
	"client 198.51.100.0/30", "client 198.51.100.8/29", "client 2001:db8::/125",
	"client named \"*.isp.example\"", "client named \"a.isp.example\"", "client unnamed",
	"local", "listener smtp", "listener submission", "listed \"bl.example\"",
	"listed \"bl.example\" returning 127.0.0.2-4", "listed \"bl2.example\"",
	"allowed \"wl.example\"", "recent-pop", "helo \"*.example\"", "helo \"bad*\"",
	"helo listed \"dbl.example\"", "tls", "tls verified", "certificate c0", "certificate c1",
	"authenticated", "account \"alice@example.org\"", "account \"carol\"", "group staff",
	"group pupils", "sender \"alice@example.org\"", "sender \"x@a.example\"",
	"sender domain a.example", "sender domain example.org", "sender null", "sender in \"bad\"",
	"sender ours", "sender owned", "sender not owned", "sender domain listed \"dbl.example\"",
	"sender domain unreachable", "spf pass", "spf fail", "spf softfail", "spf permerror",
	"recipient \"alice@example.org\"", "recipient \"info@example.org\"",
	"recipient domain adatum.com", "recipient domain example.org", "recipient in \"bad\"",
	"recipient ours", "recipient unknown", "recipients > 2"};
/* These are known after the data alone. */
static const char *const late_atoms[] = {"size > 10 KB", "size > 20 KB",
	"from \"alice@example.org\"", "from domain a.example", "from in \"bad\"", "from ours",
	"from owned", "from not owned", "dkim pass", "dkim none", "dmarc pass", "dmarc fail",
	"dmarc policy reject", "dmarc policy none", "arc pass", "link listed \"dbl.example\"",
	"header \"Subject\" \"*casino*\"", "score > 5", "score > 12", "virus"};
static const char *const definitions[] = {"hostname mx.example.org", "listen smtp \"*:25\"",
	"listen submission \"*:587\"", "listen pop3s \"*:995\"",
	"accounts file \"/etc/postern/accounts\"",
	"domain example.org mailboxes \"boxes\" aliases \"aliases\" deliver via mx",
	"domain any.example any recipient deliver via mx",
	"domain asked.example mailboxes asked deliver via mx",
	"domain stored.example mailboxes accounts deliver via mx",
	"certificate c0 \"SHA256:00aa\" owns domain example.org", "certificate c1 \"SHA256:00bb\"",
	"network n0 198.51.100.0/29 owns \"alice@example.org\" domain a.example",
	"network n1 198.51.100.4/30 198.51.100.12 2001:db8::/126",
	"network n2 2001:db8::8/125 198.51.100.0/30 owns any sender \"scanner@example.org\""};
static const char *const files[][2] = {{"boxes", "alice\nscanner@example.org\nu@example.org\n"},
	{"bad", "evil.example\nx@a.example\nabroad@example.org\nd@asked.example\n"},
	{"aliases", "info: alice@example.org, u@example.org\n"
		    "abroad: c@partner.example, alice\nloop: loop@example.org, nobody\n"}};

/* ---- conditions ---- */

const char *generate_atom(struct generator *g)
{
	return generate_chance(g, 25) ? PICK(g, late_atoms) : PICK(g, atoms);
}

/* A grant cannot name the size; seldom what is known after the data. */
static const char *atom_for(struct generator *g, bool grant)
{
	const char *atom;

	do
		atom = grant && !generate_chance(g, 10) ? PICK(g, atoms) : generate_atom(g);
	while (grant && strncmp(atom, "size", 4) == 0);
	return atom;
}

/* A condition of one to three atoms, with `if` or `unless`. */
static void condition_put(struct generator *g, struct text *out, bool grant)
{
	const char *first = atom_for(g, grant), *second = atom_for(g, grant);
	const char *third = !grant && generate_chance(g, 30) ? "trusted" : atom_for(g, grant);

	switch (generate_below(g, 9)) {
	case 0: text_format(out, "if %s and not %s", first, third); return;
	case 1: text_format(out, "if %s or %s", first, second); return;
	case 2: text_format(out, "if %s unless %s", first, third); return;
	case 3: text_format(out, "unless %s", third); return;
	case 4: text_format(out, "if (%s or %s) and not %s", first, second, third); return;
	case 5: text_format(out, "if not (%s and not %s)", first, second); return;
	case 6: text_format(out, "if %s and %s unless %s", first, second, third); return;
	default: text_format(out, "if %s", first); return;
	}
}

static struct text line_begin(char *line)
{
	return (struct text){.at = line, .size = GENERATED_LINE_MAX - 1};
}

static void line_end(struct text *text, char *line)
{
	panic_if(text->len >= GENERATED_LINE_MAX - 1, "a generated line is too long");
	line[text->len] = '\0';
}

/* ---- clauses ---- */

void generate_grant(struct generator *g, char *line)
{
	static const char *const subjects[] = {"relay for network n0", "relay for network n1",
		"relay for network n2", "relay for authenticated",
		"relay for account \"alice@example.org\"", "relay for group staff",
		"relay for certificate c0", "relay for certificate c1", "relay for recent-pop",
		"relay for recent-pop within 2 hours", "relay for local",
		"relay for local user web", "forward for \"abroad@example.org\"",
		"forward for domain example.org"};
	struct text text = line_begin(line);

	text_format(&text, "%s ", PICK(g, subjects));
	if (generate_chance(g, 50))
		condition_put(g, &text, true);
	if (generate_chance(g, 25))
		text_put(&text, SLICE(" until 2020-01-01"));
	line_end(&text, line);
}

static void limit_put(struct generator *g, struct text *out)
{
	static const char *const counted[] = {"authenticated", "account \"carol\"", "group staff",
		"network n0", "network n2", "certificate c0", "client", "sender", "sender domain",
		"recipient"};
	static const char *const units[] = {"hour", "day", "10 minute"};

	text_format(out, "limit %s %u %s per %s%s", PICK(g, counted), 1 + generate_below(g, 3),
		generate_chance(g, 50) ? "messages" : "recipients", PICK(g, units),
		generate_chance(g, 20) ? " together" : "");
	if (generate_chance(g, 30))
		text_format(
			out, " unless %s", generate_chance(g, 40) ? "trusted" : generate_atom(g));
}

void generate_refusal(struct generator *g, char *line)
{
	static const char *const words[] = {"", "", "say \"no\"", "say \"not so\""};
	struct text text = line_begin(line);
	unsigned kind = generate_below(g, 6);

	if (kind == 0) {
		limit_put(g, &text);
	} else {
		bool refuse = kind < 4;
		text_put(&text, refuse ? SLICE("refuse ") : SLICE("defer "));
		condition_put(g, &text, false);
		text_format(&text, " %s", PICK(g, words));
		if (generate_chance(g, 20))
			text_put(&text,
				refuse ? SLICE(" code 554 5.7.2") : SLICE(" code 451 4.7.2"));
	}
	line_end(&text, line);
}

void generate_configuration(struct generator *g, struct generated *out)
{
	out->count = 0;
	for (size_t i = 0; i < COUNT(definitions); i++)
		snprintf(out->lines[out->count++], GENERATED_LINE_MAX, "%s", definitions[i]);
	out->fixed = out->count;
	for (unsigned i = generate_below(g, 5); i > 0; i--)
		generate_grant(g, out->lines[out->count++]);
	for (unsigned i = generate_below(g, 8); i > 0; i--)
		generate_refusal(g, out->lines[out->count++]);
}

void generated_shuffle(struct generator *g, struct generated *configuration)
{
	for (size_t i = configuration->count; i > 1; i--) {
		char kept[GENERATED_LINE_MAX];
		size_t other = generate_below(g, (unsigned)i);
		memcpy(kept, configuration->lines[i - 1], sizeof kept);
		memmove(configuration->lines[i - 1], configuration->lines[other], sizeof kept);
		memcpy(configuration->lines[other], kept, sizeof kept);
	}
}

struct policy *generated_load(const struct generated *configuration, struct complaints *complaints)
{
	struct text text = TEXT_GROWING;
	struct bundle_file all[1 + COUNT(files)] = {
		{.kind = BUNDLE_CONFIGURATION, .path = SLICE("generated.conf")}};
	struct bundle bundle = {.files = all,
		.count = COUNT(all),
		.nodename = SLICE("node.example.org"),
		.hash = "0123456789abcdef"};

	for (size_t i = 0; i < configuration->count; i++)
		text_format(&text, "%s\n", configuration->lines[i]);
	all[0].bytes = text_slice(&text);
	for (size_t i = 0; i < COUNT(files); i++)
		all[i + 1] = (struct bundle_file){.kind = BUNDLE_LIST,
			.path = slice_of(files[i][0]),
			.bytes = slice_of(files[i][1])};
	struct policy *policy = policy_load_unproved(&bundle, complaints);
	text_free(&text);
	return policy;
}
