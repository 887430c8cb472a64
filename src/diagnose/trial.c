/* SPDX-License-Identifier: Apache-2.0 */
/* Trial. The contract is in trial.h. */
#include "diagnose/trial.h"

#include "journal/journal.h"

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

static bool read_facts(
	const struct trial *trial, struct arena *arena, struct facts *facts, struct text *words)
{
	*facts = (struct facts){
		.listener = trial->listener.len ? trial->listener : SLICE("smtp"),
		.has_client = trial->client.len > 0,
		.has_helo = trial->helo.len > 0,
		.helo = trial->helo,
		.has_sender = trial->has_from,
		.has_size = trial->has_size,
		.size_is_final = trial->has_size,
		.size = trial->size,
		.has_recipients = true,
		.now = trial->now,
	};
	if (facts->has_client && !address_parse(trial->client, &facts->client)) {
		text_put(words, SLICE("--client "));
		text_escaped(words, trial->client);
		text_put(words, SLICE(": not an IP address"));
		return false;
	}
	return !trial->has_from ||
	       read_address(trial->from, "--from", arena, &facts->sender, words);
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

static struct trial_result decide_one(
	const struct policy *policy, const struct facts *facts, struct arena *arena)
{
	struct decision decision;
	char raw[REPLY_LINE_MAX];
	struct text reply = TEXT_FIXED(raw), line = TEXT_GROWING;

	policy_decide(policy, facts, STAGE_END, arena, &decision);
	put_reply(&reply, &decision);
	journal_write_decision(&line, &(struct journal_decision){.time = facts->now,
					      .policy = policy,
					      .facts = facts,
					      .decision = &decision,
					      .reply = text_slice(&reply),
					      .arena = arena});
	struct trial_result result = {
		add_possible(text_slice(&line), decision.possible, arena), decision.possible};
	text_free(&line);
	return result;
}

bool trial_decide(const struct policy *policy, const struct trial *trial, struct arena *arena,
	struct trial_result *results, struct text *words)
{
	struct facts facts;

	if (!read_facts(trial, arena, &facts, words))
		return false;
	for (size_t i = 0; i < trial->to_count; i++) {
		if (!read_address(trial->to[i], "--to", arena, &facts.recipient, words))
			return false;
		facts.has_recipient = true;
		facts.recipients = i + 1;
		results[i] = decide_one(policy, &facts, arena);
	}
	return true;
}
