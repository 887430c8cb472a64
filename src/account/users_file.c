/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in a plain file: its parser. The contract is in users_file.h. */
#include "account/users_file.h"

#include <stdlib.h>

#include "account/login.h"
#include "account/password.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/panic.h"
#include "policy/account_limits.h"
#include "run/random.h"
#include "sasl/scram.h"

struct users_file {
	struct arena *arena;
	struct map *logins;    /* struct account, by login */
	struct map *mailboxes; /* the same, by the key of each owned address */
};

struct line {
	struct users_file *users;
	struct account *account;
	struct text *why;
};

static bool complain(struct line *line, const char *before, struct slice what, const char *behind)
{
	text_put(line->why, slice_of(before));
	text_escaped(line->why, slice_part(what, 0, 80));
	text_put(line->why, slice_of(behind));
	return false;
}

/* ---- the words behind login and verifier ---- */

static size_t commas(struct slice s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += s.at[i] == ',';
	return count;
}

static bool read_owns(struct line *line, struct slice list)
{
	struct users_file *users = line->users;
	struct slice *owned = ARENA_ARRAY(users->arena, struct slice, commas(list) + 1);
	struct owned_address address;
	const char *why;

	if (line->account->owned)
		return complain(line, "", SLICE("owns="), " stands there twice");
	line->account->owned = owned;
	while (list.len) {
		struct slice word = slice_cut(&list, ',');
		if (!owned_normalise(word, users->arena, &address, &why)) {
			complain(line, "", word, " can be owned by nobody: ");
			return complain(line, why, SLICE_NONE, "");
		}
		owned[line->account->owned_count++] = address.address;
		if (!slice_starts(address.key, SLICE("*@")))
			map_put(users->mailboxes, address.key, line->account);
	}
	return true;
}

static bool read_groups(struct line *line, struct slice list)
{
	struct slice *groups = ARENA_ARRAY(line->users->arena, struct slice, commas(list) + 1);

	if (line->account->groups)
		return complain(line, "", SLICE("groups="), " stands there twice");
	line->account->groups = groups;
	while (list.len) {
		struct slice word = slice_cut(&list, ',');
		if (!group_is_name(word))
			return complain(line, "no name of a group: ", word,
				"; it has 1 to 64 letters, digits, - _ and .");
		groups[line->account->group_count++] = arena_slice(line->users->arena, word);
	}
	return true;
}

/* limits=500-recipients-per-day,60-messages-per-hour: a blank would end the word. */
static bool read_limits(struct line *line, struct slice list)
{
	struct slice *limits = ARENA_ARRAY(line->users->arena, struct slice, ACCOUNT_LIMITS_MAX);
	struct account_limit limit;
	char raw[80];

	if (line->account->limits)
		return complain(line, "", SLICE("limits="), " stands there twice");
	line->account->limits = limits;
	while (list.len) {
		struct slice word = slice_cut(&list, ',');
		struct text text = TEXT_FIXED(raw);
		for (size_t i = 0; i < word.len; i++)
			text_char(&text, word.at[i] == '-' ? ' ' : word.at[i]);
		if (text.cut || !account_limit_parse(text_slice(&text), &limit))
			return complain(line, "no limit: ", word,
				"; write it like: 500-recipients-per-day");
		if (line->account->limit_count == ACCOUNT_LIMITS_MAX)
			return complain(line, "too many limits at ", word, ", 8 at most");
		text_clear(&text);
		text_account_limit(&text, &limit);
		limits[line->account->limit_count++] =
			arena_slice(line->users->arena, text_slice(&text));
	}
	return true;
}

static bool read_scram(struct line *line, struct slice value)
{
	struct scram_keys keys;

	if (!scram_keys_parse(value, line->users->arena, &keys))
		return complain(line, "the SCRAM keys are not like ",
			SLICE("SCRAM-SHA-256$4096:salt$StoredKey:ServerKey"), "");
	line->account->scram = arena_slice(line->users->arena, value);
	return true;
}

static bool read_disabled(struct line *line, struct slice value)
{
	(void)value;
	line->account->disabled = true;
	return true;
}

static const struct option {
	struct slice name; /* with its = where a value follows */
	bool (*read)(struct line *line, struct slice value);
} options[] = {
	{SLICE("owns="), read_owns},
	{SLICE("groups="), read_groups},
	{SLICE("limits="), read_limits},
	{SLICE("scram="), read_scram},
	{SLICE("disabled"), read_disabled},
};

static bool read_option(struct line *line, struct slice word)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		struct slice name = options[i].name;
		bool has_value = name.at[name.len - 1] == '=';
		if (has_value ? slice_starts(word, name) : slice_is(word, name))
			return options[i].read(line, slice_from(word, name.len));
	}
	return complain(
		line, "unknown word ", word, "; owns=, groups=, limits=, scram= or disabled");
}

/* ---- login and verifier ---- */

/* Dovecot's names for what crypt(3) and argon2 write by themselves. */
static struct slice without_scheme(struct slice verifier)
{
	static const struct slice schemes[] = {SLICE("{CRYPT}"), SLICE("{SHA512-CRYPT}"),
		SLICE("{SHA256-CRYPT}"), SLICE("{BLF-CRYPT}"), SLICE("{ARGON2ID}")};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (slice_starts_nocase(verifier, schemes[i]))
			return slice_from(verifier, schemes[i].len);
	return verifier;
}

static bool read_verifier(struct line *line, struct slice verifier)
{
	verifier = without_scheme(verifier);
	if (slice_is(verifier, SLICE("*")))
		return true;
	/* What stands here instead may be a password: it is not repeated. */
	if (!verifier_is_known(verifier))
		return complain(line, "behind the name ", SLICE("no verifier"),
			" begins with $y$, $6$, $5$, $2b$ or $argon2id$ (or is *)");
	line->account->verifier = arena_slice(line->users->arena, verifier);
	return true;
}

static bool read_login(struct line *line, struct slice written)
{
	struct users_file *users = line->users;
	struct slice login;
	const char *why;

	if (!login_normalise(written, users->arena, &login, &why)) {
		complain(line, "", written, " can be no account's name: ");
		return complain(line, why, SLICE_NONE, "");
	}
	if (map_get(users->logins, login))
		return complain(line, "there is a line for ", login, " already");
	line->account->login = login;
	map_put(users->logins, login, line->account);
	return true;
}

static bool read_line(struct line *line, struct slice s)
{
	size_t colon = slice_find(s, ':');

	if (colon == SIZE_MAX)
		return complain(line, "no account ", SLICE("stands here"), ": LOGIN:VERIFIER …");
	struct slice login = slice_part(s, 0, colon), rest = slice_from(s, colon + 1);
	struct slice verifier = slice_cut(&rest, ' ');
	if (!read_login(line, login) || !read_verifier(line, verifier))
		return false;
	while (rest.len) {
		struct slice word = slice_cut(&rest, ' ');
		if (word.len && !read_option(line, word))
			return false;
	}
	return true;
}

/* ---- the file ---- */

static bool read_lines(struct users_file *users, struct slice bytes, struct text *why)
{
	for (unsigned number = 1; bytes.len; number++) {
		struct slice text = slice_trim(slice_cut(&bytes, '\n'));
		if (text.len && text.at[text.len - 1] == '\r')
			text.len--;
		if (text.len == 0 || text.at[0] == '#')
			continue;
		size_t from = why->len;
		struct line line = {users, ARENA_NEW(users->arena, struct account), why};
		text_format(why, "line %u: ", number);
		if (!read_line(&line, text))
			return false;
		why->len = from;
	}
	return true;
}

struct users_file *users_file_parse(struct slice bytes, struct text *why)
{
	struct users_file *users = calloc(1, sizeof *users);

	panic_if(!users, "no memory for a file of accounts");
	users->arena = arena_new();
	users->logins = map_new(random_u64());
	users->mailboxes = map_new(random_u64());
	if (read_lines(users, bytes, why))
		return users;
	users_file_free(users);
	return NULL;
}

void users_file_free(struct users_file *users)
{
	if (!users)
		return;
	map_free(users->logins);
	map_free(users->mailboxes);
	arena_wipe(users->arena);
	arena_free(users->arena);
	free(users);
}

const struct account *users_file_find(const struct users_file *users, struct slice login)
{
	return map_get(users->logins, login);
}

bool users_file_has_mailbox(const struct users_file *users, struct slice key)
{
	return map_get(users->logins, key) || map_get(users->mailboxes, key);
}

const struct account *users_file_next(const struct users_file *users, size_t *at)
{
	return map_next(users->logins, at);
}

size_t users_file_count(const struct users_file *users)
{
	return map_count(users->logins);
}
