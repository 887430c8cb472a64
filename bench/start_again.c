/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For instructions.py: under valgrind /proc/self/exe is valgrind, so a posternd that starts itself
 * again starts that. Preloaded, this starts the program that POSTERND names instead.
 */
#include <dlfcn.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

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
