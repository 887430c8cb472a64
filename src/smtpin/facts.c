/* SPDX-License-Identifier: Apache-2.0 */
/* What a session knows, as the table of facts that decisions read. Read policy/facts.h first. */
#include "smtpin/auth.h"
#include "smtpin/inquiry.h"

static void gather_transaction(const struct transaction *transaction, struct facts *facts)
{
	/* Not of a MAIL that could not be read: that is no null sender. */
	facts->has_sender = transaction->mail.sender.is_null || transaction->mail.sender.text.len;
	facts->sender = transaction->mail.sender;
	facts->trusted = transaction->trusted;
	facts->has_recipients = true;
	facts->recipients = transaction->offered;
	/* RFC 1870: what the client declared may be wrong, so it can refuse, not permit. */
	facts->has_size = transaction->mail.size > 0;
	facts->size = transaction->mail.size;
	if (transaction->size_known) {
		facts->has_size = facts->size_is_final = true;
		facts->size = transaction->size;
	}
	facts->has_from = transaction->has_author;
	facts->from = transaction->author;
	facts->claims = transaction->claims.at;
	facts->claim_count = transaction->claims.count;
	facts->claims_unclear = transaction->claims.unclear;
	facts->has_header = transaction->header.len > 0;
	facts->header = transaction->header;
}

static void gather_recipient(const struct offered_recipient *recipient, struct facts *facts)
{
	facts->has_recipient = true;
	facts->recipient = recipient->mailbox;
	facts->has_alias = recipient->is_alias;
	facts->alias = recipient->alias;
	facts->is_returned = recipient->is_returned;
	facts->recipients = recipient->place;
	facts->now = recipient->when;
	facts->counters = recipient->counted;
	facts->counter_count = recipient->counter_count;
}

void facts_gather(const struct session *session, const struct offered_recipient *recipient,
	struct facts *facts)
{
	const struct tls_seen *seen = session_tls(session);

	*facts = (struct facts){
		.client = session->client,
		.has_client = !session->local,
		.is_local = session->local,
		.local_user = session_user(session),
		.listener = session->service,
		.has_tls = true,
		.tls = session_is_encrypted(session),
		.tls_verified = seen && seen->verified,
		.certificate = seen ? seen->certificate : SLICE_NONE,
		.has_account = true,
		.account = session->account,
		.has_helo = session->helo_len > 0,
		.helo = session_helo(session),
		.now = loop_wall(session->edge->loop),
	};
	if (session->transaction)
		gather_transaction(session->transaction, facts);
	if (recipient)
		gather_recipient(recipient, facts);
	facts_add_answers(session, recipient, facts);
}
