/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the daemon, from its configuration to its exit status. Read supervisor.h first. May
 * touch: the configuration and every file it names, listening sockets, the state folder. Parses
 * nothing that comes from a network. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "policy/proof.h"
#include "role/census.h"
#include "role/shortage.h"
#include "supervisor/inside.h"
#include "supervisor/key_files.h"
#include "supervisor/notify.h"

enum { SIGNALS = 3 };

void supervisor_log(struct supervisor *supervisor, enum log_level level, const char *event,
	const char *format, ...)
{
	char words[LOG_TEXT_MAX + 1];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	log_write(STDERR_FILENO,
		&(struct log_line){.time = loop_wall(supervisor->loop),
			.level = level,
			.role = SLICE("supervisor"),
			.event = slice_of(event),
			.text = slice_of(words)},
		supervisor->form);
}

static void log_words(struct supervisor *supervisor, enum log_level level, const char *event,
	const struct text *words)
{
	if (words->len > 0)
		supervisor_log(supervisor, level, event, "%.*s", SLICE_ARGS(text_slice(words)));
}

void supervisor_wake(struct supervisor *supervisor)
{
	loop_at_turn_end(supervisor->loop, &supervisor->hook);
}

mono_ns supervisor_grace(const struct supervisor *supervisor)
{
	return policy_settings(supervisor->configuration->policy)->grace;
}

/* ---- the end, and what asks for it ---- */

void supervisor_stop(struct supervisor *supervisor, int exit_status)
{
	if (supervisor->stopping)
		return;
	supervisor->stopping = true;
	supervisor->exit_status = exit_status;
	supervisor->stop_begun = loop_mono(supervisor->loop);
	supervisor->stop_until = supervisor->stop_begun + supervisor_grace(supervisor);
	notify("STOPPING=1");
	supervisor_wake(supervisor);
}

static void kill_all(struct supervisor *supervisor)
{
	supervisor->exit_status = EXIT_FAILED;
	for (size_t i = 0; i < supervisor->member_count; i++)
		if (supervisor->members[i].process)
			process_kill(supervisor->members[i].process, SIGKILL);
}

static void signal_seen(void *owner, int signo)
{
	struct supervisor *supervisor = owner;

	if (signo == SIGHUP) {
		supervisor_log(
			supervisor, LEVEL_INFO, "reload", "SIGHUP: reading the configuration");
		reload_ask(supervisor, NULL);
	} else if (!supervisor->stopping) {
		supervisor_log(supervisor, LEVEL_INFO, "stop", "%s: ending in order within %lld s",
			signo == SIGINT ? "SIGINT" : "SIGTERM",
			(long long)(supervisor_grace(supervisor) / NS_PER_S));
		supervisor_stop(supervisor, EXIT_ENDED);
	} else {
		supervisor_log(supervisor, LEVEL_WARN, "stop", "told twice: ending at once");
		kill_all(supervisor);
	}
}

static void timer_rings(struct timer *timer)
{
	supervisor_wake(LIST_OBJECT(struct supervisor, timer, timer));
}

/* ---- the beginning ---- */

/* Complaints are for people and have several lines; a log of JSON lines gets one for each. */
static void show_complaints(struct supervisor *supervisor)
{
	const struct complaints *complaints = &supervisor->configuration->complaints;
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < complaints->count; i++) {
		const struct complaint *complaint = &complaints->list[i];
		bool error = complaint->severity == SEVERITY_ERROR;
		text_clear(&text);
		text_complaint(&text, complaint);
		if (supervisor->form == LOG_READABLE)
			fprintf(stderr, "%.*s", SLICE_ARGS(text_slice(&text)));
		else
			log_words(supervisor, error ? LEVEL_ERROR : LEVEL_WARN, "configuration",
				&text);
	}
	text_free(&text);
}

void say_proof(struct supervisor *supervisor)
{
	const struct policy *policy = supervisor->configuration->policy;
	struct text text = TEXT_GROWING;

	if (policy_proof(policy))
		text_proof_line(&text, policy, policy_proof(policy));
	log_words(supervisor, LEVEL_INFO, "proof", &text);
	text_free(&text);
}

static enum exit_status read_configuration(struct supervisor *supervisor)
{
	char buffer[512];
	struct text why = TEXT_FIXED(buffer);

	errno = 0;
	supervisor->configuration = configuration_read(supervisor->options->config, &why);
	if (!supervisor->configuration) {
		/* What the machine lacks may be there at the next start. */
		bool is_short = error_is_shortage(errno);
		if (is_short)
			text_format(&why, ": %s", shortage_help(errno));
		log_words(supervisor, LEVEL_ERROR, "configuration", &why);
		return is_short ? EXIT_FAILED : EXIT_REFUSED;
	}
	show_complaints(supervisor);
	if (!supervisor->configuration->policy)
		return EXIT_REFUSED;
	say_proof(supervisor);
	supervisor->configuration->generation = ++supervisor->generation;
	return EXIT_ENDED;
}

/* Nobody wrote these statements, so they are shown. */
static void say_built_in(struct supervisor *supervisor)
{
	struct slice left = policy_built_in_text();

	if (supervisor->options->config)
		return;
	supervisor_log(supervisor, LEVEL_INFO, "built-in",
		"no configuration was given; this one is built in:");
	while (left.len > 0) {
		struct slice line = slice_trim(slice_cut(&left, '\n'));
		if (line.len > 0 && line.at[0] != '#')
			supervisor_log(
				supervisor, LEVEL_INFO, "built-in", "%.*s", SLICE_ARGS(line));
	}
}

static bool listen_control(struct supervisor *supervisor, const char *name, struct text *why)
{
	size_t count = supervisor->control_socket_count;

	if (count == CONTROL_SOCKETS_MAX) {
		text_format(why, "more than %d `listen control`", CONTROL_SOCKETS_MAX - 1);
		return false;
	}
	int fd = state_listen(&supervisor->state, name, false, &supervisor->owner, why);
	if (fd < 0)
		return false;
	supervisor->control_sockets[count] = fd;
	supervisor->control_paths[count] =
		strchr(name, '/')
			? arena_slice(supervisor->arena, slice_of(name))
			: arena_format(supervisor->arena, "%s/%s", supervisor->state.path, name);
	supervisor->control_socket_count++;
	return true;
}

static bool listen_controls(struct supervisor *supervisor, struct text *why)
{
	const struct settings *settings = policy_settings(supervisor->configuration->policy);

	if (!listen_control(supervisor, "control.sock", why))
		return false;
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen_line *line = &settings->listens[i];
		if (line->service == SERVICE_CONTROL &&
			!listen_control(
				supervisor, arena_string(supervisor->arena, line->path), why))
			return false;
	}
	return true;
}

/* On a full disk a daemon that does not start never makes room: what only people need is left out.
 */
static bool is_there_or_full(struct supervisor *supervisor, bool there, struct text *why)
{
	if (there || (errno != ENOSPC && errno != EDQUOT))
		return there;
	text_put(why, SLICE("; mail goes on without it"));
	log_words(supervisor, LEVEL_ERROR, "disk-full", why);
	why->len = 0;
	return true;
}

/* TLS is for the mail, not the mail for TLS. */
static void open_self_signed(struct supervisor *supervisor)
{
	char buffer[512];
	struct text why = TEXT_FIXED(buffer);

	if (!self_signed_open(&supervisor->state,
		    policy_settings(supervisor->configuration->policy)->hostname,
		    loop_wall(supervisor->loop), &why))
		log_words(supervisor, LEVEL_WARN, "tls", &why);
}

/* In the order that harms least: who we are, whose the state is, then ports. */
static enum exit_status open_all(struct supervisor *supervisor, struct text *why)
{
	const struct settings *settings = policy_settings(supervisor->configuration->policy);
	char buffer[512];
	struct text said = TEXT_FIXED(buffer);

	if (!owner_choose(settings, &supervisor->owner, &said, why))
		return EXIT_REFUSED;
	enum exit_status status =
		state_open(&supervisor->state, settings->state, &supervisor->owner, why);
	if (status != EXIT_ENDED)
		return status;
	log_words(supervisor, LEVEL_INFO, "user", &said);
	open_self_signed(supervisor);
	struct list fresh;
	list_init(&fresh);
	if (!listeners_open(&fresh, &supervisor->listeners, settings,
		    supervisor->configuration->edges, why))
		return EXIT_FAILED;
	listeners_keep(&supervisor->listeners, &fresh);
	supervisor->census = census_new(supervisor->configuration->edges + 1); /* and pop */
	if (supervisor->census < 0) {
		text_format(why, "cannot make a memory file: %s", strerror(errno));
		return EXIT_FAILED;
	}
	bool listening = listen_controls(supervisor, why) && locals_listen(supervisor, why) &&
			 feeds_listen(supervisor, why);
	if (!is_there_or_full(supervisor, listening, why))
		return EXIT_FAILED;
	bool kept = state_keep_bundle(
		&supervisor->state, &supervisor->configuration->bundle, &supervisor->owner, why);
	if (!is_there_or_full(supervisor, kept, why))
		return EXIT_FAILED;
	return EXIT_ENDED;
}

static enum exit_status begin(struct supervisor *supervisor)
{
	char buffer[1024];
	struct text why = TEXT_FIXED(buffer);
	enum exit_status status = read_configuration(supervisor);

	if (status != EXIT_ENDED)
		return status;
	say_built_in(supervisor);
	errno = 0;
	status = open_all(supervisor, &why);
	if (status == EXIT_FAILED && shortage_help(errno))
		text_format(&why, ": %s", shortage_help(errno));
	if (status != EXIT_ENDED)
		log_words(supervisor, LEVEL_ERROR, "start", &why);
	return status;
}

static bool watch_signals(struct supervisor *supervisor, struct signal_watch *watches[SIGNALS])
{
	static const int signals[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
	char room[200];
	struct text words = TEXT_FIXED(room);

	for (size_t i = 0; i < SIGNALS; i++) {
		watches[i] =
			signal_watch_open(supervisor->loop, signals[i], signal_seen, supervisor);
		if (!watches[i]) {
			text_shortage(&words, errno);
			supervisor_log(supervisor, LEVEL_ERROR, "start",
				"cannot watch for signals: %.*s", SLICE_ARGS(text_slice(&words)));
			return false;
		}
	}
	return true;
}

static void work(struct supervisor *supervisor)
{
	struct signal_watch *watches[SIGNALS] = {0};

	supervisor->exit_status = EXIT_FAILED;
	if (watch_signals(supervisor, watches)) {
		supervisor->exit_status = EXIT_ENDED;
		staff_init(supervisor);
		supervisor_wake(supervisor);
		timer_set(&supervisor->timer, 0);
		loop_run(supervisor->loop);
	}
	for (size_t i = 0; i < SIGNALS; i++)
		signal_watch_close(watches[i]);
}

static void end(struct supervisor *supervisor)
{
	timer_clear(&supervisor->timer);
	reload_drop(supervisor);
	listeners_close(&supervisor->listeners);
	for (size_t i = 0; i < supervisor->control_socket_count; i++)
		close(supervisor->control_sockets[i]);
	locals_close(supervisor);
	feeds_close(supervisor);
	if (supervisor->control_socket_count > 0)
		unlinkat(supervisor->state.folder, "control.sock", 0);
	if (supervisor->census >= 0)
		close(supervisor->census);
	state_close(&supervisor->state);
	configuration_free(supervisor->configuration);
	arena_free(supervisor->arena);
}

static void init(
	struct supervisor *supervisor, const struct supervisor_options *options, struct loop *loop)
{
	*supervisor = (struct supervisor){.options = options,
		.loop = loop,
		.form = log_form_of(STDERR_FILENO),
		.arena = arena_new(),
		.hook = {.run = staff_advance},
		.census = -1,
		.state = {.folder = -1,
			.spool = -1,
			.journal = -1,
			.policy = -1,
			.accounts = -1,
			.secret = -1,
			.self_key = -1,
			.self_certificate = -1,
			.lock = -1}};
	list_init(&supervisor->listeners);
	list_init(&supervisor->reload.fresh);
	timer_init(&supervisor->timer, supervisor->loop, timer_rings);
	supervisor->started = loop_wall(supervisor->loop);
}

static void say_cannot_start(int error)
{
	char room[200];
	struct text words = TEXT_FIXED(room);

	text_shortage(&words, error);
	fprintf(stderr, "posternd: cannot start: %.*s\n", SLICE_ARGS(text_slice(&words)));
}

int supervisor_run(const struct supervisor_options *options)
{
	struct supervisor *supervisor = malloc(sizeof *supervisor);
	struct loop *loop = supervisor ? loop_open() : NULL;

	if (!loop) {
		say_cannot_start(errno);
		free(supervisor);
		return EXIT_FAILED;
	}
	init(supervisor, options, loop);
	int status = begin(supervisor);
	if (status == EXIT_ENDED) {
		work(supervisor);
		status = supervisor->exit_status;
		supervisor_log(supervisor, LEVEL_INFO, "ended", "exit status %d", status);
	}
	end(supervisor);
	if (!options->one_process) /* roles may leave tasks in a loop they share */
		loop_close(loop);
	free(supervisor);
	return status;
}

int supervisor_check(const char *config)
{
	char buffer[512];
	struct text why = TEXT_FIXED(buffer), shown = TEXT_GROWING;
	struct configuration *configuration = configuration_read(config, &why);
	bool good = configuration && configuration->policy;

	if (configuration)
		configuration_show(configuration, &shown);
	else
		fprintf(stderr, "posternd: %.*s\n", SLICE_ARGS(text_slice(&why)));
	if (good && policy_proof(configuration->policy))
		text_proof(&shown, configuration->policy, policy_proof(configuration->policy));
	fprintf(stderr, "%.*s", SLICE_ARGS(text_slice(&shown)));
	if (good)
		fprintf(stderr, "posternd: %s is good (policy %s)\n",
			config ? config : "the built-in configuration", configuration->bundle.hash);
	text_free(&shown);
	configuration_free(configuration);
	return good ? EXIT_ENDED : EXIT_REFUSED;
}
