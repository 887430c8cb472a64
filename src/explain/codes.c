/* SPDX-License-Identifier: Apache-2.0 */
/* Reply codes (RFC 5321 4.2) and enhanced codes (RFC 3463) in words, where numbers of many other
 * kinds stand too. The contract is in inside.h. */
#include "base/text.h"
#include "explain/inside.h"

/* ---- reply codes ---- */

static bool is_code_edge(char c)
{
	return !ascii_is_alnum(c) && c != '.' && c != '/' && c != '@' && c != '_';
}

/* Three digits that are a reply code of refusal (RFC 5321 4.2.1) and not a part of something. */
unsigned reply_code_at(struct slice text, size_t i)
{
	const char *c = text.at + i;

	if (i + 3 > text.len || (c[0] != '4' && c[0] != '5') || c[1] < '0' || c[1] > '7' ||
		!ascii_is_digit(c[2]))
		return 0;
	if (i && !is_code_edge(text.at[i - 1]))
		return 0;
	if (i + 3 < text.len) {
		char next = c[3];
		bool sentence = next == '.' && (i + 4 == text.len || text.at[i + 4] == ' ');
		if (!is_code_edge(next) && next != '/' && !sentence)
			return 0;
	}
	return (unsigned)(c[0] - '0') * 100 + (unsigned)(c[1] - '0') * 10 + (unsigned)(c[2] - '0');
}

/* "said 550", "ERROR_CODE 550", "error 550-'…'": the word before it says that it is one. */
static bool word_introduces(struct slice before)
{
	static const char *const words[] = {"code", "said", "says", "error", "reply", "replied",
		"response", "responded", "returned", "returns", "answer", "answered", "status",
		"smtp", "esmtp", "dit", "sagte", "fehler", "erreur", NULL};

	for (const char *const *word = words; *word; word++)
		if (slice_ends_nocase(before, slice_of(*word)))
			return true;
	return false;
}

/* What comes before a code in prose: "said: 550". A bare number elsewhere may be anything. */
static bool code_is_introduced(struct slice text, size_t i)
{
	while (i && slice_has(SLICE(" \"'<(#["), text.at[i - 1]))
		i--;
	return i == 0 || slice_has(SLICE(":;,>="), text.at[i - 1]) ||
	       word_introduces(slice_part(text, 0, i));
}

/* "550 5.1.1", "550-5.1.1", "550 <user@…", "550-'No such user'". */
static bool code_is_followed(struct slice text, size_t i)
{
	struct slice rest = slice_part(text, i + 3, i + 12);
	bool folded = rest.len > 1 && rest.at[0] == '-' && !ascii_is_digit(rest.at[1]) &&
		      !has_nocase(rest, "byte");
	struct enhanced status;

	while (rest.len && slice_has(SLICE(" -#"), rest.at[0]))
		rest = slice_from(rest, 1);
	return folded || slice_starts(rest, SLICE("<")) || status_find(rest, &status);
}

/* After the name of a host or a verb: "mx.example said 550 No such user". */
static bool code_is_likely(struct slice text, size_t i)
{
	struct slice behind = slice_part(text, i + 3, i + 12);

	bool number = (i > 1 && ascii_is_digit(text.at[i - 2])) ||
		      (behind.len > 1 && ascii_is_digit(behind.at[1]));

	return !number && i && text.at[i - 1] == ' ' && slice_starts(behind, SLICE(" ")) &&
	       !has_nocase(behind, "byte") && !has_nocase(behind, "second");
}

enum sureness { SURE, LIKELY };

/* The first code of that class (0: of any). */
static unsigned code_find(struct slice text, unsigned class, enum sureness sureness)
{
	unsigned any = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned found =
			text.at[i] == '4' || text.at[i] == '5' ? reply_code_at(text, i) : 0;
		if (!found || (class && found / 100 != class))
			continue;
		if (code_is_introduced(text, i) || code_is_followed(text, i))
			return found;
		if (!any && code_is_likely(text, i))
			any = found;
	}
	return sureness == LIKELY ? any : 0;
}

unsigned reply_code_find(struct slice text)
{
	return code_find(text, 0, LIKELY);
}

unsigned reply_code_sure(struct slice text)
{
	return code_find(text, 0, SURE);
}

unsigned reply_code_of_class(struct slice text, unsigned class)
{
	return code_find(text, class, LIKELY);
}

/* ---- enhanced codes ---- */

/* A number of at most three digits at *at; moves on behind it. */
static bool number_take(struct slice text, size_t *at, uint16_t *number)
{
	size_t begin = *at;
	unsigned value = 0;

	for (; *at < text.len && *at - begin < 4 && ascii_is_digit(text.at[*at]); ++*at)
		value = value * 10 + (unsigned)(text.at[*at] - '0');
	*number = (uint16_t)value;
	return *at > begin && *at - begin <= 3;
}

/* RFC 3463 2: class "." subject "." detail. Neither an IP address nor a version. */
static bool status_at(struct slice text, size_t i, struct enhanced *status)
{
	struct enhanced read = {.class = (uint8_t)(text.at[i] - '0')};
	size_t at = i + 2;

	if (i && (ascii_is_alnum(text.at[i - 1]) || slice_has(SLICE("./@-"), text.at[i - 1])) &&
		!(i > 3 && text.at[i - 1] == '-' && reply_code_at(text, i - 4)))
		return false;
	if (!number_take(text, &at, &read.subject) || at == text.len || text.at[at] != '.')
		return false;
	at++;
	if (!number_take(text, &at, &read.detail))
		return false;
	if (at + 1 < text.len && text.at[at] == '.' && ascii_is_digit(text.at[at + 1]))
		return false;
	if (at < text.len && (ascii_is_alnum(text.at[at]) || text.at[at] == '/'))
		return false;
	*status = read;
	return true;
}

bool status_is_vague(struct enhanced status)
{
	return status.subject == 0 && status.detail == 0;
}

/* How much a status says: nothing, the class, the subject, or all of it. That time ran out (RFC
 * 3463 X.4.7) says less than why it did. */
unsigned status_weight(struct enhanced status)
{
	if (status.class == 0)
		return 0;
	if (status_is_vague(status))
		return 1;
	if (status.subject == 4 && status.detail == 7)
		return 2;
	return status.detail == 0 ? 3 : 4;
}

bool status_find(struct slice text, struct enhanced *status)
{
	struct enhanced found;
	unsigned most = 0;

	for (size_t i = 0; i + 4 < text.len && most < 4; i++) {
		char c = text.at[i];
		if ((c != '4' && c != '5') || text.at[i + 1] != '.' || !status_at(text, i, &found))
			continue;
		if (status_weight(found) > most) {
			most = status_weight(found);
			*status = found;
		}
	}
	return most > 0;
}

bool status_of_field(struct slice value, struct enhanced *status)
{
	value = slice_trim(value);
	if (value.len > 4 && slice_has(SLICE("245"), value.at[0]) && value.at[1] == '.' &&
		status_at(value, 0, status))
		return true;
	return status_find(value, status);
}
