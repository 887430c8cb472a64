/* SPDX-License-Identifier: Apache-2.0 */
/* postern: every command but the daemon. The table of commands is in commands.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli.h"

#define CONFIG_PATH "/etc/postern/postern.conf"

static void usage(FILE *to)
{
	fputs("usage: postern [-c FILE] [--json] COMMAND …\n\n", to);
	for (const struct command *c = cli_commands; c->name; c++)
		if (!c->not_yet)
			fprintf(to, "  %-11s %s\n", c->name, c->summary);
	fputs("\npostern COMMAND -h tells more; postern(1) tells all.\n", to);
}

static const struct command *command_find(const char *name)
{
	for (const struct command *c = cli_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* The options before the command. Index of the command's word, or a negative exit status - 1. */
static int read_globals(struct cli *cli, int argc, char **argv)
{
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		if (strcmp(argv[at], "-c") == 0 && at + 1 < argc) {
			cli->config = argv[++at];
		} else if (strcmp(argv[at], "--json") == 0) {
			cli->json = true;
		} else if (strcmp(argv[at], "--version") == 0) {
			printf("postern %s\n", POSTERN_VERSION);
			return -1 - EXIT_YES;
		} else {
			bool help = strcmp(argv[at], "-h") == 0 || strcmp(argv[at], "--help") == 0;
			usage(help ? stdout : stderr);
			return -1 - (help ? EXIT_YES : EXIT_USAGE);
		}
	}
	if (at < argc)
		return at;
	usage(stderr);
	return -1 - EXIT_USAGE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	int at = read_globals(cli, argc, argv);

	if (at < 0)
		return -1 - at;
	cli->command = command_find(argv[at]);
	if (!cli->command) {
		fprintf(stderr, "postern: there is no command \"%s\"\n", argv[at]);
		usage(stderr);
		return EXIT_USAGE;
	}
	if (cli->command->not_yet) {
		fprintf(stderr, "postern: \"%s\" is not built yet: %s\n", argv[at],
			cli->command->not_yet);
		return EXIT_USAGE;
	}
	for (int i = at + 1; i < argc; i++)
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			cli_usage(cli->command, false);
			return EXIT_YES;
		}
	if (!cli_read_options(cli, argc - at - 1, argv + at + 1))
		return EXIT_USAGE;
	return (int)cli->command->run(cli);
}

int main(int argc, char **argv)
{
	struct cli cli = {.arena = arena_new()};

	if (access(CONFIG_PATH, F_OK) == 0)
		cli.config = CONFIG_PATH;
	int status = run(&cli, argc, argv);
	arena_free(cli.arena);
	return status;
}
