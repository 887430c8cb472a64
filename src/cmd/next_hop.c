/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes of asked domains for trial. The contract is in next_hop.h. */
#include "cmd/next_hop.h"

#include "cmd/cli.h"

struct looking {
	struct arena *arena;
	struct fact_answer *answer;
};

static void see_answer(void *owner, json_t *line)
{
	struct looking *looking = owner;
	const json_t *known = json_object_get(line, "known");
	const json_t *because = json_object_get(line, "because");

	looking->answer->unknown = !json_is_boolean(known);
	looking->answer->yes = json_is_true(known);
	looking->answer->because = arena_slice(looking->arena,
		(struct slice){json_string_value(because), json_string_length(because)});
}

static struct fact_answer answer_of(
	const struct policy *policy, const struct mailbox *recipient, struct arena *arena)
{
	struct fact_answer answer = {.fact = FACT_MAILBOX, .unknown = true};
	struct looking looking = {arena, &answer};
	struct text words = TEXT_GROWING;
	json_t *question = json_pack(
		"{s:s,s:s%}", "ask", "mailbox", "address", recipient->text.at, recipient->text.len);

	switch (daemon_ask(policy, question, see_answer, &looking, &words)) {
	case ASKED: break;
	case ASKED_REFUSED: answer.because = arena_slice(arena, text_slice(&words)); break;
	case ASKED_NO_DAEMON:
		answer.because = SLICE("only a running daemon asks the next hop");
		break;
	}
	text_free(&words);
	return answer;
}

size_t next_hop_find(const struct policy *policy, const struct facts *facts,
	const struct wanted *wanted, size_t count, struct arena *arena, struct fact_answer *answers)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		if (wanted[i].fact == FACT_MAILBOX &&
			policy_asks_next_hop(policy, facts->recipient.domain))
			answers[found++] = answer_of(policy, &facts->recipient, arena);
	return found;
}
