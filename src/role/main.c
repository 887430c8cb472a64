/* SPDX-License-Identifier: Apache-2.0 */
/* A role in a process of its own: what it gives up before it reads anything, and its loop. Started
 * by the supervisor with role/start.h's arguments and its channel as descriptor 3. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "role/inside.h"
#include "role/shortage.h"
#include "run/process.h"
#include "run/sandbox.h"

/* The supervisor alone decides when what ends; a Ctrl-C in a terminal reaches every process. */
static void ignore_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], SIG_IGN);
}

/* Before this the process has read nothing but its command line. */
static enum status give_up_privileges(
	const struct role_start *start, pid_t supervisor, struct text *words)
{
	if (start->drop && sandbox_user(start->uid, start->gid, words) != STATUS_OK)
		return STATUS_FAILED;
	if (sandbox_no_new_privileges(words) != STATUS_OK || sandbox_no_dumps(words) != STATUS_OK)
		return STATUS_FAILED;
	return sandbox_end_with(supervisor, words);
}

int role_main(const struct role_kind *kind, const struct role_start *start)
{
	pid_t supervisor = getppid();
	char words[512];
	struct text text = TEXT_FIXED(words);

	prctl(PR_SET_NAME, role_name_text(kind->name)); /* ps and top would call us "exe" */
	ignore_signals();
	if (give_up_privileges(start, supervisor, &text) != STATUS_OK) {
		fprintf(stderr, "posternd: %s: %.*s\n", role_name_text(kind->name),
			SLICE_ARGS(text_slice(&text)));
		return EXIT_FAILURE;
	}
	struct loop *loop = loop_open();
	struct life *life = loop ? life_begin(loop, kind, start, PROCESS_FD, true) : NULL;
	if (!life) {
		text = (struct text)TEXT_FIXED(words);
		text_shortage(&text, errno);
		fprintf(stderr, "posternd: %s cannot start: %.*s\n", role_name_text(kind->name),
			SLICE_ARGS(text_slice(&text)));
		return EXIT_FAILURE;
	}
	role_log(&life->role, LEVEL_DEBUG, "sandbox", "%.*s", SLICE_ARGS(text_slice(&text)));
	if (!life->ended)
		loop_run(loop);
	life_log_end(life);
	return life->exit_status; /* what the kind leaves open goes with the process */
}
