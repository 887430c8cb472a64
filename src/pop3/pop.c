/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions share. Read pop.h first. */
#include "pop3/pop.h"

#include "base/json.h"
#include "base/panic.h"
#include "pop3/session.h"

static const mono_ns refusal_within = NS_PER_S;

void pop_open(struct pop *pop, struct loop *loop, unsigned id_slot, const struct pop_doors *doors,
	struct offload *threads)
{
	*pop = (struct pop){.loop = loop,
		.doors = doors,
		.threads = threads,
		.ids = {.slot = id_slot},
		.base = {.fd = -1}};
	list_init(&pop->sessions);
	gate_init(&pop->emptied);
}

void pop_close(struct pop *pop)
{
	panic_if(pop->session_count, "%zu sessions at the end", pop->session_count);
	policy_unref(pop->policy);
}

void pop_use_policy(struct pop *pop, struct policy *policy)
{
	policy_unref(pop->policy);
	pop->policy = policy;
}

/* Said without TLS to a client of pop3s too: it cannot read it, and sees the connection end. */
static void turn_away(struct task *task, struct io *client, bool implicit_tls, struct slice words)
{
	mono_ns outer = task_limit(task, refusal_within);

	if (!implicit_tls) {
		enum io_end end = io_write(task, client, words);
		(void)end; /* it may have gone already */
	}
	task_restore(task, outer);
	io_close(client);
}

void pop_welcome(struct task *task, struct pop *pop, struct io *client, const struct address *from,
	bool implicit_tls)
{
	uint64_t most = policy_settings(pop->policy)->limits.connections;

	if (pop->stopping)
		turn_away(task, client, implicit_tls, SLICE("-ERR [SYS/TEMP] shutting down\r\n"));
	else if (pop->session_count >= most || !pop_session_start(pop, client, from, implicit_tls))
		turn_away(task, client, implicit_tls,
			SLICE("-ERR [SYS/TEMP] too many connections; try again later\r\n"));
}

void pop_stop(struct pop *pop)
{
	pop->stopping = true;
	LIST_EACH (struct pop_session, session, &pop->sessions, link)
		if (session->waiting)
			task_cancel(session->task);
}

void pop_stop_now(struct pop *pop)
{
	pop->stopping = true;
	LIST_EACH (struct pop_session, session, &pop->sessions, link)
		task_cancel(session->task);
}

/* ---- what is told ---- */

void pop_tell_status(const struct pop *pop, struct text *out)
{
	const struct pop_tally *tally = &pop->tally;

	json_put_text(out, SLICE("{\"role\":\"pop\",\"slot\":0,\"policy\":"),
		slice_of(policy_hash(pop->policy)));
	json_put_number(out, SLICE(",\"open_sessions\":"), pop->session_count);
	json_put_number(out, SLICE(",\"sessions\":"), tally->sessions);
	json_put_number(out, SLICE(",\"signed_in\":"), tally->signed_in);
	json_put_number(out, SLICE(",\"wrong\":"), tally->wrong);
	json_put_number(out, SLICE(",\"in_use\":"), tally->in_use);
	json_put_number(out, SLICE(",\"retrieved\":"), tally->retrieved);
	json_put_number(out, SLICE(",\"octets\":"), tally->octets);
	json_put_number(out, SLICE(",\"deleted\":"), tally->deleted);
	json_put_number(out, SLICE(",\"failed\":"), tally->failed);
}

static struct slice doing(const struct pop_session *session)
{
	if (!session->drop)
		return SLICE("greeting");
	return session->waiting ? SLICE("idle") : SLICE("working");
}

static void tell_session(const struct pop_session *session, struct text *out)
{
	json_put_id(out, SLICE("{\"id\":"), session->id);
	text_put(out, SLICE(",\"client\":\""));
	text_address(out, &session->client);
	json_put_text(out, SLICE("\",\"listener\":"),
		session->implicit_tls ? SLICE("pop3s") : SLICE("pop3"));
	json_put_text(out, SLICE(",\"state\":"), doing(session));
	json_put_time(out, SLICE(",\"since\":"), session->since);
	if (session->drop)
		json_put_text(out, SLICE(",\"account\":"), pop_session_name(session));
	text_put(out, SLICE("}\n"));
}

void pop_tell_sessions(const struct pop *pop, struct text *out)
{
	LIST_EACH (struct pop_session, session, &pop->sessions, link)
		tell_session(session, out);
}
