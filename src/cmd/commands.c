/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: from it come the usage, -h, the completion, and the test that each is in
 * postern(1). */
#include "cmd/cli.h"

static const struct option_row trial_options[] = {
	{"--client", "IP", "the client's address", NULL, OPTION_TEXT},
	{"--listener", "NAME", "where it comes in: smtp", NULL, OPTION_TEXT},
	{"--helo", "NAME", "what it calls itself", NULL, OPTION_TEXT},
	{"--from", "ADDRESS", "the envelope sender, <> for none", NULL, OPTION_TEXT},
	{"--to", "ADDRESS", "a recipient; may repeat", NULL, OPTION_LIST},
	{"--message", "FILE", "the message, for its size", NULL, OPTION_TEXT},
	{"--at", "TIME", "the time it would be, 2026-11-21T09:30:00Z", NULL, OPTION_TEXT},
	{"--policy", "FILE", "decide under this configuration", NULL, OPTION_TEXT},
	{"--as", "ACCOUNT", "", "accounts", OPTION_TEXT},
	{"--tls", NULL, "", "TLS", OPTION_SWITCH},
	{"--header-from", "ADDRESS", "", "conditions on the author", OPTION_TEXT},
	{"--fact", "ATOM", "", "facts from outside", OPTION_LIST},
	{"--no-dns", NULL, "", "facts from DNS", OPTION_SWITCH},
	{"--cert", "NAME", "", "client certificates", OPTION_TEXT},
	{"--pop", "ACCOUNT", "", "POP leases", OPTION_TEXT},
	{"--local", "USER", "", "local users", OPTION_TEXT},
	{"--fresh-limits", NULL, "", "limits", OPTION_SWITCH},
	{0},
};
/* clang-format off */
#define SELECTION \
	{"--to", "PATTERN", "only of this recipient (* stands for any run)", NULL, OPTION_TEXT}, \
	{"--from", "PATTERN", "only of this sender", NULL, OPTION_TEXT}, \
	{"--client", "NET", "only of this client or network", NULL, OPTION_TEXT}, \
	{"--since", "TIME", "not before: a time, or 30m, 2h, 3d ago", NULL, OPTION_TEXT}
/* clang-format on */
static const struct option_row why_options[] = {SELECTION, {0}};
static const struct option_row log_options[] = {
	{"-f", NULL, "go on with each new line as it comes", NULL, OPTION_SWITCH},
	{"-n", "COUNT", "at most so many lines, the newest; 1000 if not said", NULL, OPTION_TEXT},
	SELECTION,
	{0},
};
static const struct option_row queue_options[] = {
	{"--to", "PATTERN", "messages for these recipients, in place of ids", NULL, OPTION_TEXT},
	{"-n", "COUNT", "list at most so many; 1000 if not said", NULL, OPTION_TEXT},
	{0},
};

const struct command cli_commands[] = {
	{"check", "[FILE]", "parse and cross-check the configuration", NULL, run_check, NULL},
	{"trial", "--client IP --from A --to B…", "what would happen to a mail, without sending it",
		trial_options, run_trial, NULL},
	{"why", "[ID]", "a past decision, with everything that led to it", why_options, run_why,
		NULL},
	{"queue", "[show ID | retry|hold|release|remove|bounce ID…]", "the mail that waits",
		queue_options, run_queue, NULL},
	{"status", "", "the daemon now", NULL, run_status, NULL},
	{"sessions", "", "who is connected", NULL, run_sessions, NULL},
	{"log", "", "the journal, a line a decision", log_options, run_log, NULL},
	{"reload", "", "take the changed configuration into use", NULL, run_reload, NULL},
	{"completion", "bash|zsh|fish", "completion for a shell", NULL, run_completion, NULL},
	{.name = "replay", .not_yet = "it comes with the whole policy language"},
	{.name = "who", .not_yet = "it comes with the whole policy language"},
	{.name = "diff", .not_yet = "it comes with the whole policy language"},
	{.name = "shadow", .not_yet = "it comes with the whole policy language"},
	{.name = "policy", .not_yet = "it comes with the whole policy language"},
	{.name = "limits", .not_yet = "it comes with the whole policy language"},
	{.name = "audit", .not_yet = "it comes with the proof of the spool"},
	{.name = "explain", .not_yet = "it comes with the knowledge of other servers' words"},
	{.name = "user", .not_yet = "it comes with accounts"},
	{.name = "settings", .not_yet = "it comes with accounts"},
	{.name = "grant", .not_yet = "it comes with POP before SMTP"},
	{.name = "grants", .not_yet = "it comes with POP before SMTP"},
	{.name = "doctor", .not_yet = "it comes with the checks of a domain"},
	{.name = "probe", .not_yet = "it comes with the checks of a server"},
	{.name = "send", .not_yet = "it comes with the checks of a server; swaks sends meanwhile"},
	{.name = "dkim", .not_yet = "it comes with signing"},
	{.name = "top", .not_yet = "it comes with the live view"},
	{.name = "watch", .not_yet = "it comes with the live view; log -f shows lines meanwhile"},
	{.name = "bundle", .not_yet = "it comes with the support bundle"},
	{.name = "import", .not_yet = "it comes with the migration from other servers"},
	{0},
};
