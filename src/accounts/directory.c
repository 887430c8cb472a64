/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about accounts, answered from the store. Read directory.h and packets/signin.h first.
 */
#include "accounts/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account/commands.h"
#include "accounts/kept.h"
#include "accounts/leasing.h"
#include "base/json.h"
#include "base/panic.h"
#include "role/shortage.h"
#include "run/random.h"

enum { BECAUSE_MAX = 300, TEXT_MAX = 1000 };

struct directory {
	struct role *role;
	struct offload *pool;
	struct store *store, *prepared; /* NULL: none */
	char *name, *prepared_name;     /* what the configuration says of it, to see a change */
	bool has_prepared;
	struct kept_answers *kept;
	struct leasing *leasing; /* NULL: none are kept */
	struct list peers;
	uint64_t last_peer;
	unsigned under_way;
	uint64_t changes; /* answers of before a change are not kept */
	uint64_t asked, busy;
	struct gate idle;
};

struct directory_peer {
	struct list link;
	struct directory *directory;
	struct channel *channel;
	uint64_t id;
};

/* One question, in the arena of its task. */
struct asked {
	struct directory *directory;
	uint64_t peer, changes;
	struct arena *arena;
	struct store *store;
	struct signin_ask ask;
	enum signin_found found;
	const struct slice *texts;
	const wall_ns *times; /* beside texts; NULL: none */
	size_t count;
	struct text because;
};

/* ---- the store ---- */

/* Whatever of the configuration changes it. */
static char *name_of(const struct settings *settings)
{
	char *name = NULL;
	int made = asprintf(&name, "%.*s %.*s %.*s %.*s %.*s", SLICE_ARGS(settings->accounts_kind),
		SLICE_ARGS(settings->accounts_where), SLICE_ARGS(settings->accounts_domain),
		SLICE_ARGS(settings->accounts_bind), SLICE_ARGS(settings->accounts_password_file));

	panic_if(made < 0, "no memory for a name");
	return name;
}

static void prepared_drop(struct directory *directory)
{
	stores_release(directory->prepared);
	free(directory->prepared_name);
	directory->prepared = NULL;
	directory->prepared_name = NULL;
	directory->has_prepared = false;
}

bool directory_prepare(struct directory *directory, const struct policy *policy, struct text *why)
{
	const struct settings *settings = policy_settings(policy);

	prepared_drop(directory);
	if (settings->accounts_kind.len) {
		directory->prepared_name = name_of(settings);
		if (directory->store && strcmp(directory->name, directory->prepared_name) == 0) {
			stores_hold(directory->store);
			directory->prepared = directory->store;
		} else {
			directory->prepared =
				stores_open(directory->role->loop, directory->pool, settings, why);
			if (!directory->prepared)
				return false;
		}
	}
	directory->has_prepared = true;
	return true;
}

void directory_switch_over(struct directory *directory)
{
	bool other = directory->store != directory->prepared;

	if (!directory->has_prepared)
		return;
	stores_release(directory->store);
	free(directory->name);
	directory->store = directory->prepared;
	directory->name = directory->prepared_name;
	directory->prepared = NULL;
	directory->prepared_name = NULL;
	directory->has_prepared = false;
	if (other)
		directory_changed(directory, SLICE_NONE);
}

struct store *directory_store(struct directory *directory)
{
	return directory->store;
}

/* ---- answers ---- */

static struct directory_peer *peer_find(struct directory *directory, uint64_t id)
{
	LIST_EACH (struct directory_peer, peer, &directory->peers, link)
		if (peer->id == id)
			return peer;
	return NULL;
}

/* The channel is full: the asker's patience ends, and it cannot tell. */
static bool send_piece(struct directory_peer *peer, const struct signin_answer *answer)
{
	char body[CHANNEL_BODY_MAX];
	struct writer out = writer_over(body, sizeof body);

	signin_answer_write(&out, answer);
	panic_if(out.bad, "an answer of %zu octets", answer->texts.len);
	return channel_send(peer->channel, SIGNIN_ANSWER, writer_slice(&out), -1) == SENT;
}

/* Takes as many texts off the front of *left as one packet holds. */
static struct slice piece_take(struct slice *left, uint16_t *count)
{
	struct slice whole = *left;
	struct reader in = reader_of(whole);
	struct signin_text text;
	size_t len = 0;

	*count = 0;
	while (in.left.len && signin_text_read(&in, &text)) {
		if (whole.len - in.left.len > SIGNIN_TEXTS_MAX)
			break;
		len = whole.len - in.left.len;
		++*count;
	}
	*left = slice_from(whole, len);
	return slice_part(whole, 0, len);
}

static void send_answer(
	struct directory_peer *peer, uint32_t request, const struct kept_answer *answer)
{
	struct slice left = answer->texts;
	bool more = true, sent = true;

	while (more && sent) {
		struct signin_answer piece = {.request = request,
			.found = (uint8_t)answer->found,
			.because = answer->because};
		piece.texts = piece_take(&left, &piece.count);
		more = piece.more = left.len > 0;
		sent = send_piece(peer, &piece);
	}
}

static struct slice pack(const struct asked *asked, uint16_t *count)
{
	size_t size = 0;

	for (size_t i = 0; i < asked->count; i++)
		size += asked->texts[i].len + 10;
	struct writer out = writer_over(arena_alloc(asked->arena, size + 1), size);
	*count = 0;
	for (size_t i = 0; i < asked->count && *count < UINT16_MAX; i++) {
		if (asked->texts[i].len > TEXT_MAX)
			continue;
		signin_text_write(&out,
			&(struct signin_text){asked->texts[i], asked->times ? asked->times[i] : 0});
		++*count;
	}
	panic_if(out.bad, "an answer outgrew itself");
	return writer_slice(&out);
}

static void answer(struct asked *asked)
{
	struct directory *directory = asked->directory;
	struct directory_peer *peer = peer_find(directory, asked->peer);
	struct kept_answer whole = {.found = asked->found, .because = text_slice(&asked->because)};
	mono_ns now = loop_mono(directory->role->loop);

	whole.texts = pack(asked, &whole.count);
	if (peer)
		send_answer(peer, asked->ask.request, &whole);
	if (asked->changes == directory->changes && asked->ask.question != ASK_LEASES)
		known_put(directory->kept, (enum signin_question)asked->ask.question,
			asked->ask.subject,
			now + (asked->found == ANSWER_CANNOT_TELL ? NS_PER_S : ANSWERS_KEPT_FOR),
			&whole);
}

/* ---- one question ---- */

static enum signin_found found_of(enum found found)
{
	static const enum signin_found answers[] = {[FOUND] = ANSWER_FOUND,
		[NOT_FOUND] = ANSWER_NOT_FOUND,
		[CANNOT_TELL] = ANSWER_CANNOT_TELL};

	return answers[found];
}

static void own_name_add(struct asked *asked, const struct account *account)
{
	struct slice *texts = ARENA_ARRAY(asked->arena, struct slice, account->owned_count + 1);

	if (account->owned_count)
		memcpy(texts, account->owned, account->owned_count * sizeof *texts);
	asked->texts = texts;
	asked->count = account->owned_count;
	if (slice_has(account->login, '@'))
		texts[asked->count++] = account->login;
}

static void ask_account(struct task *task, struct asked *asked)
{
	struct account account;

	asked->found = found_of(store_find(
		task, asked->store, asked->ask.subject, asked->arena, &account, &asked->because));
	if (asked->found != ANSWER_FOUND)
		return;
	if (asked->ask.question == ASK_STANDS && account.disabled) {
		text_put(&asked->because, SLICE(", disabled"));
		asked->found = ANSWER_NOT_FOUND;
	} else if (asked->ask.question == ASK_STANDS) {
		asked->texts = account.limits;
		asked->count = account.limit_count;
		if (asked->count) { /* the source in traces: the line that names the store */
			text_clear(&asked->because);
			text_format(&asked->because, "accounts %s", asked->store->kind->name);
		}
	} else if (asked->ask.question == ASK_GROUPS) {
		asked->texts = account.groups;
		asked->count = account.group_count;
	} else if (asked->ask.question == ASK_OWNED) {
		own_name_add(asked, &account);
	}
}

static void ask_mailbox(struct task *task, struct asked *asked)
{
	asked->found = found_of(store_mailbox(
		task, asked->store, asked->ask.subject, asked->arena, &asked->because));
}

static void ask_leases(struct task *task, struct asked *asked)
{
	struct leases_told told;

	leasing_ask(task, asked->directory->leasing, asked->store, &asked->ask.client, asked->arena,
		&told, &asked->because);
	asked->found = told.found;
	asked->texts = told.accounts;
	asked->times = told.times;
	asked->count = told.count;
}

static void ask_task(struct task *task, void *arg)
{
	struct asked *asked = arg;
	struct directory *directory = asked->directory;
	struct arena *arena = asked->arena;

	if (asked->ask.question == ASK_MAILBOX)
		ask_mailbox(task, asked);
	else if (asked->ask.question == ASK_LEASES)
		ask_leases(task, asked);
	else
		ask_account(task, asked);
	answer(asked);
	stores_release(asked->store);
	arena_wipe(arena); /* a verifier may lie there; `asked` does too */
	arena_free(arena);
	if (--directory->under_way == 0)
		gate_open(&directory->idle);
}

static bool start(struct directory_peer *peer, const struct signin_ask *ask)
{
	struct directory *directory = peer->directory;
	struct arena *arena = arena_new();
	struct asked *asked = ARENA_NEW(arena, struct asked);

	*asked = (struct asked){.directory = directory,
		.peer = peer->id,
		.changes = directory->changes,
		.arena = arena,
		.store = directory->store,
		.ask = *ask};
	asked->because = (struct text){.at = arena_alloc(arena, BECAUSE_MAX), .size = BECAUSE_MAX};
	asked->ask.subject = arena_slice(arena, ask->subject);
	stores_hold(asked->store);
	if (directory->under_way < ASKED_MOST &&
		task_start(directory->role->loop, "question", ask_task, asked)) {
		directory->under_way++;
		return true;
	}
	stores_release(asked->store);
	arena_free(arena);
	return false;
}

static void refuse(struct directory_peer *peer, uint32_t request, enum signin_found found,
	struct slice because)
{
	send_answer(peer, request, &(struct kept_answer){.found = found, .because = because});
}

/* Most clients hold none, and nobody need wait for a store to hear that. */
static bool has_leases(const struct directory *directory, const struct address *client)
{
	struct lease_view view;

	return directory->leasing && leases_at(directory->leasing->leases, client,
					     loop_mono(directory->role->loop), &view, 1) > 0;
}

static void take(struct directory_peer *peer, const struct signin_ask *ask)
{
	struct directory *directory = peer->directory;
	struct kept_answer kept;

	directory->asked++;
	if (ask->question == ASK_LEASES && !has_leases(directory, &ask->client))
		refuse(peer, ask->request, ANSWER_NOT_FOUND, SLICE("no leases here"));
	else if (!directory->store)
		refuse(peer, ask->request, ANSWER_NOT_FOUND,
			SLICE("the configuration names no accounts"));
	else if (ask->question != ASK_LEASES &&
		 known_find(directory->kept, (enum signin_question)ask->question, ask->subject,
			 loop_mono(directory->role->loop), &kept))
		send_answer(peer, ask->request, &kept);
	else if (!start(peer, ask)) {
		directory->busy++;
		refuse(peer, ask->request, ANSWER_CANNOT_TELL, SLICE("too many questions wait"));
	}
}

bool directory_receive(struct directory_peer *peer, uint16_t type, struct slice body)
{
	struct signin_ask ask;

	if (type != SIGNIN_ASK || !signin_ask_read(body, &ask))
		return false;
	take(peer, &ask);
	return true;
}

/* ---- changes ---- */

/* A peer that does not take it loses patience with its own copies soon enough. */
static void tell_changed(struct directory_peer *peer, struct slice account)
{
	char body[SIGNIN_SUBJECT_MAX + 8];
	struct writer out = writer_over(body, sizeof body);

	signin_changed_write(
		&out, &(struct signin_changed){slice_part(account, 0, SIGNIN_SUBJECT_MAX)});
	if (channel_send(peer->channel, SIGNIN_CHANGED, writer_slice(&out), -1) != SENT)
		return;
}

void directory_lends(struct directory *directory, struct leasing *leasing)
{
	directory->leasing = leasing;
}

/* What the store says is as true as before. */
void directory_lease_ended(struct directory *directory, struct slice account)
{
	LIST_EACH (struct directory_peer, peer, &directory->peers, link)
		tell_changed(peer, account);
}

void directory_changed(struct directory *directory, struct slice account)
{
	directory->changes++;
	known_forget(directory->kept);
	directory_lease_ended(directory, account);
}

struct command {
	const json_t *question;
	wall_ns now;
	struct text *out;
	struct arena *arena;
	struct slice changed;
};

static void run_command(void *arg, struct database *database, struct slice why)
{
	struct command *command = arg;

	if (database)
		user_command(database, command->question, command->now, command->arena,
			command->out, &command->changed);
	else
		user_failed(command->out, why);
}

static void run_file(void *arg, const struct users_file *users)
{
	struct command *command = arg;

	user_command_file(users, command->question, command->arena, command->out);
}

/* One account, or whether somebody has an address: of stores that cannot be listed too. */
static void look(struct task *task, struct store *store, struct command *command)
{
	const char *login = json_string_value(json_object_get(command->question, "login"));
	const char *address = json_string_value(json_object_get(command->question, "address"));
	struct text because = TEXT_GROWING;
	struct account account;

	enum found found =
		login ? store_find(task, store, slice_of(login), command->arena, &account, &because)
		      : store_mailbox(task, store, slice_of(address), command->arena, &because);
	if (found == CANNOT_TELL) {
		user_failed(command->out, text_slice(&because));
	} else if (found == FOUND && login) {
		text_account(command->out, &account, 0);
	} else {
		json_put_truth(command->out, SLICE("{\"found\":"), found == FOUND);
		json_put_text(command->out, SLICE(",\"because\":"), text_slice(&because));
		text_put(command->out, SLICE("}\n"));
	}
	text_free(&because);
}

static void carry_out(struct task *task, struct store *store, struct command *command)
{
	if (user_is_look(command->question))
		look(task, store, command);
	else if (store_sqlite_do(task, store, run_command, command) != STATUS_OK &&
		 store_file_do(task, store, run_file, command) != STATUS_OK)
		user_failed_elsewhere(command->out, slice_of(store->kind->name));
}

/* Which store the daemon has may have changed while we waited: the one that was asked counts. */
void directory_user(
	struct task *task, struct directory *directory, const json_t *question, struct text *out)
{
	struct store *store = directory->store;
	struct command command = {.question = question,
		.now = loop_wall(directory->role->loop),
		.out = out,
		.arena = arena_new()};

	if (!store) {
		user_failed(out, SLICE("the running configuration names no accounts"));
	} else {
		directory->under_way++;
		stores_hold(store);
		carry_out(task, store, &command);
		stores_release(store);
		if (command.changed.len)
			directory_changed(directory, command.changed);
		if (--directory->under_way == 0)
			gate_open(&directory->idle);
	}
	arena_wipe(command.arena);
	arena_free(command.arena);
}

void directory_grant(
	struct task *task, struct directory *directory, const json_t *question, struct text *out)
{
	directory->under_way++;
	leasing_command(task, directory->leasing, directory->store, question, out);
	if (--directory->under_way == 0)
		gate_open(&directory->idle);
}

/* ---- status ---- */

void directory_tell(const struct directory *directory, struct text *out)
{
	const struct store *store = directory->store;

	text_put(out, SLICE("{\"store\":"));
	if (store)
		text_json(out, slice_of(store->kind->name));
	else
		text_put(out, SLICE("null"));
	json_put_number(out, SLICE(",\"questions\":"), directory->asked);
	json_put_number(out, SLICE(",\"kept\":"), known_count(directory->kept));
	json_put_number(out, SLICE(",\"busy\":"), directory->busy);
	if (store) {
		json_put_number(out, SLICE(",\"asked\":"), store->asked);
		json_put_number(out, SLICE(",\"cannot_tell\":"), store->untold);
		json_put_truth(out, SLICE(",\"away\":"), store->is_away);
		if (store->untold_at)
			json_put_time(out, SLICE(",\"cannot_tell_at\":"), store->untold_at);
		json_put_known(out, SLICE(",\"why\":"), slice_of(store->words));
		json_put_known(out, SLICE(",\"trouble\":"), slice_of(store->trouble));
	}
	text_char(out, '}');
}

/* ---- its life ---- */

struct directory *directory_open(struct role *role)
{
	struct directory *directory = calloc(1, sizeof *directory);

	panic_if(!directory, "no memory for the directory");
	directory->role = role;
	directory->pool = offload_open(role->loop, STORE_THREADS);
	if (!directory->pool) {
		role_is_short(role, "threads for the store of accounts", errno);
		free(directory);
		return NULL;
	}
	directory->kept = known_new(random_u64(), ANSWERS_KEPT_MOST);
	list_init(&directory->peers);
	gate_init(&directory->idle);
	return directory;
}

void directory_close(struct task *task, struct directory *directory)
{
	panic_if(!list_is_empty(&directory->peers), "the directory closed before its peers");
	while (directory->under_way > 0)
		if (gate_wait(task, &directory->idle, "questions of accounts") != WAIT_READY)
			break;
	/* Others (sign-ins, the last use being written) hold it in threads of this pool. */
	while (directory->store && directory->store->holders > 1)
		if (task_sleep(task, NS_PER_MS) != WAIT_READY)
			break;
	prepared_drop(directory);
	stores_release(directory->store);
	offload_close(directory->pool);
	known_free(directory->kept);
	free(directory->name);
	free(directory);
}

struct directory_peer *directory_peer_open(struct directory *directory, struct channel *channel)
{
	struct directory_peer *peer = calloc(1, sizeof *peer);

	panic_if(!peer, "no memory for a peer");
	*peer = (struct directory_peer){
		.directory = directory, .channel = channel, .id = ++directory->last_peer};
	list_append(&directory->peers, &peer->link);
	return peer;
}

void directory_peer_close(struct directory_peer *peer)
{
	if (!peer)
		return;
	list_remove(&peer->link);
	free(peer);
}
