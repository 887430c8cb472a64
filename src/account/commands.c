/* SPDX-License-Identifier: Apache-2.0 */
/* `postern user`: a question, what it is answered, and looking. The contract is in commands.h. */
#include <stdlib.h>
#include <string.h>

#include "account/commands_inside.h"
#include "account/users_file.h"
#include "base/json.h"

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

struct slice user_member(const struct act *act, const char *name)
{
	const json_t *value = json_object_get(act->question, name);

	return json_is_string(value)
		       ? (struct slice){json_string_value(value), json_string_length(value)}
		       : SLICE_NONE;
}

bool user_complain(struct act *act, const char *before, struct slice what, const char *behind)
{
	text_put(&act->why, slice_of(before));
	text_escaped(&act->why, what);
	text_put(&act->why, slice_of(behind));
	return false;
}

static bool read_login(struct act *act)
{
	const char *why;
	struct slice written = user_member(act, "login");

	if (written.len == 0)
		return user_complain(act, "which account? ", SLICE("an address or a name"), "");
	if (login_normalise(written, act->arena, &act->login, &why))
		return true;
	user_complain(act, "", written, " can be no account's name: ");
	return user_complain(act, why, SLICE_NONE, "");
}

/* ---- looking ---- */

static void show(struct act *act)
{
	struct account account = {0};

	switch (database_find(act->database, act->login, act->arena, &account, &act->why)) {
	case FOUND: put_account(act->out, &account, 0); return;
	case NOT_FOUND: user_complain(act, "there is no account ", act->login, ""); break;
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
static void change(struct act *act, const struct user_act *row)
{
	bool good = (!row->prepare || row->prepare(act)) &&
		    database_begin(act->database, &act->why) == STATUS_OK;

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

void user_command(struct database *database, const json_t *question, wall_ns now,
	struct arena *arena, struct text *out, struct slice *changed)
{
	struct act act = {
		.database = database, .question = question, .now = now, .arena = arena, .out = out};
	act.why = TEXT_FIXED(act.words);
	struct slice name = user_member(&act, "act");
	const struct user_act *row = user_act_find(name);

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
		user_complain(act, "there is no account ", act->login, "");
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
	struct slice name = user_member(&act, "act");

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
