/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts for trial and who. The contract is in accounted.h. */
#include "cmd/accounted.h"

#include <unistd.h>

#include "account/commands.h"
#include "cmd/cli.h"

struct accounted {
	const struct policy *policy;
	struct arena *arena;
	bool asked, known;
	struct slice why;
	json_t *list; /* an object each: login, owns, groups */
};

struct accounted *accounted_open(const struct policy *policy, struct arena *arena)
{
	struct accounted *accounted = ARENA_NEW(arena, struct accounted);

	*accounted = (struct accounted){.policy = policy, .arena = arena, .list = json_array()};
	return accounted;
}

void accounted_close(struct accounted *accounted)
{
	if (accounted)
		json_decref(accounted->list);
}

/* ---- where they are ---- */

static void keep_line(void *owner, json_t *line)
{
	struct accounted *accounted = owner;

	if (json_object_get(line, "login"))
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

/* Only read: whoever may not write there may ask all the same. */
static bool read_database(struct accounted *accounted, const json_t *question)
{
	const struct settings *settings = policy_settings(accounted->policy);
	const char *path = arena_string(accounted->arena, settings->accounts_where);
	struct text why = TEXT_GROWING, lines = TEXT_GROWING;
	struct database *database = NULL;
	struct slice changed;

	if (!slice_is(settings->accounts_kind, SLICE("sqlite")))
		return cannot(accounted, SLICE("only the daemon can ask where accounts are kept"));
	if (access(path, R_OK) == 0)
		database = database_open(path, DATABASE_READ, NULL, &why);
	else
		text_put(&why, SLICE("the database of accounts cannot be read"));
	bool good = database != NULL;
	if (good) {
		user_command(database, question, 0, accounted->arena, &lines, &changed);
		keep_lines(accounted, text_slice(&lines));
		database_close(database);
	} else {
		(void)cannot(accounted, text_slice(&why));
	}
	text_free(&why);
	text_free(&lines);
	return good;
}

static bool ask_all(struct accounted *accounted)
{
	struct text words = TEXT_GROWING;
	json_t *question = json_pack("{s:s,s:s}", "ask", "user", "act", "list");
	bool good = false;

	if (!policy_settings(accounted->policy)->accounts_kind.len)
		return json_decref(question), true; /* there are none */
	switch (daemon_ask(
		accounted->policy, json_incref(question), keep_line, accounted, &words)) {
	case ASKED: good = true; break;
	case ASKED_REFUSED: good = cannot(accounted, text_slice(&words)); break;
	case ASKED_NO_DAEMON: good = read_database(accounted, question); break;
	}
	json_decref(question);
	text_free(&words);
	return good;
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

static const json_t *account_find(const struct accounted *accounted, struct slice login)
{
	for (size_t i = 0; i < json_array_size(accounted->list); i++) {
		const json_t *account = json_array_get(accounted->list, i);
		if (slice_is_nocase(text_of(json_object_get(account, "login")), login))
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

size_t accounted_owners(
	struct accounted *accounted, const struct mailbox *address, const struct slice **names)
{
	size_t all = json_array_size(accounted->list), count = 0;
	struct slice *list = ARENA_ARRAY(accounted->arena, struct slice, all + 1);

	for (size_t i = 0; i < all; i++) {
		const json_t *account = json_array_get(accounted->list, i);
		if (account_has(account, address, false, accounted->arena))
			list[count++] = text_of(json_object_get(account, "login"));
	}
	*names = list;
	return count;
}

/* ---- facts ---- */

static void texts_of(const json_t *list, struct arena *arena, struct fact_answer *answer)
{
	struct slice *texts = ARENA_ARRAY(arena, struct slice, json_array_size(list) + 1);

	for (size_t i = 0; i < json_array_size(list); i++)
		texts[answer->text_count++] = text_of(json_array_get(list, i));
	answer->texts = texts;
}

static void answer_one(struct accounted *accounted, const struct facts *facts,
	const struct wanted *wanted, struct fact_answer *answer)
{
	bool groups = wanted->fact == FACT_GROUPS;
	const json_t *account = account_find(accounted, groups ? facts->account : wanted->argument);

	*answer = (struct fact_answer){.fact = wanted->fact,
		.argument = wanted->argument,
		.unknown = !accounted->known,
		.because = !accounted->known ? accounted->why
			   : account         ? SLICE_NONE
					     : SLICE("there is no such account")};
	if (answer->unknown)
		return;
	if (wanted->fact == FACT_MAILBOX) {
		answer->because = SLICE("accounts");
		for (size_t i = 0; i < json_array_size(accounted->list); i++)
			answer->yes |= account_has(json_array_get(accounted->list, i),
				&facts->recipient, true, accounted->arena);
	} else {
		texts_of(json_object_get(account, groups ? "groups" : "owns"), accounted->arena,
			answer);
	}
}

size_t accounted_find(struct accounted *accounted, const struct facts *facts,
	const struct wanted *wanted, size_t count, struct fact_answer *answers)
{
	size_t found = 0;
	struct slice why;

	for (size_t i = 0; i < count; i++) {
		if (wanted[i].fact != FACT_GROUPS && wanted[i].fact != FACT_OWNED &&
			wanted[i].fact != FACT_MAILBOX)
			continue;
		(void)accounted_are_known(accounted, &why);
		answer_one(accounted, facts, &wanted[i], &answers[found++]);
	}
	return found;
}
