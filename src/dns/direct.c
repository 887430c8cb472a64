/* SPDX-License-Identifier: Apache-2.0 */
/* Names, looked up in this process. Read direct.h first. */
#include "dns/direct.h"

#include <stdlib.h>

#include "base/panic.h"
#include "dns/client.h"
#include "dns/lookup.h"
#include "run/task.h"

struct dns_direct {
	struct dns dns; /* first: what a task holds */
	struct lookups *lookups;
};

/* libunbound may answer after the task gave up, so this is not on its stack. */
struct asking {
	struct lookup lookup;
	enum dns_type type;
	struct arena *arena; /* its own */
	struct dns_answer answer;
	struct gate answered;
	bool done, left;
};

static void asking_free(struct asking *asking)
{
	arena_free(asking->arena);
	free(asking);
}

static void lookup_done(struct lookup *lookup, const struct resolve_answer *found)
{
	struct asking *asking = LIST_OBJECT(struct asking, lookup, lookup);

	if (asking->left) {
		asking_free(asking);
		return;
	}
	if (!dns_answer_of(found, asking->type, asking->arena, &asking->answer))
		asking->answer = (struct dns_answer){
			.outcome = DNS_CANNOT_TELL, .why = SLICE("the answer could not be read")};
	asking->done = true;
	gate_open(&asking->answered);
}

static void answer_copy(
	const struct dns_answer *from, struct arena *arena, struct dns_answer *answer)
{
	*answer = *from;
	answer->why = arena_slice(arena, from->why);
	answer->records = ARENA_ARRAY(arena, struct dns_record, from->count + 1);
	for (size_t i = 0; i < from->count; i++) {
		answer->records[i] = from->records[i];
		answer->records[i].text = arena_slice(arena, from->records[i].text);
	}
}

static enum wait direct_ask(struct task *task, struct dns *dns, enum dns_type type,
	struct slice name, struct arena *arena, struct dns_answer *answer)
{
	struct dns_direct *direct = (struct dns_direct *)dns;
	struct asking *asking = calloc(1, sizeof *asking);
	enum wait wait = WAIT_READY;

	panic_if(!asking, "out of memory for a question to DNS");
	asking->lookup.done = lookup_done;
	asking->type = type;
	asking->arena = arena_new();
	gate_init(&asking->answered);
	lookup_start(direct->lookups, &asking->lookup, type, name);
	while (!asking->done && wait == WAIT_READY)
		wait = gate_wait(task, &asking->answered, "DNS");
	if (!asking->done) {
		asking->left = true;
		return wait;
	}
	answer_copy(&asking->answer, arena, answer);
	asking_free(asking);
	return WAIT_READY;
}

struct dns_direct *dns_direct_open(struct loop *loop, struct slice servers, struct text *why)
{
	struct lookups *lookups = lookups_open(loop, servers, why);
	struct dns_direct *direct = lookups ? calloc(1, sizeof *direct) : NULL;

	panic_if(lookups && !direct, "out of memory for DNS");
	if (direct)
		*direct = (struct dns_direct){.dns = {direct_ask}, .lookups = lookups};
	return direct;
}

void dns_direct_close(struct dns_direct *direct)
{
	if (!direct)
		return;
	lookups_close(direct->lookups);
	free(direct);
}

struct dns *dns_direct_dns(struct dns_direct *direct)
{
	return &direct->dns;
}
