/* SPDX-License-Identifier: Apache-2.0 */
/* Facts that accounts tells. The contract is in of_accounts.h. */
#include "smtpin/of_accounts.h"

#include "base/panic.h"

typedef enum wait ask_function(struct task *task, struct asker *asker,
	const struct account_subject *subject, struct arena *arena, struct fact_answer *answer);

/* Not found is an answer: an account that is gone owns nothing and is in no group. */
static void take_texts(const struct asker_answer *found, struct fact_answer *answer)
{
	answer->unknown = found->found == ANSWER_CANNOT_TELL;
	answer->because = found->because;
	answer->texts = found->texts;
	answer->times = found->times;
	answer->text_count = found->found == ANSWER_FOUND ? found->count : 0;
}

static enum wait ask_groups(struct task *task, struct asker *asker,
	const struct account_subject *subject, struct arena *arena, struct fact_answer *answer)
{
	struct asker_answer found = {.found = ANSWER_NOT_FOUND};
	enum wait end = WAIT_READY;

	if (subject->account.len)
		end = asker_ask(task, asker, ASK_GROUPS, subject->account, NULL, arena, &found);
	if (end == WAIT_READY)
		take_texts(&found, answer);
	return end;
}

static enum wait ask_owned(struct task *task, struct asker *asker,
	const struct account_subject *subject, struct arena *arena, struct fact_answer *answer)
{
	struct asker_answer found;
	enum wait end = asker_ask(task, asker, ASK_OWNED, answer->argument, NULL, arena, &found);

	(void)subject;
	if (end == WAIT_READY)
		take_texts(&found, answer);
	return end;
}

static enum wait ask_leases(struct task *task, struct asker *asker,
	const struct account_subject *subject, struct arena *arena, struct fact_answer *answer)
{
	struct asker_answer found;
	enum wait end =
		asker_ask(task, asker, ASK_LEASES, SLICE_NONE, subject->client, arena, &found);

	if (end == WAIT_READY)
		take_texts(&found, answer);
	return end;
}

/* ---- mailboxes ---- */

/* alice+tag@ is alice@'s (doc/policy.md, "Addresses"). */
static struct slice address_without_tag(const struct mailbox *recipient, struct arena *arena)
{
	if (recipient->quoted)
		return recipient->text;
	return arena_format(arena, "%.*s@%.*s", SLICE_ARGS(mailbox_local_key(recipient, arena)),
		SLICE_ARGS(recipient->domain));
}

/* The address without its tag first; where nobody has that, the whole one might stand there. */
static enum wait ask_mailbox(struct task *task, struct asker *asker,
	const struct account_subject *subject, struct arena *arena, struct fact_answer *answer)
{
	const struct mailbox *recipient = subject->recipient;
	struct asker_answer found;

	panic_if(!recipient, "whose mailbox?");
	struct slice plain = address_without_tag(recipient, arena);
	enum wait end = asker_ask(task, asker, ASK_MAILBOX, plain, NULL, arena, &found);
	if (end == WAIT_READY && found.found == ANSWER_NOT_FOUND &&
		slice_has(recipient->local, '+'))
		end = asker_ask(task, asker, ASK_MAILBOX, recipient->text, NULL, arena, &found);
	if (end != WAIT_READY)
		return end;
	answer->unknown = found.found == ANSWER_CANNOT_TELL;
	answer->yes = found.found == ANSWER_FOUND;
	answer->because = found.because;
	return WAIT_READY;
}

/* ---- the table ---- */

static const struct {
	enum fact fact;
	ask_function *ask;
} askers[] = {
	{FACT_GROUPS, ask_groups},
	{FACT_OWNED, ask_owned},
	{FACT_RECENT_POP, ask_leases},
	{FACT_MAILBOX, ask_mailbox},
};

static ask_function *asker_for(enum fact fact)
{
	for (size_t i = 0; i < sizeof askers / sizeof *askers; i++)
		if (askers[i].fact == fact)
			return askers[i].ask;
	return NULL;
}

bool fact_is_of_accounts(enum fact fact)
{
	return asker_for(fact) != NULL;
}

bool fact_is_of_recipient(enum fact fact)
{
	return fact == FACT_MAILBOX;
}

enum wait fact_of_accounts(struct task *task, struct asker *asker,
	const struct account_subject *subject, struct arena *arena, struct fact_answer *answer)
{
	ask_function *ask = asker_for(answer->fact);

	panic_if(!ask, "fact %d is not one that accounts tells", (int)answer->fact);
	return ask(task, asker, subject, arena, answer);
}
