/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destinations: recipients that may share a connection, the window of jobs each may have under way,
 * and whose turn it is. Read schedule.h first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "queue/schedule.h"

static struct slice keep(struct text *texts, struct slice s)
{
	size_t at = texts->len;

	text_put(texts, s);
	return (struct slice){texts->at + at, s.len};
}

static struct destination *destination_new(struct schedule *schedule, const struct route *route)
{
	size_t size =
		route->key.len + route->target.len + route->login.len + route->password_file.len;
	struct destination *new = calloc(1, sizeof *new + size);

	panic_if(!new, "out of memory for a destination");
	struct text texts = {.at = (char *)(new + 1), .size = size};
	new->route = *route;
	new->route.key = keep(&texts, route->key);
	new->route.target = keep(&texts, route->target);
	new->route.login = keep(&texts, route->login);
	new->route.password_file = keep(&texts, route->password_file);
	new->route.place = (struct clause_place){.line = 0};
	new->window = WINDOW_FIRST;
	list_init(&new->waiting);
	map_put(schedule->destinations, new->route.key, new);
	return new;
}

static void forget_if_idle(struct schedule *schedule, struct destination *destination)
{
	if (destination->jobs || destination->waiting_count)
		return;
	if (list_is_linked(&destination->ready))
		list_remove(&destination->ready);
	map_take(schedule->destinations, destination->route.key);
	free(destination);
}

/* In or out of the round, as it has something to send and may. */
static void offer(struct schedule *schedule, struct destination *destination)
{
	bool may = destination->waiting_count && destination->jobs < destination->window;

	if (may && !list_is_linked(&destination->ready))
		list_append(&schedule->ready, &destination->ready);
	else if (!may && list_is_linked(&destination->ready))
		list_remove(&destination->ready);
}

void destination_add(
	struct schedule *schedule, const struct route *route, struct recipient *recipient)
{
	struct destination *destination = map_get(schedule->destinations, route->key);

	if (!destination)
		destination = destination_new(schedule, route);
	recipient->state = RECIPIENT_ROUTED;
	recipient->destination = destination;
	list_append(&destination->waiting, &recipient->link);
	destination->waiting_count++;
	offer(schedule, destination);
}

void recipient_unroute(struct schedule *schedule, struct recipient *recipient)
{
	struct destination *destination = recipient->destination;

	if (recipient->state != RECIPIENT_ROUTED)
		return;
	list_remove(&recipient->link);
	recipient->destination = NULL;
	destination->waiting_count--;
	offer(schedule, destination);
	forget_if_idle(schedule, destination);
}

static void unroute_all(
	struct schedule *schedule, struct destination *destination, struct moment now)
{
	LIST_EACH (struct recipient, recipient, &destination->waiting, link) {
		list_remove(&recipient->link);
		recipient->destination = NULL;
		recipient_wait(schedule, recipient, now.mono);
	}
	destination->waiting_count = 0;
	offer(schedule, destination);
	forget_if_idle(schedule, destination);
}

void destinations_unroute(struct schedule *schedule, struct moment now)
{
	struct destination *destination;

	for (size_t at = 0; (destination = map_next(schedule->destinations, &at));)
		unroute_all(schedule, destination, now);
}

/* ---- jobs ---- */

static struct job *job_new(struct schedule *schedule, struct destination *destination)
{
	uint16_t slot = schedule->free_jobs[--schedule->free_count];
	struct job *job = &schedule->jobs[slot];

	job->number = ++schedule->job_serial * JOBS_MAX + slot;
	job->destination = destination;
	list_init(&job->recipients);
	return job;
}

/* One message, and one return path. */
static bool goes_along(struct job *job, const struct recipient *recipient)
{
	if (!job->item)
		return true;
	const struct recipient *first = LIST_OBJECT(struct recipient, job->recipients.next, link);
	return recipient_item(recipient) == job->item && recipient->forwarded == first->forwarded;
}

/* The recipients at the front of the queue that are of one message: they were put there together.
 * Their indices are written to `indices`, u16 little-endian each. */
static size_t take_group(struct destination *destination, struct job *job, struct writer *indices)
{
	size_t count = 0;
	struct list *first;

	while (count < JOB_RECIPIENTS_MAX && (first = list_take(&destination->waiting))) {
		struct recipient *recipient = LIST_OBJECT(struct recipient, first, link);
		if (!goes_along(job, recipient)) {
			list_prepend(&destination->waiting, first);
			break;
		}
		job->item = recipient_item(recipient);
		list_append(&job->recipients, first);
		write_u16(indices, recipient->index);
		count++;
	}
	destination->waiting_count -= count;
	return count;
}

static enum handed hand_over(struct schedule *schedule, const struct job *job,
	const struct stored *stored, struct slice indices)
{
	const struct route *route = &job->destination->route;
	struct delivery_job packet = {
		.job = job->number,
		.segment = stored->segment,
		.offset = stored->at,
		.id = stored->id,
		.origin = stored->origin,
		.route = (uint8_t)route->kind,
		.tls = (uint8_t)route->tls,
		.port = route->port,
		.private_too = route->private_too,
		.target = route->target,
		.login = route->login,
		.password_file = route->password_file,
		.recipients = indices,
	};

	return schedule->user.send(schedule->user.owner, &packet);
}

static void job_taken_back(struct schedule *schedule, struct job *job, size_t count)
{
	struct destination *destination = job->destination;

	while (!list_is_empty(&job->recipients)) {
		struct list *last = job->recipients.before;
		list_remove(last);
		list_prepend(&destination->waiting, last);
	}
	destination->waiting_count += count;
	schedule->free_jobs[schedule->free_count++] = (uint16_t)(job->number % JOBS_MAX);
	*job = (struct job){.number = 0};
}

static void job_has_left(
	struct schedule *schedule, struct job *job, uint32_t segment, struct moment now)
{
	struct destination *destination = job->destination;

	job->sent = now.mono;
	job->segment = segment;
	store_hold(schedule->store, job->segment);
	job->item->jobs++;
	destination->jobs++;
	schedule->outstanding++;
	schedule->ailing_jobs += destination->ailing;
	LIST_EACH (struct recipient, recipient, &job->recipients, link) {
		recipient->state = RECIPIENT_OUT;
		recipient->destination = NULL;
	}
}

static enum handed send_one(
	struct schedule *schedule, struct destination *destination, struct moment now)
{
	char buffer[2 * JOB_RECIPIENTS_MAX];
	struct writer indices = writer_over(buffer, sizeof buffer);
	struct job *job = job_new(schedule, destination);
	size_t count = take_group(destination, job, &indices);

	struct stored stored = item_stored(job->item); /* stragglers are moved */

	panic_if(!store_locate(schedule->store, &stored), "the store lost a message of the queue");
	/* Before the final dot can be sent, the results say that it may have been (spool/STATES.md,
	 * "Results"). */
	store_attempt(schedule->store, stored.id, stored.origin);
	enum handed handed = hand_over(schedule, job, &stored, writer_slice(&indices));
	if (handed == HANDED_NOT_NOW) {
		job_taken_back(schedule, job, count);
		schedule->blocked = true;
		return handed;
	}
	job_has_left(schedule, job, stored.segment, now);
	if (handed == HANDED_UNREADABLE)
		job_unreadable(schedule, job, now);
	return handed;
}

/* One job of each in turn, so that no destination waits for another. */
void destination_send(struct schedule *schedule, struct moment now)
{
	struct list passed = LIST_HEAD(passed), *first;

	while (schedule->free_count && (first = list_take(&schedule->ready))) {
		struct destination *destination = LIST_OBJECT(struct destination, first, ready);
		if (destination->ailing && schedule->ailing_jobs >= AILING_JOBS_MAX) {
			list_append(&passed, first);
			continue;
		}
		enum handed handed = send_one(schedule, destination, now);
		if (handed != HANDED_UNREADABLE) /* its end has offered it, or forgotten it */
			offer(schedule, destination);
		if (handed == HANDED_NOT_NOW)
			break;
	}
	while ((first = list_take(&passed)))
		list_append(&schedule->ready, first);
}

void destination_learn(struct schedule *schedule, struct destination *destination, bool reached)
{
	if (reached && destination->window < WINDOW_MOST)
		destination->window++;
	if (!reached && destination->window > 1)
		destination->window /= 2;
	if (destination->ailing == !reached)
		return;
	destination->ailing = !reached;
	if (reached)
		schedule->ailing_jobs -= destination->jobs;
	else
		schedule->ailing_jobs += destination->jobs;
}

void destination_job_ended(struct schedule *schedule, struct destination *destination)
{
	destination->jobs--;
	schedule->outstanding--;
	schedule->ailing_jobs -= destination->ailing;
	offer(schedule, destination);
	forget_if_idle(schedule, destination);
}
