/* SPDX-License-Identifier: Apache-2.0 */
/* The files of private keys: opened here, where they may be root's alone, handed to the role keys
 * before each bundle, read by nobody else. Read key_files.h first. */
#include "supervisor/key_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/inside.h"
#include "tls/certificate.h"

/* ---- opening ---- */

static void complain_of_key(struct configuration *configuration, const struct policy *policy,
	size_t line, enum severity severity, const char *what, const char *more, const char *right)
{
	char buffer[200];
	struct text text = TEXT_FIXED(buffer);

	text_format(&text, "%s%s", what, more);
	policy_complain_of_tls(policy, line, true, severity, text_slice(&text), slice_of(right),
		&configuration->complaints);
}

/* A regular file; a FIFO would make us wait. -1: `why`. */
static int open_file(const char *path, struct stat *facts, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*why = strerrordesc_np(errno);
	if (fd < 0)
		return -1;
	if (fstat(fd, facts) == 0 && S_ISREG(facts->st_mode))
		return fd;
	*why = "it is no file";
	close(fd);
	return -1;
}

static void put_name(char name[65], const uint8_t bytes[KEY_NAME_LEN])
{
	struct text text = {.at = name, .size = 64};

	for (size_t i = 0; i < KEY_NAME_LEN; i++)
		text_hex(&text, bytes[i], 2);
	name[64] = '\0';
}

static bool open_one(struct configuration *configuration, const struct policy *policy, size_t line)
{
	const struct tls_line *written = &policy_settings(policy)->tls[line];
	const struct bundle_file *file = bundle_find(&configuration->bundle, written->certificate);
	struct key_file *key = &configuration->keys[line];
	struct certificate_facts facts;
	struct stat status = {0};
	char path[2048];
	const char *why = "its path is too long";

	*key = (struct key_file){.path = written->key, .fd = -1};
	if (!file || !certificate_look(file->bytes, &facts))
		return false; /* complained of before */
	put_name(key->name, facts.key_name);
	if (configuration_path(configuration, written->key, path, sizeof path))
		key->fd = open_file(path, &status, &why);
	if (key->fd < 0)
		complain_of_key(configuration, policy, line, SEVERITY_ERROR,
			"the key cannot be read: ", why, "a file that the daemon may read");
	else if (status.st_mode & (S_IRWXO | S_IWGRP))
		complain_of_key(configuration, policy, line, SEVERITY_WARNING,
			"others can read or change this key", "", "a file of mode 0600 or 0640");
	return key->fd >= 0;
}

bool key_files_open(struct configuration *configuration, const struct policy *policy)
{
	size_t count = policy_settings(policy)->tls_count;
	bool ok = true;

	configuration->keys = ARENA_ARRAY(configuration->arena, struct key_file, count + 1);
	for (; configuration->key_count < count; configuration->key_count++)
		ok &= open_one(configuration, policy, configuration->key_count);
	return ok;
}

void key_files_close(struct configuration *configuration)
{
	for (size_t i = 0; i < configuration->key_count; i++)
		if (configuration->keys[i].fd >= 0)
			close(configuration->keys[i].fd);
	configuration->key_count = 0;
}

/* ---- handing over ---- */

static void grant_key(struct member *keys, struct slice path, const char *name, int fd)
{
	member_grant(keys, SETUP_GRANT,
		&(struct setup_grant){
			.what = GRANT_KEY, .service = slice_of(name), .address = path},
		fd);
}

void key_files_grant(struct member *member, const struct configuration *configuration)
{
	const struct state *state = &member->supervisor->state;
	enum role_name name = member->kind->name;

	if (name == ROLE_KEYS) {
		for (size_t i = 0; i < configuration->key_count; i++)
			grant_key(member, configuration->keys[i].path, configuration->keys[i].name,
				configuration->keys[i].fd);
		if (state->self_key >= 0)
			grant_key(member, SLICE("STATE/tls/self-signed.key"), state->self_key_name,
				state->self_key);
	} else if ((name == ROLE_EDGE || name == ROLE_POP) && state->self_certificate >= 0) {
		member_grant(member, SETUP_GRANT, &(struct setup_grant){.what = GRANT_CERTIFICATE},
			state->self_certificate);
	}
}
