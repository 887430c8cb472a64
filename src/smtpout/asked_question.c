/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about mailboxes: from memory, else from the next hop. Read asked_inside.h first. */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "smtpout/asked_inside.h"

struct waiter { /* somebody who asks */
	struct list link;
	struct asked_user user;
	uint32_t request;
	bool second;          /* it is asked about as it was written now */
	struct slice written; /* the whole address */
	char room[];
};

/* ---- telling ---- */

static void waiter_tell(
	struct asked *asked, struct waiter *waiter, enum asking_found found, struct slice because)
{
	struct asking_answer answer = {waiter->request, (uint8_t)found, because};
	struct asked_user user = waiter->user;

	asked->waiters--;
	free(waiter);
	user.told(user.owner, &answer);
}

static void look(struct asked *asked, struct waiter *waiter, struct slice address);

/* alice+tag@ is alice@'s and known when she is (doc/policy.md, "Addresses"); where nobody has the
 * plain form, what the client wrote may be a mailbox all the same. */
static void waiter_answer(struct asked *asked, struct waiter *waiter, struct slice address,
	enum asking_found found, struct slice because)
{
	if (found != ASKING_UNKNOWN || waiter->second || slice_is(address, waiter->written)) {
		waiter_tell(asked, waiter, found, because);
		return;
	}
	waiter->second = true;
	look(asked, waiter, waiter->written);
}

/* "asked 10.0.0.7:25: 550 5.1.1 no such user (cached 3 min)". */
static void age_put(struct text *text, mono_ns age)
{
	uint64_t seconds = (uint64_t)(age / NS_PER_S);

	text_put(text, SLICE(" (cached "));
	if (seconds < 60)
		text_format(text, "%ju s", (uintmax_t)seconds);
	else if (seconds < 3600)
		text_format(text, "%ju min", (uintmax_t)(seconds / 60));
	else
		text_format(text, "%ju h", (uintmax_t)(seconds / 3600));
}

static void answer_recalled(struct asked *asked, struct waiter *waiter,
	const struct recall_entry *entry, struct slice address, struct slice trouble)
{
	char room[ASKING_BECAUSE_MAX];
	struct text text = TEXT_FIXED(room);

	text_put(&text, SLICE("asked "));
	text_put(&text, recall_words(entry));
	age_put(&text, loop_mono(asked->loop) - entry->when);
	if (trouble.len) {
		text_put(&text, SLICE("; now: "));
		text_put(&text, trouble);
	}
	text_char(&text, ')');
	waiter_answer(asked, waiter, address, entry->known ? ASKING_KNOWN : ASKING_UNKNOWN,
		text_slice(&text));
}

static void answer_cannot_tell(struct asked *asked, struct waiter *waiter, struct slice address,
	const char *before, struct slice what)
{
	char room[ASKING_BECAUSE_MAX];
	struct text text = TEXT_FIXED(room);

	text_format(&text, "%s%.*s", before, SLICE_ARGS(what));
	waiter_answer(asked, waiter, address, ASKING_CANNOT_TELL, text_slice(&text));
}

/* Everybody who asked is told what is remembered, if that may be told, or what was said. */
void waiters_tell(struct asked *asked, struct probe *probe, struct slice why)
{
	char room[ASKING_BECAUSE_MAX];
	struct text text = TEXT_FIXED(room);
	struct list *first;
	enum recall_age age;

	text_put(&text, SLICE("asked "));
	text_put(&text, why);
	while ((first = list_take(&probe->waiters))) {
		struct waiter *waiter = LIST_OBJECT(struct waiter, first, link);
		const struct recall_entry *entry =
			recall_find(asked->recall, probe->address, loop_mono(asked->loop), &age);
		bool untold = probe->found == ASKING_CANNOT_TELL;
		if (untold && entry && entry->known) {
			probe->domain->stale++;
			answer_recalled(asked, waiter, entry, probe->address, why);
		} else {
			waiter_answer(
				asked, waiter, probe->address, probe->found, text_slice(&text));
		}
	}
}

/* ---- questions ---- */

/* Whom to ask about an address; NULL: nobody, and the waiter has been told. */
struct whom {
	struct asked_domain *domain;
	struct hop *hop;
};

static bool whom_to_ask(struct asked *asked, struct slice address, struct whom *whom)
{
	struct slice host = address, declared;
	struct route route;

	while (slice_has(host, '@'))
		slice_cut(&host, '@');
	if (!asked->policy ||
		!policy_asked_way(asked->policy, host, asked->scratch, &declared, &route))
		return false;
	whom->domain = map_get(asked->domains, declared);
	whom->hop = hop_of(asked, &route);
	if (whom->domain && whom->hop)
		asked_domain_is_at(asked, whom->domain, whom->hop);
	return whom->domain != NULL;
}

/* Asks, or joins who asks already. NULL: not now, and why. */
static struct probe *probe_begin(
	struct asked *asked, const struct whom *whom, struct slice address, struct slice *why)
{
	struct probe *probe = map_get(asked->probes, address);

	if (probe)
		return probe;
	if (!whom->hop || asked->stopping) {
		*why = asked->stopping ? SLICE("nobody: this server is shutting down")
				       : SLICE("nobody: too many next hops are asked at once");
		return NULL;
	}
	if (hop_rests(whom->hop)) {
		*why = slice_of(whom->hop->trouble);
		return NULL;
	}
	if (!hop_take_budget(whom->hop)) {
		whom->domain->put_off++;
		*why = arena_format(asked->scratch,
			"nobody: %.*s is asked about too many addresses at present that it does "
			"not have",
			SLICE_ARGS(whom->hop->shown));
		return NULL;
	}
	probe = probe_new(asked, whom->domain, whom->hop, address);
	return probe;
}

/* One that the memory knows well enough. */
static void answer_from_memory(struct asked *asked, const struct whom *whom, struct waiter *waiter,
	const struct recall_entry *entry, struct slice address, enum recall_age age)
{
	struct slice why;

	whom->domain->recalled++;
	recall_use(asked->recall, entry);
	if (age == RECALLED_DUE && !map_get(asked->probes, address)) {
		struct probe *probe = probe_begin(asked, whom, address, &why);
		if (probe)
			hop_add(whom->hop, probe);
	}
	answer_recalled(asked, waiter, entry, address, SLICE_NONE);
}

static void answer_without_asking(struct asked *asked, const struct whom *whom,
	struct waiter *waiter, const struct recall_entry *entry, struct slice address,
	struct slice why)
{
	if (entry) { /* a stale one */
		whom->domain->stale++;
		answer_recalled(asked, waiter, entry, address, why);
		return;
	}
	whom->domain->untold++;
	answer_cannot_tell(asked, waiter, address, "asked ", why);
}

static void look(struct asked *asked, struct waiter *waiter, struct slice address)
{
	struct whom whom;
	enum recall_age age;
	struct slice why = SLICE_NONE;

	if (!whom_to_ask(asked, address, &whom)) {
		answer_cannot_tell(asked, waiter, address,
			"the configuration in force asks nobody about ", address);
		return;
	}
	const struct recall_entry *entry =
		recall_find(asked->recall, address, loop_mono(asked->loop), &age);
	if (entry && age != RECALLED_STALE) {
		answer_from_memory(asked, &whom, waiter, entry, address, age);
		return;
	}
	bool is_new = !map_get(asked->probes, address);
	struct probe *probe = probe_begin(asked, &whom, address, &why);
	if (!probe) {
		answer_without_asking(asked, &whom, waiter, entry, address, why);
		return;
	}
	list_append(&probe->waiters, &waiter->link);
	if (is_new)
		hop_add(whom.hop, probe);
}

static struct waiter *waiter_new(
	struct asked *asked, const struct asking_ask *ask, struct asked_user user)
{
	struct waiter *waiter = calloc(1, sizeof *waiter + ask->address.len);

	panic_if(!waiter, "out of memory");
	waiter->user = user;
	waiter->request = ask->request;
	memcpy(waiter->room, ask->address.at, ask->address.len);
	waiter->written = (struct slice){waiter->room, ask->address.len};
	asked->waiters++;
	return waiter;
}

/* The one form under which an address is asked about first; empty: it is none. */
struct slice asked_plain_form(struct asked *asked, struct slice address)
{
	struct mailbox mailbox;

	if (mailbox_parse(address, asked->scratch, &mailbox) != MAILBOX_OK || mailbox.is_null ||
		mailbox.is_postmaster || mailbox.is_literal)
		return SLICE_NONE;
	if (mailbox.quoted)
		return mailbox.text;
	return arena_format(asked->scratch, "%.*s@%.*s",
		SLICE_ARGS(mailbox_local_key(&mailbox, asked->scratch)),
		SLICE_ARGS(mailbox.domain));
}

void asked_ask(struct asked *asked, const struct asking_ask *ask, struct asked_user user)
{
	arena_reset(asked->scratch);
	struct waiter *waiter = waiter_new(asked, ask, user);
	struct slice plain = asked_plain_form(asked, ask->address);

	if (!plain.len)
		waiter_tell(asked, waiter, ASKING_CANNOT_TELL,
			SLICE("nobody is asked about what is no address"));
	else if (asked->waiters > WAITERS_MOST)
		waiter_tell(asked, waiter, ASKING_CANNOT_TELL, SLICE("too many ask at once"));
	else
		look(asked, waiter, plain);
}
