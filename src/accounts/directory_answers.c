/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about accounts, answered from the store. Read directory.h and packets/signin.h first.
 */
#include <string.h>

#include "accounts/directory_inside.h"
#include "accounts/leasing.h"
#include "base/panic.h"

enum { BECAUSE_MAX = 300, TEXT_MAX = 1000 };

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
