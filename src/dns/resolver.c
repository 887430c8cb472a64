/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver role: who asked what. Read resolver.h first; lookup.h has libunbound. */
#include "dns/resolver.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "dns/lookup.h"
#include "packets/report.h"
#include "run/channel.h"

enum { ANSWER_MAX = 3960 }; /* records and words of struct lookup_buffers, and what is fixed */

struct resolver {
	struct role *role;
	resolver_setting *setting;
	struct arena *settled, *prepared; /* hold `servers` and `next_servers` */
	struct slice servers, next_servers;
	struct lookups *lookups, *next; /* next: prepared, not switched to */
	struct list askers;
	uint64_t asked;
};

struct asker {
	struct list link;
	struct resolver *resolver;
	struct channel *channel;
	struct list queries;
};

struct query {
	struct lookup lookup;
	struct list link;    /* of its asker */
	struct asker *asker; /* NULL: it is gone */
	uint32_t request;
};

/* ---- answers ---- */

/* Full: the answer is dropped, and the asker's own patience ends its wait. */
static void answer_send(struct channel *channel, const struct resolve_answer *answer)
{
	char body[ANSWER_MAX];
	struct writer out = writer_over(body, sizeof body);

	resolve_answer_write(&out, answer);
	panic_if(out.bad, "an answer of %zu bytes", answer->records.len);
	if (channel_send(channel, RESOLVE_ANSWER, writer_slice(&out), -1) != SENT)
		return;
}

static void query_done(struct lookup *lookup, const struct resolve_answer *found)
{
	struct query *query = LIST_OBJECT(struct query, lookup, lookup);
	struct resolve_answer answer = *found;

	if (query->asker) {
		answer.request = query->request;
		answer_send(query->asker->channel, &answer);
		list_remove(&query->link);
	}
	free(query);
}

/* ---- questions ---- */

static bool type_is_known(uint16_t type)
{
	return type == DNS_A || type == DNS_PTR || type == DNS_MX || type == DNS_TXT ||
	       type == DNS_AAAA || type == DNS_TLSA;
}

static void asker_ask(struct asker *asker, const struct resolve_ask *ask)
{
	struct resolver *resolver = asker->resolver;

	if (!resolver->lookups || !type_is_known(ask->type)) {
		answer_send(
			asker->channel, &(struct resolve_answer){.request = ask->request,
						.outcome = DNS_CANNOT_TELL,
						.why = SLICE("the resolver does not answer that")});
		return;
	}
	struct query *query = calloc(1, sizeof *query);
	panic_if(!query, "out of memory");
	query->asker = asker;
	query->request = ask->request;
	query->lookup.done = query_done;
	list_append(&asker->queries, &query->link);
	resolver->asked++;
	lookup_start(resolver->lookups, &query->lookup, (enum dns_type)ask->type, ask->name);
}

static void status_answer(struct asker *asker, uint32_t request)
{
	const struct resolver *resolver = asker->resolver;
	const struct lookups *lookups = resolver->lookups;
	char piece[256], body[512];
	struct text json = TEXT_FIXED(piece);
	struct writer out = writer_over(body, sizeof body);

	text_format(&json, "{\"role\":\"resolver\",\"asked\":%llu,\"waiting\":%zu,\"dnssec\":%s}",
		(unsigned long long)resolver->asked, lookups ? lookups_running(lookups) : 0,
		lookups && lookups_validate(lookups) ? "true" : "false");
	report_answer_write(
		&out, &(struct report_answer){
			      .request = request, .last = true, .piece = text_slice(&json)});
	if (channel_send(asker->channel, REPORT_ANSWER, writer_slice(&out), -1) != SENT)
		return; /* control asks again */
}

static void asker_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct asker *asker = owner;
	struct resolve_ask ask;
	struct report_ask report;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type == RESOLVE_ASK && resolve_ask_read(body, &ask))
		asker_ask(asker, &ask);
	else if (type == REPORT_ASK && report_ask_read(body, &report))
		status_answer(asker, report.request);
}

static void asker_free(struct asker *asker)
{
	LIST_EACH (struct query, query, &asker->queries, link) {
		query->asker = NULL;
		list_remove(&query->link);
	}
	channel_close(asker->channel);
	list_remove(&asker->link);
	free(asker);
}

static void asker_gone(void *owner, struct channel *channel)
{
	(void)channel;
	asker_free(owner);
}

/* ---- the role ---- */

void *resolver_start(struct role *role)
{
	/* `kind` is the first member of a struct resolver_role; its only maker is that macro. */
	const struct resolver_role *kind = (const struct resolver_role *)role->kind;
	struct resolver *resolver = calloc(1, sizeof *resolver);

	panic_if(!resolver, "out of memory");
	resolver->role = role;
	resolver->setting = kind->setting;
	resolver->settled = arena_new();
	resolver->prepared = arena_new();
	list_init(&resolver->askers);
	return resolver;
}

bool resolver_prepare(void *state, struct slice bundle, struct text *why)
{
	struct resolver *resolver = state;

	lookups_close(resolver->next);
	resolver->next = NULL;
	arena_reset(resolver->prepared);
	if (!resolver->setting(bundle, resolver->prepared, &resolver->next_servers, why))
		return false;
	if (resolver->lookups && slice_is(resolver->servers, resolver->next_servers))
		return true;
	resolver->next = lookups_open(resolver->role->loop, resolver->next_servers, why);
	return resolver->next != NULL;
}

void resolver_switch_over(void *state)
{
	struct resolver *resolver = state;

	if (!resolver->next)
		return; /* the same name servers: the cache is kept */
	if (!resolver->lookups && !lookups_validate(resolver->next))
		role_log(resolver->role, LEVEL_INFO, "dnssec",
			"no root trust anchor found: DNS answers are not validated (Debian: "
			"install dns-root-data)");
	lookups_close(resolver->lookups);
	resolver->lookups = resolver->next;
	resolver->next = NULL;
	arena_reset(resolver->settled);
	resolver->servers = arena_slice(resolver->settled, resolver->next_servers);
}

void resolver_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct resolver *resolver = state;
	struct asker *asker = calloc(1, sizeof *asker);

	(void)name;
	(void)slot;
	panic_if(!asker, "out of memory");
	asker->resolver = resolver;
	list_init(&asker->queries);
	list_append(&resolver->askers, &asker->link);
	asker->channel = channel_open(resolver->role->loop, fd,
		(struct channel_user){
			.receive = asker_receive, .gone = asker_gone, .owner = asker});
}

void resolver_grant(void *state, const struct setup_grant *what, int fd)
{
	(void)state;
	(void)what;
	close(fd);
}

void resolver_go(void *state)
{
	struct resolver *resolver = state;

	role_is_ready(resolver->role);
}

/* Nothing here is worth waiting for: who still asks is ending as well. */
void resolver_stop(void *state)
{
	struct resolver *resolver = state;
	struct role *role = resolver->role;

	LIST_EACH (struct asker, asker, &resolver->askers, link)
		asker_free(asker);
	lookups_close(resolver->lookups);
	lookups_close(resolver->next);
	arena_free(resolver->settled);
	arena_free(resolver->prepared);
	free(resolver);
	role_has_ended(role);
}
