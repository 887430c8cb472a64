/* SPDX-License-Identifier: Apache-2.0 */
/* Facts that DNS tells. The contract is in of_dns.h. */
#include "facts/of_dns.h"

#include "base/panic.h"
#include "dns/host.h"
#include "dns/list.h"

struct subject {
	struct dns *dns;
	const struct address *client;
	struct slice domain;
	struct arena *arena;
};

typedef enum wait ask_function(
	struct task *task, const struct subject *subject, struct fact_answer *answer);

static enum wait ask_client_name(
	struct task *task, const struct subject *subject, struct fact_answer *answer)
{
	struct host_names names;
	enum wait end = host_confirm(task, subject->dns, subject->client, subject->arena, &names);

	if (end != WAIT_READY)
		return end;
	answer->unknown = names.unknown;
	answer->text = names.count ? names.names[0] : SLICE_NONE;
	answer->texts = names.names;
	answer->text_count = names.count;
	answer->because = names.because;
	return WAIT_READY;
}

static enum wait take_list_answer(
	enum wait end, const struct list_answer *found, struct fact_answer *answer)
{
	if (end != WAIT_READY)
		return end;
	answer->unknown = found->verdict == LIST_CANNOT_TELL;
	answer->addresses = found->addresses;
	answer->address_count = found->count;
	answer->because = found->because;
	return WAIT_READY;
}

static enum wait ask_list_of_addresses(
	struct task *task, const struct subject *subject, struct fact_answer *answer)
{
	struct list_answer found;
	enum wait end = list_ask_address(
		task, subject->dns, answer->argument, subject->client, subject->arena, &found);

	return take_list_answer(end, &found, answer);
}

static enum wait ask_list_of_domains(
	struct task *task, const struct subject *subject, struct fact_answer *answer)
{
	struct list_answer found = {.verdict = LIST_HAS_NOT, .because = SLICE("no domain name")};
	enum wait end = WAIT_READY;

	if (subject->domain.len)
		end = list_ask_domain(task, subject->dns, answer->argument, subject->domain,
			subject->arena, &found);
	return take_list_answer(end, &found, answer);
}

/* An address literal is an address; policy.md: of a null sender nothing is asked. */
static enum wait ask_reach(
	struct task *task, const struct subject *subject, struct fact_answer *answer)
{
	enum reach reach = REACH_YES;
	enum wait end = WAIT_READY;

	if (subject->domain.len)
		end = domain_reach(task, subject->dns, subject->domain, subject->arena, &reach,
			&answer->because);
	if (end != WAIT_READY)
		return end;
	answer->unknown = reach == REACH_CANNOT_TELL;
	answer->yes = reach == REACH_NO;
	if (answer->yes && slice_is(answer->because, SLICE(NULL_MX_WORDS)))
		answer->text = SLICE("null MX");
	return WAIT_READY;
}

static const struct {
	enum fact fact;
	ask_function *ask;
} askers[] = {
	{FACT_CLIENT_NAME, ask_client_name},
	{FACT_LISTED, ask_list_of_addresses},
	{FACT_ALLOWED, ask_list_of_addresses},
	{FACT_HELO_LISTED, ask_list_of_domains},
	{FACT_SENDER_DOMAIN_LISTED, ask_list_of_domains},
	{FACT_SENDER_UNREACHABLE, ask_reach},
};

static ask_function *asker_of(enum fact fact)
{
	for (size_t i = 0; i < sizeof askers / sizeof *askers; i++)
		if (askers[i].fact == fact)
			return askers[i].ask;
	return NULL;
}

bool fact_is_of_dns(enum fact fact)
{
	return asker_of(fact) != NULL;
}

struct slice fact_domain(
	enum fact fact, struct slice helo, const struct mailbox *sender, struct arena *arena)
{
	struct slice domain;

	if (fact == FACT_HELO_LISTED)
		return domain_normalise(helo, arena, &domain) ? domain : SLICE_NONE;
	return sender && !sender->is_literal ? arena_slice(arena, sender->domain) : SLICE_NONE;
}

enum wait fact_of_dns(struct task *task, struct dns *dns, const struct address *client,
	struct slice domain, struct arena *arena, struct fact_answer *answer)
{
	ask_function *ask = asker_of(answer->fact);
	const struct subject subject = {dns, client, domain, arena};

	panic_if(!ask, "fact %d is not one that DNS tells", (int)answer->fact);
	return ask(task, &subject, answer);
}
