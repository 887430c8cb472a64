/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to a host or a socket, and why there is none. Read client.h first. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpout/talk.h"

/* ---- a client over a connection ---- */

void client_close(struct client *client)
{
	tls_session_end(client->session);
	stream_close(client->stream);
	trust_drop(client->trust);
	reply_free(&client->reply);
}

static struct slice remote_text(const struct host *host, struct arena *arena)
{
	char room[64];
	struct text address = TEXT_FIXED(room);

	if (host->path.len)
		return arena_slice(arena, host->path);
	text_address(&address, &host->address);
	return arena_format(arena, "%.*s [%.*s]:%u", SLICE_ARGS(host->name),
		SLICE_ARGS(text_slice(&address)), host->address.port);
}

/* What its certificate must be made out to: the name as the configuration or the MX record has it,
 * or the address where that is written. */
static struct slice certificate_name(const struct host *host, struct arena *arena)
{
	char room[64];
	struct text text = TEXT_FIXED(room);
	struct address address;

	if (host->path.len || !address_parse_port(host->name, &address))
		return host->name;
	text_address(&text, &address);
	return arena_slice(arena, text_slice(&text));
}

struct client *client_greet(struct task *task, struct io *io, const struct host *host,
	const struct manner *manner, struct arena *arena, struct settlement *failure)
{
	struct client *client = ARENA_NEW(arena, struct client);

	client->arena = arena;
	client->stream = stream_open(io);
	client->trust = trust_hold(manner->trust);
	client->remote = remote_text(host, arena);
	client->name = certificate_name(host, arena);
	client->port = host->address.port;
	if (client_begin(task, client, manner, failure))
		return client;
	client_close(client);
	return NULL;
}

/* ---- sockets ---- */

/* The folders of a path that may not be searched hide even whether it is there. */
static struct slice folder_in_the_way(struct slice path, struct arena *arena)
{
	for (size_t i = 1; i < path.len; i++) {
		struct slice folder = slice_part(path, 0, i);
		if (path.at[i] == '/' && access(arena_string(arena, folder), X_OK) != 0)
			return folder;
	}
	return SLICE_NONE;
}

/* Who may use it, and who we are: the reader of the queue mends it with chmod, or in the settings
 * of the other server. */
static struct slice permission_words(struct slice path, struct arena *arena)
{
	struct slice folder = folder_in_the_way(path, arena);
	struct stat status;

	if (folder.len)
		return arena_format(arena,
			"Permission denied: user %u, as which mail is sent, may not search the "
			"folder %.*s",
			(unsigned)geteuid(), SLICE_ARGS(folder));
	if (stat(arena_string(arena, path), &status) != 0)
		return SLICE("Permission denied");
	return arena_format(arena,
		"Permission denied: the socket is of user %u and group %u with mode %04o, and user "
		"%u, as which mail is sent, may not write to it",
		(unsigned)status.st_uid, (unsigned)status.st_gid, (unsigned)status.st_mode & 07777,
		(unsigned)geteuid());
}

static struct slice socket_words(struct slice path, int error, struct arena *arena)
{
	switch (error) {
	case ENOENT: return SLICE("there is no such socket: the server that makes it is not up");
	case ECONNREFUSED: return SLICE("it is there, but no server listens at it");
	case ENOTSOCK:
	case EPROTOTYPE: return SLICE("that is no socket of a server");
	case EACCES:
	case EPERM: return permission_words(path, arena);
	default: return slice_of(error ? strerrordesc_np(error) : "closed");
	}
}

/* ---- connecting ---- */

static struct settlement connect_failure(
	const struct host *host, enum io_end end, int error, struct arena *arena)
{
	struct slice remote = remote_text(host, arena), why = SLICE_NONE;
	enum reason reason = REASON_CONNECT_FAILED;

	switch (end) {
	case IO_DEADLINE: why = SLICE("it does not answer"); break;
	case IO_CANCELLED: reason = REASON_SHUTTING_DOWN; break;
	case IO_DONE:
	case IO_CLOSED:
	case IO_FAILED:
		why = host->path.len ? socket_words(host->path, error, arena)
				     : slice_of(error ? strerrordesc_np(error) : "closed");
		break;
	}
	struct settlement failure = settlement_of(reason, remote, why, arena);
	failure.outcome = OUTCOME_DEFERRED;
	failure.remote = remote;
	return failure;
}

static enum io_end open_connection(
	struct task *task, const struct host *host, struct arena *arena, struct io **io)
{
	return host->path.len ? io_connect_unix(task, arena_string(arena, host->path), io)
			      : io_connect(task, &host->address, io);
}

static struct client *connect_once(struct task *task, const struct host *host,
	const struct manner *manner, struct arena *arena, struct settlement *failure)
{
	struct io *io = NULL;
	mono_ns outer = task_limit(task, limit_of(LIMIT_CONNECT));
	enum io_end end = open_connection(task, host, arena, &io);
	int error = errno;

	task_restore(task, outer);
	if (end == IO_DONE)
		return client_greet(task, io, host, manner, arena, failure);
	*failure = connect_failure(host, end, error, arena);
	return NULL;
}

/* RFC 7435: encryption that nobody can rely on is better than none, and none is better than no
 * mail. A server that speaks TLS from the first byte has nothing to say without. */
static bool may_go_plainly(const struct task *task, const struct host *host,
	const struct manner *manner, const struct settlement *failure)
{
	return failure->reason == REASON_TLS_FAILED && manner->tls == ROUTE_TLS_MAY &&
	       host->address.port != PORT_TLS_AT_ONCE && !task_is_cancelled(task);
}

struct client *client_connect(struct task *task, const struct host *host,
	const struct manner *manner, struct arena *arena, struct settlement *failure)
{
	struct client *client = connect_once(task, host, manner, arena, failure);
	struct manner again = *manner;

	if (client || !may_go_plainly(task, host, manner, failure))
		return client;
	again.plainly = failure->tls.why;
	return connect_once(task, host, &again, arena, failure);
}
