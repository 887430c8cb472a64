/* SPDX-License-Identifier: Apache-2.0 */
/* `mailboxes asked` as a whole: its configuration, its end, and what deliveries tell. The contract
 * is in asked.h; asked_inside.h says where the rest is. */
#include "smtpout/asked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "run/random.h"
#include "smtpout/asked_inside.h"
#include "smtpout/asked_reply.h"

void asked_say(
	const struct asked *asked, bool is_trouble, const char *event, const char *format, ...)
{
	char room[400];
	va_list arguments;

	va_start(arguments, format);
	int len = vsnprintf(room, sizeof room, format, arguments);
	va_end(arguments);
	size_t used = len < 0 ? 0 : (size_t)len;
	asked->link.say(asked->link.owner, is_trouble, event,
		(struct slice){room, used < sizeof room ? used : sizeof room - 1});
}

/* ---- what deliveries tell ---- */

static bool is_word_of_hop(const struct job *job, const struct route *route)
{
	return job->order.route == (uint8_t)route->kind && job->order.port == route->port &&
	       slice_is(job->order.target, route->target);
}

/* What was delivered is known, without being asked about; who is refused there is known no more. */
void asked_learn(struct asked *asked, const struct job *job, const struct rcpt *rcpt)
{
	const struct settlement *settled = &rcpt->settled;
	bool failed = settled->outcome == OUTCOME_FAILED && settled->code / 100 == 5;
	struct slice declared;
	struct route route;
	struct mailbox mailbox;

	if (!job->loaded || (!failed && settled->outcome != OUTCOME_DELIVERED))
		return;
	arena_reset(asked->scratch);
	struct slice address = job_address(job, rcpt)->address;
	struct slice plain = asked_plain_form(asked, address);
	if (!plain.len || mailbox_parse(address, asked->scratch, &mailbox) != MAILBOX_OK ||
		!policy_asked_way(
			asked->policy, mailbox.domain, asked->scratch, &declared, &route) ||
		!is_word_of_hop(job, &route) || !slice_is_nocase(plain, address))
		return;
	struct asked_domain *domain = map_get(asked->domains, declared);
	bool unknown = failed && asked_reply_means(settled->code, settled->enhanced, settled->words,
					 asked->scratch) == ASKING_UNKNOWN;
	if (!domain || (failed && !unknown))
		return;
	struct slice words = arena_format(asked->scratch, "%.*s: %u %.*s, at a delivery",
		SLICE_ARGS(slice_part(settled->remote, 0, 60)), settled->code,
		SLICE_ARGS(slice_part(settled->words, 0, 60)));
	char room[RECALL_WORDS_MAX + 1];
	words_copy(room, sizeof room, words);
	recall_put(asked->recall, &domain->share, plain, !unknown, slice_of(room),
		loop_mono(asked->loop));
}

/* ---- the whole ---- */

struct asked *asked_open(struct loop *loop, struct dns *dns, struct offload *threads,
	const struct passwords *passwords, struct asked_link link)
{
	struct asked *asked = calloc(1, sizeof *asked);
	uint64_t seed = random_u64();

	panic_if(!asked, "out of memory");
	*asked = (struct asked){.loop = loop,
		.means = {.dns = dns, .passwords = passwords, .threads = threads, .seed = seed},
		.link = link,
		.recall = recall_open(seed, RECALL_KNOWN_MOST, RECALL_UNKNOWN_MOST),
		.domains = map_new(seed),
		.hops = map_new(seed),
		.probes = map_new(seed),
		.scratch = arena_new()};
	list_init(&asked->hop_order);
	list_init(&asked->doors);
	return asked;
}

void asked_close(struct asked *asked)
{
	size_t at = 0;

	panic_if(asked->connections || asked->waiters, "somebody is still asked");
	doors_close(asked);
	LIST_EACH (struct hop, hop, &asked->hop_order, order)
		hop_free(hop);
	for (struct asked_domain *domain; (domain = map_next(asked->domains, &at));) {
		domain->present = false;
		asked_domain_release(asked, domain);
	}
	recall_close(asked->recall);
	map_free(asked->domains);
	map_free(asked->hops);
	map_free(asked->probes);
	trust_drop(asked->means.trust);
	policy_unref(asked->policy);
	arena_free(asked->scratch);
	free(asked);
}

static void domains_declare(struct asked *asked)
{
	struct arena *arena = arena_new();
	const struct slice *names;
	size_t count = policy_asked_domains(asked->policy, arena, &names);

	for (size_t i = 0; i < count; i++) {
		struct asked_domain *domain = map_get(asked->domains, names[i]);
		if (!domain)
			domain = asked_domain_new(asked, names[i]);
		domain->present = true;
	}
	asked->any = count > 0;
	arena_free(arena);
}

void asked_use(struct asked *asked, struct policy *policy, struct trust *trust)
{
	struct asked_domain *domain;

	policy_unref(asked->policy);
	trust_drop(asked->means.trust);
	asked->policy = policy_ref(policy);
	asked->means.trust = trust_hold(trust);
	asked->means.our_name = policy_settings(policy)->hostname;
	asked->generation++;
	for (size_t at = 0; (domain = map_next(asked->domains, &at));)
		domain->present = false;
	domains_declare(asked);
	for (size_t at = 0; (domain = map_next(asked->domains, &at));)
		asked_domain_release(asked, domain);
	recall_forget_unknown(asked->recall);
	LIST_EACH (struct hop, hop, &asked->hop_order, order) {
		hop->rest_until = 0; /* the reload may be the cure */
		hop_refresh(hop);
	}
}

bool asked_is_any(const struct asked *asked)
{
	return asked->any;
}

void asked_stop(struct asked *asked)
{
	asked->stopping = true;
	LIST_EACH (struct hop, hop, &asked->hop_order, order)
		hop_stop(hop);
}

size_t asked_connections(const struct asked *asked)
{
	return asked->connections;
}
