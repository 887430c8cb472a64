/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the edge says to its neighbours and hears from them: to control the journal's lines and
 * answers to questions, to queue how far segments are written. Read edge_process.h first.
 */
#include <errno.h>
#include <jansson.h>
#include <unistd.h>

#include "base/panic.h"
#include "role/shortage.h"
#include "smtpin/edge_process.h"

/* ---- control: journal lines out, questions in ---- */

static void journal_take(void *owner, struct slice line)
{
	struct edge_process *process = owner;

	told_record(&process->told, line);
}

/* The log's line for people and for fail2ban: who, from where, which code, by which clause. */
static void log_refused(void *owner, const struct journal_decision *refusal)
{
	struct edge_process *process = owner;
	const struct facts *facts = refusal->facts;
	const struct decision *decision = refusal->decision;
	char client[64], enhanced[16], clause[200];
	struct text client_text = TEXT_FIXED(client), enhanced_text = TEXT_FIXED(enhanced),
		    clause_text = TEXT_FIXED(clause);

	text_address(&client_text, &facts->client);
	text_enhanced(&enhanced_text, decision->enhanced);
	if (decision->has_clause) {
		struct clause_place place = policy_clause(refusal->policy, decision->clause);
		text_put(&clause_text, place.file);
		text_char(&clause_text, ':');
		text_number(&clause_text, place.line);
	} else if (decision->has_account_limit) {
		const struct fact_answer *limits = facts_answer(facts, FACT_LIMITS, SLICE_NONE);
		text_put(&clause_text, limits ? limits->because : SLICE_NONE);
	}
	role_log_line(process->role,
		&(struct log_line){.level = LEVEL_INFO,
			.event = decision->verdict == VERDICT_DEFER ? SLICE("deferred")
								    : SLICE("refused"),
			.id = refusal->id,
			.client = text_slice(&client_text),
			.sender = facts->has_sender ? facts->sender.text : SLICE_NONE,
			.recipient = facts->has_recipient ? facts->recipient.text : SLICE_NONE,
			.code = decision->code,
			.enhanced = text_slice(&enhanced_text),
			.clause = text_slice(&clause_text),
			.text = decision->words});
}

/* dist/fail2ban reads these: `auth-failed`, and the client's address. */
static void log_auth(void *owner, const struct journal_auth *auth)
{
	struct edge_process *process = owner;
	bool in = auth->code < 300;
	char client[64], enhanced[16], text[300];
	struct text client_text = TEXT_FIXED(client), enhanced_text = TEXT_FIXED(enhanced),
		    words = TEXT_FIXED(text);

	text_address(&client_text, &auth->client);
	text_enhanced(&enhanced_text, auth->enhanced);
	text_put(&words, auth->mechanism);
	text_put(&words, auth->because.len ? SLICE(": ") : SLICE_NONE);
	text_put(&words, auth->because);
	role_log_line(process->role, &(struct log_line){.level = in ? LEVEL_INFO : LEVEL_WARN,
					     .event = in                 ? SLICE("signed-in")
						      : auth->code < 500 ? SLICE("auth-deferred")
									 : SLICE("auth-failed"),
					     .id = auth->id,
					     .client = text_slice(&client_text),
					     .account = auth->account,
					     .code = auth->code,
					     .enhanced = text_slice(&enhanced_text),
					     .text = text_slice(&words)});
}

static void answer(void *owner, struct slice asked, struct text *words)
{
	struct edge_process *process = owner;
	json_t *question = json_loadb(asked.at ? asked.at : "", asked.len, 0, NULL);
	struct slice what = slice_of(json_string_value(json_object_get(question, "ask")));

	if (slice_is(what, SLICE("status")))
		edge_tell_status(&process->edge, process->role->slot, words);
	else if (slice_is(what, SLICE("sessions")))
		edge_tell_sessions(&process->edge, words);
	else
		text_put(words, SLICE("{\"error\":\"an edge answers status and sessions\"}"));
	json_decref(question);
}

static void log_tls(void *owner, const struct journal_tls *failure)
{
	struct edge_process *process = owner;
	char client[64];
	struct text client_text = TEXT_FIXED(client);

	text_address(&client_text, &failure->client);
	role_log_line(process->role, &(struct log_line){.level = LEVEL_INFO,
					     .event = SLICE("tls-failed"),
					     .id = failure->id,
					     .client = text_slice(&client_text),
					     .text = failure->because});
}

struct edge_journal control_journal(struct edge_process *process)
{
	return (struct edge_journal){journal_take, log_refused, log_auth, log_tls, process};
}

void control_begin(struct edge_process *process)
{
	told_init(&process->told, process->role->loop,
		&(struct told_user){.answer = answer, .owner = process});
}

/* ---- queue: segments ---- */

/* The queue's channel takes tens of thousands of these before it is full. What must not be lost
 * then ends the writer: every commit fails, and no mail is acknowledged that nobody would find. */
static void tell_queue(struct edge_process *process, uint16_t type, const struct writer *out)
{
	if (process->queue && channel_send(process->queue, type, writer_slice(out), -1) == SENT)
		return;
	role_log(process->role, LEVEL_ERROR, "spool", "the queue does not take what it is told");
	if (process->edge.writer)
		spool_writer_lost(process->edge.writer);
}

static void link_want(void *owner, enum segment_class kind, uint32_t request)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	spooling_want_write(
		&out, &(struct spooling_want){.segment_class = (uint8_t)kind, .request = request});
	tell_queue(owner, SPOOLING_WANT, &out);
}

static enum sent send_committed(
	struct edge_process *process, uint16_t type, const struct spooling_committed *committed)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	spooling_committed_write(&out, committed);
	if (type != SPOOLING_COMMITTED) {
		tell_queue(process, type, &out);
		return SENT;
	}
	if (!process->queue)
		return CHANNEL_GONE;
	return channel_send(process->queue, type, writer_slice(&out), -1);
}

/* It may lag: the next one of the segment says it too, and DONE at the latest. */
static void link_committed(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	struct edge_process *process = owner;
	struct spooling_committed committed = {number, epoch, durable};

	process->is_behind =
		send_committed(process, SPOOLING_COMMITTED, &committed) == CHANNEL_FULL;
	process->behind = committed;
}

static void link_done(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	struct spooling_committed done = {number, epoch, durable};

	send_committed(owner, SPOOLING_DONE, &done);
}

static void link_suspect(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	struct spooling_committed suspect = {number, epoch, durable};

	send_committed(owner, SPOOLING_SUSPECT, &suspect);
}

/* There was no descriptor left to receive it with: it goes back, and is asked for again. */
static void give_back(struct edge_process *process, const struct spooling_give *give)
{
	const struct spooling_none none = {
		.segment_class = give->segment_class, .request = give->request};
	char room[200];
	struct text words = TEXT_FIXED(room);

	text_shortage(&words, EMFILE);
	role_log(process->role, LEVEL_ERROR, "short",
		"no descriptor for a segment of the spool: %.*s; mail waits",
		SLICE_ARGS(text_slice(&words)));
	link_done(process, give->number, give->epoch, 0);
	spool_writer_none(process->edge.writer, &none);
}

static void queue_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct edge_process *process = owner;
	struct spooling_give give;
	struct spooling_none none;

	(void)channel;
	if (type == SPOOLING_GIVE && fd >= 0 && spooling_give_read(body, &give))
		spool_writer_give(process->edge.writer, &give, fd);
	else if (type == SPOOLING_GIVE && fd < 0 && spooling_give_read(body, &give))
		give_back(process, &give);
	else if (fd >= 0)
		close(fd); /* nothing else comes with one */
	else if (type == SPOOLING_NONE && spooling_none_read(body, &none))
		spool_writer_none(process->edge.writer, &none);
}

static void queue_drained(void *owner, struct channel *channel)
{
	struct edge_process *process = owner;

	(void)channel;
	if (process->is_behind)
		link_committed(process, process->behind.number, process->behind.epoch,
			process->behind.durable);
}

/* The supervisor ends us in order; until then every commit fails and is answered 451. */
static void queue_gone(void *owner, struct channel *channel)
{
	struct edge_process *process = owner;

	channel_close(channel);
	process->queue = NULL;
	spool_writer_lost(process->edge.writer);
}

void queue_open(struct edge_process *process, int fd)
{
	struct loop *loop = process->edge.loop;

	panic_if(process->edge.writer, "a second queue: the edge ends with the first");
	process->queue = channel_open(
		loop, fd, (struct channel_user){queue_receive, queue_gone, queue_drained, process});
	process->edge.writer = spool_writer_open(loop, disk_real(), process->pool,
		(struct writer_link){link_want, link_committed, link_done, link_suspect, process});
	writer_ready(process->edge.writer); /* asks for the first segment before mail comes */
}
