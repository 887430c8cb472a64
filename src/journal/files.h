/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The day files of the journal, as the control role writes them: lines are gathered in one buffer,
 * appended to STATE/journal/YYYY-MM-DD.jsonl (0640), a new file from midnight UTC on, old ones
 * removed after `journal keep`.
 *
 * A line is never waited for. When the disk takes none (full, failing), what was gathered is
 * dropped and counted; a file never ends inside a line; the first line written afterwards says how
 * many were lost.
 *
 *	struct journal_files *files = journal_files_open(folder, policy_settings(p)->journal_keep);
 *	journal_files_add(files, line, loop_wall(loop));
 *	journal_files_flush(files, loop_wall(loop));         at the end of a turn, or every second
 *	journal_files_tend(files, loop_wall(loop));          every minute or so
 */
#ifndef JOURNAL_FILES_H
#define JOURNAL_FILES_H

#include "base/clock.h"
#include "base/status.h"

struct journal_files;

/* `folder` stays the caller's and open. `keep` in ns. */
struct journal_files *journal_files_open(int folder, int64_t keep);
void journal_files_close(struct journal_files *files, wall_ns now); /* flushes; NULL is fine */
void journal_files_set_keep(struct journal_files *files, int64_t keep);
/* `line` without its LF. Full buffers are written at once. */
void journal_files_add(struct journal_files *files, struct slice line, wall_ns now);
/* Lines that somebody else dropped before they came here: told in the next line. */
void journal_files_count_dropped(struct journal_files *files, uint64_t lines);
enum status journal_files_flush(struct journal_files *files, wall_ns now);
/* What makes durable what was flushed so far: fdatasync() it (on a thread) and close it. -1: there
 * is nothing to make durable. */
int journal_files_to_sync(struct journal_files *files);
/* That failed: what it was to make durable may be lost, and is counted as dropped. */
void journal_files_sync_failed(struct journal_files *files);
/* Removes files of days that ended more than `keep` ago. */
void journal_files_tend(struct journal_files *files, wall_ns now);
uint64_t journal_files_dropped(const struct journal_files *files); /* since opened */
size_t journal_files_waiting(const struct journal_files *files);   /* bytes not written yet */

/* "2026-11-21.jsonl" of a time; the other way, the start of the day, false for another name. */
enum { JOURNAL_NAME_SIZE = 24 };
void journal_file_name(wall_ns time, char name[JOURNAL_NAME_SIZE]);
bool journal_file_day(struct slice name, wall_ns *day);

#endif
