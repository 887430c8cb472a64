/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts for people. The contract is in users.h. */
#include "diagnose/users.h"

#include "diagnose/told.h"

enum { LOGIN_COLUMN = 32 };

static void put_texts(struct text *out, const json_t *list, const char *between)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (i)
			text_put(out, slice_of(between));
		text_escaped(out, slice_of(json_string_value(json_array_get(list, i))));
	}
}

static void put_password(struct text *out, const json_t *account)
{
	text_escaped(out, told_text(account, "password"));
	if (json_is_true(json_object_get(account, "scram")))
		text_put(out, SLICE("+scram"));
}

/* "2026-11-21": the day is enough here. */
static struct slice day(const json_t *account, const char *name)
{
	return slice_part(told_text(account, name), 0, 10);
}

void view_user_line(struct text *out, const json_t *account)
{
	size_t from = out->len;

	text_escaped(out, told_text(account, "login"));
	do
		text_char(out, ' ');
	while (out->len < from + LOGIN_COLUMN);
	put_password(out, account);
	if (json_is_true(json_object_get(account, "disabled")))
		text_put(out, SLICE("  disabled"));
	if (day(account, "last_used").len)
		text_format(out, "  used %.*s", SLICE_ARGS(day(account, "last_used")));
	if (json_array_size(json_object_get(account, "groups"))) {
		text_put(out, SLICE("  in "));
		put_texts(out, json_object_get(account, "groups"), ", ");
	}
	if (json_array_size(json_object_get(account, "owns"))) {
		text_put(out, SLICE("  owns "));
		put_texts(out, json_object_get(account, "owns"), ", ");
	}
	if (json_array_size(json_object_get(account, "limits"))) {
		text_put(out, SLICE("  at most "));
		put_texts(out, json_object_get(account, "limits"), ", ");
	}
	text_char(out, '\n');
}

static void put_row(struct text *out, const char *name, struct slice value)
{
	if (!value.len)
		return;
	text_format(out, "  %-10s ", name);
	text_escaped(out, value);
	text_char(out, '\n');
}

static void put_list(struct text *out, const char *name, const json_t *list)
{
	if (!json_array_size(list))
		return;
	text_format(out, "  %-10s ", name);
	put_texts(out, list, "\n             ");
	text_char(out, '\n');
}

void view_user(struct text *out, const json_t *account)
{
	text_escaped(out, told_text(account, "login"));
	if (json_is_true(json_object_get(account, "disabled")))
		text_put(out, SLICE(" (disabled: it cannot sign in)"));
	text_format(out, "\n  %-10s ", "password");
	put_password(out, account);
	text_char(out, '\n');
	if (slice_has(told_text(account, "login"), '@'))
		put_row(out, "own name", told_text(account, "login"));
	put_list(out, "owns", json_object_get(account, "owns"));
	put_list(out, "groups", json_object_get(account, "groups"));
	put_list(out, "at most", json_object_get(account, "limits"));
	put_row(out, "created", told_text(account, "created"));
	put_row(out, "last used", told_text(account, "last_used"));
}

static const struct {
	const char *act, *done, *already;
} acts[] = {
	{"add", "is there now", "was there"},
	{"passwd", "has the new password", "has the password"},
	{"remove", "is gone, with all it owned", "was gone"},
	{"own", "owns that now", "owned that already"},
	{"disown", "does not own that any more", "did not own that"},
	{"join", "is a member now", "was a member already"},
	{"leave", "is no member any more", "was no member"},
	{"limit", "has that limit now", "had that limit already"},
	{"unlimit", "has that limit no more", "had no limit of its own"},
	{"enable", "can sign in again", "could sign in already"},
	{"disable", "cannot sign in any more", "was disabled already"},
};

void view_user_changed(struct text *out, const json_t *done)
{
	bool changed = json_is_true(json_object_get(done, "changed"));

	text_escaped(out, told_text(done, "login"));
	text_char(out, ' ');
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (slice_is(told_text(done, "act"), slice_of(acts[i].act)))
			text_put(out, slice_of(changed ? acts[i].done : acts[i].already));
	text_char(out, '\n');
}
