/* SPDX-License-Identifier: Apache-2.0 */
/* What an edge tells about itself. The names of counters are those of the reasons' rows. */
#include "base/json.h"
#include "smtpin/edge.h"
#include "smtpin/session.h"

#define PUT(out, literal) text_put((out), SLICE(literal))

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
		json_put_number(out, SLICE(":"), tally->reasons[reason]);
	}
	text_char(out, '}');
}

void edge_tell_status(const struct edge *edge, unsigned slot, struct text *out)
{
	const struct tally *tally = &edge->tally;

	json_put_number(out, SLICE("{\"role\":\"edge\",\"slot\":"), slot);
	json_put_text(out, SLICE(",\"policy\":"), slice_of(policy_hash(edge->policy)));
	json_put_number(out, SLICE(",\"open_sessions\":"), edge->session_count);
	json_put_number(out, SLICE(",\"sessions\":"), tally->sessions);
	json_put_number(out, SLICE(",\"messages\":"), tally->messages);
	json_put_number(out, SLICE(",\"octets\":"), tally->octets);
	json_put_number(out, SLICE(",\"lost\":"), tally->lost);
	json_put_number(out, SLICE(",\"memory\":"), edge->gathered);
	json_put_number(out, SLICE(",\"verdicts\":{\"accept\":"), tally->verdicts[VERDICT_ACCEPT]);
	json_put_number(out, SLICE(",\"refuse\":"), tally->verdicts[VERDICT_REFUSE]);
	json_put_number(out, SLICE(",\"defer\":"), tally->verdicts[VERDICT_DEFER]);
	text_char(out, '}');
	put_reasons(out, tally);
	if (edge->tls)
		json_put_tls_state(out, SLICE(",\"tls\":"), edge->tls, loop_wall(edge->loop));
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
	json_put_id(out, SLICE("{\"id\":"), session->id);
	PUT(out, ",\"client\":\"");
	if (session->local)
		PUT(out, "local");
	else
		text_address(out, &session->client);
	json_put_text(out, SLICE("\",\"listener\":"), session->service);
	json_put_text(out, SLICE(",\"state\":"), doing(session));
	json_put_time(out, SLICE(",\"since\":"), session->since);
	if (session->tls)
		json_put_text(out, SLICE(",\"tls\":"), tls_seen(session->tls)->version);
	if (session->transaction)
		json_put_text(out, SLICE(",\"sender\":"), session->transaction->mail.sender.text);
	PUT(out, "}\n");
}

void edge_tell_sessions(const struct edge *edge, struct text *out)
{
	LIST_EACH (struct session, session, &edge->sessions, link)
		tell_session(session, out);
}
