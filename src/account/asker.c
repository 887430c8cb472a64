/* SPDX-License-Identifier: Apache-2.0 */
/* The way to accounts: its channel, what comes over it, its life. The contract is in asker.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/addresses.h"
#include "account/asker_inside.h"
#include "base/panic.h"
#include "run/random.h"

static const mono_ns known_for = 24 * 60 * 60 * NS_PER_S;

uint64_t asker_new_request(struct asker *asker)
{
	if (!++asker->last_request)
		asker->last_request = 1;
	return asker->last_request;
}

/* ---- sending ---- */

struct outgoing asker_outgoing_begin(void)
{
	char *body = malloc(CHANNEL_BODY_MAX);

	panic_if(!body, "out of memory for a packet");
	return (struct outgoing){writer_over(body, CHANNEL_BODY_MAX), body};
}

bool asker_outgoing_send(struct asker *asker, struct outgoing *outgoing, uint16_t type)
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

void asker_note_known(struct asker *asker, const struct address *client)
{
	mono_ns now = loop_mono(asker->loop);

	addresses_put(asker->known, client, now + known_for, now);
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
	asker->changes++;
	if (account.len)
		asker_forget(asker, account);
	else
		asker_forget_all(asker);
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
		asker_take_challenge(asker, &challenge);
	else if (type == SIGNIN_DONE && signin_done_read(body, &done))
		asker_take_done(asker, &done);
	else if (type == SIGNIN_ANSWER && signin_answer_read(body, &answer))
		asker_take_answer(asker, &answer);
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
		asker_exchange_fail(one, is_away);
	at = 0;
	for (struct question *one; (one = map_next(asker->questions, &at));)
		if (!one->done)
			asker_question_fail(one, is_away);
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
	asker_forget_all(asker);
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
