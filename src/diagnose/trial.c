/* SPDX-License-Identifier: Apache-2.0 */
/* Trial. The contract is in trial.h. */
#include "diagnose/trial.h"

#include "diagnose/quota.h"
#include "journal/journal.h"
#include "wire/author.h"

static bool read_address(struct slice given, const char *option, struct arena *arena,
	struct mailbox *mailbox, struct text *words)
{
	struct slice bare = given;

	if (bare.len >= 2 && bare.at[0] == '<' && bare.at[bare.len - 1] == '>')
		bare = slice_part(bare, 1, bare.len - 1);
	if (bare.len == 0) {
		*mailbox = (struct mailbox){.is_null = true};
		return true;
	}
	if (slice_is_nocase(bare, SLICE("postmaster"))) {
		*mailbox = (struct mailbox){
			.is_postmaster = true, .local = bare, .text = SLICE("postmaster")};
		return true;
	}
	enum mailbox_fault fault = mailbox_parse(bare, arena, mailbox);
	if (fault != MAILBOX_OK) {
		text_format(words, "%s ", option);
		text_escaped(words, given);
		text_format(words, ": %s", mailbox_fault_text(fault));
	}
	return fault == MAILBOX_OK;
}

static struct slice listener_of(const struct trial *trial)
{
	if (trial->listener.len)
		return trial->listener;
	return trial->account.len ? SLICE("submission") : SLICE("smtp");
}

static void read_identity(const struct trial *trial, struct arena *arena, struct facts *facts)
{
	static const wall_ns long_ago = 60 * NS_PER_S;

	facts->has_tls = facts->has_account = true;
	facts->tls = trial->tls || trial->account.len || trial->certificate.len ||
		     slice_is(facts->listener, SLICE("submissions"));
	facts->account = trial->account;
	facts->tls_verified = trial->certificate.len > 0;
	facts->is_local = trial->is_local;
	facts->local_user = trial->local_user;
	if (!trial->pop_account.len)
		return;
	struct fact_answer *answer = ARENA_NEW(arena, struct fact_answer);
	struct slice *account = ARENA_NEW(arena, struct slice);
	wall_ns *time = ARENA_NEW(arena, wall_ns);
	*account = trial->pop_account;
	*time = trial->now - long_ago;
	*answer = (struct fact_answer){.fact = FACT_RECENT_POP,
		.texts = account,
		.times = time,
		.text_count = 1,
		.because = SLICE("--pop")};
	facts->answers = answer;
	facts->answer_count = 1;
}

static bool read_certificate(const struct policy *policy, const struct trial *trial,
	struct facts *facts, struct text *words)
{
	if (!trial->certificate.len)
		return true;
	facts->certificate = policy_certificate(policy, trial->certificate);
	if (facts->certificate.len)
		return true;
	text_put(words, SLICE("--cert "));
	text_escaped(words, trial->certificate);
	text_put(words, SLICE(": no `certificate` of this name is declared"));
	return false;
}

static void read_claims(const struct headers *headers, struct arena *arena, struct facts *facts)
{
	struct claims claims;

	claims_find(headers, arena, &claims);
	facts->claims = claims.at;
	facts->claim_count = claims.count;
	facts->claims_unclear = claims.unclear;
}

/* The author in the header: given, or read from the message; else the envelope sender stands for
 * it, as most mail has it. */
static bool read_author(
	const struct trial *trial, struct arena *arena, struct facts *facts, struct text *words)
{
	facts->has_header = trial->has_message;
	facts->header = trial->header;
	if (trial->header_from.len) {
		facts->has_from = read_address(
			trial->header_from, "--header-from", arena, &facts->from, words);
		return facts->has_from;
	}
	if (trial->has_message) {
		struct headers headers;
		header_scan(trial->header, arena, &headers);
		facts->has_from = author_find(&headers, arena, &facts->from) == AUTHOR_OK;
		read_claims(&headers, arena, facts);
	} else if (facts->has_sender && !facts->sender.is_null) {
		facts->has_from = true;
		facts->from = facts->sender;
	}
	return true;
}

static bool read_given(const struct policy *policy, const struct trial *trial, struct arena *arena,
	struct facts *facts, struct text *words)
{
	struct given *given = ARENA_ARRAY(arena, struct given, trial->given_count + 1);

	for (size_t i = 0; i < trial->given_count; i++)
		if (!policy_given_parse(policy, trial->given[i], arena, &given[i], words))
			return false;
	facts->given = given;
	facts->given_count = trial->given_count;
	return true;
}

static bool read_client(const struct trial *trial, struct facts *facts, struct text *words)
{
	facts->has_client = trial->client.len > 0 && !trial->is_local;
	if (!facts->has_client || address_parse(trial->client, &facts->client))
		return true;
	text_put(words, SLICE("--client "));
	text_escaped(words, trial->client);
	text_put(words, SLICE(": not an IP address"));
	return false;
}

static bool read_facts(const struct policy *policy, const struct trial *trial, struct arena *arena,
	struct facts *facts, struct text *words)
{
	*facts = (struct facts){
		.listener = listener_of(trial),
		.has_helo = trial->helo.len > 0,
		.helo = trial->helo,
		.has_sender = trial->has_from,
		.has_size = trial->has_size,
		.size_is_final = trial->has_size,
		.size = trial->size,
		.has_recipients = true,
		.now = trial->now,
	};
	if (!read_client(trial, facts, words))
		return false;
	if (trial->has_from && !read_address(trial->from, "--from", arena, &facts->sender, words))
		return false;
	read_identity(trial, arena, facts);
	return read_certificate(policy, trial, facts, words) &&
	       read_author(trial, arena, facts, words) &&
	       read_given(policy, trial, arena, facts, words);
}

/* ---- what others are asked ---- */

static void answers_add(
	struct facts *facts, const struct fact_answer *answers, size_t count, struct arena *arena)
{
	struct fact_answer *all =
		ARENA_ARRAY(arena, struct fact_answer, facts->answer_count + count + 1);

	for (size_t i = 0; i < facts->answer_count; i++)
		all[i] = facts->answers[i];
	for (size_t i = 0; i < count; i++)
		all[facts->answer_count + i] = answers[i];
	facts->answers = all;
	facts->answer_count += count;
}

/* Limits that the account carries: no clause asks for them. */
static void find_limits(const struct trial *trial, struct arena *arena, struct facts *facts)
{
	const struct wanted wanted = {.fact = FACT_LIMITS};
	struct fact_answer answer;

	if (trial->find && facts->account.len && !facts_answer(facts, FACT_LIMITS, SLICE_NONE) &&
		trial->find(trial->owner, facts, &wanted, 1, arena, &answer) == 1 &&
		(answer.unknown || answer.text_count))
		answers_add(facts, &answer, 1, arena);
}

static void find_facts(const struct policy *policy, const struct trial *trial, struct arena *arena,
	struct facts *facts)
{
	enum { ROUNDS_MAX = 4 }; /* leases, then what their accounts own */
	const struct wanted *wanted;
	size_t count, found = 1;

	for (int round = 0; trial->find && round < ROUNDS_MAX && found; round++) {
		count = policy_wanted(policy, facts, STAGE_END, arena, &wanted);
		if (!count)
			return;
		struct fact_answer *answers = ARENA_ARRAY(arena, struct fact_answer, count);
		found = trial->find(trial->owner, facts, wanted, count, arena, answers);
		answers_add(facts, answers, found, arena);
	}
}

static void put_reply(struct text *reply, const struct decision *decision)
{
	if (decision->verdict == VERDICT_ACCEPT) {
		text_put(reply, SLICE("250 2.1.5 recipient ok"));
		return;
	}
	text_number(reply, decision->code);
	text_char(reply, ' ');
	text_enhanced(reply, decision->enhanced);
	text_char(reply, ' ');
	text_put(reply, decision->words);
}

/* "possible":["accept","refuse"] goes in before the line's closing brace. */
static struct slice add_possible(struct slice line, unsigned possible, struct arena *arena)
{
	static const char *const names[] = {[VERDICT_ACCEPT] = "accept",
		[VERDICT_REFUSE] = "refuse",
		[VERDICT_DEFER] = "defer"};
	struct text out = TEXT_GROWING;
	const char *between = "";

	text_put(&out, slice_part(line, 0, line.len - 1));
	text_put(&out, SLICE(",\"possible\":["));
	for (unsigned verdict = VERDICT_ACCEPT; verdict <= VERDICT_DEFER; verdict++)
		if (possible & 1u << verdict) {
			text_format(&out, "%s\"%s\"", between, names[verdict]);
			between = ",";
		}
	text_put(&out, SLICE("]}"));
	struct slice kept = arena_slice(arena, text_slice(&out));
	text_free(&out);
	return kept;
}

/* "nearest":[…]: what would have made it an acceptance. */
static void put_nearest(struct text *out, const struct policy *policy, const struct facts *facts,
	const struct decision *decision, struct arena *arena)
{
	const struct slice *nearest;
	size_t count = policy_nearest(policy, facts, STAGE_END, decision, arena, &nearest);

	for (size_t i = 0; i < count; i++) {
		text_put(out, i ? SLICE(",") : SLICE(",\"nearest\":["));
		text_json(out, nearest[i]);
	}
	if (count)
		text_char(out, ']');
}

static struct trial_result tell_one(const struct policy *policy, const struct facts *facts,
	struct decision *decision, struct arena *arena)
{
	char raw[REPLY_LINE_MAX];
	struct text reply = TEXT_FIXED(raw), line = TEXT_GROWING, whole = TEXT_GROWING;
	struct decision told = *decision;

	told.trace_count = policy_trace_whole(policy, facts, STAGE_END, arena, &told.trace);
	put_reply(&reply, decision);
	journal_write_decision(&line, &(struct journal_decision){.time = facts->now,
					      .policy = policy,
					      .facts = facts,
					      .decision = &told,
					      .reply = text_slice(&reply),
					      .tls = facts->tls,
					      .arena = arena});
	text_put(&whole, slice_part(text_slice(&line), 0, line.len - 1));
	put_nearest(&whole, policy, facts, decision, arena);
	text_char(&whole, '}');
	struct trial_result result = {
		add_possible(text_slice(&whole), decision->possible, arena), decision->possible};
	text_free(&line);
	text_free(&whole);
	return result;
}

/* What it stands for is decided; the strictest answer counts (doc/policy.md, "Aliases"). */
static struct trial_result decide_recipient(
	struct quotas *quotas, struct facts *facts, struct arena *arena)
{
	const struct policy *policy = quotas->policy;
	const struct expansion *targets;
	struct mailbox written = facts->recipient;
	size_t count = policy_expand(policy, &written, arena, &targets);
	struct decision *decisions = ARENA_ARRAY(arena, struct decision, count + 1);
	struct facts *each = ARENA_ARRAY(arena, struct facts, count + 1);

	for (size_t i = 0; i < count; i++) {
		each[i] = *facts;
		each[i].recipient = targets[i].target;
		each[i].has_alias = targets[i].is_alias;
		each[i].alias = written;
		find_facts(policy, quotas->trial, arena, &each[i]);
		find_limits(quotas->trial, arena, &each[i]);
		quotas_tell(quotas, &each[i]);
		policy_decide(policy, &each[i], STAGE_END, arena, &decisions[i]);
	}
	const struct decision *strictest = policy_strictest(policy, decisions, count);
	size_t at = (size_t)(strictest - decisions);
	for (size_t i = 0; strictest->verdict == VERDICT_ACCEPT && i < count; i++)
		quotas_take(quotas, &each[i]);
	return tell_one(policy, &each[at], &decisions[at], arena);
}

bool trial_decide(const struct policy *policy, const struct trial *trial, struct arena *arena,
	struct trial_result *results, struct text *words)
{
	struct facts facts;
	struct quotas quotas;
	bool good = true;

	if (!read_facts(policy, trial, arena, &facts, words))
		return false;
	const struct facts given = facts;
	quotas_init(&quotas, policy, trial, arena);
	for (size_t i = 0; good && i < trial->to_count; i++) {
		good = read_address(trial->to[i], "--to", arena, &facts.recipient, words);
		if (!good)
			break;
		facts.has_recipient = true;
		facts.recipients = i + 1;
		results[i] = decide_recipient(&quotas, &facts, arena);
		facts.answers = given.answers;
		facts.answer_count = given.answer_count;
	}
	quotas_free(&quotas);
	return good;
}
