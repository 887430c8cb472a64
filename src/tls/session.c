/* SPDX-License-Identifier: Apache-2.0 */
/* Handshake, reading and writing. OpenSSL never waits for the socket: it says what it lacks, and
 * the task waits outside, so that an idle session holds no buffers and no deep stack. */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/panic.h"
#include "tls/inside.h"

#define HANDSHAKE_WITHIN (10 * NS_PER_S)
enum { STEPS_MAX = 64 }; /* of one call without data and without a wait: a flood */

/* ---- the socket, as OpenSSL sees it ---- */

static int bio_read(BIO *bio, char *buffer, int size)
{
	struct tls_session *session = BIO_get_data(bio);
	size_t got;

	BIO_clear_retry_flags(bio);
	enum io_end end = io_read_now(session->io, buffer, (size_t)size, &got);
	if (end == IO_DONE && got > 0)
		return (int)got;
	if (end == IO_DONE) {
		session->starved = true;
		BIO_set_retry_read(bio);
		return -1;
	}
	session->ended |= end == IO_CLOSED;
	return end == IO_CLOSED ? 0 : -1;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
	struct tls_session *session = BIO_get_data(bio);
	size_t sent;

	BIO_clear_retry_flags(bio);
	enum io_end end = io_write_now(session->io, (struct slice){bytes, (size_t)size}, &sent);
	if (end == IO_DONE && sent > 0)
		return (int)sent;
	if (end == IO_DONE)
		BIO_set_retry_write(bio);
	session->ended |= end == IO_CLOSED;
	return -1;
}

static long bio_control(BIO *bio, int what, long number, void *pointer)
{
	const struct tls_session *session = BIO_get_data(bio);

	(void)number, (void)pointer;
	if (what == BIO_CTRL_FLUSH)
		return 1;
	return what == BIO_CTRL_EOF && session->ended;
}

bool session_bio_open(struct tls *tls)
{
	tls->bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "io");
	return tls->bio && BIO_meth_set_read(tls->bio, bio_read) == 1 &&
	       BIO_meth_set_write(tls->bio, bio_write) == 1 &&
	       BIO_meth_set_ctrl(tls->bio, bio_control) == 1;
}

/* ---- one call of OpenSSL, and the wait after it ---- */

/* The task may be suspended in the call (a signature), others run meanwhile and use OpenSSL too. */
static void call_begin(struct task *task, struct tls_session *session)
{
	ERR_clear_error();
	session->tls->task = task;
	session->starved = false;
}

/* After a call that did not do all: waits for what it lacks. IO_DONE: call again. */
static enum io_end call_wait(
	struct task *task, struct tls_session *session, int result, unsigned *steps)
{
	int error = SSL_get_error(session->ssl, result);

	session->tls->task = NULL;
	if (error == SSL_ERROR_WANT_READ && session->starved)
		return io_wait_readable(task, session->io);
	if (error == SSL_ERROR_WANT_WRITE)
		return io_wait_writable(task, session->io);
	if (error == SSL_ERROR_WANT_READ && ++*steps < STEPS_MAX)
		return IO_DONE;
	session->broken |= error != SSL_ERROR_ZERO_RETURN;
	if (error == SSL_ERROR_ZERO_RETURN || session->ended)
		return IO_CLOSED;
	errno = EPROTO;
	return IO_FAILED;
}

static enum io_end session_read(
	struct task *task, void *self, char *buffer, size_t size, size_t *got)
{
	struct tls_session *session = self;
	unsigned steps = 0;

	for (;;) {
		*got = 0;
		call_begin(task, session);
		int result = SSL_read_ex(session->ssl, buffer, size, got);
		if (result == 1)
			return IO_DONE;
		enum io_end end = call_wait(task, session, result, &steps);
		if (end != IO_DONE)
			return end;
	}
}

static enum io_end session_write(struct task *task, void *self, struct slice bytes)
{
	struct tls_session *session = self;
	unsigned steps = 0;
	size_t sent;

	if (bytes.len == 0)
		return IO_DONE;
	for (;;) {
		call_begin(task, session);
		int result = SSL_write_ex(session->ssl, bytes.at, bytes.len, &sent);
		if (result == 1)
			return IO_DONE;
		enum io_end end = call_wait(task, session, result, &steps);
		if (end != IO_DONE)
			return end;
	}
}

static enum io_end session_wait(struct task *task, void *self)
{
	struct tls_session *session = self;

	return SSL_has_pending(session->ssl) ? IO_DONE : io_wait_readable(task, session->io);
}

static bool session_has_input(void *self)
{
	struct tls_session *session = self;
	size_t got = 0;
	char c;

	call_begin(NULL, session);
	bool some = SSL_peek_ex(session->ssl, &c, 1, &got) == 1 && got > 0;
	ERR_clear_error();
	return some;
}

/* ---- the handshake ---- */

static void count_failure(struct tls *tls, const char *words)
{
	struct tls_counts *counts = &tls->counts;
	size_t i = 0;

	counts->failed++;
	while (i < TLS_REASONS - 1 && counts->reasons[i].words &&
		strcmp(counts->reasons[i].words, words) != 0)
		i++;
	if (!counts->reasons[i].words)
		counts->reasons[i].words = i < TLS_REASONS - 1 ? words : "other";
	counts->reasons[i].count++;
}

static enum tls_end failed(
	struct tls_session *session, enum tls_end end, const char *words, struct text *why)
{
	text_put(why, slice_of(words));
	count_failure(session->tls, words);
	return end;
}

static const char *signing_words(enum signing_outcome outcome)
{
	switch (outcome) {
	case SIGN_NO_KEY: return "keys has no key for this certificate";
	case SIGN_FAILED: return "the key cannot sign so";
	case SIGN_AWAY: return "keys is away";
	case SIGN_BUSY: return "keys has too much to sign";
	case SIGNED:
	case SIGNING_OUTCOMES: break;
	}
	return "";
}

/* OpenSSL's reason is read before anything else can wait. */
static enum tls_end handshake_failed(struct tls_session *session, enum io_end end, struct text *why)
{
	long verdict = SSL_get_verify_result(session->ssl);
	const char *words = error_words();

	if (session->tls->last_signing != SIGNED)
		return failed(session, TLS_NO_KEYS, signing_words(session->tls->last_signing), why);
	if (*words && !SSL_is_server(session->ssl) && verdict != X509_V_OK &&
		ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return failed(session, TLS_REFUSED, X509_verify_cert_error_string(verdict), why);
	switch (end) {
	case IO_CLOSED:
		if (!*words ||
			ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return failed(session, TLS_CLOSED, "the other side closed", why);
		return failed(session, TLS_REFUSED, words, why);
	case IO_DEADLINE: return failed(session, TLS_DEADLINE, "took too long", why);
	case IO_CANCELLED: return failed(session, TLS_CANCELLED, "we are ending", why);
	case IO_DONE:
	case IO_FAILED: break;
	}
	return *words ? failed(session, TLS_REFUSED, words, why)
		      : failed(session, TLS_FAILED, "the connection broke", why);
}

/* What others left behind meanwhile is no reason of this session's. */
static enum io_end take_turn(struct task *task, struct tls_session *session)
{
	enum wait end = turns_take(task, &session->tls->turns, session->turn);

	ERR_clear_error();
	session->tls->last_signing = SIGNED;
	switch (end) {
	case WAIT_READY: return IO_DONE;
	case WAIT_DEADLINE: return IO_DEADLINE;
	case WAIT_CANCELLED: break;
	}
	return IO_CANCELLED;
}

static enum tls_end shake(struct task *task, struct tls_session *session, struct text *why)
{
	unsigned steps = 0;

	for (;;) {
		enum io_end turn = take_turn(task, session);
		if (turn != IO_DONE)
			return handshake_failed(session, turn, why);
		call_begin(task, session);
		int result = SSL_do_handshake(session->ssl);
		if (result == 1)
			return TLS_DONE;
		enum io_end end = call_wait(task, session, result, &steps);
		if (end != IO_DONE)
			return handshake_failed(session, end, why);
	}
}

static struct tls_session *session_new(struct tls *tls, struct stream *stream, SSL_CTX *context)
{
	struct tls_session *session = calloc(1, sizeof *session);
	BIO *bio = BIO_new(tls->bio);

	panic_if(!session || !bio, "no memory for a session");
	*session =
		(struct tls_session){.tls = tls, .io = stream_io(stream), .ssl = SSL_new(context)};
	panic_if(!session->ssl, "no memory for a session");
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_app_data(session->ssl, session);
	return session;
}

/* From here on the stream speaks TLS; nothing unread is in it, which was seen before. */
static enum tls_end begin_talk(struct tls_session *session, struct stream *stream)
{
	const struct transport transport = {.read = session_read,
		.write = session_write,
		.self = session,
		.wait = session_wait,
		.has_input = session_has_input};

	session_look(session);
	panic_if(!stream_set_transport(stream, &transport), "unread input after a handshake");
	session->tls->counts.accepted++;
	session->tls->counts.resumed += session->seen.resumed;
	return TLS_DONE;
}

static enum tls_end run_handshake(struct task *task, struct tls_session *opened,
	struct stream *stream, struct tls_session **session, struct text *why)
{
	mono_ns outer = task_limit(task, HANDSHAKE_WITHIN);
	enum tls_end end = shake(task, opened, why);

	task_restore(task, outer);
	ERR_clear_error();
	if (end == TLS_DONE) {
		*session = opened;
		return begin_talk(opened, stream);
	}
	opened->broken = true;
	tls_session_end(opened);
	return end;
}

static bool is_unread(struct stream *stream)
{
	static const struct transport none = {0};

	return !stream_set_transport(stream, &none);
}

enum tls_end tls_accept(struct task *task, struct tls *tls, struct stream *stream,
	struct tls_session **session, struct text *why)
{
	return tls_accept_in_turn(task, tls, TLS_AT_ONCE, stream, session, why);
}

enum tls_end tls_accept_in_turn(struct task *task, struct tls *tls, enum tls_turn turn,
	struct stream *stream, struct tls_session **session, struct text *why)
{
	*session = NULL;
	if (is_unread(stream)) {
		text_put(why, SLICE("something was sent before the handshake"));
		count_failure(tls, "something was sent before the handshake");
		return TLS_UNREAD;
	}
	if (!tls_can_accept(tls)) {
		text_put(why, SLICE("keys is away"));
		count_failure(tls, "keys is away");
		return TLS_NO_KEYS;
	}
	struct tls_session *opened = session_new(tls, stream, tls->contexts->hosts[0].context);
	opened->turn = turn;
	if (tls->tickets.count == 0) {
		SSL_set_options(opened->ssl, SSL_OP_NO_TICKET);
		(void)SSL_set_num_tickets(opened->ssl, 0);
	}
	SSL_set_accept_state(opened->ssl);
	return run_handshake(task, opened, stream, session, why);
}

/* ---- as a client ---- */

/* An address is no name for SNI (RFC 6066 section 3), but a certificate may have it. */
static bool set_wish(SSL *ssl, const struct tls_wish *wish)
{
	X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
	struct address address;
	char name[256];

	if (wish->name.len == 0)
		return !wish->verified;
	if (wish->name.len >= sizeof name || slice_has(wish->name, '\0'))
		return false;
	memcpy(name, wish->name.at, wish->name.len);
	name[wish->name.len] = '\0';
	if (address_parse(wish->name, &address))
		return X509_VERIFY_PARAM_set1_ip_asc(wanted, name) == 1;
	X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 &&
	       X509_VERIFY_PARAM_set1_host(wanted, name, 0) == 1;
}

enum tls_end tls_connect(struct task *task, struct tls *tls, struct stream *stream,
	const struct tls_wish *wish, struct tls_session **session, struct text *why)
{
	*session = NULL;
	if (is_unread(stream)) {
		text_put(why, SLICE("the server sent something before the handshake"));
		return TLS_UNREAD;
	}
	struct tls_session *opened = session_new(tls, stream, tls->client[wish->verified]);
	if (!set_wish(opened->ssl, wish)) {
		text_put(why, SLICE("this is no name that a certificate could have"));
		opened->broken = true;
		tls_session_end(opened);
		return TLS_REFUSED;
	}
	opened->has_name = wish->name.len > 0;
	SSL_set_connect_state(opened->ssl);
	return run_handshake(task, opened, stream, session, why);
}

/* ---- the end ---- */

void tls_session_end(struct tls_session *session)
{
	if (!session)
		return;
	if (!session->broken) {
		call_begin(NULL, session);
		(void)SSL_shutdown(session->ssl);
	}
	SSL_free(session->ssl);
	ERR_clear_error();
	free(session->texts);
	free(session);
}
