/* SPDX-License-Identifier: Apache-2.0 */
/* DNS for a trial. Read finder.h first. */
#include "cmd/finder.h"

#include <stdlib.h>

#include "cmd/cli.h"
#include "dns/direct.h"
#include "dns/host.h"
#include "dns/list.h"
#include "run/task.h"

#define PATIENCE (5 * NS_PER_S) /* as the edge has it */

struct finder {
	struct loop *loop;
	struct dns_direct *direct;
};

struct finding_task {
	struct finder *finder;
	const struct facts *facts;
	const struct wanted *wanted;
	size_t count;
	struct arena *arena;
	struct fact_answer *answers;
	size_t found;
};

struct finder *finder_open(const struct policy *policy)
{
	struct finder *finder = NULL;
	struct text why = TEXT_GROWING;
	struct loop *loop = loop_open();
	struct dns_direct *direct =
		loop ? dns_direct_open(loop, policy_settings(policy)->resolver, &why) : NULL;

	if (direct) {
		finder = malloc(sizeof *finder);
		*finder = (struct finder){loop, direct};
	} else {
		(void)cli_fail(
			EXIT_UNKNOWN, "DNS is not asked: %.*s", SLICE_ARGS(text_slice(&why)));
		if (loop)
			loop_close(loop);
	}
	text_free(&why);
	return finder;
}

void finder_close(struct finder *finder)
{
	if (!finder)
		return;
	dns_direct_close(finder->direct);
	loop_run(finder->loop); /* what lookups_close() left to do */
	loop_close(finder->loop);
	free(finder);
}

/* ---- one question each ---- */

static void find_name(struct task *task, struct finding_task *f, struct fact_answer *answer)
{
	struct host_names names;

	if (host_confirm(task, dns_direct_dns(f->finder->direct), &f->facts->client, f->arena,
		    &names) != WAIT_READY)
		return;
	answer->unknown = names.unknown;
	answer->text = names.count ? names.names[0] : SLICE_NONE;
	answer->texts = names.names;
	answer->text_count = names.count;
	answer->because = names.because;
}

static struct slice domain_asked(const struct finding_task *f, enum fact fact)
{
	struct slice domain = SLICE_NONE;

	if (fact == FACT_HELO_LISTED)
		return domain_normalise(f->facts->helo, f->arena, &domain) ? domain : SLICE_NONE;
	return f->facts->has_sender && !f->facts->sender.is_literal ? f->facts->sender.domain
								    : SLICE_NONE;
}

static void find_list(struct task *task, struct finding_task *f, struct fact_answer *answer)
{
	struct dns *dns = dns_direct_dns(f->finder->direct);
	struct list_answer found = {.verdict = LIST_HAS_NOT};
	bool of_address = answer->fact == FACT_LISTED || answer->fact == FACT_ALLOWED;
	struct slice domain = of_address ? SLICE_NONE : domain_asked(f, answer->fact);
	enum wait wait = WAIT_READY;

	if (of_address)
		wait = list_ask_address(
			task, dns, answer->argument, &f->facts->client, f->arena, &found);
	else if (domain.len)
		wait = list_ask_domain(task, dns, answer->argument, domain, f->arena, &found);
	if (wait != WAIT_READY)
		return;
	answer->unknown = found.verdict == LIST_CANNOT_TELL;
	answer->addresses = found.addresses;
	answer->address_count = found.count;
	answer->because = found.because;
}

static void find_reach(struct task *task, struct finding_task *f, struct fact_answer *answer)
{
	enum reach reach = REACH_YES;
	struct slice domain = domain_asked(f, answer->fact);

	if (domain.len && domain_reach(task, dns_direct_dns(f->finder->direct), domain, f->arena,
				  &reach, &answer->because) != WAIT_READY)
		return;
	answer->unknown = reach == REACH_CANNOT_TELL;
	answer->yes = reach == REACH_NO;
	if (answer->yes && slice_is(answer->because, SLICE(NULL_MX_WORDS)))
		answer->text = SLICE("null MX");
}

typedef void find_function(struct task *, struct finding_task *, struct fact_answer *);
static const struct {
	enum fact fact;
	find_function *find;
} finders[] = {
	{FACT_CLIENT_NAME, find_name},
	{FACT_LISTED, find_list},
	{FACT_ALLOWED, find_list},
	{FACT_HELO_LISTED, find_list},
	{FACT_SENDER_DOMAIN_LISTED, find_list},
	{FACT_SENDER_UNREACHABLE, find_reach},
};

static find_function *finder_of(enum fact fact, const struct facts *facts)
{
	bool of_client = fact == FACT_CLIENT_NAME || fact == FACT_LISTED || fact == FACT_ALLOWED;

	if (of_client && !facts->has_client)
		return NULL;
	for (size_t i = 0; i < sizeof finders / sizeof *finders; i++)
		if (finders[i].fact == fact)
			return finders[i].find;
	return NULL;
}

static void find_all(struct task *task, void *arg)
{
	struct finding_task *f = arg;

	for (size_t i = 0; i < f->count; i++) {
		find_function *find = finder_of(f->wanted[i].fact, f->facts);
		if (!find)
			continue;
		struct fact_answer *answer = &f->answers[f->found++];
		*answer = (struct fact_answer){.fact = f->wanted[i].fact,
			.argument = f->wanted[i].argument,
			.unknown = true,
			.because = SLICE("there was no answer in time")};
		mono_ns outer = task_limit(task, PATIENCE);
		find(task, f, answer);
		task_restore(task, outer);
	}
	loop_stop(f->finder->loop);
}

size_t finder_find(void *owner, const struct facts *facts, const struct wanted *wanted,
	size_t count, struct arena *arena, struct fact_answer *answers)
{
	struct finding_task f = {owner, facts, wanted, count, arena, answers, 0};

	if (!task_start(f.finder->loop, "trial", find_all, &f))
		return 0;
	loop_run(f.finder->loop);
	return f.found;
}
