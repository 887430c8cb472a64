/* SPDX-License-Identifier: Apache-2.0 */
/* postern completion: made from the table of commands, so that it cannot lag behind it. */
#include <stdio.h>

#include "cmd/cli.h"

static void put_options(FILE *to, const struct command *command, const char *before)
{
	for (const struct option_row *row = command->options; row && row->name; row++)
		fprintf(to, "%s%s", before, row->name);
	fprintf(to, "%s--json", before);
}

static const struct command *next_built(const struct command *command)
{
	while (command->name && command->not_yet)
		command++;
	return command;
}

static void bash(FILE *to)
{
	fputs("_postern() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} i command=\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t-c) ((i++)) ;;\n\t\t-*) ;;\n\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
	      "\t\tesac\n\tdone\n\tcase $command in\n\t'') COMPREPLY=($(compgen -W '-c --json",
		to);
	for (const struct command *c = cli_commands; (c = next_built(c))->name; c++)
		fprintf(to, " %s", c->name);
	fputs("' -- \"$word\")) ;;\n", to);
	for (const struct command *c = cli_commands; (c = next_built(c))->name; c++) {
		fprintf(to, "\t%s) COMPREPLY=($(compgen -f -W '", c->name);
		put_options(to, c, " ");
		fputs("' -- \"$word\")) ;;\n", to);
	}
	fputs("\tesac\n}\ncomplete -F _postern postern\n", to);
}

static void zsh(FILE *to)
{
	fputs("#compdef postern\n_postern() {\n\tlocal -a commands\n\tcommands=(\n", to);
	for (const struct command *c = cli_commands; (c = next_built(c))->name; c++)
		fprintf(to, "\t\t'%s:%s'\n", c->name, c->summary);
	fputs("\t)\n\tif ((CURRENT == 2)); then _describe command commands; return; fi\n"
	      "\tcase $words[2] in\n",
		to);
	for (const struct command *c = cli_commands; (c = next_built(c))->name; c++) {
		fprintf(to, "\t%s) compadd --", c->name);
		put_options(to, c, " ");
		fputs("; _files ;;\n", to);
	}
	fputs("\tesac\n}\ncompdef _postern postern\n", to);
}

static void fish(FILE *to)
{
	for (const struct command *c = cli_commands; (c = next_built(c))->name; c++) {
		fprintf(to, "complete -c postern -n __fish_use_subcommand -a %s -d '%s'\n", c->name,
			c->summary);
		for (const struct option_row *row = c->options; row && row->name; row++)
			fprintf(to,
				"complete -c postern -n '__fish_seen_subcommand_from %s' "
				"%s %s -d '%s'\n",
				c->name, row->name[1] == '-' ? "-l" : "-s",
				row->name + (row->name[1] == '-' ? 2 : 1), row->help);
	}
}

enum exit_status run_completion(struct cli *cli)
{
	static const struct {
		const char *shell;
		void (*write)(FILE *to);
	} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (slice_is(cli_operand(cli, 0), slice_of(shells[i].shell))) {
			shells[i].write(stdout);
			return EXIT_YES;
		}
	return cli_fail(EXIT_USAGE, "completion is for bash, zsh or fish");
}
