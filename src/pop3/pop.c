/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions share. Read pop.h first. */
#include "pop3/pop.h"

#include "base/json.h"
#include "base/panic.h"
#include "policy/door.h"
#include "pop3/session.h"

static const mono_ns refusal_within = NS_PER_S, press_again = NS_PER_S;

void pop_close(struct pop *pop)
{
	panic_if(pop->session_count, "%zu sessions at the end", pop->session_count);
	timer_clear(&pop->pressure);
	census_close(pop->census);
	policy_unref(pop->policy);
}

void pop_use_policy(struct pop *pop, struct policy *policy)
{
	policy_unref(pop->policy);
	pop->policy = policy;
}

/* ---- who is let in ---- */

struct slice pop_reason_words(enum reason reason)
{
	if (reason == REASON_SHUTTING_DOWN)
		return SLICE("shutting down");
	if (reason == REASON_TOO_MANY_FROM_ADDRESS)
		return SLICE("too many connections from your address");
	if (reason == REASON_TOO_OFTEN_FROM_ADDRESS)
		return SLICE("too many connections a minute from your address");
	if (reason == REASON_TOO_MANY_WRONG_SIGN_INS)
		return SLICE("too many wrong sign-ins from your address; wait a while");
	return SLICE("too many connections; try again later");
}

/* 0: nobody is pressed. */
static mono_ns patience_now(const struct pop *pop)
{
	return admission_patience(pop->census, policy_settings(pop->policy)->limits.connections);
}

/* Who has signed in keeps its place, and who is counted by its network takes none from others. */
static bool stands_still(const struct pop_session *session, mono_ns patience)
{
	return session->waiting && !session->drop && !session->pressed &&
	       session->admission.among_all &&
	       loop_mono(session->pop->loop) - session->heard >= patience;
}

/* The sessions stand in the order in which they came. */
static void press(struct timer *timer)
{
	struct pop *pop = LIST_OBJECT(struct pop, timer, pressure);
	mono_ns patience = patience_now(pop);
	uint64_t left =
		admission_excess(pop->census, policy_settings(pop->policy)->limits.connections);

	if (!patience || !pop->session_count)
		return;
	LIST_EACH (struct pop_session, session, &pop->sessions, link) {
		if (!left || !stands_still(session, patience))
			continue;
		session->pressed = true;
		task_cancel(session->task);
		left--;
	}
	timer_set(timer, loop_mono(pop->loop) + press_again);
}

enum reason pop_admit(
	struct pop *pop, const struct address *from, bool implicit_tls, struct admission *admission)
{
	struct arena *arena = arena_new();
	const struct door door = {.census = pop->census,
		.policy = pop->policy,
		.mono = loop_mono(pop->loop),
		.wall = loop_wall(pop->loop),
		.arena = arena,
		.shut_for = pop->doors->shut_for(pop->doors->owner, from)};
	enum reason reason = policy_admit(&door, from,
		slice_of(service_text(implicit_tls ? SERVICE_POP3S : SERVICE_POP3)), admission);

	arena_free(arena);
	if (pop->pressure.at == NEVER && patience_now(pop))
		timer_set(&pop->pressure, loop_mono(pop->loop) + press_again);
	return reason;
}

/* Said without TLS to a client of pop3s too: it cannot read it, and sees the connection end. */
static void turn_away(struct task *task, struct pop *pop, struct io *client, bool implicit_tls,
	enum reason reason)
{
	char line[128];
	struct text words = TEXT_FIXED(line);
	mono_ns outer = task_limit(task, refusal_within);

	pop->tally.turned_away++;
	text_put(&words, SLICE("-ERR [SYS/TEMP] "));
	text_put(&words, pop_reason_words(reason));
	text_put(&words, SLICE("\r\n"));
	if (!implicit_tls) {
		enum io_end end = io_write(task, client, text_slice(&words));
		(void)end; /* it may have gone already */
	}
	task_restore(task, outer);
	io_close(client);
}

static enum reason let_in(
	struct pop *pop, const struct arrival_place *place, struct pop_arrival *arrival)
{
	if (pop->stopping)
		return REASON_SHUTTING_DOWN;
	arrival->proxied =
		policy_proxy_is_due(pop->policy, place->service, &place->at, &arrival->from);
	if (arrival->proxied)
		return REASON_NONE; /* its clients are counted, when it has said who they are */
	return pop_admit(pop, &arrival->from, arrival->implicit_tls, &arrival->admission);
}

void pop_welcome(struct task *task, struct pop *pop, struct io *client, const struct address *from,
	const struct arrival_place *place)
{
	struct pop_arrival arrival = {.from = *from,
		.implicit_tls = slice_is(place->service, slice_of(service_text(SERVICE_POP3S)))};
	enum reason reason = let_in(pop, place, &arrival);

	if (reason == REASON_NONE && pop_session_start(pop, client, &arrival))
		return;
	if (reason == REASON_NONE) {
		admission_leave(pop->census, &arrival.admission);
		reason = REASON_TOO_MANY_CONNECTIONS;
	}
	turn_away(task, pop, client, arrival.implicit_tls, reason);
}

/* ---- the life ---- */

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
	timer_init(&pop->pressure, loop, press);
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
	json_put_number(out, SLICE(",\"turned_away\":"), tally->turned_away);
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
