/* SPDX-License-Identifier: Apache-2.0 */
/* What `postern user` changes in a database: a table of acts. Read commands.h first. */
#include "account/commands_inside.h"
#include "account/password.h"

enum { ENTRIES_MOST = 1000 }; /* of one question */

/* Each of an array of texts; false, with words, if `each` says so or there are none. */
static bool each_text(struct act *act, const char *name, bool may_miss,
	bool (*each)(struct act *act, struct slice text))
{
	const json_t *list = json_object_get(act->question, name);
	size_t count = json_array_size(list);

	if (count == 0 && !may_miss)
		return user_complain(act, "nothing was named: ", slice_of(name), " is empty");
	if (count > ENTRIES_MOST)
		return user_complain(act, "too many at once: ", slice_of(name), "");
	for (size_t i = 0; i < count; i++) {
		const json_t *text = json_array_get(list, i);
		if (!json_is_string(text))
			return user_complain(
				act, "", slice_of(name), " holds something else than texts");
		if (!each(act, (struct slice){json_string_value(text), json_string_length(text)}))
			return false;
	}
	return true;
}

/* ---- passwords ---- */

static bool read_verifier(struct act *act, struct slice verifier)
{
	if (!verifier_is_known(verifier))
		return user_complain(act, "this is no verifier: ", SLICE("one begins with"),
			" $y$, $6$, $5$, $2b$ or $argon2id$");
	act->fresh.verifier = verifier;
	return true;
}

static bool read_password(struct act *act)
{
	struct slice verifier = user_member(act, "verifier"),
		     password = user_member(act, "password");
	struct password_made *made = ARENA_NEW(act->arena, struct password_made);

	if (verifier.len)
		return read_verifier(act, verifier);
	if (!password_make(password, made, &act->why))
		return false;
	act->fresh.verifier = slice_of(made->verifier);
	act->fresh.scram = slice_of(made->scram);
	return true;
}

/* ---- the acts: false with words in act->why ---- */

static bool note(struct act *act, enum change change)
{
	act->changed |= change == CHANGE_DONE;
	return change != CHANGE_FAILED;
}

static bool own_one(struct act *act, struct slice text)
{
	struct owned_address owned;
	const char *why;

	if (owned_normalise(text, act->arena, &owned, &why))
		return note(act, database_own(act->database, act->login, &owned, &act->why));
	user_complain(act, "", text, " can be owned by nobody: ");
	return user_complain(act, why, SLICE_NONE, "");
}

static bool disown_one(struct act *act, struct slice text)
{
	struct owned_address owned;
	const char *why;

	if (!owned_normalise(text, act->arena, &owned, &why))
		return user_complain(act, "no address: ", text, "");
	enum change change = database_disown(act->database, act->login, owned.key, &act->why);
	if (change == CHANGE_NOTHING && slice_is(owned.key, act->login))
		return user_complain(act, "an account always owns its own name, ", text,
			"; remove or disable the account instead");
	if (change == CHANGE_NOTHING)
		return user_complain(act, "the account does not own ", text, "");
	return note(act, change);
}

static bool join_one(struct act *act, struct slice group)
{
	if (!group_is_name(group))
		return user_complain(act, "no name of a group: ", group,
			"; it has 1 to 64 letters, digits, - _ and .");
	return note(act, database_join(act->database, act->login, group, &act->why));
}

static bool leave_one(struct act *act, struct slice group)
{
	enum change change = database_leave(act->database, act->login, group, &act->why);

	if (change == CHANGE_NOTHING)
		return user_complain(act, "the account is not in the group ", group, "");
	return note(act, change);
}

static bool limit_read(struct act *act, struct slice text, struct account_limit *limit)
{
	return account_limit_parse(text, limit) ||
	       user_complain(act, "no limit: ", text,
		       "; write it like: 500 recipients per day, or 60 messages per 10 minutes");
}

/* Another number for a kind and a time that are there already needs no room. */
static bool limit_has_room(struct act *act, const struct account_limit *limit)
{
	struct account account;
	struct account_limit there;

	if (database_find(act->database, act->login, act->arena, &account, &act->why) != FOUND)
		return false;
	for (size_t i = 0; i < account.limit_count; i++)
		if (account_limit_parse(account.limits[i], &there) &&
			there.recipients == limit->recipients && there.period == limit->period)
			return true;
	return account.limit_count < ACCOUNT_LIMITS_MAX ||
	       user_complain(act, "an account has ",
		       arena_format(act->arena, "%d", ACCOUNT_LIMITS_MAX),
		       " limits of its own at most");
}

static bool limit_one(struct act *act, struct slice text)
{
	struct account_limit limit;

	return limit_read(act, text, &limit) && limit_has_room(act, &limit) &&
	       note(act, database_limit(act->database, act->login, &limit, &act->why));
}

static bool unlimit_one(struct act *act, struct slice text)
{
	struct account_limit limit;

	if (!limit_read(act, text, &limit))
		return false;
	enum change change = database_unlimit(act->database, act->login, &limit, &act->why);
	if (change == CHANGE_NOTHING)
		return user_complain(act, "the account has no limit of ", text, "");
	return note(act, change);
}

/* Nothing else reads the verifiers that the arena holds. */
static bool must_exist(struct act *act)
{
	struct account account;

	switch (database_find(act->database, act->login, act->arena, &account, &act->why)) {
	case FOUND: return true;
	case NOT_FOUND: return user_complain(act, "there is no account ", act->login, "");
	case CANNOT_TELL: break;
	}
	return false;
}

static bool act_add(struct act *act)
{
	act->fresh.login = act->login;
	enum change change = database_add(act->database, &act->fresh, act->now, &act->why);
	if (change == CHANGE_NOTHING)
		return user_complain(act, "there is an account ", act->login,
			" already; `user passwd` changes its password");
	return note(act, change) && each_text(act, "owns", true, own_one) &&
	       each_text(act, "groups", true, join_one) &&
	       each_text(act, "limits", true, limit_one);
}

static bool act_passwd(struct act *act)
{
	return must_exist(act) &&
	       note(act, database_set_verifiers(act->database, act->login, act->fresh.verifier,
				 act->fresh.scram, &act->why));
}

static bool act_remove(struct act *act)
{
	return must_exist(act) && note(act, database_remove(act->database, act->login, &act->why));
}

static bool act_own(struct act *act)
{
	return must_exist(act) && each_text(act, "owns", false, own_one);
}

static bool act_disown(struct act *act)
{
	return must_exist(act) && each_text(act, "owns", false, disown_one);
}

static bool act_join(struct act *act)
{
	return must_exist(act) && each_text(act, "groups", false, join_one);
}

static bool act_leave(struct act *act)
{
	return must_exist(act) && each_text(act, "groups", false, leave_one);
}

static bool act_limit(struct act *act)
{
	return must_exist(act) && each_text(act, "limits", false, limit_one);
}

/* Without one named: all. */
static bool act_unlimit(struct act *act)
{
	if (!must_exist(act))
		return false;
	if (!json_array_size(json_object_get(act->question, "limits")))
		return note(act, database_unlimit(act->database, act->login, NULL, &act->why));
	return each_text(act, "limits", false, unlimit_one);
}

static bool set_disabled(struct act *act, bool disabled)
{
	return must_exist(act) &&
	       note(act, database_set_disabled(act->database, act->login, disabled, &act->why));
}

static bool act_enable(struct act *act)
{
	return set_disabled(act, false);
}

static bool act_disable(struct act *act)
{
	return set_disabled(act, true);
}

static const struct user_act rows[] = {
	{SLICE("add"), read_password, act_add},
	{SLICE("passwd"), read_password, act_passwd},
	{SLICE("remove"), NULL, act_remove},
	{SLICE("own"), NULL, act_own},
	{SLICE("disown"), NULL, act_disown},
	{SLICE("join"), NULL, act_join},
	{SLICE("leave"), NULL, act_leave},
	{SLICE("limit"), NULL, act_limit},
	{SLICE("unlimit"), NULL, act_unlimit},
	{SLICE("enable"), NULL, act_enable},
	{SLICE("disable"), NULL, act_disable},
};

const struct user_act *user_act_find(struct slice name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (slice_is(rows[i].name, name))
			return &rows[i];
	return NULL;
}
