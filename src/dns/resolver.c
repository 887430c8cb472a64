/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver role: who asked what. Read resolver.h first; lookup.h has libunbound. */
#include "dns/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/panic.h"
#include "dns/client.h"
#include "dns/lookup.h"
#include "role/shortage.h"
#include "role/told.h"
#include "run/channel.h"

enum { ANSWER_MAX = 3960 }; /* records and words of struct lookup_buffers, and what is fixed */

struct resolver {
	struct role *role;
	resolver_find *find;
	struct arena *settled, *prepared; /* hold `servers` and `next_settings` */
	struct slice servers;
	struct resolver_settings next_settings;
	struct lookups *lookups, *next; /* next: prepared, not switched to */
	struct list askers;
	struct told told;
	uint64_t asked;
	/* The tests of lists ask as every other role does, over a channel to ourselves. */
	struct dns_client *self;
	struct list_tests *tests;
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

/* ---- the lists ---- */

static void health_send(struct channel *channel, const struct list_state *state)
{
	char body[1024];
	struct writer out = writer_over(body, sizeof body);

	resolve_health_write(&out, &(struct resolve_health){.of_domains = state->name.of_domains,
					   .believed = state->health == LIST_BELIEVED,
					   .zone = state->name.zone,
					   .why = state->why});
	panic_if(out.bad, "the health of a list does not fit a packet");
	if (channel_send(channel, RESOLVE_HEALTH, writer_slice(&out), -1) != SENT)
		return; /* full: it is told at the next change; until then it asks the list */
}

static void health_changed(void *owner, const struct list_state *state)
{
	struct resolver *resolver = owner;
	bool believed = state->health == LIST_BELIEVED;

	role_log(resolver->role, believed ? LEVEL_INFO : LEVEL_WARN, "list",
		"the list %.*s is %s%s%.*s", SLICE_ARGS(state->name.zone),
		believed ? "believed" : "not believed", believed ? "" : ": ",
		SLICE_ARGS(state->why));
	LIST_EACH (struct asker, asker, &resolver->askers, link)
		health_send(asker->channel, state);
}

static void health_tell_all(const struct asker *asker)
{
	const struct list_tests *tests = asker->resolver->tests;

	for (size_t i = 0; i < list_tests_count(tests); i++)
		if (list_tests_state(tests, i)->health != LIST_UNTESTED)
			health_send(asker->channel, list_tests_state(tests, i));
}

/* ---- status ---- */

static void put_list(struct text *json, const struct list_state *state)
{
	json_put_text(json, SLICE("{\"zone\":"), state->name.zone);
	json_put_text(json, SLICE(",\"of\":"),
		state->name.of_domains ? SLICE("domains") : SLICE("addresses"));
	if (state->health != LIST_UNTESTED) {
		json_put_truth(json, SLICE(",\"believed\":"), state->health == LIST_BELIEVED);
		json_put_time(json, SLICE(",\"tested\":"), state->tested);
	}
	json_put_known(json, SLICE(",\"why\":"), state->why);
	text_char(json, '}');
}

static void status_answer(void *owner, struct slice question, struct text *json)
{
	const struct resolver *resolver = owner;
	const struct lookups *lookups = resolver->lookups;

	(void)question;
	json_put_number(json, SLICE("{\"role\":\"resolver\",\"asked\":"), resolver->asked);
	json_put_number(json, SLICE(",\"waiting\":"), lookups ? lookups_running(lookups) : 0);
	json_put_truth(json, SLICE(",\"dnssec\":"), lookups && lookups_validate(lookups));
	text_put(json, SLICE(",\"lists\":["));
	for (size_t i = 0; i < list_tests_count(resolver->tests); i++) {
		if (i)
			text_char(json, ',');
		put_list(json, list_tests_state(resolver->tests, i));
	}
	text_put(json, SLICE("]}"));
}

/* ---- who asks ---- */

static void asker_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct asker *asker = owner;
	struct resolve_ask ask;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type == RESOLVE_ASK && resolve_ask_read(body, &ask))
		asker_ask(asker, &ask);
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

static struct asker *asker_add(struct resolver *resolver, int fd)
{
	struct asker *asker = calloc(1, sizeof *asker);

	panic_if(!asker, "out of memory");
	asker->resolver = resolver;
	list_init(&asker->queries);
	list_append(&resolver->askers, &asker->link);
	asker->channel = channel_open(resolver->role->loop, fd,
		(struct channel_user){
			.receive = asker_receive, .gone = asker_gone, .owner = asker});
	return asker;
}

static void self_open(struct resolver *resolver)
{
	int fds[2];

	if (!channel_pair(fds)) {
		role_is_short(resolver->role, "channel to ourselves", errno);
		return;
	}
	resolver->self = dns_client_open(resolver->role->loop);
	dns_client_connect(resolver->self, fds[0]);
	asker_add(resolver, fds[1]);
	resolver->tests = list_tests_open(
		resolver->role->loop, dns_client_dns(resolver->self), health_changed, resolver);
}

void *resolver_start(struct role *role)
{
	/* `kind` is the first member of a struct resolver_role; its only maker is that macro. */
	const struct resolver_role *kind = (const struct resolver_role *)role->kind;
	struct resolver *resolver = calloc(1, sizeof *resolver);

	panic_if(!resolver, "out of memory");
	resolver->role = role;
	resolver->find = kind->find;
	resolver->settled = arena_new();
	resolver->prepared = arena_new();
	list_init(&resolver->askers);
	told_init(&resolver->told, role->loop, &(struct told_user){status_answer, NULL, resolver});
	self_open(resolver);
	return resolver;
}

bool resolver_prepare(void *state, struct slice bundle, struct text *why)
{
	struct resolver *resolver = state;

	lookups_close(resolver->next);
	resolver->next = NULL;
	arena_reset(resolver->prepared);
	resolver->next_settings = (struct resolver_settings){0};
	if (!resolver->find(bundle, resolver->prepared, &resolver->next_settings, why))
		return false;
	struct slice servers = resolver->next_settings.servers;
	if (resolver->lookups && slice_is(resolver->servers, servers))
		return true;
	errno = 0;
	resolver->next = lookups_open(resolver->role->loop, servers, why);
	if (!resolver->next && error_is_shortage(errno))
		role_is_short(resolver->role, "descriptors or threads for libunbound", errno);
	return resolver->next != NULL;
}

static void use_next_servers(struct resolver *resolver)
{
	if (!resolver->lookups && !lookups_validate(resolver->next))
		role_log(resolver->role, LEVEL_INFO, "dnssec",
			"no root trust anchor found: DNS answers are not validated (Debian: "
			"install dns-root-data)");
	lookups_close(resolver->lookups);
	resolver->lookups = resolver->next;
	resolver->next = NULL;
	arena_reset(resolver->settled);
	resolver->servers = arena_slice(resolver->settled, resolver->next_settings.servers);
}

void resolver_switch_over(void *state)
{
	struct resolver *resolver = state;
	const struct resolver_settings *settings = &resolver->next_settings;

	if (resolver->next) /* else the same name servers: the cache is kept */
		use_next_servers(resolver);
	list_tests_use(resolver->tests, settings->lists, settings->list_count);
}

void resolver_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct resolver *resolver = state;

	(void)slot;
	if (name == ROLE_CONTROL) {
		told_open(&resolver->told, fd);
		return;
	}
	struct asker *asker = asker_add(resolver, fd);
	if (name == ROLE_EDGE)
		health_tell_all(asker);
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

static void resolver_close(void *owner)
{
	struct resolver *resolver = owner;
	struct role *role = resolver->role;

	dns_client_close(resolver->self);
	arena_free(resolver->settled);
	arena_free(resolver->prepared);
	free(resolver);
	role_has_ended(role);
}

/* Nothing here is worth waiting for: who still asks is ending as well. */
void resolver_stop(void *state)
{
	struct resolver *resolver = state;

	LIST_EACH (struct asker, asker, &resolver->askers, link)
		asker_free(asker);
	told_close(&resolver->told);
	lookups_close(resolver->lookups);
	lookups_close(resolver->next);
	list_tests_close(resolver->tests, resolver_close);
}
