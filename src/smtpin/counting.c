/* SPDX-License-Identifier: Apache-2.0 */
/* Places in counters. The contract is in counting.h. */
#include "smtpin/counting.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/text.h"
#include "run/channel.h"

enum { OUTBOX_MOST = 1 << 20, PACKED_MAX = 3900 };
static const mono_ns patience = 5 * NS_PER_S;

struct counting {
	struct loop *loop;
	struct channel *channel; /* NULL: no accounts */
	counting_way *way;       /* instead of it; NULL: none */
	void *way_owner;
	struct asker *asker; /* uses it too; NULL: nobody does */
	struct list waiting; /* of struct ask */
	struct text outbox;  /* u16 type, u16 length, body: what could not be sent */
	uint32_t last_request;
	uint64_t lost;
};

/* Lies on the stack of the task that asks. */
struct ask {
	struct list link;
	uint32_t request;
	struct counting_state *states;
	size_t count;
	struct gate answered;
	bool done, known;
};

/* ---- what must be heard ---- */

static void keep_for_later(struct counting *counting, uint16_t type, struct slice body)
{
	char raw[4];
	struct writer head = writer_over(raw, sizeof raw);

	if (counting->outbox.len + body.len > OUTBOX_MOST) {
		counting->lost++;
		return;
	}
	write_u16(&head, type);
	write_u16(&head, (uint16_t)body.len);
	text_put(&counting->outbox, writer_slice(&head));
	text_put(&counting->outbox, body);
}

static bool send_now(struct counting *counting, uint16_t type, struct slice body)
{
	if (counting->way)
		return counting->way(counting->way_owner, type, body);
	return counting->channel && channel_send(counting->channel, type, body, -1) == SENT;
}

static void say(struct counting *counting, uint16_t type, const struct writer *out)
{
	panic_if(out->bad, "a word to accounts that does not fit");
	if (counting->outbox.len || !send_now(counting, type, writer_slice(out)))
		keep_for_later(counting, type, writer_slice(out));
}

static void send_outbox(struct counting *counting)
{
	struct text whole = counting->outbox;
	struct reader in = reader_of(text_slice(&whole));

	counting->outbox = TEXT_GROWING;
	while (in.left.len) {
		uint16_t type = read_u16(&in);
		struct slice body = read_counted(&in);
		if (counting->outbox.len || !send_now(counting, type, body))
			keep_for_later(counting, type, body);
	}
	text_free(&whole);
}

/* ---- reserving ---- */

static struct ask *ask_find(struct counting *counting, uint32_t request)
{
	LIST_EACH (struct ask, ask, &counting->waiting, link)
		if (ask->request == request)
			return ask;
	return NULL;
}

static void ask_end(struct ask *ask, bool known)
{
	ask->done = true;
	ask->known = known;
	gate_open(&ask->answered);
}

static void take_answer(struct counting *counting, const struct counting_answer *answer)
{
	struct ask *ask = ask_find(counting, answer->request);
	struct reader in = reader_of(answer->states);
	bool known = ask && !answer->unknown && answer->count == ask->count;

	if (!ask)
		return; /* its task has lost patience, and given back */
	for (size_t i = 0; known && i < ask->count; i++)
		known = counting_state_read(&in, &ask->states[i]);
	ask_end(ask, known);
}

/* False: it does not fit a packet. */
static bool pack(struct writer *out, const struct counting_counter *counters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		counting_counter_write(out, &counters[i]);
	return !out->bad;
}

static bool ask_send(struct counting *counting, const struct ask *ask, uint64_t holder,
	const struct counting_counter *wanted)
{
	char *packed = malloc(PACKED_MAX), *body = malloc(CHANNEL_BODY_MAX);
	struct writer counters = writer_over(packed, PACKED_MAX);
	struct writer out = writer_over(body, CHANNEL_BODY_MAX);

	panic_if(!packed || !body, "out of memory for a packet");
	bool sent = !counting->outbox.len && pack(&counters, wanted, ask->count);
	counting_reserve_write(&out, &(struct counting_reserve){.request = ask->request,
					     .holder = holder,
					     .count = (uint8_t)ask->count,
					     .counters = writer_slice(&counters)});
	sent = sent && !out.bad && send_now(counting, COUNTING_RESERVE, writer_slice(&out));
	free(packed);
	free(body);
	return sent;
}

static enum wait ask_wait(struct task *task, struct ask *ask)
{
	mono_ns outer = task_limit(task, patience);
	enum wait end = WAIT_READY;

	while (!ask->done && end == WAIT_READY)
		end = gate_wait(task, &ask->answered, "counters");
	task_restore(task, outer);
	return end;
}

enum wait counting_reserve(struct task *task, struct counting *counting, uint64_t holder,
	const struct counting_counter *wanted, size_t count, struct counting_state *states,
	bool *known, uint32_t *request)
{
	struct ask ask = {.states = states, .count = count};

	*known = false;
	if (!counting || count > COUNTERS_MAX)
		return WAIT_READY;
	*request = ask.request = ++counting->last_request;
	gate_init(&ask.answered);
	list_append(&counting->waiting, &ask.link);
	bool asked = ask_send(counting, &ask, holder, wanted);
	enum wait end = asked ? ask_wait(task, &ask) : WAIT_READY;
	list_remove(&ask.link);
	if (!asked)
		return WAIT_READY;
	*known = ask.done && ask.known;
	if (!ask.done) /* an answer may be under way: its places are given back */
		counting_release(counting, holder, ask.request);
	return end == WAIT_CANCELLED ? WAIT_CANCELLED : WAIT_READY;
}

/* ---- what becomes of places ---- */

void counting_release(struct counting *counting, uint64_t holder, uint32_t request)
{
	char body[32];
	struct writer out = writer_over(body, sizeof body);

	counting_release_write(&out, &(struct counting_release){holder, request});
	say(counting, COUNTING_RELEASE, &out);
}

void counting_drop(struct counting *counting, uint64_t holder)
{
	char body[32];
	struct writer out = writer_over(body, sizeof body);

	counting_drop_write(&out, &(struct counting_drop){holder});
	say(counting, COUNTING_DROP, &out);
}

/* As many counters as fit one packet; how many. */
static size_t keep_some(struct counting *counting, uint64_t holder,
	const struct counting_counter *kept, size_t count, char *packed, char *body)
{
	struct writer counters = writer_over(packed, PACKED_MAX);
	struct writer out = writer_over(body, CHANNEL_BODY_MAX);
	size_t taken = 0, len = 0;

	while (taken < count && taken < COUNTERS_MAX) {
		counting_counter_write(&counters, &kept[taken]);
		if (counters.bad)
			break;
		len = counters.len;
		taken++;
	}
	panic_if(!taken, "a counter's key of %zu bytes", kept->key.len);
	counting_keep_write(&out, &(struct counting_keep){.holder = holder,
					  .last = taken == count,
					  .count = (uint8_t)taken,
					  .counters = {packed, len}});
	say(counting, COUNTING_KEEP, &out);
	return taken;
}

void counting_keep(struct counting *counting, uint64_t holder, const struct counting_counter *kept,
	size_t count)
{
	char *packed = malloc(PACKED_MAX), *body = malloc(CHANNEL_BODY_MAX);

	panic_if(!packed || !body, "out of memory for a packet");
	for (size_t i = 0; i < count;)
		i += keep_some(counting, holder, kept + i, count - i, packed, body);
	free(packed);
	free(body);
}

/* ---- the channel ---- */

void counting_use_way(struct counting *counting, counting_way *way, void *owner)
{
	counting->way = way;
	counting->way_owner = owner;
}

void counting_receive(struct counting *counting, uint16_t type, struct slice body)
{
	struct counting_answer answer;

	if (type == COUNTING_ANSWER && counting_answer_read(body, &answer))
		take_answer(counting, &answer);
	else if (counting->asker)
		asker_receive(counting->asker, type, body);
}

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	(void)channel;
	if (fd >= 0)
		close(fd);
	counting_receive(owner, type, body);
}

static void gone(void *owner, struct channel *channel)
{
	struct counting *counting = owner;

	if (counting->asker)
		asker_use(counting->asker, NULL);
	channel_close(channel);
	counting->channel = NULL;
	LIST_EACH (struct ask, ask, &counting->waiting, link)
		ask_end(ask, false);
}

static void drained(void *owner, struct channel *channel)
{
	(void)channel;
	send_outbox(owner);
}

void counting_connect(struct counting *counting, int fd)
{
	if (counting->channel)
		gone(counting, counting->channel);
	counting->channel = channel_open(counting->loop, fd,
		(struct channel_user){
			.receive = receive, .gone = gone, .drained = drained, .owner = counting});
	if (counting->asker)
		asker_use(counting->asker, counting->channel);
	send_outbox(counting);
}

void counting_share(struct counting *counting, struct asker *asker)
{
	counting->asker = asker;
}

void counting_drain(struct counting *counting)
{
	if (counting && counting->channel)
		channel_drain(counting->channel);
}

uint64_t counting_lost(const struct counting *counting)
{
	return counting ? counting->lost : 0;
}

struct counting *counting_open(struct loop *loop)
{
	struct counting *counting = calloc(1, sizeof *counting);

	panic_if(!counting, "out of memory");
	counting->loop = loop;
	counting->outbox = TEXT_GROWING;
	list_init(&counting->waiting);
	return counting;
}

void counting_close(struct counting *counting)
{
	if (!counting)
		return;
	panic_if(!list_is_empty(&counting->waiting), "a task still waits for counters");
	if (counting->asker)
		asker_use(counting->asker, NULL);
	channel_close(counting->channel);
	text_free(&counting->outbox);
	free(counting);
}
