/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in: life, peers, packets. The contract is in signin.h; the task is in exchange.c. */
#include "accounts/signin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/exchange.h"
#include "base/json.h"
#include "base/panic.h"
#include "role/shortage.h"
#include "run/random.h"

enum { GUESSES_OF_A_CLASS = 20000, LOCKS_SHOWN = 100, ASKING_THREADS = 2 };

/* ---- saying ---- */

struct said {
	char *body;
	struct writer out;
};

static struct said said_begin(void)
{
	char *body = malloc(CHANNEL_BODY_MAX);

	panic_if(!body, "out of memory for a packet");
	return (struct said){body, writer_over(body, CHANNEL_BODY_MAX)};
}

/* Full: the asker's patience ends, and it is answered that nobody can tell. */
static void said_end(struct signin_peer *peer, uint16_t type, struct said *said)
{
	panic_if(said->out.bad, "a word to an asker that does not fit");
	if (peer && channel_send(peer->channel, type, writer_slice(&said->out), -1) != SENT)
		role_log(peer->signin->role, LEVEL_WARN, "peer",
			"an asker does not take its answers");
	free(said->body);
}

void exchange_say(struct signin_exchange *exchange, struct slice words)
{
	struct said said = said_begin();

	signin_challenge_write(
		&said.out, &(struct signin_challenge){(uint32_t)exchange->request, words});
	said_end(exchange->peer, SIGNIN_CHALLENGE, &said);
}

enum { SHOWN_MAX = 512 }; /* octets of names and reasons in a packet */

static void say_done(struct signin_peer *peer, uint32_t request, enum signin_outcome outcome,
	struct slice account, struct slice because)
{
	struct said said = said_begin();

	signin_done_write(&said.out,
		&(struct signin_done){request, (uint8_t)outcome, slice_part(account, 0, SHOWN_MAX),
			slice_part(because, 0, SHOWN_MAX)});
	said_end(peer, SIGNIN_DONE, &said);
}

static void forget(struct signin_exchange *exchange)
{
	if (exchange->peer)
		map_take(exchange->peer->exchanges, map_key(&exchange->request));
	exchange->peer = NULL;
}

void exchange_done(struct signin_exchange *exchange, enum signin_outcome outcome)
{
	struct signin *signin = exchange->signin;

	signin->outcomes[outcome]++;
	if (exchange->peer)
		say_done(exchange->peer, (uint32_t)exchange->request, outcome, exchange->who,
			text_slice(&exchange->because));
	forget(exchange);
	if (signin->hooks.over)
		signin->hooks.over(signin->hooks.owner, &exchange->begin, outcome, exchange->who);
}

/* ---- hearing ---- */

static void copy_begin(struct signin_exchange *exchange, const struct signin_begin *begin)
{
	struct arena *arena = exchange->arena;

	exchange->begin = *begin;
	exchange->begin.mechanism = arena_slice(arena, begin->mechanism);
	exchange->begin.certificate = arena_slice(arena, begin->certificate);
	exchange->begin.initial = arena_slice(arena, begin->initial);
}

static void exchange_start(struct signin_peer *peer, const struct signin_begin *begin)
{
	struct signin *signin = peer->signin;
	struct arena *arena = arena_new();
	struct signin_exchange *exchange = ARENA_NEW(arena, struct signin_exchange);

	*exchange = (struct signin_exchange){.signin = signin,
		.peer = peer,
		.request = begin->request,
		.arena = arena,
		.because = TEXT_GROWING};
	gate_init(&exchange->heard);
	copy_begin(exchange, begin);
	if (!task_start(signin->role->loop, "sign-in", exchange_run, exchange)) {
		arena_wipe(arena);
		arena_free(arena);
		say_done(peer, begin->request, SIGNIN_BUSY, SLICE_NONE,
			SLICE("there is no memory for a sign-in"));
		return;
	}
	map_put(peer->exchanges, map_key(&exchange->request), exchange);
	list_append(&signin->exchanges, &exchange->link);
	signin->exchange_count++;
}

static void take_begin(struct signin_peer *peer, const struct signin_begin *begin)
{
	struct signin *signin = peer->signin;
	uint64_t request = begin->request;

	if (map_get(peer->exchanges, map_key(&request)))
		role_log(signin->role, LEVEL_ERROR, "peer", "two sign-ins of one number");
	else if (signin->exchange_count >= EXCHANGES_MAX || signin->closing) {
		signin->outcomes[SIGNIN_BUSY]++;
		say_done(peer, begin->request, SIGNIN_BUSY, SLICE_NONE,
			SLICE("too many sign-ins at once"));
	} else
		exchange_start(peer, begin);
}

static void take_response(struct signin_peer *peer, const struct signin_response *response)
{
	uint64_t request = response->request;
	struct signin_exchange *exchange = map_get(peer->exchanges, map_key(&request));

	if (!exchange) {
		say_done(peer, response->request, SIGNIN_CANNOT_TELL, SLICE_NONE,
			SLICE("the client thought too long, and the sign-in was forgotten"));
		return;
	}
	if (exchange->has_response)
		return; /* none is awaited */
	exchange->cancelled = response->cancelled;
	exchange->response = arena_slice(exchange->arena, response->words);
	exchange->has_response = true;
	gate_open(&exchange->heard);
}

static void give_up(struct signin_exchange *exchange)
{
	forget(exchange);
	exchange->cancelled = exchange->has_response = true;
	gate_open(&exchange->heard);
}

bool signin_receive(struct signin_peer *peer, uint16_t type, struct slice body)
{
	struct signin_begin begin;
	struct signin_response response;
	struct signin_give_up gave_up;
	bool known = true;

	if (type == SIGNIN_BEGIN && signin_begin_read(body, &begin))
		take_begin(peer, &begin);
	else if (type == SIGNIN_RESPONSE && signin_response_read(body, &response))
		take_response(peer, &response);
	else if (type == SIGNIN_GIVE_UP && signin_give_up_read(body, &gave_up)) {
		uint64_t request = gave_up.request;
		struct signin_exchange *exchange = map_get(peer->exchanges, map_key(&request));
		if (exchange)
			give_up(exchange);
	} else
		known = false;
	return known;
}

/* ---- from where nobody is heard ---- */

/* False: it does not take it. It is told when it sends the next of them here. */
static bool tell_shut(struct signin_peer *peer, const struct address *client, mono_ns how_long)
{
	struct said said = said_begin();
	uint64_t seconds = (uint64_t)((how_long + NS_PER_S - 1) / NS_PER_S);

	signin_shut_write(
		&said.out, &(struct signin_shut){.client = *client, .seconds = (uint32_t)seconds});
	bool sent = channel_send(peer->channel, SIGNIN_SHUT, writer_slice(&said.out), -1) == SENT;
	free(said.body);
	return sent;
}

/* Many at once end alike: all of them say the same. */
void signin_shut(struct signin *signin, const struct address *client, mono_ns how_long)
{
	mono_ns now = loop_mono(signin->role->loop), until = now + how_long;
	mono_ns before = addresses_until(signin->shut, client, now);

	if (how_long ? before && until < before + NS_PER_S : !before)
		return;
	addresses_put(signin->shut, client, until, now);
	LIST_EACH (struct signin_peer, peer, &signin->peers, link)
		(void)tell_shut(peer, client, how_long);
}

static void tell_all_shut(struct signin_peer *peer)
{
	const struct addresses *shut = peer->signin->shut;
	mono_ns now = loop_mono(peer->signin->role->loop), until;
	struct address client;
	size_t at = 0;

	while (addresses_next(shut, &at, &client, &until))
		if (until > now && !tell_shut(peer, &client, until - now))
			break;
}

/* ---- what is offered ---- */

static void offer_to(struct signin_peer *peer)
{
	struct said said = said_begin();

	signin_offered_write(&said.out, &(struct signin_offered){peer->signin->offered});
	said_end(peer, SIGNIN_OFFERED, &said);
}

static bool is_offered(const struct signin *signin, enum sasl_mechanism mechanism)
{
	const struct store *store = signin->store;

	if (!store)
		return false;
	switch (mechanism) {
	case SASL_SCRAM_SHA_256_PLUS:
	case SASL_SCRAM_SHA_256: return store->kind->has_verifiers;
	case SASL_PLAIN:
	case SASL_LOGIN: return true;
	case SASL_OAUTHBEARER:
	case SASL_XOAUTH2: return signin->tokens.url.len > 0;
	case SASL_EXTERNAL: return signin->hooks.account_of_certificate != NULL;
	case SASL_MECHANISMS: break;
	}
	return false;
}

static void find_offered(struct signin *signin)
{
	struct text offered = TEXT_FIXED(signin->offered_room);

	for (int i = 0; i < SASL_MECHANISMS; i++)
		if (is_offered(signin, (enum sasl_mechanism)i)) {
			if (offered.len)
				text_char(&offered, ' ');
			text_put(&offered, sasl_name((enum sasl_mechanism)i));
		}
	signin->offered = text_slice(&offered);
}

void signin_use(struct signin *signin, struct store *store, const struct token_setting *tokens)
{
	if (store)
		stores_hold(store);
	stores_release(signin->store);
	signin->store = store;
	signin->tokens = tokens ? *tokens : (struct token_setting){0};
	find_offered(signin);
	LIST_EACH (struct signin_peer, peer, &signin->peers, link)
		offer_to(peer);
}

/* ---- life ---- */

struct signin *signin_open(struct role *role, const struct signin_hooks *hooks)
{
	struct signin *signin = calloc(1, sizeof *signin);

	panic_if(!signin, "no memory for signing in");
	signin->role = role;
	signin->hooks = *hooks;
	signin->hashing = offload_open_nice(role->loop, HASHING_THREADS);
	signin->asking = offload_open(role->loop, ASKING_THREADS);
	if (!signin->hashing || !signin->asking) {
		role_is_short(role, "threads for testing passwords", errno);
		offload_close(signin->hashing);
		offload_close(signin->asking);
		free(signin);
		return NULL;
	}
	signin->guesses = counters_new(random_u64(), GUESSES_OF_A_CLASS);
	signin->shut = addresses_new(random_u64());
	random_bytes(signin->secret, sizeof signin->secret);
	gate_init(&signin->guess_over);
	gate_init(&signin->emptied);
	list_init(&signin->peers);
	list_init(&signin->exchanges);
	return signin;
}

void signin_secret(struct signin *signin, const uint8_t secret[32])
{
	memcpy(signin->secret, secret, sizeof signin->secret);
}

struct counters *signin_counters(struct signin *signin)
{
	return signin->guesses;
}

/* A cancelled task waits all the same: exchanges end within a test of a password. */
void signin_close(struct task *task, struct signin *signin)
{
	signin->closing = true;
	LIST_EACH (struct signin_exchange, exchange, &signin->exchanges, link)
		if (exchange->task)
			task_cancel(exchange->task);
	while (signin->exchange_count)
		if (gate_wait(task, &signin->emptied, "sign-ins to end") != WAIT_READY)
			if (task_yield(task) != WAIT_READY)
				continue;
	panic_if(!list_is_empty(&signin->peers), "an asker outlives signing in");
	stores_release(signin->store);
	offload_close(signin->hashing);
	offload_close(signin->asking);
	counters_free(signin->guesses);
	addresses_free(signin->shut);
	explicit_bzero(signin->secret, sizeof signin->secret);
	free(signin);
}

struct signin_peer *signin_peer_open(struct signin *signin, struct channel *channel)
{
	struct signin_peer *peer = calloc(1, sizeof *peer);

	panic_if(!peer, "no memory for an asker");
	peer->signin = signin;
	peer->channel = channel;
	peer->exchanges = map_new(random_u64());
	list_append(&signin->peers, &peer->link);
	offer_to(peer);
	tell_all_shut(peer);
	return peer;
}

void signin_peer_close(struct signin_peer *peer)
{
	size_t at = 0;

	for (struct signin_exchange *one; (one = map_next(peer->exchanges, &at));)
		give_up(one);
	map_free(peer->exchanges);
	list_remove(&peer->link);
	free(peer);
}

/* ---- status ---- */

static void tell_locks(struct signin *signin, struct text *out)
{
	struct loop *loop = signin->role->loop;
	mono_ns now = loop_mono(loop);
	struct counter_view view;
	size_t at = 0, shown = 0;

	text_put(out, SLICE(",\"locked\":["));
	while (counters_next(signin->guesses, &at, now, &view)) {
		if (!view.most || view.kept < view.most || shown == LOCKS_SHOWN)
			continue;
		text_put(out, shown++ ? SLICE(",") : SLICE_NONE);
		json_put_text(out, SLICE("{\"counter\":"), view.key);
		json_put_time(out, SLICE(",\"next_free\":"), view.free_at + loop_wall(loop) - now);
		text_char(out, '}');
	}
	text_char(out, ']');
}

void signin_tell(struct signin *signin, struct text *out)
{
	static const struct slice names[SIGNIN_OUTCOMES] = {[SIGNED_IN] = SLICE("signed_in"),
		[SIGNIN_WRONG] = SLICE("wrong"),
		[SIGNIN_CANNOT_TELL] = SLICE("cannot_tell"),
		[SIGNIN_TOO_MANY] = SLICE("too_many"),
		[SIGNIN_BUSY] = SLICE("busy"),
		[SIGNIN_MALFORMED] = SLICE("malformed"),
		[SIGNIN_UNKNOWN] = SLICE("unknown"),
		[SIGNIN_WEAK] = SLICE("weak")};

	json_put_text(out, SLICE("{\"offered\":"), signin->offered);
	json_put_number(out, SLICE(",\"at_once\":"), signin->exchange_count);
	json_put_number(out, SLICE(",\"hashing\":"), signin->hashing_count);
	for (size_t i = 0; i < SIGNIN_OUTCOMES; i++) {
		text_char(out, ',');
		text_json(out, names[i]);
		json_put_number(out, SLICE(":"), signin->outcomes[i]);
	}
	json_put_number(out, SLICE(",\"shut\":"),
		addresses_count(signin->shut, loop_mono(signin->role->loop)));
	tell_locks(signin, out);
	text_char(out, '}');
}
