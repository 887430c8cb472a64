/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without libFuzzer: over every seed in the folder given, then over mutations of
 * them until FUZZ_SECONDS have passed. Meant for the sanitizer builds of ./check; the long runs are
 * libFuzzer's (make fuzz). A crash prints the seed number that repeats it (FUZZ_SEED).
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { INPUT_MAX = 1 << 16, SEEDS_MAX = 4096 };

struct input {
	uint8_t *bytes;
	size_t size;
};

static struct input seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state += 0x9e3779b97f4a7c15u;
	uint64_t z = random_state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t random_below(size_t limit)
{
	return limit ? (size_t)(random_next() % limit) : 0;
}

static void seed_load(const char *folder, const char *name)
{
	char path[2048];
	struct input *seed = &seeds[seed_count];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (!file)
		return;
	seed->bytes = malloc(INPUT_MAX);
	if (seed->bytes) {
		seed->size = fread(seed->bytes, 1, INPUT_MAX, file);
		seed_count++;
	}
	fclose(file);
}

static void seeds_load(const char *folder)
{
	DIR *dir = opendir(folder);

	for (struct dirent *entry; dir && (entry = readdir(dir)) && seed_count < SEEDS_MAX;)
		if (entry->d_name[0] != '.')
			seed_load(folder, entry->d_name);
	if (dir)
		closedir(dir);
}

/* One mutation: a byte changed, a stretch removed, doubled or taken from another seed. */
static size_t mutate(uint8_t *bytes, size_t size)
{
	size_t at = random_below(size + 1), len = random_below(64) + 1;

	switch (random_next() % 5) {
	case 0:
		if (at < size)
			bytes[at] = (uint8_t)random_next();
		break;
	case 1:
		if (at < size)
			bytes[at] ^= (uint8_t)(1u << random_next() % 8);
		break;
	case 2:
		if (at + len <= size) {
			memmove(bytes + at, bytes + at + len, size - at - len);
			size -= len;
		}
		break;
	case 3:
		if (at + len <= size && size + len <= INPUT_MAX) {
			memmove(bytes + at + len, bytes + at, size - at);
			size += len;
		}
		break;
	default:
		if (seed_count) {
			struct input *other = &seeds[random_below(seed_count)];
			size_t from = random_below(other->size + 1);
			len = random_below(other->size - from + 1);
			if (at + len > INPUT_MAX)
				break;
			memcpy(bytes + at, other->bytes + from, len);
			size = at + len > size ? at + len : size;
		}
	}
	return size;
}

/* An allocation of exactly its size, so that AddressSanitizer sees every overrun. */
static void run_once(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return;
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_mutated(uint64_t number)
{
	static uint8_t bytes[INPUT_MAX];
	size_t size = 0;

	random_state = number;
	if (seed_count) {
		struct input *seed = &seeds[random_below(seed_count)];
		memcpy(bytes, seed->bytes, seed->size);
		size = seed->size;
	}
	for (size_t i = random_below(8) + 1; i > 0; i--)
		size = mutate(bytes, size);
	run_once(bytes, size);
}

static uint64_t current;

static void say_where(void)
{
	if (current)
		fprintf(stderr, "fuzz: FUZZ_SEED=%llu repeats it\n", (unsigned long long)current);
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("FUZZ_SECONDS"), *one = getenv("FUZZ_SEED");
	uint64_t runs = 0;

	for (int i = 1; i < argc; i++)
		seeds_load(argv[i]);
	for (size_t i = 0; i < seed_count; i++)
		run_once(seeds[i].bytes, seeds[i].size);
	if (one) {
		run_mutated(strtoull(one, NULL, 10));
		return 0;
	}
	atexit(say_where);
	time_t end = time(NULL) + (seconds ? atoi(seconds) : 2);
	for (current = (uint64_t)time(NULL) << 24; time(NULL) < end; current++, runs++)
		run_mutated(current);
	current = 0;
	printf("%zu seeds, %llu mutations\n", seed_count, (unsigned long long)runs);
	for (size_t i = 0; i < seed_count; i++)
		free(seeds[i].bytes);
	return 0;
}
