/* SPDX-License-Identifier: Apache-2.0 */
/* RETR and TOP (RFC 1939 sections 5 and 7): a message is read on a thread, piece by piece, and sent
 * while nothing waits for a disk. Read session.h first. */
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "pop3/content.h"
#include "pop3/session.h"

enum { PIECE = 64 << 10 };

struct reading {
	struct maildrop *drop;
	size_t number;
	int fd;
	char *room;
	size_t got;
	bool at_end, failed;
};

/* As much as there is room for, so that a small message is read in one call. */
static void read_on_thread(void *arg)
{
	struct reading *reading = arg;
	ssize_t got = 1;

	if (reading->fd < 0)
		reading->fd = maildrop_message(reading->drop, reading->number);
	if (reading->fd < 0)
		return;
	for (reading->got = 0; got > 0 && reading->got < PIECE; reading->got += (size_t)got) {
		got = read(reading->fd, reading->room + reading->got, PIECE - reading->got);
		reading->failed = got < 0;
		if (got < 0)
			got = 0;
	}
	reading->at_end = got == 0;
}

static void close_on_thread(void *arg)
{
	const struct reading *reading = arg;

	close(reading->fd);
}

/* A message of which a part is missing must not look whole, so its end is not said. */
static void send_rest(struct task *task, struct pop_session *session, struct reading *reading,
	struct content *content)
{
	bool more = true;

	while (more && !session->ending) {
		more = content_put(content, (struct slice){reading->room, reading->got},
			       stream_output(session->stream)) &&
		       !reading->at_end;
		if (reading->failed || task_is_cancelled(task))
			session->ending = session->broken = true;
		else if (more && pop_flush(task, session, 0))
			pop_offload(task, session, read_on_thread, reading);
	}
	if (!session->ending)
		content_end(content, stream_output(session->stream));
}

static void cannot_open(struct pop_session *session, size_t number)
{
	const struct pop_doors *doors = session->pop->doors;

	if (!pop_has(session, number))
		return; /* another program has removed it meanwhile */
	session->pop->tally.failed++;
	doors->failed(doors->owner, pop_session_name(session), maildrop_words(session->drop));
	pop_complain(session, SLICE("SYS/TEMP"), SLICE("the message cannot be read"));
}

static void send_message(
	struct task *task, struct pop_session *session, size_t number, uint64_t lines)
{
	struct reading reading = {.drop = session->drop, .number = number, .fd = -1};
	struct content content;
	uint64_t size;

	reading.room = malloc(PIECE);
	panic_if(!reading.room, "no memory for a piece of a message");
	pop_offload(task, session, read_on_thread, &reading);
	if (reading.fd < 0) {
		cannot_open(session, number);
	} else {
		maildrop_size(session->drop, number, &size);
		pop_say(session,
			arena_format(session->scratch, "%llu octets", (unsigned long long)size));
		content_begin(&content, lines);
		send_rest(task, session, &reading, &content);
		pop_offload(task, session, close_on_thread, &reading);
		session->pop->tally.retrieved += !session->ending;
		session->pop->tally.octets += session->ending ? 0 : size;
	}
	free(reading.room);
}

void pop_retr(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	if (pop_has(session, command->message))
		send_message(task, session, command->message, CONTENT_WHOLE);
}

void pop_top(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	if (pop_has(session, command->message))
		send_message(task, session, command->message, command->lines);
}
