/* SPDX-License-Identifier: Apache-2.0 */
/* How a session begins: the greeting, EHLO (or HELO, or LHLO) and what it offers. Read client.h
 * first; talk.h has the parts. */
#include "smtpout/talk.h"

/* ---- what is offered ---- */

static uint64_t number_below(struct slice text, uint64_t most)
{
	uint64_t number;

	return slice_number(text, most, &number) && number > 0 ? number : most;
}

/* RFC 9422: "LIMITS RCPTMAX=20 MAILMAX=5". Limits we do not know are passed over. */
static void limits_read(struct slice words, struct extensions *offered)
{
	while (words.len) {
		struct slice value = slice_cut(&words, ' '), name = slice_cut(&value, '=');
		if (slice_is_nocase(name, SLICE("RCPTMAX")))
			offered->recipients_most = number_below(value, RECIPIENTS_AT_ONCE);
		else if (slice_is_nocase(name, SLICE("MAILMAX")))
			offered->messages_most = number_below(value, MESSAGES_PER_CONNECTION);
	}
}

static void extension_read(struct slice line, struct extensions *offered, struct arena *arena)
{
	struct slice words = line, keyword = slice_cut(&words, ' ');

	if (slice_is_nocase(keyword, SLICE("PIPELINING")))
		offered->pipelining = true;
	else if (slice_is_nocase(keyword, SLICE("8BITMIME")))
		offered->eight_bit = true;
	else if (slice_is_nocase(keyword, SLICE("SMTPUTF8")))
		offered->smtputf8 = true;
	else if (slice_is_nocase(keyword, SLICE("DSN")))
		offered->dsn = true;
	else if (slice_is_nocase(keyword, SLICE("STARTTLS")))
		offered->starttls = true;
	else if (slice_is_nocase(keyword, SLICE("AUTH")))
		offered->mechanisms = arena_slice(arena, words);
	else if (slice_is_nocase(keyword, SLICE("LIMITS")))
		limits_read(words, offered);
	else if (slice_is_nocase(keyword, SLICE("SIZE"))) {
		offered->size = true;
		if (!slice_number(slice_trim(words), UINT64_MAX, &offered->size_most))
			offered->size_most = 0;
	}
}

static void extensions_read(struct slice words, struct extensions *offered, struct arena *arena)
{
	slice_cut(&words, '\n'); /* the greeting */
	offered->esmtp = true;
	while (words.len)
		extension_read(slice_trim(slice_cut(&words, '\n')), offered, arena);
}

/* ---- greeting and hello ---- */

static enum talk hello(struct task *task, struct client *client, struct slice verb)
{
	stream_put(client->stream, verb);
	stream_put(client->stream, client->our_name);
	stream_put(client->stream, SLICE("\r\n"));
	return client_listen(task, client, LIMIT_HELLO);
}

static bool was_refused(const struct client *client, enum talk talk)
{
	return talk == TALK_OK && !client->ended && client->reply.code / 100 == 5;
}

bool reply_was_granted(const struct client *client, enum talk talk)
{
	return talk == TALK_OK && !client->ended && reply_is_positive(&client->reply);
}

/* Who does not begin has refused the session, not a message. By LMTP nobody is refused for good:
 * the server is one of ours, and says 5xx if it speaks something else. */
static void fail(struct client *client, enum talk talk, struct settlement *failure)
{
	*failure = talk == TALK_OK ? settlement_of_reply(client, client->arena)
				   : settlement_of_talk(client, talk,
					     SLICE("before the session began"), client->arena);
	if (client->lmtp)
		failure->outcome = OUTCOME_DEFERRED;
}

/* EHLO, or HELO where EHLO is refused (RFC 5321 3.2); LHLO has nothing to fall back to (RFC 2033
 * 4.1). */
static bool introduce(struct task *task, struct client *client, struct settlement *failure)
{
	client->extensions = (struct extensions){
		.recipients_most = RECIPIENTS_AT_ONCE, .messages_most = MESSAGES_PER_CONNECTION};
	enum talk talk = hello(task, client, client->lmtp ? SLICE("LHLO ") : SLICE("EHLO "));

	if (reply_was_granted(client, talk))
		extensions_read(
			text_slice(&client->reply.words), &client->extensions, client->arena);
	else if (was_refused(client, talk) && !client->lmtp)
		talk = hello(task, client, SLICE("HELO "));
	if (reply_was_granted(client, talk))
		return true;
	fail(client, talk, failure);
	return false;
}

static bool greeting(struct task *task, struct client *client, struct settlement *failure)
{
	enum talk talk = client_listen(task, client, LIMIT_GREETING);

	if (reply_was_granted(client, talk))
		return true;
	fail(client, talk, failure); /* 554 or 421 instead of 220 */
	return false;
}

bool client_begin(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure)
{
	bool fresh = false;

	client->our_name = manner->our_name;
	client->lmtp = manner->lmtp;
	client->tls = (struct delivery_tls){
		.known = client->name.len > 0, .wanted = (uint8_t)manner->tls};
	if (!client_secure_at_once(task, client, manner, failure) ||
		!greeting(task, client, failure) || !introduce(task, client, failure) ||
		!client_secure(task, client, manner, failure, &fresh))
		return false;
	/* RFC 3207 4.2: what was heard before the handshake, the extensions too, is forgotten. */
	if (fresh && !introduce(task, client, failure))
		return false;
	return client_sign_in(task, client, manner, failure);
}
