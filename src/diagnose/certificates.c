/* SPDX-License-Identifier: Apache-2.0 */
/* Checking certificates and keys, for `check`. The contract is in certificates.h. */
#include "diagnose/certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tls/certificate.h"
#include "tls/private_key.h"

enum { KEY_FILE_MAX = 64 * 1024, WARN_DAYS = 30 };
static const wall_ns a_day = 86400 * NS_PER_S;

static wall_ns wall_now(void)
{
	return (wall_ns)time(NULL) * NS_PER_S;
}

static void ends_check(
	const struct policy *policy, size_t line, struct slice pem, struct complaints *complaints)
{
	struct certificate_facts facts;
	char what[300];
	struct text text = TEXT_FIXED(what);
	wall_ns now = wall_now();

	if (!certificate_look(pem, &facts) || facts.ends - now > WARN_DAYS * a_day)
		return;
	if (facts.ends < now)
		text_put(&text, SLICE("the certificate has ended on "));
	else
		text_format(&text, "the certificate ends in %lld days, on ",
			(long long)((facts.ends - now) / a_day));
	text_time(&text, facts.ends);
	policy_complain_of_tls(policy, line, false, SEVERITY_WARNING, text_slice(&text),
		SLICE("a new one in the same file; the daemon sees that by itself"), complaints);
}

static int open_key(const char *path, struct slice key, struct arena *arena)
{
	struct slice folder = slice_of(path);
	size_t slash = slice_find_last(folder, '/');

	folder = slash == SIZE_MAX || slice_starts(key, SLICE("/"))
			 ? SLICE_NONE
			 : slice_part(folder, 0, slash + 1);
	struct slice name = arena_format(arena, "%.*s%.*s", SLICE_ARGS(folder), SLICE_ARGS(key));
	return open(name.at, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static struct private_key *read_key(int fd, struct text *why)
{
	char *bytes = malloc(KEY_FILE_MAX);
	ssize_t len = bytes ? read(fd, bytes, KEY_FILE_MAX) : -1;
	struct private_key *key =
		len >= 0 ? private_key_read((struct slice){bytes, (size_t)len}, why) : NULL;

	if (bytes)
		OPENSSL_cleanse(bytes, KEY_FILE_MAX);
	free(bytes);
	return key;
}

static void rights_check(
	const struct policy *policy, size_t line, int fd, struct complaints *complaints)
{
	struct stat facts;

	if (fstat(fd, &facts) == 0 && (facts.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		policy_complain_of_tls(policy, line, true, SEVERITY_WARNING,
			SLICE("others can read or change this key"),
			SLICE("a file of mode 0600 or 0640"), complaints);
}

/* Who may not read the key cannot check it here; the daemon does. */
static void key_check(const struct policy *policy, size_t line, struct slice pem, int fd,
	struct complaints *complaints)
{
	char words[200];
	struct text why = TEXT_FIXED(words);
	struct private_key *key = read_key(fd, &why);

	if (!key)
		policy_complain_of_tls(policy, line, true, SEVERITY_ERROR,
			SLICE("this file holds no private key that can be read"),
			SLICE("an EC, RSA or Ed25519 key in PEM, without a pass phrase"),
			complaints);
	else if (!private_key_fits(key, pem))
		policy_complain_of_tls(policy, line, true, SEVERITY_ERROR,
			SLICE("this is not the key of that certificate"),
			SLICE("the key that the certificate was requested with"), complaints);
	private_key_free(key);
	rights_check(policy, line, fd, complaints);
}

static void complain_unread(
	const struct policy *policy, size_t line, int error, struct complaints *complaints)
{
	char what[200];
	struct text text = TEXT_FIXED(what);

	if (error == EACCES) {
		policy_complain_of_tls(policy, line, true, SEVERITY_NOTE,
			SLICE("you may not read this key: whether it is that of the certificate "
			      "is for the daemon to see"),
			SLICE_NONE, complaints);
		return;
	}
	text_format(&text, "the key cannot be read: %s", strerrordesc_np(error));
	policy_complain_of_tls(policy, line, true, SEVERITY_WARNING, text_slice(&text),
		SLICE("the daemon does not start without it"), complaints);
}

void certificates_check_files(const struct policy *policy, const struct bundle *bundle,
	const char *path, struct complaints *complaints)
{
	const struct settings *settings = policy_settings(policy);
	struct arena *arena = arena_new();

	policy_lacks_certificates(policy, bundle, SEVERITY_WARNING, complaints);
	for (size_t i = 0; i < settings->tls_count; i++) {
		const struct bundle_file *file = bundle_find(bundle, settings->tls[i].certificate);
		if (!file || file->bytes.len == 0)
			continue;
		ends_check(policy, i, file->bytes, complaints);
		int fd = open_key(path, settings->tls[i].key, arena);
		if (fd < 0) {
			complain_unread(policy, i, errno, complaints);
			continue;
		}
		key_check(policy, i, file->bytes, fd, complaints);
		close(fd);
	}
	arena_free(arena);
}
