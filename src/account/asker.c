/* SPDX-License-Identifier: Apache-2.0 */
/* The way to accounts. The contract is in asker.h. */
#include "account/asker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/addresses.h"
#include "base/map.h"
#include "base/panic.h"
#include "run/random.h"

enum { STANDING_MOST = 4096, OFFERED_MAX = 256 };
static const mono_ns patience = 30 * NS_PER_S;       /* accounts makes guessers wait */
static const mono_ns answer_patience = 5 * NS_PER_S; /* of a question */
static const mono_ns standing_kept = 30 * NS_PER_S;
static const mono_ns known_for = 24 * 60 * 60 * NS_PER_S;

static const struct slice is_away = SLICE("accounts is away");

struct asker {
	struct loop *loop;
	struct channel *channel; /* NULL: accounts is away */
	bool is_own;
	bool (*send)(void *owner, uint16_t type, struct slice body); /* instead of it; NULL: none */
	void *way;
	uint32_t last_request;
	struct map *exchanges;          /* of struct asker_exchange, by request */
	struct map *questions;          /* of struct question, by request */
	struct map *standing;           /* of struct standing, by account */
	struct addresses *shut, *known; /* until when nobody may sign in there; somebody has */
	size_t offered_len;
	char offered[OFFERED_MAX];
	void (*changed)(void *owner, struct slice account);
	void *owner;
};

/* Lies on the stack of the task that asks. */
struct question {
	uint64_t request;
	struct arena *arena;
	struct gate heard;
	struct asker_answer answer;
	struct slice *texts;
	wall_ns *times;
	size_t room;
	bool done;
};

struct standing { /* an answer to ASK_STANDS that is kept */
	enum signin_found found;
	mono_ns until;
	struct arena *arena;       /* of what follows; NULL: nothing does */
	const struct slice *texts; /* its own limits */
	size_t count;
	struct slice because; /* of an account that has some */
	size_t len;
	char account[];
};

static uint64_t new_request(struct asker *asker)
{
	if (!++asker->last_request)
		asker->last_request = 1;
	return asker->last_request;
}

/* ---- kept answers ---- */

static void standing_forget(struct asker *asker, struct slice account)
{
	struct standing *kept = map_take(asker->standing, account);

	if (kept)
		arena_free(kept->arena);
	free(kept);
}

static const struct slice *texts_copy(const struct slice *texts, size_t count, struct arena *arena)
{
	struct slice *copy = ARENA_ARRAY(arena, struct slice, count);

	for (size_t i = 0; i < count; i++)
		copy[i] = arena_slice(arena, texts[i]);
	return copy;
}

/* Few accounts have limits of their own: only those cost more than the answer itself. */
static void standing_keep_texts(struct standing *kept, const struct asker_answer *answer)
{
	if (!answer->count)
		return;
	kept->arena = arena_new();
	kept->texts = texts_copy(answer->texts, answer->count, kept->arena);
	kept->count = answer->count;
	kept->because = arena_slice(kept->arena, answer->because);
}

static void standing_forget_all(struct asker *asker)
{
	size_t at = 0;

	for (struct standing *kept; (kept = map_next(asker->standing, &at));)
		standing_forget(asker, (struct slice){kept->account, kept->len});
}

static const struct standing *standing_find(struct asker *asker, struct slice account)
{
	const struct standing *kept = map_get(asker->standing, account);

	return kept && kept->until > loop_mono(asker->loop) ? kept : NULL;
}

/* When there is no room all are forgotten: they are asked again as they come. */
static void standing_keep(
	struct asker *asker, struct slice account, const struct asker_answer *answer)
{
	standing_forget(asker, account);
	if (answer->found == ANSWER_CANNOT_TELL)
		return;
	if (map_count(asker->standing) >= STANDING_MOST)
		standing_forget_all(asker);
	struct standing *kept = malloc(sizeof *kept + account.len);
	panic_if(!kept, "out of memory");
	*kept = (struct standing){.found = answer->found,
		.until = loop_mono(asker->loop) + standing_kept,
		.len = account.len};
	memcpy(kept->account, account.at ? account.at : "", account.len);
	standing_keep_texts(kept, answer);
	map_put(asker->standing, (struct slice){kept->account, kept->len}, kept);
}

/* ---- sending ---- */

/* Bodies hold passwords: the buffer is wiped, and the packet when it has left. */
struct outgoing {
	struct writer out;
	char *body;
};

static struct outgoing outgoing_begin(void)
{
	char *body = malloc(CHANNEL_BODY_MAX);

	panic_if(!body, "out of memory for a packet");
	return (struct outgoing){writer_over(body, CHANNEL_BODY_MAX), body};
}

static bool outgoing_send(struct asker *asker, struct outgoing *outgoing, uint16_t type)
{
	struct slice body = writer_slice(&outgoing->out);
	bool sent = !outgoing->out.bad &&
		    (asker->send ? asker->send(asker->way, type, body)
				 : asker->channel &&
					    channel_send(asker->channel, type, body, -1) == SENT);

	if (sent && asker->channel && !asker->send)
		channel_wipe_sent(asker->channel);
	explicit_bzero(outgoing->body, CHANNEL_BODY_MAX);
	free(outgoing->body);
	return sent;
}

/* ---- where from ---- */

mono_ns asker_shut_for(const struct asker *asker, const struct address *client)
{
	mono_ns now = asker ? loop_mono(asker->loop) : 0;
	mono_ns until = asker ? addresses_until(asker->shut, client, now) : 0;

	return until ? until - now : 0;
}

bool asker_knows(const struct asker *asker, const struct address *client)
{
	return asker && addresses_until(asker->known, client, loop_mono(asker->loop));
}

static void take_shut(struct asker *asker, const struct signin_shut *shut)
{
	mono_ns now = loop_mono(asker->loop);

	addresses_put(asker->shut, &shut->client, now + shut->seconds * NS_PER_S, now);
}

static void note_known(struct asker *asker, const struct address *client)
{
	mono_ns now = loop_mono(asker->loop);

	addresses_put(asker->known, client, now + known_for, now);
}

/* ---- signing in ---- */

static enum exchange exchange_over(struct asker_exchange *exchange, enum signin_outcome outcome,
	struct slice account, struct slice because)
{
	if (outcome == SIGNED_IN)
		note_known(exchange->asker, &exchange->client);
	if (exchange->request)
		map_take(exchange->asker->exchanges, map_key(&exchange->request));
	exchange->request = 0;
	exchange->outcome = outcome;
	exchange->account = arena_slice(exchange->arena, account);
	exchange->because = arena_slice(exchange->arena, because);
	exchange->state = EXCHANGE_DONE;
	exchange->has_word = true;
	gate_open(&exchange->heard);
	return EXCHANGE_DONE;
}

static enum exchange exchange_fail(struct asker_exchange *exchange, struct slice because)
{
	return exchange_over(exchange, SIGNIN_CANNOT_TELL, SLICE_NONE, because);
}

static enum exchange exchange_wait(struct task *task, struct asker_exchange *exchange)
{
	struct loop *loop = task_loop(task);
	mono_ns until = loop_mono(loop) + patience, outer = task_limit(task, patience);
	enum wait end = WAIT_READY;

	while (!exchange->has_word && end == WAIT_READY)
		end = gate_wait(task, &exchange->heard, "accounts");
	task_restore(task, outer);
	exchange->has_word = false;
	if (end == WAIT_READY)
		return exchange->state;
	if (end == WAIT_DEADLINE && loop_mono(loop) >= until) {
		asker_end(exchange);
		return exchange_fail(exchange, SLICE("accounts does not answer"));
	}
	return exchange->state = EXCHANGE_CANCELLED;
}

static bool exchange_send(struct asker *asker, const struct signin_begin *begin)
{
	struct outgoing outgoing = outgoing_begin();

	signin_begin_write(&outgoing.out, begin);
	return outgoing_send(asker, &outgoing, SIGNIN_BEGIN);
}

enum exchange asker_sign_in(struct task *task, struct asker *asker, struct arena *arena,
	const struct signin_begin *begin, struct asker_exchange *exchange)
{
	struct signin_begin numbered = *begin;

	*exchange =
		(struct asker_exchange){.asker = asker, .arena = arena, .client = begin->client};
	gate_init(&exchange->heard);
	if (!asker_is_there(asker))
		return exchange_fail(exchange, is_away);
	if (map_count(asker->exchanges) >= EXCHANGES_MOST)
		return exchange_over(exchange, SIGNIN_BUSY, SLICE_NONE,
			SLICE("too many sign-ins of one process at once"));
	exchange->request = new_request(asker);
	numbered.request = (uint32_t)exchange->request;
	map_put(asker->exchanges, map_key(&exchange->request), exchange);
	if (!exchange_send(asker, &numbered))
		return exchange_fail(exchange, SLICE("accounts does not take it"));
	return exchange_wait(task, exchange);
}

enum exchange asker_respond(
	struct task *task, struct asker_exchange *exchange, bool cancelled, struct slice words)
{
	struct outgoing outgoing;

	if (!exchange->request) /* accounts has died while the client thought */
		return exchange->state == EXCHANGE_DONE ? EXCHANGE_DONE
							: exchange_fail(exchange, is_away);
	exchange->has_word = false;
	outgoing = outgoing_begin();
	signin_response_write(&outgoing.out,
		&(struct signin_response){(uint32_t)exchange->request, cancelled, words});
	if (!outgoing_send(exchange->asker, &outgoing, SIGNIN_RESPONSE))
		return exchange_fail(exchange, SLICE("accounts does not take it"));
	return exchange_wait(task, exchange);
}

/* Where the channel is full, accounts forgets the exchange by its own patience. */
void asker_end(struct asker_exchange *exchange)
{
	struct asker *asker = exchange->asker;

	if (!exchange->request)
		return;
	struct outgoing outgoing = outgoing_begin();
	signin_give_up_write(&outgoing.out, &(struct signin_give_up){(uint32_t)exchange->request});
	(void)outgoing_send(asker, &outgoing, SIGNIN_GIVE_UP);
	map_take(asker->exchanges, map_key(&exchange->request));
	exchange->request = 0;
}

static void take_challenge(struct asker *asker, const struct signin_challenge *challenge)
{
	uint64_t request = challenge->request;
	struct asker_exchange *exchange = map_get(asker->exchanges, map_key(&request));

	if (!exchange)
		return; /* its task has gone */
	exchange->words = arena_slice(exchange->arena, challenge->words);
	exchange->state = EXCHANGE_CHALLENGE;
	exchange->has_word = true;
	gate_open(&exchange->heard);
}

static void take_done(struct asker *asker, const struct signin_done *done)
{
	uint64_t request = done->request;
	struct asker_exchange *exchange = map_get(asker->exchanges, map_key(&request));

	if (exchange)
		exchange_over(
			exchange, (enum signin_outcome)done->outcome, done->account, done->because);
}

/* ---- questions ---- */

static void question_over(struct question *question)
{
	question->answer.texts = question->texts;
	question->answer.times = question->times;
	question->done = true;
	gate_open(&question->heard);
}

static void question_fail(struct question *question, struct slice because)
{
	question->answer = (struct asker_answer){
		.found = ANSWER_CANNOT_TELL, .because = arena_slice(question->arena, because)};
	question->texts = NULL;
	question->times = NULL;
	question_over(question);
}

/* Doubled in the arena. */
static void make_room(struct question *question)
{
	size_t room = question->room ? question->room * 2 : 4;
	struct slice *texts = ARENA_ARRAY(question->arena, struct slice, room);
	wall_ns *times = ARENA_ARRAY(question->arena, wall_ns, room);

	for (size_t i = 0; i < question->answer.count; i++) {
		texts[i] = question->texts[i];
		times[i] = question->times[i];
	}
	question->texts = texts;
	question->times = times;
	question->room = room;
}

/* False: it does not parse, or is longer than anybody wants. */
static bool texts_add(struct question *question, const struct signin_answer *answer)
{
	struct reader in = reader_of(answer->texts);
	struct signin_text text;

	for (unsigned i = 0; i < answer->count; i++) {
		if (!signin_text_read(&in, &text) || question->answer.count >= ANSWER_TEXTS_MOST)
			return false;
		if (question->answer.count == question->room)
			make_room(question);
		question->texts[question->answer.count] = arena_slice(question->arena, text.text);
		question->times[question->answer.count++] = text.time;
	}
	return read_at_end(&in);
}

static void take_answer(struct asker *asker, const struct signin_answer *answer)
{
	uint64_t request = answer->request;
	struct question *question = map_get(asker->questions, map_key(&request));

	if (!question || question->done)
		return;
	if (!texts_add(question, answer)) {
		question_fail(question, SLICE("an answer that is too long"));
		return;
	}
	if (answer->more)
		return;
	question->answer.found = (enum signin_found)answer->found;
	question->answer.because = arena_slice(question->arena, answer->because);
	question_over(question);
}

static bool question_send(struct asker *asker, const struct question *question,
	enum signin_question kind, struct slice subject, const struct address *client)
{
	struct outgoing outgoing = outgoing_begin();
	struct signin_ask ask = {.request = (uint32_t)question->request,
		.question = (uint8_t)kind,
		.subject = subject};

	if (client)
		ask.client = *client;
	signin_ask_write(&outgoing.out, &ask);
	return outgoing_send(asker, &outgoing, SIGNIN_ASK);
}

static enum wait question_wait(struct task *task, struct question *question)
{
	struct loop *loop = task_loop(task);
	mono_ns until = loop_mono(loop) + answer_patience;
	mono_ns outer = task_limit(task, answer_patience);
	enum wait end = WAIT_READY;

	while (!question->done && end == WAIT_READY)
		end = gate_wait(task, &question->heard, "accounts");
	task_restore(task, outer);
	if (!question->done)
		question_fail(question, SLICE("accounts does not answer"));
	return end == WAIT_DEADLINE && loop_mono(loop) >= until ? WAIT_READY : end;
}

static bool answered_from_kept(
	struct asker *asker, struct slice account, struct arena *arena, struct asker_answer *answer)
{
	const struct standing *kept = standing_find(asker, account);

	if (!kept)
		return false;
	*answer = (struct asker_answer){
		.found = kept->found, .because = SLICE("as accounts said before")};
	if (kept->count) {
		answer->texts = texts_copy(kept->texts, kept->count, arena);
		answer->count = kept->count;
		answer->because = arena_slice(arena, kept->because);
	}
	return true;
}

enum wait asker_ask(struct task *task, struct asker *asker, enum signin_question kind,
	struct slice subject, const struct address *client, struct arena *arena,
	struct asker_answer *answer)
{
	struct question question = {.arena = arena};
	enum wait end = WAIT_READY;

	*answer = (struct asker_answer){.found = ANSWER_CANNOT_TELL, .because = is_away};
	if (!asker || (kind == ASK_STANDS && answered_from_kept(asker, subject, arena, answer)))
		return WAIT_READY;
	if (!asker_is_there(asker) || map_count(asker->questions) >= QUESTIONS_MOST)
		return WAIT_READY;
	gate_init(&question.heard);
	question.request = new_request(asker);
	map_put(asker->questions, map_key(&question.request), &question);
	if (question_send(asker, &question, kind, subject, client))
		end = question_wait(task, &question);
	else
		question_fail(&question, SLICE("accounts does not take the question"));
	map_take(asker->questions, map_key(&question.request));
	*answer = question.answer;
	if (kind == ASK_STANDS)
		standing_keep(asker, subject, answer);
	return end;
}

/* ---- the channel ---- */

static void take_offered(struct asker *asker, const struct signin_offered *offered)
{
	if (offered->mechanisms.len > sizeof asker->offered)
		return;
	asker->offered_len = offered->mechanisms.len;
	memcpy(asker->offered, offered->mechanisms.at ? offered->mechanisms.at : "",
		offered->mechanisms.len);
}

static void take_changed(struct asker *asker, struct slice account)
{
	if (account.len)
		standing_forget(asker, account);
	else
		standing_forget_all(asker);
	if (asker->changed)
		asker->changed(asker->owner, account);
}

void asker_receive(struct asker *asker, uint16_t type, struct slice body)
{
	struct signin_challenge challenge;
	struct signin_done done;
	struct signin_answer answer;
	struct signin_offered offered;
	struct signin_changed changed;
	struct signin_shut shut;

	if (type == SIGNIN_CHALLENGE && signin_challenge_read(body, &challenge))
		take_challenge(asker, &challenge);
	else if (type == SIGNIN_DONE && signin_done_read(body, &done))
		take_done(asker, &done);
	else if (type == SIGNIN_ANSWER && signin_answer_read(body, &answer))
		take_answer(asker, &answer);
	else if (type == SIGNIN_OFFERED && signin_offered_read(body, &offered))
		take_offered(asker, &offered);
	else if (type == SIGNIN_CHANGED && signin_changed_read(body, &changed))
		take_changed(asker, changed.account);
	else if (type == SIGNIN_SHUT && signin_shut_read(body, &shut))
		take_shut(asker, &shut);
}

/* What waited for the one that has gone is not answered by the next. */
static void channel_ended(struct asker *asker)
{
	size_t at = 0;

	asker->channel = NULL;
	for (struct asker_exchange *one; (one = map_next(asker->exchanges, &at));)
		exchange_fail(one, is_away);
	at = 0;
	for (struct question *one; (one = map_next(asker->questions, &at));)
		if (!one->done)
			question_fail(one, is_away);
	take_changed(asker, SLICE_NONE);
}

void asker_use(struct asker *asker, struct channel *channel)
{
	if (asker->channel)
		channel_ended(asker);
	asker->channel = channel;
}

static void own_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	(void)channel;
	if (fd >= 0)
		close(fd);
	asker_receive(owner, type, body);
}

static void own_gone(void *owner, struct channel *channel)
{
	asker_use(owner, NULL);
	channel_close(channel);
}

void asker_connect(struct asker *asker, int fd)
{
	struct channel *before = asker->channel;

	asker_use(asker, NULL);
	if (asker->is_own)
		channel_close(before);
	asker->is_own = true;
	asker_use(
		asker, channel_open(asker->loop, fd,
			       (struct channel_user){
				       .receive = own_receive, .gone = own_gone, .owner = asker}));
}

/* ---- life ---- */

struct asker *asker_open(struct loop *loop)
{
	struct asker *asker = calloc(1, sizeof *asker);

	panic_if(!asker, "out of memory");
	asker->loop = loop;
	asker->exchanges = map_new(random_u64());
	asker->questions = map_new(random_u64());
	asker->standing = map_new(random_u64());
	asker->shut = addresses_new(random_u64());
	asker->known = addresses_new(random_u64());
	return asker;
}

void asker_close(struct asker *asker)
{
	if (!asker)
		return;
	panic_if(map_count(asker->exchanges) || map_count(asker->questions),
		"a task still waits for accounts");
	if (asker->is_own)
		channel_close(asker->channel);
	standing_forget_all(asker);
	map_free(asker->exchanges);
	map_free(asker->questions);
	map_free(asker->standing);
	addresses_free(asker->shut);
	addresses_free(asker->known);
	free(asker);
}

struct slice asker_offered(const struct asker *asker)
{
	return asker ? (struct slice){asker->offered, asker->offered_len} : SLICE_NONE;
}

void asker_use_way(struct asker *asker, bool (*send)(void *owner, uint16_t type, struct slice body),
	void *owner)
{
	asker->send = send;
	asker->way = owner;
}

bool asker_is_there(const struct asker *asker)
{
	return asker && (asker->channel || asker->send);
}

void asker_watch(
	struct asker *asker, void (*changed)(void *owner, struct slice account), void *owner)
{
	asker->changed = changed;
	asker->owner = owner;
}
