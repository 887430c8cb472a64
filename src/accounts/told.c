/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control asks: `status`, and `limits` (all counters, or those whose key has a word). Answers
 * leave in pieces as the channel takes them.
 */
#include <jansson.h>
#include <stdlib.h>

#include "accounts/state.h"
#include "base/json.h"
#include "base/panic.h"

/* ---- words ---- */

static void tell_status(struct accounts *accounts, struct text *out)
{
	json_put_number(out, SLICE("{\"role\":\"accounts\",\"slot\":0,\"counters\":"),
		counters_count(accounts->counters));
	json_put_number(out, SLICE(",\"reserved\":"), accounts->reserved);
	json_put_number(out, SLICE(",\"full\":"), accounts->full);
	json_put_number(out, SLICE(",\"kept\":"), accounts->kept);
	json_put_number(out, SLICE(",\"no_room\":"), accounts->no_room);
	json_put_number(out, SLICE(",\"forgotten\":"), counters_forgotten(accounts->counters));
	json_put_truth(
		out, SLICE(",\"written\":"), accounts->has_keeper && !accounts->keeper.complained);
	text_put(out, SLICE(",\"accounts\":"));
	directory_tell(accounts->directory, out);
	text_put(out, SLICE(",\"signin\":"));
	signin_tell(accounts->signin, out);
	text_put(out, SLICE(",\"leases\":"));
	leasing_tell(&accounts->leasing, out);
	text_char(out, '}');
}

static bool has_word(struct slice key, struct slice word)
{
	while (key.len)
		if (slice_is_nocase(slice_cut(&key, ' '), word))
			return true;
	return false;
}

static void tell_counter(
	const struct accounts *accounts, const struct counter_view *view, struct text *out)
{
	int64_t offset = loop_wall(accounts->role->loop) - loop_mono(accounts->role->loop);

	json_put_text(out, SLICE("{\"counter\":"), view->key);
	json_put_number(out, SLICE(",\"used\":"), view->kept + view->reserved);
	json_put_number(out, SLICE(",\"reserved\":"), view->reserved);
	if (view->most)
		json_put_number(out, SLICE(",\"most\":"), view->most);
	json_put_number(out, SLICE(",\"period\":"), (uint64_t)(view->period / NS_PER_S));
	if (view->free_at != NEVER)
		json_put_time(out, SLICE(",\"next_free\":"), view->free_at + offset);
	text_put(out, SLICE("}\n"));
}

/* Of wrong sign-ins; not where somebody has signed in. */
static bool guess_is_shown(const struct counter_view *view)
{
	return !slice_starts(view->key, SLICE("guess-known ")) &&
	       !slice_starts(view->key, SLICE("guess-home "));
}

static void tell_limits(struct accounts *accounts, struct slice of, struct text *out)
{
	struct counter_view view;
	size_t at = 0;

	while (counters_next(accounts->counters, &at, loop_mono(accounts->role->loop), &view))
		if (!of.len || has_word(view.key, of))
			tell_counter(accounts, &view, out);
	at = 0;
	while (counters_next(
		signin_counters(accounts->signin), &at, loop_mono(accounts->role->loop), &view))
		if (guess_is_shown(&view) && (!of.len || has_word(view.key, of)))
			tell_counter(accounts, &view, out);
}

/* Those of `keys`, exactly: what a trial asks. */
static void tell_keys(struct accounts *accounts, const json_t *keys, struct text *out)
{
	struct counter_view view;

	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *key = json_array_get(keys, i);
		struct slice named = {json_string_value(key), json_string_length(key)};
		if (json_is_string(key) && counters_find(accounts->counters, named,
						   loop_mono(accounts->role->loop), &view))
			tell_counter(accounts, &view, out);
	}
}

static void answer(void *owner, struct slice text, struct text *out)
{
	struct accounts *accounts = owner;
	json_t *question = json_loadb(text.at ? text.at : "", text.len, 0, NULL);
	struct slice ask = slice_of(json_string_value(json_object_get(question, "ask")));

	if (slice_is(ask, SLICE("status")))
		tell_status(accounts, out);
	else if (slice_is(ask, SLICE("limits")) && json_object_get(question, "keys"))
		tell_keys(accounts, json_object_get(question, "keys"), out);
	else if (slice_is(ask, SLICE("limits")))
		tell_limits(accounts, slice_of(json_string_value(json_object_get(question, "of"))),
			out);
	else
		text_put(out, SLICE("{\"error\":\"accounts answers status, limits, user, grant, "
				    "revoke and grants\"}"));
	json_decref(question);
}

/* ---- what waits ---- */

/* `user` and `grant` wait for a thread; the others are answered at once. */
struct waiting {
	struct accounts *accounts;
	json_t *question;
	uint32_t request;
	uint64_t asker;
};

static void user_task(struct task *task, void *arg)
{
	struct waiting *waiting = arg;
	struct accounts *accounts = waiting->accounts;
	struct text words = TEXT_GROWING;

	if (leasing_is_command(waiting->question))
		directory_grant(task, accounts->directory, waiting->question, &words);
	else
		directory_user(task, accounts->directory, waiting->question, &words);
	told_later(&accounts->told, waiting->request, waiting->asker, text_slice(&words));
	text_free(&words);
	json_decref(waiting->question);
	free(waiting);
}

static bool is_of_users(const json_t *question)
{
	return slice_is(
		slice_of(json_string_value(json_object_get(question, "ask"))), SLICE("user"));
}

/* False: it is another question. */
static bool take_user(void *owner, struct slice text, uint32_t request, uint64_t asker)
{
	struct accounts *accounts = owner;
	json_t *question = json_loadb(text.at ? text.at : "", text.len, 0, NULL);
	bool waits = is_of_users(question) || leasing_is_command(question);
	struct waiting *waiting = waits ? calloc(1, sizeof *waiting) : NULL;

	if (!waiting) {
		json_decref(question);
		return false;
	}
	*waiting = (struct waiting){accounts, question, request, asker};
	panic_if(!task_start(accounts->role->loop, "user", user_task, waiting),
		"no memory for a question");
	return true;
}

void accounts_told_begin(struct accounts *accounts)
{
	told_init(&accounts->told, accounts->role->loop,
		&(struct told_user){answer, take_user, accounts});
}
