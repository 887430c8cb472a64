/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postern grant and grants: leases as reading mail by POP makes them, for other login servers; the
 * running daemon alone has them (accounts/leasing.h).
 */
#include <stdio.h>

#include "base/address.h"
#include "cmd/cli.h"
#include "diagnose/views.h"

enum { FOR_USUALLY = 30 * 60, FOR_MOST = 24 * 60 * 60 };

/* "90s", "30m", "2h". */
static bool read_span(struct slice s, uint64_t *seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

	if (s.len < 2 || !slice_number(slice_part(s, 0, s.len - 1), FOR_MOST, seconds))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (s.at[s.len - 1] != units[i].unit)
			continue;
		*seconds *= units[i].seconds;
		return *seconds > 0 && *seconds <= FOR_MOST;
	}
	return false;
}

static json_t *question_of(const char *ask, struct slice client, struct slice account)
{
	json_t *question = json_pack("{s:s,s:s%}", "ask", ask, "client", client.at, client.len);

	if (account.len)
		json_object_set_new(question, "account", json_stringn(account.at, account.len));
	return question;
}

static enum exit_status grant(struct cli *cli, struct slice client, struct slice account)
{
	uint64_t seconds = FOR_USUALLY;
	size_t lines;

	if (!account.len)
		return cli_fail(EXIT_USAGE, "grant wants --account: whose mail is it?");
	if (cli_has(cli, "--for") && !read_span(cli_value(cli, "--for"), &seconds))
		return cli_fail(EXIT_USAGE, "--for takes a time like 30m or 2h, at most 24h");
	json_t *question = question_of("grant", client, account);
	json_object_set_new(question, "seconds", json_integer((json_int_t)seconds));
	return cli_ask(cli, question, view_grant, &lines);
}

enum exit_status run_grant(struct cli *cli)
{
	struct slice client = cli_operand(cli, 0), account = cli_value(cli, "--account");
	struct address address;
	size_t lines;

	if (cli_operand_count(cli) != 1 || !address_parse(client, &address))
		return cli_fail(EXIT_USAGE, "grant wants one IP address, like 192.0.2.7");
	if (!cli_has(cli, "--revoke"))
		return grant(cli, client, account);
	if (cli_has(cli, "--for"))
		return cli_fail(EXIT_USAGE, "--for goes with a grant, not with --revoke");
	return cli_ask(cli, question_of("revoke", client, account), view_revoked, &lines);
}

enum exit_status run_grants(struct cli *cli)
{
	size_t lines;
	enum exit_status status =
		cli_ask(cli, json_pack("{s:s}", "ask", "grants"), view_grant, &lines);

	if (status == EXIT_YES && lines == 0 && !cli->json)
		puts("nobody holds a lease");
	return status;
}
