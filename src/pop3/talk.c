/* SPDX-License-Identifier: Apache-2.0 */
/* What the role says to control and hears from it: sign-ins for the journal, answers to `status`
 * and `sessions`. Read process.h first. */
#include <jansson.h>

#include "base/json.h"
#include "journal/journal.h"
#include "pop3/process.h"

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
	told_record(&process->told, text_slice(&process->line));
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

void pop_tell(void *owner, struct slice question, struct text *out)
{
	struct pop_process *process = owner;
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
