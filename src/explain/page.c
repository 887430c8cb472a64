/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a report and whom they name. The contract is in page.h. */
#include "explain/page.h"

enum { LISTED_MOST = 64 }; /* recipients on one line */

/* Addresses behind these are not the recipient's. */
static const char *const other_labels[] = {"from:", "sender:", "reply-to:", "contact",
	"return-path", "message-id:", "envelope-from", "e-mail us", "mailto:", "help", "assistance",
	"please send", "problems", "report", "questions", "references", "in-reply-to", "x-",
	"cc:", "mail from", "sent by", "sender", "received:", "by ", "list-", "abuse", "write to",
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
	       status_find(rest, &status) || tells(slice_part(rest, 0, 120), SENSE_FAILURE);
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
	if (slice_ends_nocase(label, SLICE("smtp=")) || slice_ends_nocase(label, SLICE("smtp:")))
		return ON_ITS_OWN; /* "c=US;p=FAR;dda:SMTP=bob@far.example;",
				      "[SMTP:bob@far.example]" */
	char last = label.at[label.len - 1];
	if ((last == ':' || last == '=') && label.len < 60 && has_one_of(label, recipient_labels))
		return slice_is_nocase(label, SLICE("to:")) ? PERHAPS : ON_ITS_OWN;
	if (slice_trim(rest).len == 0 && label.len < 40 && slice_ends_nocase(before, SLICE("(")))
		return ON_ITS_OWN;
	if (tells(text, SENSE_FAILURE) || reply_code_sure(text))
		return IN_WORDS;
	return PERHAPS;
}

static bool is_own_address(const struct scene *scene, struct slice address)
{
	return slice_is_nocase(address, scene->from) || slice_is_nocase(address, scene->to) ||
	       slice_starts_nocase(address, SLICE("mailer-daemon@"));
}

/* "Your message cannot be delivered to the following recipients:", "--- Failed addresses ---" */
static bool is_heading(const struct line *line)
{
	static const char *const words[] = {"following", "recipient", "address", NULL};
	struct slice text = line->text, raw = line->raw;
	bool set_apart =
		raw.len > 4 && slice_has(SLICE("-=*"), raw.at[0]) && raw.at[1] == raw.at[0];

	return text.len && (set_apart || text.at[text.len - 1] == ':') && has_one_of(text, words) &&
	       tells(text, SENSE_FAILURE);
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

/* Where a word at the front of a line ends that something is said about: "bob: …", "bob (…)",
 * "bob    …". 0: there is none. */
static size_t subject_length(struct slice text)
{
	size_t len = 0;

	while (len < text.len && !slice_has(SLICE(" \t:;,"), text.at[len]))
		len++;
	struct slice rest = slice_from(text, len);
	bool apart = rest.len == 0 || slice_has(SLICE(":;,\t"), rest.at[0]) ||
		     slice_starts(rest, SLICE("  ")) || slice_starts(rest, SLICE(" (")) ||
		     slice_starts(rest, SLICE("... ")) || slice_starts(rest, SLICE(" [")) ||
		     slice_starts(rest, SLICE(" -"));
	return apart ? len : 0;
}

/* A name without a domain is taken where the message itself went to such an address. */
static void addressed_name_take(struct page *page, struct line *line)
{
	struct slice text = line->text;
	size_t len = subject_length(text), colon = slice_find_last(text, ':');
	struct slice name = slice_part(text, 0, len);
	struct slice known = SLICE_NONE;

	if (name.len > 1)
		known = addressed_as(page->scene, name);
	line->rest = slice_from(text, len);
	if (!known.len && colon != SIZE_MAX && tells(text, SENSE_FAILURE)) {
		name = slice_trim(slice_from(text, colon + 1));
		known = name.len > 1 ? addressed_as(page->scene, name) : SLICE_NONE;
		line->label = slice_part(text, 0, colon);
		line->rest = SLICE_NONE;
	}
	if (!known.len)
		return;
	line->strength = ON_ITS_OWN;
	line->recipient = known;
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
		line->label = slice_trim(slice_part(line->text, 0, mention.at));
		line->rest = slice_from(line->text, mention.end);
	}
}

static size_t indentation(struct slice raw)
{
	size_t blanks = 0;

	for (size_t i = 0; i < raw.len && slice_has(SLICE(" \t"), raw.at[i]); i++)
		blanks += raw.at[i] == '\t' ? 8 : 1;
	return blanks;
}

/* What stands further in, below a recipient and its words, goes on about it. */
static void continuation_find(struct page *page, struct line *line, struct slice raw)
{
	size_t depth = indentation(raw);

	if (!line->text.len) {
		page->inside = false;
		return;
	}
	if (page->inside && depth > page->depth) {
		line->strength = line->strength > IN_WORDS ? NO_RECIPIENT : line->strength;
		return;
	}
	page->inside = line->strength == ON_ITS_OWN;
	page->depth = depth;
}

/* Whom to ask, mostly: not the recipient, unless the message went there. */
static bool is_role(struct slice address)
{
	static const char *const ends[] = {"-owner", "-request", "-admin", "-help", "-subscribe",
		"-unsubscribe", "-confirm", "-ctl"};
	static const char *const names[] = {"postmaster", "hostmaster", "abuse", "support",
		"helpdesk", "help", "listmaster", "admin", "administrator", "webmaster"};
	struct slice local = slice_cut(&address, '@');
	bool role = slice_starts_nocase(local, SLICE("owner-"));

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		role = role || slice_ends_nocase(local, slice_of(ends[i]));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		role = role || slice_is_nocase(local, slice_of(names[i]));
	return role;
}

static bool is_whom_to_ask(const struct page *page, const struct line *line)
{
	return line->strength && is_role(line->recipient) &&
	       !slice_is_nocase(addressed_as(page->scene, line->recipient), line->recipient);
}

static void roles_weaken(struct page *page)
{
	bool others = false;

	for (size_t i = 0; i < page->count; i++)
		others = others ||
			 (page->lines[i].strength && !is_whom_to_ask(page, &page->lines[i]));
	for (size_t i = 0; i < page->count; i++)
		if (is_whom_to_ask(page, &page->lines[i]))
			page->lines[i].strength = others ? NO_RECIPIENT : PERHAPS;
}

/* The sender is no recipient, where others are named and the message did not go there. */
/* "Recipient address: @gate:bob@far" and below "Original address: bob@far.example": one recipient.
 * A name with a route in it is none that the sender knows. */
static void original_address_find(struct page *page, struct line *line)
{
	struct line *above = page->count > 1 ? line - 1 : NULL;

	if (!above || above->strength != ON_ITS_OWN || line->strength != ON_ITS_OWN ||
		!slice_starts_nocase(line->text, SLICE("original ")))
		return;
	if (find_nocase(above->text, SLICE(": @")) != SIZE_MAX) {
		above->strength = NO_RECIPIENT;
		return;
	}
	above->original = line->recipient;
	line->strength = NO_RECIPIENT;
}

static void own_address_drop(struct page *page)
{
	bool others = false;

	for (size_t i = 0; i < page->count; i++)
		others = others || (page->lines[i].strength == ON_ITS_OWN &&
					   !is_own_address(page->scene, page->lines[i].recipient));
	for (size_t i = 0; i < page->count && others; i++) {
		struct line *line = &page->lines[i];
		if (line->strength == ON_ITS_OWN && is_own_address(page->scene, line->recipient) &&
			!slice_is_nocase(
				addressed_as(page->scene, line->recipient), line->recipient))
			line->strength = NO_RECIPIENT;
	}
}

static void line_read(struct page *page, struct slice raw)
{
	struct line *line = &page->lines[page->count++];

	line->raw = slice_trim(raw);
	line->text = undecorated(raw);
	recipient_find(page, line);
	if (!line->strength && !slice_has(line->text, '@'))
		addressed_name_take(page, line);
	if (page->below_heading && !line->strength)
		bare_name_take(page, line, raw);
	if (line->strength == PERHAPS && page->below_heading)
		line->strength = IN_WORDS;
	if (page->below_other)
		line->strength = NO_RECIPIENT;
	continuation_find(page, line, raw);
	original_address_find(page, line);
	if (line->text.len)
		page->below_other = announces_other(line->text);
	if (is_heading(line))
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

/* Nothing says whose address it is: that of somebody the message went to is the recipient's. */
static void addressed_promote(struct page *page)
{
	enum strength most = NO_RECIPIENT;

	for (size_t i = 0; i < page->count; i++)
		most = page->lines[i].strength > most ? page->lines[i].strength : most;
	for (size_t i = 0; i < page->count && most == PERHAPS; i++) {
		struct line *line = &page->lines[i];
		if (line->strength == PERHAPS &&
			slice_is_nocase(
				addressed_as(page->scene, line->recipient), line->recipient))
			line->strength = IN_WORDS;
	}
}

/* "<bob@far.example>; <carl@far.example>": where the next one of a list begins, or 0. */
static size_t next_in_list(const struct line *line)
{
	struct slice rest = line->rest;
	struct mention mention;
	size_t at = 0;

	while (at < rest.len && slice_has(SLICE(" ,;'\">"), rest.at[at]))
		at++;
	if (line->strength < IN_WORDS || !at || at == rest.len ||
		!address_find(rest, at, &mention) || mention.at != at)
		return 0;
	return at;
}

static void list_read(struct page *page)
{
	for (unsigned n = 0; n < LISTED_MOST && page->count < page->room; n++) {
		struct line *line = &page->lines[page->count - 1];
		enum strength strength = line->strength;
		size_t at = next_in_list(line);
		if (!at)
			return;
		struct slice left = slice_from(line->rest, at);
		line->rest = SLICE_NONE;
		line_read(page, left);
		line = &page->lines[page->count - 1];
		if (line->strength && line->strength < strength)
			line->strength = strength;
	}
}

/* Lines there are, and those that lists make of one. */
static size_t room_for(struct slice prose)
{
	size_t lines = LISTED_MOST + 1;

	for (size_t i = 0; i < prose.len && lines < LINES_MOST; i++)
		lines += prose.at[i] == '\n';
	return lines;
}

void page_read(struct page *page, struct slice prose)
{
	page->room = room_for(prose);
	page->lines = ARENA_ARRAY(page->scene->arena, struct line, page->room);
	while (prose.len && page->count < page->room) {
		struct slice line = slice_part(line_take(&prose), 0, WORDS_MOST);
		if (begins_fields(line) && page->count > 2) {
			prose = SLICE_NONE;
			break;
		}
		line_read(page, line);
		list_read(page);
	}
	roles_weaken(page);
	own_address_drop(page);
	addressed_promote(page);
	page->scene->reading->truncated |= prose.len > 0;
}
