/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: from it come the usage, -h, the completion, and the test that each is in
 * postern(1). */
#include "cmd/cli.h"

static const struct option_row trial_options[] = {
	{"--client", "IP", "the client's address", OPTION_TEXT},
	{"--listener", "NAME", "where it comes in: smtp, submission, submissions", OPTION_TEXT},
	{"--helo", "NAME", "what it calls itself", OPTION_TEXT},
	{"--from", "ADDRESS", "the envelope sender, <> for none", OPTION_TEXT},
	{"--to", "ADDRESS", "a recipient; may repeat", OPTION_LIST},
	{"--message", "FILE", "the message, for its size", OPTION_TEXT},
	{"--at", "TIME", "the time it would be, 2026-11-21T09:30:00Z", OPTION_TEXT},
	{"--policy", "FILE", "decide under this configuration", OPTION_TEXT},
	{"--as", "ACCOUNT", "it has signed in as this account, under TLS", OPTION_TEXT},
	{"--tls", NULL, "the session is encrypted", OPTION_SWITCH},
	{"--header-from", "ADDRESS", "the author in the header; the envelope sender if not said",
		OPTION_TEXT},
	{"--fact", "ATOM", "takes a condition to be true, or `not` and one to be false; may repeat",
		OPTION_LIST},
	{"--no-dns", NULL, "nothing is looked up: what DNS would say is unknown", OPTION_SWITCH},
	{"--cert", "NAME", "it shows this declared certificate", OPTION_TEXT},
	{"--pop", "ACCOUNT", "this account signed in by POP from there a moment ago", OPTION_TEXT},
	{"--local", "USER", "a program of this user on this host submits it", OPTION_TEXT},
	{"--fresh-limits", NULL, "all counters are taken to be empty", OPTION_SWITCH},
	{0},
};
/* clang-format off */
#define SELECTION \
	{"--to", "PATTERN", "only of this recipient (* stands for any run)", OPTION_TEXT}, \
	{"--from", "PATTERN", "only of this sender", OPTION_TEXT}, \
	{"--client", "NET", "only of this client or network", OPTION_TEXT}, \
	{"--since", "TIME", "not before: a time, or 30m, 2h, 3d ago", OPTION_TEXT}
/* clang-format on */
static const struct option_row why_options[] = {SELECTION, {0}};
static const struct option_row log_options[] = {
	{"-f", NULL, "go on with each new line as it comes", OPTION_SWITCH},
	{"-n", "COUNT", "at most so many lines, the newest; 1000 if not said", OPTION_TEXT},
	SELECTION,
	{0},
};
static const struct option_row audit_options[] = {
	{"--since", "TIME", "only mail acknowledged since: a time, or 30m, 2h, 3d ago",
		OPTION_TEXT},
	{0},
};
static const struct option_row replay_options[] = {
	{"--policy", "FILE", "the configuration to try; the present one if not said", OPTION_TEXT},
	{"--since", "TIME", "only decisions since: a time, or 30m, 2h, 3d ago", OPTION_TEXT},
	{"--each", NULL, "show every changed decision", OPTION_SWITCH},
	{0},
};
static const struct option_row who_options[] = {
	{"--relay", NULL, "every way to relay, and the proof", OPTION_SWITCH},
	{"--sends-as", "ADDRESS", "who may use this address, within which limits of its own",
		OPTION_TEXT},
	{"--client", "IP", "what this client may do", OPTION_TEXT},
	{0},
};
static const struct option_row settings_options[] = {
	{"--autoconfig", NULL, "as the XML that Thunderbird and others look for", OPTION_SWITCH},
	{"--autodiscover", NULL, "as the XML that Outlook looks for", OPTION_SWITCH},
	{"--srv", NULL, "as SRV records to publish", OPTION_SWITCH},
	{0},
};
static const struct option_row check_options[] = {
	{"--format", NULL, "print the file in its usual form instead", OPTION_SWITCH},
	{0},
};
static const struct option_row explain_options[] = {
	{"-f", NULL, "follow this mail log and explain each failure as it comes", OPTION_SWITCH},
	{"--report", NULL, "a short report to send on to an administrator", OPTION_SWITCH},
	{0},
};
static const struct option_row grant_options[] = {
	{"--account", "ACCOUNT", "who signed in", OPTION_TEXT},
	{"--for", "TIME", "for at most so long: 90s, 30m, 2h; 30m if not said", OPTION_TEXT},
	{"--revoke", NULL, "ends the lease of this account there, or all that are there",
		OPTION_SWITCH},
	{0},
};
static const struct option_row user_options[] = {
	{"--owns", "ADDRESS", "the new account owns this address, or *@domain; may repeat",
		OPTION_LIST},
	{"--group", "NAME", "the new account is in this group; may repeat", OPTION_LIST},
	{"--limit", "AMOUNT", "at most so much, like \"500 recipients per day\"; may repeat",
		OPTION_LIST},
	{"--verifier", NULL,
		"in place of the password comes its verifier: $y$, $6$, $5$, $2b$, $argon2id$",
		OPTION_SWITCH},
	{0},
};
static const struct option_row queue_options[] = {
	{"--to", "PATTERN", "messages for these recipients, in place of ids", OPTION_TEXT},
	{"-n", "COUNT", "list at most so many; 1000 if not said", OPTION_TEXT},
	{"--yes", NULL, "discard without asking", OPTION_SWITCH},
	{0},
};

const struct command cli_commands[] = {
	{"check", "[FILE]", "parse, cross-check and prove the configuration", check_options,
		run_check, NULL},
	{"trial", "--client IP --from A --to B…", "what would happen to a mail, without sending it",
		trial_options, run_trial, NULL},
	{"why", "[ID]", "a past decision, with everything that led to it", why_options, run_why,
		NULL},
	{"explain", "[TEXT… | FILE… | FOLDER… | -]",
		"what any server's refusal means, and who must act", explain_options, run_explain,
		NULL},
	{"queue",
		"[show ID | retry|hold|release|remove|bounce ID… | damage | salvage|discard "
		"SEGMENT…]",
		"the mail that waits, and what of the spool is damaged", queue_options, run_queue,
		NULL},
	{"status", "", "the daemon now", NULL, run_status, NULL},
	{"sessions", "", "who is connected", NULL, run_sessions, NULL},
	{"log", "", "the journal, a line a decision", log_options, run_log, NULL},
	{"audit", "", "whether everything that was acknowledged is accounted for", audit_options,
		run_audit, NULL},
	{"replay", "[--policy FILE]",
		"the journal's past, decided again under another configuration", replay_options,
		run_replay, NULL},
	{"shadow", "FILE", "what another configuration would decide otherwise, live", NULL,
		run_shadow, NULL},
	{"who", "--relay | --sends-as ADDRESS | --client IP",
		"the policy asked backwards: who may relay, who may use an address", who_options,
		run_who, NULL},
	{"diff", "FILE", "what another configuration would change in meaning", NULL, run_diff,
		NULL},
	{"policy", "", "the configuration that holds, in its usual form", NULL, run_policy, NULL},
	{"limits", "[ACCOUNT | ADDRESS | NETWORK]", "what `limit` clauses have counted", NULL,
		run_limits, NULL},
	{"settings", "ACCOUNT | DOMAIN", "what a mail program must be told to use this server",
		settings_options, run_settings, NULL},
	{"user",
		"add|passwd|remove|show|enable|disable ACCOUNT | list | own|disown ACCOUNT "
		"ADDRESS… | join|leave ACCOUNT GROUP…",
		"accounts, their passwords and what they own", user_options, run_user, NULL},
	{"grant", "IP --account ACCOUNT [--for 30m] | --revoke IP [--account ACCOUNT]",
		"relaying as after reading mail by POP, for other login servers", grant_options,
		run_grant, NULL},
	{"grants", "", "who may relay for having read mail, from where, until when", NULL,
		run_grants, NULL},
	{"reload", "", "take the changed configuration into use", NULL, run_reload, NULL},
	{"completion", "bash|zsh|fish", "completion for a shell", NULL, run_completion, NULL},
	{.name = "hold", .not_yet = "it comes with accounts"},
	{.name = "release", .not_yet = "it comes with accounts"},
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
