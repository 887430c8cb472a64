/* SPDX-License-Identifier: Apache-2.0 */
/* `postern user` and `postern grant`, asked of the running daemon. Read directory.h and
 * account/commands.h first. */
#include "account/commands.h"
#include "accounts/directory_inside.h"
#include "accounts/leasing.h"
#include "base/json.h"

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
