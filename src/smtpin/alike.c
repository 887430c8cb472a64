/* SPDX-License-Identifier: Apache-2.0 */
/* Equal refusals. The contract is in alike.h. */
#include "smtpin/alike.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "base/panic.h"

enum {
	KINDS_MOST = 1024,   /* of one second; more are written one by one */
	CONNECTS_MOST = 100, /* clients of one second that were turned away and are named */
};
static const mono_ns window = NS_PER_S;

/* A kind of refusal, from its first one on. */
struct repeated {
	struct list link; /* the oldest first */
	mono_ns ends;
	struct text key;
	uint64_t count; /* gathered */
	uint64_t first, last;
	struct text line; /* of the first gathered */
	bool connect;     /* a client was turned away before there was a session */
};

struct alike {
	struct loop *loop;
	struct timer timer;
	struct map *by_key;
	struct list all;
	size_t connects; /* of them */
	void (*write)(void *owner, struct slice line);
	void *owner;
};

/* ---- writing ---- */

static void put_id(struct text *out, const char *before, uint64_t id)
{
	text_put(out, slice_of(before));
	text_id(out, id);
	text_char(out, '"');
}

/* The members go in before the line's closing brace. */
static void write_gathered(struct alike *alike, struct repeated *repeated)
{
	struct text *line = &repeated->line;

	if (repeated->count > 1) {
		line->len--;
		json_put_number(line, SLICE(",\"repeats\":"), repeated->count);
		put_id(line, ",\"ids\":[\"", repeated->first);
		put_id(line, ",\"", repeated->last);
		text_put(line, SLICE("]}"));
	}
	if (repeated->count)
		alike->write(alike->owner, text_slice(line));
}

static void forget(struct alike *alike, struct repeated *repeated)
{
	write_gathered(alike, repeated);
	list_remove(&repeated->link);
	alike->connects -= repeated->connect;
	map_take(alike->by_key, text_slice(&repeated->key));
	text_free(&repeated->key);
	text_free(&repeated->line);
	free(repeated);
}

/* ---- the window ---- */

static void forget_until(struct alike *alike, mono_ns now)
{
	LIST_EACH (struct repeated, repeated, &alike->all, link) {
		if (repeated->ends > now) {
			timer_set(&alike->timer, repeated->ends);
			return;
		}
		forget(alike, repeated);
	}
	timer_clear(&alike->timer);
}

static void window_ends(struct timer *timer)
{
	struct alike *alike = LIST_OBJECT(struct alike, timer, timer);

	forget_until(alike, loop_mono(alike->loop));
}

/* ---- what is equal ---- */

static void put_part(struct text *key, struct slice part)
{
	text_number(key, part.len);
	text_char(key, ' ');
	text_put(key, part);
}

static void put_kind(struct text *key, const struct journal_decision *line)
{
	const struct decision *decision = line->decision;
	const struct facts *facts = line->facts;

	text_number(key, (uint64_t)decision->stage);
	text_char(key, ' ');
	text_number(key, (uint64_t)decision->reason);
	text_char(key, ' ');
	text_number(key, decision->code);
	text_char(key, ' ');
	text_number(key, decision->has_clause ? 1 + (uint64_t)decision->clause : 0);
	put_part(key, decision->words);
	put_part(key, line->said);
	put_part(key, slice_of(policy_hash(line->policy)));
	put_part(key, facts->listener);
	text_put(
		key, (struct slice){(const char *)facts->client.bytes, sizeof facts->client.bytes});
	text_char(key, facts->tls ? 's' : 'c');
	put_part(key, facts->helo);
	put_part(key, facts->account);
	text_char(key, facts->has_sender ? '<' : '-');
	put_part(key, facts->sender.text);
	text_char(key, facts->has_alias ? '*' : '-');
	put_part(key, facts->has_alias ? facts->alias.text : facts->recipient.text);
}

static bool may_repeat(const struct journal_decision *line)
{
	return line->decision->verdict != VERDICT_ACCEPT && line->decision->stage < STAGE_DATA &&
	       line->facts->has_client;
}

/* ---- in and out ---- */

/* Takes over the key. */
static struct repeated *begin(struct alike *alike, struct text key)
{
	struct repeated *repeated = calloc(1, sizeof *repeated);

	panic_if(!repeated, "out of memory for a refusal");
	repeated->key = key;
	repeated->line = TEXT_GROWING;
	repeated->ends = loop_mono(alike->loop) + window;
	list_append(&alike->all, &repeated->link);
	map_put(alike->by_key, text_slice(&repeated->key), repeated);
	if (alike->all.next == &repeated->link)
		timer_set(&alike->timer, repeated->ends);
	return repeated;
}

static void gather(struct repeated *repeated, const struct journal_decision *decision)
{
	if (!repeated->count++) {
		journal_write_decision(&repeated->line, decision);
		repeated->first = decision->id;
	}
	repeated->last = decision->id;
}

static bool is_turned_away(const struct journal_decision *decision)
{
	return decision->decision->stage == STAGE_CONNECT && !decision->session.len;
}

/* Whoever comes in such a crowd shares a line with all of it, which names nobody. */
static void gather_crowd(struct alike *alike, const struct journal_decision *decision)
{
	struct facts facts = *decision->facts;
	struct journal_decision line = *decision;
	struct text key = TEXT_GROWING;

	facts.has_client = false;
	facts.client = (struct address){0};
	line.facts = &facts;
	put_kind(&key, &line);
	struct repeated *repeated = map_get(alike->by_key, text_slice(&key));
	if (repeated)
		text_free(&key);
	else
		repeated = begin(alike, key);
	gather(repeated, &line);
}

/* False: it is to be written at once. */
static bool is_gathered(struct alike *alike, const struct journal_decision *decision)
{
	struct text key = TEXT_GROWING;

	forget_until(alike, loop_mono(alike->loop));
	put_kind(&key, decision);
	struct repeated *repeated = map_get(alike->by_key, text_slice(&key));
	bool crowd = is_turned_away(decision) && alike->connects >= CONNECTS_MOST;
	if (repeated)
		gather(repeated, decision);
	else if (crowd)
		gather_crowd(alike, decision);
	if (repeated || crowd || map_count(alike->by_key) >= KINDS_MOST) {
		text_free(&key);
		return repeated || crowd;
	}
	repeated = begin(alike, key);
	repeated->connect = is_turned_away(decision);
	alike->connects += repeated->connect;
	return false;
}

void alike_record(struct alike *alike, const struct journal_decision *decision, struct text *line)
{
	if (may_repeat(decision) && is_gathered(alike, decision))
		return;
	text_clear(line);
	journal_write_decision(line, decision);
	alike->write(alike->owner, text_slice(line));
}

struct alike *alike_open(struct loop *loop, uint64_t seed,
	void (*write)(void *owner, struct slice line), void *owner)
{
	struct alike *alike = calloc(1, sizeof *alike);

	panic_if(!alike, "out of memory for an edge");
	alike->loop = loop;
	alike->by_key = map_new(seed);
	alike->write = write;
	alike->owner = owner;
	list_init(&alike->all);
	timer_init(&alike->timer, loop, window_ends);
	return alike;
}

void alike_flush(struct alike *alike)
{
	forget_until(alike, NEVER);
}

void alike_close(struct alike *alike)
{
	if (!alike)
		return;
	alike_flush(alike);
	timer_clear(&alike->timer);
	map_free(alike->by_key);
	free(alike);
}
