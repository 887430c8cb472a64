/* SPDX-License-Identifier: Apache-2.0 */
/* A role's talk with control. The contract is in told.h. */
#include "role/told.h"

#include <string.h>
#include <unistd.h>

#include "packets/report.h"

enum { LINES_KEPT = CHANNEL_QUEUE_MAX / 2 }; /* octets; a new channel takes them all */
#define LINE_PATIENCE NS_PER_MS              /* nobody waits for one */

void told_init(struct told *told, struct loop *loop, const struct told_user *user)
{
	*told = (struct told){.loop = loop, .user = *user, .kept = TEXT_GROWING};
	answers_init(&told->answers);
}

/* ---- lines ---- */

/* The count goes out before the next line that does. */
static bool tell_dropped(struct told *told)
{
	char body[sizeof(uint64_t)];
	struct writer out = writer_over(body, sizeof body);

	if (!told->dropped)
		return true;
	report_count_write(&out, told->dropped);
	if (channel_send(told->control, REPORT_DROPPED, writer_slice(&out), -1) != SENT)
		return false;
	told->dropped = 0;
	return true;
}

static bool send_line(struct told *told, struct slice line)
{
	return tell_dropped(told) && channel_send(told->control, REPORT_LINE, line, -1) == SENT;
}

static bool keep_line(struct told *told, struct slice line)
{
	uint16_t length = (uint16_t)line.len;

	if (told->kept.len + sizeof length + line.len > LINES_KEPT)
		return false;
	text_put(&told->kept, (struct slice){(const char *)&length, sizeof length});
	text_put(&told->kept, line);
	return true;
}

static void send_kept(struct told *told)
{
	struct slice kept = text_slice(&told->kept);

	for (uint16_t length; kept.len; kept = slice_from(kept, length)) {
		memcpy(&length, kept.at, sizeof length);
		kept = slice_from(kept, sizeof length);
		told->dropped += !send_line(told, slice_part(kept, 0, length));
	}
	text_free(&told->kept);
}

void told_record(struct told *told, struct slice line)
{
	bool taken = line.len <= CHANNEL_BODY_MAX &&
		     (told->control ? send_line(told, line) : keep_line(told, line));

	told->dropped += !taken;
}

/* ---- questions ---- */

static void answer(struct told *told, const struct report_ask *ask)
{
	const struct told_user *user = &told->user;

	if (user->take && user->take(user->owner, ask->question, ask->request, told->controls))
		return;
	struct text *words = answers_begin(&told->answers, ask->request);
	if (words)
		user->answer(user->owner, ask->question, words);
	answers_pump(&told->answers, told->control);
}

void told_later(struct told *told, uint32_t request, uint64_t asker, struct slice words)
{
	if (!told->control || told->controls != asker)
		return;
	struct text *answer = answers_begin(&told->answers, request);
	if (answer)
		text_put(answer, words);
	answers_pump(&told->answers, told->control);
}

/* ---- the channel ---- */

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct report_ask ask;

	(void)channel;
	if (fd >= 0)
		close(fd); /* control has none to give */
	if (type == REPORT_ASK && report_ask_read(body, &ask))
		answer(owner, &ask);
}

static void drained(void *owner, struct channel *channel)
{
	struct told *told = owner;

	answers_pump(&told->answers, channel);
}

static void let_go(struct told *told)
{
	channel_close(told->control);
	told->control = NULL;
	answers_drop(&told->answers);
}

static void gone(void *owner, struct channel *channel)
{
	(void)channel;
	let_go(owner);
}

void told_open(struct told *told, int fd)
{
	let_go(told); /* one that died is given again */
	told->controls++;
	told->control = channel_open(told->loop, fd,
		(struct channel_user){
			.receive = receive, .gone = gone, .drained = drained, .owner = told});
	channel_set_patience(told->control, LINE_PATIENCE);
	send_kept(told);
}

void told_close(struct told *told)
{
	if (told->control)
		channel_drain(told->control);
	let_go(told);
	text_free(&told->kept);
}
