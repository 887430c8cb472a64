/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction's places in counters. The contract is in places.h. */
#include "smtpin/places.h"

#include "smtpin/counting.h"

/* ---- reserving ---- */

static void counters_of(struct session *session, const struct counter_wanted *wanted, size_t count,
	struct offered_recipient *recipient)
{
	struct counting_counter *counters =
		ARENA_ARRAY(session->scratch, struct counting_counter, count);

	for (size_t i = 0; i < count; i++)
		counters[i] = (struct counting_counter){.key = wanted[i].key,
			.period = wanted[i].period,
			.most = wanted[i].most,
			.places = 1,
			.by_message = !wanted[i].recipients};
	recipient->counters = counters;
	recipient->counter_count = count;
}

static void answers_of(struct session *session, const struct counter_wanted *wanted,
	const struct counting_state *states, bool known, struct offered_recipient *recipient)
{
	size_t count = recipient->counter_count;
	struct counter_answer *answers =
		ARENA_ARRAY(session->scratch, struct counter_answer, count);
	wall_ns now = loop_wall(session->edge->loop);

	for (size_t i = 0; i < count; i++)
		answers[i] = (struct counter_answer){.clause = wanted[i].clause,
			.unknown = !known,
			.full = known && states[i].full,
			.used = known ? states[i].used : 0,
			.most = wanted[i].most,
			.free_at = now + (known ? states[i].free_in : 0)};
	recipient->counted = answers;
}

static bool none_full(const struct counting_state *states, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (states[i].full)
			return false;
	return true;
}

static bool has_clause(const struct counter_wanted *wanted, size_t count, uint32_t clause)
{
	for (size_t i = 0; i < count; i++)
		if (wanted[i].clause == clause)
			return true;
	return false;
}

/* The counters of the clauses that apply, or may yet. */
static size_t wanted_of_one(struct session *session, const struct offered_recipient *recipient,
	const struct counter_wanted **wanted)
{
	struct facts facts;

	facts_gather(session, recipient, &facts);
	return policy_counters(session->transaction->policy, &facts, session->scratch, wanted);
}

/* Those of all targets, each clause once: all have the counters of the address written, but a
 * clause may apply to some of them alone. */
static size_t wanted_of_all(struct session *session, const struct offered_recipient *targets,
	size_t count, const struct counter_wanted **all)
{
	const struct policy *policy = session->transaction->policy;
	size_t found = 0, room = policy_clause_count(policy) + ACCOUNT_LIMITS_MAX;
	struct counter_wanted *wanted = NULL;

	if (count == 1)
		return wanted_of_one(session, &targets[0], all);
	for (size_t i = 0; i < count; i++) {
		const struct counter_wanted *some;
		size_t more = wanted_of_one(session, &targets[i], &some);
		if (more && !wanted)
			wanted = ARENA_ARRAY(session->scratch, struct counter_wanted, room);
		for (size_t j = 0; j < more; j++)
			if (!has_clause(wanted, found, some[j].clause))
				wanted[found++] = some[j];
	}
	*all = wanted;
	return found;
}

static void tell_others(struct offered_recipient *targets, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		targets[i].counters = targets[0].counters;
		targets[i].counted = targets[0].counted;
		targets[i].counter_count = targets[0].counter_count;
		targets[i].reserved = targets[0].reserved;
		targets[i].request = targets[0].request;
	}
}

bool places_reserve(struct task *task, struct session *session, struct offered_recipient *targets,
	size_t target_count, bool *counted)
{
	struct transaction *transaction = session->transaction;
	struct offered_recipient *first = &targets[0];
	const struct counter_wanted *wanted;
	bool known = false;

	size_t count = wanted_of_all(session, targets, target_count, &wanted);
	*counted = count > 0;
	if (!count)
		return true;
	counters_of(session, wanted, count, first);
	struct counting_state *states = ARENA_ARRAY(session->scratch, struct counting_state, count);
	if (counting_reserve(task, session->edge->counting, transaction->id, first->counters, count,
		    states, &known, &first->request) == WAIT_CANCELLED)
		return false;
	first->reserved = known && none_full(states, count);
	transaction->has_places |= known;
	answers_of(session, wanted, states, known, first);
	tell_others(targets, target_count);
	return true;
}

bool places_share(
	struct offered_recipient *targets, size_t count, const struct offered_recipient *kept)
{
	targets[0].counters = kept->counters;
	targets[0].counted = kept->counted;
	targets[0].counter_count = kept->counter_count;
	tell_others(targets, count);
	return kept->counter_count > 0;
}

void places_release(struct session *session, struct offered_recipient *targets, size_t count)
{
	if (targets[0].reserved)
		counting_release(
			session->edge->counting, session->transaction->id, targets[0].request);
	for (size_t i = 0; i < count; i++)
		targets[i].reserved = false;
}

void places_copy(struct transaction *transaction, struct offered_recipient *recipient)
{
	size_t count = recipient->counter_count;

	if (!count)
		return;
	struct counting_counter *counters =
		ARENA_ARRAY(transaction->arena, struct counting_counter, count);
	struct counter_answer *counted =
		ARENA_ARRAY(transaction->arena, struct counter_answer, count);
	for (size_t i = 0; i < count; i++) {
		counters[i] = recipient->counters[i];
		counters[i].key = arena_slice(transaction->arena, counters[i].key);
		counted[i] = recipient->counted[i];
	}
	recipient->counters = counters;
	recipient->counted = counted;
}

/* ---- keeping ---- */

/* Places of many recipients in the same counter, as one. */
struct sum {
	struct map *by_key;
	struct counting_counter *counters;
	uint64_t
		*last; /* beside it: the RCPT that was counted last, so that an alias counts once */
	size_t count;
};

static void sum_add(
	struct sum *sum, const struct counting_counter *counter, const struct offered_recipient *of)
{
	struct counting_counter *there = map_get(sum->by_key, counter->key);

	if (!there) {
		sum->last[sum->count] = of->place;
		sum->counters[sum->count] = *counter;
		map_put(sum->by_key, counter->key, &sum->counters[sum->count++]);
		return;
	}
	uint64_t *last = &sum->last[there - sum->counters];
	if (!counter->by_message && *last != of->place)
		there->places += counter->places;
	*last = of->place;
}

/* Whether its clause applies, now that the message is known; at RCPT it may have been open. */
static bool still_applies(
	const struct counter_wanted *wanted, size_t count, const struct counter_answer *answer)
{
	for (size_t i = 0; i < count; i++)
		if (wanted[i].clause == answer->clause)
			return true;
	return false;
}

/* A recipient may be accepted with a full counter, if its clause did not apply after all: then
 * nothing was reserved for it, and the other counters count it all the same. */
static bool is_counted(const struct offered_recipient *recipient, size_t at)
{
	const struct counter_answer *answer = &recipient->counted[at];

	return recipient->reserved || (!answer->full && !answer->unknown);
}

/* Two clauses may count the same for a recipient: that is one place. */
static bool stands_before(const struct offered_recipient *recipient, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (slice_is(recipient->counters[i].key, recipient->counters[at].key))
			return true;
	return false;
}

static void sum_recipient(
	struct session *session, struct sum *sum, const struct offered_recipient *recipient)
{
	const struct counter_wanted *wanted;
	size_t count = wanted_of_one(session, recipient, &wanted);

	for (size_t i = 0; i < recipient->counter_count; i++) {
		if (is_counted(recipient, i) && !stands_before(recipient, i) &&
			still_applies(wanted, count, &recipient->counted[i]))
			sum_add(sum, &recipient->counters[i], recipient);
	}
}

static size_t count_counters(const struct transaction *transaction)
{
	size_t count = 0;

	for (size_t i = 0; i < transaction->recipient_count; i++)
		count += transaction->kept[i].counter_count;
	return count;
}

void places_keep(struct session *session)
{
	struct transaction *transaction = session->transaction;

	if (!transaction->has_places)
		return;
	size_t most = count_counters(transaction);
	struct sum sum = {.by_key = map_new(session->edge->seed),
		.counters = ARENA_ARRAY(transaction->arena, struct counting_counter, most),
		.last = ARENA_ARRAY(transaction->arena, uint64_t, most)};
	for (size_t i = 0; i < transaction->recipient_count; i++)
		if (!transaction->kept[i].refusal)
			sum_recipient(session, &sum, &transaction->kept[i]);
	if (sum.count) {
		counting_keep(session->edge->counting, transaction->id, sum.counters, sum.count);
		transaction->has_places = false;
	}
	map_free(sum.by_key);
}

void places_drop(struct session *session)
{
	if (session->transaction->has_places)
		counting_drop(session->edge->counting, session->transaction->id);
	session->transaction->has_places = false;
}
