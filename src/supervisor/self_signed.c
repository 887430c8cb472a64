/* SPDX-License-Identifier: Apache-2.0 */
/* STATE/tls: the key and certificate of who has written none. The folder stays root's (or whose the
 * supervisor is): no other process may open the key by its name. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/key_files.h"
#include "tls/certificate.h"
#include "tls/private_key.h"
#include "tls/self_signed.h"

enum { FILE_MAX = 16 * 1024 };
static const char key_file[] = "self-signed.key", certificate_file[] = "self-signed.pem";

static bool say_failed(struct text *why, const char *what)
{
	text_format(why, "cannot %s in STATE/tls: %s; mail goes on without a certificate of ours",
		what, strerror(errno));
	return false;
}

/* The state folder's user could put one of its own there. */
static int open_folder(const struct state *state, struct text *why)
{
	struct stat facts;

	if (mkdirat(state->folder, "tls", 0700) < 0 && errno != EEXIST) {
		say_failed(why, "make the folder");
		return -1;
	}
	int fd = openat(state->folder, "tls", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &facts) == 0 && facts.st_uid == geteuid())
		return fd;
	if (fd < 0) {
		say_failed(why, "use the folder");
		return -1;
	}
	text_put(why, SLICE("STATE/tls belongs to another user than started this: remove it, and a "
			    "new certificate is made; mail goes on without one of ours"));
	close(fd);
	return -1;
}

static bool read_file(int folder, const char *name, struct text *bytes, int *fd)
{
	*fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return false;
	char *room = text_reserve(bytes, FILE_MAX);
	ssize_t len = pread(*fd, room, FILE_MAX, 0);
	bytes->len = len > 0 ? (size_t)len : 0;
	return len > 0;
}

static bool write_file(int folder, const char *name, struct slice bytes, mode_t mode)
{
	char new[64];

	snprintf(new, sizeof new, "%s.new", name);
	unlinkat(folder, new, 0);
	int fd = openat(folder, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	bool ok = fd >= 0 && write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len &&
		  fsync(fd) == 0 && renameat(folder, new, folder, name) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static void forget(struct text *key)
{
	if (key->at)
		OPENSSL_cleanse(key->at, key->size);
	text_free(key);
}

/* The certificate is written last: a key alone is not taken for a pair. */
static bool make(int folder, struct slice name, wall_ns now, struct text *why)
{
	struct text key = TEXT_GROWING, certificate = TEXT_GROWING;
	bool ok = self_signed_make(name, now, &key, &certificate) == STATUS_OK;

	if (!ok)
		errno = EINVAL;
	ok = ok && write_file(folder, key_file, text_slice(&key), 0600) &&
	     write_file(folder, certificate_file, text_slice(&certificate), 0600);
	if (!ok)
		say_failed(why, "make a certificate");
	forget(&key);
	text_free(&certificate);
	return ok;
}

static bool is_pair(struct slice key_bytes, struct slice certificate)
{
	char words[200];
	struct text why = TEXT_FIXED(words);
	struct private_key *key = private_key_read(key_bytes, &why);
	bool fits = key && private_key_fits(key, certificate);

	private_key_free(key);
	return fits;
}

static void close_both(struct state *state)
{
	if (state->self_key >= 0)
		close(state->self_key);
	if (state->self_certificate >= 0)
		close(state->self_certificate);
	state->self_key = state->self_certificate = -1;
}

static bool take(struct state *state, int folder, struct slice name, wall_ns now)
{
	struct text key = TEXT_GROWING, certificate = TEXT_GROWING;
	struct text hex = {.at = state->self_key_name, .size = sizeof state->self_key_name - 1};
	struct certificate_facts facts;
	bool good = read_file(folder, key_file, &key, &state->self_key) &&
		    read_file(folder, certificate_file, &certificate, &state->self_certificate) &&
		    self_signed_serves(text_slice(&certificate), name, now) &&
		    is_pair(text_slice(&key), text_slice(&certificate)) &&
		    certificate_look(text_slice(&certificate), &facts);

	for (size_t i = 0; good && i < KEY_NAME_LEN; i++)
		text_hex(&hex, facts.key_name[i], 2);
	if (!good)
		close_both(state);
	forget(&key);
	text_free(&certificate);
	return good;
}

bool self_signed_open(struct state *state, struct slice name, wall_ns now, struct text *why)
{
	int folder = open_folder(state, why);
	bool ok = folder >= 0 &&
		  (take(state, folder, name, now) ||
			  (make(folder, name, now, why) && take(state, folder, name, now)));

	if (folder >= 0 && !ok && why->len == 0)
		say_failed(why, "use what was made");
	if (folder >= 0)
		close(folder);
	return ok;
}
