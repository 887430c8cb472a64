/* SPDX-License-Identifier: Apache-2.0 */
/* Random configurations and sessions, for tests. The contract is in generate.h. */
#include "policy/generate.h"

#include <stdio.h>
#include <string.h>

#include "base/panic.h"

unsigned generate_below(struct generator *g, unsigned limit)
{
	g->state += 0x9e3779b97f4a7c15u;
	uint64_t z = g->state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (unsigned)((z ^ z >> 31) % limit);
}

static bool chance(struct generator *g, unsigned percent)
{
	return generate_below(g, 100) < percent;
}
#define COUNT(list) (sizeof(list) / sizeof *(list))
#define PICK(g, list) ((list)[generate_below((g), COUNT(list))])

/* ---- pools ---- */

static const char *const clients[] = {"198.51.100.1", "198.51.100.3", "198.51.100.5",
	"198.51.100.8", "198.51.100.12", "2001:db8::1", "2001:db8::9", "203.0.113.9"};
static const char *const recipients[] = {"alice@example.org", "Alice+x@example.org",
	"nobody@example.org", "info@example.org", "abroad@example.org", "loop@example.org",
	"b@adatum.com", "c@partner.example", "any%one@any.example", "c@any.example",
	"d@asked.example", "e@stored.example", "e+a%b@stored.example", "postmaster"};
static const char *const senders[] = {"", "alice@example.org", "ALICE+n@Example.org",
	"carol@example.org", "scanner@example.org", "x@a.example", "m@evil.example",
	"b@[192.0.2.1]"};
static const char *const helos[] = {"x.example", "bad.example", "BAD", "[198.51.100.1]", ""};
static const char *const accounts[] = {"alice@example.org", "carol", "x@a.example"};

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

size_t generated_clients(const char *const **out)
{
	*out = clients;
	return COUNT(clients);
}

size_t generated_recipients(const char *const **out)
{
	*out = recipients;
	return COUNT(recipients);
}

/* ---- conditions ---- */

const char *generate_atom(struct generator *g)
{
	return chance(g, 25) ? PICK(g, late_atoms) : PICK(g, atoms);
}

/* A grant cannot name the size; seldom what is known after the data. */
static const char *atom_for(struct generator *g, bool grant)
{
	const char *atom;

	do
		atom = grant && !chance(g, 10) ? PICK(g, atoms) : generate_atom(g);
	while (grant && strncmp(atom, "size", 4) == 0);
	return atom;
}

/* A condition of one to three atoms, with `if` or `unless`. */
static void condition_put(struct generator *g, struct text *out, bool grant)
{
	const char *first = atom_for(g, grant), *second = atom_for(g, grant);
	const char *third = !grant && chance(g, 30) ? "trusted" : atom_for(g, grant);

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
	if (chance(g, 50))
		condition_put(g, &text, true);
	if (chance(g, 25))
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
		chance(g, 50) ? "messages" : "recipients", PICK(g, units),
		chance(g, 20) ? " together" : "");
	if (chance(g, 30))
		text_format(out, " unless %s", chance(g, 40) ? "trusted" : generate_atom(g));
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
		if (chance(g, 20))
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

/* ---- sessions ---- */

struct making {
	struct generator *g;
	struct arena *arena;
	struct facts *facts;
	struct fact_answer *answers;
	size_t count;
};

static struct mailbox mailbox_of(struct making *m, const char *text)
{
	struct slice left = arena_format(m->arena, "<%s>", text);
	struct mailbox mailbox;

	panic_if(mailbox_read_path(&left, true, m->arena, &mailbox) != MAILBOX_OK, "%s", text);
	return mailbox;
}

/* An answer that is not there, unknown, or to be filled. */
static struct fact_answer *answer_add(struct making *m, enum fact fact, struct slice argument)
{
	struct fact_answer *answer = &m->answers[m->count];

	if (chance(m->g, 15))
		return NULL;
	m->count++;
	*answer = (struct fact_answer){.fact = fact, .argument = argument};
	answer->unknown = chance(m->g, 12);
	return answer->unknown ? NULL : answer;
}

static void result_add(struct making *m, enum fact fact, const char *const *results, unsigned count)
{
	struct fact_answer *answer = answer_add(m, fact, SLICE_NONE);

	if (answer)
		answer->text = slice_of(results[generate_below(m->g, count)]);
}

static void list_add(struct making *m, enum fact fact, const char *zone)
{
	static const char *const found[] = {
		"127.0.0.2", "127.0.0.9", "127.255.255.254", "192.0.2.7"};
	struct fact_answer *answer = answer_add(m, fact, slice_of(zone));

	if (!answer || chance(m->g, 60))
		return;
	struct address *address = ARENA_NEW(m->arena, struct address);
	panic_if(!address_parse(slice_of(PICK(m->g, found)), address), "an address");
	answer->addresses = address;
	answer->address_count = 1;
}

static void texts_add(struct making *m, enum fact fact, struct slice argument,
	const char *const *texts, unsigned count)
{
	struct fact_answer *answer = answer_add(m, fact, argument);

	if (!answer || chance(m->g, 40))
		return;
	struct slice *list = ARENA_ARRAY(m->arena, struct slice, 2);
	wall_ns *times = ARENA_ARRAY(m->arena, wall_ns, 2);
	size_t many = 1 + generate_below(m->g, 2);
	for (size_t i = 0; i < many; i++) {
		list[i] = slice_of(texts[generate_below(m->g, count)]);
		times[i] = m->facts->now - (10 + 30 * generate_below(m->g, 6)) * 60 * NS_PER_S;
	}
	answer->texts = list;
	answer->text_count = many;
	answer->times = fact == FACT_RECENT_POP ? times : NULL;
}

static void answers_make(struct making *m)
{
	static const char *const spf[] = {
		"pass", "fail", "softfail", "none", "permerror", "neutral", "temperror"};
	static const char *const policies[] = {"none", "quarantine", "reject"};
	static const char *const names[] = {"a.isp.example", "b.isp.example", "other.example"};
	static const char *const groups[] = {"staff", "pupils"};
	static const char *const owned[] = {
		"carol@example.org", "*@a.example", "Alice@example.org"};
	struct fact_answer *answer;

	texts_add(m, FACT_CLIENT_NAME, SLICE_NONE, names, COUNT(names));
	list_add(m, FACT_LISTED, "bl.example");
	list_add(m, FACT_LISTED, "bl2.example");
	list_add(m, FACT_ALLOWED, "wl.example");
	list_add(m, FACT_HELO_LISTED, "dbl.example");
	list_add(m, FACT_SENDER_DOMAIN_LISTED, "dbl.example");
	list_add(m, FACT_LINK_LISTED, "dbl.example");
	texts_add(m, FACT_RECENT_POP, SLICE_NONE, accounts, COUNT(accounts));
	texts_add(m, FACT_GROUPS, SLICE_NONE, groups, COUNT(groups));
	for (size_t i = 0; i < COUNT(accounts); i++)
		texts_add(m, FACT_OWNED, slice_of(accounts[i]), owned, COUNT(owned));
	result_add(m, FACT_SPF, spf, COUNT(spf));
	result_add(m, FACT_DKIM, spf, COUNT(spf));
	result_add(m, FACT_DMARC, spf, COUNT(spf));
	result_add(m, FACT_ARC, spf, COUNT(spf));
	result_add(m, FACT_DMARC_POLICY, policies, COUNT(policies));
	if ((answer = answer_add(m, FACT_SENDER_UNREACHABLE, SLICE_NONE)) != NULL)
		answer->yes = chance(m->g, 40);
	if ((answer = answer_add(m, FACT_MAILBOX, SLICE_NONE)) != NULL)
		answer->yes = chance(m->g, 70);
	if ((answer = answer_add(m, FACT_SCORE, SLICE_NONE)) != NULL)
		answer->number = generate_below(m->g, 20);
	if ((answer = answer_add(m, FACT_VIRUS, SLICE_NONE)) != NULL)
		answer->yes = chance(m->g, 40);
}

static void client_make(struct making *m)
{
	struct facts *facts = m->facts;

	facts->listener = chance(m->g, 80) ? SLICE("smtp") : SLICE("submission");
	facts->is_local = chance(m->g, 6);
	facts->local_user = !facts->is_local   ? SLICE_NONE
			    : chance(m->g, 50) ? SLICE("web")
					       : SLICE("alice");
	facts->has_client = !facts->is_local && chance(m->g, 97) &&
			    address_parse(slice_of(PICK(m->g, clients)), &facts->client);
	facts->has_tls = chance(m->g, 95);
	facts->tls = facts->has_tls && chance(m->g, 60);
	facts->tls_verified = facts->tls && chance(m->g, 40);
	if (facts->tls_verified && chance(m->g, 80))
		facts->certificate = chance(m->g, 50) ? SLICE("SHA256:00AA") : SLICE("SHA256:00bb");
	facts->has_account = chance(m->g, 93);
	if (facts->has_account && chance(m->g, 40))
		facts->account = slice_of(PICK(m->g, accounts));
	facts->has_helo = chance(m->g, 95);
	facts->helo = facts->has_helo ? slice_of(PICK(m->g, helos)) : SLICE_NONE;
}

/* Seldom it is a return path of ours, which leads back to whoever sent first. */
static void returned_make(struct making *m)
{
	struct facts *facts = m->facts;

	if (!chance(m->g, 4))
		return;
	facts->is_returned = facts->has_alias = true;
	facts->alias = mailbox_of(m, "SRS0=q7=2A=adatum.com=b@example.org");
	facts->recipient = mailbox_of(m, chance(m->g, 80) ? "b@adatum.com" : "alice@example.org");
}

static void recipient_make(struct making *m, const struct policy *policy)
{
	struct facts *facts = m->facts;
	struct mailbox written = mailbox_of(m, PICK(m->g, recipients));
	const struct expansion *targets;
	size_t count = policy_expand(policy, &written, m->arena, &targets);
	const struct expansion *target = &targets[generate_below(m->g, (unsigned)count)];

	facts->has_recipient = true;
	facts->recipient = target->target;
	facts->has_alias = target->is_alias;
	facts->alias = written;
	returned_make(m);
	facts->has_recipients = true;
	facts->recipients = 1 + generate_below(m->g, 4);
}

/* Sender and Resent-* are rare, and rarer still more than one. */
static void claims_make(struct making *m)
{
	struct facts *facts = m->facts;
	struct mailbox *claims = ARENA_ARRAY(m->arena, struct mailbox, 2);
	size_t count = !facts->has_from || chance(m->g, 70) ? 0 : chance(m->g, 80) ? 1 : 2;

	for (size_t i = 0; i < count; i++)
		claims[i] = mailbox_of(m, senders[1 + generate_below(m->g, COUNT(senders) - 2)]);
	facts->claims = claims;
	facts->claim_count = count;
	facts->claims_unclear = facts->has_from && chance(m->g, 5);
}

static void message_make(struct making *m, bool end)
{
	static const char header[] = "From: <alice@example.org>\r\nSubject: the\r\n Casino\r\n";
	struct facts *facts = m->facts;

	facts->has_size = chance(m->g, 70);
	facts->size = 5000 + 10000 * generate_below(m->g, 3);
	facts->size_is_final = end && facts->has_size;
	facts->has_from = end && chance(m->g, 93);
	if (facts->has_from)
		facts->from = mailbox_of(m, senders[1 + generate_below(m->g, COUNT(senders) - 2)]);
	claims_make(m);
	facts->has_header = end && chance(m->g, 90);
	facts->header = facts->has_header && chance(m->g, 50) ? slice_of(header) : SLICE_NONE;
}

static void counters_make(struct making *m, const struct policy *policy)
{
	const struct counter_wanted *wanted;
	size_t count = policy_counters(policy, m->facts, m->arena, &wanted);
	struct counter_answer *list = ARENA_ARRAY(m->arena, struct counter_answer, count + 1);

	for (size_t i = 0; i < count; i++)
		if (chance(m->g, 85))
			list[m->facts->counter_count++] =
				(struct counter_answer){.clause = wanted[i].clause,
					.unknown = chance(m->g, 10),
					.full = chance(m->g, 40),
					.used = wanted[i].most,
					.most = wanted[i].most,
					.free_at = m->facts->now + 600 * NS_PER_S};
	m->facts->counters = list;
}

static void given_make(struct making *m, const struct policy *policy)
{
	struct given *given = ARENA_ARRAY(m->arena, struct given, 3);
	char raw[400];

	m->facts->given = given;
	for (unsigned i = chance(m->g, 15) ? 2 : 0; i > 0; i--) {
		struct text why = TEXT_FIXED(raw);
		struct slice atom = arena_format(
			m->arena, "%s%s", chance(m->g, 40) ? "not " : "", generate_atom(m->g));
		m->facts->given_count += policy_given_parse(
			policy, atom, m->arena, &given[m->facts->given_count], &why);
	}
}

void generate_session(struct generator *g, const struct policy *policy, struct arena *arena,
	struct session_generated *session)
{
	struct making m = {.g = g, .arena = arena, .facts = &session->facts};

	*session = (struct session_generated){.stage = chance(g, 50) ? STAGE_END : STAGE_RCPT};
	if (chance(g, 10))
		session->stage = (enum stage)generate_below(g, STAGE_RCPT);
	session->facts.now = chance(g, 70) ? INT64_C(1800000000) * NS_PER_S : 0;
	client_make(&m);
	session->facts.has_sender = chance(g, 97);
	if (session->facts.has_sender)
		session->facts.sender = mailbox_of(&m, PICK(g, senders));
	if (session->stage >= STAGE_RCPT || chance(g, 50))
		recipient_make(&m, policy);
	message_make(&m, session->stage == STAGE_END);
	m.answers = ARENA_ARRAY(arena, struct fact_answer, 32);
	answers_make(&m);
	session->facts.answers = m.answers;
	session->facts.answer_count = m.count;
	counters_make(&m, policy);
	given_make(&m, policy);
}
