/* SPDX-License-Identifier: Apache-2.0 */
/* postern audit: whether everything that was acknowledged is accounted for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"
#include "cmd/cli.h"
#include "cmd/progress.h"
#include "diagnose/audit.h"

/* Mail moves while it is audited: what neither the journal nor the queue knew of is looked for
 * again when the journal has had time to write what it gathers in a second. */
enum { LOOKS = 4, LEFT_AT_ONCE = 20000, MISSING_SHOWN = 50 };

struct auditing {
	const struct cli *cli;
	struct policy *policy;
	struct audit *audit;
	struct audit_counts counts;
	uint64_t damaged; /* lines of the journal */
	int folder;
	bool queue_answered;
	uint64_t left, last; /* messages the queue named at once, and the last of them */
	struct text words;   /* why the queue could not be asked */
	struct progress progress;
	uint64_t total, seen; /* bytes of the journal */
};

static wall_ns wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- the journal ---- */

static bool see_line(void *owner, const struct journal_line *line)
{
	struct auditing *auditing = owner;

	auditing->seen += line->raw.len + 1;
	progress_show(&auditing->progress, auditing->seen, auditing->total);
	audit_line(auditing->audit, line);
	return true;
}

static enum status read_journal(struct auditing *auditing, wall_ns since)
{
	struct journal_query query = {.since = since};
	struct journal_counts counts;

	auditing->seen = 0;
	auditing->total = journal_bytes(auditing->folder, since);
	enum status status = journal_read(auditing->folder, &query, see_line, auditing, &counts);
	progress_end(&auditing->progress);
	auditing->damaged += counts.damaged;
	return status;
}

/* ---- the queue ---- */

static void see_left(void *owner, json_t *line)
{
	struct auditing *auditing = owner;
	const json_t *left = json_object_get(line, "left");
	uint64_t id;

	if (!id_parse(slice_of(json_string_value(json_object_get(line, "id"))), &id))
		return;
	auditing->left++;
	auditing->last = id;
	for (size_t i = 0; i < json_array_size(left); i++)
		audit_queued(
			auditing->audit, id, slice_of(json_string_value(json_array_get(left, i))));
}

static bool ask_piece(struct auditing *auditing)
{
	char room[ID_TEXT_LEN + 1];
	struct text after = TEXT_FIXED(room);

	text_id(&after, auditing->last);
	json_t *question = json_pack("{s:s,s:s%,s:i}", "ask", "queue-left", "after", room,
		after.len, "limit", (int)LEFT_AT_ONCE);
	auditing->left = 0;
	text_clear(&auditing->words);
	return daemon_ask(auditing->policy, question, see_left, auditing, &auditing->words) ==
	       ASKED;
}

static void ask_queue(struct auditing *auditing)
{
	auditing->last = 0;
	do
		auditing->queue_answered = ask_piece(auditing);
	while (auditing->queue_answered && auditing->left == LEFT_AT_ONCE);
}

/* ---- both ---- */

static bool is_settled(struct auditing *auditing)
{
	audit_count(auditing->audit, &auditing->counts);
	return auditing->counts.fates[AUDIT_UNACCOUNTED] == 0 || !auditing->queue_answered;
}

static enum status look(struct auditing *auditing, wall_ns since)
{
	wall_ns from = since > AUDIT_LOOK_BACK ? since - AUDIT_LOOK_BACK : 0;

	for (int looks = 0; looks < LOOKS; looks++) {
		wall_ns now = wall_now();
		if (looks > 0)
			nanosleep(&(struct timespec){1, 200000000}, NULL);
		if (read_journal(auditing, from) != STATUS_OK)
			return STATUS_FAILED;
		from = now - 60 * NS_PER_S;
		audit_unqueue(auditing->audit);
		ask_queue(auditing);
		/* Delivered between the two: the journal says so now. */
		if (!is_settled(auditing) && read_journal(auditing, from) != STATUS_OK)
			return STATUS_FAILED;
		if (is_settled(auditing))
			break;
	}
	return STATUS_OK;
}

/* ---- what is said ---- */

static void put_missing(struct text *out, const struct audit_missing *missing)
{
	text_put(out, SLICE("  "));
	text_id(out, missing->message);
	text_put(out, SLICE("  acknowledged "));
	text_time(out, missing->time);
	text_put(out, SLICE("  "));
	text_escaped(out, missing->recipient.len ? missing->recipient : SLICE("(not named)"));
	text_char(out, '\n');
}

static void tell_missing(struct auditing *auditing, struct text *out)
{
	const struct audit_missing *missing;
	size_t count = audit_missing(auditing->audit, &missing);

	if (count)
		text_put(out, auditing->queue_answered
				      ? SLICE("Unaccounted:\n")
				      : SLICE("Not delivered, or still in the queue:\n"));
	for (size_t i = 0; i < count && i < MISSING_SHOWN; i++)
		put_missing(out, &missing[i]);
	if (count > MISSING_SHOWN)
		text_format(
			out, "  … and %zu more: --json lists them all\n", count - MISSING_SHOWN);
}

static void tell_doubt(const struct auditing *auditing, struct text *out)
{
	const struct audit_counts *counts = &auditing->counts;

	if (!auditing->queue_answered)
		text_format(out, "The queue could not be asked%.*s\n",
			SLICE_ARGS(text_slice(&auditing->words)));
	if (counts->dropped)
		text_format(out,
			"The journal lost %llu lines in this time (a full disk, or a process that "
			"died): this audit cannot be complete\n",
			(unsigned long long)counts->dropped);
	if (auditing->damaged)
		text_format(out, "%llu lines of the journal could not be read\n",
			(unsigned long long)auditing->damaged);
	if (counts->twice)
		text_format(out,
			"%llu recipients were delivered to more than once (after a crash that is "
			"right)\n",
			(unsigned long long)counts->twice);
}

static void tell(struct auditing *auditing, struct text *out)
{
	const struct audit_counts *counts = &auditing->counts;

	text_format(out, "%llu messages were acknowledged, for %llu recipients:",
		(unsigned long long)counts->messages, (unsigned long long)counts->recipients);
	for (int i = AUDIT_FATES; i-- > 0;)
		if (counts->fates[i] || i == AUDIT_DELIVERED || i == AUDIT_UNACCOUNTED)
			text_format(out, " %llu %.*s%s", (unsigned long long)counts->fates[i],
				SLICE_ARGS(audit_fate_text((enum audit_fate)i)), i ? "," : "\n");
	tell_missing(auditing, out);
	tell_doubt(auditing, out);
}

static void put_missing_json(struct auditing *auditing, struct text *out)
{
	const struct audit_missing *missing;
	size_t count = audit_missing(auditing->audit, &missing);

	text_put(out, SLICE(",\"missing\":["));
	for (size_t i = 0; i < count; i++) {
		json_put_id(out, i ? SLICE(",{\"message\":") : SLICE("{\"message\":"),
			missing[i].message);
		json_put_time(out, SLICE(",\"time\":"), missing[i].time);
		json_put_known(out, SLICE(",\"recipient\":"), missing[i].recipient);
		text_char(out, '}');
	}
	text_put(out, SLICE("]"));
}

static void tell_json(struct auditing *auditing, struct text *out)
{
	const struct audit_counts *counts = &auditing->counts;

	json_put_number(out, SLICE("{\"messages\":"), counts->messages);
	json_put_number(out, SLICE(",\"recipients\":"), counts->recipients);
	for (int i = 0; i < AUDIT_FATES; i++)
		text_format(out, ",\"%.*s\":%llu", SLICE_ARGS(audit_fate_text((enum audit_fate)i)),
			(unsigned long long)counts->fates[i]);
	json_put_number(out, SLICE(",\"twice\":"), counts->twice);
	json_put_number(out, SLICE(",\"lines_dropped\":"), counts->dropped);
	json_put_number(out, SLICE(",\"lines_damaged\":"), auditing->damaged);
	json_put_truth(out, SLICE(",\"queue_asked\":"), auditing->queue_answered);
	put_missing_json(auditing, out);
	text_put(out, SLICE("}\n"));
}

/* A loss is only called one when everything that could account for it has been heard. */
static enum exit_status judgement(const struct auditing *auditing)
{
	const struct audit_counts *counts = &auditing->counts;

	if (counts->dropped || auditing->damaged)
		return EXIT_UNKNOWN;
	if (!counts->fates[AUDIT_UNACCOUNTED])
		return EXIT_YES;
	return auditing->queue_answered ? EXIT_NO : EXIT_UNKNOWN;
}

/* ---- the command ---- */

static enum exit_status audit_folder(struct auditing *auditing, wall_ns since)
{
	struct text out = TEXT_GROWING;
	enum exit_status status = EXIT_UNKNOWN;

	auditing->audit = audit_open(since, wall_now());
	if (look(auditing, since) == STATUS_OK) {
		if (auditing->cli->json)
			tell_json(auditing, &out);
		else
			tell(auditing, &out);
		cli_print(&out);
		status = judgement(auditing);
	} else {
		(void)cli_fail(EXIT_UNKNOWN, "the journal cannot be read: %s", strerror(errno));
	}
	audit_close(auditing->audit);
	text_free(&out);
	return status;
}

enum exit_status run_audit(struct cli *cli)
{
	wall_ns since = 0;

	if (cli_has(cli, "--since") && !cli_read_since(cli_value(cli, "--since"), &since))
		return cli_fail(EXIT_USAGE, "--since takes a time, or 30m, 2h, 3d");
	struct auditing auditing = {.cli = cli,
		.policy = cli_policy(cli),
		.words = TEXT_GROWING,
		.progress = {.what = "reading the journal"}};
	if (!auditing.policy)
		return EXIT_USAGE;
	const char *path = daemon_path(auditing.policy, "journal", cli->arena);
	enum exit_status status = EXIT_UNKNOWN;
	auditing.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (auditing.folder < 0)
		(void)cli_fail(EXIT_UNKNOWN, "%s: %s", path, strerror(errno));
	else
		status = audit_folder(&auditing, since);
	if (auditing.folder >= 0)
		close(auditing.folder);
	text_free(&auditing.words);
	policy_unref(auditing.policy);
	return status;
}
