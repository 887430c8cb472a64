/* SPDX-License-Identifier: Apache-2.0 */
/* Random sessions, for tests. The contract is in generate.h. */
#include "policy/generate_inside.h"

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

	if (generate_chance(m->g, 15))
		return NULL;
	m->count++;
	*answer = (struct fact_answer){.fact = fact, .argument = argument};
	answer->unknown = generate_chance(m->g, 12);
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

	if (!answer || generate_chance(m->g, 60))
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

	if (!answer || generate_chance(m->g, 40))
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

/* Those that the account has of its own: mostly none, seldom more than hold. */
static void own_limits_add(struct making *m)
{
	static const char *const limits[] = {"500 recipients per day", "60 messages per 10 minutes",
		"1 recipients per 2 weeks", "9 messages per second", "3 recipients per hour"};
	struct fact_answer *answer = answer_add(m, FACT_LIMITS, SLICE_NONE);

	if (!answer || generate_chance(m->g, 60))
		return;
	size_t many =
		generate_chance(m->g, 10) ? ACCOUNT_LIMITS_MAX + 1 : 1 + generate_below(m->g, 2);
	struct slice *list = ARENA_ARRAY(m->arena, struct slice, many);
	for (size_t i = 0; i < many; i++)
		list[i] = slice_of(PICK(m->g, limits));
	answer->texts = list;
	answer->text_count = many;
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
	own_limits_add(m);
	for (size_t i = 0; i < COUNT(accounts); i++)
		texts_add(m, FACT_OWNED, slice_of(accounts[i]), owned, COUNT(owned));
	result_add(m, FACT_SPF, spf, COUNT(spf));
	result_add(m, FACT_DKIM, spf, COUNT(spf));
	result_add(m, FACT_DMARC, spf, COUNT(spf));
	result_add(m, FACT_ARC, spf, COUNT(spf));
	result_add(m, FACT_DMARC_POLICY, policies, COUNT(policies));
	if ((answer = answer_add(m, FACT_SENDER_UNREACHABLE, SLICE_NONE)) != NULL)
		answer->yes = generate_chance(m->g, 40);
	if ((answer = answer_add(m, FACT_MAILBOX, SLICE_NONE)) != NULL)
		answer->yes = generate_chance(m->g, 70);
	if ((answer = answer_add(m, FACT_SCORE, SLICE_NONE)) != NULL)
		answer->number = generate_below(m->g, 20);
	if ((answer = answer_add(m, FACT_VIRUS, SLICE_NONE)) != NULL)
		answer->yes = generate_chance(m->g, 40);
}

static void client_make(struct making *m)
{
	struct facts *facts = m->facts;

	facts->listener = generate_chance(m->g, 80) ? SLICE("smtp") : SLICE("submission");
	facts->is_local = generate_chance(m->g, 6);
	facts->local_user = !facts->is_local            ? SLICE_NONE
			    : generate_chance(m->g, 50) ? SLICE("web")
							: SLICE("alice");
	facts->has_client = !facts->is_local && generate_chance(m->g, 97) &&
			    address_parse(slice_of(PICK(m->g, clients)), &facts->client);
	facts->has_tls = generate_chance(m->g, 95);
	facts->tls = facts->has_tls && generate_chance(m->g, 60);
	facts->tls_verified = facts->tls && generate_chance(m->g, 40);
	if (facts->tls_verified && generate_chance(m->g, 80))
		facts->certificate =
			generate_chance(m->g, 50) ? SLICE("SHA256:00AA") : SLICE("SHA256:00bb");
	facts->has_account = generate_chance(m->g, 93);
	if (facts->has_account && generate_chance(m->g, 40))
		facts->account = slice_of(PICK(m->g, accounts));
	facts->has_helo = generate_chance(m->g, 95);
	facts->helo = facts->has_helo ? slice_of(PICK(m->g, helos)) : SLICE_NONE;
}

/* Seldom it is a return path of ours, which leads back to whoever sent first. */
static void returned_make(struct making *m)
{
	struct facts *facts = m->facts;

	if (!generate_chance(m->g, 4))
		return;
	facts->is_returned = facts->has_alias = true;
	facts->alias = mailbox_of(m, "SRS0=q7=2A=adatum.com=b@example.org");
	facts->recipient =
		mailbox_of(m, generate_chance(m->g, 80) ? "b@adatum.com" : "alice@example.org");
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
	size_t count = !facts->has_from || generate_chance(m->g, 70) ? 0
		       : generate_chance(m->g, 80)                   ? 1
								     : 2;

	for (size_t i = 0; i < count; i++)
		claims[i] = mailbox_of(m, senders[1 + generate_below(m->g, COUNT(senders) - 2)]);
	facts->claims = claims;
	facts->claim_count = count;
	facts->claims_unclear = facts->has_from && generate_chance(m->g, 5);
}

static void message_make(struct making *m, bool end)
{
	static const char header[] = "From: <alice@example.org>\r\nSubject: the\r\n Casino\r\n";
	struct facts *facts = m->facts;

	facts->has_size = generate_chance(m->g, 70);
	facts->size = 5000 + 10000 * generate_below(m->g, 3);
	facts->size_is_final = end && facts->has_size;
	facts->has_from = end && generate_chance(m->g, 93);
	if (facts->has_from)
		facts->from = mailbox_of(m, senders[1 + generate_below(m->g, COUNT(senders) - 2)]);
	claims_make(m);
	facts->has_header = end && generate_chance(m->g, 90);
	facts->header =
		facts->has_header && generate_chance(m->g, 50) ? slice_of(header) : SLICE_NONE;
}

static void counters_make(struct making *m, const struct policy *policy)
{
	const struct counter_wanted *wanted;
	size_t count = policy_counters(policy, m->facts, m->arena, &wanted);
	struct counter_answer *list = ARENA_ARRAY(m->arena, struct counter_answer, count + 1);

	for (size_t i = 0; i < count; i++)
		if (generate_chance(m->g, 85))
			list[m->facts->counter_count++] =
				(struct counter_answer){.clause = wanted[i].clause,
					.unknown = generate_chance(m->g, 10),
					.full = generate_chance(m->g, 40),
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
	for (unsigned i = generate_chance(m->g, 15) ? 2 : 0; i > 0; i--) {
		struct text why = TEXT_FIXED(raw);
		struct slice atom = arena_format(m->arena, "%s%s",
			generate_chance(m->g, 40) ? "not " : "", generate_atom(m->g));
		m->facts->given_count += policy_given_parse(
			policy, atom, m->arena, &given[m->facts->given_count], &why);
	}
}

void generate_session(struct generator *g, const struct policy *policy, struct arena *arena,
	struct session_generated *session)
{
	struct making m = {.g = g, .arena = arena, .facts = &session->facts};

	*session = (struct session_generated){
		.stage = generate_chance(g, 50) ? STAGE_END : STAGE_RCPT};
	if (generate_chance(g, 10))
		session->stage = (enum stage)generate_below(g, STAGE_RCPT);
	session->facts.now = generate_chance(g, 70) ? INT64_C(1800000000) * NS_PER_S : 0;
	client_make(&m);
	session->facts.has_sender = generate_chance(g, 97);
	if (session->facts.has_sender)
		session->facts.sender = mailbox_of(&m, PICK(g, senders));
	if (session->stage >= STAGE_RCPT || generate_chance(g, 50))
		recipient_make(&m, policy);
	message_make(&m, session->stage == STAGE_END);
	m.answers = ARENA_ARRAY(arena, struct fact_answer, 32);
	answers_make(&m);
	session->facts.answers = m.answers;
	session->facts.answer_count = m.count;
	counters_make(&m, policy);
	given_make(&m, policy);
}
