/* SPDX-License-Identifier: Apache-2.0 */
/* What `postern queue retry|hold|release|remove|bounce` does to a recipient. See schedule.h. */
#include "queue/schedule.h"

static enum acted act_retry(struct schedule *schedule, struct recipient *r, struct moment now)
{
	if (r->state != RECIPIENT_WAITING)
		return ACT_NOTHING;
	recipient_wait(schedule, r, now.mono);
	return ACTED;
}

static enum acted act_hold(struct schedule *schedule, struct recipient *r, struct moment now)
{
	(void)now;
	if (r->state == RECIPIENT_HELD)
		return ACT_NOTHING;
	recipient_hold(schedule, r);
	return ACTED;
}

static enum acted act_release(struct schedule *schedule, struct recipient *r, struct moment now)
{
	const struct item *item = recipient_item(r);

	if (r->state != RECIPIENT_HELD)
		return ACT_NOTHING;
	recipient_count_attempt(r); /* the highest attempt of a DEFER holds */
	store_defer(schedule->store, item->id, item->origin, r->index, r->attempts, now.wall,
		SLICE("released"));
	recipient_wait(schedule, r, now.mono);
	return ACTED;
}

static enum acted act_remove(struct schedule *schedule, struct recipient *r, struct moment now)
{
	const struct item *item = recipient_item(r);

	uint64_t event = recipient_event(schedule, r, EVENT_REMOVED, 0, now, 0);
	store_result(schedule->store, item->id, item->origin, r->index, RESULT_REMOVED, now.wall,
		event, SLICE("removed by the administrator"));
	recipient_done(schedule, r);
	return ACTED;
}

/* A sender nobody has reason to believe gets no report from us by this door either (doc/policy.md,
 * "Reports"): the administrator may remove or release the message. */
static enum acted act_bounce(struct schedule *schedule, struct recipient *r, struct moment now)
{
	struct delivery_outcome outcome = {
		.reason = REASON_REMOVED,
		.enhanced = SLICE("5.7.1"),
		.words = reason_words(REASON_REMOVED, NULL, 0, schedule->arena),
	};

	if (!(recipient_item(r)->flags & ENVELOPE_BELIEVED))
		return ACT_NOT_BELIEVED;
	recipient_unroute(schedule, r);
	recipient_remember(r, &outcome, ROUTE_MX, now.wall);
	recipient_failed(r, false);
	return ACTED;
}

enum acted recipient_act(
	struct schedule *schedule, struct recipient *recipient, enum act act, struct moment now)
{
	static enum acted (*const acts[ACTS])(
		struct schedule *, struct recipient *, struct moment) = {
		[ACT_RETRY] = act_retry,
		[ACT_HOLD] = act_hold,
		[ACT_RELEASE] = act_release,
		[ACT_REMOVE] = act_remove,
		[ACT_BOUNCE] = act_bounce,
	};

	if (recipient->state == RECIPIENT_OUT)
		return ACT_BEING_DELIVERED;
	if (recipient->state > RECIPIENT_HELD) /* its fate is written or about to be */
		return ACT_NOTHING;
	return acts[act](schedule, recipient, now);
}
