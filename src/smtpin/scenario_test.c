/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions as transcripts: every file of scenarios/ is played in the simulated loop against a whole
 * edge. A line is one step; a line that begins with white space continues the one before.
 *
 *	policy                      the configuration follows, indented; `policy FILE`
 *	spool full|broken           what the queue answers when it is asked for a segment
 *	client 192.0.2.7            connects (and ends the connection before, if there is one)
 *	client local alice          a program of this host, run by her
 *	early 192.0.2.7             the same, but speaks before the banner
 *	listener submission         where the next clients connect
 *	encrypted                   the next clients speak as under TLS; `encrypted not`
 *	certificate                 the edge has one from here on, and its key is at hand
 *	certificate asks a.pem      and asks clients for theirs, which the ones in this file verify
 *	keys away                   its key is not; `keys here`
 *	handshake                   the client begins TLS; `handshake fails`
 *	handshake as a.pem          and shows the certificate of this file
 *	counters                    `limit` clauses count from here on; before, nobody can tell
 *	accounts                    what accounts knows follows, indented (account/fake.h)
 *	next-hop                    what next hops say follows, indented (house_next_hop())
 *	others 9 192.0.2.8          so many more connect from there and stay, silent
 *	others 0                    they have gone
 *	memory 100000               octets that messages may hold from here on
 *	cut 1                       from the next client on, the edge reads at most so many octets
 *	> EHLO a.example            is sent, with CRLF
 *	>> a\r\n.\x00               is sent as it stands, with these escapes and no CRLF
 *	many 20 NOOP                is sent so many times, reading one reply each
 *	fill 300000 x               so many octets of lines are sent
 *	< 550 5.7.1 *               the next reply line; * stands for anything
 *	<+ 250 *                    the last line of a reply; those before it may say anything
 *	closed                      the edge has closed, and nothing more was said
 *	trace reason=relay-denied   the last line of the journal has this: members as a.b=value
 *	earlier 2 reason=spam       the line before the last but one; a refusal's reply has its id
 *	silent                      the journal has no more lines than when it was looked at last
 *	kept 1                      so many messages are durable
 *	body a\r\nb                 the last one kept has this body, or this somewhere: body *a*
 *	envelope from=a@b to=c@d    and its envelope: from, to, size, flags, received (a pattern)
 *	refused c@d 550 5.7.1 *     and in it this recipient with this reply
 *	clock 5 minutes             time passes (or s, minutes)
 *	flush fails                 from here on
 *	dns                         names and what they lead to follow, indented (dns/fake.h)
 *	reload                      a new configuration follows, indented
 *	stop                        the edge is being stopped; `stop now`: its grace is over
 *
 * Besides, every reply of 4xx or 5xx must end with its id, and where the journal has a line for it
 * that line must have the same id.
 */
#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/panic.h"
#include "dns/fake.h"
#include "smtpin/asserted.h"
#include "smtpin/test_house.h"
#include "tls/inside.h"
#include "tls/testing.h"

enum { FILES_MOST = 200, BUFFER = 4096, OTHERS_MOST = 100 };

/* By the scenarios that were played so far. */
static struct asserted asserted;

struct play {
	const char *file;
	unsigned line;
	struct slice left; /* of the script */
	struct arena *arena;
	struct policy *policy;
	enum house_spool spool;
	struct house *house;
	struct io *client;
	struct io *others[OTHERS_MOST];
	size_t other_count;
	size_t chunk;
	struct testing_tls *keys; /* of the edge; NULL: it has no certificate */
	struct tls *with;         /* the client's */
	struct stream *secure;    /* over `client`, once it speaks TLS */
	struct tls_session *session;
	struct text said;     /* by the edge, not yet looked at */
	struct slice last_id; /* of the last refusal */
	const struct asserted_reply *replies;
	size_t journal_seen;
	unsigned failures;
};

static void fail_step(struct play *play, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void fail_step(struct play *play, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s:%u: ", play->file, play->line);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	play->failures++;
}

/* ---- the script ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next step with its continuations: "policy", then lines without their indentation. */
static bool next_step(struct play *play, struct slice *step, struct slice *block)
{
	do {
		if (!play->left.len)
			return false;
		*step = slice_cut(&play->left, '\n');
		play->line++;
	} while (!step->len || step->at[0] == '#');
	struct slice before = play->left;
	while (play->left.len && (is_blank(play->left.at[0]) || play->left.at[0] == '\n')) {
		slice_cut(&play->left, '\n');
		play->line++;
	}
	*block = slice_part(before, 0, before.len - play->left.len);
	return true;
}

/* One tab of indentation off each line, so that the configuration's own continuations stay. */
static struct slice unindent(struct slice block, struct arena *arena)
{
	struct text text = TEXT_GROWING;

	while (block.len) {
		struct slice line = slice_cut(&block, '\n');
		text_put(&text, slice_from(line, line.len && is_blank(line.at[0])));
		text_char(&text, '\n');
	}
	struct slice copy = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return copy;
}

static unsigned hex_digit(char c)
{
	return ascii_is_digit(c) ? (unsigned)(c - '0') : (unsigned)(ascii_lower(c) - 'a' + 10);
}

static struct slice unescape(struct slice s, struct arena *arena)
{
	struct text text = {.at = arena_alloc(arena, s.len + 1), .size = s.len + 1};

	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] != '\\' || i + 1 == s.len) {
			text_char(&text, s.at[i]);
			continue;
		}
		char c = s.at[++i];
		if (c == 'x' && i + 2 < s.len) {
			text_char(&text,
				(char)(hex_digit(s.at[i + 1]) << 4 | hex_digit(s.at[i + 2])));
			i += 2;
		} else {
			text_char(&text, c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c);
		}
	}
	return text_slice(&text);
}

/* ---- the client ---- */

static uint64_t number_of(struct slice s)
{
	uint64_t number = 0;

	panic_if(!slice_number(s, UINT64_MAX, &number), "%.*s is no number", SLICE_ARGS(s));
	return number;
}

static void hang_up(struct play *play)
{
	if (play->secure) {
		tls_session_end(play->session);
		stream_close(play->secure);
	} else {
		io_close(play->client);
	}
	play->client = NULL;
	play->secure = NULL;
	play->session = NULL;
	text_clear(&play->said);
}

static void open_house(struct play *play)
{
	if (play->house)
		return;
	panic_if(!play->policy, "%s: no policy before the client", play->file);
	play->house = house_open(policy_ref(play->policy), play->spool);
}

static void connect_client(struct task *task, struct play *play, struct slice from, bool early)
{
	struct slice words = from;
	struct address address;

	hang_up(play);
	if (slice_is(slice_cut(&words, ' '), SLICE("local"))) {
		play->client = house_connect_local(task, play->house, words, play->chunk);
		return;
	}
	panic_if(!address_parse(from, &address), "%s:%u: no address", play->file, play->line);
	play->client = house_connect(task, play->house, &address, play->chunk, early);
}

static void others_go(struct play *play)
{
	while (play->other_count)
		io_close(play->others[--play->other_count]);
}

static void connect_others(struct task *task, struct play *play, struct slice rest)
{
	struct address address;
	uint64_t count = number_of(slice_cut(&rest, ' '));

	if (!count)
		others_go(play);
	else
		panic_if(!address_parse(rest, &address) || count + play->other_count > OTHERS_MOST,
			"%s:%u: others from where?", play->file, play->line);
	while (count--)
		play->others[play->other_count++] =
			house_connect(task, play->house, &address, play->chunk, false);
	panic_if(task_sleep(task, NS_PER_MS) != WAIT_READY, "cancelled");
}

static void send_bytes(struct task *task, struct play *play, struct slice bytes)
{
	enum io_end end = IO_CLOSED;

	if (play->secure)
		end = stream_flush_with(task, play->secure, bytes);
	else if (play->client)
		end = io_write(task, play->client, bytes);
	if (end != IO_DONE)
		fail_step(play, "the edge has closed already");
}

static bool hear_secure(struct task *task, struct play *play)
{
	struct slice bytes;
	mono_ns outer = task_limit(task, 3600 * NS_PER_S);
	enum io_end end = stream_peek(task, play->secure, &bytes);

	task_restore(task, outer);
	if (end != IO_DONE)
		return false;
	text_put(&play->said, bytes);
	stream_consume(play->secure, bytes.len);
	return true;
}

/* False at the end of the connection. */
static bool hear_more(struct task *task, struct play *play)
{
	if (play->secure)
		return hear_secure(task, play);
	char *room = text_reserve(&play->said, BUFFER);
	size_t got = 0;
	mono_ns outer = task_limit(task, 3600 * NS_PER_S);
	enum io_end end = io_read(task, play->client, room, BUFFER, &got);

	task_restore(task, outer);
	play->said.len -= BUFFER - got;
	return end == IO_DONE;
}

static bool hear_line(struct task *task, struct play *play, struct slice *line)
{
	size_t end;

	while ((end = slice_find(text_slice(&play->said), '\n')) == SIZE_MAX)
		if (!play->client || !hear_more(task, play))
			return false;
	*line = arena_slice(play->arena, slice_part(text_slice(&play->said), 0, end + 1));
	memmove(play->said.at, play->said.at + end + 1, play->said.len - end - 1);
	play->said.len -= end + 1;
	return true;
}

static void remember_refusal(struct play *play, struct slice id, struct slice pattern)
{
	play->last_id = id;
	play->replies = asserted_reply_add(play->replies, id, pattern, play->arena);
}

/* "[why 7K3Q-9MZD-2C4T]" at the end of every last line of a refusal. */
static void check_refusal(struct play *play, struct slice line, struct slice pattern)
{
	if (line.len < 4 || (line.at[0] != '4' && line.at[0] != '5') || line.at[3] == '-')
		return;
	if (line.len < 21 || !slice_matches(slice_from(line, line.len - 20), SLICE("[why *]")))
		fail_step(play, "a refusal without its id: %.*s", SLICE_ARGS(line));
	else
		remember_refusal(play, slice_part(line, line.len - 15, line.len - 1), pattern);
	if (line.len + 2 > REPLY_LINE_MAX)
		fail_step(play, "a reply of %zu octets", line.len + 2);
}

/* `more`: lines of the same reply may come before it. */
static void expect_line(struct task *task, struct play *play, struct slice pattern, bool more)
{
	struct slice line;

	do {
		if (!hear_line(task, play, &line)) {
			fail_step(play, "closed instead of: %.*s", SLICE_ARGS(pattern));
			return;
		}
	} while (more && line.len > 3 && line.at[3] == '-');
	if (line.len < 2 || line.at[line.len - 2] != '\r')
		fail_step(play, "a reply that does not end with CRLF");
	line.len -= 2;
	check_refusal(play, line, pattern);
	if (!slice_matches(line, pattern))
		fail_step(play, "expected %.*s, heard %.*s", SLICE_ARGS(pattern), SLICE_ARGS(line));
}

static void expect_closed(struct task *task, struct play *play)
{
	while (play->client && hear_more(task, play))
		;
	if (play->said.len)
		fail_step(play, "more was said: %.*s", SLICE_ARGS(text_slice(&play->said)));
}

/* ---- TLS ---- */

static char *file_read(const char *path);

static void ask_for_certificates(struct testing_tls *keys, const char *roots)
{
	const struct tls_chain chain = {SLICE("self"), text_slice(&keys->certificate)};
	char *pem = file_read(roots);
	const struct tls_setup setup = {.chains = &chain,
		.chain_count = 1,
		.client_ca = slice_of(pem),
		.ask_clients = true};
	struct text why = TEXT_GROWING;
	struct tls_contexts *contexts = tls_prepare(keys->tls, &setup, &why);

	panic_if(!contexts, "%.*s", SLICE_ARGS(text_slice(&why)));
	tls_switch_over(keys->tls, contexts);
	text_free(&why);
	free(pem);
}

static void take_certificate(struct play *play, struct slice rest)
{
	play->keys = testing_tls_open(play->house->loop, SLICE("mx.example.org"));
	play->house->edge.tls = play->keys->tls;
	if (slice_is(slice_cut(&rest, ' '), SLICE("asks")))
		ask_for_certificates(play->keys, arena_string(play->arena, rest));
}

/* What the next handshakes of the client show. */
static void show_certificate(struct tls *tls, const char *path)
{
	struct text why = TEXT_GROWING;

	SSL_CTX_free(tls->client[false]);
	SSL_CTX *context = tls->client[false] = context_for_client(tls, false, &why);
	panic_if(!context || SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1 ||
			 SSL_CTX_use_certificate_chain_file(context, path) != 1,
		"%s: no key with its certificate", path);
	text_free(&why);
}

/* `handshake` after 220, or at once; `handshake fails`; `handshake as FILE`. */
static void shake_hands(struct task *task, struct play *play, struct slice rest)
{
	const struct tls_wish wish = {.name = SLICE("mx.example.org")};
	struct text why = TEXT_GROWING;
	bool fails = slice_is(rest, SLICE("fails"));

	if (!play->with)
		play->with = tls_open_client(slice_of(play->keys->trust_file), &why);
	panic_if(!play->with, "no TLS for the client");
	if (slice_is(slice_cut(&rest, ' '), SLICE("as")))
		show_certificate(play->with, arena_string(play->arena, rest));
	play->secure = stream_open(play->client);
	enum tls_end end = tls_connect(task, play->with, play->secure, &wish, &play->session, &why);
	if ((end == TLS_DONE) == fails)
		fail_step(play, "the handshake: %.*s", SLICE_ARGS(text_slice(&why)));
	text_free(&why);
}

static void tls_end_all(struct play *play)
{
	tls_close(play->with);
	if (play->keys)
		testing_tls_close(play->keys);
}

static void send_many(struct task *task, struct play *play, struct slice rest)
{
	uint64_t count = 0;
	struct slice line;

	panic_if(!slice_number(slice_cut(&rest, ' '), 100000, &count), "many how many?");
	for (; count > 0; count--) {
		struct slice after = rest, before = slice_cut(&after, '#');
		struct slice number = arena_format(play->arena, "%u", (unsigned)count);
		if (before.len == rest.len)
			number = SLICE_NONE;
		send_bytes(task, play,
			arena_format(play->arena, "%.*s%.*s%.*s\r\n", SLICE_ARGS(before),
				SLICE_ARGS(number), SLICE_ARGS(after)));
		if (!hear_line(task, play, &line))
			fail_step(play, "closed too early");
		else
			check_refusal(play, slice_part(line, 0, line.len - 2), SLICE_NONE);
	}
}

static void fill(struct task *task, struct play *play, struct slice rest)
{
	uint64_t count = 0;

	panic_if(!slice_number(slice_cut(&rest, ' '), 1 << 30, &count), "fill how much?");
	struct slice line = unescape(rest, play->arena);
	for (uint64_t sent = 0; sent < count; sent += line.len)
		send_bytes(task, play, line);
}

/* ---- the journal and what was kept ---- */

static bool json_is(const json_t *value, struct slice expected)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	struct slice dumped = slice_of(text);

	if (json_is_string(value))
		dumped = slice_of(json_string_value(value));
	bool same = text && slice_matches(dumped, expected);
	free(text);
	return same;
}

static void expect_member(struct play *play, const json_t *line, struct slice word)
{
	struct slice path = slice_cut(&word, '=');
	const json_t *value = line;

	while (path.len && value)
		value = json_object_get(value, arena_string(play->arena, slice_cut(&path, '.')));
	if (!value ? word.len > 0 : !json_is(value, word)) {
		char *shown = json_dumps(line, JSON_COMPACT);
		fail_step(play, "the journal has not %.*s: %s", SLICE_ARGS(word), shown);
		free(shown);
	}
}

static void look_at_line(struct play *play, const json_t *line, struct slice words)
{
	struct slice left = words;
	unsigned before = play->failures;

	while (left.len)
		expect_member(play, line, slice_cut(&left, ' '));
	if (play->failures == before)
		asserted_line(&asserted, play->house->edge.policy, line, words, play->replies);
}

static void expect_trace(struct play *play, struct slice words)
{
	struct slice journal = play->house->journal;
	json_t *line = json_loadb(journal.at, journal.len, 0, NULL);
	struct slice id = slice_of(json_string_value(json_object_get(line, "id")));
	struct slice decision = slice_of(json_string_value(json_object_get(line, "decision")));

	if (play->house->journal_count == play->journal_seen || !line)
		fail_step(play, "the journal has no new line");
	play->journal_seen = play->house->journal_count;
	look_at_line(play, line, words);
	bool is_in = json_is(json_object_get(line, "outcome"), SLICE("signed-in"));
	if (!slice_is(decision, SLICE("accept")) && !is_in && !slice_is(id, play->last_id))
		fail_step(play, "the reply says %.*s, the journal %.*s", SLICE_ARGS(play->last_id),
			SLICE_ARGS(id));
	json_decref(line);
}

static void expect_earlier(struct play *play, struct slice words)
{
	uint64_t back = 0;

	panic_if(!slice_number(slice_cut(&words, ' '), HOUSE_LINES - 1, &back), "how many?");
	size_t at = play->house->journal_count - 1 - (size_t)back;
	struct slice journal = play->house->lines[at % HOUSE_LINES];
	json_t *line = json_loadb(journal.at, journal.len, 0, NULL);
	struct slice id = slice_of(json_string_value(json_object_get(line, "id")));
	struct slice reply = slice_of(json_string_value(json_object_get(line, "reply")));

	look_at_line(play, line, words);
	struct slice tail = arena_format(play->arena, "*[why %.*s]", SLICE_ARGS(id));
	if (!slice_starts(reply, SLICE("2")) && !slice_matches(reply, tail))
		fail_step(play, "a refusal without its id: %.*s", SLICE_ARGS(journal));
	json_decref(line);
}

static void expect_silence(struct play *play)
{
	if (play->house->journal_count != play->journal_seen)
		fail_step(
			play, "the journal has a new line: %.*s", SLICE_ARGS(play->house->journal));
}

static const struct message *last_kept(struct play *play)
{
	static const struct message none;

	if (play->house->kept_count)
		return play->house->kept[play->house->kept_count - 1];
	fail_step(play, "no message was kept");
	return &none;
}

static void expect_kept(struct play *play, struct slice rest)
{
	uint64_t count = 0;

	panic_if(!slice_number(rest, HOUSE_KEPT, &count), "kept how many?");
	if (play->house->kept_count != count)
		fail_step(play, "%zu messages were kept", play->house->kept_count);
}

static void expect_body(struct play *play, struct slice rest)
{
	struct slice body = last_kept(play)->body, pattern = unescape(rest, play->arena);

	if (!slice_matches(body, pattern))
		fail_step(play, "the body is %.*s", SLICE_ARGS(slice_part(body, 0, 1000)));
}

static struct slice recipients_text(const struct envelope *envelope, struct arena *arena)
{
	struct slice all = SLICE_NONE;

	for (size_t i = 0; i < envelope->recipient_count; i++)
		all = arena_format(arena, "%.*s%s%.*s", SLICE_ARGS(all), i ? "," : "",
			SLICE_ARGS(envelope->recipients[i].address));
	return all;
}

static struct slice envelope_member(
	const struct message *message, struct slice name, struct arena *arena)
{
	const struct envelope *envelope = &message->envelope;
	const struct envelope_recipient *first = envelope->recipients;

	if (slice_is(name, SLICE("from")))
		return envelope->sender;
	if (slice_is(name, SLICE("to")))
		return recipients_text(envelope, arena);
	if (slice_is(name, SLICE("envid")))
		return envelope->envid;
	if (slice_is(name, SLICE("ret")))
		return arena_format(arena, "%u", envelope->ret);
	if (slice_is(name, SLICE("orcpt")) && first)
		return first->orcpt;
	if (slice_is(name, SLICE("notify")) && first)
		return arena_format(arena, "%u", first->notify);
	if (slice_is(name, SLICE("flags")))
		return arena_format(arena, "%u", envelope->flags);
	if (slice_is(name, SLICE("size")))
		return arena_format(arena, "%ju", (uintmax_t)message->body_size);
	if (slice_is(name, SLICE("bodyflags")))
		return arena_format(arena, "%u", message->body_flags);
	return SLICE("(no such member)");
}

static void expect_envelope(struct play *play, struct slice words)
{
	const struct message *message = last_kept(play);

	while (words.len) {
		struct slice word = slice_cut(&words, ' ');
		struct slice name = slice_cut(&word, '=');
		struct slice is = envelope_member(message, name, play->arena);
		if (!slice_matches(is, word))
			fail_step(play, "%.*s is %.*s", SLICE_ARGS(name), SLICE_ARGS(is));
	}
}

static void expect_refused(struct play *play, struct slice rest)
{
	const struct envelope *envelope = &last_kept(play)->envelope;
	struct slice address = slice_cut(&rest, ' ');

	for (size_t i = 0; i < envelope->recipient_count; i++) {
		const struct envelope_recipient *recipient = &envelope->recipients[i];
		if (slice_is(recipient->address, address) &&
			recipient->flags & ENVELOPE_RECIPIENT_REFUSED) {
			if (!slice_matches(recipient->reply, rest))
				fail_step(play, "it is refused by %.*s",
					SLICE_ARGS(recipient->reply));
			check_refusal(play, recipient->reply, rest);
			return;
		}
	}
	fail_step(play, "%.*s is not refused", SLICE_ARGS(address));
}

static void expect_received(struct play *play, struct slice pattern)
{
	struct slice trace = last_kept(play)->trace;

	if (!slice_matches(trace, unescape(pattern, play->arena)))
		fail_step(play, "the trace header is %.*s", SLICE_ARGS(trace));
}

/* ---- steps ---- */

static void pass_time(struct task *task, struct play *play, struct slice rest)
{
	uint64_t count = 0;
	bool known = slice_number(slice_cut(&rest, ' '), 100000, &count);

	panic_if(!known, "%s:%u: how long?", play->file, play->line);
	bool minutes = slice_starts(rest, SLICE("minute"));
	if (task_sleep(task, (mono_ns)count * (minutes ? 60 : 1) * NS_PER_S) != WAIT_READY)
		fail_step(play, "cancelled");
}

static void stop_edge(struct play *play, struct slice rest)
{
	if (rest.len)
		edge_stop_now(&play->house->edge);
	else
		edge_stop(&play->house->edge);
}

/* Steps that come before the first client. */
static struct policy *policy_of_file(const char *path)
{
	char *text = file_read(path);
	struct policy *policy = house_policy(slice_of(text));

	free(text);
	return policy;
}

static bool set_up(struct play *play, struct slice verb, struct slice rest, struct slice block)
{
	if (slice_is(verb, SLICE("policy")) && rest.len)
		play->policy = policy_of_file(arena_string(play->arena, rest));
	else if (slice_is(verb, SLICE("policy")))
		play->policy = house_policy(unindent(block, play->arena));
	else if (slice_is(verb, SLICE("spool")))
		play->spool = slice_is(rest, SLICE("full")) ? SPOOL_IS_FULL : SPOOL_IS_BROKEN;
	else if (slice_is(verb, SLICE("cut")))
		play->chunk = (size_t)number_of(rest);
	else
		return false;
	return true;
}

static bool speak(struct task *task, struct play *play, struct slice verb, struct slice rest)
{
	if (slice_is(verb, SLICE("client")))
		connect_client(task, play, rest, false);
	else if (slice_is(verb, SLICE("others")))
		connect_others(task, play, rest);
	else if (slice_is(verb, SLICE("early")))
		connect_client(task, play, rest, true);
	else if (slice_is(verb, SLICE(">")))
		send_bytes(task, play, arena_format(play->arena, "%.*s\r\n", SLICE_ARGS(rest)));
	else if (slice_is(verb, SLICE(">>")))
		send_bytes(task, play, unescape(rest, play->arena));
	else if (slice_is(verb, SLICE("many")))
		send_many(task, play, rest);
	else if (slice_is(verb, SLICE("fill")))
		fill(task, play, rest);
	else if (slice_is(verb, SLICE("handshake")))
		shake_hands(task, play, rest);
	else
		return false;
	return true;
}

static bool look(struct task *task, struct play *play, struct slice verb, struct slice rest)
{
	if (slice_is(verb, SLICE("<")))
		expect_line(task, play, rest, false);
	else if (slice_is(verb, SLICE("<+")))
		expect_line(task, play, rest, true);
	else if (slice_is(verb, SLICE("closed")))
		expect_closed(task, play);
	else if (slice_is(verb, SLICE("trace")))
		expect_trace(play, rest);
	else if (slice_is(verb, SLICE("earlier")))
		expect_earlier(play, rest);
	else if (slice_is(verb, SLICE("refused")))
		expect_refused(play, rest);
	else if (slice_is(verb, SLICE("silent")))
		expect_silence(play);
	else if (slice_is(verb, SLICE("kept")))
		expect_kept(play, rest);
	else if (slice_is(verb, SLICE("body")))
		expect_body(play, rest);
	else if (slice_is(verb, SLICE("envelope")))
		expect_envelope(play, rest);
	else if (slice_is(verb, SLICE("received")))
		expect_received(play, rest);
	else
		return false;
	return true;
}

static bool happen(struct task *task, struct play *play, struct slice verb, struct slice rest,
	struct slice block)
{
	if (slice_is(verb, SLICE("clock")))
		pass_time(task, play, rest);
	else if (slice_is(verb, SLICE("memory")))
		play->house->edge.memory_most = number_of(rest);
	else if (slice_is(verb, SLICE("listener")))
		play->house->service = arena_slice(play->house->arena, rest);
	else if (slice_is(verb, SLICE("encrypted")))
		play->house->encrypted = rest.len == 0;
	else if (slice_is(verb, SLICE("certificate")))
		take_certificate(play, rest);
	else if (slice_is(verb, SLICE("keys")))
		play->keys->away = slice_is(rest, SLICE("away"));
	else if (slice_is(verb, SLICE("counters")))
		house_counters(play->house);
	else if (slice_is(verb, SLICE("accounts")))
		house_accounts(play->house, unindent(block, play->arena));
	else if (slice_is(verb, SLICE("next-hop")))
		house_next_hop(play->house, unindent(block, play->arena));
	else if (slice_is(verb, SLICE("flush")))
		play->house->flush_fails = true;
	else if (slice_is(verb, SLICE("dns")))
		play->house->edge.dns =
			dns_fake_new(play->house->arena, unindent(block, play->arena));
	else if (slice_is(verb, SLICE("reload")))
		edge_use_policy(&play->house->edge, house_policy(unindent(block, play->arena)));
	else if (slice_is(verb, SLICE("stop")))
		stop_edge(play, rest);
	else
		return false;
	return true;
}

static void play_run(struct task *task, void *arg)
{
	struct play *play = arg;
	struct slice step, block;

	while (!play->failures && next_step(play, &step, &block)) {
		struct slice verb = slice_cut(&step, ' ');
		if (!speak(task, play, verb, step) && !look(task, play, verb, step) &&
			!happen(task, play, verb, step, block))
			fail_step(play, "what is %.*s?", SLICE_ARGS(verb));
	}
	others_go(play);
	hang_up(play);
}

/* Set-up first, outside the loop, for it makes the loop. */
static void play_set_up(struct play *play)
{
	struct slice step, block, before = play->left;
	unsigned line = play->line;

	while (next_step(play, &step, &block)) {
		struct slice verb = slice_cut(&step, ' ');
		if (!set_up(play, verb, step, block))
			break;
		before = play->left;
		line = play->line;
	}
	play->left = before;
	play->line = line;
	open_house(play);
}

static unsigned play_file(const char *file, struct slice script, size_t chunk)
{
	struct play play = {.file = file,
		.left = script,
		.arena = arena_new(),
		.chunk = chunk,
		.said = TEXT_GROWING};

	play_set_up(&play);
	panic_if(!task_start(play.house->loop, "play", play_run, &play), "no memory for a task");
	loop_run(play.house->loop);
	house_close(play.house);
	tls_end_all(&play);
	policy_unref(play.policy);
	text_free(&play.said);
	arena_free(play.arena);
	return play.failures;
}

/* ---- the files ---- */

static char *scenarios[FILES_MOST];
static char *names[FILES_MOST];
static size_t scenario_count;

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t room = 1 << 20;
	char *text = calloc(1, room);

	panic_if(!file || !text, "%s cannot be read", path);
	size_t got = fread(text, 1, room - 1, file);
	text[got] = '\0';
	fclose(file);
	return text;
}

static void scenarios_load(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);

	panic_if(count < 0 || count > FILES_MOST, "no scenarios in %s", folder);
	for (int i = 0; i < count; i++) {
		if (slice_ends_nocase(slice_of(entries[i]->d_name), SLICE(".txt"))) {
			panic_if(asprintf(&names[scenario_count], "%s/%s", folder,
					 entries[i]->d_name) < 0,
				"no memory for a name");
			scenarios[scenario_count] = file_read(names[scenario_count]);
			scenario_count++;
		}
		free(entries[i]);
	}
	free(entries);
}

static unsigned play_all(size_t chunk)
{
	unsigned failures = 0;

	assert_true(scenario_count > 0);
	for (size_t i = 0; i < scenario_count; i++)
		failures += play_file(names[i], slice_of(scenarios[i]), chunk);
	return failures;
}

static void test_every_session_goes_as_its_transcript_says(void **state)
{
	(void)state;
	assert_int_equal(play_all(0), 0);
}

static void test_it_goes_the_same_when_it_comes_octet_by_octet(void **state)
{
	(void)state;
	assert_int_equal(play_all(1), 0);
	assert_int_equal(play_all(7), 0);
}

static void test_every_reason_we_utter_is_asserted_with_its_trace(void **state)
{
	(void)state;
	assert_int_equal(asserted_reasons_missing(&asserted), 0);
}

static void test_every_atom_is_asserted_with_its_trace(void **state)
{
	(void)state;
	assert_int_equal(asserted_atoms_missing(&asserted), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_session_goes_as_its_transcript_says),
		cmocka_unit_test(test_it_goes_the_same_when_it_comes_octet_by_octet),
		cmocka_unit_test(test_every_reason_we_utter_is_asserted_with_its_trace),
		cmocka_unit_test(test_every_atom_is_asserted_with_its_trace),
	};

	scenarios_load(argc > 1 ? argv[1] : "smtpin/scenarios");
	if (argc > 1 && chdir(argv[1]) != 0) /* the files that policies name are there */
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < scenario_count; i++) {
		free(scenarios[i]);
		free(names[i]);
	}
	return failed;
}
