/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge as a process.
 *
 * It opens nothing: listening sockets and segments of the spool come as descriptors, the
 * configuration as a sealed memory file. It reads what clients send and talks to queue (segments),
 * control (journal, questions), resolver (DNS), accounts (counters) and out (mailboxes). Read
 * role/role.h for the order of life, edge.h for the work.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "policy/tls_files.h"
#include "role/shortage.h"
#include "smtpin/edge_process.h"
#include "smtpin/alike.h"

enum { FLUSH_THREADS = 2 };
static const mono_ns farewell_ns = 2 * NS_PER_S; /* of the grace, for last words */

static void accounts_changed(void *owner, struct slice account)
{
	struct edge *edge = owner;

	(void)account;
	edge->accounts_changed++;
}

/* Without it mail is taken in the clear; that OpenSSL cannot be set up is no reason to take none.
 */
static void begin_tls(struct edge_process *process)
{
	char words[200];
	struct text why = TEXT_FIXED(words);

	process->edge.tls = tls_open(process->role->loop, &why);
	if (!process->edge.tls)
		role_log(process->role, LEVEL_ERROR, "tls", "%.*s", SLICE_ARGS(text_slice(&why)));
}

static void *edge_start(struct role *role)
{
	struct edge_process *process = calloc(1, sizeof *process);

	panic_if(!process, "no memory for a role");
	process->role = role;
	control_begin(process);
	arrivals_init(process);
	edge_open(&process->edge, role->loop, role->id_slot, control_journal(process));
	process->names = process->edge.names = dns_client_open(role->loop);
	process->edge.dns = dns_client_dns(process->names);
	process->counting = process->edge.counting = counting_open(role->loop);
	process->asker = process->edge.asker = asker_open(role->loop);
	process->edge.next_hop = next_hop_open(role->loop);
	counting_share(process->counting, process->asker);
	asker_watch(process->asker, accounts_changed, &process->edge);
	begin_tls(process);
	process->pool = offload_open(role->loop, FLUSH_THREADS);
	if (!process->pool)
		role_is_short(role, "threads for flushing", errno);
	return process;
}

static bool prepare_tls(struct edge_process *process, const struct policy *policy,
	struct slice bundle, struct text *why)
{
	struct arena *arena = arena_new();
	struct tls_setup setup;

	policy_tls_setup(policy, bundle, arena, &setup);
	tls_contexts_drop(process->prepared_tls);
	process->prepared_tls = tls_prepare(process->edge.tls, &setup, why);
	arena_free(arena);
	return process->prepared_tls != NULL;
}

static bool edge_prepare(void *state, struct slice bytes, struct text *why)
{
	struct edge_process *process = state;
	struct policy *policy = policy_of_bundle(bytes, why);

	if (!policy)
		return false;
	if (process->edge.tls && !prepare_tls(process, policy, bytes, why)) {
		policy_unref(policy);
		return false;
	}
	policy_unref(process->prepared);
	process->prepared = policy;
	return true;
}

static void edge_switch_over(void *state)
{
	struct edge_process *process = state;

	panic_if(!process->prepared, "a switch to a policy that was not prepared");
	edge_use_policy(&process->edge, process->prepared);
	process->prepared = NULL;
	if (process->edge.tls)
		tls_switch_over(process->edge.tls, process->prepared_tls);
	process->prepared_tls = NULL;
}

static void edge_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct edge_process *process = state;

	(void)slot;
	if (name == ROLE_QUEUE)
		queue_open(process, fd);
	else if (name == ROLE_CONTROL)
		told_open(&process->told, fd);
	else if (name == ROLE_RESOLVER)
		dns_client_connect(process->names, fd);
	else if (name == ROLE_KEYS && process->edge.tls)
		tls_keys_peer(process->edge.tls, fd);
	else if (name == ROLE_ACCOUNTS)
		counting_connect(process->counting, fd);
	else if (name == ROLE_OUT)
		next_hop_connect(process->edge.next_hop, fd);
	else
		close(fd);
}

/* With a secret of its own it would give mail return paths that no other edge knows again: better
 * it ends, and is started again. */
static void secret_read(struct edge_process *process, int fd)
{
	struct srs_secret *secret = &process->edge.secret;
	ssize_t got = pread(fd, secret, sizeof *secret, 0);

	if (got != sizeof *secret) {
		role_log(process->role, LEVEL_ERROR, "secret",
			"the secret of return paths cannot be read: %s",
			got < 0 ? strerror(errno) : "the file is too short");
		role_has_failed(process->role, EXIT_FAILURE);
	}
	close(fd);
}

static void census_read(struct edge_process *process, int fd)
{
	process->edge.census = census_open(fd, process->role->slot);
	if (!process->edge.census)
		role_is_short(process->role, "memory for the count of connections", errno);
	close(fd);
}

static void edge_grant(void *state, const struct setup_grant *what, int fd)
{
	struct edge_process *process = state;

	if (what->what == GRANT_LISTENER)
		listening_add(&process->listening, what, fd);
	else if (what->what == GRANT_SECRET)
		secret_read(process, fd);
	else if (what->what == GRANT_CENSUS)
		census_read(process, fd);
	else if (what->what == GRANT_CERTIFICATE && process->edge.tls)
		tls_take_self_signed(process->edge.tls, fd);
	else if (what->what == GRANT_CERTIFICATE)
		close(fd);
	else
		panic("an edge was granted %u", what->what);
}

static void edge_revoke(void *state, const struct setup_grant *what)
{
	struct edge_process *process = state;

	listening_remove(&process->listening, what);
}

static void edge_go(void *state)
{
	struct edge_process *process = state;

	panic_if(!process->edge.policy || !process->edge.writer || !process->edge.census,
		"an edge without a policy, a queue or a count of connections");
	listening_begin(&process->listening);
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
	alike_flush(process->edge.alike);
	told_close(&process->told);
	process->queue = NULL;
	counting_drain(process->counting);
	counting_close(process->counting);
	asker_close(process->asker);
	next_hop_close(process->edge.next_hop);
	dns_client_close(process->names);
	policy_unref(process->prepared);
	offload_close(process->pool);
	edge_close(&process->edge);
	tls_contexts_drop(process->prepared_tls);
	tls_close(process->edge.tls);
	free(process);
}

/* Most of the grace: the rest is for last words and the spool. */
static mono_ns patience_at_stop(const struct edge_process *process)
{
	mono_ns grace = process->edge.policy ? policy_settings(process->edge.policy)->grace : 0;

	if (process->role->stop_by != NEVER)
		grace = process->role->stop_by - loop_mono(process->edge.loop);
	return grace > 2 * farewell_ns ? grace - farewell_ns : grace / 2;
}

/* Sessions may finish what they have begun, until the grace is nearly over. */
static void stop_run(struct task *task, void *arg)
{
	struct edge_process *process = arg;
	struct edge *edge = &process->edge;
	mono_ns outer = task_limit(task, patience_at_stop(process));

	while (edge->session_count &&
		gate_wait(task, &edge->emptied, "sessions to end") == WAIT_READY)
		;
	task_restore(task, outer);
	edge_stop_now(edge);
	while (edge->session_count && gate_wait(task, &edge->emptied, "last words") == WAIT_READY)
		;
	while (!listening_is_over(&process->listening) && task_yield(task) == WAIT_READY)
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

	listening_end(&process->listening);
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
	.revoke = edge_revoke,
	.go = edge_go,
	.stop = edge_stop_role,
};
