/* SPDX-License-Identifier: Apache-2.0 */
/* The out role: jobs in, outcomes out. Read out.h first; dest.c and local.c do the work. */
#include "smtpout/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/panic.h"
#include "dns/client.h"
#include "policy/policy.h"
#include "role/shortage.h"
#include "role/told.h"
#include "run/channel.h"
#include "smtpout/asked.h"
#include "smtpout/console.h"
#include "smtpout/dest.h"
#include "smtpout/local.h"
#include "smtpout/outbox.h"
#include "smtpout/segments.h"
#include "smtpout/way.h"

enum { OFFLOAD_THREADS = 4 };
#define OUTCOME_PATIENCE NS_PER_MS

struct out {
	struct role *role;
	struct dns_client *names;
	struct offload *threads;
	struct pool *pool;
	struct asked *asked;
	struct local *local;
	struct map *segments; /* by number */
	struct outbox outbox;
	struct told told;
	struct passwords *passwords;
	struct arena *name_arena;
	struct slice next_name;     /* prepared, in name_arena, not switched to; and its: */
	struct policy *next_policy; /* NULL: none is */
	struct trust *next_trust;
	char *state_path;         /* as the configuration writes it; changes only by a restart */
	int state_folder;         /* -1 until granted */
	uint64_t jobs, counts[3]; /* at work; recipients by enum outcome */
	bool stopping;
	struct turn_end finish;
};

/* ---- the message of a job ---- */

static bool indices_are_right(const struct job *job)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->recipients[i].index >= job->message.envelope.recipient_count)
			return false;
	return true;
}

static bool load_failed(struct out *out, struct job *job, enum reason reason, const char *words)
{
	char room[ID_TEXT_LEN + 1];
	struct text id = TEXT_FIXED(room);
	struct settlement settled = settlement_of(reason, SLICE_NONE, SLICE_NONE, job->arena);

	settled.words =
		arena_format(job->arena, "the message cannot be taken from the spool: %s", words);

	text_id(&id, job->order.id);
	role_log(out->role, LEVEL_ERROR, "message-unreadable",
		"message %.*s in segment %u at %llu: %s", SLICE_ARGS(text_slice(&id)),
		job->order.segment, (unsigned long long)job->order.offset, words);
	job_settle_rest(job, &settled);
	return false;
}

/* Read, checksum, then use: nothing unchecked leaves. */
static bool job_load(void *owner, struct job *job)
{
	struct out *out = owner;
	struct segment *segment = job->segment;
	struct record record;

	if (!segment)
		return load_failed(
			out, job, REASON_MESSAGE_UNREADABLE, "its segment was not given");
	job->source = segments_source(segment);
	switch (spool_read_message(
		&job->source, job->order.offset, job->arena, &job->message, &record)) {
	case SPOOL_READ_OK: break;
	case SPOOL_READ_DAMAGED:
		return load_failed(out, job, REASON_MESSAGE_DAMAGED, "its checksum is wrong");
	case SPOOL_READ_FAILED:
		return load_failed(out, job, REASON_MESSAGE_UNREADABLE, "it could not be read");
	}
	if (record.id != job->order.id || record.origin != job->order.origin ||
		!indices_are_right(job))
		return load_failed(out, job, REASON_MESSAGE_UNREADABLE,
			"what lies there is not the message that was asked for");
	job->parts = record.part;
	job->loaded = true;
	return true;
}

/* ---- outcomes ---- */

static void outcome_send(struct out *out, const struct job *job, const struct rcpt *rcpt)
{
	const struct settlement *settled = &rcpt->settled;
	char enhanced_room[16];
	struct text enhanced = TEXT_FIXED(enhanced_room);

	if (settled->enhanced.class)
		text_enhanced(&enhanced, settled->enhanced);
	outbox_outcome(
		&out->outbox, &(struct delivery_outcome){
				      .job = job->order.job,
				      .recipient = rcpt->index,
				      .outcome = (uint8_t)settled->outcome,
				      .code = (uint16_t)settled->code,
				      .reason = (uint16_t)settled->reason,
				      .tls = settled->tls,
				      .enhanced = text_slice(&enhanced),
				      .remote = slice_part(settled->remote, 0, REMOTE_WORDS_MAX),
				      .words = slice_part(settled->words, 0, REMOTE_WORDS_MAX),
			      });
	out->counts[settled->outcome]++;
}

/* At the end of a turn: nobody below us on the stack uses what goes away. */
static void out_finish(struct turn_end *hook)
{
	struct out *out = LIST_OBJECT(struct out, hook, finish);
	struct role *role = out->role;

	outbox_drain(&out->outbox);
	outbox_connect(&out->outbox, NULL);
	told_close(&out->told);
	pool_close(out->pool);
	asked_close(out->asked);
	local_close(out->local);
	passwords_free(out->passwords);
	trust_drop(out->next_trust);
	policy_unref(out->next_policy);
	offload_close(out->threads);
	dns_client_close(out->names);
	segments_free(out->segments);
	arena_free(out->name_arena);
	free(out->state_path);
	if (out->state_folder >= 0)
		close(out->state_folder);
	free(out);
	role_has_ended(role);
}

static void maybe_end(struct out *out)
{
	if (out->stopping && out->jobs == 0 && local_count(out->local) == 0 &&
		pool_count(out->pool).connections == 0 && asked_connections(out->asked) == 0)
		loop_at_turn_end(out->role->loop, &out->finish);
}

static void job_ended(void *owner, struct job *job)
{
	struct out *out = owner;

	for (size_t i = 0; i < job->count; i++) {
		if (job->recipients[i].state != RCPT_SETTLED)
			continue;
		outcome_send(out, job, &job->recipients[i]);
		if (asked_is_any(out->asked))
			asked_learn(out->asked, job, &job->recipients[i]);
	}
	outbox_end(&out->outbox, job->order.job);
	segment_release(job->segment);
	job_free(job);
	out->jobs--;
}

static void work_empty(void *owner)
{
	maybe_end(owner);
}

/* ---- jobs ---- */

static void job_begin(struct out *out, const struct delivery_job *order)
{
	struct job *job = job_new(order);
	struct slice why;

	job->segment = segments_hold(out->segments, order->segment);
	out->jobs++;
	if (!way_is_built((enum route_tls)order->tls, &why)) { /* it waits */
		struct settlement settled =
			settlement_of(REASON_TLS_NOT_AVAILABLE, order->target, why, job->arena);
		settled.outcome = OUTCOME_DEFERRED;
		settled.words = why;
		job_settle_rest(job, &settled);
		job_ended(out, job);
	} else if (order->route == ROUTE_MAILDIR) {
		local_add(out->local, job);
	} else {
		pool_add(out->pool, job);
	}
}

static void queue_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct out *out = owner;
	struct delivery_segment segment;
	struct delivery_job order;

	(void)channel;
	if (type == DELIVERY_SEGMENT && fd >= 0 && delivery_segment_read(body, &segment)) {
		segments_keep(out->segments, &segment, fd);
		return; /* fd is kept */
	}
	if (type == DELIVERY_SEGMENT && fd < 0) {
		/* It would wait for ever; the next out is given all of them anew. */
		role_is_short(out->role, "descriptor for a segment of the spool", EMFILE);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (type == DELIVERY_FORGET && delivery_segment_read(body, &segment))
		segments_forget(out->segments, segment.number);
	else if (type == DELIVERY_JOB && delivery_job_read(body, &order))
		job_begin(out, &order);
}

/* The queue died: what it gave is its to give again after the restart that follows. */
static void queue_gone(void *owner, struct channel *channel)
{
	struct out *out = owner;

	channel_close(channel);
	outbox_lost(&out->outbox);
	role_log(out->role, LEVEL_WARN, "queue-gone",
		"the queue ended: no more mail is begun until the restart");
}

static void queue_drained(void *owner, struct channel *channel)
{
	struct out *out = owner;

	(void)channel;
	outbox_retry(&out->outbox);
}

/* ---- control ---- */

static void status_answer(void *owner, struct slice question, struct text *json)
{
	const struct out *out = owner;
	struct pool_counts pool = pool_count(out->pool);

	(void)question;
	text_format(json,
		"{\"role\":\"out\",\"jobs\":%llu,\"waiting\":%zu,\"destinations\":%zu,"
		"\"connections\":%zu,\"idle\":%zu,",
		(unsigned long long)out->jobs, pool.waiting, pool.destinations, pool.connections,
		pool.idle);
	text_format(json,
		"\"delivered\":%llu,\"deferred\":%llu,\"failed\":%llu,\"mailboxes_asked\":",
		(unsigned long long)out->counts[OUTCOME_DELIVERED],
		(unsigned long long)out->counts[OUTCOME_DEFERRED],
		(unsigned long long)out->counts[OUTCOME_FAILED]);
	asked_status(out->asked, json);
	text_char(json, '}');
}

static bool mailbox_ask(void *owner, struct slice question, uint32_t request, uint64_t asker)
{
	struct out *out = owner;

	return console_ask(out->asked, &out->told, question, request, asker);
}

/* ---- mailboxes asked ---- */

static void asked_report(void *owner, bool is_trouble, const char *event, struct slice words)
{
	struct out *out = owner;

	role_log(out->role, is_trouble ? LEVEL_WARN : LEVEL_INFO, event, "%.*s", SLICE_ARGS(words));
}

/* ---- the role ---- */

static void *out_start(struct role *role)
{
	struct out *out = calloc(1, sizeof *out);

	panic_if(!out, "out of memory");
	struct pool_link link = {job_load, job_ended, work_empty, out};
	out->role = role;
	out->segments = segments_new();
	out->name_arena = arena_new();
	out->state_folder = -1;
	told_init(&out->told, role->loop, &(struct told_user){status_answer, mailbox_ask, out});
	out->names = dns_client_open(role->loop);
	out->threads = offload_open(role->loop, OFFLOAD_THREADS);
	if (!out->threads) {
		role_is_short(role, "threads for Maildirs", errno);
		return out;
	}
	out->pool = pool_open(role->loop, dns_client_dns(out->names), CONNECTIONS_IN_ALL, link);
	out->local = local_open(role->loop, out->threads, loop_wall(role->loop), link);
	out->passwords = passwords_new();
	out->asked = asked_open(role->loop, dns_client_dns(out->names), out->threads,
		out->passwords, (struct asked_link){asked_report, work_empty, out});
	outbox_init(&out->outbox);
	out->finish.run = out_finish;
	return out;
}

static bool out_prepare(void *state, struct slice bytes, struct text *why)
{
	struct out *out = state;
	struct policy *policy = policy_of_bundle(bytes, why);

	if (!policy)
		return false;
	const struct settings *settings = policy_settings(policy);
	errno = 0;
	struct trust *trust = trust_open(settings->tls_trust, why);
	if (!trust) {
		if (error_is_shortage(errno))
			role_is_short(out->role, "descriptor for the trusted roots", errno);
		policy_unref(policy);
		return false;
	}
	out->next_name = arena_slice(out->name_arena, settings->hostname);
	if (!out->state_path)
		out->state_path = slice_string(settings->state);
	trust_drop(out->next_trust);
	policy_unref(out->next_policy);
	out->next_trust = trust;
	out->next_policy = policy;
	return true;
}

static void out_switch_over(void *state)
{
	struct out *out = state;

	asked_use(out->asked, out->next_policy, out->next_trust);
	pool_set_name(out->pool, out->next_name);
	local_set_name(out->local, out->next_name);
	pool_set_secrets(out->pool, out->next_trust, out->passwords, out->threads);
	passwords_keep(out->passwords, out->next_policy);
	policy_unref(out->next_policy);
	arena_reset(out->name_arena);
	out->next_name = SLICE_NONE;
	out->next_trust = NULL;
	out->next_policy = NULL;
}

static void out_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct out *out = state;

	(void)slot;
	if (name == ROLE_QUEUE) {
		struct channel *queue = channel_open(out->role->loop, fd,
			(struct channel_user){.receive = queue_receive,
				.gone = queue_gone,
				.drained = queue_drained,
				.owner = out});
		channel_set_patience(queue, OUTCOME_PATIENCE);
		outbox_connect(&out->outbox, queue);
	} else if (name == ROLE_RESOLVER) {
		dns_client_connect(out->names, fd);
	} else if (name == ROLE_EDGE) {
		asked_edge(out->asked, fd);
	} else if (name == ROLE_CONTROL) {
		told_open(&out->told, fd);
	} else {
		close(fd);
	}
}

static void out_grant(void *state, const struct setup_grant *what, int fd)
{
	struct out *out = state;

	if (what->what == GRANT_PASSWORD) {
		passwords_take(out->passwords, what->address, fd, what->service);
		return;
	}
	if (what->what != GRANT_STATE_FOLDER || !out->state_path) {
		close(fd);
		return;
	}
	out->state_folder = fd;
	local_set_base(out->local, slice_of(out->state_path), fd);
}

static void out_go(void *state)
{
	struct out *out = state;

	role_is_ready(out->role);
}

static void out_stop(void *state)
{
	struct out *out = state;

	out->stopping = true;
	pool_stop(out->pool);
	asked_stop(out->asked);
	local_stop(out->local);
	maybe_end(out);
}

const struct role_kind out_role = {
	.name = ROLE_OUT,
	.start = out_start,
	.prepare = out_prepare,
	.switch_over = out_switch_over,
	.peer = out_peer,
	.grant = out_grant,
	.go = out_go,
	.stop = out_stop,
};
