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

/* The words behind the recipient up to the next one, a rule, or the end of the paragraph. */
static struct slice block_of(const struct page *page, size_t at, enum strength strength)
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
	for (size_t i = at + 1; i < page->count && words.len < WORDS_MOST; i++) {
		const struct line *line = &page->lines[i];
		if (line->strength >= strength && strength == ON_ITS_OWN &&
			!slice_is_nocase(line->recipient, page->lines[at].recipient))
			break;
		/* "because:" and an empty line: what it announces comes after that. */
		bool announced = words.len && words.at[words.len - 1] == ':';
		if (line->text.len == 0 && ((words.len && !announced) || ++blanks > 3))
			break;
		if (is_rule(line))
			break;
		if (words.len)
			text_char(&words, ' ');
		text_put(&words, line->text);
	}
	struct slice made = squeezed(text_slice(&words), page->scene->arena);
	text_free(&words);
	return made;
}

static bool has_code(struct slice words)
{
	struct enhanced status;

	return reply_code_find(words) || status_find(words, &status);
}

/* ---- the transcript ---- */

/* Lines that are a server's own words: "<<< 550 …", "550 5.1.1 …", "(reason: 550 …)". */
static struct slice reply_of(struct slice text)
{
	static const char *const labels[] = {"<<<", "(reason:", "reason:", "diagnostic code:",
		"diagnostic information:", "error-text:", "received >>>", "smtp;",
		"the reason:", "server message", "error:", "response:", "session transcript:", "#"};

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (slice_starts_nocase(text, slice_of(labels[i])))
			return slice_trim(slice_from(text, slice_of(labels[i]).len));
	if (text.len > 4 && (text.at[0] == '4' || text.at[0] == '5') &&
		reply_code_find(slice_part(text, 0, 4)))
		return text;
	return SLICE_NONE;
}

/* Sendmail's last words on what happened to it as a client say nothing of the cause. */
static bool is_follow_up(struct slice reply)
{
	static const char *const words[] = {"Need RCPT", "need rcpt", "Service unavailable",
		"No valid recipients", "no valid recipients", "Remote protocol error", NULL};

	return has_one_of(reply, words);
}

/* A line with a code in the middle of it, with what follows it in its paragraph. */
static struct slice coded_line(const struct page *page)
{
	struct text words = TEXT_GROWING;
	size_t at = 0;

	while (at < page->count && !has_code(page->lines[at].text))
		at++;
	for (size_t i = at; i < page->count && page->lines[i].text.len && words.len < WORDS_MOST;
		i++) {
		text_put(&words, page->lines[i].text);
		text_char(&words, ' ');
	}
	struct slice made = arena_slice(page->scene->arena, text_slice(&words));
	text_free(&words);
	return made;
}

/* "mail.local: unknown user: x" and below "554 <x@far.example>... Service unavailable". */
static struct slice with_line_above(const struct page *page, size_t at, struct slice reply)
{
	struct slice above = at ? page->lines[at - 1].text : SLICE_NONE;

	if (!is_follow_up(reply) || !above.len || reply_of(above).len ||
		page->lines[at - 1].strength ||
		slice_starts(page->lines[at - 1].raw, SLICE(">>>")) ||
		slice_starts(page->lines[at - 1].raw, SLICE("---")))
		return reply;
	return arena_format(page->scene->arena, "%.*s %.*s", SLICE_ARGS(above), SLICE_ARGS(reply));
}

/* "<<< 501 no access from you" and below "554 <x@far.example>... Remote protocol error": the words
 * of the server on the line above are the reason, those below only say for whom. */
static struct slice answer_behind(const struct page *page, size_t at, struct slice reply)
{
	struct slice above = at ? page->lines[at - 1].raw : SLICE_NONE;
	struct slice said = reply_of(page->lines[at ? at - 1 : 0].text);

	return is_follow_up(reply) && slice_starts(above, SLICE("<<<")) && has_code(said) ? said
											  : reply;
}

/* The first reply of refusal in the page, or the first that names `recipient`. */
static struct slice transcript_of(const struct page *page, struct slice recipient)
{
	struct slice found = SLICE_NONE, labelled = SLICE_NONE, last = SLICE_NONE;

	for (size_t i = 0; i < page->count; i++) {
		struct slice reply = reply_of(page->lines[i].text);
		if (!reply.len)
			continue;
		if (!has_code(reply)) {
			fill(&labelled, reply);
			continue;
		}
		struct slice answer = answer_behind(page, i, reply);
		if (recipient.len && !is_follow_up(answer) &&
			find_nocase(reply, recipient) != SIZE_MAX)
			return answer;
		last = with_line_above(page, i, reply);
		if (!is_follow_up(reply))
			fill(&found, reply);
	}
	if (!found.len && !last.len)
		found = coded_line(page);
	return found.len ? found : last.len ? last : labelled;
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
		text_put(&words, is_rule(&page->lines[i]) ? SLICE_NONE : line);
		text_char(&words, ' ');
	}
	struct slice made = squeezed(text_slice(&words), page->scene->arena);
	text_free(&words);
	return made;
}

/* In a transcript: the reply on the line, or the one to the command on it. */
static struct slice reply_at(const struct page *page, size_t at)
{
	bool command = has_nocase(page->lines[at].text, "RCPT TO");

	for (size_t i = at; i < page->count && i <= at + (command ? 3 : 0); i++) {
		struct slice reply = reply_of(page->lines[i].text);
		if (has_code(reply))
			return answer_behind(page, i, reply);
	}
	return SLICE_NONE;
}

static void recipient_read(struct page *page, size_t at, enum strength strength)
{
	const struct line *line = &page->lines[at];
	struct failure *failure = failure_of(page->scene, line->recipient);
	struct slice reply = strength < ON_ITS_OWN ? reply_at(page, at) : SLICE_NONE;
	struct slice block;

	if (!failure)
		return;
	if (reply.len)
		block = squeezed(reply, page->scene->arena);
	else
		block = block_of(page, at, strength);
	if (strength < ON_ITS_OWN && !reply.len)
		block = squeezed(arena_format(page->scene->arena, "%.*s %.*s",
					 SLICE_ARGS(line->text), SLICE_ARGS(block)),
			page->scene->arena);
	if (!failure->reported.len || (has_code(block) && !has_code(failure->reported)))
		failure->reported = block;
}

/* Some write the code on a line of its own, behind what it is about. */
static struct slice with_reported(
	const struct page *page, struct slice reply, struct slice reported)
{
	for (size_t i = 0; i < reply.len; i++)
		if (ascii_is_alpha(reply.at[i]))
			return squeezed(reply, page->scene->arena);
	return squeezed(arena_format(page->scene->arena, "%.*s %.*s", SLICE_ARGS(reply),
				SLICE_ARGS(reported)),
		page->scene->arena);
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

/* A recipient of whom nothing is said shares the words of the next; else the transcript speaks. */
static void words_share(struct page *page)
{
	struct reading *reading = page->scene->reading;
	struct slice next = SLICE_NONE;

	for (size_t i = reading->failure_count; i-- > 0;) {
		struct failure *failure = &reading->failures[i];
		struct slice transcript = transcript_of(page, failure->recipient);
		bool told = has_code(failure->words) || has_code(failure->reported);
		if (!told && transcript.len && failure->words.len < 20)
			failure->words = with_reported(page, transcript, failure->reported);
		take_status(failure, transcript);
		if (!failure->reported.len && !failure->words.len)
			failure->reported = next.len ? next : whole_of(page);
		next = failure->reported;
	}
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

bool prose_read(struct scene *scene, struct slice prose)
{
	struct page page = {.scene = scene};
	bool named = scene->reading->failure_count > 0;

	page_read(&page, slice_part(prose, 0, original_find(prose)));
	name_the_nameless(&page);
	enum strength strength = named ? ON_ITS_OWN : strongest(&page);
	if (strength == PERHAPS)
		return false;
	for (size_t i = 0; i < page.count; i++) {
		const struct line *line = &page.lines[i];
		if (line->strength == strength && strength > NO_RECIPIENT &&
			(!named || is_named(scene->reading, line->recipient)))
			recipient_read(&page, i, strength);
	}
	words_share(&page);
	return scene->reading->failure_count > 0;
}
