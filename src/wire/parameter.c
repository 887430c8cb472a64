/* SPDX-License-Identifier: Apache-2.0 */
/* ESMTP parameters. The contract is in parameter.h. Each parameter is a row of a table and a
 * reader of its value. */
#include "wire/parameter.h"

#include "base/utf8.h"
#include "wire/xtext.h"

enum { ENVID_MAX = 100, ORCPT_MAX = 500, SIZE_DIGITS = 20 };

/* What a reader of a value may look at and fill. */
struct target {
	struct arena *arena;
	struct mail_command *mail;
	struct rcpt_command *rcpt;
	bool utf8;
};

struct parameter_kind {
	const char *name;
	bool takes_value;
	bool (*read)(struct slice value, struct target *target);
};

/* RFC 1870 4: 1*20DIGIT. More than fits is as good as the most there is: too large. */
static bool read_size(struct slice value, struct target *target)
{
	if (value.len == 0 || value.len > SIZE_DIGITS)
		return false;
	for (size_t i = 0; i < value.len; i++)
		if (!ascii_is_digit(value.at[i]))
			return false;
	if (!slice_number(value, UINT64_MAX, &target->mail->size))
		target->mail->size = UINT64_MAX;
	return true;
}

static bool read_body(struct slice value, struct target *target)
{
	if (slice_is_nocase(value, SLICE("8BITMIME")))
		target->mail->body = BODY_8BITMIME;
	else
		return slice_is_nocase(value, SLICE("7BIT"));
	return true;
}

static bool read_smtputf8(struct slice value, struct target *target)
{
	(void)value;
	target->mail->smtputf8 = true;
	return true;
}

static bool read_ret(struct slice value, struct target *target)
{
	if (slice_is_nocase(value, SLICE("FULL")))
		target->mail->ret = RET_FULL;
	else if (slice_is_nocase(value, SLICE("HDRS")))
		target->mail->ret = RET_HDRS;
	return target->mail->ret != RET_UNSET;
}

static bool is_printable(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_print(s.at[i]))
			return false;
	return s.len > 0;
}

/* RFC 3461 4.4 and 5.4: printable ASCII once decoded, at most 100 octets. */
static bool read_envid(struct slice value, struct target *target)
{
	return xtext_decode(value, target->arena, &target->mail->envid) &&
	       is_printable(target->mail->envid) && target->mail->envid.len <= ENVID_MAX;
}

/* RFC 4954 5: taken from anyone, believed of no one; what is sent on says AUTH=<>. */
static bool read_auth(struct slice value, struct target *target)
{
	struct slice plain;

	return slice_is(value, SLICE("<>")) || xtext_decode(value, target->arena, &plain);
}

/* RFC 3461 4.1: NEVER alone, or a list. */
static bool read_notify(struct slice value, struct target *target)
{
	unsigned notify = 0;

	if (slice_is_nocase(value, SLICE("NEVER"))) {
		target->rcpt->notify = NOTIFY_NEVER;
		return true;
	}
	for (bool more = true; more;) {
		more = slice_has(value, ',');
		struct slice word = slice_cut(&value, ',');
		if (slice_is_nocase(word, SLICE("SUCCESS")))
			notify |= NOTIFY_SUCCESS;
		else if (slice_is_nocase(word, SLICE("FAILURE")))
			notify |= NOTIFY_FAILURE;
		else if (slice_is_nocase(word, SLICE("DELAY")))
			notify |= NOTIFY_DELAY;
		else
			return false;
	}
	target->rcpt->notify = notify;
	return true;
}

/* RFC 3461 4.2: addr-type ";" xtext; RFC 6533 3: addr-type "utf-8" has an encoding of its own. */
static bool read_orcpt(struct slice value, struct target *target)
{
	size_t end = slice_find(value, ';');
	struct slice type = slice_part(value, 0, end), address = slice_from(value, end + 1), plain;

	if (end == SIZE_MAX || !is_printable(type))
		return false;
	if (slice_is_nocase(type, SLICE("utf-8"))) {
		if ((!target->utf8 && !utf8_is_ascii(address)) ||
			!utf8_xtext_decode(address, target->arena, &plain) || plain.len == 0)
			return false;
	} else if (!xtext_decode(address, target->arena, &plain) || !is_printable(plain)) {
		return false;
	}
	target->rcpt->orcpt =
		arena_format(target->arena, "%.*s;%.*s", SLICE_ARGS(type), SLICE_ARGS(plain));
	return target->rcpt->orcpt.len <= ORCPT_MAX;
}

static const struct parameter_kind mail_kinds[] = {
	{"SIZE", true, read_size},
	{"BODY", true, read_body},
	{"SMTPUTF8", false, read_smtputf8},
	{"RET", true, read_ret},
	{"ENVID", true, read_envid},
	{"AUTH", true, read_auth},
	{NULL, false, NULL},
};
static const struct parameter_kind rcpt_kinds[] = {
	{"NOTIFY", true, read_notify},
	{"ORCPT", true, read_orcpt},
	{NULL, false, NULL},
};

static const struct parameter_kind *kind_of(const struct parameter_kind *kinds, struct slice name)
{
	for (; kinds->name; kinds++)
		if (slice_is_nocase(name, slice_of(kinds->name)))
			return kinds;
	return NULL;
}

/* esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
static bool is_keyword(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && (s.at[i] != '-' || i == 0))
			return false;
	return s.len > 0;
}

/* esmtp-value = 1*(%d33-60 / %d62-126 / UTF8-non-ascii) */
static bool is_value(struct slice s, bool utf8)
{
	for (size_t i = 0; i < s.len; i++)
		if ((uint8_t)s.at[i] <= ' ' || s.at[i] == '=' || s.at[i] == 0x7f ||
			((uint8_t)s.at[i] >= 0x80 && !utf8))
			return false;
	return s.len > 0;
}

static struct parameter parameter_split(struct slice word)
{
	struct parameter parameter = {.has_value = slice_has(word, '=')};

	parameter.name = slice_cut(&word, '=');
	parameter.value = word;
	return parameter;
}

static enum command_fault say(
	struct command_problem *problem, enum command_fault fault, struct slice detail)
{
	problem->fault = fault;
	problem->detail = detail;
	return fault;
}

/* `seen` has a bit for each kind, so that none comes twice. */
static enum command_fault parameter_read(struct slice word, const struct parameter_kind *kinds,
	struct target *target, unsigned *seen, struct command_problem *problem)
{
	struct parameter parameter = parameter_split(word);

	if (!is_keyword(parameter.name) ||
		(parameter.has_value && !is_value(parameter.value, target->utf8)))
		return say(problem, COMMAND_BAD_PARAMETER, word);
	const struct parameter_kind *kind = kind_of(kinds, parameter.name);
	if (!kind)
		return say(problem, COMMAND_UNKNOWN_PARAMETER, parameter.name);
	unsigned bit = 1u << (kind - kinds);
	if (*seen & bit || parameter.has_value != kind->takes_value ||
		!kind->read(parameter.value, target))
		return say(problem, COMMAND_BAD_PARAMETER, word);
	*seen |= bit;
	return COMMAND_OK;
}

static enum command_fault parameters_read(struct slice rest, const struct parameter_kind *kinds,
	struct target *target, struct command_problem *problem)
{
	unsigned count = 0, seen = 0;

	while (rest.len) {
		struct slice word = slice_cut(&rest, ' ');
		if (word.len == 0)
			continue;
		if (++count > COMMAND_PARAMETERS_MAX)
			return say(problem, COMMAND_BAD_PARAMETER, SLICE("too many parameters"));
		enum command_fault fault = parameter_read(word, kinds, target, &seen, problem);
		if (fault != COMMAND_OK)
			return fault;
	}
	return COMMAND_OK;
}

enum command_fault parameters_of_mail(struct slice rest, struct arena *arena,
	struct mail_command *mail, struct command_problem *problem)
{
	struct target target = {.arena = arena, .mail = mail};

	return parameters_read(rest, mail_kinds, &target, problem);
}

enum command_fault parameters_of_rcpt(struct slice rest, bool utf8, struct arena *arena,
	struct rcpt_command *rcpt, struct command_problem *problem)
{
	struct target target = {.arena = arena, .rcpt = rcpt, .utf8 = utf8};

	return parameters_read(rest, rcpt_kinds, &target, problem);
}
