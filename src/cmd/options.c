/* SPDX-License-Identifier: Apache-2.0 */
/* Options and operands of a command, read by its table. The contract is in cli.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cli.h"
#include "diagnose/check.h"

static const struct option_row json_option = {"--json", NULL, "answer in JSON", OPTION_SWITCH};

static const struct option_row *option_find(const struct command *command, const char *name)
{
	if (strcmp(name, json_option.name) == 0)
		return &json_option;
	for (const struct option_row *row = command->options; row && row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static bool value_add(struct cli *cli, const char *option, const char *value)
{
	if (cli->value_count == CLI_VALUES_MAX) {
		fprintf(stderr, "postern %s: more than %d words\n", cli->command->name,
			CLI_VALUES_MAX);
		return false;
	}
	cli->values[cli->value_count].option = option;
	cli->values[cli->value_count++].value = slice_of(value);
	return true;
}

/* Takes argv[*at], and its value where it has one. */
static bool option_read(struct cli *cli, int argc, char **argv, int *at)
{
	const struct option_row *row = option_find(cli->command, argv[*at]);

	if (!row) {
		fprintf(stderr, "postern %s: there is no option %s\n", cli->command->name,
			argv[*at]);
		cli_usage(cli->command, true);
		return false;
	}
	if (row == &json_option)
		cli->json = true;
	if (row->kind == OPTION_SWITCH)
		return value_add(cli, row->name, "");
	if (*at + 1 == argc) {
		fprintf(stderr, "postern %s: %s wants a %s\n", cli->command->name, row->name,
			row->value);
		return false;
	}
	if (row->kind == OPTION_TEXT && cli_has(cli, row->name)) {
		fprintf(stderr, "postern %s: %s is given twice\n", cli->command->name, row->name);
		return false;
	}
	return value_add(cli, row->name, argv[++*at]);
}

bool cli_read_options(struct cli *cli, int argc, char **argv)
{
	bool only_operands = false;

	for (int at = 0; at < argc; at++) {
		bool option = !only_operands && argv[at][0] == '-' && argv[at][1] != '\0';
		if (option && strcmp(argv[at], "--") == 0)
			only_operands = true;
		else if (option ? !option_read(cli, argc, argv, &at)
				: !value_add(cli, NULL, argv[at]))
			return false;
	}
	return true;
}

static bool value_is_of(const struct cli *cli, size_t i, const char *option)
{
	const char *name = cli->values[i].option;

	return name && option ? strcmp(name, option) == 0 : name == option;
}

size_t cli_values(const struct cli *cli, const char *option, struct slice *values, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < cli->value_count && count < most; i++)
		if (value_is_of(cli, i, option))
			values[count++] = cli->values[i].value;
	return count;
}

bool cli_has(const struct cli *cli, const char *option)
{
	struct slice value;

	return cli_values(cli, option, &value, 1) == 1;
}

struct slice cli_value(const struct cli *cli, const char *option)
{
	struct slice value = SLICE_NONE;

	(void)cli_values(cli, option, &value, 1);
	return value;
}

size_t cli_operand_count(const struct cli *cli)
{
	struct slice values[CLI_VALUES_MAX];

	return cli_values(cli, NULL, values, CLI_VALUES_MAX);
}

struct slice cli_operand(const struct cli *cli, size_t n)
{
	struct slice values[CLI_VALUES_MAX];

	return n < cli_values(cli, NULL, values, n + 1) ? values[n] : SLICE_NONE;
}

static void usage_row(FILE *to, const struct option_row *row)
{
	char left[64];

	snprintf(left, sizeof left, "%s%s%s", row->name, row->value ? " " : "",
		row->value ? row->value : "");
	fprintf(to, "  %-22s %s\n", left, row->help);
}

void cli_usage(const struct command *command, bool wrong)
{
	FILE *to = wrong ? stderr : stdout;

	fprintf(to, "usage: postern [-c FILE] %s%s%s [options]\n%s\n\n", command->name,
		command->operands[0] ? " " : "", command->operands, command->summary);
	for (const struct option_row *row = command->options; row && row->name; row++)
		usage_row(to, row);
	usage_row(to, &json_option);
}

void cli_print(const struct text *text)
{
	if (text->len)
		fwrite(text->at, 1, text->len, stdout);
}

enum exit_status cli_fail(enum exit_status status, const char *format, ...)
{
	va_list args;

	fputs("postern: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

struct policy *cli_policy(const struct cli *cli)
{
	struct text complaints = TEXT_GROWING;
	struct policy *policy = check_quietly(cli->config, &complaints);

	if (!policy)
		fwrite(complaints.at, 1, complaints.len, stderr);
	text_free(&complaints);
	return policy;
}
