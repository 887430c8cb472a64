/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the resolver. The contract is in client.h. */
#include "dns/client.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/map.h"
#include "base/panic.h"
#include "base/text.h"
#include "dns/rdata.h"
#include "run/channel.h"

/* The resolver gives up after 20 s; a resolver that says nothing at all is given a little more. */
#define CLIENT_PATIENCE (25 * NS_PER_S)

struct dns_client {
	struct dns dns;
	struct loop *loop;
	struct channel *channel; /* NULL: no resolver */
	struct map *waiting;     /* of struct question by its number */
	struct map *lists;       /* of struct health by its key */
	uint32_t last;
};

/* Of a list; as many as configurations have named since the start. */
struct health {
	struct text key; /* "a bl.example" or "d bl.example" */
	struct text why;
	bool believed;
};

/* Lies on the stack of the task that asks. */
struct question {
	uint64_t number;
	enum dns_type type;
	struct arena *arena;
	struct dns_answer *answer;
	struct gate answered;
	bool done;
};

static void cannot_tell(struct dns_answer *answer, struct slice why)
{
	*answer = (struct dns_answer){.outcome = DNS_CANNOT_TELL, .why = why};
}

static void question_end(struct question *question)
{
	question->done = true;
	gate_open(&question->answered);
}

/* ---- answers ---- */

static bool records_read(const struct resolve_answer *packet, enum dns_type type,
	struct arena *arena, struct dns_answer *answer)
{
	struct reader in = reader_of(packet->records);
	struct resolve_record record;

	if (packet->count > packet->records.len)
		return false; /* each takes at least a byte: bounds what is allocated */
	answer->records = ARENA_ARRAY(arena, struct dns_record, packet->count);
	for (; answer->count < packet->count; answer->count++)
		if (!resolve_record_read(&in, &record) ||
			!record_from_packet(type, &record, arena, &answer->records[answer->count]))
			return false;
	return read_at_end(&in);
}

bool dns_answer_of(const struct resolve_answer *packet, enum dns_type type, struct arena *arena,
	struct dns_answer *answer)
{
	*answer = (struct dns_answer){
		.outcome = (enum dns_outcome)packet->outcome,
		.secure = packet->secure,
		.ttl = packet->ttl,
		.why = arena_slice(arena, packet->why),
	};
	if (packet->outcome > DNS_CANNOT_TELL || !records_read(packet, type, arena, answer))
		return false;
	return (packet->outcome == DNS_FOUND) == (packet->count > 0);
}

static bool answer_read(const struct resolve_answer *packet, struct question *question)
{
	return dns_answer_of(packet, question->type, question->arena, question->answer);
}

/* ---- lists ---- */

static void health_key(struct text *key, struct slice zone, bool of_domains)
{
	text_put(key, of_domains ? SLICE("d ") : SLICE("a "));
	text_put(key, zone);
}

static void health_take(struct dns_client *client, const struct resolve_health *packet)
{
	struct text key = TEXT_GROWING;

	health_key(&key, packet->zone, packet->of_domains);
	struct health *health = map_get(client->lists, text_slice(&key));
	if (health) {
		text_free(&key);
	} else {
		health = calloc(1, sizeof *health);
		panic_if(!health, "out of memory");
		*health = (struct health){.key = key, .why = TEXT_GROWING};
		map_put(client->lists, text_slice(&health->key), health);
	}
	health->believed = packet->believed;
	text_clear(&health->why);
	text_put(&health->why, packet->why);
}

bool dns_client_believes(
	const struct dns_client *client, struct slice zone, bool of_domains, struct slice *why)
{
	char room[DNS_NAME_MAX + 8];
	struct text key = TEXT_FIXED(room);

	health_key(&key, zone, of_domains);
	const struct health *health = map_get(client->lists, text_slice(&key));
	*why = health ? text_slice(&health->why) : SLICE_NONE;
	return !health || health->believed;
}

static void lists_free(struct dns_client *client)
{
	size_t at = 0;

	for (struct health *health; (health = map_next(client->lists, &at));) {
		text_free(&health->key);
		text_free(&health->why);
		free(health);
	}
	map_free(client->lists);
}

/* ---- what the resolver says ---- */

static void client_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct dns_client *client = owner;
	struct resolve_answer packet;
	struct resolve_health health;

	(void)channel;
	(void)fd;
	if (type == RESOLVE_HEALTH && resolve_health_read(body, &health))
		health_take(client, &health);
	if (type != RESOLVE_ANSWER || !resolve_answer_read(body, &packet))
		return;
	uint64_t number = packet.request;
	struct question *question = map_take(client->waiting, map_key(&number));
	if (!question)
		return; /* its task has stopped waiting */
	if (!answer_read(&packet, question))
		cannot_tell(question->answer, SLICE("the resolver's answer was not understood"));
	question_end(question);
}

static void client_gone(void *owner, struct channel *channel)
{
	struct dns_client *client = owner;
	size_t at = 0;

	channel_close(channel);
	client->channel = NULL;
	for (struct question *question; (question = map_next(client->waiting, &at));) {
		map_take(client->waiting, map_key(&question->number));
		cannot_tell(question->answer, SLICE("the resolver ended before it answered"));
		question_end(question);
	}
}

/* ---- questions ---- */

static enum sent question_send(
	struct dns_client *client, const struct question *question, struct slice name)
{
	char body[512];
	struct writer out = writer_over(body, sizeof body);

	resolve_ask_write(&out, &(struct resolve_ask){.request = (uint32_t)question->number,
					.type = (uint16_t)question->type,
					.name = name});
	panic_if(out.bad, "a question of %zu bytes", name.len);
	return channel_send(client->channel, RESOLVE_ASK, writer_slice(&out), -1);
}

/* WAIT_READY when there is an answer, ours for an overdue one included. */
static enum wait question_wait(struct task *task, struct question *question)
{
	mono_ns outer = task_limit(task, CLIENT_PATIENCE);
	bool ours = task_deadline(task) < outer;
	enum wait end = WAIT_READY;

	while (!question->done && end == WAIT_READY)
		end = gate_wait(task, &question->answered, "the resolver");
	task_restore(task, outer);
	if (question->done)
		return WAIT_READY;
	cannot_tell(question->answer, SLICE("the resolver gave no answer"));
	return end == WAIT_DEADLINE && ours ? WAIT_READY : end;
}

static enum wait client_ask(struct task *task, struct dns *dns, enum dns_type type,
	struct slice name, struct arena *arena, struct dns_answer *answer)
{
	struct dns_client *client = LIST_OBJECT(struct dns_client, dns, dns);
	struct question question = {
		.number = ++client->last, .type = type, .arena = arena, .answer = answer};

	if (name.len == 0 || name.len > DNS_NAME_MAX + 1 || slice_has(name, '\0')) {
		*answer = (struct dns_answer){
			.outcome = DNS_NO_NAME, .why = SLICE("that is no domain name")};
		return WAIT_READY;
	}
	enum sent sent = client->channel ? question_send(client, &question, name) : CHANNEL_GONE;
	if (sent != SENT) {
		cannot_tell(answer, sent == CHANNEL_FULL ? SLICE("the resolver is overloaded")
							 : SLICE("the resolver is not running"));
		return WAIT_READY;
	}
	gate_init(&question.answered);
	map_put(client->waiting, map_key(&question.number), &question);
	enum wait end = question_wait(task, &question);
	map_take(client->waiting, map_key(&question.number));
	return end;
}

/* ---- life ---- */

struct dns_client *dns_client_open(struct loop *loop)
{
	struct dns_client *client = calloc(1, sizeof *client);
	uint64_t seed = 0;

	panic_if(!client, "out of memory");
	panic_if(getrandom(&seed, sizeof seed, 0) != sizeof seed, "no randomness");
	client->dns.ask = client_ask;
	client->loop = loop;
	client->waiting = map_new(seed);
	client->lists = map_new(seed);
	return client;
}

void dns_client_close(struct dns_client *client)
{
	if (!client)
		return;
	panic_if(map_count(client->waiting) > 0, "a task still waits for the resolver");
	channel_close(client->channel);
	map_free(client->waiting);
	lists_free(client);
	free(client);
}

void dns_client_connect(struct dns_client *client, int fd)
{
	if (client->channel)
		client_gone(client, client->channel);
	client->channel = channel_open(client->loop, fd,
		(struct channel_user){
			.receive = client_receive, .gone = client_gone, .owner = client});
}

struct dns *dns_client_dns(struct dns_client *client)
{
	return &client->dns;
}

size_t dns_client_waiting(const struct dns_client *client)
{
	return map_count(client->waiting);
}
