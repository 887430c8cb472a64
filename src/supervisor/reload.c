/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration: read and proved, prepared by every role, then switched to by all of them; or
 * nothing changes and the reason is said. Read inside.h first. */
#include <stdlib.h>
#include <string.h>

#include "supervisor/inside.h"
#include "supervisor/notify.h"

#define ANSWER_WITHIN (30 * NS_PER_S)
enum { WORDS_MAX = 3000 };

/* ---- saying how it went ---- */

static void answer(struct supervisor *supervisor, uint32_t request, bool ok, struct slice words)
{
	struct member *control = staff_find(supervisor, ROLE_CONTROL);
	char buffer[WORDS_MAX + 64];
	struct writer body = writer_over(buffer, sizeof buffer);

	if (!control || !member_is_linked(control))
		return;
	setup_reloaded_write(
		&body, &(struct setup_reloaded){request, ok, slice_part(words, 0, WORDS_MAX)});
	member_send(control, SETUP_RELOADED, &body, -1);
}

static void answer_asker(struct supervisor *supervisor, bool ok, struct slice words)
{
	if (supervisor->reload.request_known)
		answer(supervisor, supervisor->reload.request, ok, words);
	supervisor->reload.request_known = false;
	notify("READY=1");
}

void reload_drop(struct supervisor *supervisor)
{
	configuration_free(supervisor->reload.next);
	supervisor->reload.next = NULL;
	listeners_close(&supervisor->reload.fresh);
}

static void refuse(struct supervisor *supervisor, struct slice words)
{
	reload_drop(supervisor);
	supervisor_log(supervisor, LEVEL_ERROR, "reload-refused", "nothing changes: %.*s",
		SLICE_ARGS(words));
	answer_asker(supervisor, false, words);
}

static void refuse_because(struct supervisor *supervisor, const char *who, const char *why)
{
	struct text words = TEXT_GROWING;

	text_format(&words, "%s: %s", who, why);
	refuse(supervisor, text_slice(&words));
	text_free(&words);
}

/* ---- what a reload cannot change ---- */

static const char *fixed_change(const struct supervisor *supervisor)
{
	const struct configuration *next = supervisor->reload.next;
	const struct settings *old = policy_settings(supervisor->configuration->policy);
	const struct settings *new = policy_settings(next->policy);

	if (!slice_is(old->state, new->state))
		return "`state` changes only by a restart";
	if (!slice_is(old->user, new->user) || old->user_written != new->user_written)
		return "`user` changes only by a restart";
	if (next->edges != supervisor->configuration->edges)
		return "`edges` changes only by a restart";
	return NULL;
}

/* ---- beginning ---- */

static bool is_busy(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->member_count; i++)
		if (supervisor->members[i].state == MEMBER_GREETING ||
			supervisor->members[i].state == MEMBER_PREPARING)
			return true;
	return !supervisor->announced;
}

static void complain_of_next(struct supervisor *supervisor)
{
	struct text words = TEXT_GROWING;

	configuration_show(supervisor->reload.next, &words);
	refuse(supervisor, text_slice(&words));
	text_free(&words);
}

/* True if the new configuration may be offered to the roles. */
static bool read_next(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	char buffer[512];
	struct text why = TEXT_FIXED(buffer);

	reload->next = configuration_read(supervisor->options->config, &why);
	if (!reload->next) {
		refuse(supervisor, text_slice(&why));
		return false;
	}
	if (!reload->next->policy) {
		complain_of_next(supervisor);
		return false;
	}
	const char *fixed = fixed_change(supervisor);
	if (fixed) {
		refuse(supervisor, slice_of(fixed));
		return false;
	}
	if (!listeners_open(&reload->fresh, &supervisor->listeners,
		    policy_settings(reload->next->policy), reload->next->edges, &why)) {
		refuse(supervisor, text_slice(&why));
		return false;
	}
	return true;
}

static void warn_unless_kept(struct supervisor *supervisor, const struct configuration *next)
{
	char buffer[512];
	struct text why = TEXT_FIXED(buffer);

	if (!state_keep_bundle(&supervisor->state, &next->bundle, &supervisor->owner, &why))
		supervisor_log(
			supervisor, LEVEL_WARN, "policy", "%.*s", SLICE_ARGS(text_slice(&why)));
}

static void begin(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	reload->asked = false;
	notify_reloading();
	if (!read_next(supervisor))
		return;
	reload->next->generation = ++supervisor->generation;
	reload->until = loop_mono(supervisor->loop) + ANSWER_WITHIN;
	warn_unless_kept(supervisor, reload->next);
	for (size_t i = 0; i < supervisor->member_count; i++) {
		struct member *member = &supervisor->members[i];
		member->answer = member_is_linked(member) ? ASKED : NOT_ASKED;
		if (member->answer == ASKED)
			member_send_bundle(member, reload->next);
	}
}

/* ---- all have said ok ---- */

static struct setup_grant grant_of(const struct listener *listener, struct text *where)
{
	text_address_port(where, &listener->bound);
	return (struct setup_grant){.what = GRANT_LISTENER,
		.service = slice_of(service_text(listener->service)),
		.address = text_slice(where)};
}

static void tell_acceptors(
	struct supervisor *supervisor, enum setup_type type, const struct listener *listener)
{
	char buffer[64];
	struct text where = TEXT_FIXED(buffer);
	struct setup_grant grant = grant_of(listener, &where);

	for (size_t i = 0; i < supervisor->member_count; i++) {
		struct member *member = &supervisor->members[i];
		if (member->kind->name == service_role(listener->service) &&
			member_is_linked(member))
			member_grant(member, type, &grant,
				type == SETUP_GRANT ? listener->fds[member->slot] : -1);
	}
}

static void change_listeners(struct supervisor *supervisor)
{
	LIST_EACH (struct listener, listener, &supervisor->listeners, link) {
		if (!listener->wanted_still) {
			tell_acceptors(supervisor, SETUP_REVOKE, listener);
			listener_close(listener);
		}
	}
	LIST_EACH (struct listener, listener, &supervisor->reload.fresh, link)
		tell_acceptors(supervisor, SETUP_GRANT, listener);
	listeners_keep(&supervisor->listeners, &supervisor->reload.fresh);
}

/* The first member that owes an answer, or NULL. */
static const struct member *waited_for(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->member_count; i++)
		if (supervisor->members[i].answer == ASKED)
			return &supervisor->members[i];
	return NULL;
}

static void commit(struct supervisor *supervisor)
{
	struct configuration *next = supervisor->reload.next;

	for (size_t i = 0; i < supervisor->member_count; i++) {
		struct member *member = &supervisor->members[i];
		if (member->answer != ANSWERED_OK)
			continue;
		member->answer = ASKED;
		member_switch(member, next->generation);
	}
	change_listeners(supervisor);
	configuration_free(supervisor->configuration);
	supervisor->configuration = next;
	supervisor->reload.next = NULL;
	supervisor->reload.switching = next->generation;
	supervisor->reload.until = loop_mono(supervisor->loop) + ANSWER_WITHIN;
	say_proof(supervisor);
}

static void weigh_answers(struct supervisor *supervisor)
{
	const struct member *late = waited_for(supervisor);

	for (size_t i = 0; i < supervisor->member_count; i++) {
		const struct member *member = &supervisor->members[i];
		if (member->answer == ANSWERED_NO) {
			refuse_because(supervisor, member->shown, member->words);
			return;
		}
	}
	if (!late)
		commit(supervisor);
	else if (loop_mono(supervisor->loop) >= supervisor->reload.until)
		refuse_because(supervisor, late->shown, "does not answer");
}

/* ---- all have switched: whoever is asked decides by the new configuration ---- */

static void say_reloaded(struct supervisor *supervisor)
{
	struct text where = TEXT_GROWING, words = TEXT_GROWING;

	text_listeners(&where, supervisor);
	text_format(&words, "policy %s; listening on %.*s", supervisor->configuration->bundle.hash,
		SLICE_ARGS(text_slice(&where)));
	supervisor_log(supervisor, LEVEL_INFO, "reloaded", "%.*s", SLICE_ARGS(text_slice(&words)));
	answer_asker(supervisor, true, text_slice(&words));
	text_free(&where);
	text_free(&words);
}

static void await_switch(struct supervisor *supervisor)
{
	const struct member *late = waited_for(supervisor);

	if (late && loop_mono(supervisor->loop) < supervisor->reload.until)
		return;
	if (late)
		supervisor_log(supervisor, LEVEL_WARN, "reload",
			"%s has not said yet that it works with the new configuration",
			late->shown);
	supervisor->reload.switching = 0;
	say_reloaded(supervisor);
}

bool reload_runs(const struct supervisor *supervisor)
{
	return supervisor->reload.next || supervisor->reload.switching;
}

void reload_advance(struct supervisor *supervisor)
{
	if (supervisor->stopping) {
		reload_drop(supervisor);
		return;
	}
	if (supervisor->reload.asked && !reload_runs(supervisor) && !is_busy(supervisor))
		begin(supervisor);
	if (supervisor->reload.next)
		weigh_answers(supervisor);
	if (supervisor->reload.switching)
		await_switch(supervisor);
}

/* ---- who asks ---- */

void reload_ask(struct supervisor *supervisor, const uint32_t *request)
{
	struct reload *reload = &supervisor->reload;

	if (request && (reload->request_known || supervisor->stopping)) {
		answer(supervisor, *request, false,
			supervisor->stopping ? SLICE("the daemon is stopping")
					     : SLICE("another reload runs; ask again"));
		return;
	}
	reload->asked = true;
	if (request && !reload_runs(supervisor)) {
		reload->request_known = true;
		reload->request = *request;
	} else if (request) {
		answer(supervisor, *request, false, SLICE("another reload runs; ask again"));
	}
	supervisor_wake(supervisor);
}

/* Editors write a file in several steps: wait until it has stayed as it is for one round. */
void reload_poll(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	if (reload_runs(supervisor) || supervisor->stopping || !supervisor->options->config)
		return;
	if (configuration_has_changed(supervisor->configuration)) {
		reload->settling = true;
		return;
	}
	if (!reload->settling)
		return;
	reload->settling = false;
	supervisor_log(supervisor, LEVEL_INFO, "files-changed",
		"a file that the configuration names has changed");
	reload_ask(supervisor, NULL);
}
