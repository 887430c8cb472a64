/* SPDX-License-Identifier: Apache-2.0 */
/* The running daemon, asked at its control socket (control/README.md). Plain blocking calls: this
 * is a command, not a task. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/cli.h"

const char *daemon_path(const struct policy *policy, const char *name, struct arena *arena)
{
	struct slice state = policy_settings(policy)->state;

	return arena_format(arena, "%.*s/%s", SLICE_ARGS(state), name).at;
}

/* The socket lies in the state folder, or where `listen control` says. */
static const char *socket_path(const struct policy *policy, struct arena *arena)
{
	const struct settings *settings = policy_settings(policy);

	for (size_t i = 0; i < settings->listen_count; i++)
		if (settings->listens[i].service == SERVICE_CONTROL)
			return arena_string(arena, settings->listens[i].path);
	return daemon_path(policy, "control.sock", arena);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int cause = errno;
	if (fd >= 0)
		close(fd);
	errno = cause;
	return -1;
}

/* Lines until {"end":true}; the words of {"error":…} are kept. */
static enum asked read_answer(
	FILE *stream, void (*see)(void *, json_t *), void *owner, struct text *words)
{
	enum asked asked = ASKED_NO_DAEMON;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while (asked == ASKED_NO_DAEMON && (len = getline(&line, &size, stream)) > 0) {
		json_t *object = json_loadb(line, (size_t)len, 0, NULL);
		const char *error = json_string_value(json_object_get(object, "error"));
		if (json_is_true(json_object_get(object, "end")))
			asked = words->len ? ASKED_REFUSED : ASKED;
		else if (error && json_object_size(object) == 1)
			text_put(words, slice_of(error));
		else if (object)
			see(owner, object);
		json_decref(object);
	}
	free(line);
	if (asked == ASKED_NO_DAEMON)
		text_put(words, SLICE("the daemon's answer was cut off"));
	return asked;
}

enum asked daemon_ask(const struct policy *policy, json_t *question,
	void (*see)(void *owner, json_t *line), void *owner, struct text *words)
{
	struct arena *arena = arena_new();
	const char *path = socket_path(policy, arena);
	int fd = connect_to(path);
	FILE *stream = fd >= 0 ? fdopen(fd, "r+") : NULL;
	enum asked asked = ASKED_NO_DAEMON;

	if (stream) {
		json_dumpf(question, stream, JSON_COMPACT);
		fputc('\n', stream);
		fflush(stream);
		asked = read_answer(stream, see, owner, words);
		fclose(stream);
	} else {
		text_format(words, "no daemon answers at %s: %s", path, strerror(errno));
	}
	json_decref(question);
	arena_free(arena);
	return asked;
}
