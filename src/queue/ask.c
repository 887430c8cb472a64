/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about the queue. Read ask.h first; question.c parses what is asked. */
#include "queue/ask.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/panic.h"
#include "queue/question.h"

#define PUT(text, literal) text_put((text), SLICE(literal))

/* ---- one message ---- */

static struct slice state_text(const struct recipient *recipient)
{
	static const char *const texts[] = {
		[RECIPIENT_WAITING] = "waiting",
		[RECIPIENT_ROUTED] = "routed",
		[RECIPIENT_OUT] = "delivering",
		[RECIPIENT_HELD] = "held",
		[RECIPIENT_FAILED] = "reporting",
		[RECIPIENT_SUCCEEDED] = "reporting",
		[RECIPIENT_DONE] = "done",
	};

	return slice_of(texts[recipient->state]);
}

static void put_last(struct text *json, const struct last_words *last)
{
	json_put_time(json, SLICE(",\"last\":{\"time\":"), last->time);
	if (last->code)
		json_put_number(json, SLICE(",\"code\":"), last->code);
	if (last->enhanced_len)
		json_put_text(json, SLICE(",\"enhanced\":"), last_enhanced(last));
	if (last->remote_len)
		json_put_text(json, SLICE(",\"remote\":"), last_remote(last));
	json_put_text(json, SLICE(",\"words\":"), last_said(last));
	if (last->reason != REASON_NONE)
		json_put_text(
			json, SLICE(",\"reason\":"), reason_row((enum reason)last->reason)->name);
	struct delivery_tls tls = last_tls(last);
	json_put_tls(json, &tls);
	text_char(json, '}');
}

static void put_recipient(struct text *json, const struct recipient *recipient, struct moment now)
{
	json_put_text(json, SLICE("{\"address\":"), recipient_address(recipient));
	json_put_text(json, SLICE(",\"state\":"), state_text(recipient));
	json_put_number(json, SLICE(",\"attempts\":"), recipient->attempts);
	if (recipient->state == RECIPIENT_WAITING)
		json_put_time(json, SLICE(",\"next\":"), now.wall + (recipient->next - now.mono));
	if (recipient->last)
		put_last(json, recipient->last);
	text_char(json, '}');
}

static void put_item(struct text *json, const struct item *item, struct moment now)
{
	mono_ns age = now.mono - item->received;
	bool first = true;

	json_put_id(json, SLICE("{\"id\":"), item->id);
	json_put_text(json, SLICE(",\"sender\":"), item_sender(item));
	json_put_number(json, SLICE(",\"size\":"), item->size);
	json_put_number(json, SLICE(",\"age\":"), (uint64_t)(age / NS_PER_S));
	json_put_time(json, SLICE(",\"received\":"), now.wall - age);
	PUT(json, ",\"recipients\":[");
	for (uint32_t i = 0; i < item->count; i++) {
		if (item->recipients[i].state == RECIPIENT_DONE)
			continue;
		if (!first)
			text_char(json, ',');
		first = false;
		put_recipient(json, &item->recipients[i], now);
	}
	text_char(json, ']');
}

/* ---- queue ---- */

static bool item_matches(const struct item *item, struct slice pattern)
{
	for (uint32_t i = 0; i < item->count; i++)
		if (item->recipients[i].state != RECIPIENT_DONE &&
			(!pattern.len ||
				slice_matches(recipient_address(&item->recipients[i]), pattern)))
			return true;
	return false;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *left = *(struct item *const *)a, *right = *(struct item *const *)b;

	return left->id < right->id ? -1 : left->id > right->id;
}

/* All items that match, oldest first: ids are ordered by time. The list is malloc'ed. */
static struct item **items_sorted(
	const struct schedule *schedule, struct slice pattern, size_t *count)
{
	struct item **list = calloc(items_count(schedule->items) + 1, sizeof *list), *item;

	panic_if(!list, "out of memory to list the queue");
	*count = 0;
	for (size_t at = 0; (item = items_next(schedule->items, &at));)
		if (item_matches(item, pattern))
			list[(*count)++] = item;
	qsort(list, *count, sizeof *list, compare_items);
	return list;
}

static void answer_list(
	const struct asked *asked, const struct question *question, struct text *json)
{
	size_t count;
	struct item **list = items_sorted(asked->schedule, question->to, &count);

	for (size_t i = 0; i < count && i < question->limit; i++) {
		put_item(json, list[i], asked->now);
		PUT(json, "}\n");
	}
	free(list);
}

/* ---- queue-left ---- */

static void put_left(struct text *json, const struct item *item)
{
	bool first = true;

	json_put_id(json, SLICE("{\"id\":"), item->id);
	PUT(json, ",\"left\":[");
	for (uint32_t i = 0; i < item->count; i++) {
		if (item->recipients[i].state == RECIPIENT_DONE)
			continue;
		if (!first)
			text_char(json, ',');
		first = false;
		text_json(json, recipient_address(&item->recipients[i]));
	}
	PUT(json, "]}\n");
}

static void answer_left(
	const struct asked *asked, const struct question *question, struct text *json)
{
	size_t count, told = 0;
	struct item **list = items_sorted(asked->schedule, SLICE_NONE, &count);

	for (size_t i = 0; i < count && told < question->limit; i++) {
		if (list[i]->id <= question->after)
			continue;
		put_left(json, list[i]);
		told++;
	}
	free(list);
}

/* ---- queue-show ---- */

static void put_envelope(struct text *json, const struct message *message)
{
	static const char *const rets[] = {
		[RET_UNSET] = "", [RET_FULL] = "full", [RET_HDRS] = "headers"};
	const struct envelope *envelope = &message->envelope;

	json_put_text(json, SLICE(",\"account\":"), envelope->account);
	json_put_text(json, SLICE(",\"listener\":"), envelope->listener);
	json_put_text(json, SLICE(",\"client\":"), envelope->client);
	json_put_text(json, SLICE(",\"client_name\":"), envelope->client_name);
	json_put_text(json, SLICE(",\"helo\":"), envelope->helo);
	json_put_text(json, SLICE(",\"policy\":"), envelope->policy_hash);
	json_put_text(json, SLICE(",\"envid\":"), envelope->envid);
	if (envelope->ret <= RET_HDRS)
		json_put_text(json, SLICE(",\"ret\":"), slice_of(rets[envelope->ret]));
	json_put_truth(json, SLICE(",\"believed\":"), envelope->flags & ENVELOPE_BELIEVED);
	json_put_number(json, SLICE(",\"recipients_at_first\":"), envelope->recipient_count);
}

static void put_stored(struct text *json, const struct asked *asked, const struct item *item)
{
	struct arena *arena = arena_new();
	struct stored stored = item_stored(item);
	struct message message;
	struct slice payload;

	if (store_locate(asked->store, &stored) &&
		store_read(asked->store, &stored, arena, &message, &payload) == READ_OK)
		put_envelope(json, &message);
	else
		PUT(json, ",\"error\":\"the message cannot be read back from the spool\"");
	arena_free(arena);
}

void put_error(struct text *json, struct slice words)
{
	json_put_text(json, SLICE("{\"error\":"), words);
	text_char(json, '}');
}

static void answer_show(
	const struct asked *asked, const struct question *question, struct text *json)
{
	const struct item *item = schedule_find(asked->schedule, question->id);

	if (!item) {
		put_error(json, SLICE("no such message in the queue"));
		return;
	}
	put_item(json, item, asked->now);
	put_stored(json, asked, item);
	text_char(json, '}');
}

/* ---- queue-act ---- */

struct acting {
	const struct asked *asked;
	const struct question *question;
	struct text errors;
	uint64_t acted, unchanged;
};

static struct slice acted_words(enum acted acted)
{
	switch (acted) {
	case ACTED:
	case ACT_NOTHING: break;
	case ACT_BEING_DELIVERED: return SLICE("it is being delivered now; try again in a while");
	case ACT_NOT_BELIEVED:
		return SLICE("nothing shows that it came from its sender, so no report may go "
			     "there; remove or release it");
	}
	return SLICE_NONE;
}

static void put_act_error(
	struct acting *acting, uint64_t id, struct slice address, struct slice words)
{
	if (acting->errors.len)
		text_char(&acting->errors, ',');
	json_put_id(&acting->errors, SLICE("{\"id\":"), id);
	if (address.len)
		json_put_text(&acting->errors, SLICE(",\"recipient\":"), address);
	json_put_text(&acting->errors, SLICE(",\"error\":"), words);
	text_char(&acting->errors, '}');
}

static void act_on_recipient(struct acting *acting, struct recipient *recipient)
{
	const struct asked *asked = acting->asked;
	enum acted acted =
		recipient_act(asked->schedule, recipient, acting->question->act, asked->now);

	if (acted == ACTED)
		acting->acted++;
	else if (acted == ACT_NOTHING)
		acting->unchanged++;
	else
		put_act_error(acting, recipient_item(recipient)->id, recipient_address(recipient),
			acted_words(acted));
}

static void act_on_item(struct acting *acting, struct item *item)
{
	struct slice pattern = acting->question->to;

	for (uint32_t i = 0; i < item->count; i++) {
		struct recipient *recipient = &item->recipients[i];
		if (recipient->state == RECIPIENT_DONE ||
			(pattern.len && !slice_matches(recipient_address(recipient), pattern)))
			continue;
		act_on_recipient(acting, recipient);
	}
	schedule_tidy(acting->asked->schedule, item, acting->asked->now);
}

static void act_on_ids(struct acting *acting)
{
	for (size_t i = 0; i < acting->question->id_count; i++) {
		uint64_t id = acting->question->ids[i];
		struct item *item = schedule_find(acting->asked->schedule, id);
		if (item)
			act_on_item(acting, item);
		else
			put_act_error(
				acting, id, SLICE_NONE, SLICE("no such message in the queue"));
	}
}

static void act_on_all(struct acting *acting)
{
	size_t count;
	struct item **list = items_sorted(acting->asked->schedule, acting->question->to, &count);

	for (size_t i = 0; i < count; i++)
		act_on_item(acting, list[i]);
	free(list);
}

static void answer_act(
	const struct asked *asked, const struct question *question, struct text *json)
{
	struct acting acting = {.asked = asked, .question = question, .errors = TEXT_GROWING};

	if (question->id_count)
		act_on_ids(&acting);
	else
		act_on_all(&acting);
	json_put_number(json, SLICE("{\"acted\":"), acting.acted);
	json_put_number(json, SLICE(",\"unchanged\":"), acting.unchanged);
	PUT(json, ",\"errors\":[");
	text_put(json, text_slice(&acting.errors));
	PUT(json, "]}");
	text_free(&acting.errors);
}

/* ---- status ---- */

static void count_states(const struct item *item, uint64_t counts[])
{
	for (uint32_t i = 0; i < item->count; i++)
		counts[item->recipients[i].state]++;
}

static void put_states(struct text *json, const uint64_t counts[])
{
	json_put_number(json, SLICE(",\"states\":{\"waiting\":"), counts[RECIPIENT_WAITING]);
	json_put_number(json, SLICE(",\"routed\":"), counts[RECIPIENT_ROUTED]);
	json_put_number(json, SLICE(",\"delivering\":"), counts[RECIPIENT_OUT]);
	json_put_number(json, SLICE(",\"held\":"), counts[RECIPIENT_HELD]);
	json_put_number(json, SLICE(",\"reporting\":"),
		counts[RECIPIENT_FAILED] + counts[RECIPIENT_SUCCEEDED]);
	text_char(json, '}');
}

static void put_items_counted(struct text *json, const struct asked *asked)
{
	mono_ns oldest = asked->now.mono;
	uint64_t counts[RECIPIENT_DONE + 1] = {0};
	const struct item *item;

	for (size_t at = 0; (item = items_next(asked->schedule->items, &at));) {
		count_states(item, counts);
		if (item->received < oldest)
			oldest = item->received;
	}
	json_put_number(json, SLICE(",\"messages\":"), items_count(asked->schedule->items));
	json_put_number(json, SLICE(",\"recipients\":"), asked->schedule->recipients);
	put_states(json, counts);
	json_put_number(json, SLICE(",\"outstanding\":"), asked->schedule->outstanding);
	json_put_number(
		json, SLICE(",\"oldest\":"), (uint64_t)(asked->now.mono - oldest) / NS_PER_S);
}

static void answer_status(
	const struct asked *asked, const struct question *question, struct text *json)
{
	static const char *const states[SEGMENT_STATES] = {
		[SEGMENT_FREE] = "free",
		[SEGMENT_ACTIVE] = "active",
		[SEGMENT_SEALED] = "sealed",
		[SEGMENT_SUSPECT] = "suspect",
		[SEGMENT_DAMAGED] = "damaged",
	};
	struct store_counts counts = store_count(asked->store);

	(void)question;
	PUT(json, "{\"role\":\"queue\"");
	put_items_counted(json, asked);
	json_put_number(json, SLICE(",\"bytes\":"), counts.bytes);
	PUT(json, ",\"segments\":{");
	for (int i = 0; i < SEGMENT_STATES; i++)
		text_format(json, "%s\"%s\":%zu", i ? "," : "", states[i], counts.segments[i]);
	json_put_number(json, SLICE("},\"events\":{\"waiting\":"), events_waiting(asked->events));
	json_put_number(json, SLICE(",\"dropped\":"), events_dropped(asked->events));
	PUT(json, "}}");
}

void ask_answer(const struct asked *asked, struct slice text, struct text *json)
{
	static void (*const answers[])(
		const struct asked *, const struct question *, struct text *) = {
		[QUESTION_STATUS] = answer_status,
		[QUESTION_LIST] = answer_list,
		[QUESTION_LEFT] = answer_left,
		[QUESTION_SHOW] = answer_show,
		[QUESTION_ACT] = answer_act,
		[QUESTION_DAMAGE] = ask_damage,
		[QUESTION_CLEAR] = ask_clear,
	};
	struct arena *arena = arena_new();
	struct text why = TEXT_GROWING;
	struct question question;

	if (question_parse(text, arena, &question, &why))
		answers[question.kind](asked, &question, json);
	else
		put_error(json, text_slice(&why));
	text_free(&why);
	arena_free(arena);
}
