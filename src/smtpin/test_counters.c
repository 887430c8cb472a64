/* SPDX-License-Identifier: Apache-2.0 */
/* Counters for tests. The contract is in test_counters.h. */
#include "smtpin/test_counters.h"

#include <stdlib.h>

#include "accounts/counters.h"
#include "base/panic.h"

enum { HOLDERS_MOST = 64 };

struct test_counters {
	struct loop *loop;
	struct counting *counting;
	struct counters *counters;
	struct holder holders[HOLDERS_MOST];
};

static struct holder *holder_of(struct test_counters *test, uint64_t id)
{
	struct holder *spare = NULL;

	for (size_t i = 0; i < HOLDERS_MOST; i++) {
		struct holder *holder = &test->holders[i];
		if (holder->id == id && holder->count)
			return holder;
		spare = holder->count ? spare : holder;
	}
	panic_if(!spare, "too many transactions for a test");
	counters_drop(test->counters, spare);
	spare->id = id;
	return spare;
}

static size_t counters_read(
	struct slice packed, uint8_t count, struct counting_counter counters[COUNTERS_MAX])
{
	struct reader in = reader_of(packed);

	for (uint8_t i = 0; i < count; i++)
		panic_if(!counting_counter_read(&in, &counters[i]), "no counter");
	return count;
}

static void reserve(struct test_counters *test, const struct counting_reserve *asked)
{
	struct counting_counter wanted[COUNTERS_MAX];
	struct counting_state states[COUNTERS_MAX];
	char packed[COUNTERS_MAX * 17], body[64 + sizeof packed];
	struct writer out = writer_over(packed, sizeof packed);
	struct writer whole = writer_over(body, sizeof body);
	size_t count = counters_read(asked->counters, asked->count, wanted);

	enum reservation reservation =
		counters_reserve(test->counters, holder_of(test, asked->holder), asked->request,
			wanted, count, loop_mono(test->loop), states);
	panic_if(reservation == RESERVED_NO_ROOM, "too many counters for a test");
	for (size_t i = 0; i < count; i++)
		counting_state_write(&out, &states[i]);
	counting_answer_write(&whole, &(struct counting_answer){.request = asked->request,
					      .count = (uint8_t)count,
					      .states = writer_slice(&out)});
	counting_receive(test->counting, COUNTING_ANSWER, writer_slice(&whole));
}

static void keep(struct test_counters *test, const struct counting_keep *kept)
{
	struct counting_counter counters[COUNTERS_MAX];
	size_t count = counters_read(kept->counters, kept->count, counters);
	struct holder *holder = holder_of(test, kept->holder);

	for (size_t i = 0; i < count; i++)
		counters_keep(test->counters, holder, &counters[i], loop_mono(test->loop));
	if (kept->last)
		counters_drop(test->counters, holder);
}

static bool hear(void *owner, uint16_t type, struct slice body)
{
	struct test_counters *test = owner;
	struct counting_reserve asked;
	struct counting_release released;
	struct counting_keep kept;
	struct counting_drop dropped;

	if (type == COUNTING_RESERVE && counting_reserve_read(body, &asked))
		reserve(test, &asked);
	else if (type == COUNTING_RELEASE && counting_release_read(body, &released))
		counters_release(
			test->counters, holder_of(test, released.holder), released.request);
	else if (type == COUNTING_KEEP && counting_keep_read(body, &kept))
		keep(test, &kept);
	else if (type == COUNTING_DROP && counting_drop_read(body, &dropped))
		counters_drop(test->counters, holder_of(test, dropped.holder));
	else
		panic("no word to accounts: %#x", type);
	return true;
}

struct test_counters *test_counters_new(struct loop *loop, struct counting *counting)
{
	struct test_counters *test = calloc(1, sizeof *test);

	panic_if(!test, "no memory for a test");
	test->loop = loop;
	test->counting = counting;
	test->counters = counters_new(1, COUNTERS_OF_A_CLASS);
	counting_use_way(counting, hear, test);
	return test;
}

void test_counters_free(struct test_counters *test)
{
	if (!test)
		return;
	for (size_t i = 0; i < HOLDERS_MOST; i++)
		counters_drop(test->counters, &test->holders[i]);
	counters_free(test->counters);
	free(test);
}
