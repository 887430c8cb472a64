/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what a decision is taken from. One table (policy/facts.def) names every fact, its type,
 * the stage at which it is known and where it comes from; atoms of the language read facts and
 * nothing else, so a decision can be taken again from the journal.
 *
 * A fact is not asked yet, known, or unknown (asked, no answer); the last makes a condition unknown
 * in Kleene's sense. Facts whose rooms are not built yet are unknown and their statements refused.
 */
#ifndef POLICY_FACTS_H
#define POLICY_FACTS_H

#include "base/address.h"
#include "base/clock.h"
#include "wire/mailbox.h"

enum stage {
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_AUTH,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_END,
	STAGES
};
const char *stage_text(enum stage stage);

struct facts {
	struct address client;
	bool has_client;
	struct slice listener; /* "smtp" */
	bool has_helo;
	struct slice helo; /* as given */
	bool has_sender;
	struct mailbox sender;
	bool has_recipient;
	struct mailbox recipient;
	bool has_size; /* declared (before the data) or true (at the end) */
	bool size_is_final;
	uint64_t size;
	bool has_recipients;
	uint64_t recipients; /* offered so far in this transaction, this one counted */
	wall_ns now;         /* for `until`; 0: no grant has ended (expect) */
	/* Known from the policy and the ones above, filled by facts_settle(): */
	bool trusted;
};

#endif
