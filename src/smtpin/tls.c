/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STARTTLS (RFC 3207). Nothing said before the handshake survives it (section 4.2): what was sent
 * along with the command ends the session, and who the client said it is has to be said again.
 */
#include "smtpin/encrypt.h"

#include "smtpin/auth.h"
#include "smtpin/inquiry.h"
#include "smtpin/refuse.h"

void starttls_offer(const struct session *session, struct text *out)
{
	if (!session_is_encrypted(session) && tls_has_certificate(session->edge->tls))
		text_put(out, SLICE("250-STARTTLS\r\n"));
}

/* ---- the handshake ---- */

static void record_failure(const struct session *session, struct slice why)
{
	edge_record_tls(session->edge, &(struct journal_tls){
					       .session = session->id,
					       .listener = session->service,
					       .client = session->client,
					       .because = why,
				       });
}

/* A session whose handshake failed has no language left in which to say anything. */
static bool shake_hands(struct task *task, struct session *session)
{
	char words[200];
	struct text why = TEXT_FIXED(words);
	mono_ns outer = session_begin_wait(session);
	enum tls_end end = tls_accept_in_turn(task, session->edge->tls, admission_turn(session),
		session->stream, &session->tls, &why);

	session_end_wait(session, outer);
	if (end == TLS_DONE)
		return true;
	record_failure(session, text_slice(&why));
	session->ending = true;
	return false;
}

/* Only what TCP itself says of the client is still known. */
static void forget(struct session *session)
{
	transaction_end(session);
	inquiry_end(session, &session->of_helo);
	session_sign_out(session);
	session->helo_len = 0;
	session->extended = false;
}

/* ---- the command ---- */

static bool may_start(struct session *session, struct slice rest)
{
	if (rest.len)
		refuse_form(session, REASON_BAD_SYNTAX, SLICE("STARTTLS alone"));
	else if (session_is_encrypted(session))
		refuse_form(session, REASON_BAD_SEQUENCE, SLICE("TLS has been started already"));
	else if (!tls_has_certificate(session->edge->tls))
		refuse_form(session, REASON_NOT_OFFERED, SLICE("STARTTLS"));
	else if (!tls_can_accept(session->edge->tls))
		refuse_form(session, REASON_TLS_AWAY, SLICE_NONE);
	else
		return true;
	return false;
}

void starttls_command(struct task *task, struct session *session, struct slice rest)
{
	if (!may_start(session, rest))
		return;
	session_say(session, SLICE("220 2.0.0 start TLS now"));
	mono_ns outer = session_begin_wait(session);
	enum io_end end = stream_flush(task, session->stream);
	session_end_wait(session, outer);
	forget(session);
	if (end != IO_DONE)
		session->ending = true;
	else
		(void)shake_hands(task, session);
}

/* ---- from the first octet ---- */

static bool is_implicit(struct slice service)
{
	return slice_is(service, slice_of(service_text(SERVICE_SUBMISSIONS)));
}

bool encrypt_first(struct task *task, struct session *session)
{
	return !is_implicit(session->service) || shake_hands(task, session);
}
