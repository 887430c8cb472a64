/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a queued message takes in memory, in the store's index and in the queue together: counted by
 * both, so that neither a loaded machine nor a sanitizer changes it. doc/torture.md, "A full
 * queue", has the figures of a million.
 */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/testing.h"
#include "queue/schedule.h"
#include "spool/bench_fill.h"

struct scene {
	char path[256];
	int folder;
	struct store *store;
	struct schedule *schedule;
	struct moment now;
};

static void ignore_damage(void *owner, struct slice words)
{
	(void)owner;
	fail_msg("%.*s", SLICE_ARGS(words));
}

static void found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	struct scene *scene = owner;

	schedule_found(scene->schedule, stored, message, recipients, scene->now);
}

static void start(struct scene *scene)
{
	struct store_events events = {.found = found, .damage = ignore_damage, .owner = scene};
	struct store_scale scale = {.segment = 2 << 20, .reserve = 64 << 10, .free = 1};
	struct text why = TEXT_GROWING;

	scene->schedule = schedule_open(NULL, (struct schedule_user){.owner = NULL}, 1);
	assert_int_equal(
		store_open_scaled(disk_real(), scene->folder, events, &scale, &why, &scene->store),
		STORE_OPEN);
	text_free(&why);
}

static void stop(struct scene *scene)
{
	store_close(scene->store);
	schedule_close(scene->schedule);
}

static int remove_one(const char *path, const struct stat *what, int kind, struct FTW *place)
{
	(void)what, (void)kind, (void)place;
	return remove(path);
}

static size_t counted(const struct scene *scene)
{
	return store_memory(scene->store) + schedule_memory(scene->schedule);
}

/* As after a start with so much of it, less what an empty one takes. */
static size_t bytes_of(const struct bench_mail *mail)
{
	struct scene scene = {.now = {NS_PER_S, NS_PER_S}};

	assert_non_null(testing_folder(scene.path, sizeof scene.path, "queue-bytes"));
	scene.folder = open(scene.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(scene.folder >= 0);
	start(&scene);
	size_t empty = counted(&scene);
	(void)bench_fill(scene.store, mail);
	size_t live = counted(&scene) - empty;
	stop(&scene);
	start(&scene);
	assert_int_equal(items_count(scene.schedule->items), mail->messages);
	size_t bytes = counted(&scene) - empty;
	stop(&scene);
	close(scene.folder);
	assert_int_equal(nftw(scene.path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	print_message("%zu bytes a message, %zu after a start\n", live / mail->messages,
		bytes / mail->messages);
	return live > bytes ? live : bytes;
}

static void a_message_with_one_recipient_takes_at_most_260_bytes(void **state)
{
	const struct bench_mail mail = {20000, 1, 100};

	(void)state;
	assert_true(bytes_of(&mail) <= 260 * mail.messages);
}

static void each_of_ten_recipients_takes_at_most_100_bytes(void **state)
{
	const struct bench_mail mail = {2000, 10, 100};

	(void)state;
	assert_true(bytes_of(&mail) <= 10 * 100 * mail.messages);
}

/* Nothing of it stays when it has left: a queue that was long once is as small as before. */
static void what_has_left_takes_nothing(void **state)
{
	struct items *items = items_new(1);
	struct envelope_recipient recipient = {.address = SLICE("somebody@example.org")};
	struct message message = {.envelope = {.sender = SLICE("sender@example.net"),
					  .recipients = &recipient,
					  .recipient_count = 1}};
	size_t empty = items_memory(items);

	(void)state;
	for (uint64_t id = 1; id <= 20000; id++) {
		struct stored_recipient known = {.done = false};
		(void)item_new(items, &(struct stored){.id = id}, &message, &known, 0,
			(struct moment){0, 0});
	}
	size_t full = items_memory(items);
	for (uint64_t id = 1; id <= 20000; id++)
		item_free(items, items_find(items, id));
	assert_true(full > 20000 * sizeof(struct item));
	assert_true(items_memory(items) < empty + full / 10);
	assert_int_equal(items_count(items), 0);
	items_free(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_with_one_recipient_takes_at_most_260_bytes),
		cmocka_unit_test(each_of_ten_recipients_takes_at_most_100_bytes),
		cmocka_unit_test(what_has_left_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
