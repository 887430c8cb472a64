/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a report and whom they name. The contract is in page.h. */
#include "explain/page.h"

static const char *const failure_words[] = {"deliver", "fail", "could not", "couldn't", "cannot",
	"can't", "unable", "reject", "return", "not be", "wasn't", "error", "bounce", "refuse",
	"unknown", "invalid", "no such", "reach", "not a member", "duplicated", "exceed", "full",
	"quota", "not exist", "disabled", "undeliverable", "not found", "not recognized", "blocked",
	"denied", NULL};
/* Addresses behind these are not the recipient's. */
static const char *const other_labels[] = {"from:", "sender:", "reply-to:", "contact",
	"return-path", "message-id:", "envelope-from", "e-mail us", "mailto:", "help", "assistance",
	"please send", "problems", "report", "questions", "references", "in-reply-to", "x-",
	"cc:", "mail from", "sent by", "received:", "by ", "list-", "abuse", "write to",
	"please forward", "support", "delivered-to", "ctladdr", "from <", "from=", "errors-to",
	NULL};
static const char *const recipient_labels[] = {"recipient", "undeliverable address",
	"to:", "addressed to", "error-for", "original address", "failed address",
	"for:", "address:", "delivery failed", "empf", "destinat", "addressee",
	"user:", "delivered to:", NULL};

static struct slice undecorated(struct slice line)
{
	while (line.len && slice_has(SLICE(" \t*-#|"), line.at[0]))
		line = slice_from(line, 1);
	while (slice_starts(line, SLICE(">")))
		line = slice_trim(slice_from(line, 1));
	return slice_trim(line);
}

/* What may stand behind an address that begins its line. */
static bool rest_is_about_it(struct slice rest)
{
	struct enhanced status;

	rest = slice_trim(rest);
	return rest.len == 0 || slice_has(SLICE(":([;,"), rest.at[0]) ||
	       slice_starts(rest, SLICE("...")) || slice_starts(rest, SLICE("\":")) ||
	       slice_is(rest, SLICE("\"")) || slice_starts(rest, SLICE("<mailto:")) ||
	       slice_starts(rest, SLICE("on ")) || slice_starts(rest, SLICE("'")) ||
	       reply_code_find(rest) || slice_starts(rest, SLICE("<")) ||
	       status_find(rest, &status) || has_one_of(slice_part(rest, 0, 120), failure_words);
}

static enum strength strength_of(struct slice text, const struct mention *mention)
{
	struct slice before = slice_part(text, 0, mention->at);
	struct slice rest = slice_from(text, mention->end);
	struct slice label = slice_trim(before);

	if (label.len == 0 || slice_is(label, SLICE("\"")) || slice_is(label, SLICE("'")))
		return rest_is_about_it(rest) ? ON_ITS_OWN : PERHAPS;
	if (has_one_of(label, other_labels))
		return NO_RECIPIENT;
	if (has_nocase(label, "rcpt to"))
		return IN_WORDS;
	char last = label.at[label.len - 1];
	if ((last == ':' || last == '=') && label.len < 60 && has_one_of(label, recipient_labels))
		return slice_is_nocase(label, SLICE("to:")) ? PERHAPS : ON_ITS_OWN;
	if (slice_trim(rest).len == 0 && label.len < 40 && slice_ends_nocase(before, SLICE("(")))
		return ON_ITS_OWN;
	if (has_one_of(text, failure_words) || reply_code_find(text))
		return IN_WORDS;
	return PERHAPS;
}

static bool is_own_address(const struct scene *scene, struct slice address)
{
	return slice_is_nocase(address, scene->from) || slice_is_nocase(address, scene->to) ||
	       slice_starts_nocase(address, SLICE("mailer-daemon@"));
}

/* "Your message cannot be delivered to the following recipients:" */
static bool is_heading(struct slice text)
{
	static const char *const words[] = {"following", "recipient", "address", NULL};

	return text.len && text.at[text.len - 1] == ':' && has_one_of(text, words) &&
	       has_one_of(text, failure_words);
}

static bool announces_other(struct slice text)
{
	static const char *const words[] = {
		"sent by", "to the address", "send mail", "write to", "contact", "from", NULL};

	for (const char *const *word = words; *word; word++)
		if (slice_ends_nocase(text, slice_of(*word)))
			return true;
	return false;
}

/* Names without a domain are the reporting server's own. */
static bool is_bare_name(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alnum(text.at[i]) && !slice_has(SLICE("._-"), text.at[i]))
			return false;
	return text.len > 1 && text.len < 64;
}

static void bare_name_take(struct page *page, struct line *line, struct slice raw)
{
	size_t at = slice_find_last(page->scene->from, '@');

	if (at == SIZE_MAX || !raw.len || !slice_has(SLICE(" \t"), raw.at[0]) ||
		!is_bare_name(line->text))
		return;
	line->strength = PERHAPS;
	line->recipient = arena_format(page->scene->arena, "%.*s%.*s", SLICE_ARGS(line->text),
		SLICE_ARGS(slice_from(page->scene->from, at)));
}

static void recipient_find(struct page *page, struct line *line)
{
	struct mention mention = {0};

	for (unsigned n = 0; n < 8 && address_find(line->text, mention.end, &mention); n++) {
		enum strength strength = strength_of(line->text, &mention);
		if (is_own_address(page->scene, mention.address) && strength < ON_ITS_OWN)
			continue;
		if (strength <= line->strength)
			continue;
		line->strength = strength;
		line->recipient = mention.address;
		line->rest = slice_from(line->text, mention.end);
	}
}

static void line_read(struct page *page, struct slice raw)
{
	struct line *line = &page->lines[page->count++];

	line->raw = slice_trim(raw);
	line->text = undecorated(raw);
	recipient_find(page, line);
	if (page->below_heading && !line->strength)
		bare_name_take(page, line, raw);
	if (line->strength == PERHAPS && page->below_heading)
		line->strength = IN_WORDS;
	if (page->below_other)
		line->strength = NO_RECIPIENT;
	if (line->text.len)
		page->below_other = announces_other(line->text);
	if (is_heading(line->text))
		page->below_heading = true;
	else if (line->strength)
		page->below_heading = false;
}

/* The fields for machines begin: report.c reads them. */
static bool begins_fields(struct slice line)
{
	return slice_starts_nocase(line, SLICE("Reporting-MTA:")) ||
	       slice_starts_nocase(line, SLICE("Content-Type: message/"));
}

void page_read(struct page *page, struct slice prose)
{
	page->lines = ARENA_ARRAY(page->scene->arena, struct line, LINES_MOST);
	while (prose.len && page->count < LINES_MOST) {
		struct slice line = slice_part(line_take(&prose), 0, WORDS_MOST);
		if (begins_fields(line) && page->count > 2)
			return;
		line_read(page, line);
	}
	page->scene->reading->truncated |= prose.len > 0;
}
