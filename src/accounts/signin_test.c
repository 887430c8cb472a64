/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in, over a real channel: the asker of edges on one end, the exchanges on the other, and a
 * store that the test fills. */
#include "accounts/signin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "account/asker.h"
#include "accounts/accounts.h"
#include "accounts/exchange.h"
#include "base/panic.h"
#include "sasl/sasl.h"

/* crypt(3) of "secret" with few rounds, so that tests are quick. */
#define VERIFIER                                                                                   \
	"$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/"                  \
	"Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/"

struct scene {
	struct loop *loop;
	struct role role;
	struct signin *signin;
	struct signin_peer *peer;
	struct channel *channel;
	struct asker *asker;
	struct store store;
	struct store_kind kind;
	bool away, disabled;
	unsigned found, used;
	/* the client's part */
	struct address client;
	enum sasl_mechanism mechanism;
	const char *login, *password;
	enum signin_outcome outcome;
	char account[64], because[256];
	bool hangs_up;
};

static struct scene *scene; /* the store's questions have no owner */

/* ---- the store ---- */

static enum found fake_find(struct task *task, struct store *store, struct slice login,
	struct arena *arena, struct account *account, struct text *because)
{
	struct scram_keys keys;
	struct text scram = TEXT_GROWING;

	(void)task, (void)store;
	scene->found++;
	if (scene->away) {
		text_put(because, SLICE("the test says so"));
		return CANNOT_TELL;
	}
	if (!slice_is(login, SLICE("alice@example.org")))
		return NOT_FOUND;
	scram_keys_derive(SLICE("secret"), SLICE("some salt for it"), 4096, &keys);
	text_scram_keys(&scram, &keys);
	*account = (struct account){.login = arena_slice(arena, login),
		.verifier = SLICE(VERIFIER),
		.scram = arena_slice(arena, text_slice(&scram)),
		.disabled = scene->disabled};
	text_free(&scram);
	return FOUND;
}

static void fake_used(struct store *store, struct slice login, wall_ns when)
{
	(void)store;
	assert_true(slice_is(login, SLICE("alice@example.org")));
	assert_true(when > 0);
	scene->used++;
}

static void fake_close(struct store *store)
{
	(void)store;
}

/* ---- the scene ---- */

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *of = owner;

	(void)channel, (void)fd;
	assert_true(signin_receive(of->peer, type, body));
}

static void gone(void *owner, struct channel *channel)
{
	(void)owner, (void)channel;
}

static int setup(void **state)
{
	static struct scene the_scene;
	int fds[2];

	scene = *state = &the_scene;
	*scene = (struct scene){.login = "alice@example.org", .password = "secret"};
	scene->loop = loop_open();
	scene->role = (struct role){.loop = scene->loop, .kind = &accounts_role};
	scene->kind = (struct store_kind){.name = "fake",
		.has_verifiers = true,
		.find = fake_find,
		.used = fake_used,
		.close = fake_close};
	scene->store = (struct store){.kind = &scene->kind, .loop = scene->loop, .holders = 1};
	assert_true(address_parse(SLICE("192.0.2.1"), &scene->client));
	scene->signin = signin_open(&scene->role, &(struct signin_hooks){.owner = NULL});
	signin_use(scene->signin, &scene->store, NULL);
	assert_true(channel_pair(fds));
	scene->channel = channel_open(scene->loop, fds[1],
		(struct channel_user){.receive = receive, .gone = gone, .owner = scene});
	scene->peer = signin_peer_open(scene->signin, scene->channel);
	scene->asker = asker_open(scene->loop);
	asker_connect(scene->asker, fds[0]);
	return 0;
}

static void close_run(struct task *task, void *arg)
{
	signin_close(task, arg);
	loop_stop(task_loop(task));
}

static int teardown(void **state)
{
	(void)state;
	signin_peer_close(scene->peer);
	assert_true(task_start(scene->loop, "close", close_run, scene->signin));
	loop_run(scene->loop);
	assert_int_equal(task_count(scene->loop), 0);
	assert_int_equal(scene->store.holders, 1);
	asker_close(scene->asker);
	channel_close(scene->channel);
	loop_close(scene->loop);
	return 0;
}

/* ---- a client ---- */

static void keep_end(struct scene *of, const struct asker_exchange *exchange)
{
	of->outcome = exchange->outcome;
	snprintf(of->account, sizeof of->account, "%.*s", SLICE_ARGS(exchange->account));
	snprintf(of->because, sizeof of->because, "%.*s", SLICE_ARGS(exchange->because));
}

static void sign_in_run(struct task *task, void *arg)
{
	struct scene *of = arg;
	struct arena *arena = arena_new();
	struct sasl_client *client = sasl_client_new(arena, of->mechanism, slice_of(of->login),
		slice_of(of->password), SLICE("nonce-of-a-client"));
	struct signin_begin begin = {
		.client = of->client, .tls = true, .mechanism = sasl_name(of->mechanism)};
	struct asker_exchange exchange;

	begin.has_initial = sasl_client_begin(client, &begin.initial);
	enum exchange at = asker_sign_in(task, of->asker, arena, &begin, &exchange);
	while (at == EXCHANGE_CHALLENGE && !of->hangs_up) {
		struct slice words;
		bool can = sasl_client_answer(client, exchange.words, &words);
		at = asker_respond(task, &exchange, !can, words);
	}
	if (at == EXCHANGE_DONE)
		keep_end(of, &exchange);
	asker_end(&exchange);
	arena_free(arena);
	loop_stop(of->loop);
}

static enum signin_outcome sign_in(struct scene *of)
{
	of->outcome = SIGNIN_OUTCOMES;
	assert_true(task_start(of->loop, "client", sign_in_run, of));
	loop_run(of->loop);
	return of->outcome;
}

static void next_address(struct scene *of)
{
	of->client.bytes[15]++;
}

/* ---- the tests ---- */

static const enum sasl_mechanism mechanisms[] = {SASL_PLAIN, SASL_LOGIN, SASL_SCRAM_SHA_256};

static void right_passwords_sign_in_by_every_mechanism(void **state)
{
	struct scene *of = *state;

	for (size_t i = 0; i < 3; i++) {
		of->mechanism = mechanisms[i];
		assert_int_equal(sign_in(of), SIGNED_IN);
		assert_string_equal(of->account, "alice@example.org");
		assert_string_equal(of->because, "");
		assert_int_equal(of->used, i + 1);
	}
	of->login = "ALICE@Example.ORG"; /* in any spelling */
	of->mechanism = SASL_PLAIN;
	assert_int_equal(sign_in(of), SIGNED_IN);
	assert_string_equal(of->account, "alice@example.org");
}

static void wrong_ones_sound_alike_and_are_told_apart_in_the_log(void **state)
{
	static const struct {
		const char *login, *password;
		bool disabled;
		const char *because;
	} rows[] = {
		{"alice@example.org", "wrong", false, "wrong password"},
		{"nobody@example.org", "secret", false, "there is no such account"},
		{"alice@example.org", "secret", true, "the account is disabled"},
	};
	struct scene *of = *state;

	for (size_t i = 0; i < 9; i++) {
		of->mechanism = mechanisms[i % 3];
		of->login = rows[i / 3].login;
		of->password = rows[i / 3].password;
		of->disabled = rows[i / 3].disabled;
		next_address(of);
		assert_int_equal(sign_in(of), SIGNIN_WRONG);
		assert_string_equal(of->because, rows[i / 3].because);
		assert_string_equal(of->account, rows[i / 3].login);
	}
	assert_int_equal(of->used, 0);
}

static void a_store_that_is_away_is_not_a_wrong_password(void **state)
{
	struct scene *of = *state;

	of->away = true;
	for (size_t i = 0; i < 3; i++) {
		of->mechanism = mechanisms[i];
		assert_int_equal(sign_in(of), SIGNIN_CANNOT_TELL);
		assert_string_equal(of->because, "fake: the test says so");
	}
	for (unsigned i = 0; i < 30; i++) /* and no guess */
		assert_int_equal(sign_in(of), SIGNIN_CANNOT_TELL);
}

static void without_accounts_nobody_can_tell(void **state)
{
	struct scene *of = *state;

	of->mechanism = SASL_PLAIN;
	signin_use(of->signin, NULL, NULL);
	assert_int_equal(sign_in(of), SIGNIN_CANNOT_TELL);
	assert_int_equal(of->signin->offered.len, 0);
	signin_use(of->signin, &of->store, NULL);
	assert_int_equal(sign_in(of), SIGNED_IN);
	assert_true(slice_is(
		asker_offered(of->asker), SLICE("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN")));
}

static void a_store_without_verifiers_offers_no_scram(void **state)
{
	struct scene *of = *state;

	of->kind.has_verifiers = false;
	signin_use(of->signin, &of->store, NULL);
	assert_true(slice_is(of->signin->offered, SLICE("PLAIN LOGIN")));
	of->mechanism = SASL_SCRAM_SHA_256;
	assert_int_equal(sign_in(of), SIGNIN_UNKNOWN);
}

static void begin_plain(struct scene *of, struct signin_begin *begin)
{
	*begin = (struct signin_begin){.request = 1,
		.client = of->client,
		.tls = true,
		.mechanism = SLICE("PLAIN"),
		.has_initial = true,
		.initial = SLICE("\0alice@example.org\0secret")};
}

static void raw_run(struct task *task, void *arg)
{
	struct scene *of = arg;
	struct arena *arena = arena_new();
	struct signin_begin begin;
	struct asker_exchange exchange;

	begin_plain(of, &begin);
	begin.tls = false;
	assert_int_equal(asker_sign_in(task, of->asker, arena, &begin, &exchange), EXCHANGE_DONE);
	assert_int_equal(exchange.outcome, SIGNIN_WEAK);
	begin_plain(of, &begin);
	begin.mechanism = SLICE("CRAM-MD5");
	assert_int_equal(asker_sign_in(task, of->asker, arena, &begin, &exchange), EXCHANGE_DONE);
	assert_int_equal(exchange.outcome, SIGNIN_UNKNOWN);
	begin_plain(of, &begin);
	begin.mechanism = SLICE("SCRAM-SHA-256-PLUS"); /* without a channel to bind */
	assert_int_equal(asker_sign_in(task, of->asker, arena, &begin, &exchange), EXCHANGE_DONE);
	assert_int_equal(exchange.outcome, SIGNIN_UNKNOWN);
	begin_plain(of, &begin);
	begin.initial = SLICE("nonsense");
	assert_int_equal(asker_sign_in(task, of->asker, arena, &begin, &exchange), EXCHANGE_DONE);
	assert_int_equal(exchange.outcome, SIGNIN_MALFORMED);
	asker_end(&exchange);
	arena_free(arena);
	loop_stop(of->loop);
}

static void what_may_not_be_is_named(void **state)
{
	struct scene *of = *state;

	assert_true(task_start(of->loop, "client", raw_run, of));
	loop_run(of->loop);
	assert_int_equal(of->found, 0); /* nobody was looked up for it */
}

static void guesses_of_one_address_end_without_hashing(void **state)
{
	struct scene *of = *state;

	of->mechanism = SASL_PLAIN;
	of->password = "wrong";
	of->signin->delayed_count = DELAYED_MAX; /* no test waits for the delay */
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(sign_in(of), SIGNIN_WRONG);
	unsigned found = of->found;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(sign_in(of), SIGNIN_TOO_MANY);
	assert_int_equal(of->found, found);
	assert_true(strstr(of->because, "guess-address 192.0.2.1 60") != NULL);
	of->password = "secret"; /* also the right one waits */
	assert_int_equal(sign_in(of), SIGNIN_TOO_MANY);
	next_address(of);
	assert_int_equal(sign_in(of), SIGNED_IN);
	of->signin->delayed_count = 0;
}

static void too_many_tests_at_once_are_not_begun(void **state)
{
	struct scene *of = *state;

	of->mechanism = SASL_PLAIN;
	assert_int_equal(sign_in(of), SIGNED_IN); /* and is known from here */
	of->signin->hashing_count = HASHING_MAX;
	assert_int_equal(sign_in(of), SIGNED_IN);
	next_address(of);
	assert_int_equal(sign_in(of), SIGNIN_BUSY);
	of->signin->hashing_count = 2 * HASHING_MAX;
	of->client.bytes[15]--;
	assert_int_equal(sign_in(of), SIGNIN_BUSY);
	of->signin->hashing_count = 0;
}

/* ---- from where nobody is heard ---- */

static void guess_often(struct scene *of)
{
	of->mechanism = SASL_PLAIN;
	of->password = "wrong";
	of->signin->delayed_count = DELAYED_MAX; /* no test waits for the delay */
	for (unsigned i = 0; i < 11; i++)
		(void)sign_in(of);
	of->signin->delayed_count = 0;
}

static bool is_shut(const struct asker *asker, const struct address *client)
{
	mono_ns shut_for = asker_shut_for(asker, client);

	assert_in_range(shut_for, 0, 61 * NS_PER_S);
	return shut_for > 0;
}

static bool status_says(struct signin *signin, const char *what)
{
	struct text json = TEXT_GROWING;

	signin_tell(signin, &json);
	text_char(&json, '\0');
	bool says = strstr(json.at, what) != NULL;
	text_free(&json);
	return says;
}

static void askers_are_told_from_where_nobody_is_heard(void **state)
{
	struct scene *of = *state;
	struct address guesser = of->client;

	guess_often(of);
	assert_int_equal(of->outcome, SIGNIN_TOO_MANY);
	assert_true(is_shut(of->asker, &guesser));
	assert_true(status_says(of->signin, "\"shut\":1,"));
	next_address(of);
	assert_false(is_shut(of->asker, &of->client));
	assert_false(asker_knows(of->asker, &of->client));
	of->password = "secret";
	assert_int_equal(sign_in(of), SIGNED_IN);
	assert_true(asker_knows(of->asker, &of->client));
}

static void where_somebody_has_signed_in_everybody_is_heard(void **state)
{
	struct scene *of = *state;

	of->mechanism = SASL_PLAIN;
	assert_int_equal(sign_in(of), SIGNED_IN);
	of->login = "bob@example.org";
	guess_often(of);
	assert_int_equal(of->outcome, SIGNIN_TOO_MANY);
	assert_false(is_shut(of->asker, &of->client));
}

static void who_comes_to_be_somebodys_home_is_heard_again(void **state)
{
	struct scene *of = *state;

	of->mechanism = SASL_PLAIN;
	signin_shut(of->signin, &of->client, 30 * NS_PER_S);
	of->password = "wrong";
	assert_int_equal(sign_in(of), SIGNIN_WRONG);
	assert_true(is_shut(of->asker, &of->client));
	of->password = "secret";
	assert_int_equal(sign_in(of), SIGNED_IN);
	assert_false(is_shut(of->asker, &of->client));
}

static void an_asker_that_comes_later_is_told_too(void **state)
{
	struct scene *of = *state;
	struct address guesser = of->client;
	int fds[2];

	guess_often(of);
	assert_true(channel_pair(fds));
	struct channel *channel = channel_open(of->loop, fds[1],
		(struct channel_user){.receive = receive, .gone = gone, .owner = of});
	struct signin_peer *peer = signin_peer_open(of->signin, channel);
	struct asker *asker = asker_open(of->loop);
	asker_connect(asker, fds[0]);
	for (unsigned i = 0; i < 100 && !is_shut(asker, &guesser); i++)
		(void)sign_in(of);
	assert_true(is_shut(asker, &guesser));
	signin_peer_close(peer);
	channel_close(channel);
	asker_close(asker);
}

static void a_client_that_hangs_up_leaves_nothing_behind(void **state)
{
	struct scene *of = *state;

	of->mechanism = SASL_SCRAM_SHA_256;
	of->hangs_up = true;
	for (unsigned i = 0; i < 50; i++) {
		sign_in(of);
		assert_int_equal(of->outcome, SIGNIN_OUTCOMES);
	}
	of->hangs_up = false;
	assert_int_equal(sign_in(of), SIGNED_IN);
	for (unsigned i = 0; i < 1000 && of->signin->exchange_count; i++) {
		of->mechanism = SASL_PLAIN;
		sign_in(of);
	}
	assert_int_equal(of->signin->exchange_count, 0);
}

static void accounts_that_dies_is_not_a_wrong_password(void **state)
{
	struct scene *of = *state;
	int fds[2];

	assert_true(channel_pair(fds));
	asker_connect(of->asker, fds[0]); /* to one that is dead already */
	close(fds[1]);
	of->mechanism = SASL_PLAIN;
	assert_int_equal(sign_in(of), SIGNIN_CANNOT_TELL);
	assert_int_equal(sign_in(of), SIGNIN_CANNOT_TELL);
	assert_false(asker_is_there(of->asker));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(right_passwords_sign_in_by_every_mechanism),
		TEST(wrong_ones_sound_alike_and_are_told_apart_in_the_log),
		TEST(a_store_that_is_away_is_not_a_wrong_password),
		TEST(without_accounts_nobody_can_tell),
		TEST(a_store_without_verifiers_offers_no_scram),
		TEST(what_may_not_be_is_named),
		TEST(guesses_of_one_address_end_without_hashing),
		TEST(too_many_tests_at_once_are_not_begun),
		TEST(askers_are_told_from_where_nobody_is_heard),
		TEST(where_somebody_has_signed_in_everybody_is_heard),
		TEST(who_comes_to_be_somebodys_home_is_heard_again),
		TEST(an_asker_that_comes_later_is_told_too),
		TEST(a_client_that_hangs_up_leaves_nothing_behind),
		TEST(accounts_that_dies_is_not_a_wrong_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
