/* SPDX-License-Identifier: Apache-2.0 */
/* What an edge tells about itself. The names of counters are those of the reasons' rows. */
#include "smtpin/edge.h"
#include "smtpin/session.h"

#define PUT(out, literal) text_put((out), SLICE(literal))

static void put_count(struct text *out, struct slice key, uint64_t count)
{
	text_put(out, key);
	text_number(out, count);
}

static void put_reasons(struct text *out, const struct tally *tally)
{
	bool first = true;

	PUT(out, ",\"reasons\":{");
	for (int reason = REASON_NONE + 1; reason < REASONS; reason++) {
		if (!tally->reasons[reason])
			continue;
		if (!first)
			text_char(out, ',');
		first = false;
		text_json(out, reason_row((enum reason)reason)->name);
		put_count(out, SLICE(":"), tally->reasons[reason]);
	}
	text_char(out, '}');
}

void edge_tell_status(const struct edge *edge, unsigned slot, struct text *out)
{
	const struct tally *tally = &edge->tally;

	put_count(out, SLICE("{\"role\":\"edge\",\"slot\":"), slot);
	PUT(out, ",\"policy\":");
	text_json(out, slice_of(policy_hash(edge->policy)));
	put_count(out, SLICE(",\"open_sessions\":"), edge->session_count);
	put_count(out, SLICE(",\"sessions\":"), tally->sessions);
	put_count(out, SLICE(",\"messages\":"), tally->messages);
	put_count(out, SLICE(",\"octets\":"), tally->octets);
	put_count(out, SLICE(",\"lost\":"), tally->lost);
	put_count(out, SLICE(",\"verdicts\":{\"accept\":"), tally->verdicts[VERDICT_ACCEPT]);
	put_count(out, SLICE(",\"refuse\":"), tally->verdicts[VERDICT_REFUSE]);
	put_count(out, SLICE(",\"defer\":"), tally->verdicts[VERDICT_DEFER]);
	text_char(out, '}');
	put_reasons(out, tally);
	text_char(out, '}');
}

static struct slice doing(const struct session *session)
{
	if (session->transaction)
		return session->waiting ? SLICE("transaction") : SLICE("working");
	return session->helo_len ? SLICE("idle") : SLICE("greeting");
}

static void tell_session(const struct session *session, struct text *out)
{
	PUT(out, "{\"id\":\"");
	text_id(out, session->id);
	PUT(out, "\",\"client\":\"");
	text_address(out, &session->client);
	PUT(out, "\",\"listener\":");
	text_json(out, session->service);
	PUT(out, ",\"state\":");
	text_json(out, doing(session));
	PUT(out, ",\"since\":\"");
	text_time(out, session->since);
	text_char(out, '"');
	if (session->transaction) {
		PUT(out, ",\"sender\":");
		text_json(out, session->transaction->mail.sender.text);
	}
	PUT(out, "}\n");
}

void edge_tell_sessions(const struct edge *edge, struct text *out)
{
	LIST_EACH (struct session, session, &edge->sessions, link)
		tell_session(session, out);
}
