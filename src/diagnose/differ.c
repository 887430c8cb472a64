/* SPDX-License-Identifier: Apache-2.0 */
/* Two policies, tried against each other. Read differ.h first. */
#include "diagnose/differ.h"

enum { SESSIONS_MAX = 600000 };

/* The samples of both policies together, and what no policy names. */
struct pool {
	struct slice *at;
	size_t count;
};
struct who { /* a class of clients, one of its members */
	struct slice words;
	struct facts facts; /* the session's part */
};
struct trying {
	const struct policy *before, *after;
	struct arena *arena, *scratch;
	struct differ *differ;
	struct who *whos;
	size_t who_count, who_size;
	struct pool senders, recipients;
	uint64_t sizes[2 * SAMPLE_NUMBERS_MAX];
	size_t size_count;
	uint64_t stride; /* of sessions tried: 1, all */
	uint64_t turn;
};

struct slice differ_kind_text(enum differ_kind kind)
{
	static const struct slice texts[DIFFER_KINDS] = {[DIFFER_GAINS] = SLICE("gains"),
		[DIFFER_LOSES] = SLICE("loses"),
		[DIFFER_OTHERWISE] = SLICE("may")};

	return texts[kind];
}

struct slice differ_target_text(enum differ_target target)
{
	static const struct slice texts[DIFFER_TARGETS] = {[DIFFER_OURS] = SLICE("ours"),
		[DIFFER_FOREIGN] = SLICE("foreign"),
		[DIFFER_FORWARDED] = SLICE("forwarded")};

	return texts[target];
}

/* ---- pools ---- */

static void pool_add(struct trying *t, struct pool *pool, struct slice text)
{
	for (size_t i = 0; i < pool->count; i++)
		if (slice_is(pool->at[i], text))
			return;
	if (!pool->at)
		pool->at = ARENA_ARRAY(t->arena, struct slice, 2 * SAMPLES_MAX + 8);
	if (pool->count < 2 * SAMPLES_MAX + 8)
		pool->at[pool->count++] = text;
}

static void pool_add_all(struct trying *t, struct pool *pool, const struct sample_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		pool_add(t, pool, texts->at[i]);
}

/* ---- who ---- */

static struct facts nobody(void)
{
	return (struct facts){.listener = SLICE("smtp"),
		.has_tls = true,
		.has_account = true,
		.has_helo = true,
		.helo = SLICE("client.example"),
		.has_recipients = true,
		.recipients = 1};
}

static void who_add(struct trying *t, struct slice words, const struct facts *facts)
{
	if (t->who_count == t->who_size)
		return;
	t->whos[t->who_count++] = (struct who){words, *facts};
}

static struct slice client_words(const struct trying *t, const struct address *client)
{
	struct slice before, after;
	bool trusted;

	policy_find_networks(t->before, client, 0, t->arena, &before, &trusted);
	policy_find_networks(t->after, client, 0, t->arena, &after, &trusted);
	if (!before.len && !after.len)
		return SLICE("a stranger");
	if (slice_is(before, after))
		return arena_format(t->arena, "network %.*s", SLICE_ARGS(before));
	return arena_format(t->arena, "network %.*s, then %.*s",
		SLICE_ARGS(before.len ? before : SLICE("none")),
		SLICE_ARGS(after.len ? after : SLICE("none")));
}

static void who_client(struct trying *t, const struct address *client)
{
	struct facts facts = nobody();

	facts.has_client = true;
	facts.client = *client;
	who_add(t, client_words(t, client), &facts);
}

static const struct address *stranger(struct arena *arena)
{
	struct address *address = ARENA_NEW(arena, struct address);

	if (!address_parse(SLICE("203.0.113.77"), address))
		return NULL;
	return address;
}

/* An account owns its own name; its groups are as asked. */
static void who_account(struct trying *t, struct slice account, struct slice group)
{
	struct facts facts = nobody();
	struct fact_answer *answers = ARENA_ARRAY(t->arena, struct fact_answer, 2);
	struct slice *groups = ARENA_NEW(t->arena, struct slice);

	*groups = group;
	answers[0] = (struct fact_answer){
		.fact = FACT_GROUPS, .texts = groups, .text_count = group.len > 0};
	answers[1] = (struct fact_answer){.fact = FACT_OWNED, .argument = account};
	facts.has_client = true;
	facts.client = *stranger(t->arena);
	facts.listener = SLICE("submission");
	facts.tls = true;
	facts.account = account;
	facts.answers = answers;
	facts.answer_count = 2;
	struct slice words =
		group.len ? arena_format(t->arena, "signed in, in group %.*s", SLICE_ARGS(group))
			  : arena_format(t->arena, "signed in as %.*s", SLICE_ARGS(account));
	who_add(t, words, &facts);
}

static void who_certificate(struct trying *t, struct slice fingerprint)
{
	struct facts facts = nobody();

	facts.has_client = true;
	facts.client = *stranger(t->arena);
	facts.tls = facts.tls_verified = true;
	facts.certificate = fingerprint;
	who_add(t, arena_format(t->arena, "with the certificate %.*s", SLICE_ARGS(fingerprint)),
		&facts);
}

static void who_local(struct trying *t, struct slice user)
{
	struct facts facts = nobody();

	facts.is_local = true;
	facts.local_user = user;
	who_add(t, arena_format(t->arena, "local user %.*s", SLICE_ARGS(user)), &facts);
}

static void who_reader(struct trying *t, struct slice account)
{
	struct facts facts = nobody();
	struct fact_answer *answer = ARENA_NEW(t->arena, struct fact_answer);
	struct slice *accounts = ARENA_NEW(t->arena, struct slice);
	wall_ns *times = ARENA_NEW(t->arena, wall_ns);

	*accounts = account;
	*times = 0;
	*answer = (struct fact_answer){
		.fact = FACT_RECENT_POP, .texts = accounts, .times = times, .text_count = 1};
	facts.has_client = true;
	facts.client = *stranger(t->arena);
	facts.answers = answer;
	facts.answer_count = 1;
	who_add(t, SLICE("after POP"), &facts);
}

static void who_all(struct trying *t, const struct samples *samples)
{
	struct slice somebody = t->senders.count > 1 ? t->senders.at[1] : t->senders.at[0];

	for (size_t i = 0; i < samples->client_count; i++)
		who_client(t, &samples->clients[i]);
	for (size_t i = 0; i < samples->accounts.count; i++)
		who_account(t, samples->accounts.at[i], SLICE_NONE);
	for (size_t i = 0; i < samples->groups.count; i++)
		who_account(t, somebody, samples->groups.at[i]);
	for (size_t i = 0; i < samples->certificates.count; i++)
		who_certificate(t, samples->certificates.at[i]);
	for (size_t i = 0; i < samples->locals.count; i++)
		who_local(t, samples->locals.at[i]);
	if (samples->has_leases)
		who_reader(t, somebody);
}

/* ---- what the world says ---- */

/* Harmless, but for one answer. */
static struct fact_answer harmless(enum fact fact, struct slice argument)
{
	struct fact_answer answer = {.fact = fact, .argument = argument};

	if (fact_row(fact)->type == FACT_IS_RESULT)
		answer.text = SLICE("none");
	if (fact == FACT_CLIENT_NAME)
		answer.text = SLICE("client.example");
	if (fact == FACT_MAILBOX)
		answer.yes = true;
	return answer;
}

static struct fact_answer harmful(enum fact fact, struct slice argument, struct arena *arena)
{
	struct fact_answer answer = harmless(fact, argument);
	struct address *listed = ARENA_NEW(arena, struct address);

	switch (fact_row(fact)->type) {
	case FACT_IS_ADDRESSES:
		answer.address_count = address_parse(SLICE("127.0.0.2"), listed);
		answer.addresses = listed;
		break;
	case FACT_IS_RESULT:
		answer.text = fact == FACT_DMARC_POLICY ? SLICE("reject") : SLICE("fail");
		break;
	case FACT_IS_YES_NO: answer.yes = fact != FACT_MAILBOX; break;
	case FACT_IS_NUMBER: answer.number = 1000; break;
	case FACT_IS_TEXT: answer.text = SLICE_NONE; break;
	case FACT_IS_ADDRESS:
	case FACT_IS_TEXTS:
	case FACT_IS_MAILBOX: break;
	}
	return answer;
}

static void answer_put(struct facts *facts, struct fact_answer answer, struct arena *arena)
{
	struct fact_answer *answers =
		ARENA_ARRAY(arena, struct fact_answer, facts->answer_count + 1);

	for (size_t i = 0; i < facts->answer_count; i++)
		answers[i] = facts->answers[i];
	answers[facts->answer_count++] = answer;
	facts->answers = answers;
}

/* ---- one session ---- */

static enum differ_target target_of(const struct decision *decisions, const struct facts *facts)
{
	if (facts->has_alias && decisions[0].foreign)
		return DIFFER_FORWARDED;
	return decisions[0].foreign && decisions[1].foreign ? DIFFER_FOREIGN : DIFFER_OURS;
}

static struct slice reply_words(const struct decision *decision, struct arena *arena)
{
	if (decision->verdict == VERDICT_ACCEPT)
		return SLICE("accepted");
	return arena_format(arena, "%u %u.%u.%u %.*s", decision->code, decision->enhanced.class,
		decision->enhanced.subject, decision->enhanced.detail, SLICE_ARGS(decision->words));
}

static struct slice session_words(
	const struct who *who, const struct facts *facts, struct slice world, struct arena *arena)
{
	struct text text = TEXT_GROWING;

	if (facts->has_client) {
		text_put(&text, SLICE("client "));
		text_address(&text, &facts->client);
		text_put(&text, SLICE(" ("));
		text_put(&text, who->words);
		text_put(&text, SLICE(")"));
	} else {
		text_put(&text, who->words);
	}
	text_put(&text, SLICE(", from <"));
	text_put(&text, facts->sender.text);
	text_put(&text, SLICE("> to <"));
	text_put(&text, facts->recipient.text);
	text_put(&text, SLICE(">"));
	text_put(&text, world);
	struct slice words = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return words;
}

static void difference_add(struct trying *t, const struct who *who, const struct facts *facts,
	const struct decision decisions[2], struct slice world)
{
	struct differ *differ = t->differ;
	enum differ_target target = target_of(decisions, facts);
	enum differ_kind kind = decisions[1].verdict == VERDICT_ACCEPT   ? DIFFER_GAINS
				: decisions[0].verdict == VERDICT_ACCEPT ? DIFFER_LOSES
									 : DIFFER_OTHERWISE;

	for (size_t i = 0; i < differ->count; i++) {
		struct difference *known = &differ->list[i];
		if (known->target == target && known->kind == kind &&
			slice_is(known->client, who->words)) {
			known->sessions++;
			return;
		}
	}
	if (differ->count == DIFFERENCES_MAX) {
		differ->cut = true;
		return;
	}
	differ->list[differ->count++] = (struct difference){.client = who->words,
		.target = target,
		.kind = kind,
		.sessions = 1,
		.example = session_words(who, facts, world, t->arena),
		.before = reply_words(&decisions[0], t->arena),
		.after = reply_words(&decisions[1], t->arena)};
}

/* Counters are empty and no grant has ended: now is 0. */
static void decide_both(struct trying *t, const struct facts *facts, struct decision decisions[2])
{
	policy_decide(t->before, facts, STAGE_END, t->scratch, &decisions[0]);
	policy_decide(t->after, facts, STAGE_END, t->scratch, &decisions[1]);
}

static void try_world(
	struct trying *t, const struct who *who, const struct facts *facts, struct slice world)
{
	struct decision decisions[2];

	t->differ->sessions++;
	decide_both(t, facts, decisions);
	if (decisions[0].verdict != decisions[1].verdict)
		difference_add(t, who, facts, decisions, world);
}

/* Everything either policy would ask, answered harmlessly; gives back how many there are. */
static size_t calm(struct trying *t, struct facts *facts)
{
	enum { ROUNDS = 3 };
	const struct policy *policies[] = {t->before, t->after};
	const struct wanted *wanted;
	size_t first = facts->answer_count, found = 1;

	for (int round = 0; round < ROUNDS && found; round++) {
		found = 0;
		for (int p = 0; p < 2; p++) {
			size_t count =
				policy_wanted(policies[p], facts, STAGE_END, t->scratch, &wanted);
			for (size_t i = 0; i < count; i++, found++)
				answer_put(facts, harmless(wanted[i].fact, wanted[i].argument),
					t->scratch);
		}
	}
	return facts->answer_count - first;
}

static struct slice world_words(const struct fact_answer *answer, struct arena *arena)
{
	return arena_format(arena, ", and %.*s%s%.*s: %s", SLICE_ARGS(fact_row(answer->fact)->name),
		answer->argument.len ? " " : "", SLICE_ARGS(answer->argument),
		fact_row(answer->fact)->type == FACT_IS_TEXT ? "none" : "against it");
}

static void try_worlds(struct trying *t, const struct who *who, struct facts *facts)
{
	size_t count = calm(t, facts), first = facts->answer_count - count;

	try_world(t, who, facts, SLICE_NONE);
	for (size_t i = 0; i < t->size_count; i++) {
		struct facts larger = *facts;
		larger.size = t->sizes[i];
		try_world(t, who, &larger,
			arena_format(
				t->scratch, ", of %llu bytes", (unsigned long long)t->sizes[i]));
	}
	for (size_t i = 0; i < count; i++) {
		struct facts worse = *facts;
		struct fact_answer *answers =
			ARENA_ARRAY(t->scratch, struct fact_answer, facts->answer_count + 1);
		for (size_t j = 0; j < facts->answer_count; j++)
			answers[j] = facts->answers[j];
		struct fact_answer *changed = &answers[first + i];
		*changed = harmful(changed->fact, changed->argument, t->scratch);
		worse.answers = answers;
		try_world(t, who, &worse, world_words(changed, t->arena));
	}
}

static bool read_party(struct slice text, struct arena *arena, struct mailbox *mailbox)
{
	if (text.len == 0) {
		*mailbox = (struct mailbox){.is_null = true};
		return true;
	}
	return mailbox_parse(text, arena, mailbox) == MAILBOX_OK;
}

static void try_session(
	struct trying *t, const struct who *who, struct slice sender, struct slice recipient)
{
	struct facts facts = who->facts;
	const struct expansion *targets;

	arena_reset(t->scratch);
	facts.has_sender = read_party(sender, t->scratch, &facts.sender);
	facts.has_recipient = read_party(recipient, t->scratch, &facts.recipient);
	if (!facts.has_sender || !facts.has_recipient)
		return;
	facts.has_from = true;
	facts.from = facts.sender;
	facts.has_header = true;
	facts.header = SLICE("Subject: x\r\n");
	facts.has_size = facts.size_is_final = true;
	facts.size =
		t->turn % (t->size_count + 1) ? t->sizes[t->turn % (t->size_count + 1) - 1] : 5000;
	struct mailbox written = facts.recipient;
	size_t count = policy_expand(t->after, &written, t->scratch, &targets);
	for (size_t i = 0; i < count; i++) {
		struct facts each = facts;
		each.recipient = targets[i].target;
		each.has_alias = targets[i].is_alias;
		each.alias = written;
		try_worlds(t, who, &each);
	}
}

/* ---- the whole ---- */

static void gather(struct trying *t)
{
	struct samples samples[2];

	policy_samples(t->before, t->arena, &samples[0]);
	policy_samples(t->after, t->arena, &samples[1]);
	pool_add(t, &t->senders, SLICE("somebody@stranger.example"));
	pool_add(t, &t->recipients, SLICE("somebody@elsewhere.example"));
	for (int i = 0; i < 2; i++) {
		pool_add_all(t, &t->senders, &samples[i].senders);
		pool_add_all(t, &t->recipients, &samples[i].recipients);
		for (size_t j = 0; j < samples[i].size_count; j++)
			t->sizes[t->size_count++] = samples[i].sizes[j];
	}
	pool_add(t, &t->senders, SLICE_NONE); /* the null sender */
	t->who_size = 4 * SAMPLES_MAX;
	t->whos = ARENA_ARRAY(t->arena, struct who, t->who_size);
	who_client(t, stranger(t->arena));
	who_account(t, t->senders.count > 2 ? t->senders.at[1] : SLICE("somebody@stranger.example"),
		SLICE_NONE);
	who_all(t, &samples[0]);
	who_all(t, &samples[1]);
}

void differ_try(const struct policy *before, const struct policy *after, struct arena *arena,
	struct differ *differ)
{
	struct trying t = {.before = before, .after = after, .arena = arena, .differ = differ};

	*differ = (struct differ){.list = ARENA_ARRAY(arena, struct difference, DIFFERENCES_MAX)};
	t.scratch = arena_new();
	gather(&t);
	uint64_t all = (uint64_t)t.who_count * t.senders.count * t.recipients.count;
	t.stride = all / SESSIONS_MAX + 1;
	differ->cut = t.stride > 1;
	for (size_t w = 0; w < t.who_count; w++)
		for (size_t s = 0; s < t.senders.count; s++)
			for (size_t r = 0; r < t.recipients.count; r++)
				if (t.turn++ % t.stride == 0)
					try_session(&t, &t.whos[w], t.senders.at[s],
						t.recipients.at[r]);
	arena_free(t.scratch);
}
