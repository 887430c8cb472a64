/* SPDX-License-Identifier: Apache-2.0 */
/* STAT, LIST and UIDL (RFC 1939 sections 5 and 7). Read session.h first. */
#include "pop3/session.h"

enum {
	MEASURED_AT_ONCE = 2000, /* files; then another session's turn comes */
	OUTPUT_MOST = 16 << 10,
};

struct measuring {
	struct maildrop *drop;
	bool more;
};

static void measure_on_thread(void *arg)
{
	struct measuring *measuring = arg;

	measuring->more = maildrop_measure(measuring->drop, MEASURED_AT_ONCE);
}

bool pop_measure(struct task *task, struct pop_session *session)
{
	struct measuring measuring = {.drop = session->drop, .more = true};

	if (!maildrop_is_measured(session->drop))
		do
			pop_offload(task, session, measure_on_thread, &measuring);
		while (measuring.more && !task_is_cancelled(task));
	if (task_is_cancelled(task))
		pop_part(session, SLICE("SYS/TEMP"), SLICE("shutting down; nothing was deleted"));
	return !session->ending;
}

bool pop_has(struct pop_session *session, uint64_t number)
{
	bool has = maildrop_has(session->drop, number);

	if (!has)
		pop_complain(session, SLICE_NONE, SLICE("no such message"));
	return has;
}

struct sum {
	uint64_t messages, octets;
};

static struct sum sum_of(const struct maildrop *drop)
{
	struct sum sum = {0};
	uint64_t size;

	for (size_t number = 1; number <= maildrop_count(drop); number++) {
		if (!maildrop_has(drop, number))
			continue;
		maildrop_size(drop, number, &size);
		sum.messages++;
		sum.octets += size;
	}
	return sum;
}

void pop_stat(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)command;
	if (!pop_measure(task, session))
		return;
	struct sum sum = sum_of(session->drop);
	pop_say(session, arena_format(session->scratch, "%llu %llu",
				 (unsigned long long)sum.messages, (unsigned long long)sum.octets));
}

/* ---- one line for each message ---- */

typedef void put_fn(const struct maildrop *drop, size_t number, struct text *out);

static void size_put(const struct maildrop *drop, size_t number, struct text *out)
{
	uint64_t size;

	maildrop_size(drop, number, &size);
	text_number(out, size);
}

static void entry_put(struct pop_session *session, size_t number, struct slice before, put_fn *put)
{
	struct text *out = stream_output(session->stream);

	text_put(out, before);
	text_number(out, number);
	text_char(out, ' ');
	put(session->drop, number, out);
	text_put(out, SLICE("\r\n"));
}

static void entries_put(
	struct task *task, struct pop_session *session, struct slice words, put_fn *put)
{
	pop_say(session, words);
	for (size_t number = 1; number <= maildrop_count(session->drop); number++) {
		if (!maildrop_has(session->drop, number))
			continue;
		entry_put(session, number, SLICE_NONE, put);
		if (!pop_flush(task, session, OUTPUT_MOST))
			return;
	}
	stream_put(session->stream, SLICE(".\r\n"));
}

void pop_list(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	if (!pop_measure(task, session))
		return;
	if (command->has_message) {
		if (pop_has(session, command->message))
			entry_put(session, command->message, SLICE("+OK "), size_put);
		return;
	}
	struct sum sum = sum_of(session->drop);
	entries_put(task, session,
		arena_format(session->scratch, "%llu messages (%llu octets)",
			(unsigned long long)sum.messages, (unsigned long long)sum.octets),
		size_put);
}

void pop_uidl(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	if (!command->has_message)
		entries_put(task, session, SLICE("unique ids"), maildrop_put_uid);
	else if (pop_has(session, command->message))
		entry_put(session, command->message, SLICE("+OK "), maildrop_put_uid);
}
