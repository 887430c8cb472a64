/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule's own part: items come, become due, are routed. Read schedule.h first;
 * destination.c sends, outcome.c answers.
 */
#include "queue/schedule.h"

#include <stdlib.h>

#include "base/panic.h"

struct schedule *schedule_open(struct store *store, struct schedule_user user, uint64_t seed)
{
	struct schedule *schedule = calloc(1, sizeof *schedule);

	panic_if(!schedule, "out of memory for the schedule");
	schedule->store = store;
	schedule->user = user;
	schedule->seed = seed;
	schedule->items = items_new(seed);
	schedule->destinations = map_new(seed);
	schedule->arena = arena_new();
	schedule->paused = schedule->blocked = true;
	list_init(&schedule->ready);
	for (size_t i = 0; i < JOBS_MAX; i++)
		schedule->free_jobs[i] = (uint16_t)(JOBS_MAX - 1 - i);
	schedule->free_count = JOBS_MAX;
	return schedule;
}

void schedule_close(struct schedule *schedule)
{
	void *object;

	if (!schedule)
		return;
	for (size_t at = 0; (object = map_next(schedule->destinations, &at));)
		free(object);
	items_free(schedule->items);
	map_free(schedule->destinations);
	heap_free(&schedule->heap);
	policy_unref(schedule->policy);
	arena_free(schedule->arena);
	free(schedule);
}

void schedule_set_policy(struct schedule *schedule, struct policy *policy, struct moment now)
{
	const struct settings *settings = policy_settings(policy);
	struct policy *before = schedule->policy;

	schedule->policy = policy_ref(policy);
	schedule->node = settings->hostname;
	schedule->retry = (struct retry){.keep_trying = settings->retry_for,
		.first = settings->retry_first,
		.most = settings->retry_most};
	destinations_unroute(schedule, now);
	policy_unref(before);
}

void schedule_found(struct schedule *schedule, const struct stored *stored,
	const struct message *message, const struct stored_recipient *recipients, struct moment now)
{
	struct item *known = schedule_find(schedule, stored->id);
	if (known) /* found again: moved, or walked twice after an edge's death */
		return;
	struct item *item =
		item_new(schedule->items, stored, message, recipients, schedule->retry.most, now);

	schedule->recipients += item->count;
	heap_settle(&schedule->heap, item);
}

size_t schedule_memory(const struct schedule *schedule)
{
	return items_memory(schedule->items) + schedule->heap.size * sizeof *schedule->heap.items;
}

struct item *schedule_find(const struct schedule *schedule, uint64_t id)
{
	return items_find(schedule->items, id);
}

/* The spool keeps addresses in the one form (wire/mailbox.h): all but quoted and literal ones are
 * cut at the last @ without being parsed again. */
static bool mailbox_of(struct slice text, struct arena *arena, struct mailbox *mailbox)
{
	*mailbox = (struct mailbox){.text = text, .is_null = !text.len};
	if (!text.len)
		return true;
	size_t at = slice_find_last(text, '@');
	if (at == SIZE_MAX) {
		mailbox->is_postmaster = slice_is_nocase(text, SLICE("postmaster"));
		mailbox->local = text;
		return mailbox->is_postmaster;
	}
	mailbox->local = slice_part(text, 0, at);
	mailbox->domain = slice_from(text, at + 1);
	if (slice_has(text, '"') || slice_has(text, '['))
		return mailbox_parse(text, arena, mailbox) == MAILBOX_OK;
	return true;
}

/* The facts that `deliver … if` may ask for, as they were when the message came. */
static void facts_of(struct schedule *schedule, const struct item *item, struct facts *facts)
{
	*facts = (struct facts){
		.listener = item_listener(item),
		.has_account = true,
		.account = item_account(item),
		.has_size = true,
		.size_is_final = true,
		.size = item->size,
	};
	facts->has_client = item_client(item, &facts->client);
	facts->has_sender = mailbox_of(item_sender(item), schedule->arena, &facts->sender);
}

/* No way can be chosen: that is an administrator's matter, and the message waits for him. */
static void no_way(struct schedule *schedule, struct recipient *recipient, struct moment now)
{
	struct slice address = recipient_address(recipient);
	struct delivery_outcome outcome = {
		.reason = REASON_ROUTE_AMBIGUOUS,
		.enhanced = SLICE("4.3.5"),
		.words = reason_words(REASON_ROUTE_AMBIGUOUS, &address, 1, schedule->arena),
	};

	recipient_remember(recipient, &outcome, ROUTE_MX, now.wall);
	recipient_deferred(schedule, recipient, now, 0);
}

static void route_recipient(struct schedule *schedule, struct facts *facts,
	struct recipient *recipient, struct moment now)
{
	struct route route;

	facts->has_recipient =
		mailbox_of(recipient_address(recipient), schedule->arena, &facts->recipient);
	if (facts->has_recipient &&
		policy_route(schedule->policy, facts, &facts->recipient, schedule->arena, &route) &&
		route.target.len <= TARGET_MAX)
		destination_add(schedule, &route, recipient);
	else
		no_way(schedule, recipient, now);
}

/* Everything of the item that is due goes to its destination; the rest says when it is due. */
static void item_due(struct schedule *schedule, struct item *item, struct moment now)
{
	struct facts facts;

	item->next = NEVER; /* each that goes on waiting lowers it again */
	heap_settle(&schedule->heap, item);
	arena_reset(schedule->arena);
	facts_of(schedule, item, &facts);
	for (uint32_t i = 0; i < item->count; i++) {
		struct recipient *recipient = &item->recipients[i];
		if (recipient->state != RECIPIENT_WAITING)
			continue;
		if (recipient->next <= now.mono && recipient->refused)
			recipient_failed(recipient, false);
		else if (recipient->next <= now.mono)
			route_recipient(schedule, &facts, recipient, now);
		else
			recipient_wait(schedule, recipient, recipient->next);
	}
	if (item->pending && !item->jobs)
		schedule_tidy(schedule, item, now);
}

void schedule_turn(struct schedule *schedule, struct moment now)
{
	struct item *item;

	if (schedule->paused || schedule->blocked)
		return;
	for (int i = 0; i < ROUTED_A_TURN; i++) {
		item = heap_first(&schedule->heap);
		if (!item || item->next > now.mono)
			break;
		item_due(schedule, item, now);
	}
	destination_send(schedule, now);
}

mono_ns schedule_next(const struct schedule *schedule)
{
	const struct item *item = heap_first(&schedule->heap);

	if (schedule->paused || schedule->blocked || !item)
		return NEVER;
	return item->next;
}

void schedule_pause(struct schedule *schedule, bool paused)
{
	schedule->paused = paused;
}

void schedule_go_on(struct schedule *schedule)
{
	schedule->blocked = false;
}

void recipient_wait(struct schedule *schedule, struct recipient *recipient, mono_ns until)
{
	struct item *item = recipient_item(recipient);

	recipient->state = RECIPIENT_WAITING;
	recipient->next = until;
	if (until < item->next) {
		item->next = until;
		heap_settle(&schedule->heap, item);
	}
}

void recipient_done(struct schedule *schedule, struct recipient *recipient)
{
	recipient_unroute(schedule, recipient);
	recipient->state = RECIPIENT_DONE;
	recipient_item(recipient)->left--;
	schedule->recipients--;
	free(recipient->last);
	recipient->last = NULL;
}

/* DEFER facts only add up and the highest attempt holds, so a hold counts as one. */
void recipient_hold(struct schedule *schedule, struct recipient *recipient)
{
	const struct item *item = recipient_item(recipient);

	recipient_unroute(schedule, recipient);
	recipient->state = RECIPIENT_HELD;
	recipient->next = NEVER;
	recipient_count_attempt(recipient);
	store_defer(schedule->store, item->id, item->origin, recipient->index, recipient->attempts,
		HELD_UNTIL, SLICE("held"));
}
