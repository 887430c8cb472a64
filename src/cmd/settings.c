/* SPDX-License-Identifier: Apache-2.0 */
/* postern settings: what a mail program must be told. */
#include <stdio.h>

#include "cmd/cli.h"
#include "diagnose/settings.h"

static const struct {
	const char *option;
	void (*put)(struct text *out, const struct mail_settings *settings);
} forms[] = {
	{"--autoconfig", settings_put_autoconfig},
	{"--autodiscover", settings_put_autodiscover},
	{"--srv", settings_put_srv},
	{"--json", settings_put_json},
};
enum { FORMS = sizeof forms / sizeof *forms };

static bool form_choose(
	struct cli *cli, void (**put)(struct text *out, const struct mail_settings *settings))
{
	size_t count = 0;

	*put = settings_put_people;
	for (size_t i = 0; i < FORMS; i++)
		if (cli_has(cli, forms[i].option)) {
			*put = forms[i].put;
			count++;
		}
	return count <= 1;
}

static void remarks(const struct mail_settings *settings)
{
	if (settings->ours || !settings->domain.len || slice_is(settings->domain, settings->host))
		return;
	fprintf(stderr, "postern: %.*s is declared by no `domain` line of this configuration\n",
		SLICE_ARGS(settings->domain));
}

enum exit_status run_settings(struct cli *cli)
{
	void (*put)(struct text * out, const struct mail_settings *settings);
	struct mail_settings settings;
	struct text out = TEXT_GROWING;

	if (cli_operand_count(cli) != 1 || !form_choose(cli, &put))
		return cli_fail(EXIT_USAGE, "settings wants one ACCOUNT or DOMAIN, and at most one "
					    "of --autoconfig, --autodiscover, --srv, --json");
	struct policy *policy = cli_policy(cli);
	if (!policy)
		return EXIT_USAGE;
	if (!settings_find(policy, cli_operand(cli, 0), cli->arena, &settings)) {
		policy_unref(policy);
		return cli_fail(EXIT_USAGE, "settings: that is neither an account "
					    "(alice@example.org) nor a domain (example.org)");
	}
	remarks(&settings);
	put(&out, &settings);
	cli_print(&out);
	enum exit_status status = settings_can_send(&settings) ? EXIT_YES : EXIT_NO;
	text_free(&out);
	policy_unref(policy);
	return status;
}
