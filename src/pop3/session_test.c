/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions on the simulated loop, over a real Maildir. Signing in and TLS are pretended: the
 * password is "right", whoever asks; the mechanism ASK asks back once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/panic.h"
#include "pop3/session.h"
#include "pop3/test_mailbox.h"
#include "run/sim.h"

struct house {
	struct loop *loop;
	struct offload *pool;
	struct pop pop;
	struct pop_doors doors;
	struct mailbox_folder folder;
	enum signin_outcome outcome; /* of a right password */
	size_t told, failed;
	mono_ns shut_for;
	bool no_keys;
};

/* ---- pretences ---- */

static struct slice fake_offered(void *owner)
{
	(void)owner;
	return SLICE("ASK-PLUS ASK PLAIN");
}

static enum exchange fake_end(struct asker_exchange *exchange, struct slice message)
{
	const struct house *house =
		exchange->asker ? (const struct house *)(void *)exchange->asker : NULL;
	struct slice account = slice_from(message, 1);
	struct slice name = slice_cut(&account, '\0');

	exchange->state = EXCHANGE_DONE;
	exchange->account = arena_slice(exchange->arena, name);
	exchange->outcome = slice_is(account, SLICE("right")) ? house->outcome : SIGNIN_WRONG;
	return EXCHANGE_DONE;
}

static enum exchange fake_sign_in(struct task *task, void *owner, struct arena *arena,
	const struct signin_begin *begin, struct asker_exchange *exchange)
{
	(void)task;
	*exchange = (struct asker_exchange){.asker = owner, .arena = arena, .request = 1};
	assert_true(begin->tls);
	assert_int_equal(begin->service, SIGNIN_POP3);
	if (slice_is(begin->mechanism, SLICE("PLAIN")) && begin->has_initial)
		return fake_end(exchange, begin->initial);
	exchange->outcome = SIGNIN_UNKNOWN;
	exchange->words = SLICE("who?");
	bool known = slice_is(begin->mechanism, SLICE("ASK")) ||
		     slice_is(begin->mechanism, SLICE("PLAIN"));
	return known ? EXCHANGE_CHALLENGE : EXCHANGE_DONE;
}

static enum exchange fake_respond(
	struct task *task, struct asker_exchange *exchange, bool cancelled, struct slice words)
{
	(void)task;
	exchange->outcome = SIGNIN_MALFORMED;
	return cancelled ? EXCHANGE_DONE : fake_end(exchange, words);
}

static void fake_over(struct asker_exchange *exchange)
{
	exchange->request = 0;
}

static mono_ns fake_shut_for(void *owner, const struct address *client)
{
	(void)client;
	return ((struct house *)owner)->shut_for;
}

static bool fake_can_encrypt(void *owner)
{
	return !((struct house *)owner)->no_keys;
}

static enum tls_end fake_encrypt(struct task *task, void *owner, const struct address *client,
	struct stream *stream, struct tls_session **tls, struct text *why)
{
	(void)task, (void)owner, (void)client, (void)stream, (void)why;
	*tls = NULL;
	return TLS_DONE;
}

static void fake_told(void *owner, const struct pop_signin *signin)
{
	(void)signin;
	((struct house *)owner)->told++;
}

static void fake_failed(void *owner, struct slice account, struct slice words)
{
	(void)account, (void)words;
	((struct house *)owner)->failed++;
}

/* ---- the house ---- */

static struct policy *policy_of(const struct mailbox_folder *folder)
{
	struct text text = TEXT_GROWING;
	struct arena *arena = arena_new();
	struct complaints complaints;
	struct bundle bundle;

	text_format(&text,
		"hostname pop.example.org\nstate \"/tmp\"\nlisten pop3 \"127.0.0.1:0\"\n"
		"domain example.org any recipient deliver maildir \"%s/%%d/%%l\"\n"
		"domain other.example any recipient deliver smtp \"127.0.0.1:25\"\n",
		folder->top);
	bundle_of_text(SLICE("test.conf"), text_slice(&text), arena, &bundle);
	complaints_init(&complaints);
	struct policy *policy = policy_load(&bundle, &complaints);
	for (size_t i = 0; !policy && i < complaints.count; i++)
		print_error("%.*s\n", SLICE_ARGS(complaints.list[i].what));
	assert_non_null(policy);
	complaints_free(&complaints);
	arena_free(arena);
	text_free(&text);
	return policy;
}

static int setup(void **state)
{
	static struct house house;

	house = (struct house){.loop = sim_open(1700000000 * NS_PER_S)};
	house.pool = offload_open(house.loop, 1);
	house.doors = (struct pop_doors){&house, fake_offered, fake_sign_in, fake_respond,
		fake_over, fake_shut_for, fake_can_encrypt, fake_encrypt, fake_told, fake_failed};
	mailbox_make(&house.folder, "/example.org/alice");
	pop_open(&house.pop, house.loop, 1, &house.doors, house.pool);
	pop_use_policy(&house.pop, policy_of(&house.folder));
	int census = census_new(1);
	house.pop.census = census_open(census, CENSUS_LAST);
	close(census);
	assert_non_null(house.pop.census);
	*state = &house;
	return 0;
}

static int teardown(void **state)
{
	struct house *house = *state;

	pop_close(&house->pop);
	offload_close(house->pool);
	loop_close(house->loop);
	mailbox_remove(&house->folder);
	return 0;
}

/* ---- a client ---- */

/* Says each part in one write, waits a second after each, and hangs up. */
struct client {
	struct house *house;
	const char *const *parts;
	bool implicit_tls;
	size_t chunk;
	mono_ns pause;
	struct text heard;
};

static void client_hear(struct task *task, struct io *io, struct client *client)
{
	mono_ns outer = task_limit(task, client->pause ? client->pause : NS_PER_S);
	char buffer[4096];
	size_t got;

	while (io_read(task, io, buffer, sizeof buffer, &got) == IO_DONE)
		text_put(&client->heard, (struct slice){buffer, got});
	task_restore(task, outer);
}

static void client_run(struct task *task, void *arg)
{
	struct client *client = arg;
	struct house *house = client->house;
	struct address from;
	struct io *mine, *theirs;

	address_parse(SLICE("192.0.2.1"), &from);
	sim_pair(house->loop, &theirs, &mine);
	sim_set_chunk(theirs, client->chunk);
	struct arrival_place place = {
		.service = client->implicit_tls ? SLICE("pop3s") : SLICE("pop3")};
	pop_welcome(task, &house->pop, theirs, &from, &place);
	client_hear(task, mine, client);
	for (const char *const *part = client->parts; *part; part++) {
		if (io_write(task, mine, slice_of(*part)) != IO_DONE)
			break;
		client_hear(task, mine, client);
	}
	io_close(mine);
}

static void client_start(struct client *client)
{
	client->heard = TEXT_GROWING;
	assert_true(task_start(client->house->loop, "client", client_run, client));
}

static void heard_is(struct client *client, const char *wanted)
{
	if (!slice_is(text_slice(&client->heard), slice_of(wanted)))
		print_error("heard:\n%.*s\nwanted:\n%s\n", SLICE_ARGS(text_slice(&client->heard)),
			wanted);
	assert_true(slice_is(text_slice(&client->heard), slice_of(wanted)));
	text_free(&client->heard);
}

/* Under TLS at once, as alice, in one piece and octet by octet. */
static void signed_in(struct house *house, const char *said, const char *wanted)
{
	const char *parts[] = {said, NULL};
	struct text script = TEXT_GROWING, answer = TEXT_GROWING;

	text_format(&script, "USER alice@example.org\r\nPASS right\r\n%s%c", said, '\0');
	text_format(&answer, "+OK pop.example.org POP3 ready\r\n+OK and the password?\r\n%s%c",
		wanted, '\0');
	parts[0] = script.at;
	struct client client = {house, parts, .implicit_tls = true};
	client_start(&client);
	loop_run(house->loop);
	heard_is(&client, answer.at);
	text_free(&script);
	text_free(&answer);
}

#define GREETING "+OK pop.example.org POP3 ready\r\n"

static void clear(struct house *house, const char *said, const char *wanted)
{
	for (size_t chunk = 0; chunk < 3; chunk++) {
		const char *parts[] = {said, NULL};
		struct client client = {house, parts, .chunk = chunk};
		struct text answer = TEXT_GROWING;
		text_format(&answer, GREETING "%s%c", wanted, '\0');
		client_start(&client);
		loop_run(house->loop);
		heard_is(&client, answer.at);
		text_free(&answer);
	}
}

/* ---- tests ---- */

static void in_the_clear_nothing_is_offered_but_stls(void **state)
{
	clear(*state, "CAPA\r\nUSER alice@example.org\r\nAUTH PLAIN AGEAYg==\r\nSTAT\r\nQUIT\r\n",
		"+OK what is "
		"offered\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
		"EXPIRE NEVER\r\nLANG\r\nUTF8 USER\r\nIMPLEMENTATION Postern\r\nSTLS\r\n.\r\n"
		"-ERR sign in under TLS: say STLS first\r\n"
		"-ERR sign in under TLS: say STLS first\r\n"
		"-ERR sign in first\r\n"
		"+OK goodbye\r\n");
	assert_int_equal(((struct house *)*state)->told, 0);
}

static void stls_forgets_what_was_said_and_opens_signing_in(void **state)
{
	static const char *const parts[] = {"UTF8\r\nSTLS\r\n",
		"STLS\r\nPASS right\r\nUSER alice@example.org\r\nPASS right\r\nQUIT\r\n", NULL};
	struct client client = {*state, parts};

	client_start(&client);
	loop_run(((struct house *)*state)->loop);
	heard_is(&client, GREETING "+OK UTF-8\r\n+OK begin TLS\r\n"
				   "-ERR this session has TLS already\r\n"
				   "-ERR USER comes before PASS\r\n"
				   "+OK and the password?\r\n+OK 0 messages\r\n"
				   "+OK 0 messages deleted\r\n");
}

/* RFC 2595 section 4; what is sent behind STLS is not heard as if it had come under TLS. */
static void nothing_may_be_sent_behind_stls(void **state)
{
	static const char *const parts[] = {"STLS\r\nUSER mallory@example.org\r\n", NULL};
	struct client client = {*state, parts};

	client_start(&client);
	loop_run(((struct house *)*state)->loop);
	heard_is(&client, GREETING "-ERR nothing may follow STLS before the handshake\r\n");
}

static void without_keys_there_is_no_tls(void **state)
{
	struct house *house = *state;
	static const char *const none[] = {"CAPA\r\n", NULL};
	struct client client = {house, none, .implicit_tls = true};

	house->no_keys = true;
	clear(house, "STLS\r\nQUIT\r\n",
		"-ERR [SYS/TEMP] TLS is not to be had now\r\n+OK goodbye\r\n");
	client_start(&client);
	loop_run(house->loop);
	heard_is(&client, "");
}

static void a_message_is_read_and_deleted(void **state)
{
	struct house *house = *state;

	mailbox_put(&house->folder, "new/1.a", "A: b\n\n.dot\nend\n");
	mailbox_put(&house->folder, "cur/2.b:2,S", "C: d\n\nx");
	signed_in(house,
		"STAT\r\nLIST\r\nLIST 2\r\nLIST 3\r\nUIDL\r\nUIDL 1\r\nRETR 1\r\nTOP 2 0\r\n"
		"DELE 1\r\nDELE 1\r\nRETR 1\r\nSTAT\r\nLIST\r\nNOOP\r\nQUIT\r\n",
		"+OK 2 messages\r\n+OK 2 30\r\n"
		"+OK 2 messages (30 octets)\r\n1 19\r\n2 11\r\n.\r\n"
		"+OK 2 11\r\n-ERR no such message\r\n"
		"+OK unique ids\r\n1 1.a\r\n2 2.b\r\n.\r\n+OK 1 1.a\r\n"
		"+OK 19 octets\r\nA: b\r\n\r\n..dot\r\nend\r\n.\r\n"
		"+OK 11 octets\r\nC: d\r\n\r\n.\r\n"
		"+OK will be deleted at QUIT\r\n-ERR no such message\r\n-ERR no such message\r\n"
		"+OK 1 11\r\n+OK 1 messages (11 octets)\r\n2 11\r\n.\r\n"
		"+OK ok\r\n+OK 1 messages deleted\r\n");
	assert_false(mailbox_has(&house->folder, "new/1.a"));
	assert_true(mailbox_has(&house->folder, "cur/2.b:2,S"));
}

static void nothing_is_deleted_without_quit(void **state)
{
	struct house *house = *state;

	mailbox_put(&house->folder, "new/1.a", "x\n");
	signed_in(house, "DELE 1\r\n", "+OK 1 messages\r\n+OK will be deleted at QUIT\r\n");
	assert_true(mailbox_has(&house->folder, "new/1.a"));
	signed_in(house, "DELE 1\r\nRSET\r\nQUIT\r\n",
		"+OK 1 messages\r\n+OK will be deleted at QUIT\r\n+OK nothing will be deleted\r\n"
		"+OK 0 messages deleted\r\n");
	assert_true(mailbox_has(&house->folder, "new/1.a"));
}

static void a_second_session_hears_in_use(void **state)
{
	struct house *house = *state;
	static const char *const parts[] = {
		"USER alice@example.org\r\nPASS right\r\n", "NOOP\r\n", "QUIT\r\n", NULL};
	static const char *const twice[] = {"USER alice@example.org\r\nPASS right\r\n", "NOOP\r\n",
		"USER alice@example.org\r\nPASS right\r\n", "QUIT\r\n", NULL};
	struct client first = {house, parts, .implicit_tls = true};
	struct client second = {house, twice, .implicit_tls = true};

	client_start(&first);
	client_start(&second);
	loop_run(house->loop);
	heard_is(&first, GREETING "+OK and the password?\r\n+OK 0 messages\r\n+OK ok\r\n"
				  "+OK 0 messages deleted\r\n");
	heard_is(&second, GREETING "+OK and the password?\r\n"
				   "-ERR [IN-USE] another session reads this mailbox\r\n"
				   "-ERR sign in first\r\n"
				   "+OK and the password?\r\n+OK 0 messages\r\n"
				   "+OK 0 messages deleted\r\n");
	assert_int_equal(house->pop.tally.in_use, 1);
}

static void each_way_a_sign_in_ends_has_its_code(void **state)
{
	struct house *house = *state;
	static const struct {
		enum signin_outcome outcome;
		const char *reply;
	} rows[] = {
		{SIGNIN_WRONG, "-ERR [AUTH] wrong name or password\r\n"},
		{SIGNIN_CANNOT_TELL, "-ERR [SYS/TEMP] accounts cannot be asked now\r\n"},
		{SIGNIN_TOO_MANY, "-ERR [LOGIN-DELAY] too many wrong sign-ins; wait a while\r\n"},
		{SIGNIN_BUSY, "-ERR [SYS/TEMP] too many sign in at once; try again\r\n"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		house->outcome = rows[i].outcome;
		signed_in(house, "", rows[i].reply);
	}
}

static void an_account_without_a_maildir_has_no_mailbox(void **state)
{
	static const char *const parts[] = {
		"USER bob@other.example\r\nPASS right\r\nUSER bob\r\nPASS right\r\n"
		"USER bob@elsewhere.example\r\nPASS right\r\nUSER new@example.org\r\nPASS right\r\n"
		"STAT\r\nUIDL\r\nQUIT\r\n",
		NULL};
	struct client client = {*state, parts, .implicit_tls = true};

	client_start(&client);
	loop_run(((struct house *)*state)->loop);
	heard_is(&client, GREETING
		"+OK and the password?\r\n-ERR [SYS/PERM] this account has no mailbox here\r\n"
		"+OK and the password?\r\n-ERR [SYS/PERM] this account has no mailbox here\r\n"
		"+OK and the password?\r\n-ERR [SYS/PERM] this account has no mailbox here\r\n"
		"+OK and the password?\r\n+OK 0 messages\r\n"
		"+OK 0 0\r\n+OK unique ids\r\n.\r\n+OK 0 messages deleted\r\n");
}

static void auth_takes_an_initial_response_and_asks_without(void **state)
{
	static const char *const parts[] = {
		"CAPA\r\nAUTH\r\nAUTH NONE\r\nauth plain AGEA\r\nAUTH PLAIN =\r\n"
		"AUTH ASK\r\n*\r\nAUTH ASK\r\nno base 64\r\n"
		/* "\0alice@example.org\0right" */
		"AUTH ASK\r\nAGFsaWNlQGV4YW1wbGUub3JnAHJpZ2h0\r\nCAPA\r\nQUIT\r\n",
		NULL};
	struct client client = {*state, parts, .implicit_tls = true};

	client_start(&client);
	loop_run(((struct house *)*state)->loop);
	heard_is(&client, GREETING
		"+OK what is offered\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\n"
		"AUTH-RESP-CODE\r\nEXPIRE NEVER\r\nLANG\r\nUTF8 USER\r\nIMPLEMENTATION Postern\r\n"
		"USER\r\nSASL ASK PLAIN\r\n.\r\n"
		"+OK mechanisms\r\nASK\r\nPLAIN\r\n.\r\n"
		"-ERR no such mechanism here\r\n"
		"-ERR [AUTH] wrong name or password\r\n"
		"-ERR [AUTH] wrong name or password\r\n"
		"+ d2hvPw==\r\n-ERR given up, as you wish\r\n"
		"+ d2hvPw==\r\n-ERR that is no base 64\r\n"
		"+ d2hvPw==\r\n+OK 0 messages\r\n"
		"+OK what is offered\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\n"
		"AUTH-RESP-CODE\r\nEXPIRE NEVER\r\nLANG\r\nUTF8 USER\r\nIMPLEMENTATION Postern\r\n"
		".\r\n+OK 0 messages deleted\r\n");
}

static void nonsense_is_answered_and_borne_for_a_while(void **state)
{
	static const char long_line[] =
		"USER "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nQUIT\r\n";
	static const char *const parts[] = {long_line, NULL};
	struct client client = {*state, parts, .implicit_tls = true};

	clear(*state,
		"XYZZY\r\nRETR x\r\nSTAT 1\r\nSTAT\nNOOP 1\r\nAPOP a b\r\nLANG\r\nLANG xx\r\n"
		"LANG en\r\nUTF8\r\nQUIT\r\n",
		"-ERR no such command\r\n-ERR sign in first\r\n-ERR sign in first\r\n"
		"-ERR a line ends in CR LF, both\r\n-ERR sign in first\r\n"
		"-ERR APOP is not offered; sign in under TLS with USER and PASS, or AUTH\r\n"
		"+OK languages\r\ni-default Default\r\nen English\r\n.\r\n"
		"-ERR English is all we speak: LANG en\r\n+OK en English\r\n+OK UTF-8\r\n"
		"+OK goodbye\r\n");
	clear(*state, "GET / HTTP/1.1\r\nHost: x\r\n", "-ERR this is a POP3 server\r\n");
	client_start(&client);
	loop_run(((struct house *)*state)->loop);
	heard_is(&client, GREETING "-ERR [AUTH] no name is that long\r\n+OK goodbye\r\n");
}

static void too_long_a_line_is_no_command(void **state)
{
	struct text script = TEXT_GROWING;

	text_put(&script, SLICE("XXXX"));
	for (int i = 0; i < 9000; i++)
		text_char(&script, 'a');
	text_format(&script, "\r\nQUIT\r\n%c", '\0');
	clear(*state, script.at, "-ERR too long a line\r\n+OK goodbye\r\n");
	script.len -= 9;
	for (int i = 0; i < 90000; i++)
		text_char(&script, 'a');
	text_char(&script, '\0');
	clear(*state, script.at, "-ERR too long a line\r\n");
	text_free(&script);
}

static void errors_have_an_end(void **state)
{
	static const char *const parts[] = {
		"X\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\n"
		"X\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nNOOP\r\nQUIT\r\n",
		NULL};
	struct client client = {*state, parts};

	client_start(&client);
	loop_run(((struct house *)*state)->loop);
	assert_true(slice_ends_nocase(text_slice(&client.heard),
		SLICE("-ERR no such command\r\n-ERR too many errors\r\n")));
	text_free(&client.heard);
}

/* RFC 1939 section 3: not before ten minutes, and nothing is deleted then. */
static void silence_ends_a_session_after_ten_minutes(void **state)
{
	struct house *house = *state;
	static const char *const parts[] = {
		"USER alice@example.org\r\nPASS right\r\nDELE 1\r\n", "NOOP\r\n", "", NULL};
	struct client client = {
		house, parts, .implicit_tls = true, .pause = (10 * 60 - 1) * NS_PER_S};

	mailbox_put(&house->folder, "new/1.a", "x\n");
	client_start(&client);
	loop_run(house->loop);
	heard_is(&client, GREETING "+OK and the password?\r\n+OK 1 messages\r\n"
				   "+OK will be deleted at QUIT\r\n+OK ok\r\n"
				   "-ERR silent for too long; nothing was deleted\r\n");
	assert_true(mailbox_has(&house->folder, "new/1.a"));
}

static void stop_run(struct task *task, void *arg)
{
	struct house *house = arg;

	if (task_sleep(task, 3 * NS_PER_S) == WAIT_READY)
		pop_stop(&house->pop);
}

static void stopping_ends_those_who_wait_and_deletes_nothing(void **state)
{
	struct house *house = *state;
	static const char *const parts[] = {
		"USER alice@example.org\r\nPASS right\r\nDELE 1\r\n", NULL};
	struct client client = {house, parts, .implicit_tls = true, .pause = 60 * NS_PER_S};

	mailbox_put(&house->folder, "new/1.a", "x\n");
	client_start(&client);
	assert_true(task_start(house->loop, "stop", stop_run, house));
	client.pause = 2 * NS_PER_S;
	loop_run(house->loop);
	heard_is(&client, GREETING "+OK and the password?\r\n+OK 1 messages\r\n"
				   "+OK will be deleted at QUIT\r\n"
				   "-ERR [SYS/TEMP] shutting down; nothing was deleted\r\n");
	assert_true(mailbox_has(&house->folder, "new/1.a"));
	assert_int_equal(house->pop.session_count, 0);
}

/* While the client is silent, after the sign-in. */
static void vanish_run(struct task *task, void *arg)
{
	const struct house *house = arg;

	if (task_sleep(task, 3 * NS_PER_S / 2) == WAIT_READY) {
		mailbox_move(&house->folder, "new/1.a", "tmp/1.a");
		mailbox_move(&house->folder, "new/2.b", "cur/2.b:2,S");
	}
}

/* Of 20,000 places (the default) so many are taken by others. */
static void crowd(struct house *house, unsigned others)
{
	while (others-- > 0)
		census_add(house->pop.census);
}

static void who_does_not_sign_in_gives_its_place_up_when_there_are_many(void **state)
{
	static const char *const silent[] = {"CAPA\r\n", NULL};
	static const char *const reader[] = {
		"USER alice@example.org\r\nPASS right\r\n", "", "", "NOOP\r\nQUIT\r\n", NULL};
	struct house *house = *state;
	struct client stranger = {house, silent, .pause = 15 * NS_PER_S};
	struct client alice = {house, reader, .implicit_tls = true, .pause = 8 * NS_PER_S};

	crowd(house, 18100);
	client_start(&stranger);
	client_start(&alice);
	loop_run(house->loop);
	assert_true(slice_ends_nocase(text_slice(&stranger.heard),
		SLICE("-ERR [SYS/TEMP] too many wait for a place; sign in sooner\r\n")));
	assert_non_null(memmem(alice.heard.at, alice.heard.len, "+OK", 3));
	assert_null(memmem(alice.heard.at, alice.heard.len, "-ERR", 4));
	assert_int_equal(census_total(house->pop.census), 18100);
	text_free(&stranger.heard);
	text_free(&alice.heard);
}

static void the_last_places_are_not_for_strangers(void **state)
{
	static const char *const nothing[] = {NULL};
	struct house *house = *state;
	struct client client = {house, nothing};

	crowd(house, 19000);
	client_start(&client);
	loop_run(house->loop);
	heard_is(&client, "-ERR [SYS/TEMP] too many connections; try again later\r\n");
	assert_int_equal(census_total(house->pop.census), 19000);
	assert_int_equal(house->pop.tally.turned_away, 1);
}

static void a_message_that_vanishes_is_said_to_be_gone(void **state)
{
	struct house *house = *state;
	static const char *const parts[] = {"USER alice@example.org\r\nPASS right\r\nUIDL\r\n",
		"RETR 1\r\nUIDL\r\nSTAT\r\nRETR 2\r\nQUIT\r\n", NULL};
	struct client client = {house, parts, .implicit_tls = true};

	mailbox_put(&house->folder, "new/1.a", "x\n");
	mailbox_put(&house->folder, "new/2.b", "yy\n");
	client_start(&client);
	assert_true(task_start(house->loop, "vanish", vanish_run, house));
	loop_run(house->loop);
	heard_is(&client, GREETING "+OK and the password?\r\n+OK 2 messages\r\n"
				   "+OK unique ids\r\n1 1.a\r\n2 2.b\r\n.\r\n"
				   "-ERR no such message\r\n+OK unique ids\r\n2 2.b\r\n.\r\n"
				   "+OK 1 4\r\n+OK 4 octets\r\nyy\r\n.\r\n"
				   "+OK 0 messages deleted\r\n");
}

static void an_address_that_guesses_is_not_heard(void **state)
{
	struct house *house = *state;
	static const char *const none[] = {NULL};
	struct client client = {house, none};

	house->shut_for = NS_PER_S;
	client_start(&client);
	loop_run(house->loop);
	heard_is(&client, "-ERR [SYS/TEMP] too many wrong sign-ins from your address; wait a while"
			  "\r\n");
	assert_int_equal(house->pop.tally.turned_away, 1);
	house->shut_for = 0;
	client_start(&client);
	loop_run(house->loop);
	heard_is(&client, GREETING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(in_the_clear_nothing_is_offered_but_stls),
		TEST(stls_forgets_what_was_said_and_opens_signing_in),
		TEST(nothing_may_be_sent_behind_stls),
		TEST(without_keys_there_is_no_tls),
		TEST(a_message_is_read_and_deleted),
		TEST(nothing_is_deleted_without_quit),
		TEST(a_second_session_hears_in_use),
		TEST(each_way_a_sign_in_ends_has_its_code),
		TEST(an_account_without_a_maildir_has_no_mailbox),
		TEST(auth_takes_an_initial_response_and_asks_without),
		TEST(nonsense_is_answered_and_borne_for_a_while),
		TEST(too_long_a_line_is_no_command),
		TEST(errors_have_an_end),
		TEST(silence_ends_a_session_after_ten_minutes),
		TEST(stopping_ends_those_who_wait_and_deletes_nothing),
		TEST(a_message_that_vanishes_is_said_to_be_gone),
		TEST(who_does_not_sign_in_gives_its_place_up_when_there_are_many),
		TEST(the_last_places_are_not_for_strangers),
		TEST(an_address_that_guesses_is_not_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
