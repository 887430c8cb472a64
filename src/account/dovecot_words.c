/* SPDX-License-Identifier: Apache-2.0 */
/* Dovecot's lines. The contract is in dovecot_words.h. */
#include "account/dovecot_words.h"

#include "account/login.h"

struct dovecot_line dovecot_line_read(struct slice line)
{
	struct dovecot_line read;

	read.command = slice_cut(&line, '\t');
	read.id = slice_cut(&line, '\t');
	read.rest = line;
	return read;
}

/* A byte 1 comes before 0, 1, t, r or n for NUL, 1, tab, CR and LF. */
static const struct {
	char plain, written;
} escapes[] = {{'\0', '0'}, {'\1', '1'}, {'\t', 't'}, {'\r', 'r'}, {'\n', 'n'}};

static char unescaped(char written)
{
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		if (escapes[i].written == written)
			return escapes[i].plain;
	return written;
}

static struct slice unescape(struct slice s, struct arena *arena)
{
	char *plain = arena_alloc(arena, s.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		bool escaped = s.at[i] == '\1' && i + 1 < s.len;
		plain[len++] = escaped ? unescaped(s.at[++i]) : s.at[i];
	}
	return (struct slice){plain, len};
}

void text_dovecot(struct text *text, struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		size_t at = 0;
		while (at < sizeof escapes / sizeof *escapes && escapes[at].plain != value.at[i])
			at++;
		if (at < sizeof escapes / sizeof *escapes) {
			text_char(text, '\1');
			text_char(text, escapes[at].written);
		} else {
			text_char(text, value.at[i]);
		}
	}
}

bool dovecot_value(struct slice rest, struct slice name, struct arena *arena, struct slice *value)
{
	while (rest.len) {
		struct slice word = slice_cut(&rest, '\t');
		bool same = slice_starts(word, name) &&
			    (word.len == name.len || word.at[name.len] == '=');
		if (!same)
			continue;
		*value = unescape(slice_from(word, name.len + 1), arena);
		return true;
	}
	return false;
}

static size_t commas(struct slice s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += s.at[i] == ',';
	return count;
}

static void read_owned(struct slice list, struct arena *arena, struct account *account)
{
	struct slice *owned = ARENA_ARRAY(arena, struct slice, commas(list) + 1);
	struct owned_address address;

	account->owned = owned;
	while (list.len)
		if (owned_normalise(slice_trim(slice_cut(&list, ',')), arena, &address, NULL))
			owned[account->owned_count++] = address.address;
}

static void read_groups(struct slice list, struct arena *arena, struct account *account)
{
	struct slice *groups = ARENA_ARRAY(arena, struct slice, commas(list) + 1);

	account->groups = groups;
	while (list.len) {
		struct slice name = slice_trim(slice_cut(&list, ','));
		if (group_is_name(name))
			groups[account->group_count++] = name;
	}
}

void dovecot_account(
	struct slice rest, struct slice asked, struct arena *arena, struct account *account)
{
	struct slice value;

	account->login = arena_slice(arena, asked);
	if (dovecot_value(rest, SLICE("user"), arena, &value) &&
		!login_normalise(value, arena, &account->login, NULL))
		account->login = arena_slice(arena, asked);
	if (dovecot_value(rest, SLICE("postern_owns"), arena, &value))
		read_owned(value, arena, account);
	if (dovecot_value(rest, SLICE("postern_groups"), arena, &value))
		read_groups(value, arena, account);
}
