/* SPDX-License-Identifier: Apache-2.0 */
/* Leases for trial. The contract is in leased.h. */
#include "cmd/leased.h"

#include <errno.h>
#include <unistd.h>

#include "cmd/cli.h"

enum { LEASES_MOST = 64 }; /* of one address; a daemon keeps fewer */

struct looking {
	const struct address *client;
	struct arena *arena;
	struct slice accounts[LEASES_MOST];
	wall_ns times[LEASES_MOST];
	size_t count;
};

static struct slice member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return (struct slice){json_string_value(value), json_string_length(value)};
}

static void see_lease(void *owner, json_t *line)
{
	struct looking *looking = owner;
	struct address client;
	wall_ns since;

	if (looking->count == LEASES_MOST || !address_parse(member(line, "client"), &client) ||
		!address_is(&client, looking->client) || !time_parse(member(line, "since"), &since))
		return;
	looking->accounts[looking->count] = arena_slice(looking->arena, member(line, "account"));
	looking->times[looking->count++] = since;
}

static bool none_were_kept(const struct leased *leased)
{
	const char *path = arena_string(
		leased->arena, arena_format(leased->arena, "%.*s/accounts/leases",
				       SLICE_ARGS(policy_settings(leased->policy)->state)));

	return access(path, F_OK) != 0 && errno == ENOENT;
}

static void ask_leases(
	const struct leased *leased, struct looking *looking, struct fact_answer *answer)
{
	struct text words = TEXT_GROWING;

	switch (daemon_ask(
		leased->policy, json_pack("{s:s}", "ask", "grants"), see_lease, looking, &words)) {
	case ASKED: answer->because = SLICE("the daemon"); break;
	case ASKED_REFUSED:
		answer->unknown = true;
		answer->because = arena_slice(leased->arena, text_slice(&words));
		break;
	case ASKED_NO_DAEMON:
		answer->unknown = !none_were_kept(leased);
		answer->because = SLICE("only a running daemon knows who signed in by POP");
		break;
	}
	text_free(&words);
}

static struct fact_answer answer_of(const struct leased *leased, const struct facts *facts)
{
	struct looking *looking = ARENA_NEW(leased->arena, struct looking);
	struct fact_answer answer = {.fact = FACT_RECENT_POP};

	*looking = (struct looking){.client = &facts->client, .arena = leased->arena};
	ask_leases(leased, looking, &answer);
	answer.texts = looking->accounts;
	answer.times = looking->times;
	answer.text_count = looking->count;
	return answer;
}

size_t leased_find(const struct leased *leased, const struct facts *facts,
	const struct wanted *wanted, size_t count, struct fact_answer *answers)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		if (wanted[i].fact == FACT_RECENT_POP && facts->has_client)
			answers[found++] = answer_of(leased, facts);
	return found;
}
