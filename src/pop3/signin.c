/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing in: STLS (RFC 2595 section 4), USER and PASS, AUTH (RFC 5034). Only under TLS. USER and
 * PASS are the mechanism PLAIN to accounts, so both ways meet the same verifiers and the same
 * limits of guessing. Read session.h first.
 */
#include <string.h>

#include "pop3/session.h"
#include "wire/base64.h"
#include "wire/mailbox.h"

/* ---- STLS ---- */

static void handshake(struct task *task, struct pop_session *session)
{
	const struct pop_doors *doors = session->pop->doors;
	char words[200];
	struct text why = TEXT_FIXED(words);

	if (!pop_flush(task, session, 0))
		return;
	enum tls_end end = doors->encrypt(
		task, doors->owner, &session->client, session->stream, &session->tls, &why);
	if (end == TLS_DONE)
		session->encrypted = true;
	else
		session->ending = session->broken = true;
	/* What was said before the handshake could be anybody's (RFC 2595 section 4). */
	session->has_name = session->utf8 = false;
}

void pop_stls(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	const struct pop_doors *doors = session->pop->doors;

	(void)command;
	if (session->encrypted)
		pop_complain(session, SLICE_NONE, SLICE("this session has TLS already"));
	else if (!doors->can_encrypt(doors->owner))
		pop_complain(session, SLICE("SYS/TEMP"), SLICE("TLS is not to be had now"));
	else if (stream_has_input(session->stream))
		pop_part(
			session, SLICE_NONE, SLICE("nothing may follow STLS before the handshake"));
	else {
		pop_say(session, SLICE("begin TLS"));
		handshake(task, session);
	}
}

/* ---- the mailbox of an account ---- */

/* The Maildir that the way of the account's own address leads to. */
static bool folder_of(struct pop_session *session, struct slice account, struct slice *folder)
{
	const struct policy *policy = session->pop->policy;
	struct arena *arena = session->scratch;
	const struct facts facts = {.now = loop_wall(session->pop->loop)};
	struct mailbox mailbox;
	struct route route;

	return mailbox_parse(account, arena, &mailbox) == MAILBOX_OK &&
	       policy_is_ours(policy, &mailbox) &&
	       policy_route(policy, &facts, &mailbox, arena, &route) &&
	       route.kind == ROUTE_MAILDIR &&
	       maildir_folder(route.target, mailbox_local_key(&mailbox, arena), mailbox.domain,
		       arena, folder);
}

struct opening {
	struct maildrop *drop;
	enum maildrop_end end;
};

static void open_on_thread(void *arg)
{
	struct opening *opening = arg;

	opening->end = maildrop_open(opening->drop);
}

static void keep_name(struct pop_session *session, struct slice name)
{
	session->name_len = (uint8_t)name.len;
	memcpy(session->name, name.at, name.len);
}

/* RFC 2449 section 8.1: what went wrong, so that the user is not asked for a password again. */
static void drop_refuse(
	struct pop_session *session, struct slice account, const struct opening *opening)
{
	const struct pop_doors *doors = session->pop->doors;

	if (opening->end == MAILDROP_IN_USE) {
		session->pop->tally.in_use++;
		pop_complain(session, SLICE("IN-USE"), SLICE("another session reads this mailbox"));
	} else {
		session->pop->tally.failed++;
		doors->failed(doors->owner, account, maildrop_words(opening->drop));
		pop_complain(session, SLICE("SYS/TEMP"), SLICE("the mailbox cannot be opened"));
	}
	maildrop_close(opening->drop);
}

static void enter(struct task *task, struct pop_session *session, struct slice account)
{
	struct slice folder;

	if (account.len > POP_NAME_MAX || !folder_of(session, account, &folder)) {
		pop_complain(session, SLICE("SYS/PERM"), SLICE("this account has no mailbox here"));
		return;
	}
	struct opening opening = {.drop = maildrop_new(folder, &session->pop->base)};
	pop_offload(task, session, open_on_thread, &opening);
	if (opening.end != MAILDROP_DONE) {
		drop_refuse(session, account, &opening);
		return;
	}
	keep_name(session, account);
	session->drop = opening.drop;
	session->errors = 0;
	pop_say(session,
		arena_format(session->scratch, "%zu messages", maildrop_count(opening.drop)));
}

/* ---- an exchange ---- */

static const struct {
	struct slice code, words;
} replies[SIGNIN_OUTCOMES] = {
	[SIGNIN_WRONG] = {SLICE("AUTH"), SLICE("wrong name or password")},
	[SIGNIN_CANNOT_TELL] = {SLICE("SYS/TEMP"), SLICE("accounts cannot be asked now")},
	[SIGNIN_TOO_MANY] = {SLICE("LOGIN-DELAY"), SLICE("too many wrong sign-ins; wait a while")},
	[SIGNIN_BUSY] = {SLICE("SYS/TEMP"), SLICE("too many sign in at once; try again")},
	[SIGNIN_MALFORMED] = {SLICE_NONE, SLICE("that is no message of this mechanism")},
	[SIGNIN_UNKNOWN] = {SLICE_NONE, SLICE("no such mechanism here")},
	[SIGNIN_WEAK] = {SLICE_NONE, SLICE("sign in under TLS: say STLS first")},
};

static void tell(
	struct pop_session *session, struct slice mechanism, const struct asker_exchange *exchange)
{
	const struct pop_doors *doors = session->pop->doors;

	session->pop->tally.signed_in += exchange->outcome == SIGNED_IN;
	session->pop->tally.wrong += exchange->outcome == SIGNIN_WRONG;
	doors->told(doors->owner, &(struct pop_signin){.id = session->id,
					  .client = &session->client,
					  .implicit_tls = session->implicit_tls,
					  .mechanism = mechanism,
					  .account = exchange->account,
					  .outcome = exchange->outcome,
					  .because = exchange->because,
					  .reply = replies[exchange->outcome].words});
}

static void conclude(struct task *task, struct pop_session *session, struct slice mechanism,
	const struct asker_exchange *exchange)
{
	enum signin_outcome outcome = exchange->outcome;

	tell(session, mechanism, exchange);
	if (outcome == SIGNED_IN)
		enter(task, session, exchange->account);
	else
		pop_complain(session, replies[outcome].code, replies[outcome].words);
}

/* The client's answer to a challenge (RFC 5034 section 4); false: the exchange is over. */
static bool respond(struct task *task, struct pop_session *session, struct slice challenge,
	bool *cancelled, struct slice *words)
{
	struct text *out = stream_output(session->stream);
	struct slice line;

	text_put(out, SLICE("+ "));
	text_base64(out, challenge);
	text_put(out, SLICE("\r\n"));
	if (!pop_hear(task, session, &line))
		return false;
	*cancelled = slice_is(line, SLICE("*"));
	if (*cancelled || base64_decode(line, session->scratch, words))
		return true;
	pop_complain(session, SLICE_NONE, SLICE("that is no base 64"));
	return false;
}

/* Says what accounts wants to hear, until it says how it ends. */
static void exchange_run(
	struct task *task, struct pop_session *session, const struct signin_begin *begin)
{
	const struct pop_doors *doors = session->pop->doors;
	struct asker_exchange exchange;
	enum exchange at = doors->sign_in(task, doors->owner, session->scratch, begin, &exchange);
	bool heard = true, cancelled = false;

	while (at == EXCHANGE_CHALLENGE && heard) {
		struct slice words = SLICE_NONE;
		heard = respond(task, session, exchange.words, &cancelled, &words);
		if (heard)
			at = doors->respond(task, &exchange, cancelled, words);
	}
	if (at == EXCHANGE_DONE && cancelled)
		pop_complain(session, SLICE_NONE, SLICE("given up, as you wish"));
	else if (at == EXCHANGE_DONE)
		conclude(task, session, begin->mechanism, &exchange);
	else if (at == EXCHANGE_CANCELLED)
		pop_complain(session, SLICE("SYS/TEMP"), SLICE("accounts does not answer"));
	doors->end(&exchange);
}

static void sign_in(struct task *task, struct pop_session *session, struct slice mechanism,
	bool has_initial, struct slice initial)
{
	struct signin_begin begin = {
		.service = SIGNIN_POP3,
		.client = session->client,
		.tls = true,
		.mechanism = mechanism,
		.has_initial = has_initial,
		.initial = initial,
	};

	if (session->tls) {
		const struct tls_seen *seen = tls_seen(session->tls);
		begin.certificate = seen->verified ? seen->certificate : SLICE_NONE;
	}
	exchange_run(task, session, &begin);
	arena_wipe(session->scratch);
}

/* RFC 2595 section 2.1: a password is not taken where others can read it. */
static bool is_safe(struct pop_session *session)
{
	if (!session->encrypted)
		pop_complain(session, SLICE_NONE, replies[SIGNIN_WEAK].words);
	return session->encrypted;
}

/* ---- USER and PASS ---- */

void pop_user(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)task;
	if (!is_safe(session))
		return;
	if (command->text.len > POP_NAME_MAX) {
		pop_complain(session, SLICE("AUTH"), SLICE("no name is that long"));
		return;
	}
	keep_name(session, command->text);
	session->has_name = true;
	pop_say(session, SLICE("and the password?")); /* for any name: who exists is not told */
}

void pop_pass(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	if (!is_safe(session))
		return;
	if (!session->has_name) {
		pop_complain(session, SLICE_NONE, SLICE("USER comes before PASS"));
		return;
	}
	session->has_name = false;
	struct slice name = pop_session_name(session), password = command->text;
	size_t len = name.len + password.len + 2;
	char *message = arena_alloc(session->scratch, len); /* RFC 4616: no, name, password */
	memcpy(message + 1, name.at, name.len);
	memcpy(message + 2 + name.len, password.at, password.len);
	sign_in(task, session, SLICE("PLAIN"), true, (struct slice){message, len});
}

/* ---- AUTH ---- */

static struct slice upper(struct slice word, struct arena *arena)
{
	char *copy = arena_alloc(arena, word.len + 1);

	for (size_t i = 0; i < word.len; i++)
		copy[i] = word.at[i] >= 'a' && word.at[i] <= 'z' ? (char)(word.at[i] - 'a' + 'A')
								 : word.at[i];
	return (struct slice){copy, word.len};
}

/* AUTH alone is older than RFC 5034, and some clients ask so what there is. */
static void list_mechanisms(struct pop_session *session)
{
	const struct pop_doors *doors = session->pop->doors;
	struct slice left = doors->offered(doors->owner), mechanism;

	pop_say(session, SLICE("mechanisms"));
	while (pop_mechanism_next(&left, &mechanism)) {
		stream_put(session->stream, mechanism);
		stream_put(session->stream, SLICE("\r\n"));
	}
	stream_put(session->stream, SLICE(".\r\n"));
}

void pop_auth(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	struct slice rest = command->text, initial = SLICE_NONE;

	if (!is_safe(session))
		return;
	struct slice mechanism = upper(slice_cut(&rest, ' '), session->scratch);
	bool has_initial = rest.len > 0;
	if (!mechanism.len)
		list_mechanisms(session);
	else if (mechanism.len > MECHANISM_MAX)
		pop_complain(session, SLICE_NONE, replies[SIGNIN_UNKNOWN].words);
	else if (has_initial && !slice_is(rest, SLICE("=")) &&
		 !base64_decode(rest, session->scratch, &initial))
		pop_complain(session, SLICE_NONE, SLICE("that is no base 64"));
	else
		sign_in(task, session, mechanism, has_initial, initial);
}

void pop_apop(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)task, (void)command;
	pop_complain(session, SLICE_NONE,
		SLICE("APOP is not offered; sign in under TLS with USER and PASS, or AUTH"));
}
