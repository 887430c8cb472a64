/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the journal for a client, and following it. The files are read on a thread. */
#include "control/question.h"
#include "control/state.h"

enum { BYTES_MOST = 32 << 20, WAITING_MOST = 1 << 20 };

/* ---- the past ---- */

struct reading {
	int folder;
	const struct log_question *question;
	struct text lines; /* newest first */
	uint64_t count;
	bool cut;
	enum status status;
};

static bool reading_see(void *owner, const struct journal_line *line)
{
	struct reading *reading = owner;

	if (reading->count == reading->question->limit || reading->lines.len > BYTES_MOST) {
		reading->cut = true;
		return false;
	}
	text_put(&reading->lines, line->raw);
	text_char(&reading->lines, '\n');
	reading->count++;
	return true;
}

static void reading_run(void *arg)
{
	struct reading *reading = arg;
	struct journal_counts counts;

	reading->status = journal_read(
		reading->folder, &reading->question->query, reading_see, reading, &counts);
}

/* The newest lines were asked for; they are shown in the order of time. */
static void put_reversed(struct text *out, struct slice lines)
{
	while (lines.len) {
		struct slice before = slice_part(lines, 0, lines.len - 1);
		size_t end = slice_find_last(before, '\n');
		size_t from = end == SIZE_MAX ? 0 : end + 1;
		text_put(out, slice_from(lines, from));
		lines = slice_part(lines, 0, from);
	}
}

static bool show_past(struct task *task, struct control *control,
	const struct log_question *question, struct text *out)
{
	struct reading reading = {
		.folder = control->journal_folder, .question = question, .lines = TEXT_GROWING};

	if (control->journal && journal_files_flush(control->journal,
					loop_wall(control->role->loop)) == STATUS_FAILED)
		role_log(control->role, LEVEL_WARN, "journal", "the journal cannot be written: %m");
	offload_run(task, control->pool, reading_run, &reading);
	if (reading.status == STATUS_OK) {
		if (reading.cut)
			text_put(out, SLICE("{\"cut\":true}\n"));
		put_reversed(out, text_slice(&reading.lines));
	} else {
		text_put(out, SLICE("the journal cannot be read"));
	}
	text_free(&reading.lines);
	return reading.status == STATUS_OK;
}

/* ---- the present ---- */

static bool follower_wants(const struct follower *follower, struct slice line)
{
	struct arena *arena = arena_new();
	struct journal_line read;
	bool wants = journal_line_read(line, arena, &read) &&
		     journal_query_matches(follower->query, &read);

	arena_free(arena);
	return wants;
}

void control_tell_followers(struct control *control, struct slice line)
{
	LIST_EACH (struct follower, follower, &control->followers, link) {
		if (!follower_wants(follower, line))
			continue;
		if (follower->lines.len + line.len > WAITING_MOST) {
			follower->missed++;
			continue;
		}
		text_put(&follower->lines, line);
		text_char(&follower->lines, '\n');
		gate_open(&follower->more);
	}
}

/* Until the client goes; a client that reads too slowly is told how many lines it missed. */
static void follow(struct task *task, struct control *control, struct control_session *session,
	const struct journal_query *query)
{
	struct follower follower = {.query = query, .lines = TEXT_GROWING};
	struct text out = TEXT_GROWING;
	bool there = true;

	gate_init(&follower.more);
	list_append(&control->followers, &follower.link);
	while (there && gate_wait(task, &follower.more, "a line of the journal") == WAIT_READY) {
		text_put(&out, text_slice(&follower.lines));
		text_clear(&follower.lines);
		if (follower.missed)
			text_format(
				&out, "{\"missed\":%llu}\n", (unsigned long long)follower.missed);
		follower.missed = 0;
		there = control_send(task, session, &out);
	}
	list_remove(&follower.link);
	text_free(&follower.lines);
	text_free(&out);
}

bool control_log(struct task *task, struct control *control, struct control_session *session,
	const json_t *object, struct text *out)
{
	struct log_question question;

	if (!log_question_read(object, &question, out))
		return false;
	if (!question.follow)
		return show_past(task, control, &question, out);
	follow(task, control, session, &question.query);
	return true;
}
