/* SPDX-License-Identifier: Apache-2.0 */
/* DNS for a trial. Read finder.h first. */
#include "cmd/finder.h"

#include <stdlib.h>

#include "cmd/cli.h"
#include "dns/direct.h"
#include "facts/of_dns.h"
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

static bool can_be_asked(enum fact fact, const struct facts *facts)
{
	bool of_client = fact_row(fact)->stage == STAGE_CONNECT;

	return fact_is_of_dns(fact) && (facts->has_client || !of_client);
}

static void find_all(struct task *task, void *arg)
{
	struct finding_task *f = arg;

	for (size_t i = 0; i < f->count; i++) {
		const struct wanted *wanted = &f->wanted[i];
		if (!can_be_asked(wanted->fact, f->facts))
			continue;
		struct fact_answer *answer = &f->answers[f->found++];
		*answer = (struct fact_answer){.fact = wanted->fact, .argument = wanted->argument};
		struct slice domain = fact_domain(wanted->fact, f->facts->helo,
			f->facts->has_sender ? &f->facts->sender : NULL, f->arena);
		mono_ns outer = task_limit(task, PATIENCE);
		if (fact_of_dns(task, dns_direct_dns(f->finder->direct), &f->facts->client, domain,
			    f->arena, answer) != WAIT_READY) {
			answer->unknown = true;
			answer->because = SLICE("there was no answer in time");
		}
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
