/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a failure to its meaning: which condition of the knowledge holds and weighs most. The
 * contract is in explain.h, the weights are given by knowledge/compile.py.
 */
#include "explain/explain.h"

#include "base/panic.h"
#include "explain/match.h"

/* ---- the causes ---- */

struct cause_row {
	const char *text;
	enum actor actor;
	bool permanent;
	struct slice summary;
	struct slice steps[3];
};
#define S(literal)                                                                                 \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}
static const struct cause_row cause_rows[CAUSES] = {
#define CAUSE(id, text, who, permanent, summary, sender, sender_admin, recipient_admin)            \
	[CAUSE_##id] = {text, ACTOR_##who, permanent, S(summary),                                  \
		{S(sender), S(sender_admin), S(recipient_admin)}},
#include "explain/causes.def"
#undef CAUSE
};
static const char *const actor_texts[] = {[ACTOR_SENDER] = "sender",
	[ACTOR_SENDER_ADMIN] = "sender-admin",
	[ACTOR_RECIPIENT] = "recipient",
	[ACTOR_RECIPIENT_ADMIN] = "recipient-admin",
	[ACTOR_NOBODY] = "nobody"};

const char *cause_text(enum cause cause)
{
	panic_if((unsigned)cause >= CAUSES, "cause %d is none", (int)cause);
	return cause_rows[cause].text;
}

const char *actor_text(enum actor actor)
{
	panic_if((unsigned)actor > ACTOR_NOBODY, "actor %d is none", (int)actor);
	return actor_texts[actor];
}

bool cause_find(struct slice text, enum cause *cause)
{
	for (int i = 0; i < CAUSES; i++) {
		if (!slice_is(text, slice_of(cause_rows[i].text)))
			continue;
		*cause = (enum cause)i;
		return true;
	}
	return false;
}

/* ---- what the failure says, once for all conditions ---- */

enum {
	PLACES_MAX = 64,
	REPORTED_LESS = 15,
	RANK_GUESSES =
		40 /* words below it only hint: the report's prose says too much by the way */
};

struct question {
	const struct failure *failure;
	struct slice text;               /* the words asked about: the server's or the report's */
	const struct match_found *found; /* in the text */
	uint64_t places;                 /* bit n: the words are those of place n */
	unsigned stages;
	uint32_t window;
};
struct answer {
	const struct knowledge_when *when; /* NULL: nothing is known */
	unsigned rank, weight;
	struct slice text;
	const struct match_found *found;
};

static const struct {
	struct slice word;
	unsigned stage;
} stage_words[] = {
	{S("connect"), STAGE_CONNECT},
	{S("initial connection"), STAGE_CONNECT},
	{S("ehlo"), STAGE_HELO},
	{S("helo"), STAGE_HELO},
	{S("lhlo"), STAGE_HELO},
	{S("starttls"), STAGE_TLS},
	{S("auth"), STAGE_AUTH},
	{S("mail"), STAGE_MAIL},
	{S("rcpt"), STAGE_RCPT},
	{S("data"), STAGE_DATA},
	{S("bdat"), STAGE_DATA},
	{S("end of data"), STAGE_DATA},
};

static unsigned stages_of(struct slice command)
{
	unsigned stages = 0;

	for (size_t i = 0; i < sizeof stage_words / sizeof *stage_words; i++)
		if (slice_starts_nocase(command, stage_words[i].word))
			stages |= stage_words[i].stage;
	return stages;
}

/* "0x800CCC79", as mail programs of Windows write it. */
static uint32_t window_of(struct slice text)
{
	uint32_t number = 0;

	if (text.len != 10 || !slice_starts_nocase(text, SLICE("0x")))
		return 0;
	for (size_t i = 2; i < text.len; i++) {
		char c = ascii_lower(text.at[i]);
		if (!ascii_is_digit(c) && (c < 'a' || c > 'f'))
			return 0;
		number = number << 4 | (uint32_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	return number;
}

static struct match_found *found_new(struct arena *arena)
{
	return ARENA_ARRAY(arena, struct match_found, knowledge.pattern_count);
}

/* Who speaks: told by the words themselves, the remote host, the recipient's domain, or the form
 * of the report. */
static uint64_t places_of(
	const struct failure *failure, const struct match_found *words, struct arena *arena)
{
	struct slice host = failure->remote_mta.len ? failure->remote_mta : failure->reporting_mta;
	struct match_found *about = found_new(arena);
	uint64_t places = 0;

	match_text(host, about, arena);
	match_text(
		slice_from(failure->recipient, slice_find(failure->recipient, '@')), about, arena);
	panic_if(knowledge.place_count > PLACES_MAX, "more places than bits");
	for (size_t i = 0; i < knowledge.place_count; i++) {
		const struct knowledge_place *place = &knowledge.places[i];
		bool known =
			place->product.len && slice_is_nocase(place->product, failure->product);
		for (unsigned j = 0; j < place->tests; j++) {
			uint16_t pattern = knowledge.place_tests[place->test + j];
			known = known || words[pattern].words || about[pattern].words;
		}
		places |= (uint64_t)known << i;
	}
	return places;
}

/* ---- does a condition hold? ---- */

static bool in_range(struct knowledge_range range, unsigned number)
{
	return number >= range.low && number <= range.high;
}

static bool codes_hold(const struct knowledge_when *when, const struct question *question)
{
	const struct failure *failure = question->failure;

	if (when->code.low && !in_range(when->code, failure->reply_code))
		return false;
	if (when->window && when->window != question->window)
		return false;
	if (!when->classes)
		return true;
	return failure->has_status && (when->classes & (failure->status.class == 4 ? 1 : 2)) &&
	       in_range(when->subject, failure->status.subject) &&
	       in_range(when->detail, failure->status.detail);
}

static bool circumstances_hold(const struct knowledge_when *when, const struct question *question)
{
	if (when->stages && !(when->stages & question->stages))
		return false;
	return !when->here || question->places >> (when->here - 1) & 1;
}

/* Its weight, or 0 where the words do not hold. */
static unsigned words_weight(const struct knowledge_when *when, const struct match_found *found)
{
	const uint16_t *tests = knowledge.when_tests + when->test;
	unsigned weight = 1u + when->weight;

	for (unsigned i = 0; i < when->tests; i++) {
		if (!found[tests[i]].words)
			return 0;
		weight += 2u * found[tests[i]].words;
	}
	for (unsigned i = 0; i < when->absent; i++)
		if (found[tests[when->tests + i]].words)
			return 0;
	return weight;
}

/* Of the conditions that hold, the one of the highest rank; of these, the heaviest; of these, the
 * one that stands first. */
static void ask(const struct question *question, unsigned less, struct answer *answer)
{
	for (size_t i = 0; i < knowledge.when_count; i++) {
		const struct knowledge_when *when = &knowledge.whens[i];
		if (less && when->tests && when->rank < RANK_GUESSES)
			continue;
		unsigned rank = when->rank - (when->tests ? less : 0);
		if (answer->when && rank < answer->rank)
			continue;
		unsigned weight = words_weight(when, question->found);
		if (!weight || !codes_hold(when, question) || !circumstances_hold(when, question))
			continue;
		if (!answer->when || rank > answer->rank || weight > answer->weight)
			*answer = (struct answer){
				when, rank, weight, question->text, question->found};
	}
}

/* ---- the explanation ---- */

/* Nothing says whether it is tried again: neither a code, nor what is known of the words. */
static bool permanence_is_known(const struct failure *failure, enum cause cause)
{
	return failure->fate == FATE_DELAYED || failure->has_status || failure->reply_code ||
	       cause != CAUSE_UNCLEAR;
}

/* For good: no server tries it again. A code says that better than the meaning does: a full mailbox
 * behind 552 is not tried again either. An entry that says "for good" speaks of giving up, and may
 * stand behind the code of the last attempt. */
static bool is_permanent(const struct failure *failure, const struct knowledge_entry *entry)
{
	if (failure->fate == FATE_DELAYED)
		return false;
	if (entry->permanence == PERMANENT_YES)
		return true;
	if (failure->reply_code >= 500 || (failure->has_status && failure->status.class == 5))
		return true;
	if (failure->reply_code || failure->has_status || entry->permanence == PERMANENT_NO)
		return false;
	return cause_rows[entry->cause].permanent;
}

/* From the first of the words that decided to the last, or the code that did. */
static struct slice evidence_of(
	const struct answer *answer, const struct failure *failure, struct arena *arena)
{
	const struct knowledge_when *when = answer->when;
	struct text status = TEXT_GROWING;
	size_t begin = SIZE_MAX, end = 0;

	for (unsigned i = 0; i < when->tests; i++) {
		const struct match_found *at = &answer->found[knowledge.when_tests[when->test + i]];
		begin = at->begin < begin ? at->begin : begin;
		end = at->end > end ? at->end : end;
	}
	if (when->tests)
		return slice_part(answer->text, begin, end);
	if (when->window)
		return failure->windows_error;
	if (!when->classes)
		return arena_format(arena, "%u", failure->reply_code);
	text_enhanced(&status, failure->status);
	struct slice evidence = arena_slice(arena, text_slice(&status));
	text_free(&status);
	return evidence;
}

static void tell(const struct answer *answer, const struct failure *failure, struct arena *arena,
	struct explanation *told)
{
	const struct knowledge_entry *entry = &knowledge.entries[answer->when->entry];

	*told = (struct explanation){
		.cause = entry->cause,
		.actor = entry->actor,
		.permanent = is_permanent(failure, entry),
		.permanence_known = permanence_is_known(failure, entry->cause),
		.confidence = entry->confidence,
		.summary = entry->summary,
		.sender_steps = entry->steps[0],
		.sender_admin_steps = entry->steps[1],
		.recipient_admin_steps = entry->steps[2],
		.evidence = evidence_of(answer, failure, arena),
		.rule = entry->id,
		.source = entry->source,
		.needed = entry->needed,
	};
}

/* The cause's own words, where no entry has any. */
static void tell_cause(enum cause cause, const struct failure *failure, struct explanation *told)
{
	const struct cause_row *row = &cause_rows[cause];

	*told = (struct explanation){
		.cause = cause,
		.actor = row->actor,
		.permanent = row->permanent && failure->fate != FATE_DELAYED,
		.permanence_known = permanence_is_known(failure, cause),
		.summary = row->summary,
		.sender_steps = row->steps[0],
		.sender_admin_steps = row->steps[1],
		.recipient_admin_steps = row->steps[2],
	};
}

static struct slice what_is_needed(const struct failure *failure)
{
	if (!failure->words.len && !failure->reported.len)
		return SLICE("The words of the server that refused: the whole report, with its "
			     "attachments, or the lines of the mail log.");
	if (!failure->reply_code && !failure->has_status)
		return SLICE("The reply code (three digits) and the enhanced code (such as 5.7.1) "
			     "that came with these words.");
	return SLICE("The meaning of these words at this server: its postmaster can tell, from the "
		     "time and the words.");
}

static unsigned class_of(const struct failure *failure)
{
	return failure->has_status ? failure->status.class : failure->reply_code / 100;
}

static bool is_delivery(const struct failure *failure)
{
	return failure->fate == FATE_DELIVERED || failure->fate == FATE_RELAYED ||
	       failure->fate == FATE_EXPANDED;
}

void explain_failure(const struct failure *failure, struct arena *arena, struct explanation *told)
{
	struct match_found *words = found_new(arena), *reported = found_new(arena);
	struct answer answer = {0};

	if (is_delivery(failure)) {
		tell_cause(CAUSE_NOT_A_BOUNCE, failure, told);
		return;
	}
	match_text(failure->words, words, arena);
	match_text(failure->reported, reported, arena);
	struct question question = {
		.failure = failure,
		.text = failure->words,
		.found = words,
		.places = places_of(failure, words, arena),
		.stages = stages_of(failure->command),
		.window = window_of(failure->windows_error),
	};
	ask(&question, 0, &answer);
	question.text = failure->reported;
	question.found = reported;
	ask(&question, REPORTED_LESS, &answer);
	if (answer.when) {
		tell(&answer, failure, arena, told);
		return;
	}
	tell_cause(CAUSE_UNCLEAR, failure, told);
	if (failure->has_status || failure->reply_code)
		told->permanent = failure->fate != FATE_DELAYED && class_of(failure) == 5;
	told->needed = what_is_needed(failure);
}
