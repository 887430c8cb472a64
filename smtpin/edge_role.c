/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge as a process: its listeners, its policy, its neighbours.
 *
 * It opens nothing: listening sockets and segments of the spool come as descriptors, the
 * configuration as a sealed memory file. It reads what clients send and talks to queue (segments)
 * and control (journal, questions). Read role/role.h for the order of life, edge.h for the work.
 */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "packets/report.h"
#include "smtpin/edge.h"

enum { NAME_MOST = 64, ANSWER_PIECE = CHANNEL_BODY_MAX - 16, FLUSH_THREADS = 2 };
static const mono_ns accept_again_ns = 100 * NS_PER_MS; /* after a failure: no descriptors left */
static const mono_ns farewell_ns = 2 * NS_PER_S;        /* of the grace, for last words */

struct edge_process {
	struct role *role;
	struct edge edge;
	struct policy *prepared;
	struct offload *pool;
	struct channel *queue, *control;
	struct list listeners;
	bool at_work;
	uint64_t dropped;                 /* journal lines since control was told */
	struct spooling_committed behind; /* the newest that did not fit the channel */
	bool is_behind;
};

struct listener {
	struct list link;
	struct edge_process *process;
	struct io *io;
	struct task *task; /* NULL while it does not run */
	char service[NAME_MOST], address[NAME_MOST];
	struct slice service_text, address_text; /* of the two */
};

/* ---- listeners ---- */

static void listener_close(struct listener *listener)
{
	io_close(listener->io);
	list_remove(&listener->link);
	free(listener);
}

static void accept_run(struct task *task, void *arg)
{
	struct listener *listener = arg;
	struct edge *edge = &listener->process->edge;
	struct io *client;
	struct address from;
	enum io_end end;

	listener->task = task;
	while ((end = io_accept(task, listener->io, &client, &from)) != IO_CANCELLED) {
		if (end == IO_DONE)
			edge_welcome(task, edge, client, &from, service_slice(process, listener->service_text));
		else if (task_sleep(task, accept_again_ns) == WAIT_CANCELLED)
			break;
	}
	listener_close(listener);
}

static void listener_start(struct listener *listener)
{
	struct loop *loop = listener->process->edge.loop;

	panic_if(!task_start(loop, "accept", accept_run, listener), "no memory for a listener");
}

static void listener_add(struct edge_process *process, struct slice service, int fd)
{
	struct listener *listener = calloc(1, sizeof *listener);

	panic_if(!listener || service.len > SERVICE_MOST, "a listener that cannot be");
	listener->process = process;
	listener->io = io_open(process->edge.loop, fd);
	listener->service_len = service.len;
	for (size_t i = 0; i < service.len; i++)
		listener->service[i] = service.at[i];
	list_append(&process->listeners, &listener->link);
	if (process->at_work)
		listener_start(listener);
}

/* ---- control: journal lines out, questions in ---- */

/* Lines that do not fit are counted; the count goes out before the next line that does. */
static bool tell_dropped(struct edge_process *process)
{
	char body[sizeof(uint64_t)];
	struct writer out = writer_over(body, sizeof body);

	if (!process->dropped)
		return true;
	report_count_write(&out, process->dropped);
	if (channel_send(process->control, REPORT_DROPPED, writer_slice(&out), -1) != SENT)
		return false;
	process->dropped = 0;
	return true;
}

static void journal_take(void *owner, struct slice line)
{
	struct edge_process *process = owner;

	if (!process->control || line.len > CHANNEL_BODY_MAX || !tell_dropped(process) ||
		channel_send(process->control, REPORT_LINE, line, -1) != SENT)
		process->dropped++;
}

static bool answer_piece(
	struct channel *channel, const struct report_answer *answer, struct arena *arena)
{
	struct writer out = writer_over(arena_alloc(arena, CHANNEL_BODY_MAX), CHANNEL_BODY_MAX);

	report_answer_write(&out, answer);
	return channel_send(channel, REPORT_ANSWER, writer_slice(&out), -1) == SENT;
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

/* When the channel is full the rest is left out: who asks has a deadline of his own. */
static void answer(struct edge_process *process, uint32_t request, struct slice words)
{
	struct arena *arena = edge_arena_take(&process->edge);
	struct report_answer piece = {.request = request};

	do {
		piece.piece = slice_part(words, 0, ANSWER_PIECE);
		words = slice_from(words, piece.piece.len);
		piece.last = !words.len;
	} while (answer_piece(process->control, &piece, arena) && !piece.last);
	edge_arena_give(&process->edge, arena);
}

static void answer_question(struct edge_process *process, const struct report_ask *ask)
{
	json_t *question = json_loadb(ask->question.at, ask->question.len, 0, NULL);
	struct slice what = slice_of(json_string_value(json_object_get(question, "ask")));
	struct text words = TEXT_GROWING;

	if (slice_is(what, SLICE("status")))
		edge_tell_status(&process->edge, process->role->slot, &words);
	else if (slice_is(what, SLICE("sessions")))
		edge_tell_sessions(&process->edge, &words);
	else
		text_put(&words, SLICE("{\"error\":\"an edge answers status and sessions\"}"));
	answer(process, ask->request, text_slice(&words));
	text_free(&words);
	json_decref(question);
}

static void control_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct report_ask ask;

	(void)channel, (void)fd;
	if (type == REPORT_ASK && report_ask_read(body, &ask))
		answer_question(owner, &ask);
}

static void control_gone(void *owner, struct channel *channel)
{
	struct edge_process *process = owner;

	channel_close(channel);
	process->control = NULL; /* given again when it lives again; lines are counted meanwhile */
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

static void queue_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct edge_process *process = owner;
	struct spooling_give give;
	struct spooling_none none;

	(void)channel;
	if (type == SPOOLING_GIVE && fd >= 0 && spooling_give_read(body, &give))
		spool_writer_give(process->edge.writer, &give, fd);
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

/* ---- the role ---- */

static void *edge_start(struct role *role)
{
	struct edge_process *process = calloc(1, sizeof *process);

	panic_if(!process, "no memory for a role");
	process->role = role;
	list_init(&process->listeners);
	edge_open(&process->edge, role->loop, role->id_slot,
		(struct edge_journal){journal_take, log_refused, process});
	process->pool = offload_open(role->loop, FLUSH_THREADS);
	panic_if(!process->pool, "no threads for flushing");
	return process;
}

static void say_first_error(const struct complaints *complaints, struct text *why)
{
	for (size_t i = 0; i < complaints->count; i++)
		if (complaints->list[i].severity == SEVERITY_ERROR) {
			text_complaint(why, &complaints->list[i]);
			return;
		}
}

static bool edge_prepare(void *state, struct slice bytes, struct text *why)
{
	struct edge_process *process = state;
	struct arena *arena = arena_new();
	struct complaints complaints;
	struct bundle bundle;
	struct policy *policy = NULL;

	complaints_init(&complaints);
	if (bundle_open(bytes, arena, &bundle))
		policy = policy_load(&bundle, &complaints);
	else
		text_put(why, SLICE("the configuration came damaged, or in a newer format"));
	if (!policy)
		say_first_error(&complaints, why);
	complaints_free(&complaints);
	arena_free(arena);
	if (policy) {
		policy_unref(process->prepared);
		process->prepared = policy;
	}
	return policy != NULL;
}

static void edge_switch_over(void *state)
{
	struct edge_process *process = state;

	panic_if(!process->prepared, "a switch to a policy that was not prepared");
	edge_use_policy(&process->edge, process->prepared);
	process->prepared = NULL;
}

static void queue_open(struct edge_process *process, int fd)
{
	struct loop *loop = process->edge.loop;

	panic_if(process->edge.writer, "a second queue: the edge ends with the first");
	process->queue = channel_open(
		loop, fd, (struct channel_user){queue_receive, queue_gone, queue_drained, process});
	process->edge.writer = spool_writer_open(loop, disk_real(), process->pool,
		(struct writer_link){link_want, link_committed, link_done, link_suspect, process});
}

static void edge_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct edge_process *process = state;

	(void)slot;
	if (name == ROLE_QUEUE) {
		queue_open(process, fd);
		return;
	}
	if (name != ROLE_CONTROL) {
		close(fd); /* no fact is asked of anybody else yet */
		return;
	}
	channel_close(process->control);
	process->control = channel_open(process->edge.loop, fd,
		(struct channel_user){control_receive, control_gone, NULL, process});
}

static void edge_grant(void *state, const struct setup_grant *what, int fd)
{
	panic_if(what->what != GRANT_LISTENER, "an edge was granted %u", what->what);
	listener_add(state, what->service, fd);
}

static void edge_go(void *state)
{
	struct edge_process *process = state;

	panic_if(!process->edge.policy || !process->edge.writer,
		"an edge without a policy or a queue");
	process->at_work = true;
	LIST_EACH (struct listener, listener, &process->listeners, link)
		listener_start(listener);
	role_is_ready(process->role);
}

static void process_close(struct edge_process *process)
{
	if (process->edge.writer)
		spool_writer_close(process->edge.writer);
	process->edge.writer = NULL;
	if (process->queue)
		channel_drain(process->queue);
	channel_close(process->queue);
	if (process->control)
		channel_drain(process->control);
	channel_close(process->control);
	process->queue = process->control = NULL;
	policy_unref(process->prepared);
	offload_close(process->pool);
	edge_close(&process->edge);
}

/* Sessions may finish what they have begun, until the grace is nearly over. */
static void stop_run(struct task *task, void *arg)
{
	struct edge_process *process = arg;
	struct edge *edge = &process->edge;
	mono_ns grace = policy_settings(edge->policy)->grace;

	mono_ns outer = task_limit(task, grace > 2 * farewell_ns ? grace - farewell_ns : grace / 2);
	while (edge->session_count &&
		gate_wait(task, &edge->emptied, "sessions to end") == WAIT_READY)
		;
	task_restore(task, outer);
	edge_stop_now(edge);
	while (edge->session_count && gate_wait(task, &edge->emptied, "last words") == WAIT_READY)
		;
	if (edge->writer)
		spool_writer_retire(task, edge->writer);
	struct role *role = process->role;
	process_close(process);
	role_has_ended(role);
}

static void edge_stop_role(void *state)
{
	struct edge_process *process = state;

	LIST_EACH (struct listener, listener, &process->listeners, link)
		if (listener->task)
			task_cancel(listener->task);
		else
			listener_close(listener);
	edge_stop(&process->edge);
	panic_if(!task_start(process->edge.loop, "stop", stop_run, process),
		"no memory for an orderly end");
}

const struct role_kind edge_role = {
	.name = ROLE_EDGE,
	.start = edge_start,
	.prepare = edge_prepare,
	.switch_over = edge_switch_over,
	.peer = edge_peer,
	.grant = edge_grant,
	.go = edge_go,
	.stop = edge_stop_role,
};
