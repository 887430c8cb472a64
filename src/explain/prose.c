/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports in a form of the server's own: which recipients the words for people name, and what they
 * say about each. There are a hundred such forms and they change; what they have in common is used:
 * a recipient stands alone on a line, before a colon, behind a label or in a sentence of failure,
 * and what is said about it follows.
 */
#include "base/text.h"
#include "explain/page.h"

/* ---- what is said about a recipient ---- */

static bool is_drawn(struct slice three)
{
	return three.len == 3 && slice_has(SLICE("-=_*"), three.at[0]) &&
	       three.at[1] == three.at[0] && three.at[2] == three.at[0];
}

/* "-----", "--- Transcript of session follows ---" */
static bool is_rule(const struct line *line)
{
	struct slice raw = line->raw;

	return is_drawn(slice_part(raw, 0, 3)) &&
	       (is_drawn(slice_from(raw, raw.len - 3)) || line->text.len < 80) && !line->strength;
}

/* What is said to be polite says nothing of the reason. */
static bool is_courtesy(struct slice text)
{
	static const char *const beginnings[] = {"please ", "if you ", "for further",
		"for assistance", "for more ", "for help", "you can ", "you may ", "thank",
		"regards", "hi.", "hello", "dear ", "this message was created automatically",
		"this is an automat", "i'm sorry to have", "do not reply", "we apologi",
		"contact your", "bitte "};

	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
		if (slice_starts_nocase(text, slice_of(beginnings[i])))
			return true;
	return false;
}

/* Whether each of several recipients closes its paragraph, with the reason above it. */
static bool reasons_stand_above(const struct page *page)
{
	size_t count = 0;

	for (size_t i = 0; i < page->count; i++) {
		if (page->lines[i].strength != ON_ITS_OWN)
			continue;
		struct slice above = i ? page->lines[i - 1].text : SLICE_NONE;
		struct slice below = i + 1 < page->count ? page->lines[i + 1].text : SLICE_NONE;
		if (!above.len || below.len || page->lines[i - 1].strength ||
			above.at[above.len - 1] == ':' || is_rule(&page->lines[i - 1]))
			return false;
		count++;
	}
	return count > 1;
}

/* The words behind the recipient up to the next one, a rule, or the end of the paragraph. */
static struct slice block_of(struct page *page, size_t at, enum strength strength)
{
	struct text words = TEXT_GROWING;
	struct slice rest = slice_trim(page->lines[at].rest);
	size_t blanks = 0;

	if (strength < ON_ITS_OWN) /* the whole line is told before it */
		rest = SLICE_NONE;
	while (rest.len && slice_has(SLICE(":.,;\">'"), rest.at[0]))
		rest = slice_trim(slice_from(rest, 1));
	if (slice_starts(rest, SLICE("<mailto:")))
		rest = SLICE_NONE;
	text_put(&words, rest);
	if (strength == ON_ITS_OWN && rest.len)
		page->lines[at].owner = page->lines[at].recipient;
	for (size_t i = at + 1; i < page->count && words.len < WORDS_MOST; i++) {
		struct line *line = &page->lines[i];
		if (line->strength >= strength && strength == ON_ITS_OWN &&
			!slice_is_nocase(line->recipient, page->lines[at].recipient))
			break;
		/* "because:" and an empty line: what it announces comes after that. */
		bool announced = words.len && words.at[words.len - 1] == ':';
		if (line->text.len == 0 && ((words.len && !announced) || ++blanks > 3))
			break;
		if (is_rule(line) || (is_courtesy(line->text) && !words_have_code(line->text)))
			break;
		if (words.len)
			text_char(&words, ' ');
		text_put(&words, line->text);
		if (strength == ON_ITS_OWN)
			line->owner = page->lines[at].recipient;
	}
	struct slice made = squeezed(text_slice(&words), page->scene->arena);
	text_free(&words);
	return made;
}

/* ---- recipients ---- */

static enum strength strongest(const struct page *page)
{
	enum strength most = NO_RECIPIENT;

	for (size_t i = 0; i < page->count; i++)
		most = page->lines[i].strength > most ? page->lines[i].strength : most;
	return most;
}

/* All of the prose, for a report that sets nothing apart. */
static struct slice whole_of(const struct page *page)
{
	struct text words = TEXT_GROWING;

	for (size_t i = 0; i < page->count && words.len < WORDS_MOST; i++) {
		struct slice line = page->lines[i].text;
		if (words.len > 20 &&
			slice_starts(line, SLICE("____"))) /* a signature of a filter */
			break;
		if (is_rule(&page->lines[i]) || is_courtesy(line))
			continue;
		text_put(&words, line);
		text_char(&words, ' ');
	}
	struct slice made = squeezed(text_slice(&words), page->scene->arena);
	text_free(&words);
	return made;
}

/* How much of a server's answer is in it. */
static unsigned code_weight(struct slice words)
{
	struct enhanced status;

	return (reply_code_find(words) ? 2 : 0) + status_find(words, &status);
}

static struct slice joined(const struct page *page, struct slice first, struct slice second)
{
	return squeezed(arena_format(page->scene->arena, "%.*s %.*s", SLICE_ARGS(first),
				SLICE_ARGS(second)),
		page->scene->arena);
}

/* The paragraph above the recipient. */
static struct slice reason_above(struct page *page, size_t at)
{
	size_t from = at;
	struct text words = TEXT_GROWING;

	while (from && page->lines[from - 1].text.len && !is_rule(&page->lines[from - 1]))
		from--;
	for (; from < at; from++) {
		page->lines[from].owner = page->lines[at].recipient;
		text_put(&words, page->lines[from].text);
		text_char(&words, ' ');
	}
	struct slice made = squeezed(text_slice(&words), page->scene->arena);
	text_free(&words);
	return made;
}

/* What is said about the recipient on that line. */
static struct slice said_about(struct page *page, size_t at, enum strength strength)
{
	const struct line *line = &page->lines[at];
	struct slice reply = strength < ON_ITS_OWN ? reply_at(page, at) : SLICE_NONE;

	if (page->reasons_above && strength == ON_ITS_OWN)
		return reason_above(page, at);
	if (reply.len)
		return squeezed(reply, page->scene->arena);
	struct slice block = block_of(page, at, strength);
	if (strength < ON_ITS_OWN)
		return joined(page, line->text, block);
	/* "Unknown user: bob@far.example" */
	if (tells(line->label, SENSE_FAILURE) && !words_have_code(block))
		return joined(page, line->label, block);
	return block;
}

static void recipient_read(struct page *page, size_t at, enum strength strength)
{
	const struct line *line = &page->lines[at];
	struct failure *failure = failure_of(page->scene, line->recipient);

	if (!failure)
		return;
	if (!slice_is_nocase(line->original, failure->recipient))
		fill(&failure->original_recipient, line->original);
	struct slice said = said_about(page, at, strength);
	if (!failure->reported.len || code_weight(said) > code_weight(failure->reported))
		failure->reported = said;
}

/* Some write the code on a line of its own, behind what it is about. */
static struct slice with_reported(
	const struct page *page, struct slice reply, struct slice reported)
{
	for (size_t i = 0; i < reply.len; i++)
		if (ascii_is_alpha(reply.at[i]))
			return squeezed(reply, page->scene->arena);
	return joined(page, reply, reported);
}

/* "(reason: 550 Host unknown)", and below "550 5.1.2 <user@far.example>... Host unknown". */
static void take_status(struct failure *failure, struct slice transcript)
{
	struct enhanced status;

	if (failure->has_status || !failure->recipient.len ||
		find_nocase(transcript, failure->recipient) == SIZE_MAX ||
		status_find(failure->words, &status) || status_find(failure->reported, &status))
		return;
	failure->has_status = status_find(transcript, &failure->status);
}

/* Some tell the reason first and the recipient below it, who is then the only one. */
static void reason_above_take(const struct page *page)
{
	struct reading *reading = page->scene->reading;
	struct failure *failure = &reading->failures[0];

	if (reading->failure_count != 1 || words_have_code(failure->words) ||
		words_have_code(failure->reported))
		return;
	fill(&failure->words, failure->reported);
	failure->reported = whole_of(page);
}

/* A recipient of whom nothing is said shares the words of the next; else the transcript speaks. */
static void words_share(struct page *page)
{
	struct reading *reading = page->scene->reading;
	struct slice next = SLICE_NONE;

	owners_settle(page);
	for (size_t i = reading->failure_count; i-- > 0;) {
		struct failure *failure = &reading->failures[i];
		struct slice transcript = transcript_of(page, failure->recipient);
		bool told = words_have_code(failure->words) || words_have_code(failure->reported);
		if (!told && transcript.len && failure->words.len < 20)
			failure->words = with_reported(page, transcript, failure->reported);
		take_status(failure, transcript);
		if (!failure->reported.len && !failure->words.len)
			failure->reported = next.len ? next : whole_of(page);
		next = failure->reported;
	}
	reason_above_take(page);
}

/* Whether the fields for machines have named it already. */
static bool is_named(const struct reading *reading, struct slice recipient)
{
	for (size_t i = 0; i < reading->failure_count; i++)
		if (slice_is_nocase(reading->failures[i].recipient, recipient))
			return true;
	return false;
}

/* The fields for machines told a fate but no address: the prose has it. */
static void name_the_nameless(struct page *page)
{
	struct reading *reading = page->scene->reading;
	enum strength strength = strongest(page);

	if (reading->failure_count != 1 || reading->failures[0].recipient.len ||
		strength < IN_WORDS)
		return;
	for (size_t i = 0; i < page->count; i++)
		if (page->lines[i].strength == strength)
			fill(&reading->failures[0].recipient, page->lines[i].recipient);
}

void prose_read_nameless(struct scene *scene, struct slice prose)
{
	struct page page = {.scene = scene};

	page_read(&page, slice_part(prose, 0, original_find(prose)));
	struct failure *failure = failure_of(scene, SLICE_NONE);
	failure->reported = whole_of(&page);
	failure->words = squeezed(transcript_of(&page, SLICE_NONE), scene->arena);
}

bool prose_read_guess(struct scene *scene, struct slice prose)
{
	struct page page = {.scene = scene};
	struct slice only = SLICE_NONE;

	page_read(&page, slice_part(prose, 0, original_find(prose)));
	for (size_t i = 0; i < page.count; i++) {
		struct slice recipient = page.lines[i].recipient;
		if (page.lines[i].strength == NO_RECIPIENT || slice_is_nocase(recipient, only))
			continue;
		if (only.len)
			return false;
		only = recipient;
	}
	return only.len && failure_of(scene, only);
}

bool prose_sets_recipient_apart(struct scene *scene, struct slice prose)
{
	struct page page = {.scene = scene};

	page_read(&page, slice_part(prose, 0, original_find(prose)));
	return strongest(&page) == ON_ITS_OWN;
}

bool prose_read(struct scene *scene, struct slice prose)
{
	struct page page = {.scene = scene};
	bool named = scene->reading->failure_count > 0;

	page_read(&page, slice_part(prose, 0, original_find(prose)));
	name_the_nameless(&page);
	enum strength strength = named ? ON_ITS_OWN : strongest(&page);
	if (strength == PERHAPS)
		return false;
	page.reasons_above = reasons_stand_above(&page);
	replies_assign(&page);
	for (size_t i = 0; i < page.count; i++) {
		const struct line *line = &page.lines[i];
		if (line->strength == strength && strength > NO_RECIPIENT &&
			(!named || is_named(scene->reading, line->recipient)))
			recipient_read(&page, i, strength);
	}
	words_share(&page);
	return scene->reading->failure_count > 0;
}
