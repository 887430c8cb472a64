/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POP3 as a process.
 *
 * It may open Maildirs, by the paths of the policy; the state folder comes as a descriptor, for
 * Maildirs below it. Listening sockets and its own certificate come as descriptors, the
 * configuration as a sealed memory file. It talks to accounts (signing in), keys (TLS) and control.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "policy/door.h"
#include "policy/tls_files.h"
#include "pop3/process.h"
#include "role/shortage.h"

enum { DISK_THREADS = 4 };
static const mono_ns farewell_ns = 2 * NS_PER_S; /* of the grace, for last words */

/* ---- doors ---- */

static struct slice offered(void *owner)
{
	const struct pop_process *process = owner;

	return asker_offered(process->asker);
}

static enum exchange sign_in(struct task *task, void *owner, struct arena *arena,
	const struct signin_begin *begin, struct asker_exchange *exchange)
{
	struct pop_process *process = owner;

	return asker_sign_in(task, process->asker, arena, begin, exchange);
}

static mono_ns shut_for(void *owner, const struct address *client)
{
	const struct pop_process *process = owner;

	return asker_shut_for(process->asker, client);
}

static bool can_encrypt(void *owner)
{
	const struct pop_process *process = owner;

	return tls_can_accept(process->tls);
}

/* Where somebody has signed in of late others do not go first. */
static enum tls_end encrypt(struct task *task, void *owner, const struct address *client,
	struct stream *stream, struct tls_session **tls, struct text *why)
{
	struct pop_process *process = owner;
	bool first = asker_knows(process->asker, client);

	return tls_accept_in_turn(
		task, process->tls, first ? TLS_AT_ONCE : TLS_IN_TURN, stream, tls, why);
}

static void welcome(struct task *task, void *owner, const struct arrival_place *place,
	struct io *client, const struct address *from)
{
	struct pop_process *process = owner;

	pop_welcome(task, &process->pop, client, from, place);
}

/* ---- the life ---- */

static void *pop_start(struct role *role)
{
	struct pop_process *process = calloc(1, sizeof *process);
	char words[200];
	struct text why = TEXT_FIXED(words);

	panic_if(!process, "no memory for a role");
	process->role = role;
	process->line = TEXT_GROWING;
	process->doors = (struct pop_doors){
		.owner = process,
		.offered = offered,
		.sign_in = sign_in,
		.respond = asker_respond,
		.end = asker_end,
		.shut_for = shut_for,
		.can_encrypt = can_encrypt,
		.encrypt = encrypt,
		.told = pop_told,
		.failed = pop_failed,
	};
	listening_init(&process->listening, role->loop,
		&(struct listening_user){
			.service = policy_service, .welcome = welcome, .owner = process});
	told_init(&process->told, role->loop, &(struct told_user){pop_tell, NULL, process});
	process->asker = asker_open(role->loop);
	process->tls = tls_open(role->loop, &why);
	if (!process->tls) {
		role_log(role, LEVEL_ERROR, "tls", "%.*s", SLICE_ARGS(text_slice(&why)));
		role_has_failed(role, EXIT_FAILURE);
		return process;
	}
	process->pool = offload_open(role->loop, DISK_THREADS);
	if (!process->pool) {
		role_is_short(role, "threads for reading mail", errno);
		return process;
	}
	pop_open(&process->pop, role->loop, role->id_slot, &process->doors, process->pool);
	return process;
}

static bool contexts_prepare(
	struct pop_process *process, struct policy *policy, struct slice bytes, struct text *why)
{
	struct arena *arena = arena_new();
	struct tls_setup setup;

	policy_tls_setup(policy, bytes, arena, &setup);
	tls_contexts_drop(process->contexts);
	process->contexts = tls_prepare(process->tls, &setup, why);
	arena_free(arena);
	return process->contexts != NULL;
}

static bool pop_prepare(void *state, struct slice bytes, struct text *why)
{
	struct pop_process *process = state;
	struct policy *policy = policy_of_bundle(bytes, why);

	if (!policy || !contexts_prepare(process, policy, bytes, why)) {
		policy_unref(policy);
		return false;
	}
	policy_unref(process->prepared);
	process->prepared = policy;
	return true;
}

static void pop_switch_over(void *state)
{
	struct pop_process *process = state;

	panic_if(!process->prepared, "a switch to a policy that was not prepared");
	pop_use_policy(&process->pop, process->prepared);
	tls_switch_over(process->tls, process->contexts);
	process->prepared = NULL;
	process->contexts = NULL;
}

static void pop_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct pop_process *process = state;

	(void)slot;
	if (name == ROLE_ACCOUNTS)
		asker_connect(process->asker, fd);
	else if (name == ROLE_KEYS)
		tls_keys_peer(process->tls, fd);
	else if (name == ROLE_CONTROL)
		told_open(&process->told, fd);
	else
		close(fd);
}

static void take_base(struct pop_process *process, const struct setup_grant *grant, int fd)
{
	char *path = slice_string(grant->address);

	panic_if(!path || process->base_path.at, "the state folder, twice");
	process->base_path = slice_of(path);
	process->pop.base = (struct maildir_base){process->base_path, fd};
}

/* The last column; those before are the edges'. */
static void take_census(struct pop_process *process, int fd)
{
	process->pop.census = census_open(fd, CENSUS_LAST);
	if (!process->pop.census)
		role_is_short(process->role, "memory for the count of connections", errno);
	close(fd);
}

static void pop_grant(void *state, const struct setup_grant *what, int fd)
{
	struct pop_process *process = state;

	if (what->what == GRANT_LISTENER)
		listening_add(&process->listening, what, fd);
	else if (what->what == GRANT_STATE_FOLDER)
		take_base(process, what, fd);
	else if (what->what == GRANT_CENSUS)
		take_census(process, fd);
	else if (what->what == GRANT_CERTIFICATE)
		tls_take_self_signed(process->tls, fd);
	else
		panic("pop was granted %u", what->what);
}

static void pop_revoke(void *state, const struct setup_grant *what)
{
	struct pop_process *process = state;

	listening_remove(&process->listening, what);
}

static void pop_go(void *state)
{
	struct pop_process *process = state;

	panic_if(!process->pop.policy || !process->pop.census,
		"pop without a policy or a count of connections");
	listening_begin(&process->listening);
	role_is_ready(process->role);
}

static void process_close(struct pop_process *process)
{
	told_close(&process->told);
	asker_close(process->asker);
	tls_contexts_drop(process->contexts);
	tls_close(process->tls);
	policy_unref(process->prepared);
	offload_close(process->pool);
	pop_close(&process->pop);
	if (process->pop.base.fd >= 0)
		close(process->pop.base.fd);
	free((void *)(uintptr_t)process->base_path.at);
	text_free(&process->line);
	free(process);
}

/* Whoever is in the middle of a message may finish it, until the grace is nearly over. */
static mono_ns patience_at_stop(const struct pop_process *process)
{
	mono_ns grace = process->role->stop_by == NEVER
				? 0
				: process->role->stop_by - loop_mono(process->role->loop);

	return grace > 2 * farewell_ns ? grace - farewell_ns : grace / 2;
}

static void stop_run(struct task *task, void *arg)
{
	struct pop_process *process = arg;
	struct pop *pop = &process->pop;
	mono_ns outer = task_limit(task, patience_at_stop(process));

	while (pop->session_count &&
		gate_wait(task, &pop->emptied, "sessions to end") == WAIT_READY)
		;
	task_restore(task, outer);
	pop_stop_now(pop);
	while (pop->session_count && gate_wait(task, &pop->emptied, "last words") == WAIT_READY)
		;
	while (!listening_is_over(&process->listening) && task_yield(task) == WAIT_READY)
		;
	struct role *role = process->role;
	process_close(process);
	role_has_ended(role);
}

static void pop_stop_role(void *state)
{
	struct pop_process *process = state;

	listening_end(&process->listening);
	pop_stop(&process->pop);
	panic_if(!task_start(process->role->loop, "stop", stop_run, process),
		"no memory for an orderly end");
}

const struct role_kind pop_role = {
	.name = ROLE_POP,
	.start = pop_start,
	.prepare = pop_prepare,
	.switch_over = pop_switch_over,
	.peer = pop_peer,
	.grant = pop_grant,
	.revoke = pop_revoke,
	.go = pop_go,
	.stop = pop_stop_role,
};
