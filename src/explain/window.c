/* SPDX-License-Identifier: Apache-2.0 */
/* The error windows of mail programs: Outlook Express, Windows (Live) Mail, Outlook, Thunderbird,
 * Apple Mail. They name the server's answer and the settings of the account in one sentence. */
#include "explain/inside.h"

/* "Label: value" up to a comma, the line's end or the next quotation mark. */
static struct slice value_behind(struct slice text, const char *label)
{
	size_t at = find_nocase(text, slice_of(label));

	if (at == SIZE_MAX)
		return SLICE_NONE;
	text = slice_trim(slice_from(text, at + slice_of(label).len));
	if (text.len && (text.at[0] == '\'' || text.at[0] == '"')) {
		char quote = text.at[0];
		text = slice_from(text, 1);
		/* The quotation mark that ends it stands before a comma or an end. */
		for (size_t i = 0; i < text.len; i++)
			if (text.at[i] == quote &&
				(i + 1 == text.len || slice_has(SLICE(",.\r\n ;"), text.at[i + 1])))
				return slice_part(text, 0, i);
		return slice_cut(&text, '\n');
	}
	struct slice line = slice_cut(&text, '\n');
	return slice_trim(slice_cut(&line, ','));
}

/* 0x800CCC79: eight digits of a number of Microsoft's mail programs. */
static struct slice windows_error(struct slice text)
{
	for (size_t from = 0; from < text.len;) {
		size_t at = find_nocase(slice_from(text, from), SLICE("0x8"));
		if (at == SIZE_MAX)
			return SLICE_NONE;
		struct slice number = slice_part(text, from + at, from + at + 10);
		bool good = number.len == 10;
		for (size_t i = 2; good && i < 10; i++) {
			char c = ascii_lower(number.at[i]);
			good = ascii_is_digit(c) || (c >= 'a' && c <= 'f');
		}
		if (good)
			return number;
		from += at + 3;
	}
	return SLICE_NONE;
}

static const char *const answer_labels[] = {
	"Server Response:", "server responded:", "server response was:", "server responded with:",
	"response from the server:", "mail server responded:", "The server responded", NULL};
static const char *const window_signs[] = {"Server Error:", "Error Number:", "Secure(SSL):",
	"Protocol: SMTP", "An error occurred while sending mail", "Sending of message failed",
	"Cannot send message using the server", "Outgoing (SMTP) server", "outgoing server",
	"Sending reported error", "The rejected e-mail address was", "none of your e-mail accounts",
	"The message could not be sent because", "Send/receive", "Sending of the message failed",
	NULL};

static struct slice answer_of(struct slice text, struct arena *arena)
{
	for (const char *const *label = answer_labels; *label; label++) {
		size_t at = find_nocase(text, slice_of(*label));
		if (at == SIZE_MAX)
			continue;
		struct slice quoted = slice_trim(slice_from(text, at + slice_of(*label).len));
		if (quoted.len && (quoted.at[0] == '\'' || quoted.at[0] == '"'))
			return squeezed(value_behind(text, *label), arena);
		/* Thunderbird's own advice follows the server's words. */
		size_t end = find_nocase(quoted, SLICE("Please check the message"));
		if (end == SIZE_MAX)
			end = find_nocase(quoted, SLICE("Please verify"));
		quoted = slice_part(quoted, 0, end);
		return squeezed(quoted, arena);
	}
	return SLICE_NONE;
}

static struct slice recipient_of(struct slice text, struct slice words)
{
	static const char *const labels[] = {"The rejected e-mail address was",
		"recipient's e-mail address was", "message recipient", "To:"};
	struct mention mention;

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		size_t at = find_nocase(text, slice_of(labels[i]));
		struct slice rest = at == SIZE_MAX ? SLICE_NONE : slice_part(text, at, at + 200);
		if (address_find(rest, 0, &mention))
			return mention.address;
	}
	return address_find(words, 0, &mention) ? mention.address : SLICE_NONE;
}

bool window_read(struct scene *scene, struct slice text)
{
	struct slice number = windows_error(text);
	struct slice code = value_behind(text, "Server Error:");

	if (!number.len && !has_one_of(text, window_signs))
		return false;
	struct failure *failure = failure_of(scene, SLICE_NONE);
	scene->reading->kind = INPUT_WINDOW;
	failure->windows_error = number;
	failure->words = answer_of(text, scene->arena);
	failure->reported = squeezed(text, scene->arena);
	failure->reply_code = reply_code_find(slice_part(code, 0, 3));
	failure->account = value_behind(text, "Account:");
	failure->server = value_behind(text, " Server:");
	failure->port = value_behind(text, "Port:");
	failure->tls = value_behind(text, "Secure(SSL):");
	failure->recipient = recipient_of(text, failure->words);
	fill(&failure->remote_mta, failure->server);
	scene->reading->message_subject = value_behind(text, "Subject");
	failure->product = SLICE("mail program");
	return true;
}
