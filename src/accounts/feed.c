/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of other login servers. Read feed.h and feed_line.h first. */
#include "accounts/feed.h"

#include <stdlib.h>

#include "accounts/feed_line.h"
#include "accounts/lending.h"
#include "base/panic.h"
#include "run/stream.h"

enum { LISTENERS_MOST = 8, LINE_MOST = 800 };
static const mono_ns patience = 60 * NS_PER_S;
static const mono_ns accept_again = 100 * NS_PER_MS;

struct feed {
	struct role *role;
	struct directory *directory;
	struct leasing *leasing;
	struct io *listeners[LISTENERS_MOST];
	size_t listener_count, session_count;
	struct gate ended; /* a session has */
	struct task_group tasks;
};

/* ---- one line ---- */

static void say(struct stream *stream, struct slice first, struct slice rest)
{
	struct text *out = stream_output(stream);

	text_put(out, first);
	text_escaped(out, rest);
	text_char(out, '\n');
}

static void grant(struct task *task, struct feed *feed, const struct feed_line *line,
	struct arena *arena, struct stream *stream)
{
	struct lease_view lease = {.client = line->client, .account = line->account};
	struct store *store = directory_store(feed->directory);
	char room[300], time[40];
	struct text words = TEXT_FIXED(room), until = TEXT_FIXED(time);

	if (store)
		stores_hold(store);
	bool granted = lease_grant(task, feed->leasing, store, (mono_ns)line->seconds * NS_PER_S,
		arena, &lease, &words);
	stores_release(store);
	if (!granted) {
		say(stream, SLICE("NO "), text_slice(&words));
		return;
	}
	text_time(&until, lease_wall(feed->leasing, lease.until));
	say(stream, SLICE("OK until "), text_slice(&until));
}

static void obey(
	struct task *task, struct feed *feed, const struct feed_line *line, struct stream *stream)
{
	struct arena *arena = arena_new();

	switch (line->verb) {
	case FEED_GRANT: grant(task, feed, line, arena, stream); break;
	case FEED_REVOKE:
		text_format(stream_output(stream), "OK %zu\n",
			lease_take_back(feed->leasing, &line->client, line->account, arena));
		break;
	case FEED_QUIT: say(stream, SLICE("OK"), SLICE_NONE); break;
	case FEED_WRONG: say(stream, SLICE("NO expected "), slice_of(line->right)); break;
	}
	arena_wipe(arena);
	arena_free(arena);
}

/* ---- one session ---- */

/* A line ends in LF, or CR LF. False: none comes, or it is too long for one. */
static bool hear(struct task *task, struct stream *stream, struct text *line)
{
	struct slice bytes;

	text_clear(line);
	for (;;) {
		if (stream_peek(task, stream, &bytes) != IO_DONE)
			return false;
		size_t lf = slice_find(bytes, '\n');
		struct slice part = slice_part(bytes, 0, lf);
		text_put(line, part);
		stream_consume(stream, part.len + (lf != SIZE_MAX));
		if (line->cut)
			return false;
		if (lf != SIZE_MAX)
			break;
	}
	if (line->len && line->at[line->len - 1] == '\r')
		line->len--;
	return true;
}

static void converse(struct task *task, struct feed *feed, struct stream *stream)
{
	char room[LINE_MOST];
	struct text line = TEXT_FIXED(room);
	enum feed_verb verb = FEED_WRONG;

	while (verb != FEED_QUIT) {
		mono_ns outer = task_limit(task, patience);
		bool heard = hear(task, stream, &line);
		task_restore(task, outer);
		if (!heard)
			break;
		struct feed_line said = feed_line_parse(text_slice(&line));
		verb = said.verb;
		obey(task, feed, &said, stream);
	}
	task_limit(task, patience);
	enum io_end end = stream_flush(task, stream);
	(void)end; /* whether anybody reads it or not */
}

struct session {
	struct feed *feed;
	struct io *client;
};

static void session_run(struct task *task, void *arg)
{
	struct session session = *(struct session *)arg;
	struct stream *stream = stream_open(session.client);

	free(arg);
	converse(task, session.feed, stream);
	stream_close(stream);
	session.feed->session_count--;
	gate_open(&session.feed->ended);
}

static void session_start(struct feed *feed, struct io *client)
{
	struct session *session = malloc(sizeof *session);

	panic_if(!session, "no memory for a session");
	*session = (struct session){feed, client};
	if (group_start(&feed->tasks, "grants", session_run, session)) {
		feed->session_count++;
		return;
	}
	io_close(client);
	free(session);
}

/* ---- accepting ---- */

struct accepting {
	struct feed *feed;
	struct io *listener;
};

static enum io_end accept_one(struct task *task, const struct accepting *accepting)
{
	struct io *client;
	struct address from;
	enum io_end end = io_accept(task, accepting->listener, &client, &from);

	if (end == IO_DONE)
		session_start(accepting->feed, client);
	return end;
}

static void accept_run(struct task *task, void *arg)
{
	struct accepting accepting = *(struct accepting *)arg;
	struct feed *feed = accepting.feed;
	enum io_end end = IO_DONE;
	enum wait wait = WAIT_READY;

	free(arg);
	while (end != IO_CANCELLED && wait == WAIT_READY) {
		if (feed->session_count >= FEED_SESSIONS_MOST)
			wait = gate_wait(task, &feed->ended, "a session to end");
		else if ((end = accept_one(task, &accepting)) == IO_FAILED)
			wait = task_sleep(task, accept_again);
	}
}

void feed_start(struct feed *feed)
{
	for (size_t i = 0; i < feed->listener_count; i++) {
		struct accepting *accepting = malloc(sizeof *accepting);
		panic_if(!accepting, "no memory for a listener");
		*accepting = (struct accepting){feed, feed->listeners[i]};
		panic_if(!group_start(&feed->tasks, "accept", accept_run, accepting),
			"no memory for a listener");
	}
}

/* ---- its life ---- */

struct feed *feed_open(struct role *role, struct directory *directory, struct leasing *leasing)
{
	struct feed *feed = calloc(1, sizeof *feed);

	panic_if(!feed, "no memory for grants");
	*feed = (struct feed){.role = role, .directory = directory, .leasing = leasing};
	gate_init(&feed->ended);
	group_init(&feed->tasks, role->loop);
	return feed;
}

void feed_listen(struct feed *feed, int fd)
{
	panic_if(feed->listener_count == LISTENERS_MOST, "too many sockets of grants");
	feed->listeners[feed->listener_count++] = io_open(feed->role->loop, fd);
}

void feed_close(struct task *task, struct feed *feed)
{
	group_cancel(&feed->tasks);
	while (feed->tasks.running && group_wait(task, &feed->tasks) == WAIT_READY)
		;
	for (size_t i = 0; i < feed->listener_count; i++)
		io_close(feed->listeners[i]);
	free(feed);
}
