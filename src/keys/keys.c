/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role's life. May touch: the descriptors of key files that the supervisor hands over, and
 * channels. Parses the administrator's own key files and nothing else. Read keys.h first.
 */
#include "keys/keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "keys/state.h"

enum { KEY_FILE_MAX = 64 * 1024 };

/* ---- keys ---- */

static void held_drop(struct held *held)
{
	list_remove(&held->link);
	private_key_free(held->key);
	text_free(&held->file);
	free(held);
}

static void drop_all(struct keys *keys, enum stand stand)
{
	LIST_EACH (struct held, held, &keys->held, link)
		if (held->stand == stand)
			held_drop(held);
}

static void fault(struct keys *keys, struct slice path, struct slice what)
{
	if (keys->faults.len > 0)
		text_put(&keys->faults, SLICE("; "));
	text_put(&keys->faults, SLICE("the key file "));
	text_escaped(&keys->faults, path);
	text_char(&keys->faults, ' ');
	text_put(&keys->faults, what);
}

static bool name_is(const struct private_key *key, struct slice hex)
{
	char buffer[2 * KEY_NAME_LEN];
	struct text text = TEXT_FIXED(buffer);

	for (size_t i = 0; i < KEY_NAME_LEN; i++)
		text_hex(&text, private_key_name(key)[i], 2);
	return slice_is(text_slice(&text), hex);
}

static void held_add(struct keys *keys, struct private_key *key, struct slice path)
{
	struct held *held = calloc(1, sizeof *held);

	panic_if(!held, "no memory for a key");
	held->key = key;
	held->file = TEXT_GROWING;
	text_put(&held->file, path);
	list_append(&keys->held, &held->link);
}

static void take_key(struct keys *keys, const struct setup_grant *grant, struct slice pem)
{
	char buffer[200];
	struct text why = TEXT_FIXED(buffer);
	struct private_key *key = private_key_read(pem, &why);

	if (!key) {
		fault(keys, grant->address, text_slice(&why));
	} else if (!name_is(key, grant->service)) {
		fault(keys, grant->address, SLICE("is not the key of its certificate"));
		private_key_free(key);
	} else {
		held_add(keys, key, grant->address);
	}
}

/* The descriptor's offset is shared with who opened it, so it is read from 0. */
static void read_key(struct keys *keys, const struct setup_grant *grant, int fd)
{
	char *bytes = malloc(KEY_FILE_MAX);

	panic_if(!bytes, "no memory for a key");
	ssize_t len = pread(fd, bytes, KEY_FILE_MAX, 0);
	if (len < 0)
		fault(keys, grant->address, SLICE("cannot be read"));
	else
		take_key(keys, grant, (struct slice){bytes, (size_t)len});
	OPENSSL_cleanse(bytes, KEY_FILE_MAX);
	free(bytes);
}

static void keys_grant(void *state, const struct setup_grant *grant, int fd)
{
	struct keys *keys = state;

	panic_if(grant->what != GRANT_KEY, "keys was granted %u", grant->what);
	if (keys->batch_over) { /* of a configuration that came to nothing */
		drop_all(keys, PENDING);
		text_clear(&keys->faults);
		keys->batch_over = false;
	}
	read_key(keys, grant, fd);
	close(fd);
}

/* ---- configuration ---- */

/* Which keys there are came before; the bundle itself is none of our business. */
static bool keys_prepare(void *state, struct slice bundle, struct text *why)
{
	struct keys *keys = state;

	(void)bundle;
	keys->batch_over = true;
	text_put(why, text_slice(&keys->faults));
	return keys->faults.len == 0;
}

static void keys_switch_over(void *state)
{
	struct keys *keys = state;

	drop_all(keys, FORMER);
	LIST_EACH (struct held, held, &keys->held, link)
		held->stand = held->stand == CURRENT ? FORMER : CURRENT;
}

/* ---- the role's life ---- */

static void *keys_start(struct role *role)
{
	struct keys *keys = calloc(1, sizeof *keys);

	panic_if(!keys, "no memory for a role");
	keys->role = role;
	keys->faults = TEXT_GROWING;
	list_init(&keys->held);
	list_init(&keys->askers);
	told_init(&keys->told, role->loop, &(struct told_user){keys_tell, NULL, keys});
	tickets_begin(keys);
	return keys;
}

static void keys_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct keys *keys = state;

	(void)slot;
	if (name == ROLE_CONTROL)
		told_open(&keys->told, fd);
	else
		asker_add(state, fd);
}

static void keys_go(void *state)
{
	struct keys *keys = state;

	role_is_ready(keys->role);
}

static void keys_stop(void *state)
{
	struct keys *keys = state;
	struct role *role = keys->role;

	askers_close(keys);
	told_close(&keys->told);
	timer_clear(&keys->rotation);
	LIST_EACH (struct held, held, &keys->held, link)
		held_drop(held);
	text_free(&keys->faults);
	OPENSSL_cleanse(&keys->tickets, sizeof keys->tickets);
	free(keys);
	role_has_ended(role);
}

const struct role_kind keys_role = {
	.name = ROLE_KEYS,
	.start = keys_start,
	.prepare = keys_prepare,
	.switch_over = keys_switch_over,
	.peer = keys_peer,
	.grant = keys_grant,
	.go = keys_go,
	.stop = keys_stop,
};
