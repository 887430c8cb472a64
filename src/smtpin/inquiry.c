/* SPDX-License-Identifier: Apache-2.0 */
/* Asking others about a session. The contract is in inquiry.h. */
#include "smtpin/inquiry.h"

#include "base/panic.h"
#include "dns/client.h"
#include "facts/of_dns.h"
#include "smtpin/of_accounts.h"
#include "smtpin/of_next_hop.h"

#define ACCOUNT_MOMENT NS_PER_S /* what accounts said in it is not asked anew */

struct inquiry {
	struct list link; /* of the session's, when it has ended */
	struct session *session;
	struct arena *arena;
	struct list questions;
	size_t asked, answered;
	mono_ns began;
	uint64_t changed; /* of the edge's accounts_changed, when it began */
	struct task_group group;
};

struct question {
	struct list link;   /* of its inquiry */
	struct list queued; /* of the edge's, while too many are at work */
	struct inquiry *inquiry;
	struct slice domain;            /* it asks about; empty: none, or the client */
	struct account_subject account; /* of what accounts is asked */
	bool of_next_hop;               /* out is asked instead */
	mono_ns until;
	bool done;
	struct fact_answer answer; /* fact and argument from the beginning */
};

/* ---- what is asked of DNS ---- */

static bool list_is_believed(const struct question *question, struct slice *why)
{
	const struct edge *edge = question->inquiry->session->edge;
	enum fact fact = question->answer.fact;
	bool is_list = fact_row(fact)->type == FACT_IS_ADDRESSES;
	bool of_domains = fact != FACT_LISTED && fact != FACT_ALLOWED;

	*why = SLICE_NONE;
	return !is_list || !edge->names ||
	       dns_client_believes(edge->names, question->answer.argument, of_domains, why);
}

/* Fills the answer; anything but WAIT_READY: cancelled. */
static enum wait ask(struct task *task, const struct question *question, struct fact_answer *answer)
{
	const struct inquiry *inquiry = question->inquiry;
	struct slice why;

	if (question->of_next_hop)
		return fact_of_next_hop(task, inquiry->session->edge->next_hop,
			question->account.recipient, inquiry->arena, answer);
	if (fact_is_of_accounts(answer->fact))
		return fact_of_accounts(task, inquiry->session->edge->asker, &question->account,
			inquiry->arena, answer);
	if (list_is_believed(question, &why))
		return fact_of_dns(task, inquiry->session->edge->dns, &inquiry->session->client,
			question->domain, inquiry->arena, answer);
	answer->unknown = true;
	answer->because =
		arena_format(inquiry->arena, "the list is not believed: %.*s", SLICE_ARGS(why));
	return WAIT_READY;
}

/* ---- one question ---- */

static void question_end(struct question *question, const struct fact_answer *answer)
{
	if (question->done)
		return;
	question->answer = *answer;
	question->done = true;
	question->inquiry->answered++;
	gate_open(&question->inquiry->session->answered);
}

static void question_fail(struct question *question, struct slice because)
{
	struct fact_answer answer = question->answer;

	answer.unknown = true;
	answer.because = because;
	question_end(question, &answer);
}

static void start_queued(struct edge *edge);

static void question_run(struct task *task, void *arg)
{
	struct question *question = arg;
	struct edge *edge = question->inquiry->session->edge;
	struct fact_answer answer = question->answer;

	task_limit(task, question->until - loop_mono(edge->loop));
	if (ask(task, question, &answer) == WAIT_READY)
		question_end(question, &answer);
	edge->asking--;
	start_queued(edge);
}

static void question_start(struct question *question)
{
	struct edge *edge = question->inquiry->session->edge;

	edge->asking++;
	if (group_start(&question->inquiry->group, "fact", question_run, question))
		return;
	edge->asking--;
	question_fail(question, SLICE("there is no memory to ask"));
}

static void start_queued(struct edge *edge)
{
	while (edge->asking < ASKING_MOST && !list_is_empty(&edge->questions))
		question_start(LIST_OBJECT(struct question, list_take(&edge->questions), queued));
}

/* What accounts is asked about lives as long as the question. */
static struct account_subject account_subject(const struct facts *facts, struct inquiry *inquiry)
{
	struct account_subject subject = {.client = &inquiry->session->client,
		.account = arena_slice(inquiry->arena, facts->account)};

	if (facts->has_recipient) {
		struct mailbox *recipient = ARENA_NEW(inquiry->arena, struct mailbox);
		*recipient = facts->recipient;
		recipient->local = arena_slice(inquiry->arena, recipient->local);
		recipient->domain = arena_slice(inquiry->arena, recipient->domain);
		recipient->text = arena_slice(inquiry->arena, recipient->text);
		subject.recipient = recipient;
	}
	return subject;
}

static bool is_of_next_hop(const struct session *session, enum fact fact, const struct facts *facts)
{
	return fact == FACT_MAILBOX &&
	       policy_asks_next_hop(session_policy(session), facts->recipient.domain);
}

static struct question *question_new(
	struct inquiry *inquiry, const struct wanted *wanted, const struct facts *facts)
{
	const struct session *session = inquiry->session;
	const struct transaction *transaction = session->transaction;
	struct question *question = ARENA_NEW(inquiry->arena, struct question);

	*question = (struct question){
		.inquiry = inquiry,
		.of_next_hop = is_of_next_hop(session, wanted->fact, facts),
		.answer = {.fact = wanted->fact,
			.argument = arena_slice(inquiry->arena, wanted->argument)},
	};
	question->until = loop_mono(session->edge->loop) +
			  (question->of_next_hop ? NEXT_HOP_PATIENCE : ANSWER_PATIENCE);
	if (fact_is_of_accounts(wanted->fact))
		question->account = account_subject(facts, inquiry);
	else
		question->domain = fact_domain(wanted->fact, session_helo(session),
			transaction ? &transaction->mail.sender : NULL, inquiry->arena);
	return question;
}

/* The newest first: it is the one that is looked for next. */
static void question_begin(
	struct inquiry *inquiry, const struct wanted *wanted, const struct facts *facts)
{
	struct edge *edge = inquiry->session->edge;
	struct question *question = question_new(inquiry, wanted, facts);

	inquiry->asked++;
	list_prepend(&inquiry->questions, &question->link);
	if (!fact_is_of_dns(wanted->fact) && !fact_is_of_accounts(wanted->fact))
		question_fail(question, SLICE("this version does not find it out"));
	else if (fact_is_of_dns(wanted->fact) && !edge->dns)
		question_fail(question, SLICE("there is no resolver"));
	else if (fact_is_of_accounts(wanted->fact) && !question->of_next_hop && !edge->asker)
		question_fail(question, SLICE("accounts is away"));
	else if (edge->asking < ASKING_MOST)
		question_start(question);
	else
		list_append(&edge->questions, &question->queued);
}

/* ---- inquiries ---- */

static struct inquiry *inquiry_new(struct session *session)
{
	struct arena *arena = edge_arena_take(session->edge);
	struct inquiry *inquiry = ARENA_NEW(arena, struct inquiry);

	inquiry->session = session;
	inquiry->arena = arena;
	inquiry->began = loop_mono(session->edge->loop);
	inquiry->changed = session->edge->accounts_changed;
	list_init(&inquiry->questions);
	group_init(&inquiry->group, session->edge->loop);
	return inquiry;
}

/* Where a question about this fact belongs: it lives as long as what it is about. */
static struct inquiry *inquiry_for(struct session *session, enum fact fact)
{
	enum stage stage = fact_row(fact)->stage;
	struct inquiry **inquiry = fact_is_of_recipient(fact) ? &session->transaction->of_recipients
				   : fact_is_of_accounts(fact) ? &session->of_account
				   : stage == STAGE_CONNECT    ? &session->of_client
				   : stage == STAGE_HELO       ? &session->of_helo
							       : &session->transaction->inquiry;

	if (!*inquiry)
		*inquiry = inquiry_new(session);
	return *inquiry;
}

/* Those there are, NULL between them; without what was asked about recipients. */
enum { INQUIRIES = 4 };
struct inquiries {
	struct inquiry *at[INQUIRIES];
};

static struct inquiries inquiries_of(const struct session *session)
{
	const struct transaction *transaction = session->transaction;

	return (struct inquiries){{session->of_client, session->of_helo, session->of_account,
		transaction ? transaction->inquiry : NULL}};
}

static struct question *question_of_recipient(
	const struct session *session, enum fact fact, const struct mailbox *recipient)
{
	struct inquiry *inquiry = session->transaction ? session->transaction->of_recipients : NULL;

	if (!inquiry)
		return NULL;
	LIST_EACH (struct question, question, &inquiry->questions, link)
		if (question->answer.fact == fact &&
			slice_is(question->account.recipient->text, recipient->text))
			return question;
	return NULL;
}

static struct question *question_find(
	const struct session *session, const struct wanted *wanted, const struct facts *facts)
{
	struct inquiries all = inquiries_of(session);

	if (fact_is_of_recipient(wanted->fact))
		return question_of_recipient(session, wanted->fact, &facts->recipient);
	for (size_t i = 0; i < INQUIRIES; i++) {
		if (!all.at[i])
			continue;
		LIST_EACH (struct question, question, &all.at[i]->questions, link)
			if (question->answer.fact == wanted->fact &&
				slice_is_nocase(question->answer.argument, wanted->argument))
				return question;
	}
	return NULL;
}

void inquiry_end(struct session *session, struct inquiry **inquiry)
{
	if (!*inquiry)
		return;
	LIST_EACH (struct question, question, &(*inquiry)->questions, link)
		if (list_is_linked(&question->queued))
			list_remove(&question->queued);
	group_cancel(&(*inquiry)->group);
	list_append(&session->left, &(*inquiry)->link);
	*inquiry = NULL;
}

/* What is still being asked is as new as can be. */
void inquiry_refresh(struct session *session)
{
	const struct inquiry *inquiry = session->of_account;
	const struct edge *edge = session->edge;

	if (inquiry && inquiry->answered == inquiry->asked &&
		(loop_mono(edge->loop) - inquiry->began >= ACCOUNT_MOMENT ||
			inquiry->changed != edge->accounts_changed))
		inquiry_end(session, &session->of_account);
}

/* They have been cancelled, so this takes a turn; it is waited for even when we are cancelled. */
void inquiries_reap(struct task *task, struct session *session)
{
	while (!list_is_empty(&session->left)) {
		struct inquiry *inquiry =
			LIST_OBJECT(struct inquiry, list_take(&session->left), link);
		while (inquiry->group.running)
			if (group_wait(task, &inquiry->group) != WAIT_READY)
				break;
		edge_arena_give(session->edge, inquiry->arena);
	}
}

/* ---- facts ---- */

const struct fact_answer *inquiry_of_mailbox(
	const struct session *session, const struct offered_recipient *recipient)
{
	if (recipient->known)
		return recipient->known;
	const struct question *question =
		question_of_recipient(session, FACT_MAILBOX, &recipient->mailbox);
	return question && question->done ? &question->answer : NULL;
}

void facts_add_answers(const struct session *session, const struct offered_recipient *recipient,
	struct facts *facts)
{
	struct inquiries all = inquiries_of(session);
	const struct fact_answer *mailbox =
		recipient ? inquiry_of_mailbox(session, recipient) : NULL;
	const struct fact_answer *limits =
		session->transaction ? session->transaction->limits : NULL;
	size_t count = (mailbox != NULL) + (limits != NULL);

	for (size_t i = 0; i < INQUIRIES; i++)
		count += all.at[i] ? all.at[i]->answered : 0;
	if (!count)
		return;
	struct fact_answer *answers = ARENA_ARRAY(session->scratch, struct fact_answer, count);
	facts->answers = answers;
	if (mailbox)
		answers[facts->answer_count++] = *mailbox;
	if (limits)
		answers[facts->answer_count++] = *limits;
	for (size_t i = 0; i < INQUIRIES; i++) {
		if (!all.at[i])
			continue;
		LIST_EACH (struct question, question, &all.at[i]->questions, link)
			if (question->done)
				answers[facts->answer_count++] = question->answer;
	}
}

static bool needs_answers(const struct session *session)
{
	return session->transaction ? session->transaction->needs.answers
				    : session->edge->needs.answers;
}

static size_t begin_wanted(struct session *session, const struct facts *facts, enum stage stage,
	const struct wanted **wanted)
{
	size_t count =
		policy_wanted(session_policy(session), facts, stage, session->scratch, wanted);

	for (size_t i = 0; i < count; i++)
		if (!question_find(session, &(*wanted)[i], facts))
			question_begin(
				inquiry_for(session, (*wanted)[i].fact), &(*wanted)[i], facts);
	return count;
}

void facts_ask(struct session *session, enum stage stage)
{
	struct facts facts;
	const struct wanted *wanted;

	if (!needs_answers(session))
		return;
	facts_gather(session, NULL, &facts);
	begin_wanted(session, &facts, stage, &wanted);
}

/* False while one of them is open. What has had its time ends without an answer. */
static bool some_answered(struct session *session, const struct facts *facts,
	const struct wanted *wanted, size_t count, mono_ns *until)
{
	mono_ns now = loop_mono(session->edge->loop);
	bool some = false;

	*until = NEVER;
	for (size_t i = 0; i < count; i++) {
		struct question *question = question_find(session, &wanted[i], facts);
		if (!question->done && question->until <= now)
			question_fail(question, SLICE("no answer in time"));
		some |= question->done;
		if (question->until < *until)
			*until = question->until;
	}
	return some;
}

/* Each answer may make others needless, so each is looked at. */
bool facts_await(struct task *task, struct session *session,
	const struct offered_recipient *recipient, enum stage stage, struct facts *facts)
{
	const struct wanted *wanted;
	mono_ns until;
	enum wait end = WAIT_READY;

	for (;;) {
		facts_gather(session, recipient, facts);
		size_t count =
			needs_answers(session) ? begin_wanted(session, facts, stage, &wanted) : 0;
		if (!count)
			return true;
		if (some_answered(session, facts, wanted, count, &until))
			continue;
		mono_ns outer = task_limit(task, until - loop_mono(session->edge->loop));
		end = gate_wait(task, &session->answered, "answers about a client");
		task_restore(task, outer);
		if (end == WAIT_CANCELLED)
			return false;
	}
}
