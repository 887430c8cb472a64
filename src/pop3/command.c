/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of commands. The contract is in command.h. */
#include "pop3/command.h"

/* What may follow a keyword. */
enum shape { NOTHING, TEXT, MAYBE_TEXT, MESSAGE, MAYBE_MESSAGE, MESSAGE_LINES, ANYTHING };

static const struct row {
	struct slice word;
	enum shape shape;
	const char *usage;
} rows[POP_VERBS] = {
	[POP_CAPA] = {SLICE("CAPA"), NOTHING, "CAPA alone"},
	[POP_STLS] = {SLICE("STLS"), NOTHING, "STLS alone"},
	[POP_USER] = {SLICE("USER"), TEXT, "USER and a name"},
	[POP_PASS] = {SLICE("PASS"), TEXT, "PASS and a password"},
	[POP_AUTH] = {SLICE("AUTH"), MAYBE_TEXT, "AUTH and a mechanism"},
	[POP_APOP] = {SLICE("APOP"), ANYTHING, "USER and PASS, or AUTH"},
	[POP_UTF8] = {SLICE("UTF8"), NOTHING, "UTF8 alone"},
	[POP_LANG] = {SLICE("LANG"), MAYBE_TEXT, "LANG, or LANG and a language"},
	[POP_STAT] = {SLICE("STAT"), NOTHING, "STAT alone"},
	[POP_LIST] = {SLICE("LIST"), MAYBE_MESSAGE, "LIST, or LIST and the number of a message"},
	[POP_UIDL] = {SLICE("UIDL"), MAYBE_MESSAGE, "UIDL, or UIDL and the number of a message"},
	[POP_RETR] = {SLICE("RETR"), MESSAGE, "RETR and the number of a message"},
	[POP_TOP] = {SLICE("TOP"), MESSAGE_LINES,
		"TOP, the number of a message and how many lines"},
	[POP_DELE] = {SLICE("DELE"), MESSAGE, "DELE and the number of a message"},
	[POP_RSET] = {SLICE("RSET"), NOTHING, "RSET alone"},
	[POP_NOOP] = {SLICE("NOOP"), NOTHING, "NOOP alone"},
	[POP_QUIT] = {SLICE("QUIT"), NOTHING, "QUIT alone"},
	[POP_HTTP] = {SLICE(""), ANYTHING, ""},
};

static bool is_http(struct slice word, struct slice line)
{
	static const struct slice methods[] = {SLICE("GET"), SLICE("POST"), SLICE("HEAD"),
		SLICE("PUT"), SLICE("CONNECT"), SLICE("OPTIONS"), SLICE("DELETE"), SLICE("PATCH"),
		SLICE("TRACE")};

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (slice_is(word, methods[i]))
			return slice_has(line, '/') || slice_has(line, ':');
	return false;
}

static bool verb_find(struct slice word, struct slice line, enum pop_verb *verb)
{
	*verb = POP_HTTP;
	if (is_http(word, line))
		return true;
	for (int i = 0; i < POP_HTTP; i++) {
		*verb = (enum pop_verb)i;
		if (slice_is_nocase(word, rows[i].word))
			return true;
	}
	return false;
}

/* The first of the numbers in *rest, and the blank behind it. */
static bool number_take(struct slice *rest, uint64_t *number)
{
	return slice_number(slice_cut(rest, ' '), UINT32_MAX, number);
}

static bool shape_fits(enum shape shape, struct slice rest, struct pop_command *command)
{
	bool has_text = rest.len > 0;

	switch (shape) {
	case NOTHING: return !has_text;
	case TEXT: return has_text;
	case MAYBE_TEXT:
	case ANYTHING: return true;
	case MAYBE_MESSAGE:
		if (!has_text)
			return true;
		break;
	case MESSAGE:
	case MESSAGE_LINES: break;
	}
	command->has_message = number_take(&rest, &command->message);
	if (command->has_message && shape == MESSAGE_LINES)
		command->has_lines = number_take(&rest, &command->lines);
	return command->has_message && command->has_lines == (shape == MESSAGE_LINES) && !rest.len;
}

/* A password may begin and end with blanks, so exactly one is the separator; elsewhere those at the
 * end of the line are nobody's. */
enum pop_parse pop_command_parse(struct slice line, struct pop_command *command)
{
	struct slice rest = line;
	struct slice word = slice_cut(&rest, ' ');

	*command = (struct pop_command){.text = rest};
	if (!verb_find(word, line, &command->verb))
		return POP_NO_COMMAND;
	if (command->verb != POP_PASS)
		rest = command->text = slice_trim(rest);
	return shape_fits(rows[command->verb].shape, rest, command) ? POP_WELL_FORMED
								    : POP_WRONG_ARGUMENTS;
}

const char *pop_usage(enum pop_verb verb)
{
	return rows[verb].usage;
}
