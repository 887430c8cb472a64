/* SPDX-License-Identifier: Apache-2.0 */
/* What may be asked at the control socket: one table. Read README.md first. */
#include "base/json.h"
#include "control/question.h"
#include "control/state.h"

#include <stdlib.h>
#include <string.h>

typedef bool answer_fn(struct task *, struct control *, struct control_session *,
	const json_t *question, struct text *out);

/* ---- status: every role's own, together ---- */

static void put_own_status(struct control *control, struct text *out)
{
	uint64_t dropped = control->dropped;
	size_t waiting = 0;

	if (control->journal) {
		dropped += journal_files_dropped(control->journal);
		waiting = journal_files_waiting(control->journal);
	}
	json_put_number(out, SLICE("{\"role\":\"control\",\"slot\":0,\"lines\":"), control->lines);
	json_put_number(out, SLICE(",\"dropped\":"), dropped);
	json_put_number(out, SLICE(",\"waiting\":"), waiting);
	text_char(out, '}');
}

static struct slice without_line_end(struct slice text)
{
	while (text.len && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
		text.len--;
	return text;
}

/* {"role":"edge","slot":0,"status":{…}} or, where it does not answer, "error" for "status". */
static void put_status(struct task *task, struct neighbour *neighbour, struct text *out)
{
	struct text answer = TEXT_GROWING;
	enum role_name name = neighbour->name;
	unsigned slot = neighbour->slot;
	bool answered = control_ask(task, neighbour, SLICE("{\"ask\":\"status\"}"), &answer);

	text_format(out, "{\"role\":\"%s\",\"slot\":%u,", role_name_text(name), slot);
	text_put(out, answered ? SLICE("\"status\":") : SLICE("\"error\":"));
	if (answered)
		text_put(out, without_line_end(text_slice(&answer)));
	else
		text_json(out, text_slice(&answer));
	text_char(out, '}');
	text_free(&answer);
}

/* A neighbour may die while another is asked, so each is looked up anew by its place. */
static struct neighbour *neighbour_at(struct control *control, size_t place)
{
	LIST_EACH (struct neighbour, neighbour, &control->neighbours, link)
		if (place-- == 0)
			return neighbour;
	return NULL;
}

static bool answer_status(struct task *task, struct control *control,
	struct control_session *session, const json_t *question, struct text *out)
{
	struct neighbour *neighbour;

	(void)session;
	(void)question;
	text_put(out, SLICE("{\"roles\":["));
	put_own_status(control, out);
	for (size_t place = 0; (neighbour = neighbour_at(control, place)); place++) {
		text_char(out, ',');
		put_status(task, neighbour, out);
	}
	text_put(out, SLICE("]}\n"));
	return true;
}

/* ---- what one role answers ---- */

static bool pass_on(struct task *task, struct control *control, enum role_name name,
	const json_t *question, struct text *out)
{
	struct neighbour *neighbour = control_neighbour(control, name);
	char *text = json_dumps(question, JSON_COMPACT);
	bool answered = false;

	if (!neighbour || !text)
		text_format(out, "%s is not running at the moment", role_name_text(name));
	else
		answered = control_ask(task, neighbour, slice_of(text), out);
	if (text)
		explicit_bzero(text, strlen(text)); /* it may hold a password */
	free(text);
	if (answered && out->len && out->at[out->len - 1] != '\n')
		text_char(out, '\n');
	return answered;
}

static bool answer_queue(struct task *task, struct control *control,
	struct control_session *session, const json_t *question, struct text *out)
{
	(void)session;
	return pass_on(task, control, ROLE_QUEUE, question, out);
}

static bool answer_accounts(struct task *task, struct control *control,
	struct control_session *session, const json_t *question, struct text *out)
{
	(void)session;
	return pass_on(task, control, ROLE_ACCOUNTS, question, out);
}

static bool answer_out(struct task *task, struct control *control, struct control_session *session,
	const json_t *question, struct text *out)
{
	(void)session;
	return pass_on(task, control, ROLE_OUT, question, out);
}

static bool answer_sessions(struct task *task, struct control *control,
	struct control_session *session, const json_t *question, struct text *out)
{
	struct neighbour *neighbour;
	struct text words = TEXT_GROWING;

	(void)session;
	(void)question;
	for (size_t place = 0; (neighbour = neighbour_at(control, place)); place++) {
		if (neighbour->name != ROLE_EDGE && neighbour->name != ROLE_POP)
			continue;
		text_clear(&words);
		if (control_ask(task, neighbour, SLICE("{\"ask\":\"sessions\"}"), &words))
			text_put(out, text_slice(&words));
	}
	text_free(&words);
	return true;
}

static bool answer_reload(struct task *task, struct control *control,
	struct control_session *session, const json_t *question, struct text *out)
{
	(void)session;
	(void)question;
	if (!control_ask_reload(task, control, out))
		return false;
	text_clear(out);
	json_put_text(out, SLICE("{\"reloaded\":true,\"policy\":"),
		slice_of(policy_hash(control->policy)));
	text_put(out, SLICE("}\n"));
	return true;
}

static const struct command {
	struct slice ask;
	answer_fn *answer;
} commands[] = {
	{SLICE("status"), answer_status},
	{SLICE("sessions"), answer_sessions},
	{SLICE("queue"), answer_queue},
	{SLICE("queue-left"), answer_queue},
	{SLICE("queue-show"), answer_queue},
	{SLICE("queue-act"), answer_queue},
	{SLICE("queue-damage"), answer_queue},
	{SLICE("queue-clear"), answer_queue},
	{SLICE("limits"), answer_accounts},
	{SLICE("user"), answer_accounts},
	{SLICE("grant"), answer_accounts},
	{SLICE("revoke"), answer_accounts},
	{SLICE("grants"), answer_accounts},
	{SLICE("mailbox"), answer_out},
	{SLICE("log"), control_log},
	{SLICE("reload"), answer_reload},
};

static const struct command *command_find(const json_t *question)
{
	const json_t *ask = json_object_get(question, "ask");

	for (size_t i = 0; json_is_string(ask) && i < sizeof commands / sizeof *commands; i++)
		if (slice_is(commands[i].ask, slice_of(json_string_value(ask))))
			return &commands[i];
	return NULL;
}

bool control_answer(struct task *task, struct control *control, struct control_session *session,
	struct slice text, struct text *out)
{
	json_t *question = control_question_parse(text, out);
	const struct command *command = command_find(question);
	bool answered = false;

	if (command)
		answered = command->answer(task, control, session, question, out);
	else if (question)
		text_put(out,
			SLICE("\"ask\" is none of: status sessions queue queue-left "
			      "queue-show queue-act limits user grant revoke grants log reload"));
	json_decref(question);
	return answered;
}
