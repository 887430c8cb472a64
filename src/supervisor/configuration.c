/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a configuration: a child gathers the files and proves that they can be parsed, before
 * this process, which may be root, looks at the result. Read configuration.h first. */
#include "supervisor/configuration.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/key_files.h"
#include "supervisor/supervisor.h"

enum {
	SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
	CHILD_SECONDS = 60, /* a configuration that takes longer is taken for an endless one */
	NOBODY = 65534,
	NO_DESCRIPTORS = 3, /* the child's status */
};

/* ---- in the child ---- */

static bool write_all(int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t written = write(fd, bytes.at, bytes.len);
		if (written < 0)
			return false;
		bytes = slice_from(bytes, (size_t)written);
	}
	return true;
}

static void gather(const char *path, struct arena *arena, struct bundle *bundle)
{
	if (path)
		bundle_gather(path, arena, bundle);
	else
		bundle_of_text(SLICE("built-in"), policy_built_in_text(), arena, bundle);
}

/* Files may be readable by root alone, so rights are dropped after they are gathered and before the
 * whole is proved. What is wrong with it the parent finds again, in a parser that held once. */
_Noreturn static void gather_and_prove(const char *path, int fd)
{
	struct arena *arena = arena_new();
	struct bundle bundle;
	struct complaints complaints;

	alarm(CHILD_SECONDS);
	int spare = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (spare < 0) /* it would look as if no file could be read */
		_exit(NO_DESCRIPTORS);
	close(spare);
	gather(path, arena, &bundle);
	if (!write_all(fd, bundle.bytes))
		_exit(EXIT_FAILED);
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
				      setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(EXIT_FAILED);
	complaints_init(&complaints);
	policy_load(&bundle, &complaints);
	_exit(EXIT_ENDED);
}

/* ---- in the supervisor ---- */

static bool child_did_well(pid_t child, struct text *why)
{
	int how = 0;

	while (waitpid(child, &how, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(how) && WEXITSTATUS(how) == EXIT_ENDED)
		return true;
	if (WIFEXITED(how) && WEXITSTATUS(how) == NO_DESCRIPTORS) {
		errno = EMFILE;
		text_format(why, "the configuration cannot be read: %s", strerror(errno));
	} else if (WIFSIGNALED(how))
		text_format(why,
			"the child that reads the configuration was killed by signal %d (%s)",
			WTERMSIG(how), strsignal(WTERMSIG(how)));
	else
		text_put(why, SLICE("the configuration cannot be read into memory"));
	return false;
}

static bool fill_in_child(const char *path, int fd, struct text *why)
{
	pid_t child = fork();

	if (child == 0)
		gather_and_prove(path, fd);
	if (child < 0) {
		text_format(why, "cannot fork: %s", strerror(errno));
		return false;
	}
	return child_did_well(child, why);
}

static bool seal_and_map(int fd, struct slice *bytes, struct text *why)
{
	struct stat facts = {0};
	void *at = MAP_FAILED;

	if (fcntl(fd, F_ADD_SEALS, SEALS) == 0 && fstat(fd, &facts) == 0)
		at = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED) {
		text_format(why, "cannot seal the configuration: %s", strerror(errno));
		return false;
	}
	*bytes = (struct slice){at, (size_t)facts.st_size};
	return true;
}

bool configuration_path(
	const struct configuration *configuration, struct slice path, char *full, size_t size)
{
	struct text text = {.at = full, .size = size};

	if (!slice_starts(path, SLICE("/")))
		text_put(&text, configuration->folder);
	text_put(&text, path);
	text_char(&text, '\0');
	return !text.cut;
}

static struct stamp stamp_of(const struct configuration *configuration, struct slice path)
{
	char full[2048];
	struct stat facts;

	if (!configuration_path(configuration, path, full, sizeof full) || stat(full, &facts) < 0)
		return (struct stamp){0};
	return (struct stamp){
		facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_size, facts.st_ino};
}

static bool has_moved(
	const struct configuration *configuration, struct slice path, struct stamp *before)
{
	struct stamp now = stamp_of(configuration, path);
	bool moved = now.seconds != before->seconds || now.nanoseconds != before->nanoseconds ||
		     now.size != before->size || now.inode != before->inode;

	*before = now;
	return moved;
}

bool configuration_has_changed(struct configuration *configuration)
{
	bool changed = false;

	for (size_t i = 1; i < configuration->bundle.count; i++) {
		if (configuration->bundle.files[i].kind == BUNDLE_NAMES)
			continue;
		changed |= has_moved(configuration, configuration->bundle.files[i].path,
			&configuration->stamps[i]);
	}
	for (size_t i = 0; i < configuration->key_count; i++)
		changed |= has_moved(
			configuration, configuration->keys[i].path, &configuration->keys[i].stamp);
	return changed;
}

static unsigned processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

unsigned edges_suiting(unsigned processor_count)
{
	unsigned half = processor_count / 2;

	return half < 1 ? 1 : half > EDGES_MAX ? EDGES_MAX : half;
}

static bool open_bundle(struct configuration *configuration, const char *path, struct text *why)
{
	struct slice bytes = SLICE_NONE;

	if (!seal_and_map(configuration->fd, &bytes, why))
		return false;
	if (!bundle_open(bytes, configuration->arena, &configuration->bundle)) {
		text_put(why, SLICE("the configuration's bundle is damaged"));
		return false;
	}
	struct slice whole = slice_of(path);
	size_t slash = slice_find_last(whole, '/');
	configuration->folder = slash == SIZE_MAX ? SLICE_NONE : slice_part(whole, 0, slash + 1);
	configuration->folder = arena_slice(configuration->arena, configuration->folder);
	configuration->stamps =
		ARENA_ARRAY(configuration->arena, struct stamp, configuration->bundle.count);
	return true;
}

/* A policy that asks for what this version does not serve is refused here, by name; `check` and
 * `trial` take it. */
static struct policy *load_to_serve(struct configuration *configuration)
{
	struct complaints *complaints = &configuration->complaints;
	struct policy *policy = policy_load(&configuration->bundle, complaints);

	if (!policy)
		return NULL;
	bool lacks = policy_cannot_serve(policy, complaints);
	lacks |= policy_lacks_certificates(
		policy, &configuration->bundle, SEVERITY_ERROR, complaints);
	lacks |= !lacks && !key_files_open(configuration, policy);
	if (!lacks)
		return policy;
	policy_unref(policy);
	return NULL;
}

struct configuration *configuration_read(const char *path, struct text *why)
{
	struct arena *arena = arena_new();
	struct configuration *configuration = ARENA_NEW(arena, struct configuration);

	configuration->arena = arena;
	complaints_init(&configuration->complaints);
	configuration->fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (configuration->fd < 0)
		text_format(why, "cannot make a memory file: %s", strerror(errno));
	if (configuration->fd < 0 || !fill_in_child(path, configuration->fd, why) ||
		!open_bundle(configuration, path, why)) {
		configuration_free(configuration);
		return NULL;
	}
	configuration->policy = load_to_serve(configuration);
	configuration_has_changed(configuration); /* takes the first stamps */
	if (configuration->policy) {
		unsigned written = policy_settings(configuration->policy)->edges;
		configuration->edges = written ? written : edges_suiting(processors());
	}
	return configuration;
}

void configuration_free(struct configuration *configuration)
{
	if (!configuration)
		return;
	struct slice bytes = configuration->bundle.bytes;
	key_files_close(configuration);
	policy_unref(configuration->policy);
	complaints_free(&configuration->complaints);
	if (bytes.len > 0)
		munmap((void *)(uintptr_t)bytes.at, bytes.len);
	if (configuration->fd >= 0)
		close(configuration->fd);
	arena_free(configuration->arena);
}

void configuration_show(const struct configuration *configuration, struct text *text)
{
	for (size_t i = 0; i < configuration->complaints.count; i++)
		text_complaint(text, &configuration->complaints.list[i]);
}
