/* SPDX-License-Identifier: Apache-2.0 */
/* EHLO and HELO (RFC 5321 section 4.1.1.1), and what we offer. */
#include <string.h>

#include "smtpin/auth.h"
#include "smtpin/encrypt.h"
#include "smtpin/inquiry.h"
#include "smtpin/refuse.h"

/* What has no argument; SIZE and LIMITS stand behind it. Each line is a promise kept elsewhere. */
static const char extensions[] = "250-PIPELINING\r\n"          /* RFC 2920 */
				 "250-8BITMIME\r\n"            /* RFC 6152 */
				 "250-CHUNKING\r\n"            /* RFC 3030 */
				 "250-SMTPUTF8\r\n"            /* RFC 6531 */
				 "250-ENHANCEDSTATUSCODES\r\n" /* RFC 2034 */
				 "250-DSN\r\n";                /* RFC 3461 */

static void say_number(struct text *out, struct slice before, uint64_t number)
{
	text_put(out, before);
	text_number(out, number);
	text_put(out, SLICE("\r\n"));
}

static void say_extensions(struct session *session, const struct settings *settings)
{
	struct text *out = stream_output(session->stream);

	text_put(out, SLICE(extensions));
	starttls_offer(session, out);             /* RFC 3207 */
	auth_offer(session, out);                 /* RFC 4954 */
	if (settings->message_size != UINT64_MAX) /* RFC 1870 */
		say_number(out, SLICE("250-SIZE "), settings->message_size);
	else
		text_put(out, SLICE("250-SIZE\r\n"));
	say_number(out, SLICE("250-LIMITS RCPTMAX="), recipients_most(session)); /* RFC 9422 */
	text_put(out, SLICE("250 HELP\r\n"));
}

/* The name is kept as it was read; RFC 5321 section 4.1.4 forbids to refuse mail because it does
 * not lead to the client. */
static bool helo_read(struct session *session, struct slice rest)
{
	struct slice name;

	if (!command_parse_helo(rest, session->scratch, &name) || name.len > HELO_MAX) {
		refuse_form(session, REASON_BAD_SYNTAX,
			SLICE("EHLO and the name or address literal of your host"));
		return false;
	}
	inquiry_end(session, &session->of_helo);
	memcpy(session->helo, name.at, name.len);
	session->helo_len = (uint8_t)name.len;
	return true;
}

/* RFC 5321 section 4.1.4: a greeting clears what was begun, as RSET does. */
static void greet(struct session *session, struct slice rest, bool extended)
{
	const struct settings *settings = policy_settings(session->edge->policy);
	struct text *out = stream_output(session->stream);

	if (!helo_read(session, rest))
		return;
	transaction_end(session);
	session->extended = extended;
	text_put(out, extended ? SLICE("250-") : SLICE("250 "));
	text_put(out, settings->hostname);
	text_put(out, SLICE(" at your service\r\n"));
	if (extended)
		say_extensions(session, settings);
	facts_ask(session, STAGE_HELO);
}

void ehlo_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task;
	greet(session, rest, true);
}

void helo_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task;
	greet(session, rest, false);
}
