/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a report that are a server's own words: a session's transcript, a quoted reply. The
 * contract is in page.h. */
#include "base/text.h"
#include "explain/page.h"

bool words_have_code(struct slice words)
{
	struct enhanced status;

	return reply_code_find(words) || status_find(words, &status);
}

/* "<<< 550 …", "550 5.1.1 …", "(reason: 550 …)", "<-- 550 …" behind a time. */
static struct slice reply_of(struct slice text)
{
	static const char *const labels[] = {"<<<", "(reason:", "reason:", "diagnostic code:",
		"diagnostic information:", "error-text:", "received >>>", "smtp;",
		"the reason:", "server message", "error:", "response:", "session transcript:", "#",
		"<--"};
	size_t arrow = find_nocase(slice_part(text, 0, 60), SLICE("<-- "));

	if (arrow != SIZE_MAX)
		text = slice_from(text, arrow);
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

static bool is_failure(const struct page *page, struct slice recipient)
{
	const struct reading *reading = page->scene->reading;

	for (size_t i = 0; i < reading->failure_count && recipient.len; i++)
		if (slice_is_nocase(reading->failures[i].recipient, recipient))
			return true;
	return false;
}

void owners_settle(struct page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		struct line *line = &page->lines[i];
		if (!line->owner.len)
			line->owner = line->recipient;
		if (!is_failure(page, line->owner))
			line->owner = SLICE_NONE;
	}
}

/* What is said in another recipient's place, or to the command that named it, is not said about
 * this one. */
static bool is_of_other(const struct line *line, struct slice recipient)
{
	return recipient.len && line->owner.len && !slice_is_nocase(line->owner, recipient);
}

/* ">>> RCPT To:<bob@far.example>" and the lines of the answer below it. */
void replies_assign(struct page *page)
{
	struct slice named = SLICE_NONE;

	for (size_t i = 0; i < page->count; i++) {
		struct line *line = &page->lines[i];
		bool command = has_nocase(line->text, "RCPT TO");
		if (command && line->recipient.len)
			named = line->recipient;
		else if (!line->text.len || !reply_of(line->text).len)
			named = SLICE_NONE;
		if (!line->owner.len && !command && !line->recipient.len)
			line->owner = named;
	}
}

/* A line with a code in the middle of it, with what follows it in its paragraph. */
static struct slice coded_line(const struct page *page, struct slice recipient)
{
	struct text words = TEXT_GROWING;
	size_t at = 0;

	bool many = page->scene->reading->failure_count > 1;

	while (at < page->count && (is_of_other(&page->lines[at], recipient) ||
					   (many && reply_of(page->lines[at].text).len) ||
					   !words_have_code(page->lines[at].text)))
		at++;
	for (size_t i = at; i < page->count && page->lines[i].text.len && words.len < WORDS_MOST;
		i++) {
		if (is_of_other(&page->lines[i], recipient))
			break;
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

	return is_follow_up(reply) && slice_starts(above, SLICE("<<<")) && words_have_code(said)
		       ? said
		       : reply;
}

struct slice transcript_of(const struct page *page, struct slice recipient)
{
	struct slice found = SLICE_NONE, labelled = SLICE_NONE, last = SLICE_NONE;

	for (size_t i = 0; i < page->count; i++) {
		struct slice reply = reply_of(page->lines[i].text);
		bool names =
			recipient.len && reply.len && find_nocase(reply, recipient) != SIZE_MAX;
		if (!reply.len || (!names && is_of_other(&page->lines[i], recipient)))
			continue;
		if (!words_have_code(reply)) {
			fill(&labelled, reply);
			continue;
		}
		struct slice answer = answer_behind(page, i, reply);
		if (names && !is_follow_up(answer))
			return answer;
		if (names || !recipient.len || page->scene->reading->failure_count == 1)
			last = with_line_above(page, i, reply);
		if (!is_follow_up(reply))
			fill(&found, reply);
	}
	if (!found.len && !last.len)
		found = coded_line(page, recipient);
	return found.len ? found : last.len ? last : labelled;
}

struct slice reply_at(const struct page *page, size_t at)
{
	bool command = has_nocase(page->lines[at].text, "RCPT TO");

	for (size_t i = at; i < page->count && i <= at + (command ? 3 : 0); i++) {
		struct slice reply = reply_of(page->lines[i].text);
		if (words_have_code(reply))
			return answer_behind(page, i, reply);
	}
	return SLICE_NONE;
}
