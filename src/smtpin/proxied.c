/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that come through a proxy. The contract is in proxied.h. */
#include "smtpin/proxied.h"

#include "role/proxied.h"
#include "smtpin/refuse.h"

static bool refuse(struct session *session, struct slice about)
{
	session->scratch = edge_arena_take(session->edge);
	refuse_and_end(session, REASON_BAD_PROXY_HEADER, about);
	edge_arena_give(session->edge, session->scratch);
	session->scratch = NULL;
	return false;
}

static bool let_in(struct session *session)
{
	enum reason reason = admission_ask(
		session->edge, &session->client, session->service, &session->admission);

	if (reason == REASON_NONE)
		return true;
	session->scratch = edge_arena_take(session->edge);
	refuse_and_end(session, reason,
		admission_about(session->edge, &session->client, reason, session->scratch));
	edge_arena_give(session->edge, session->scratch);
	session->scratch = NULL;
	return false;
}

bool proxy_heard(struct task *task, struct session *session)
{
	const char *why;

	if (!session->proxied)
		return true;
	session->waiting = true;
	enum proxied heard = proxied_hear(task, stream_io(session->stream), &session->client, &why);
	session->waiting = false;
	switch (heard) {
	case PROXIED: session->proxied = false; return let_in(session);
	case PROXIED_BAD: return refuse(session, slice_of(why));
	case PROXIED_GONE: session->ending = true; break;
	}
	return false;
}
