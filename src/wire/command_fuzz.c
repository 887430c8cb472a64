/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: command lines. */
#include "base/panic.h"
#include "wire/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct mail_command mail;
	struct rcpt_command rcpt;
	struct command_problem problem;
	struct slice rest, name;

	verb_text(command_verb(s, &rest));
	if (command_parse_mail(rest, arena, &mail, &problem) == COMMAND_OK)
		panic_if(mail.sender.needs_smtputf8 && !mail.smtputf8, "UTF-8 without SMTPUTF8");
	if (command_parse_rcpt(rest, false, arena, &rcpt, &problem) == COMMAND_OK)
		panic_if(rcpt.recipient.needs_smtputf8 || rcpt.recipient.is_null, "bad recipient");
	if (command_parse_rcpt(rest, true, arena, &rcpt, &problem) == COMMAND_OK)
		for (size_t i = 0; i < rcpt.orcpt.len; i++)
			panic_if((uint8_t)rcpt.orcpt.at[i] < ' ', "control character in ORCPT");
	if (command_parse_helo(rest, arena, &name))
		panic_if(name.len == 0 || slice_has(name, ' '), "bad name");
	arena_free(arena);
	return 0;
}
