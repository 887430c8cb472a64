/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts for trial and who. The contract is in accounted.h. */
#include "cmd/accounted.h"

#include <unistd.h>

#include "account/commands.h"
#include "account/stores.h"
#include "account/users_file.h"
#include "cmd/cli.h"

struct accounted {
	const struct policy *policy;
	struct arena *arena;
	bool asked, known;
	struct slice why;
	json_t *list;   /* an object each: login, owns, groups, limits */
	json_t *looked; /* those that were asked for one at a time */
};

struct accounted *accounted_open(const struct policy *policy, struct arena *arena)
{
	struct accounted *accounted = ARENA_NEW(arena, struct accounted);

	*accounted = (struct accounted){
		.policy = policy, .arena = arena, .list = json_array(), .looked = json_array()};
	return accounted;
}

void accounted_close(struct accounted *accounted)
{
	if (!accounted)
		return;
	json_decref(accounted->list);
	json_decref(accounted->looked);
}

/* ---- where they are ---- */

/* A name without a domain owns itself at the one that the configuration gives such names. */
static void own_at_domain(const struct accounted *accounted, json_t *account)
{
	struct slice domain = policy_settings(accounted->policy)->accounts_domain;
	const char *login = json_string_value(json_object_get(account, "login"));

	if (domain.len && !slice_has(slice_of(login), '@'))
		json_array_append_new(json_object_get(account, "owns"),
			json_sprintf("%s@%.*s", login, SLICE_ARGS(domain)));
}

static void keep_line(void *owner, json_t *line)
{
	struct accounted *accounted = owner;

	if (!json_object_get(line, "login"))
		return;
	own_at_domain(accounted, line);
	json_array_append(accounted->list, line);
}

static bool cannot(struct accounted *accounted, struct slice why)
{
	accounted->why = arena_slice(accounted->arena, why);
	return false;
}

static void keep_lines(struct accounted *accounted, struct slice lines)
{
	while (lines.len) {
		struct slice line = slice_cut(&lines, '\n');
		json_t *object = json_loadb(line.at, line.len, 0, NULL);
		keep_line(accounted, object);
		json_decref(object);
	}
}

static const char *path_of(const struct accounted *accounted)
{
	return arena_string(accounted->arena, policy_settings(accounted->policy)->accounts_where);
}

/* Only read: whoever may not write there may ask all the same. */
static bool read_database(
	struct accounted *accounted, const json_t *question, struct text *lines, struct text *why)
{
	const char *path = path_of(accounted);
	struct database *database = NULL;
	struct slice changed;

	if (access(path, R_OK) == 0)
		database = database_open(path, DATABASE_READ, NULL, why);
	else
		text_put(why, SLICE("the database of accounts cannot be read"));
	if (!database)
		return false;
	user_command(database, question, 0, accounted->arena, lines, &changed);
	database_close(database);
	return true;
}

static bool read_users(
	struct accounted *accounted, const json_t *question, struct text *lines, struct text *why)
{
	struct users_file *users = store_file_read(path_of(accounted), why);

	if (!users)
		return false;
	user_command_file(users, question, accounted->arena, lines);
	users_file_free(users);
	return true;
}

static bool is_kept_in(const struct accounted *accounted, const char *kind)
{
	return slice_is(policy_settings(accounted->policy)->accounts_kind, slice_of(kind));
}

static bool read_here(struct accounted *accounted, const json_t *question)
{
	struct text why = TEXT_GROWING, lines = TEXT_GROWING;
	bool good = is_kept_in(accounted, "file")
			    ? read_users(accounted, question, &lines, &why)
			    : read_database(accounted, question, &lines, &why);

	if (good)
		keep_lines(accounted, text_slice(&lines));
	else
		(void)cannot(accounted, text_slice(&why));
	text_free(&why);
	text_free(&lines);
	return good;
}

/* A directory, another server and the users of a host are asked for one account at a time. */
static bool can_be_listed(const struct accounted *accounted)
{
	return is_kept_in(accounted, "sqlite") || is_kept_in(accounted, "file");
}

static bool ask_all(struct accounted *accounted)
{
	struct text words = TEXT_GROWING;
	bool good = false;

	if (!policy_settings(accounted->policy)->accounts_kind.len)
		return true; /* there are none */
	if (!can_be_listed(accounted))
		return cannot(accounted,
			arena_format(accounted->arena,
				"accounts are kept in %.*s, which cannot list them",
				SLICE_ARGS(policy_settings(accounted->policy)->accounts_kind)));
	json_t *question = json_pack("{s:s,s:s}", "ask", "user", "act", "list");
	switch (daemon_ask(
		accounted->policy, json_incref(question), keep_line, accounted, &words)) {
	case ASKED: good = true; break;
	case ASKED_REFUSED: good = cannot(accounted, text_slice(&words)); break;
	case ASKED_NO_DAEMON: good = read_here(accounted, question); break;
	}
	json_decref(question);
	text_free(&words);
	return good;
}

/* ---- one at a time, by the daemon ---- */

static void keep_answer(void *owner, json_t *line)
{
	json_t **kept = owner;

	if (!*kept)
		*kept = json_incref(line);
}

/* The line that accounts answers with, the caller's; NULL: that cannot be told. */
static json_t *look(struct accounted *accounted, const char *member, struct slice subject)
{
	struct text words = TEXT_GROWING;
	json_t *answer = NULL;
	json_t *question = json_pack("{s:s,s:s,s:o}", "ask", "user", "act", "look", member,
		json_stringn(subject.at, subject.len));

	switch (daemon_ask(accounted->policy, question, keep_answer, &answer, &words)) {
	case ASKED: break;
	case ASKED_REFUSED: (void)cannot(accounted, text_slice(&words)); break;
	case ASKED_NO_DAEMON:
		(void)cannot(accounted,
			arena_format(accounted->arena,
				"accounts are kept in %.*s, which only the daemon can ask",
				SLICE_ARGS(policy_settings(accounted->policy)->accounts_kind)));
		break;
	}
	text_free(&words);
	return answer;
}

bool accounted_are_known(struct accounted *accounted, struct slice *why)
{
	if (!accounted->asked)
		accounted->known = ask_all(accounted);
	accounted->asked = true;
	*why = accounted->why;
	return accounted->known;
}

/* ---- what they say ---- */

static struct slice text_of(const json_t *value)
{
	return (struct slice){json_string_value(value), json_string_length(value)};
}

/* alice@example.org may sign in as alice, where such names are those of example.org. */
static bool is_at_domain(const struct accounted *accounted, struct slice name, struct slice login)
{
	struct slice domain = policy_settings(accounted->policy)->accounts_domain;

	return domain.len && !slice_has(name, '@') && login.len == name.len + 1 + domain.len &&
	       slice_starts_nocase(login, name) && login.at[name.len] == '@' &&
	       slice_is_nocase(slice_from(login, name.len + 1), domain);
}

static const json_t *account_find(const struct accounted *accounted, struct slice login)
{
	for (size_t i = 0; i < json_array_size(accounted->list); i++) {
		const json_t *account = json_array_get(accounted->list, i);
		struct slice name = text_of(json_object_get(account, "login"));
		if (slice_is_nocase(name, login) || is_at_domain(accounted, name, login))
			return account;
	}
	return NULL;
}

static bool covers(struct slice entry, const struct mailbox *address, struct arena *arena)
{
	struct slice plain = arena_format(arena, "%.*s@%.*s",
		SLICE_ARGS(mailbox_local_key(address, arena)), SLICE_ARGS(address->domain));

	if (slice_starts(entry, SLICE("*@")))
		return slice_is_nocase(slice_from(entry, 2), address->domain);
	return slice_is_nocase(entry, address->text) || slice_is_nocase(entry, plain);
}

/* `mailbox`: a `*@domain` is a right to send, and no mailbox. */
static bool account_has(
	const json_t *account, const struct mailbox *address, bool mailbox, struct arena *arena)
{
	const json_t *owns = json_object_get(account, "owns");

	if (covers(text_of(json_object_get(account, "login")), address, arena))
		return true;
	for (size_t i = 0; i < json_array_size(owns); i++) {
		struct slice entry = text_of(json_array_get(owns, i));
		if ((!mailbox || !slice_starts(entry, SLICE("*@"))) &&
			covers(entry, address, arena))
			return true;
	}
	return false;
}

static const struct slice *texts_of(const json_t *list, struct arena *arena, size_t *count)
{
	struct slice *texts = ARENA_ARRAY(arena, struct slice, json_array_size(list) + 1);

	*count = json_array_size(list);
	for (size_t i = 0; i < *count; i++)
		texts[i] = text_of(json_array_get(list, i));
	return texts;
}

static struct who_account owner_of(const json_t *account, struct arena *arena)
{
	struct who_account owner = {.name = text_of(json_object_get(account, "login")),
		.disabled = json_is_true(json_object_get(account, "disabled"))};

	owner.limits = texts_of(json_object_get(account, "limits"), arena, &owner.limit_count);
	return owner;
}

size_t accounted_owners(struct accounted *accounted, const struct mailbox *address,
	const struct who_account **owners)
{
	size_t all = json_array_size(accounted->list), count = 0;
	struct who_account *list = ARENA_ARRAY(accounted->arena, struct who_account, all + 1);

	for (size_t i = 0; i < all; i++) {
		const json_t *account = json_array_get(accounted->list, i);
		if (account_has(account, address, false, accounted->arena))
			list[count++] = owner_of(account, accounted->arena);
	}
	*owners = list;
	return count;
}

/* ---- facts ---- */

static void read_account(struct accounted *accounted, const json_t *account,
	const struct wanted *wanted, struct fact_answer *answer)
{
	bool owned = wanted->fact == FACT_OWNED;
	const char *member = owned ? "owns" : wanted->fact == FACT_GROUPS ? "groups" : "limits";

	if (!account || !json_object_get(account, "login")) {
		answer->because = SLICE("there is no such account");
		return;
	}
	answer->texts =
		texts_of(json_object_get(account, member), accounted->arena, &answer->text_count);
	if (wanted->fact == FACT_LIMITS)
		answer->because = arena_format(accounted->arena, "accounts %.*s",
			SLICE_ARGS(policy_settings(accounted->policy)->accounts_kind));
}

static void read_mailbox(
	struct accounted *accounted, const struct facts *facts, struct fact_answer *answer)
{
	answer->because = SLICE("accounts");
	for (size_t i = 0; i < json_array_size(accounted->list); i++)
		answer->yes |= account_has(json_array_get(accounted->list, i), &facts->recipient,
			true, accounted->arena);
}

static struct slice whose(const struct facts *facts, const struct wanted *wanted)
{
	return wanted->fact == FACT_OWNED ? wanted->argument : facts->account;
}

static void answer_from_list(struct accounted *accounted, const struct facts *facts,
	const struct wanted *wanted, struct fact_answer *answer)
{
	struct slice why;

	answer->unknown = !accounted_are_known(accounted, &why);
	answer->because = why;
	if (answer->unknown)
		return;
	if (wanted->fact == FACT_MAILBOX)
		read_mailbox(accounted, facts, answer);
	else
		read_account(
			accounted, account_find(accounted, whose(facts, wanted)), wanted, answer);
}

static void answer_by_looking(struct accounted *accounted, const struct facts *facts,
	const struct wanted *wanted, struct fact_answer *answer)
{
	bool mailbox = wanted->fact == FACT_MAILBOX;
	json_t *line = look(accounted, mailbox ? "address" : "login",
		mailbox ? facts->recipient.text : whose(facts, wanted));

	answer->unknown = line == NULL;
	if (answer->unknown) {
		answer->because = accounted->why;
		return;
	}
	json_array_append_new(accounted->looked, line); /* its texts live as long */
	if (mailbox)
		answer->yes = json_is_true(json_object_get(line, "found"));
	else
		read_account(accounted, line, wanted, answer);
}

static void answer_one(struct accounted *accounted, const struct facts *facts,
	const struct wanted *wanted, struct fact_answer *answer)
{
	bool kept = policy_settings(accounted->policy)->accounts_kind.len > 0;

	bool limitless = is_kept_in(accounted, "dovecot") || is_kept_in(accounted, "pam");

	*answer = (struct fact_answer){.fact = wanted->fact, .argument = wanted->argument};
	if (wanted->fact == FACT_LIMITS && limitless)
		return;
	if (kept && !can_be_listed(accounted))
		answer_by_looking(accounted, facts, wanted, answer);
	else
		answer_from_list(accounted, facts, wanted, answer);
}

size_t accounted_find(struct accounted *accounted, const struct facts *facts,
	const struct wanted *wanted, size_t count, struct fact_answer *answers)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		bool mailbox = wanted[i].fact == FACT_MAILBOX &&
			       !policy_asks_next_hop(accounted->policy, facts->recipient.domain);
		if (wanted[i].fact != FACT_GROUPS && wanted[i].fact != FACT_OWNED &&
			wanted[i].fact != FACT_LIMITS && !mailbox)
			continue;
		answer_one(accounted, facts, &wanted[i], &answers[found++]);
	}
	return found;
}
