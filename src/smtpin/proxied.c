/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that come through a proxy. The contract is in proxied.h. */
#include "smtpin/proxied.h"

#include "smtpin/refuse.h"
#include "wire/proxy.h"

static const mono_ns header_patience = 10 * NS_PER_S;

/* ---- whether ---- */

static bool line_is_of(
	const struct listen_line *line, struct slice service, const struct address *at)
{
	return slice_is(slice_of(service_text(line->service)), service) &&
	       (line->address.port == 0 || line->address.port == at->port) &&
	       (line->any || address_is(&line->address, at));
}

bool proxy_is_due(const struct policy *policy, struct slice service, const struct address *at,
	const struct address *from)
{
	const struct settings *settings = policy_settings(policy);

	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen_line *line = &settings->listens[i];
		if (line->has_proxy && line_is_of(line, service, at) &&
			policy_network_has(policy, line->proxy, from))
			return true;
	}
	return false;
}

/* ---- the header ---- */

/* From the connection itself, and not an octet more: what follows may be a TLS handshake. */
static enum io_end header_read(struct task *task, struct io *io, struct text *header)
{
	size_t wants, got;

	while ((wants = proxy_wants(text_slice(header))) > 0) {
		char *room = text_reserve(header, wants);
		enum io_end end = io_read(task, io, room, wants, &got);
		header->len -= wants - (end == IO_DONE ? got : 0);
		if (end != IO_DONE)
			return end;
	}
	return IO_DONE;
}

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
	refuse_and_end(session, reason, SLICE_NONE);
	edge_arena_give(session->edge, session->scratch);
	session->scratch = NULL;
	return false;
}

static bool take(struct session *session, struct slice header)
{
	struct address client = {0};
	const char *why;

	switch (proxy_read(header, &client, &why)) {
	case PROXY_BAD: return refuse(session, slice_of(why));
	case PROXY_NOBODY: session->client = (struct address){0}; break;
	case PROXY_CLIENT: session->client = client; break;
	}
	session->proxied = false;
	return let_in(session);
}

bool proxy_heard(struct task *task, struct session *session)
{
	struct text header = TEXT_GROWING;
	bool heard = true;

	if (!session->proxied)
		return true;
	mono_ns outer = task_limit(task, header_patience);
	session->waiting = true;
	enum io_end end = header_read(task, stream_io(session->stream), &header);
	session->waiting = false;
	task_restore(task, outer);
	switch (end) {
	case IO_DONE: heard = take(session, text_slice(&header)); break;
	case IO_DEADLINE: heard = refuse(session, SLICE("none came in ten seconds")); break;
	case IO_CLOSED:
	case IO_FAILED:
	case IO_CANCELLED:
		session->ending = true;
		heard = false;
		break;
	}
	text_free(&header);
	return heard;
}
