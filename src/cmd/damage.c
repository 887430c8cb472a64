/* SPDX-License-Identifier: Apache-2.0 */
/* postern queue damage, salvage and discard: segments of the spool that cannot be read whole. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "diagnose/views.h"

enum exit_status queue_damage(struct cli *cli)
{
	size_t lines;
	enum exit_status status =
		cli_ask(cli, json_pack("{s:s}", "ask", "queue-damage"), view_damage, &lines);

	if (status == EXIT_YES && lines == 0 && !cli->json)
		puts("nothing in the spool is damaged");
	return status;
}

/* Nothing is given up by a slip of the pen, or by a script that does not say so. */
static bool is_meant(const struct cli *cli)
{
	char answer[16] = "";

	if (cli_has(cli, "--yes"))
		return true;
	if (!isatty(STDIN_FILENO))
		return false;
	fputs("What cannot be read of these segments is given up for good. Go on? [y/N] ", stderr);
	return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static enum exit_status clear_one(struct cli *cli, uint64_t segment, bool salvage)
{
	size_t lines;

	return cli_ask(cli,
		json_pack("{s:s,s:I,s:b}", "ask", "queue-clear", "segment", (json_int_t)segment,
			"salvage", (int)salvage),
		view_cleared, &lines);
}

enum exit_status queue_clear(struct cli *cli, bool salvage)
{
	enum exit_status status = EXIT_YES;
	uint64_t segment;

	if (cli_operand_count(cli) < 2)
		return cli_fail(EXIT_USAGE,
			"queue %s wants the numbers of segments, as `queue damage` shows them",
			salvage ? "salvage" : "discard");
	for (size_t i = 1; i < cli_operand_count(cli); i++)
		if (!slice_number(cli_operand(cli, i), UINT32_MAX, &segment))
			return cli_fail(EXIT_USAGE, "\"%.*s\" is not a segment's number",
				SLICE_ARGS(cli_operand(cli, i)));
	if (!salvage && !is_meant(cli))
		return cli_fail(EXIT_NO, "nothing was done: `--yes` says that it is meant");
	for (size_t i = 1; i < cli_operand_count(cli) && status == EXIT_YES; i++) {
		(void)slice_number(cli_operand(cli, i), UINT32_MAX, &segment);
		status = clear_one(cli, segment, salvage);
	}
	return status;
}
