/* SPDX-License-Identifier: Apache-2.0 */
/* What we offer: CAPA (RFC 2449), LANG and UTF8 (RFC 6856). Read session.h first. */
#include "pop3/session.h"

/* Each line is a promise kept elsewhere. RFC 2449 section 6, RFC 3206, RFC 6856. */
static const char always[] = "TOP\r\n"
			     "UIDL\r\n"
			     "PIPELINING\r\n"
			     "RESP-CODES\r\n"
			     "AUTH-RESP-CODE\r\n"
			     "EXPIRE NEVER\r\n"
			     "LANG\r\n"
			     "UTF8 USER\r\n"
			     "IMPLEMENTATION Postern\r\n";

/* Without those that bind to the channel (SCRAM-SHA-256-PLUS): mutt 2.2 takes that first, cannot do
 * it under TLS 1.3, and after its `*` is out of step with the server. */
bool pop_mechanism_next(struct slice *left, struct slice *mechanism)
{
	do
		*mechanism = slice_cut(left, ' ');
	while (slice_ends_nocase(*mechanism, SLICE("-PLUS")));
	return mechanism->len > 0;
}

/* RFC 2595 section 4: neither USER nor a mechanism before there is encryption. */
static void offer_signing_in(struct pop_session *session, struct text *out)
{
	const struct pop_doors *doors = session->pop->doors;
	struct slice left = doors->offered(doors->owner), mechanism;

	if (!session->encrypted) {
		if (doors->can_encrypt(doors->owner))
			text_put(out, SLICE("STLS\r\n"));
		return;
	}
	text_put(out, SLICE("USER\r\nSASL"));
	while (pop_mechanism_next(&left, &mechanism)) {
		text_char(out, ' ');
		text_put(out, mechanism);
	}
	text_put(out, SLICE("\r\n"));
}

void pop_capa(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	struct text *out;

	(void)task, (void)command;
	pop_say(session, SLICE("what is offered"));
	out = stream_output(session->stream);
	text_put(out, SLICE(always));
	if (!session->drop)
		offer_signing_in(session, out);
	text_put(out, SLICE(".\r\n"));
}

/* One language, which stands for the default one too (RFC 6856 section 3). */
void pop_lang(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)task;
	if (!command->text.len)
		stream_put(session->stream,
			SLICE("+OK languages\r\ni-default Default\r\nen English\r\n.\r\n"));
	else if (slice_is_nocase(command->text, SLICE("en")) ||
		 slice_is_nocase(command->text, SLICE("i-default")) ||
		 slice_is(command->text, SLICE("*")))
		pop_say(session, SLICE("en English"));
	else
		pop_complain(session, SLICE_NONE, SLICE("English is all we speak: LANG en"));
}

void pop_utf8(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)task, (void)command;
	session->utf8 = true;
	pop_say(session, SLICE("UTF-8"));
}
