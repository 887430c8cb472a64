/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a session: STARTTLS (RFC 3207), or from the first byte. Read client.h first. */
#include "smtpout/talk.h"

/* ---- what came of it ---- */

static void session_note(struct client *client)
{
	const struct tls_seen *seen = tls_seen(client->session);

	client->tls.session = arena_format(
		client->arena, "%.*s %.*s", SLICE_ARGS(seen->version), SLICE_ARGS(seen->cipher));
	client->tls.verified = seen->verified;
}

/* The session ends here: what is said in it after this could be anybody's. */
static void fail(
	struct client *client, enum reason reason, struct slice why, struct settlement *failure)
{
	client->ended = true;
	client->tls.why = why;
	*failure = settlement_of(reason, client->remote, why, client->arena);
	failure->outcome = OUTCOME_DEFERRED;
	settlement_sign(failure, client);
}

static struct slice handshake_words(const struct client *client, const struct manner *manner,
	enum tls_end end, struct slice why)
{
	if (manner->tls == ROUTE_TLS_VERIFIED && end == TLS_REFUSED)
		return arena_format(client->arena, "%.*s, for a certificate of %.*s",
			SLICE_ARGS(why), SLICE_ARGS(client->name));
	return arena_format(client->arena, "the handshake failed: %.*s", SLICE_ARGS(why));
}

static bool handshake(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure)
{
	char room[TLS_WHY_MAX - 60];
	struct text why = TEXT_FIXED(room);
	struct tls_wish wish = {
		.name = client->name, .verified = manner->tls == ROUTE_TLS_VERIFIED};

	if (!client->trust) {
		fail(client, REASON_TLS_FAILED, SLICE("TLS is not to be had here"), failure);
		return false;
	}
	enum tls_end end = tls_connect(
		task, trust_tls(client->trust), client->stream, &wish, &client->session, &why);
	if (end == TLS_DONE) {
		session_note(client);
		return true;
	}
	fail(client, end == TLS_CANCELLED ? REASON_SHUTTING_DOWN : REASON_TLS_FAILED,
		handshake_words(client, manner, end, text_slice(&why)), failure);
	return false;
}

/* ---- whether there is to be any ---- */

static bool is_wanted(const struct client *client, const struct manner *manner)
{
	return client->tls.known && manner->tls != ROUTE_TLS_OFF;
}

bool client_secure_at_once(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure)
{
	if (!is_wanted(client, manner) || client->port != PORT_TLS_AT_ONCE)
		return true;
	return handshake(task, client, manner, failure);
}

/* The session goes on without TLS, or not at all. */
static bool do_without(struct client *client, const struct manner *manner, struct slice why,
	struct settlement *failure)
{
	client->tls.why = why;
	if (manner->tls == ROUTE_TLS_MAY)
		return true;
	fail(client, REASON_TLS_NOT_AVAILABLE, why, failure);
	return false;
}

static enum talk ask(struct task *task, struct client *client)
{
	stream_put(client->stream, SLICE("STARTTLS\r\n"));
	return client_listen(task, client, LIMIT_STARTTLS);
}

bool client_secure(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure, bool *fresh)
{
	if (!is_wanted(client, manner) || client->session)
		return true;
	if (manner->plainly.len)
		return do_without(client, manner, manner->plainly, failure);
	if (!client->extensions.starttls)
		return do_without(client, manner, SLICE("STARTTLS is not offered"), failure);
	enum talk talk = ask(task, client);
	if (talk != TALK_OK || client->reply.code == 421) {
		*failure = talk == TALK_OK ? settlement_of_reply(client, client->arena)
					   : settlement_of_talk(client, talk,
						     SLICE("after STARTTLS"), client->arena);
		return false;
	}
	if (client->reply.code != 220)
		return do_without(client, manner,
			arena_format(client->arena, "STARTTLS was refused: %u %.*s",
				client->reply.code,
				SLICE_ARGS(slice_part(text_slice(&client->reply.words), 0, 120))),
			failure);
	*fresh = true;
	return handshake(task, client, manner, failure);
}
