/* SPDX-License-Identifier: Apache-2.0 */
/* DATA (RFC 5321 section 4.1.1.4). Read intake.h first, then judge.c for what follows its end. */
#include "smtpin/judge.h"
#include "smtpin/refuse.h"

void data_command(struct task *task, struct session *session, struct slice rest)
{
	struct intake intake;

	if (rest.len) {
		refuse_form(session, REASON_BAD_SYNTAX, SLICE("DATA alone"));
		return;
	}
	session_say(session, SLICE("354 go on; a line with only a dot ends it"));
	intake_begin(&intake, session);
	if (intake_receive(task, &intake))
		judge_message(task, &intake);
	intake_end(&intake);
	transaction_end(session);
}
