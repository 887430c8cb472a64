/* SPDX-License-Identifier: Apache-2.0 */
/* An accounts for tests. The contract is in fake.h. */
#include "account/fake.h"

#include <string.h>

#include "base/panic.h"
#include "sasl/sasl.h"

enum {
	LEASES_MOST_HERE = 8,
	ACCOUNTS_MOST = 64,
	TEXTS_MOST = 16,
	EXCHANGES_KEPT = 64,
	BODY = 4092
};

struct fake_account {
	struct slice login, password, token, certificate;
	struct slice groups[TEXTS_MOST], owns[TEXTS_MOST], limits[TEXTS_MOST];
	size_t group_count, own_count, limit_count;
	bool disabled;
};
/* Of leases: young whenever it is. */
static const wall_ns far_ahead = 4102444800 * NS_PER_S;

struct fake_exchange {
	uint32_t request;
	struct sasl_server *server; /* NULL: a free place */
	struct slice certificate;
};
struct accounts_fake {
	struct asker *asker;
	struct arena *arena;
	struct fake_account accounts[ACCOUNTS_MOST];
	size_t count;
	struct slice lease_addresses[LEASES_MOST_HERE], lease_accounts[LEASES_MOST_HERE];
	struct slice leased[LEASES_MOST_HERE]; /* of the last answer */
	size_t lease_count;
	bool away, busy, locked, silent, untold;
	struct fake_exchange exchanges[EXCHANGES_KEPT];
};

/* ---- the text ---- */

static size_t list_read(struct slice s, struct slice *texts)
{
	size_t count = 0;

	while (s.len) {
		panic_if(count == TEXTS_MOST, "too many texts for a test");
		texts[count++] = slice_cut(&s, ',');
	}
	return count;
}

/* A blank would end the word: 500-recipients-per-day. */
static struct slice spaced(struct slice value)
{
	char *at = (char *)(uintptr_t)value.at; /* the fake's own copy of the text */

	for (size_t i = 0; i < value.len; i++)
		at[i] = (char)(at[i] == '-' ? ' ' : at[i]);
	return value;
}

static void member_read(struct fake_account *account, struct slice word)
{
	struct slice value = word, name = slice_cut(&value, '=');

	if (slice_is(name, SLICE("password")))
		account->password = value;
	else if (slice_is(name, SLICE("token")))
		account->token = value;
	else if (slice_is(name, SLICE("certificate")))
		account->certificate = value;
	else if (slice_is(name, SLICE("groups")))
		account->group_count = list_read(value, account->groups);
	else if (slice_is(name, SLICE("owns")))
		account->own_count = list_read(value, account->owns);
	else if (slice_is(name, SLICE("limits")))
		account->limit_count = list_read(spaced(value), account->limits);
	else if (slice_is(name, SLICE("disabled")))
		account->disabled = true;
	else
		panic("what is %.*s of an account?", SLICE_ARGS(word));
}

static bool outcome_read(struct accounts_fake *fake, struct slice line)
{
	bool *const outcomes[] = {
		&fake->away, &fake->busy, &fake->locked, &fake->silent, &fake->untold};
	static const struct slice names[] = {
		SLICE("away"), SLICE("busy"), SLICE("locked"), SLICE("silent"), SLICE("untold")};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_is(line, names[i])) {
			*outcomes[i] = true;
			return true;
		}
	return false;
}

/* Told as it is read. */
static void shut_read(struct accounts_fake *fake, struct slice line)
{
	struct signin_shut shut = {0};
	char body[64];
	struct writer out = writer_over(body, sizeof body);
	uint64_t seconds = 0;

	line = slice_trim(line);
	struct slice from = slice_cut(&line, ' ');
	bool good = address_parse(from, &shut.client) &&
		    slice_number(slice_trim(line), UINT32_MAX, &seconds);
	panic_if(!good, "who is shut out by %.*s?", SLICE_ARGS(line));
	shut.seconds = (uint32_t)seconds;
	signin_shut_write(&out, &shut);
	asker_receive(fake->asker, SIGNIN_SHUT, writer_slice(&out));
}

static void line_read(struct accounts_fake *fake, struct slice line)
{
	struct slice first = slice_cut(&line, ' ');

	if (outcome_read(fake, first))
		return;
	if (slice_is(first, SLICE("shut"))) {
		shut_read(fake, line);
		return;
	}
	if (slice_is(first, SLICE("lease"))) {
		panic_if(fake->lease_count == LEASES_MOST_HERE, "too many leases for a test");
		line = slice_trim(line);
		fake->lease_addresses[fake->lease_count] = slice_cut(&line, ' ');
		fake->lease_accounts[fake->lease_count++] = slice_trim(line);
		return;
	}
	panic_if(fake->count == ACCOUNTS_MOST, "too many accounts for a test");
	struct fake_account *account = &fake->accounts[fake->count++];
	*account = (struct fake_account){.login = first};
	while (line.len) {
		struct slice word = slice_cut(&line, ' ');
		if (word.len)
			member_read(account, word);
	}
}

static void text_read(struct accounts_fake *fake, struct slice text)
{
	fake->count = 0;
	fake->away = fake->busy = fake->locked = fake->silent = fake->untold = false;
	fake->lease_count = 0;
	text = arena_slice(fake->arena, text);
	while (text.len) {
		struct slice line = slice_trim(slice_cut(&text, '\n'));
		if (line.len && line.at[0] != '#')
			line_read(fake, line);
	}
}

static const struct fake_account *account_find(const struct accounts_fake *fake, struct slice login)
{
	for (size_t i = 0; i < fake->count; i++)
		if (slice_is_nocase(fake->accounts[i].login, login))
			return &fake->accounts[i];
	return NULL;
}

/* ---- saying ---- */

struct said {
	char body[BODY];
	struct writer out;
};

static struct said *said_new(struct accounts_fake *fake)
{
	struct said *said = ARENA_NEW(fake->arena, struct said);

	said->out = writer_over(said->body, sizeof said->body);
	return said;
}

static void say(struct accounts_fake *fake, uint16_t type, const struct said *said)
{
	panic_if(said->out.bad, "an answer that does not fit");
	asker_receive(fake->asker, type, writer_slice(&said->out));
}

static void say_done(struct accounts_fake *fake, uint32_t request, enum signin_outcome outcome,
	struct slice account, struct slice because)
{
	struct said *said = said_new(fake);

	signin_done_write(
		&said->out, &(struct signin_done){request, (uint8_t)outcome, account, because});
	say(fake, SIGNIN_DONE, said);
}

/* ---- signing in ---- */

static struct fake_exchange *exchange_find(struct accounts_fake *fake, uint32_t request)
{
	for (size_t i = 0; i < EXCHANGES_KEPT; i++)
		if (fake->exchanges[i].server && fake->exchanges[i].request == request)
			return &fake->exchanges[i];
	return NULL;
}

static struct fake_exchange *exchange_new(struct accounts_fake *fake)
{
	for (size_t i = 0; i < EXCHANGES_KEPT; i++)
		if (!fake->exchanges[i].server)
			return &fake->exchanges[i];
	panic("too many sign-ins for a test");
}

static void give_keys(
	struct accounts_fake *fake, struct sasl_server *server, struct sasl_step *step)
{
	const struct fake_account *account = account_find(fake, step->login);
	struct scram_keys keys;

	scram_keys_derive(account ? account->password : SLICE("nobody's"),
		SLICE("salt of a test.."), SCRAM_ITERATIONS_MIN, &keys);
	sasl_server_keys(server, &keys, step);
}

static bool has_proved(const struct accounts_fake *fake, const struct fake_exchange *exchange,
	struct sasl_step *step)
{
	const struct fake_account *account = account_find(fake, step->login);

	switch (step->next) {
	case SASL_TEST_PASSWORD: return account && slice_is(account->password, step->password);
	case SASL_TEST_TOKEN: return account && slice_is(account->token, step->token);
	case SASL_TEST_CERTIFICATE:
		return account && account->certificate.len &&
		       slice_is(account->certificate, exchange->certificate);
	case SASL_CHALLENGE:
	case SASL_FIND_ACCOUNT:
	case SASL_DONE:
	case SASL_WRONG:
	case SASL_MALFORMED: break;
	}
	return false;
}

static void finish(
	struct accounts_fake *fake, struct fake_exchange *exchange, const struct sasl_step *step)
{
	const struct fake_account *account = account_find(fake, step->login);
	bool in = step->next == SASL_DONE && account && !account->disabled;
	bool malformed = step->next == SASL_MALFORMED;

	exchange->server = NULL;
	say_done(fake, exchange->request,
		in          ? SIGNED_IN
		: malformed ? SIGNIN_MALFORMED
			    : SIGNIN_WRONG,
		account ? account->login : step->login,
		in                             ? SLICE_NONE
		: account && account->disabled ? SLICE("disabled")
					       : SLICE("wrong"));
}

static void go_on(
	struct accounts_fake *fake, struct fake_exchange *exchange, struct sasl_step *step)
{
	for (;;) {
		if (step->next == SASL_FIND_ACCOUNT) {
			give_keys(fake, exchange->server, step);
		} else if (step->next == SASL_CHALLENGE) {
			struct said *said = said_new(fake);
			signin_challenge_write(&said->out,
				&(struct signin_challenge){exchange->request, step->words});
			say(fake, SIGNIN_CHALLENGE, said);
			return;
		} else if (step->next == SASL_DONE || step->next == SASL_WRONG ||
			   step->next == SASL_MALFORMED) {
			finish(fake, exchange, step);
			return;
		} else {
			sasl_server_verdict(
				exchange->server, has_proved(fake, exchange, step), step);
		}
	}
}

static void take_begin(struct accounts_fake *fake, const struct signin_begin *begin)
{
	struct sasl_setting setting = {.nonce = SLICE("%fake-nonce-of-accounts%")};
	struct fake_exchange *exchange = exchange_new(fake);
	enum sasl_mechanism mechanism;
	struct sasl_step step;

	if (fake->busy || fake->locked)
		say_done(fake, begin->request, fake->busy ? SIGNIN_BUSY : SIGNIN_TOO_MANY,
			SLICE_NONE, SLICE("the test says so"));
	else if (!sasl_find(begin->mechanism, &mechanism))
		say_done(fake, begin->request, SIGNIN_UNKNOWN, SLICE_NONE, SLICE_NONE);
	else {
		exchange->request = begin->request;
		exchange->certificate = arena_slice(fake->arena, begin->certificate);
		exchange->server = sasl_server_new(fake->arena, mechanism, &setting);
		sasl_server_begin(exchange->server, begin->has_initial, begin->initial, &step);
		go_on(fake, exchange, &step);
	}
}

static void take_response(struct accounts_fake *fake, const struct signin_response *response)
{
	struct fake_exchange *exchange = exchange_find(fake, response->request);
	struct sasl_step step;

	panic_if(!exchange, "a response to nothing");
	if (response->cancelled) {
		exchange->server = NULL;
		say_done(fake, response->request, SIGNIN_MALFORMED, SLICE_NONE, SLICE("cancelled"));
		return;
	}
	sasl_server_answer(exchange->server, response->words, &step);
	go_on(fake, exchange, &step);
}

/* ---- questions ---- */

static void texts_write(struct writer *out, const struct slice *texts, size_t count, wall_ns time)
{
	for (size_t i = 0; i < count; i++)
		signin_text_write(out, &(struct signin_text){texts[i], time});
}

static bool owns(const struct fake_account *account, struct slice address)
{
	if (slice_is_nocase(account->login, address))
		return true;
	for (size_t i = 0; i < account->own_count; i++)
		if (slice_is_nocase(account->owns[i], address))
			return true;
	return false;
}

static bool somebody_has(const struct accounts_fake *fake, struct slice address)
{
	for (size_t i = 0; i < fake->count; i++)
		if (owns(&fake->accounts[i], address))
			return true;
	return false;
}

static size_t leases_find(struct accounts_fake *fake, const struct address *client)
{
	struct address address;
	size_t count = 0;

	for (size_t i = 0; i < fake->lease_count; i++)
		if (address_parse(fake->lease_addresses[i], &address) &&
			address_is(&address, client))
			fake->leased[count++] = fake->lease_accounts[i];
	return count;
}

/* Which of its texts, and how many. */
static bool answer_find(struct accounts_fake *fake, const struct signin_ask *ask,
	const struct slice **texts, size_t *count)
{
	const struct fake_account *account = account_find(fake, ask->subject);
	enum signin_question question = (enum signin_question)ask->question;

	*count = 0;
	if (question == ASK_MAILBOX)
		return somebody_has(fake, ask->subject);
	if (question == ASK_LEASES) {
		*texts = fake->leased;
		*count = leases_find(fake, &ask->client);
		return *count > 0;
	}
	if (!account || account->disabled)
		return false;
	*texts = question == ASK_GROUPS  ? account->groups
		 : question == ASK_OWNED ? account->owns
					 : account->limits;
	*count = question == ASK_GROUPS  ? account->group_count
		 : question == ASK_OWNED ? account->own_count
					 : account->limit_count;
	return true;
}

static void take_ask(struct accounts_fake *fake, const struct signin_ask *ask)
{
	struct said *said = said_new(fake);
	char packed[SIGNIN_TEXTS_MAX];
	struct writer out = writer_over(packed, sizeof packed);
	const struct slice *texts = NULL;
	size_t count = 0;
	bool found = !fake->untold && answer_find(fake, ask, &texts, &count);

	texts_write(&out, texts, count, ask->question == ASK_LEASES ? far_ahead : 0);
	signin_answer_write(&said->out, &(struct signin_answer){.request = ask->request,
						.found = (uint8_t)(fake->untold ? ANSWER_CANNOT_TELL
								   : found      ? ANSWER_FOUND
										: ANSWER_NOT_FOUND),
						.count = (uint16_t)count,
						.texts = writer_slice(&out),
						.because = SLICE("the test says so")});
	say(fake, SIGNIN_ANSWER, said);
}

/* ---- the way there ---- */

static bool heard(void *owner, uint16_t type, struct slice body)
{
	struct accounts_fake *fake = owner;
	struct signin_begin begin;
	struct signin_response response;
	struct signin_ask ask;

	if (fake->away)
		return false;
	if (fake->silent)
		return true;
	if (type == SIGNIN_BEGIN && signin_begin_read(body, &begin))
		take_begin(fake, &begin);
	else if (type == SIGNIN_RESPONSE && signin_response_read(body, &response))
		take_response(fake, &response);
	else if (type == SIGNIN_ASK && signin_ask_read(body, &ask))
		take_ask(fake, &ask);
	else
		panic_if(type != SIGNIN_GIVE_UP, "accounts heard %#x", type);
	return true;
}

static void offer(struct accounts_fake *fake)
{
	struct said *said = said_new(fake);

	signin_offered_write(&said->out,
		&(struct signin_offered){SLICE("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN "
					       "OAUTHBEARER XOAUTH2 EXTERNAL")});
	say(fake, SIGNIN_OFFERED, said);
}

struct accounts_fake *accounts_fake_new(struct arena *arena, struct asker *asker, struct slice text)
{
	struct accounts_fake *fake = ARENA_NEW(arena, struct accounts_fake);

	fake->asker = asker;
	fake->arena = arena;
	text_read(fake, text);
	asker_use_way(asker, heard, fake);
	offer(fake);
	return fake;
}

void accounts_fake_change(struct accounts_fake *fake, struct slice text)
{
	struct said *said = said_new(fake);

	text_read(fake, text);
	signin_changed_write(&said->out, &(struct signin_changed){SLICE_NONE});
	say(fake, SIGNIN_CHANGED, said);
}
