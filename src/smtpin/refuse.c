/* SPDX-License-Identifier: Apache-2.0 */
/* Refusing. Read refuse.h first. Everything below ends in utter(), which writes the reply. */
#include "smtpin/refuse.h"

static const mono_ns last_words_ns = NS_PER_S;

/* "[why 7K3Q-9MZD-2C4T]" behind the words; long words are cut, the id never. */
static void text_refusal(struct text *out, const struct decision *decision, uint64_t id, bool utf8)
{
	char room[ID_TEXT_LEN + 8];
	struct text tail = TEXT_FIXED(room);

	text_put(&tail, SLICE("[why "));
	text_id(&tail, id);
	text_char(&tail, ']');
	reply_write(
		out, decision->code, decision->enhanced, decision->words, text_slice(&tail), utf8);
}

static void count(struct edge *edge, const struct decision *decision)
{
	edge->tally.reasons[decision->reason]++;
}

/* Puts the refusal into the session's output and gives back the reply without its CRLF, valid
 * until the next is put there. */
static struct slice utter(struct session *session, const struct decision *decision, uint64_t id)
{
	struct text *out = stream_output(session->stream);
	size_t start = out->len;
	bool utf8 = session->transaction && session->transaction->mail.smtputf8;

	text_refusal(out, decision, id, utf8);
	count(session->edge, decision);
	return slice_part(text_slice(out), start, out->len - 2);
}

/* Unknown recipients have a limit of their own; what may pass later is nobody's error. */
static void count_against(struct session *session, const struct decision *decision)
{
	if (decision->reason == REASON_UNKNOWN_RECIPIENT)
		session->unknown_recipients++;
	else if (decision->code >= 500)
		session->errors++;
}

/* A row of the table, as a decision in which no clause had a part. */
static struct decision decision_of(
	enum reason reason, enum stage stage, struct slice about, struct arena *arena)
{
	const struct reason_row *row = reason_row(reason);
	enum verdict verdict = row->code < 500 ? VERDICT_DEFER : VERDICT_REFUSE;

	return (struct decision){
		.verdict = verdict,
		.reason = reason,
		.code = row->code,
		.enhanced = row->enhanced,
		.words = reason_words(reason, &about, 1, arena),
		.stage = stage,
		.possible = 1u << verdict,
	};
}

static void record(struct session *session, const struct facts *facts,
	const struct decision *decision, uint64_t id, struct slice reply, struct slice said)
{
	char room[ID_TEXT_LEN + 1];
	struct text session_id = TEXT_FIXED(room);
	struct journal_decision line = {
		.id = id,
		.session = SLICE_NONE,
		.policy = session_policy(session),
		.facts = facts,
		.decision = decision,
		.reply = reply,
		.said = said,
		.message = session->transaction ? session->transaction->id : 0,
		.tls = facts->tls,
		.us = (loop_mono_exact(session->edge->loop) - session->heard) / NS_PER_US,
		.arena = session->scratch,
	};

	text_id(&session_id, session->id);
	line.session = text_slice(&session_id);
	edge_record(session->edge, &line);
}

static enum stage session_stage(const struct session *session)
{
	if (!session->transaction)
		return session->helo_len ? STAGE_HELO : STAGE_CONNECT;
	return session->transaction->offered ? STAGE_RCPT : STAGE_MAIL;
}

/* Utters and writes down what no clause had a part in. `limits errors` bounds how often a session
 * can make us do so. */
static void refuse_and_record(
	struct session *session, const struct decision *decision, struct slice said)
{
	uint64_t id = edge_new_id(session->edge);
	struct slice reply = utter(session, decision, id);
	struct facts facts;

	facts_gather(session, NULL, &facts);
	record(session, &facts, decision, id, reply, said);
}

static void refuse_said(
	struct session *session, enum reason reason, struct slice about, struct slice said)
{
	struct decision decision =
		decision_of(reason, session_stage(session), about, session->scratch);

	refuse_and_record(session, &decision, said);
	count_against(session, &decision);
}

void refuse_form(struct session *session, enum reason reason, struct slice about)
{
	refuse_said(session, reason, about, SLICE_NONE);
}

/* What is wrong with an address in MAIL or RCPT. RFC 6531 3.5 has a code of its own for 8-bit
 * addresses without SMTPUTF8. */
static void refuse_mailbox(struct session *session, enum mailbox_fault fault,
	enum reason bad_address, struct slice said)
{
	if (fault == MAILBOX_NEEDS_SMTPUTF8)
		refuse_form(session, REASON_SMTPUTF8_NEEDED, SLICE_NONE);
	else
		refuse_said(session, bad_address, slice_of(mailbox_fault_text(fault)), said);
}

void refuse_problem(struct session *session, const struct command_problem *problem,
	enum reason bad_address, struct slice usage, struct slice said)
{
	switch (problem->fault) {
	case COMMAND_OK: break;
	case COMMAND_SYNTAX: refuse_form(session, REASON_BAD_SYNTAX, usage); break;
	case COMMAND_BAD_MAILBOX:
		refuse_mailbox(session, problem->mailbox, bad_address, said);
		break;
	case COMMAND_BAD_PARAMETER:
		refuse_form(session, REASON_BAD_SYNTAX,
			arena_format(session->scratch, "the parameter %.*s",
				SLICE_ARGS(problem->detail)));
		break;
	case COMMAND_UNKNOWN_PARAMETER:
		refuse_form(session, REASON_UNKNOWN_PARAMETER, problem->detail);
		break;
	}
}

void refuse_by_policy(
	struct session *session, const struct facts *facts, const struct decision *decision)
{
	uint64_t id = edge_new_id(session->edge);
	struct slice reply = utter(session, decision, id);

	session->edge->tally.verdicts[decision->verdict]++;
	count_against(session, decision);
	record(session, facts, decision, id, reply, SLICE_NONE);
}

const struct refusal *refusal_new(
	struct session *session, const struct facts *facts, const struct decision *decision)
{
	struct refusal *refusal = ARENA_NEW(session->scratch, struct refusal);
	struct text reply = {
		.at = arena_alloc(session->scratch, REPLY_LINE_MAX), .size = REPLY_LINE_MAX};

	*refusal = (struct refusal){
		.id = edge_new_id(session->edge), .facts = *facts, .decision = *decision};
	text_refusal(&reply, decision, refusal->id, session->transaction->mail.smtputf8);
	refusal->reply = slice_part(text_slice(&reply), 0, reply.len - 2);
	return refusal;
}

/* No error of the client's: it hears nothing of it in this session. */
void refusal_record(struct session *session, const struct refusal *refusal)
{
	count(session->edge, &refusal->decision);
	session->edge->tally.verdicts[refusal->decision.verdict]++;
	record(session, &refusal->facts, &refusal->decision, refusal->id, refusal->reply,
		SLICE_NONE);
}

void refuse_mail(struct session *session, const struct offered_recipient *recipient,
	enum stage stage, enum reason reason, struct slice about)
{
	struct decision decision = decision_of(reason, stage, about, session->scratch);
	struct facts facts;

	facts_gather(session, recipient, &facts);
	refuse_by_policy(session, &facts, &decision);
}

void refuse_auth(
	struct session *session, enum reason reason, struct slice about, struct journal_auth *auth)
{
	struct decision decision =
		decision_of(reason, session_stage(session), about, session->scratch);

	auth->id = edge_new_id(session->edge);
	auth->reply = utter(session, &decision, auth->id);
	auth->code = decision.code;
	auth->enhanced = decision.enhanced;
	count_against(session, &decision);
	edge_record_auth(session->edge, auth);
}

void refuse_and_end(struct session *session, enum reason reason, struct slice about)
{
	struct decision decision =
		decision_of(reason, session_stage(session), about, session->scratch);

	refuse_and_record(session, &decision, SLICE_NONE);
	session->ending = true;
}

/* The words fit an empty socket buffer, so this waits for nobody in practice. */
static void say_and_close(struct task *task, struct io *client, struct slice reply)
{
	mono_ns outer = task_limit(task, last_words_ns);

	io_close_follows(client);
	if (io_write(task, client, reply) != IO_DONE)
		reply = SLICE_NONE; /* the client has gone: there is nobody to tell */
	task_restore(task, outer);
	io_close(client);
}

void refuse_connection(struct task *task, struct edge *edge, struct io *client,
	const struct address *from, struct slice service, enum reason reason)
{
	struct arena *arena = edge_arena_take(edge);
	struct decision decision = decision_of(
		reason, STAGE_CONNECT, admission_about(edge, from, reason, arena), arena);
	struct facts facts = {.client = *from, .has_client = true, .listener = service};
	struct text reply = {.at = arena_bytes(arena, REPLY_LINE_MAX), .size = REPLY_LINE_MAX};
	struct journal_decision line = {.id = edge_new_id(edge),
		.policy = edge->policy,
		.facts = &facts,
		.decision = &decision,
		.arena = arena};

	text_refusal(&reply, &decision, line.id, false);
	count(edge, &decision);
	line.reply = slice_part(text_slice(&reply), 0, reply.len - 2);
	edge_record(edge, &line);
	say_and_close(task, client, text_slice(&reply));
	edge_arena_give(edge, arena);
}

void accept_by_policy(struct session *session, const struct facts *facts,
	const struct decision *decision, struct slice reply)
{
	session->edge->tally.verdicts[VERDICT_ACCEPT]++;
	record(session, facts, decision, edge_new_id(session->edge), reply, SLICE_NONE);
	session_say(session, reply);
}
