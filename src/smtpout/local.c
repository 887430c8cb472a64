/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that end on this host. The contract is in local.h. */
#include "smtpout/local.h"

#include <stdlib.h>

#include "base/panic.h"
#include "deliver/maildir.h"
#include "wire/mailbox.h"

struct local {
	struct loop *loop;
	struct offload *threads;
	struct pool_link link;
	struct list jobs;
	size_t waiting, working;
	wall_ns began;
	struct arena *name_arena;
	struct slice our_name;
	struct maildir_base base;
	bool stopping;
};

/* ---- one recipient ---- */

struct delivering {
	struct maildir_order order;
	struct arena *arena;
	struct maildir_result result;
};

static void deliver_on_thread(void *arg)
{
	struct delivering *delivering = arg;

	maildir_deliver(&delivering->order, delivering->arena, &delivering->result);
}

/* The mailbox of an address: alice+tag@ is alice@'s (doc/policy.md, "Addresses"). */
static bool folder_of(const struct local *local, const struct job *job, struct slice address,
	struct slice *folder)
{
	struct mailbox mailbox;

	if (slice_is_nocase(address, SLICE("postmaster")))
		return maildir_folder(job->order.target, SLICE("postmaster"), local->our_name,
			job->arena, folder);
	if (mailbox_parse(address, job->arena, &mailbox) != MAILBOX_OK)
		return false;
	return maildir_folder(job->order.target, mailbox_local_key(&mailbox, job->arena),
		mailbox.domain, job->arena, folder);
}

static struct settlement settlement_of_result(
	const struct maildir_result *result, struct arena *arena)
{
	struct settlement settled = {
		.outcome = OUTCOME_DELIVERED, .enhanced = {2, 0, 0}, .remote = result->path};

	switch (result->end) {
	case MAILDIR_DELIVERED: settled.words = SLICE("stored in the Maildir"); break;
	case MAILDIR_ALREADY:
		settled.words = SLICE("stored in the Maildir already, before a restart");
		break;
	case MAILDIR_FAILED:
		settled = settlement_of(REASON_MAILDIR_FAILED, result->words, SLICE_NONE, arena);
		break;
	case MAILDIR_DAMAGED:
		settled = settlement_of(REASON_MESSAGE_DAMAGED, SLICE_NONE, SLICE_NONE, arena);
		break;
	}
	return settled;
}

static void recipient_deliver(
	struct task *task, struct local *local, struct job *job, struct rcpt *rcpt)
{
	struct slice address = job_address(job, rcpt)->address, folder;
	struct delivering delivering = {.arena = job->arena,
		.result = {.end = MAILDIR_FAILED,
			.words = SLICE("the address gives no name that a folder could have")}};

	if (folder_of(local, job, address, &folder)) {
		delivering.order = (struct maildir_order){
			.folder = folder,
			.base = local->base,
			.recipient = address,
			.id = job->order.id,
			.origin = job->order.origin,
			.index = rcpt->index,
			.maybe_repeated = job->message.envelope.received <= local->began,
			.message = &job->message,
			.source = &job->source,
			.parts = job->parts,
		};
		offload_run(task, local->threads, deliver_on_thread, &delivering);
	}
	struct settlement settled = settlement_of_result(&delivering.result, job->arena);
	job_settle(job, rcpt, &settled);
}

/* ---- jobs ---- */

static struct job *job_take(struct local *local)
{
	struct list *first = local->stopping ? NULL : list_take(&local->jobs);

	if (!first)
		return NULL;
	local->waiting--;
	return LIST_OBJECT(struct job, first, link);
}

static void local_work(struct task *task, void *arg)
{
	struct local *local = arg;

	for (struct job *job; (job = job_take(local));) {
		if (local->link.load(local->link.owner, job))
			for (size_t i = 0; i < job->count; i++)
				recipient_deliver(task, local, job, &job->recipients[i]);
		local->link.ended(local->link.owner, job);
	}
	local->working--;
	if (local->stopping && local->working == 0)
		local->link.empty(local->link.owner);
}

static void jobs_give_up(struct local *local)
{
	for (struct list *first; (first = list_take(&local->jobs));) {
		local->waiting--;
		local->link.ended(local->link.owner, LIST_OBJECT(struct job, first, link));
	}
}

void local_add(struct local *local, struct job *job)
{
	if (local->stopping) { /* nobody would take it any more */
		local->link.ended(local->link.owner, job);
		return;
	}
	list_append(&local->jobs, &job->link);
	local->waiting++;
	if (local->working < LOCAL_AT_ONCE && task_start(local->loop, "maildir", local_work, local))
		local->working++;
	/* Not tried: the queue gives it again later. */
	if (local->working == 0)
		jobs_give_up(local);
}

/* ---- life ---- */

struct local *local_open(
	struct loop *loop, struct offload *threads, wall_ns began, struct pool_link link)
{
	struct local *local = calloc(1, sizeof *local);

	panic_if(!local, "out of memory");
	*local = (struct local){.loop = loop, .threads = threads, .link = link, .began = began};
	local->name_arena = arena_new();
	list_init(&local->jobs);
	return local;
}

void local_close(struct local *local)
{
	panic_if(local_count(local) > 0, "Maildir jobs are left");
	arena_free(local->name_arena);
	free(local);
}

void local_set_name(struct local *local, struct slice our_name)
{
	arena_reset(local->name_arena);
	local->our_name = arena_slice(local->name_arena, our_name);
}

void local_set_base(struct local *local, struct slice path, int fd)
{
	local->base = (struct maildir_base){path, fd};
}

void local_stop(struct local *local)
{
	local->stopping = true;
	jobs_give_up(local);
	if (local->working == 0)
		local->link.empty(local->link.owner);
}

size_t local_count(const struct local *local)
{
	return local->waiting + local->working;
}
