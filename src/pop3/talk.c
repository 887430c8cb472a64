/* SPDX-License-Identifier: Apache-2.0 */
/* What the role says to control and hears from it: sign-ins for the journal, answers to `status`
 * and `sessions`. Read process.h first. */
#include <jansson.h>
#include <unistd.h>

#include "base/json.h"
#include "journal/journal.h"
#include "packets/report.h"
#include "pop3/process.h"

/* ---- the journal ---- */

static bool tell_dropped(struct pop_process *process)
{
	char body[sizeof(uint64_t)];
	struct writer out = writer_over(body, sizeof body);

	if (!process->dropped)
		return true;
	report_count_write(&out, process->dropped);
	if (channel_send(process->control, REPORT_DROPPED, writer_slice(&out), -1) != SENT)
		return false;
	process->dropped = 0;
	return true;
}

/* A line that cannot be handed over is dropped and counted, never waited for. */
static void record(struct pop_process *process, struct slice line)
{
	bool taken = process->control && line.len <= CHANNEL_BODY_MAX && tell_dropped(process) &&
		     channel_send(process->control, REPORT_LINE, line, -1) == SENT;

	process->dropped += !taken;
}

/* ---- sign-ins ---- */

static struct slice outcome_text(enum signin_outcome outcome)
{
	static const enum reason reasons[SIGNIN_OUTCOMES] = {
		[SIGNIN_WRONG] = REASON_AUTH_WRONG,
		[SIGNIN_CANNOT_TELL] = REASON_AUTH_AWAY,
		[SIGNIN_TOO_MANY] = REASON_AUTH_TOO_MANY,
		[SIGNIN_BUSY] = REASON_AUTH_BUSY,
		[SIGNIN_MALFORMED] = REASON_AUTH_MALFORMED,
		[SIGNIN_UNKNOWN] = REASON_AUTH_MECHANISM,
		[SIGNIN_WEAK] = REASON_AUTH_NEEDS_TLS,
	};

	return outcome == SIGNED_IN ? SLICE("signed-in") : reason_row(reasons[outcome])->name;
}

static void log_signin(struct pop_process *process, const struct journal_auth *auth)
{
	char client[64];
	struct text client_text = TEXT_FIXED(client);
	bool good = slice_is(auth->outcome, SLICE("signed-in"));

	text_address(&client_text, &auth->client);
	role_log_line(
		process->role, &(struct log_line){.level = LEVEL_INFO,
				       .event = good ? SLICE("signed-in") : SLICE("auth-failed"),
				       .id = auth->id,
				       .client = text_slice(&client_text),
				       .account = auth->account,
				       .text = good ? auth->listener : auth->outcome});
}

void pop_told(void *owner, const struct pop_signin *signin)
{
	struct pop_process *process = owner;
	struct pop *pop = &process->pop;
	const struct journal_auth auth = {
		.id = id_next(&pop->ids, loop_wall(pop->loop)),
		.session = signin->id,
		.time = loop_wall(pop->loop),
		.node = policy_settings(pop->policy)->hostname,
		.listener = signin->implicit_tls ? SLICE("pop3s") : SLICE("pop3"),
		.client = *signin->client,
		.tls = true,
		.account = signin->account,
		.mechanism = signin->mechanism,
		.outcome = outcome_text(signin->outcome),
		.because = signin->because,
		.reply = signin->reply,
	};

	text_clear(&process->line);
	journal_write_auth(&process->line, &auth);
	record(process, text_slice(&process->line));
	log_signin(process, &auth);
}

void pop_failed(void *owner, struct slice account, struct slice words)
{
	struct pop_process *process = owner;

	role_log_line(process->role, &(struct log_line){.level = LEVEL_ERROR,
					     .event = SLICE("maildir"),
					     .account = account,
					     .text = words});
}

/* ---- questions ---- */

static void tell_status(struct pop_process *process, struct text *out)
{
	struct pop *pop = &process->pop;

	pop_tell_status(pop, out);
	json_put_tls_state(out, SLICE(",\"tls\":"), process->tls, loop_wall(pop->loop));
	text_char(out, '}');
}

static void answer(struct pop_process *process, struct slice question, struct text *out)
{
	json_t *json = json_loadb(question.at ? question.at : "", question.len, 0, NULL);
	struct slice ask = slice_of(json_string_value(json_object_get(json, "ask")));

	if (slice_is(ask, SLICE("status")))
		tell_status(process, out);
	else if (slice_is(ask, SLICE("sessions")))
		pop_tell_sessions(&process->pop, out);
	else
		text_put(out, SLICE("{\"error\":\"pop answers status and sessions\"}"));
	json_decref(json);
}

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct pop_process *process = owner;
	struct report_ask ask;

	if (fd >= 0)
		close(fd); /* control has none to give */
	if (type != REPORT_ASK || !report_ask_read(body, &ask))
		return;
	struct text *words = answers_begin(&process->answers, ask.request);
	if (words)
		answer(process, ask.question, words);
	answers_pump(&process->answers, channel);
}

static void drained(void *owner, struct channel *channel)
{
	struct pop_process *process = owner;

	answers_pump(&process->answers, channel);
}

static void gone(void *owner, struct channel *channel)
{
	(void)channel;
	pop_control_close(owner);
}

void pop_control_open(struct pop_process *process, int fd)
{
	pop_control_close(process); /* one that died is given again */
	process->control = channel_open(process->role->loop, fd,
		(struct channel_user){
			.receive = receive, .gone = gone, .drained = drained, .owner = process});
}

void pop_control_close(struct pop_process *process)
{
	channel_close(process->control);
	process->control = NULL;
	answers_drop(&process->answers);
}
