/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines. The contract is in command.h; the parameters of MAIL and RCPT are in
 * parameter.c. */
#include "wire/command.h"

#include "wire/parameter.h"

/* Several words may mean one verb; the first is its name. */
static const struct {
	const char *word;
	enum verb verb;
} verbs[] = {
	{"EHLO", VERB_EHLO},
	{"HELO", VERB_HELO},
	{"MAIL", VERB_MAIL},
	{"RCPT", VERB_RCPT},
	{"DATA", VERB_DATA},
	{"RSET", VERB_RSET},
	{"NOOP", VERB_NOOP},
	{"VRFY", VERB_VRFY},
	{"EXPN", VERB_EXPN},
	{"HELP", VERB_HELP},
	{"QUIT", VERB_QUIT},
	{"STARTTLS", VERB_STARTTLS},
	{"AUTH", VERB_AUTH},
	{"BDAT", VERB_BDAT},
	{"GET", VERB_HTTP},
	{"POST", VERB_HTTP},
	{"PUT", VERB_HTTP},
	{"HEAD", VERB_HTTP},
	{"DELETE", VERB_HTTP},
	{"PATCH", VERB_HTTP},
	{"TRACE", VERB_HTTP},
	{"OPTIONS", VERB_HTTP},
	{"CONNECT", VERB_HTTP},
	{"PRI", VERB_HTTP}, /* RFC 9113 3.4 */
	{"HOST:", VERB_HTTP},
};

enum verb command_verb(struct slice line, struct slice *rest)
{
	size_t end = 0;

	while (end < line.len && line.at[end] != ' ' && line.at[end] != '\t')
		end++;
	struct slice word = slice_part(line, 0, end);
	*rest = slice_trim(slice_from(line, end));
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (slice_is_nocase(word, slice_of(verbs[i].word)))
			return verbs[i].verb;
	return VERB_UNKNOWN;
}

const char *verb_text(enum verb verb)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i].verb == verb && verb != VERB_HTTP)
			return verbs[i].word;
	return verb == VERB_HTTP ? "HTTP" : "unknown";
}

static enum command_fault say(
	struct command_problem *problem, enum command_fault fault, struct slice detail)
{
	problem->fault = fault;
	problem->detail = detail;
	return fault;
}

/* "FROM:" or "TO:" and the path. RFC 5321 3.3 forbids blanks behind the colon, but many write
 * them. */
static enum command_fault path_read(struct slice *rest, struct slice keyword, bool utf8,
	struct arena *arena, struct mailbox *mailbox, struct command_problem *problem)
{
	*problem = (struct command_problem){0};
	if (!slice_starts_nocase(*rest, keyword))
		return say(problem, COMMAND_SYNTAX, keyword);
	*rest = slice_from(*rest, keyword.len);
	while (rest->len && rest->at[0] == ' ')
		*rest = slice_from(*rest, 1);
	problem->mailbox = mailbox_read_path(rest, utf8, arena, mailbox);
	if (problem->mailbox != MAILBOX_OK)
		return say(problem, COMMAND_BAD_MAILBOX, *rest);
	return COMMAND_OK;
}

enum command_fault command_parse_mail(struct slice rest, struct arena *arena,
	struct mail_command *mail, struct command_problem *problem)
{
	*mail = (struct mail_command){0};
	/* Whether SMTPUTF8 was asked for is known only behind the path. */
	enum command_fault fault =
		path_read(&rest, SLICE("FROM:"), true, arena, &mail->sender, problem);
	if (fault == COMMAND_OK)
		fault = parameters_of_mail(rest, arena, mail, problem);
	if (fault != COMMAND_OK)
		return fault;
	if (mail->sender.needs_smtputf8 && !mail->smtputf8) {
		problem->mailbox = MAILBOX_NEEDS_SMTPUTF8;
		return say(problem, COMMAND_BAD_MAILBOX, SLICE("SMTPUTF8"));
	}
	return COMMAND_OK;
}

enum command_fault command_parse_rcpt(struct slice rest, bool utf8, struct arena *arena,
	struct rcpt_command *rcpt, struct command_problem *problem)
{
	*rcpt = (struct rcpt_command){0};
	enum command_fault fault =
		path_read(&rest, SLICE("TO:"), utf8, arena, &rcpt->recipient, problem);
	if (fault != COMMAND_OK)
		return fault;
	if (rcpt->recipient.is_null) { /* RFC 5321 4.1.1.3: a forward-path is never empty */
		problem->mailbox = MAILBOX_BAD_LOCAL;
		return say(problem, COMMAND_BAD_MAILBOX, SLICE("<>"));
	}
	return parameters_of_rcpt(rest, utf8, arena, rcpt, problem);
}

/* What hosts call themselves in practice: letters, digits, "-", "_" and "." */
static bool helo_is_name(struct slice s)
{
	if (s.len == 0 || s.len > 255)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && !slice_has(SLICE("-_."), s.at[i]))
			return false;
	return true;
}

bool command_parse_helo(struct slice rest, struct arena *arena, struct slice *name)
{
	struct mailbox mailbox;

	rest = slice_trim(rest);
	if (rest.len && rest.at[0] == '[') {
		struct slice address = arena_format(arena, "helo@%.*s", SLICE_ARGS(rest));
		if (mailbox_parse(address, arena, &mailbox) != MAILBOX_OK)
			return false;
		*name = mailbox.domain;
		return true;
	}
	if (rest.len > 1 && rest.at[rest.len - 1] == '.')
		rest.len--;
	if (domain_normalise(rest, arena, name))
		return true;
	if (!helo_is_name(rest))
		return false;
	char *lower = arena_alloc(arena, rest.len);
	for (size_t i = 0; i < rest.len; i++)
		lower[i] = ascii_lower(rest.at[i]);
	*name = (struct slice){lower, rest.len};
	return true;
}
