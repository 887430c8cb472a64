/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialogue with a next hop that is asked: MAIL FROM:<>, RCPT for each address, RSET. Nothing is
 * sent that could become mail. The null sender, as RFC 5321 4.5.5 has it for what nobody wants an
 * answer to by mail: a next hop that refuses it would refuse our reports too.
 */
#include "base/text.h"
#include "base/utf8.h"
#include "smtpout/asked_inside.h"
#include "smtpout/asked_reply.h"
#include "smtpout/talk.h"

void words_copy(char *room, size_t size, struct slice words)
{
	size_t len = 0;

	for (size_t i = 0; i < words.len && len + 1 < size; i++) {
		unsigned char c = (unsigned char)words.at[i];
		room[len++] = c < ' ' || c == 0x7f ? ' ' : (char)c;
	}
	room[len] = 0;
}

/* ---- what was said ---- */

static void reply_text(struct text *text, struct slice shown, const struct reply *reply)
{
	text_put(text, shown);
	text_format(text, ": %u ", reply->code);
	if (reply->enhanced.class) {
		text_enhanced(text, reply->enhanced);
		text_char(text, ' ');
	}
	text_put(text, text_slice(&reply->words));
}

static void probe_answer(struct probe *probe, enum asking_found found, struct slice words)
{
	probe->is_answered = true;
	probe->found = found;
	words_copy(probe->words, sizeof probe->words, words);
}

static void probe_take_reply(
	struct probe *probe, const struct client *client, struct slice shown, bool is_of_rcpt)
{
	const struct reply *reply = &client->reply;
	struct text text = TEXT_GROWING;
	enum asking_found found = ASKING_CANNOT_TELL;

	if (is_of_rcpt) {
		struct arena *arena = arena_new();
		found = asked_reply_means(
			reply->code, reply->enhanced, text_slice(&reply->words), arena);
		arena_free(arena);
	}
	reply_text(&text, shown, reply);
	probe_answer(probe, found, text_slice(&text));
	text_free(&text);
}

/* ---- what is asked ---- */

/* RFC 6531 section 3.2: without SMTPUTF8 such an address cannot even be named there. */
static void answer_unspeakable(const struct client *client, struct slice shown,
	struct probe *const *probes, size_t count, bool *utf8)
{
	struct text text = TEXT_GROWING;

	*utf8 = false;
	text_format(&text,
		"%.*s: it does not offer SMTPUTF8, so it has no address that is not ASCII",
		SLICE_ARGS(shown));
	for (size_t i = 0; i < count; i++) {
		if (utf8_is_ascii(probes[i]->address))
			continue;
		*utf8 |= client->extensions.smtputf8;
		if (!client->extensions.smtputf8)
			probe_answer(probes[i], ASKING_UNKNOWN, text_slice(&text));
	}
	text_free(&text);
}

static void put_rcpt(struct client *client, const struct probe *probe)
{
	stream_put(client->stream, SLICE("RCPT TO:<"));
	stream_put(client->stream, probe->address);
	stream_put(client->stream, SLICE(">\r\n"));
}

/* RFC 2920: all of it in one send. */
static void put_all(struct client *client, struct probe *const *probes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!probes[i]->is_answered)
			put_rcpt(client, probes[i]);
	stream_put(client->stream, SLICE("RSET\r\n"));
}

/* MAIL was refused: so nothing is said of anybody. The answers to what followed are read. */
static void mail_refused(struct task *task, struct client *client, struct slice shown,
	struct probe *const *probes, size_t count)
{
	size_t left = 1; /* RSET's */

	for (size_t i = 0; i < count; i++)
		if (!probes[i]->is_answered) {
			probe_take_reply(probes[i], client, shown, false);
			left++;
		}
	while (client->extensions.pipelining && left-- > 0 && !client->ended)
		if (client_listen(task, client, LIMIT_RCPT) != TALK_OK)
			return;
}

static bool rcpt_asked(
	struct task *task, struct client *client, struct slice shown, struct probe *probe)
{
	if (!client->extensions.pipelining)
		put_rcpt(client, probe);
	if (client_listen(task, client, LIMIT_RCPT) != TALK_OK)
		return false;
	probe_take_reply(probe, client, shown, true);
	return !client->ended;
}

void probes_talk(struct task *task, struct client *client, struct slice shown,
	struct probe *const *probes, size_t count)
{
	bool pipelining = client->extensions.pipelining, utf8;

	answer_unspeakable(client, shown, probes, count, &utf8);
	stream_put(client->stream,
		utf8 ? SLICE("MAIL FROM:<> SMTPUTF8\r\n") : SLICE("MAIL FROM:<>\r\n"));
	if (pipelining)
		put_all(client, probes, count);
	if (client_listen(task, client, LIMIT_MAIL) != TALK_OK)
		return;
	if (!reply_is_positive(&client->reply)) {
		mail_refused(task, client, shown, probes, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (!probes[i]->is_answered && !rcpt_asked(task, client, shown, probes[i]))
			return;
	if (!pipelining)
		stream_put(client->stream, SLICE("RSET\r\n"));
	if (client_listen(task, client, LIMIT_RCPT) != TALK_OK)
		client->ended = true;
}
