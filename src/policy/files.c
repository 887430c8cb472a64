/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the files that a configuration names. The contract is in files.h. */
#include "policy/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "policy/parser.h"

enum { FILE_SIZE_MAX = 64 << 20, FILE_READ_STEP = 1 << 16, FILES_MAX = 20000 };

static struct slice path_on_disk(const struct files *files, struct slice path)
{
	if (files->folder.len == 0 || slice_starts(path, SLICE("/")))
		return path;
	return arena_format(files->arena, "%.*s%.*s", SLICE_ARGS(files->folder), SLICE_ARGS(path));
}

/* Everything up to the end; false with errno set. */
static bool descriptor_read_all(int fd, struct text *text)
{
	for (;;) {
		char *room = text_reserve(text, FILE_READ_STEP);
		ssize_t got = read(fd, room, FILE_READ_STEP);
		text->len -= FILE_READ_STEP - (size_t)(got > 0 ? got : 0);
		if (got <= 0)
			return got == 0;
		if (text->len > FILE_SIZE_MAX) {
			errno = EFBIG;
			return false;
		}
	}
}

/* A file may hold the private key beside its certificate; that must not get into a bundle, which
 * every process reads and the state folder keeps. */
static struct slice certificates_alone(struct slice bytes, struct arena *arena)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----",
			  end[] = "-----END CERTIFICATE-----";
	struct text kept = TEXT_GROWING;

	for (const char *at; (at = memmem(bytes.at, bytes.len, begin, sizeof begin - 1));) {
		bytes = slice_from(bytes, (size_t)(at - bytes.at));
		const char *stop = memmem(bytes.at, bytes.len, end, sizeof end - 1);
		if (!stop)
			break;
		size_t len = (size_t)(stop - bytes.at) + sizeof end - 1;
		text_put(&kept, slice_part(bytes, 0, len));
		text_char(&kept, '\n');
		bytes = slice_from(bytes, len);
	}
	struct slice copy = arena_slice(arena, text_slice(&kept));
	text_free(&kept);
	return copy;
}

static void file_read(struct files *files, struct bundle_file *file)
{
	char *path = arena_string(files->arena, path_on_disk(files, file->path));
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct text text = TEXT_GROWING;

	file->missing = fd < 0 || !descriptor_read_all(fd, &text);
	if (file->missing)
		file->why = arena_slice(files->arena, slice_of(strerrordesc_np(errno)));
	else if (file->kind == BUNDLE_CERTIFICATE)
		file->bytes = certificates_alone(text_slice(&text), files->arena);
	else
		file->bytes = arena_slice(files->arena, text_slice(&text));
	text_free(&text);
	if (fd >= 0)
		close(fd);
}

static struct bundle_file *file_add(struct files *files, enum bundle_kind kind, struct slice path)
{
	struct bundle *bundle = files->growing;

	if (bundle->count == files->size) {
		files->size = files->size ? 2 * files->size : 8;
		struct bundle_file *all =
			ARENA_ARRAY(files->arena, struct bundle_file, files->size);
		if (bundle->count)
			memcpy(all, bundle->files, bundle->count * sizeof *all);
		bundle->files = all;
	}
	struct bundle_file *file = &bundle->files[bundle->count++];
	*file = (struct bundle_file){.kind = kind, .path = arena_slice(files->arena, path)};
	return file;
}

const struct bundle_file *files_want(struct files *files, enum bundle_kind kind, struct slice path)
{
	const struct bundle_file *found = bundle_find(files->bundle, path);
	bool readable = path.len > 0 && path.len < 4096 && !slice_has(path, '\0');

	if (found || !files->growing || !readable || files->growing->count >= FILES_MAX)
		return found;
	struct bundle_file *file = file_add(files, kind, path);
	file_read(files, file);
	return file;
}

static const struct bundle_file *names_find(const struct bundle *bundle, struct slice pattern)
{
	for (size_t i = 0; i < bundle->count; i++)
		if (bundle->files[i].kind == BUNDLE_NAMES &&
			slice_is(bundle->files[i].path, pattern))
			return &bundle->files[i];
	return NULL;
}

/* A path found on disk, as the configuration would write it. */
static struct slice path_as_written(
	const struct files *files, struct slice pattern, struct slice path)
{
	return slice_starts(pattern, SLICE("/")) ? path : slice_from(path, files->folder.len);
}

static struct slice names_on_disk(struct files *files, struct slice pattern)
{
	struct text names = TEXT_GROWING;
	glob_t found = {0};

	if (glob(arena_string(files->arena, path_on_disk(files, pattern)), 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			text_put(&names,
				path_as_written(files, pattern, slice_of(found.gl_pathv[i])));
			text_char(&names, '\n');
		}
	globfree(&found);
	struct slice copy = arena_slice(files->arena, text_slice(&names));
	text_free(&names);
	return copy;
}

struct slice files_matching(struct files *files, struct slice pattern)
{
	if (!slice_has(pattern, '*') && !slice_has(pattern, '?'))
		return pattern;
	const struct bundle_file *found = names_find(files->bundle, pattern);
	if (found)
		return found->bytes;
	if (!files->growing || files->growing->count >= FILES_MAX || slice_has(pattern, '\0'))
		return SLICE_NONE;
	struct slice names = names_on_disk(files, pattern);
	file_add(files, BUNDLE_NAMES, pattern)->bytes = names;
	return names;
}

static void files_follow(struct files *files)
{
	struct complaints unheard;

	complaints_init(&unheard);
	parser_gather(files, &unheard);
	complaints_free(&unheard);
}

void files_gather(struct bundle *bundle, struct slice path, struct arena *arena)
{
	size_t slash = slice_find_last(path, '/');
	struct files files = {.bundle = bundle, .growing = bundle, .arena = arena};

	files_want(&files, BUNDLE_CONFIGURATION, path);
	if (slash != SIZE_MAX)
		files.folder = arena_slice(arena, slice_part(path, 0, slash + 1));
	files_follow(&files);
}

void files_gather_text(
	struct bundle *bundle, struct slice name, struct slice text, struct arena *arena)
{
	struct files files = {.bundle = bundle, .growing = bundle, .arena = arena};

	file_add(&files, BUNDLE_CONFIGURATION, name)->bytes = arena_slice(arena, text);
	files_follow(&files);
}
