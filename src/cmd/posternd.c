/* SPDX-License-Identifier: Apache-2.0 */
/* posternd: the daemon. Without --role it is the supervisor; with it, one of the roles that the
 * supervisor starts. Read supervisor/supervisor.h and role/role.h. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accounts/accounts.h"
#include "control/control.h"
#include "dns/resolver.h"
#include "keys/keys.h"
#include "policy/policy.h"
#include "pop3/pop.h"
#include "queue/queue.h"
#include "role/build.h"
#include "smtpin/edge.h"
#include "smtpout/out.h"
#include "supervisor/supervisor.h"

#define USUAL_CONFIGURATION "/etc/postern/postern.conf"

static void take_lists(
	const struct policy *policy, struct arena *arena, struct resolver_settings *settings)
{
	const struct policy_zone *zones;
	size_t count = policy_zones(policy, arena, &zones);
	struct list_name *lists = ARENA_ARRAY(arena, struct list_name, count + 1);

	for (size_t i = 0; i < count; i++)
		lists[i] =
			(struct list_name){arena_slice(arena, zones[i].zone), zones[i].of_domains};
	settings->lists = lists;
	settings->list_count = count;
}

/* dns/ lies below policy/ and does not know how a bundle is read. */
static bool resolver_of_bundle(struct slice bundle, struct arena *arena,
	struct resolver_settings *settings, struct text *why)
{
	struct policy *policy = policy_of_bundle(bundle, why);

	if (!policy)
		return false;
	settings->servers = arena_slice(arena, policy_settings(policy)->resolver);
	take_lists(policy, arena, settings);
	policy_unref(policy);
	return true;
}

static const struct resolver_role resolver = RESOLVER_ROLE(resolver_of_bundle);
static const struct role_kind *const kinds[] = {&resolver.kind, &control_role, &accounts_role,
	&keys_role, &queue_role, &out_role, &edge_role, &pop_role};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const char usage[] =
	"usage: posternd [-nv] [-c FILE] [--one-process]\n"
	"       posternd --version | --help\n"
	"  -c FILE        the configuration (default: " USUAL_CONFIGURATION ",\n"
	"                 else a safe one that is built in)\n"
	"  -n             check the configuration and leave\n"
	"  -v             log debugging lines too\n"
	"  --one-process  all roles in one process, for debugging\n";

static int run_role(const struct role_start *start)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i]->name == start->name)
			return role_main(kinds[i], start);
	return EXIT_USAGE;
}

static int show_version(void)
{
	char build[128];
	struct text text = TEXT_FIXED(build);
	struct slice version = build_version();

	text_build(&text);
	printf("posternd %.*s\nbuild %.*s\n", SLICE_ARGS(version), SLICE_ARGS(text_slice(&text)));
	return EXIT_ENDED;
}

enum long_option { OPTION_VERSION = 256, OPTION_HELP, OPTION_ONE_PROCESS };

struct command_line {
	struct supervisor_options options;
	bool check, version, help, wrong;
};

static void take_option(struct command_line *line, int option)
{
	switch (option) {
	case 'c': line->options.config = optarg; break;
	case 'n': line->check = true; break;
	case 'v': line->options.debug = true; break;
	case 'h':
	case OPTION_HELP: line->help = true; break;
	case OPTION_VERSION: line->version = true; break;
	case OPTION_ONE_PROCESS: line->options.one_process = true; break;
	default: line->wrong = true;
	}
}

static void read_command_line(struct command_line *line, int count, char **arguments)
{
	static const struct option longs[] = {
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, OPTION_HELP},
		{"one-process", no_argument, NULL, OPTION_ONE_PROCESS},
		{0},
	};

	for (int option; (option = getopt_long(count, arguments, "c:nvh", longs, NULL)) != -1;)
		take_option(line, option);
	if (optind < count) {
		fprintf(stderr, "posternd: unexpected argument \"%s\"\n", arguments[optind]);
		line->wrong = true;
	}
}

int main(int count, char **arguments)
{
	struct command_line line = {.options = {.kinds = kinds, .kind_count = KINDS}};
	struct role_start start;

	if (count > 1 && strcmp(arguments[1], "--role") == 0) {
		if (role_start_read(count, (const char *const *)arguments, &start))
			return run_role(&start);
		fprintf(stderr, "posternd: --role is for the supervisor alone\n%s", usage);
		return EXIT_USAGE;
	}
	read_command_line(&line, count, arguments);
	if (line.wrong || line.help) {
		fputs(usage, line.wrong ? stderr : stdout);
		return line.wrong ? EXIT_USAGE : EXIT_ENDED;
	}
	if (line.version)
		return show_version();
	if (!line.options.config && access(USUAL_CONFIGURATION, F_OK) == 0)
		line.options.config = USUAL_CONFIGURATION;
	return line.check ? supervisor_check(line.options.config) : supervisor_run(&line.options);
}
