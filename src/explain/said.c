/* SPDX-License-Identifier: Apache-2.0 */
/* What one failure's words say: who spoke, to which command, with which codes. The contract
 * is in inside.h. */
#include "base/text.h"
#include "explain/inside.h"

/* ---- who spoke, and to which command ---- */

static const struct {
	const char *words, *command;
} commands[] = {
	{"in reply to RCPT TO", "RCPT TO"},
	{"in reply to MAIL FROM", "MAIL FROM"},
	{"in reply to end of DATA", "end of DATA"},
	{"in reply to DATA", "DATA"},
	{"in reply to EHLO", "EHLO"},
	{"in reply to HELO", "HELO"},
	{"in reply to AUTH", "AUTH"},
	{"in reply to STARTTLS", "STARTTLS"},
	{"after RCPT", "RCPT TO"},
	{"after MAIL FROM", "MAIL FROM"},
	{"after end of data", "end of DATA"},
	{"after DATA", "DATA"},
	{"after pipelined DATA", "DATA"},
	{"after HELO", "HELO"},
	{"after EHLO", "EHLO"},
	{"after initial connection", "connect"},
	{"after STARTTLS", "STARTTLS"},
	{">>> RCPT TO", "RCPT TO"},
	{">>> MAIL FROM", "MAIL FROM"},
	{">>> DATA", "DATA"},
	{"[RCPT_TO]", "RCPT TO"},
	{"[MAIL_FROM]", "MAIL FROM"},
	{"RCPT from", "RCPT TO"},
	{"for TEXT command", "end of DATA"},
	{"SMTP:RCPT", "RCPT TO"},
	{"connect to ", "connect"},
};

static void command_find(struct failure *failure, struct slice text)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands && !failure->command.len; i++)
		if (has_nocase(text, commands[i].words))
			failure->command = slice_of(commands[i].command);
}

static bool is_host(struct slice s)
{
	if (s.len < 4 || !slice_has(s, '.') || slice_has(s, '@'))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && s.at[i] != '.' && s.at[i] != '-' && s.at[i] != '_')
			return false;
	return true;
}

static struct slice host_behind(struct slice text, const char *before)
{
	size_t at = find_nocase(text, slice_of(before));
	size_t len = 0;

	if (at == SIZE_MAX)
		return SLICE_NONE;
	text = slice_from(text, at + slice_of(before).len);
	while (len < text.len &&
		(ascii_is_alnum(text.at[len]) || slice_has(SLICE("._-"), text.at[len])))
		len++;
	while (len && text.at[len - 1] == '.')
		len--;
	return is_host(slice_part(text, 0, len)) ? slice_part(text, 0, len) : SLICE_NONE;
}

static void remote_find(struct failure *failure, struct slice text)
{
	static const char *const befores[] = {"host: ", "host ", "while talking to ", "connect to ",
		"by the server for the recipient domain ", "relay="};

	for (size_t i = 0; i < sizeof befores / sizeof *befores; i++)
		fill(&failure->remote_mta, host_behind(text, befores[i]));
}

/* Where the reporting server's prose ends and the remote's own words begin. */
static const char *const introductions[] = {"said: ", "Remote Server returned '",
	"Remote Server  returned '", "returned: ", "The error that the other server returned was: ",
	"The response from the remote server was: ", "The response was: ", "server responded: ",
	"server response was: ", "server message ",
	"responded with failure: ", "SMTP diagnostic: ", "the server said: ", NULL};

/* The reply that begins with a code behind a colon: "…: host mx [ip]: 550 5.1.1 …", or behind a
 * type: "<mx.far.example #5.7.1 smtp;550 …>". */
static size_t spoken_begin(struct slice text)
{
	for (size_t i = 2; i + 3 < text.len; i++) {
		if (text.at[i] != '4' && text.at[i] != '5')
			continue;
		char before = text.at[i - 1] == ' ' ? text.at[i - 2] : text.at[i - 1];
		bool behind =
			slice_has(SLICE(":;"), before) && (text.at[i - 1] == ' ' || before == ';');
		if (behind && reply_code_at(text, i))
			return i;
	}
	return SIZE_MAX;
}

/* "554 5.4.7 message timeout (last failure: 451 4.3.0 …)": what is refused for good is the verdict,
 * the temporary reply quoted in it only its reason. */
static bool verdict_find(struct slice text, struct enhanced *status)
{
	struct slice rest = slice_part(text, 4, text.len);

	return text.len > 4 && reply_code_at(text, 0) >= 500 &&
	       status_find(slice_cut(&rest, ' '), status) && status->class == 5 &&
	       !status_is_vague(*status);
}

static bool is_verdict_over(struct slice text, size_t quoted)
{
	struct enhanced status;

	return verdict_find(text, &status) && quoted < text.len && text.at[quoted] == '4' &&
	       reply_code_at(text, quoted);
}

static struct slice without_tail(struct slice words)
{
	static const char *const tails[] = {" (in reply to", " [RCPT_TO]", " [MAIL_FROM]",
		" (delivery attempts", " (TCP:", " [BODY]", " Giving up on "};

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		size_t at = find_nocase(words, slice_of(tails[i]));
		if (at != SIZE_MAX && at > 3)
			words = slice_part(words, 0, at);
	}
	return slice_trim(words);
}

static struct slice remote_words(struct slice text)
{
	size_t begin = SIZE_MAX;

	for (const char *const *words = introductions; *words && begin == SIZE_MAX; words++) {
		size_t at = find_nocase(text, slice_of(*words));
		if (at != SIZE_MAX)
			begin = at + slice_of(*words).len;
	}
	if (begin == SIZE_MAX)
		begin = spoken_begin(text);
	if (begin != SIZE_MAX && is_verdict_over(text, begin))
		begin = SIZE_MAX;
	struct slice words = without_tail(begin == SIZE_MAX ? text : slice_from(text, begin));
	if (words.len && words.at[words.len - 1] == '\'' &&
		slice_find(words, '\'') == words.len - 1)
		words.len--;
	if (words.len && words.at[words.len - 1] == ')' && !slice_has(words, '('))
		words.len--; /* of "(reason: …)" */
	if (words.len && words.at[words.len - 1] == '>' && !slice_has(words, '<'))
		words.len--;
	return words;
}

/* ---- ids of ours ---- */

/* `[why 7K3Q-9MZD-2C4T]` and `kept [7K3Q-9MZD-2C4T]` */
static struct slice our_id(struct slice text)
{
	static const char *const befores[] = {"[why ", "kept ["};

	for (size_t i = 0; i < 2; i++) {
		size_t at = find_nocase(text, slice_of(befores[i]));
		struct slice id = at == SIZE_MAX ? SLICE_NONE
						 : slice_part(text, at + slice_of(befores[i]).len,
							   at + slice_of(befores[i]).len + 14);
		bool shaped = id.len == 14 && id.at[4] == '-' && id.at[9] == '-';
		for (size_t n = 0; shaped && n < id.len; n++)
			shaped = ascii_is_alnum(id.at[n]) || n == 4 || n == 9;
		if (shaped)
			return id;
	}
	return SLICE_NONE;
}

/* The remote's own status counts before the one the reporting server put in its report, unless it
 * says less. */
static void status_take(struct failure *failure, struct slice text, bool own)
{
	struct enhanced found = {0}, verdict;
	struct enhanced known = failure->has_status ? failure->status : (struct enhanced){0};

	if (!status_find(text, &found))
		return;
	if (found.class == 4 && verdict_find(text, &verdict))
		found = verdict;
	if (status_weight(found) + own > status_weight(known)) {
		failure->status = found;
		failure->has_status = true;
	}
}

/* "550-5.7.1 first 550 5.7.1 last" of several lines: the code of all but the first is no word. */
static struct slice lines_joined(struct slice words, struct arena *arena)
{
	unsigned code = words.len > 4 && words.at[3] == '-' ? reply_code_at(words, 0) : 0;
	struct text joined = TEXT_GROWING;
	struct enhanced status;

	if (!code)
		return words;
	struct slice number = slice_part(words, 0, 3), before = slice_part(words, 4, 10);
	bool has_status = status_find(slice_cut(&before, ' '), &status);
	text_put(&joined, number);
	text_char(&joined, ' ');
	for (size_t i = 4; i < words.len; i++) {
		struct slice rest = slice_from(words, i);
		bool again = words.at[i - 1] == ' ' && slice_starts(rest, number) && rest.len > 4 &&
			     slice_has(SLICE("- "), rest.at[3]);
		if (!again) {
			text_char(&joined, words.at[i]);
			continue;
		}
		i += 3;
		struct slice left = slice_from(words, i + 1);
		struct slice first = slice_cut(&left, ' ');
		if (has_status && first.len < 12 && status_find(first, &status))
			i += first.len + 1;
	}
	struct slice made = arena_slice(arena, text_slice(&joined));
	text_free(&joined);
	return made;
}

/* "554 4.4.7 expired <421 4.4.2 timed out>": the code that goes with the status, if one does. */
static void reply_code_take(struct failure *failure, struct slice text)
{
	if (failure->reply_code)
		return;
	if (failure->has_status)
		failure->reply_code = reply_code_of_class(text, failure->status.class);
	if (!failure->reply_code)
		failure->reply_code = reply_code_find(text);
}

void failure_complete(struct scene *scene, struct failure *failure)
{
	fill(&failure->postern_id, our_id(failure->words));
	fill(&failure->postern_id, our_id(failure->reported));
	command_find(failure, failure->words);
	command_find(failure, failure->reported);
	remote_find(failure, failure->words);
	remote_find(failure, failure->reported);
	if (failure->words.len == 0)
		failure->words = failure->reported;
	failure->words = lines_joined(remote_words(failure->words), scene->arena);
	status_take(failure, failure->words, true);
	if (!failure->has_status || status_weight(failure->status) < 3)
		status_take(failure, failure->reported, false);
	reply_code_take(failure, failure->words);
	reply_code_take(failure, failure->reported);
}
