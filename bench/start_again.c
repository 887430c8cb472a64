/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For instructions.py, preloaded into a posternd below callgrind. Under valgrind /proc/self/exe is
 * valgrind, so a posternd that starts itself again starts that: here it starts the program that
 * POSTERND names instead. And SIGUSR2 makes callgrind write down what it counted since the last
 * time: callgrind_control cannot ask roles that have given up their user and their being traced.
 */
#include <dlfcn.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#if HAVE_VALGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_DUMP_STATS (void)0
#endif

typedef int spawn_function(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);

__attribute__((visibility("default"))) spawn_function posix_spawn;

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	const char *program = getenv("POSTERND");
	void *found = dlsym(RTLD_NEXT, "posix_spawn");
	spawn_function *next;

	if (!program || strcmp(path, "/proc/self/exe") != 0)
		program = path;
	memcpy(&next, &found, sizeof next); /* POSIX's way from an object to a function */
	return next(pid, program, actions, attributes, argv, envp);
}

static void write_down(int signo)
{
	(void)signo;
	CALLGRIND_DUMP_STATS;
}

__attribute__((constructor)) static void listen_to_the_counter(void)
{
	struct sigaction action = {.sa_handler = write_down, .sa_flags = SA_RESTART};

	sigaction(SIGUSR2, &action, NULL);
}
