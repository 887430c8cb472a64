/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that next hops are asked about, and what becomes of the answers. Read asked_inside.h
 * first. */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "run/random.h"
#include "smtpout/asked_inside.h"

static const mono_ns try_again = 600 * NS_PER_S; /* a name at random, where nobody could tell */

/* ---- domains ---- */

struct asked_domain *asked_domain_new(struct asked *asked, struct slice name)
{
	struct asked_domain *domain = calloc(1, sizeof *domain + name.len);

	panic_if(!domain, "out of memory");
	memcpy(domain->room, name.at, name.len);
	domain->name = (struct slice){domain->room, name.len};
	recall_join(asked->recall, &domain->share);
	map_put(asked->domains, domain->name, domain);
	return domain;
}

static void domain_free(struct asked *asked, struct asked_domain *domain)
{
	recall_leave(asked->recall, &domain->share);
	map_take(asked->domains, domain->name);
	free(domain);
}

void asked_domain_release(struct asked *asked, struct asked_domain *domain)
{
	if (!domain->present && domain->under_way == 0)
		domain_free(asked, domain);
}

void asked_domain_is_at(struct asked *asked, struct asked_domain *domain, const struct hop *hop)
{
	char key[HOP_SHOWN_MAX];

	words_copy(key, sizeof key, hop->key);
	if (domain->hop_key[0] && strcmp(domain->hop_key, key) != 0 &&
		domain->generation != asked->generation) {
		recall_leave(asked->recall, &domain->share); /* another server's words */
		recall_join(asked->recall, &domain->share);
		domain->takes_all = TAKES_ALL_UNTRIED;
		domain->try_at = 0;
	}
	memcpy(domain->hop_key, key, sizeof key);
	domain->generation = asked->generation;
	words_copy(domain->shown, sizeof domain->shown, hop->shown);
}

/* ---- probes ---- */

struct probe *probe_new(
	struct asked *asked, struct asked_domain *domain, struct hop *hop, struct slice address)
{
	struct probe *probe = calloc(1, sizeof *probe + address.len);

	panic_if(!probe, "out of memory");
	probe->hop = hop;
	probe->domain = domain;
	probe->until = loop_mono(asked->loop) + PROBE_PATIENCE;
	memcpy(probe->room, address.at, address.len);
	probe->address = (struct slice){probe->room, address.len};
	list_init(&probe->waiters);
	map_put(asked->probes, probe->address, probe);
	domain->under_way++;
	domain->asked++;
	return probe;
}

/* It is not among the probes any more. */
static void probe_free(struct asked *asked, struct probe *probe)
{
	probe->domain->under_way--;
	asked_domain_release(asked, probe->domain);
	free(probe);
}

/* Does it take everyone? A name that nobody has, once in a while, after a yes. */
static void try_at_random(struct asked *asked, struct asked_domain *domain, struct probe *known)
{
	mono_ns now = loop_mono(asked->loop);
	struct slice host = known->address;
	char room[ASKING_ADDRESS_MAX];
	struct text text = TEXT_FIXED(room);

	while (slice_has(host, '@'))
		slice_cut(&host, '@');
	if (domain->trying || now < domain->try_at || asked->stopping)
		return;
	text_format(&text, "no-such-mailbox-%012llx@%.*s",
		(unsigned long long)random_below(UINT64_C(1) << 48), SLICE_ARGS(host));
	struct probe *probe = probe_new(asked, domain, known->hop, text_slice(&text));
	probe->at_random = true;
	domain->trying = true;
	domain->try_at = now + try_again;
	hop_add(known->hop, probe);
}

static void random_settle(struct asked *asked, const struct probe *probe)
{
	struct asked_domain *domain = probe->domain;
	enum takes_all before = domain->takes_all;

	domain->trying = false;
	if (!probe->is_answered || probe->found == ASKING_CANNOT_TELL)
		return;
	domain->takes_all = probe->found == ASKING_KNOWN ? TAKES_ALL_YES : TAKES_ALL_NO;
	domain->try_at = loop_mono(asked->loop) + TAKES_ALL_EVERY;
	if (domain->takes_all == TAKES_ALL_YES && before != TAKES_ALL_YES)
		asked_say(asked, true, "next-hop-takes-everyone",
			"%.*s says yes to every address in %.*s: `mailboxes asked` refuses nobody",
			SLICE_ARGS(probe->hop->shown), SLICE_ARGS(domain->name));
}

/* Counted, and remembered. */
static void answer_keep(struct asked *asked, struct probe *probe)
{
	struct asked_domain *domain = probe->domain;
	struct slice words = slice_of(probe->words);

	domain->failing = probe->found == ASKING_CANNOT_TELL;
	domain->answered = loop_wall(asked->loop);
	if (probe->at_random)
		return;
	switch (probe->found) {
	case ASKING_KNOWN: domain->known++; break;
	case ASKING_UNKNOWN: domain->unknown++; break;
	case ASKING_CANNOT_TELL:
	case ASKING_FOUNDS:
		domain->untold++;
		words_copy(domain->trouble, sizeof domain->trouble, words);
		return;
	}
	recall_put(asked->recall, &domain->share, probe->address, probe->found == ASKING_KNOWN,
		words, loop_mono(asked->loop));
}

void probe_settle(struct asked *asked, struct probe *probe)
{
	struct asked_domain *domain = probe->domain;

	answer_keep(asked, probe);
	if (probe->found == ASKING_KNOWN) {
		if (!probe->at_random)
			hop_give_budget(probe->hop);
		try_at_random(asked, domain, probe);
	}
	if (probe->at_random)
		random_settle(asked, probe);
	map_take(asked->probes, probe->address); /* who asks from now on asks anew */
	waiters_tell(asked, probe, slice_of(probe->words));
	probe_free(asked, probe);
}

void probe_settle_untold(struct asked *asked, struct probe *probe, struct slice why)
{
	struct asked_domain *domain = probe->domain;

	probe->found = ASKING_CANNOT_TELL;
	domain->untold++;
	domain->failing = true;
	words_copy(domain->trouble, sizeof domain->trouble, why);
	if (probe->at_random)
		random_settle(asked, probe);
	map_take(asked->probes, probe->address);
	waiters_tell(asked, probe, why);
	probe_free(asked, probe);
}
