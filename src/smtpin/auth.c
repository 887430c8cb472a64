/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH (RFC 4954). Read auth.h first.
 *
 *	C: AUTH PLAIN AGFsaWNlAHB3        or AUTH PLAIN, then 334, then the line
 *	S: 235 2.7.0 welcome
 *
 * What the client says is handed to accounts, and what accounts answers to the client: no mechanism
 * is known here. It lies in buffers that are wiped when the exchange ends, and nowhere else: no
 * reply, log line or journal line has any of it.
 */
#include "smtpin/auth.h"

#include "account/asker.h"
#include "smtpin/inquiry.h"
#include "smtpin/refuse.h"
#include "wire/base64.h"

/* ---- what there is ---- */

const struct tls_seen *session_tls(const struct session *session)
{
	return session->tls ? tls_seen(session->tls) : NULL;
}

bool session_is_encrypted(const struct session *session)
{
	return session->tls;
}

void session_sign_out(struct session *session)
{
	if (!session->identity)
		return;
	arena_wipe(session->identity);
	edge_arena_give(session->edge, session->identity);
	session->identity = NULL;
	session->account = SLICE_NONE;
}

static struct slice certificate_of(const struct session *session)
{
	const struct tls_seen *seen = session_tls(session);

	return seen ? seen->certificate : SLICE_NONE;
}

/* Some mechanisms need what not every session has. */
static bool is_possible(const struct session *session, struct slice mechanism)
{
	uint8_t binding[32];

	if (slice_is(mechanism, SLICE("SCRAM-SHA-256-PLUS")))
		return session->tls && tls_exporter(session->tls, binding);
	if (slice_is(mechanism, SLICE("EXTERNAL")))
		return certificate_of(session).len > 0;
	return true;
}

static void put_offered(const struct session *session, struct text *out)
{
	struct slice offered = asker_offered(session->edge->asker);
	bool first = true;

	while (offered.len) {
		struct slice mechanism = slice_cut(&offered, ' ');
		if (!is_possible(session, mechanism))
			continue;
		text_put(out, first ? SLICE_NONE : SLICE(" "));
		text_put(out, mechanism);
		first = false;
	}
}

static bool is_offered(const struct session *session, struct slice mechanism)
{
	struct slice offered = asker_offered(session->edge->asker);

	while (offered.len) {
		struct slice one = slice_cut(&offered, ' ');
		if (slice_is_nocase(one, mechanism))
			return is_possible(session, one);
	}
	return false;
}

/* RFC 4954 section 4: not in the clear, where a password could be read. */
void auth_offer(const struct session *session, struct text *out)
{
	if (!session_is_encrypted(session) || !asker_offered(session->edge->asker).len)
		return;
	text_put(out, SLICE("250-AUTH "));
	put_offered(session, out);
	text_put(out, SLICE("\r\n"));
}

/* ---- one exchange ---- */

struct sign_in {
	struct session *session;
	struct arena *secrets; /* wiped at the end */
	struct slice mechanism;
	struct asker_exchange exchange;
	enum exchange at;
	bool cancelled;
};

static struct journal_auth journal_auth_of(const struct sign_in *sign_in, struct slice outcome)
{
	const struct session *session = sign_in->session;

	return (struct journal_auth){.session = session->id,
		.listener = session->service,
		.client = session->client,
		.tls = session_is_encrypted(session),
		.account = sign_in->exchange.account,
		.mechanism = sign_in->mechanism,
		.outcome = outcome,
		.because = sign_in->exchange.because};
}

static void refuse(const struct sign_in *sign_in, enum reason reason, struct slice about)
{
	struct journal_auth auth = journal_auth_of(sign_in, reason_row(reason)->name);

	refuse_auth(sign_in->session, reason, about, &auth);
}

static struct slice upper_of(struct slice s, struct arena *arena)
{
	char *upper = arena_alloc(arena, s.len);

	for (size_t i = 0; i < s.len; i++)
		upper[i] =
			(char)(s.at[i] >= 'a' && s.at[i] <= 'z' ? s.at[i] - ('a' - 'A') : s.at[i]);
	return (struct slice){upper, s.len};
}

/* RFC 4954 section 4: an initial response of no octets is written as `=`. False: no base 64, or
 * more than a mechanism's message may have. */
static bool words_decode(struct sign_in *sign_in, struct slice line, struct slice *words)
{
	*words = SLICE_NONE;
	return base64_decode(line, sign_in->secrets, words) && words->len <= SASL_MESSAGE_MAX;
}

static enum signin_service service_of(const struct session *session)
{
	return slice_starts(session->service, SLICE("submission")) ? SIGNIN_SUBMISSION
								   : SIGNIN_SMTP;
}

static void begin(
	struct task *task, struct sign_in *sign_in, bool has_initial, struct slice initial)
{
	struct session *session = sign_in->session;
	struct signin_begin begin = {
		.service = (uint8_t)service_of(session),
		.client = session->client,
		.tls = true,
		.certificate = certificate_of(session),
		.mechanism = sign_in->mechanism,
		.has_initial = has_initial,
		.initial = initial,
	};

	begin.has_binding = session->tls && tls_exporter(session->tls, begin.binding);
	sign_in->at = asker_sign_in(
		task, session->edge->asker, sign_in->secrets, &begin, &sign_in->exchange);
}

static void say_challenge(struct session *session, struct slice words)
{
	struct text *out = stream_output(session->stream);

	text_put(out, SLICE("334 "));
	text_base64(out, words);
	text_put(out, SLICE("\r\n"));
}

/* False: the exchange is over, and it has been said why. */
static bool take_line(struct task *task, struct sign_in *sign_in, struct slice line)
{
	struct slice words = SLICE_NONE;

	sign_in->cancelled = slice_is(line, SLICE("*"));
	if (!sign_in->cancelled && !words_decode(sign_in, line, &words)) {
		bool is_long = words.len > SASL_MESSAGE_MAX;
		refuse(sign_in, is_long ? REASON_AUTH_LINE_TOO_LONG : REASON_AUTH_MALFORMED,
			SLICE_NONE);
		return false;
	}
	sign_in->at = asker_respond(task, &sign_in->exchange, sign_in->cancelled, words);
	return true;
}

/* Says what accounts wants said, until it has an answer. */
static bool converse(struct task *task, struct sign_in *sign_in)
{
	struct session *session = sign_in->session;
	struct slice line;

	while (sign_in->at == EXCHANGE_CHALLENGE) {
		say_challenge(session, sign_in->exchange.words);
		if (!session_hear(task, session, AUTH_LINE_MAX, REASON_AUTH_LINE_TOO_LONG, &line) ||
			!take_line(task, sign_in, line))
			return false;
		stream_forget(session->stream);
	}
	return true;
}

/* ---- its end ---- */

static void welcome(const struct sign_in *sign_in)
{
	static const struct slice reply = SLICE("235 2.7.0 you are signed in");
	struct session *session = sign_in->session;
	struct journal_auth auth = journal_auth_of(sign_in, SLICE("signed-in"));

	session->identity = edge_arena_take(session->edge);
	session->account = arena_slice(session->identity, sign_in->exchange.account);
	session->no_ops = 0;
	auth.reply = reply;
	auth.code = 235;
	auth.enhanced = (struct enhanced){2, 7, 0};
	edge_record_auth(session->edge, &auth);
	session_say(session, reply);
	inquiry_end(session, &session->of_account);
	facts_ask(session, STAGE_AUTH);
}

static const enum reason reasons[SIGNIN_OUTCOMES] = {
	[SIGNED_IN] = REASON_NONE,
	[SIGNIN_WRONG] = REASON_AUTH_WRONG,
	[SIGNIN_CANNOT_TELL] = REASON_AUTH_AWAY,
	[SIGNIN_TOO_MANY] = REASON_AUTH_TOO_MANY,
	[SIGNIN_BUSY] = REASON_AUTH_BUSY,
	[SIGNIN_MALFORMED] = REASON_AUTH_MALFORMED,
	[SIGNIN_UNKNOWN] = REASON_AUTH_MECHANISM,
	[SIGNIN_WEAK] = REASON_AUTH_NEEDS_TLS,
};

static struct slice offered_words(const struct session *session)
{
	enum { OFFERED_MOST = 300 };
	struct text words = {
		.at = arena_alloc(session->scratch, OFFERED_MOST), .size = OFFERED_MOST};

	put_offered(session, &words);
	return text_slice(&words);
}

static void answer(const struct sign_in *sign_in)
{
	struct session *session = sign_in->session;
	enum signin_outcome outcome = sign_in->exchange.outcome;

	if (sign_in->at == EXCHANGE_CANCELLED)
		refuse_and_end(session, session_cut_short(session), SLICE_NONE);
	else if (sign_in->cancelled)
		refuse(sign_in, REASON_AUTH_CANCELLED, SLICE_NONE);
	else if (outcome == SIGNED_IN)
		welcome(sign_in);
	else
		refuse(sign_in, reasons[outcome],
			outcome == SIGNIN_UNKNOWN ? offered_words(session) : SLICE_NONE);
}

static void sign_in_run(struct task *task, struct sign_in *sign_in, struct slice initial)
{
	bool is_empty = slice_is(initial, SLICE("="));
	struct slice words = SLICE_NONE;

	if (!is_empty && !words_decode(sign_in, initial, &words)) {
		refuse(sign_in, words.len ? REASON_AUTH_LINE_TOO_LONG : REASON_AUTH_MALFORMED,
			SLICE_NONE);
		return;
	}
	begin(task, sign_in, initial.len > 0, words);
	stream_forget(sign_in->session->stream);
	if (converse(task, sign_in))
		answer(sign_in);
}

/* ---- the command ---- */

/* False: a refusal has been said. */
static bool may_sign_in(const struct sign_in *sign_in)
{
	struct session *session = sign_in->session;

	if (session->account.len)
		refuse_form(session, REASON_BAD_SEQUENCE, SLICE("you are signed in already"));
	else if (!session->extended)
		refuse_form(session, REASON_BAD_SEQUENCE, SLICE("say EHLO first"));
	else if (!session_is_encrypted(session))
		refuse(sign_in, REASON_AUTH_NEEDS_TLS, SLICE_NONE);
	else if (!asker_offered(session->edge->asker).len)
		refuse_form(session, REASON_NOT_OFFERED, SLICE("AUTH"));
	else if (!sign_in->mechanism.len)
		refuse_form(session, REASON_BAD_SYNTAX, SLICE("AUTH and a mechanism"));
	else if (!is_offered(session, sign_in->mechanism))
		refuse(sign_in, REASON_AUTH_MECHANISM, offered_words(session));
	else
		return true;
	return false;
}

void auth_command(struct task *task, struct session *session, struct slice rest)
{
	enum { MECHANISM_MOST = 20 }; /* RFC 4422 section 3.1 */
	struct slice mechanism = slice_part(slice_cut(&rest, ' '), 0, MECHANISM_MOST);
	struct sign_in sign_in = {.session = session,
		.mechanism = upper_of(mechanism, session->scratch),
		.secrets = edge_arena_take(session->edge)};

	if (may_sign_in(&sign_in)) {
		sign_in_run(task, &sign_in, slice_trim(rest));
		asker_end(&sign_in.exchange);
	}
	stream_forget(session->stream);
	arena_wipe(sign_in.secrets);
	edge_arena_give(session->edge, sign_in.secrets);
}

/* ---- whether the account still stands ---- */

/* They hold for a whole transaction, so that what was reserved at RCPT is what is kept. */
static void limits_keep(struct session *session, const struct asker_answer *answer)
{
	struct transaction *transaction = session->transaction;
	struct slice *texts;
	struct fact_answer *limits;

	if (!answer->count || !transaction)
		return;
	limits = ARENA_NEW(transaction->arena, struct fact_answer);
	texts = ARENA_ARRAY(transaction->arena, struct slice, answer->count);
	for (size_t i = 0; i < answer->count; i++)
		texts[i] = arena_slice(transaction->arena, answer->texts[i]);
	*limits = (struct fact_answer){.fact = FACT_LIMITS,
		.texts = texts,
		.text_count = answer->count,
		.because = arena_slice(transaction->arena, answer->because)};
	transaction->limits = limits;
	transaction->needs.counters = true;
}

bool auth_stands(struct task *task, struct session *session,
	const struct offered_recipient *recipient, enum stage stage)
{
	struct asker_answer answer;

	if (!session->account.len)
		return true;
	if (asker_ask(task, session->edge->asker, ASK_STANDS, session->account, NULL,
		    session->scratch, &answer) != WAIT_READY) {
		refuse_and_end(session, session_cut_short(session), SLICE_NONE);
		return false;
	}
	switch (answer.found) {
	case ANSWER_FOUND:
		if (stage == STAGE_MAIL)
			limits_keep(session, &answer);
		return true;
	case ANSWER_NOT_FOUND:
		refuse_mail(session, recipient, stage, REASON_ACCOUNT_CLOSED, SLICE_NONE);
		break;
	case ANSWER_CANNOT_TELL:
		refuse_mail(session, recipient, stage, REASON_STORE_UNKNOWN,
			SLICE("whether your account still stands"));
		break;
	case SIGNIN_FOUNDS: break;
	}
	return false;
}
