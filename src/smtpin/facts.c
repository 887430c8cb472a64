/* SPDX-License-Identifier: Apache-2.0 */
/* What a session knows, as the table of facts that decisions read. Read policy/facts.h first. */
#include "smtpin/session.h"

static void gather_transaction(const struct transaction *transaction, struct facts *facts)
{
	facts->has_sender = true;
	facts->sender = transaction->mail.sender;
	facts->trusted = transaction->trusted;
	facts->has_recipients = true;
	facts->recipients = transaction->offered;
	/* RFC 1870: what the client declared may be wrong, so it can refuse, not permit. */
	facts->has_size = transaction->mail.size > 0;
	facts->size = transaction->mail.size;
}

void facts_gather(const struct session *session, const struct offered_recipient *recipient,
	struct facts *facts)
{
	*facts = (struct facts){
		.client = session->client,
		.has_client = true,
		.listener = session->service,
		.has_helo = session->helo_len > 0,
		.helo = session_helo(session),
		.now = loop_wall(session->edge->loop),
	};
	if (session->transaction)
		gather_transaction(session->transaction, facts);
	if (recipient) {
		facts->has_recipient = true;
		facts->recipient = recipient->mailbox;
		facts->recipients = recipient->place;
		facts->now = recipient->when;
	}
}
