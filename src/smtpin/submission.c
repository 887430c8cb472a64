/* SPDX-License-Identifier: Apache-2.0 */
/* Submitted messages. The contract is in submission.h. */
#include "smtpin/submission.h"

static bool is_submitted(const struct session *session)
{
	return session->local || slice_starts(session->service, SLICE("submission"));
}

/* Also whether it has a header at all: a message that begins with its text needs an empty line
 * behind what we put in front. */
void submission_note(struct session *session, const struct headers *headers)
{
	struct transaction *transaction = session->transaction;

	transaction->lacks_header = headers->count == 0 && headers->malformed;
	if (!is_submitted(session))
		return;
	transaction->lacks_date = !header_find(headers, SLICE("Date"), 0);
	transaction->lacks_id = !header_find(headers, SLICE("Message-ID"), 0);
}

void submission_put(const struct session *session, struct slice id, struct text *out)
{
	const struct transaction *transaction = session->transaction;
	struct slice hostname = session_settings(session)->hostname;

	if (transaction->adds_from)
		text_format(out, "From: <%.*s>\r\n", SLICE_ARGS(transaction->author.text));
	if (transaction->lacks_date) {
		text_put(out, SLICE("Date: "));
		text_mail_date(out, loop_wall(session->edge->loop));
		text_put(out, SLICE("\r\n"));
	}
	if (transaction->lacks_id)
		text_format(
			out, "Message-ID: <%.*s@%.*s>\r\n", SLICE_ARGS(id), SLICE_ARGS(hostname));
	if (transaction->lacks_header)
		text_put(out, SLICE("\r\n"));
}
