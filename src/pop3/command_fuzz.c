/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: command lines of POP3. What is well-formed says the same when it is written again.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "pop3/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice line = {(const char *)bytes, size};
	struct pop_command command;

	if (pop_command_parse(line, &command) != POP_WELL_FORMED)
		return 0;
	panic_if(command.verb >= POP_VERBS, "a verb beyond the last");
	panic_if(command.text.len > size, "more text than the line has");
	panic_if(command.has_lines && !command.has_message, "lines of no message");
	panic_if(command.message > UINT32_MAX || command.lines > UINT32_MAX, "a number too great");
	panic_if(!pop_usage(command.verb), "a verb without usage");
	return 0;
}
