/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes. The contract is in process.h. A pidfd names the child without the races of a
 * number, and becomes readable when the child ends. Where there is none (a kernel before 5.3,
 * valgrind) the child is asked for again and again. */
#include "run/process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/text.h"
#include "run/inside.h"

#define OURSELVES "/proc/self/exe"
#define ASK_EVERY (20 * NS_PER_MS)

struct process {
	struct watch watch;  /* of the pidfd */
	struct timer asking; /* where there is none */
	pid_t pid;
	bool running;
	void (*ended)(void *owner, struct process *process, struct process_end end);
	void *owner;
};

/* --- starting --- */

/* The child's descriptors: 0, 1, 2 as ours, `fd` as 3, and no other. */
static int descriptors_of_child(posix_spawn_file_actions_t *actions, int fd)
{
	int error = 0;

	if (fd >= 0)
		error = posix_spawn_file_actions_adddup2(actions, fd, PROCESS_FD);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(
			actions, fd >= 0 ? PROCESS_FD + 1 : PROCESS_FD);
	return error;
}

static int signals_of_child(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	int error = posix_spawnattr_setsigmask(attributes, &none);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attributes, &all);
	if (error == 0)
		error = posix_spawnattr_setflags(
			attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return error;
}

/* posix_spawn() promises not to change what argv points at. */
static int spawn(const char *const *argv, int fd, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	union {
		const char *const *ours;
		char *const *theirs;
	} arguments = {.ours = argv};

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	int error = descriptors_of_child(&actions, fd);
	if (error == 0)
		error = signals_of_child(&attributes);
	if (error == 0)
		error = posix_spawn(
			pid, OURSELVES, &actions, &attributes, arguments.theirs, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static struct process_end wait_for(struct process *process)
{
	siginfo_t info = {0};
	int result;

	do
		result = waitid(P_PID, (id_t)process->pid, &info, WEXITED);
	while (result != 0 && errno == EINTR);
	panic_if(result != 0, "child %d cannot be waited for", (int)process->pid);
	timer_clear(&process->asking);
	watch_end(&process->watch);
	if (process->watch.fd >= 0)
		close(process->watch.fd);
	process->watch.loop->wakers--;
	process->running = false;
	return (struct process_end){.killed = info.si_code != CLD_EXITED, .number = info.si_status};
}

static void child_ended(struct watch *watch)
{
	struct process *process = LIST_OBJECT(struct process, watch, watch);
	struct process_end end = wait_for(process);

	process->ended(process->owner, process, end);
}

static void ask(struct timer *timer)
{
	struct process *process = LIST_OBJECT(struct process, timer, asking);
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		info.si_pid == process->pid)
		child_ended(&process->watch);
	else
		timer_set(timer, loop_mono(timer->loop) + ASK_EVERY);
}

static bool watch_child(struct process *process)
{
	if (process->watch.fd >= 0)
		watch_reading(&process->watch);
	else if (errno == ENOSYS)
		timer_set(&process->asking, loop_mono(process->watch.loop) + ASK_EVERY);
	else
		return false;
	return true;
}

struct process *process_start(struct loop *loop, const char *const *argv, int fd,
	void (*ended)(void *owner, struct process *process, struct process_end end), void *owner)
{
	if (loop->host->simulated) {
		errno = ENOTSUP;
		return NULL;
	}
	struct process *process = calloc(1, sizeof *process);
	panic_if(!process, "no memory for a process");
	process->ended = ended;
	process->owner = owner;
	int error = spawn(argv, fd, &process->pid);
	if (error != 0) {
		free(process);
		errno = error;
		return NULL;
	}
	process->running = true;
	loop->wakers++;
	timer_init(&process->asking, loop, ask);
	watch_init(&process->watch, loop, pidfd_open(process->pid, 0), child_ended);
	if (watch_child(process))
		return process;
	error = errno;
	process_close(process);
	errno = error;
	return NULL;
}

/* --- and ending --- */

pid_t process_pid(const struct process *process)
{
	return process->pid;
}

/* Until it is waited for, nobody else gets its number. */
void process_kill(struct process *process, int signo)
{
	if (process->running)
		kill(process->pid, signo);
}

void process_close(struct process *process)
{
	if (!process)
		return;
	process_kill(process, SIGKILL);
	if (process->running)
		(void)wait_for(process);
	free(process);
}

void text_process_end(struct text *text, struct process_end end)
{
	const char *words = end.killed ? strsignal(end.number) : NULL;

	if (end.killed)
		text_format(text, "was killed by signal %d (%s)", end.number, words ? words : "?");
	else
		text_format(text, "left with status %d", end.number);
}
