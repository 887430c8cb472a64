/* SPDX-License-Identifier: Apache-2.0 */
/* What `postern user` does to a database. The contract is in commands.h. */
#include "account/commands.h"

#include <stdlib.h>
#include <string.h>

#include "account/password.h"
#include "account/users_file.h"
#include "base/json.h"

enum { ENTRIES_MOST = 1000 }; /* of one question */

/* One question being carried out. */
struct act {
	struct database *database;
	const json_t *question;
	wall_ns now;
	struct arena *arena;
	struct text *out;
	struct slice login;
	char words[512];
	struct text why; /* over words: why not */
	bool changed;
};

/* ---- what is said ---- */

void user_failed(struct text *out, struct slice words)
{
	text_clear(out);
	json_put_text(out, SLICE("{\"error\":"), words);
	text_put(out, SLICE("}\n"));
}

void user_failed_elsewhere(struct text *out, struct slice kind)
{
	char words[160];
	struct text text = TEXT_FIXED(words);

	text_format(&text,
		"accounts are kept in %.*s: `user` changes those in SQLite alone; change them "
		"where they are kept",
		SLICE_ARGS(kind));
	user_failed(out, text_slice(&text));
}

static const struct {
	struct slice prefix, name;
} verifier_kinds[] = {
	{SLICE("$y$"), SLICE("yescrypt")},
	{SLICE("$6$"), SLICE("sha512-crypt")},
	{SLICE("$5$"), SLICE("sha256-crypt")},
	{SLICE("$2"), SLICE("bcrypt")},
	{SLICE("$argon2id$"), SLICE("argon2id")},
};

static struct slice kind_of(struct slice verifier)
{
	for (size_t i = 0; i < sizeof verifier_kinds / sizeof *verifier_kinds; i++)
		if (slice_starts(verifier, verifier_kinds[i].prefix))
			return verifier_kinds[i].name;
	return verifier.len ? SLICE("unknown") : SLICE("none");
}

static void put_list(struct text *out, struct slice key, const struct slice *texts, size_t count)
{
	text_put(out, key);
	text_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			text_char(out, ',');
		text_json(out, texts[i]);
	}
	text_char(out, ']');
}

void text_account(struct text *out, const struct account *account, wall_ns created)
{

	json_put_text(out, SLICE("{\"login\":"), account->login);
	json_put_truth(out, SLICE(",\"disabled\":"), account->disabled);
	json_put_text(out, SLICE(",\"password\":"), kind_of(account->verifier));
	json_put_truth(out, SLICE(",\"scram\":"), account->scram.len > 0);
	put_list(out, SLICE(",\"owns\":"), account->owned, account->owned_count);
	put_list(out, SLICE(",\"groups\":"), account->groups, account->group_count);
	put_list(out, SLICE(",\"limits\":"), account->limits, account->limit_count);
	if (created)
		json_put_time(out, SLICE(",\"created\":"), created);
	if (account->last_used)
		json_put_time(out, SLICE(",\"last_used\":"), account->last_used);
	text_put(out, SLICE("}\n"));
}

static void put_account(void *owner, const struct account *account, wall_ns created)
{
	text_account(owner, account, created);
}

/* ---- what was asked ---- */

static struct slice member(const struct act *act, const char *name)
{
	const json_t *value = json_object_get(act->question, name);

	return json_is_string(value)
		       ? (struct slice){json_string_value(value), json_string_length(value)}
		       : SLICE_NONE;
}

static bool complain(struct act *act, const char *before, struct slice what, const char *behind)
{
	text_put(&act->why, slice_of(before));
	text_escaped(&act->why, what);
	text_put(&act->why, slice_of(behind));
	return false;
}

static bool read_login(struct act *act)
{
	const char *why;
	struct slice written = member(act, "login");

	if (written.len == 0)
		return complain(act, "which account? ", SLICE("an address or a name"), "");
	if (login_normalise(written, act->arena, &act->login, &why))
		return true;
	complain(act, "", written, " can be no account's name: ");
	return complain(act, why, SLICE_NONE, "");
}

/* Each of an array of texts; false, with words, if `each` says so or there are none. */
static bool each_text(struct act *act, const char *name, bool may_miss,
	bool (*each)(struct act *act, struct slice text))
{
	const json_t *list = json_object_get(act->question, name);
	size_t count = json_array_size(list);

	if (count == 0 && !may_miss)
		return complain(act, "nothing was named: ", slice_of(name), " is empty");
	if (count > ENTRIES_MOST)
		return complain(act, "too many at once: ", slice_of(name), "");
	for (size_t i = 0; i < count; i++) {
		const json_t *text = json_array_get(list, i);
		if (!json_is_string(text))
			return complain(
				act, "", slice_of(name), " holds something else than texts");
		if (!each(act, (struct slice){json_string_value(text), json_string_length(text)}))
			return false;
	}
	return true;
}

/* ---- passwords ---- */

static bool read_verifier(struct act *act, struct slice verifier, struct account *account)
{
	if (!verifier_is_known(verifier))
		return complain(act, "this is no verifier: ", SLICE("one begins with"),
			" $y$, $6$, $5$, $2b$ or $argon2id$");
	account->verifier = verifier;
	return true;
}

static bool read_password(struct act *act, struct account *account)
{
	struct slice verifier = member(act, "verifier"), password = member(act, "password");
	struct password_made *made = ARENA_NEW(act->arena, struct password_made);

	if (verifier.len)
		return read_verifier(act, verifier, account);
	if (!password_make(password, made, &act->why))
		return false;
	account->verifier = slice_of(made->verifier);
	account->scram = slice_of(made->scram);
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
	complain(act, "", text, " can be owned by nobody: ");
	return complain(act, why, SLICE_NONE, "");
}

static bool disown_one(struct act *act, struct slice text)
{
	struct owned_address owned;
	const char *why;

	if (!owned_normalise(text, act->arena, &owned, &why))
		return complain(act, "no address: ", text, "");
	enum change change = database_disown(act->database, act->login, owned.key, &act->why);
	if (change == CHANGE_NOTHING && slice_is(owned.key, act->login))
		return complain(act, "an account always owns its own name, ", text,
			"; remove or disable the account instead");
	if (change == CHANGE_NOTHING)
		return complain(act, "the account does not own ", text, "");
	return note(act, change);
}

static bool join_one(struct act *act, struct slice group)
{
	if (!group_is_name(group))
		return complain(act, "no name of a group: ", group,
			"; it has 1 to 64 letters, digits, - _ and .");
	return note(act, database_join(act->database, act->login, group, &act->why));
}

static bool leave_one(struct act *act, struct slice group)
{
	enum change change = database_leave(act->database, act->login, group, &act->why);

	if (change == CHANGE_NOTHING)
		return complain(act, "the account is not in the group ", group, "");
	return note(act, change);
}

static bool limit_read(struct act *act, struct slice text, struct account_limit *limit)
{
	return account_limit_parse(text, limit) ||
	       complain(act, "no limit: ", text,
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
	       complain(act, "an account has ", SLICE("8"), " limits of its own at most");
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
		return complain(act, "the account has no limit of ", text, "");
	return note(act, change);
}

/* Nothing else reads the verifiers that the arena holds. */
static bool must_exist(struct act *act)
{
	struct account account;

	switch (database_find(act->database, act->login, act->arena, &account, &act->why)) {
	case FOUND: return true;
	case NOT_FOUND: return complain(act, "there is no account ", act->login, "");
	case CANNOT_TELL: break;
	}
	return false;
}

static bool act_add(struct act *act)
{
	struct account account = {.login = act->login};

	if (!read_password(act, &account))
		return false;
	enum change change = database_add(act->database, &account, act->now, &act->why);
	if (change == CHANGE_NOTHING)
		return complain(act, "there is an account ", act->login,
			" already; `user passwd` changes its password");
	return note(act, change) && each_text(act, "owns", true, own_one) &&
	       each_text(act, "groups", true, join_one) &&
	       each_text(act, "limits", true, limit_one);
}

static bool act_passwd(struct act *act)
{
	struct account account = {.login = act->login};

	return read_password(act, &account) && must_exist(act) &&
	       note(act, database_set_verifiers(act->database, act->login, account.verifier,
				 account.scram, &act->why));
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

static const struct row {
	struct slice name;
	bool (*run)(struct act *act);
} rows[] = {
	{SLICE("add"), act_add},
	{SLICE("passwd"), act_passwd},
	{SLICE("remove"), act_remove},
	{SLICE("own"), act_own},
	{SLICE("disown"), act_disown},
	{SLICE("join"), act_join},
	{SLICE("leave"), act_leave},
	{SLICE("limit"), act_limit},
	{SLICE("unlimit"), act_unlimit},
	{SLICE("enable"), act_enable},
	{SLICE("disable"), act_disable},
};

/* ---- looking ---- */

static void show(struct act *act)
{
	struct account account = {0};

	switch (database_find(act->database, act->login, act->arena, &account, &act->why)) {
	case FOUND: put_account(act->out, &account, 0); return;
	case NOT_FOUND: complain(act, "there is no account ", act->login, ""); break;
	case CANNOT_TELL: break;
	}
	user_failed(act->out, text_slice(&act->why));
}

static void list(struct act *act)
{
	if (!database_each(act->database, put_account, act->out, &act->why))
		user_failed(act->out, text_slice(&act->why));
}

/* ---- changing ---- */

/* {"act":"own","login":"…","changed":true} */
static void put_done(struct act *act, struct slice name)
{
	json_put_text(act->out, SLICE("{\"act\":"), name);
	json_put_text(act->out, SLICE(",\"login\":"), act->login);
	json_put_truth(act->out, SLICE(",\"changed\":"), act->changed);
	text_put(act->out, SLICE("}\n"));
}

/* All of it or nothing. */
static void change(struct act *act, const struct row *row)
{
	bool good = database_begin(act->database, &act->why) == STATUS_OK;

	if (good) {
		good = row->run(act);
		good &= database_end(act->database, good, &act->why) == STATUS_OK;
	}
	act->changed &= good;
	if (good)
		put_done(act, row->name);
	else
		user_failed(act->out, text_slice(&act->why));
}

static const struct row *row_find(struct slice name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (slice_is(rows[i].name, name))
			return &rows[i];
	return NULL;
}

void user_command(struct database *database, const json_t *question, wall_ns now,
	struct arena *arena, struct text *out, struct slice *changed)
{
	struct act act = {
		.database = database, .question = question, .now = now, .arena = arena, .out = out};
	act.why = TEXT_FIXED(act.words);
	struct slice name = member(&act, "act");
	const struct row *row = row_find(name);

	if (slice_is(name, SLICE("list")))
		list(&act);
	else if (!row && !slice_is(name, SLICE("show")))
		user_failed(out, SLICE("\"act\" is none of: add passwd remove list show own disown "
				       "join leave limit unlimit enable disable"));
	else if (!read_login(&act))
		user_failed(out, text_slice(&act.why));
	else if (row)
		change(&act, row);
	else
		show(&act);
	*changed = act.changed ? act.login : SLICE_NONE;
}

/* ---- a plain file ---- */

static int by_login(const void *a, const void *b)
{
	const struct account *const *one = a, *const *other = b;

	return slice_compare((*one)->login, (*other)->login);
}

static void list_file(const struct users_file *users, struct arena *arena, struct text *out)
{
	size_t count = 0, at = 0, size = users_file_count(users);
	const struct account **all = ARENA_ARRAY(arena, const struct account *, size + 1);

	for (const struct account *one; (one = users_file_next(users, &at));)
		all[count++] = one;
	qsort(all, count, sizeof *all, by_login);
	for (size_t i = 0; i < count; i++)
		text_account(out, all[i], 0);
}

static void show_file(struct act *act, const struct users_file *users)
{
	const struct account *account = NULL;

	if (read_login(act) && !(account = users_file_find(users, act->login)))
		complain(act, "there is no account ", act->login, "");
	if (account)
		text_account(act->out, account, 0);
	else
		user_failed(act->out, text_slice(&act->why));
}

void user_command_file(const struct users_file *users, const json_t *question, struct arena *arena,
	struct text *out)
{
	struct act act = {.question = question, .arena = arena, .out = out};
	act.why = TEXT_FIXED(act.words);
	struct slice name = member(&act, "act");

	if (slice_is(name, SLICE("list")))
		list_file(users, arena, out);
	else if (slice_is(name, SLICE("show")))
		show_file(&act, users);
	else
		user_failed_elsewhere(out, SLICE("file"));
}

bool user_is_look(const json_t *question)
{
	return slice_is(
		slice_of(json_string_value(json_object_get(question, "act"))), SLICE("look"));
}
