/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing the user. Read owner.h first. */
#include "supervisor/owner.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static void owner_take(struct owner *owner, const struct passwd *entry)
{
	owner->uid = entry->pw_uid;
	owner->gid = entry->pw_gid;
	snprintf(owner->name, sizeof owner->name, "%s", entry->pw_name);
}

static void owner_take_numbers(struct owner *owner, uid_t uid, gid_t gid)
{
	owner->uid = uid;
	owner->gid = gid;
	snprintf(owner->name, sizeof owner->name, "%u", (unsigned)uid);
}

static const struct passwd *find_user(struct slice name)
{
	char text[64];

	snprintf(text, sizeof text, "%.*s", SLICE_ARGS(name));
	return name.len < sizeof text ? getpwnam(text) : NULL;
}

/* A user that was written must be there, and must not be root: nothing would be given up. */
static bool take_written(const struct settings *settings, struct owner *owner, struct text *why)
{
	const struct passwd *entry = find_user(settings->user);

	if (entry && entry->pw_uid != 0 && entry->pw_gid != 0) {
		owner_take(owner, entry);
		return true;
	}
	text_put(why, SLICE("user \""));
	text_escaped(why, settings->user);
	text_put(why, entry ? SLICE("\" is root or of its group; name a user without privileges")
			    : SLICE("\" does not exist; make it, or name another"));
	return false;
}

static bool folder_owner(const struct settings *settings, struct stat *facts)
{
	char path[2048];
	struct text text = TEXT_FIXED(path);

	text_put(&text, settings->state);
	text_char(&text, '\0');
	return !text.cut && stat(path, facts) == 0 && facts->st_uid != 0 && facts->st_gid != 0;
}

/* Nobody has written a user: postern, else who owns the state folder, else nobody. */
static void take_found(const struct settings *settings, struct owner *owner, struct text *said)
{
	const struct passwd *entry = find_user(SLICE("postern"));
	struct stat facts;

	if (entry && entry->pw_uid != 0) {
		owner_take(owner, entry);
		return;
	}
	if (folder_owner(settings, &facts)) {
		entry = getpwuid(facts.st_uid);
		if (entry)
			owner_take(owner, entry);
		else
			owner_take_numbers(owner, facts.st_uid, facts.st_gid);
		text_format(said,
			"no `user` is written and there is no user postern: running as "
			"%s, who owns the state folder",
			owner->name);
		return;
	}
	entry = find_user(SLICE("nobody"));
	if (entry && entry->pw_uid != 0 && entry->pw_gid != 0)
		owner_take(owner, entry);
	else
		owner_take_numbers(owner, NOBODY, NOBODY);
	text_format(said, "no `user` is written and there is no user postern: running as %s",
		owner->name);
}

static void take_self(const struct settings *settings, struct owner *owner, struct text *said)
{
	const struct passwd *entry = getpwuid(geteuid());

	if (entry)
		owner_take(owner, entry);
	owner->uid = geteuid();
	owner->gid = getegid();
	text_format(said,
		"not started as root: every process runs as %s, so they are not kept "
		"apart by user",
		entry ? owner->name : "this user");
	if (settings->user_written && !slice_is(settings->user, slice_of(owner->name)))
		text_put(said, SLICE("; `user` needs root and is not followed"));
}

bool owner_choose(
	const struct settings *settings, struct owner *owner, struct text *said, struct text *why)
{
	*owner = (struct owner){.drop = geteuid() == 0};
	if (!owner->drop) {
		take_self(settings, owner, said);
		return true;
	}
	if (settings->user_written)
		return take_written(settings, owner, why);
	take_found(settings, owner, said);
	return true;
}
