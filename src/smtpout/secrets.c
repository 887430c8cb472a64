/* SPDX-License-Identifier: Apache-2.0 */
/* Trust and passwords. The contract is in secrets.h. */
#include "smtpout/secrets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/panic.h"

/* ---- trust ---- */

struct trust {
	struct tls *tls;
	unsigned holders;
};

struct trust *trust_open(struct slice file, struct text *why)
{
	struct tls *tls = tls_open_client(file, why);

	if (!tls)
		return NULL;
	struct trust *trust = calloc(1, sizeof *trust);
	panic_if(!trust, "out of memory");
	*trust = (struct trust){.tls = tls, .holders = 1};
	return trust;
}

struct trust *trust_hold(struct trust *trust)
{
	if (trust)
		trust->holders++;
	return trust;
}

void trust_drop(struct trust *trust)
{
	if (!trust || --trust->holders > 0)
		return;
	tls_close(trust->tls);
	free(trust);
}

struct tls *trust_tls(const struct trust *trust)
{
	return trust ? trust->tls : NULL;
}

/* ---- passwords ---- */

struct password {
	struct list link;
	struct arena *arena; /* holds itself */
	struct slice file, password, why;
};
struct passwords {
	struct list list;
};

struct passwords *passwords_new(void)
{
	struct passwords *passwords = calloc(1, sizeof *passwords);

	panic_if(!passwords, "out of memory");
	list_init(&passwords->list);
	return passwords;
}

static void password_forget(struct password *password)
{
	struct arena *arena = password->arena;

	list_remove(&password->link);
	arena_wipe(arena);
	arena_free(arena);
}

void passwords_free(struct passwords *passwords)
{
	while (!list_is_empty(&passwords->list))
		password_forget(LIST_OBJECT(struct password, passwords->list.next, link));
	free(passwords);
}

static struct password *password_of(const struct passwords *passwords, struct slice file)
{
	LIST_EACH (struct password, password, &passwords->list, link)
		if (slice_is(password->file, file))
			return password;
	return NULL;
}

/* The first line. A password may hold blanks, but no line end. */
static void password_read(struct password *password, int fd)
{
	char room[PASSWORD_MAX + 2];
	ssize_t got = pread(fd, room, sizeof room, 0);
	struct slice left = {room, got > 0 ? (size_t)got : 0};
	struct slice line = slice_cut(&left, '\n');

	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	if (got < 0)
		password->why = slice_of(strerrordesc_np(errno));
	else if (line.len == 0)
		password->why = SLICE("its first line is empty");
	else if (line.len > PASSWORD_MAX)
		password->why = SLICE("its first line is longer than a password may be");
	else
		password->password = arena_slice(password->arena, line);
	explicit_bzero(room, sizeof room);
}

void passwords_take(struct passwords *passwords, struct slice file, int fd, struct slice why)
{
	struct password *old = password_of(passwords, file);
	struct arena *arena = arena_new();
	struct password *new = ARENA_NEW(arena, struct password);

	if (old)
		password_forget(old);
	*new = (struct password){
		.arena = arena, .file = arena_slice(arena, file), .why = arena_slice(arena, why)};
	list_append(&passwords->list, &new->link);
	if (why.len == 0)
		password_read(new, fd);
	close(fd);
}

static bool is_among(struct slice file, const struct slice *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(files[i], file))
			return true;
	return false;
}

void passwords_keep(struct passwords *passwords, const struct policy *policy)
{
	struct arena *arena = arena_new();
	const struct slice *files;
	size_t count = policy_password_files(policy, arena, &files);

	LIST_EACH (struct password, password, &passwords->list, link)
		if (!is_among(password->file, files, count))
			password_forget(password);
	arena_free(arena);
}

bool passwords_find(const struct passwords *passwords, struct slice file, struct arena *arena,
	struct slice *password, struct slice *why)
{
	const struct password *found = passwords ? password_of(passwords, file) : NULL;

	if (found && found->password.len) {
		*password = arena_slice(arena, found->password);
		return true;
	}
	*why = arena_format(arena, "no password can be had from %.*s: %.*s", SLICE_ARGS(file),
		SLICE_ARGS(found ? found->why : SLICE("it was not handed over")));
	return false;
}
