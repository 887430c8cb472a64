/* SPDX-License-Identifier: Apache-2.0 */
/* The shared page. Read census.h first. What stands in other columns is only ever added up: a
 * process that writes nonsense into the page turns clients away, or lets them in, and no more. */
#include "role/census.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/slice.h"

enum {
	PLACES = 1 << 16,
	NEIGHBOURS = 32,
	STEPS = 11, /* ten whole ones make a minute; the eleventh is under way */
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
};
#define STEP_NS (6 * NS_PER_S)

struct census_place {
	_Atomic uint64_t key; /* 0: nobody's so far; a place never becomes that again */
	_Atomic uint32_t open;
	_Atomic uint32_t step; /* in which `came` was written last */
	_Atomic uint32_t
		came[STEPS]; /* in the step `step`, and in ten before it, by step % STEPS */
	uint32_t unused;
};
_Static_assert(sizeof(struct census_place) == 64, "a place is one line of the cache");

struct census_column {
	_Atomic uint64_t open;
	char unused[4096 - sizeof(uint64_t)];
	struct census_place places[PLACES];
};

struct census_head {
	uint64_t columns;
	uint64_t seed[2];
	char unused[4096 - 3 * sizeof(uint64_t)];
};

struct census {
	struct census_head *head;
	struct census_column *columns, *own;
	unsigned count;
};

/* ---- the file ---- */

static size_t file_size(uint64_t columns)
{
	return sizeof(struct census_head) + (size_t)columns * sizeof(struct census_column);
}

static bool file_fill(int fd, unsigned columns)
{
	struct census_head head = {.columns = columns};

	return getrandom(head.seed, sizeof head.seed, 0) == sizeof head.seed &&
	       ftruncate(fd, (off_t)file_size(columns)) == 0 &&
	       pwrite(fd, &head, sizeof head, 0) == sizeof head &&
	       fcntl(fd, F_ADD_SEALS, SEALS) == 0;
}

int census_new(unsigned columns)
{
	int fd = memfd_create("census", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || file_fill(fd, columns))
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* A hole reads as zeros, and gives the memory back. */
void census_clear(int fd, unsigned column)
{
	off_t at = (off_t)file_size(column);

	panic_if(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			 (off_t)sizeof(struct census_column)) < 0,
		"a column of the census cannot be cleared: %s", strerror(errno));
}

static bool file_is_census(int fd, uint64_t *columns)
{
	struct stat facts;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &facts) == 0 &&
	       pread(fd, columns, sizeof *columns, 0) == sizeof *columns &&
	       *columns <= UINT16_MAX && (size_t)facts.st_size == file_size(*columns);
}

struct census *census_open(int fd, unsigned column)
{
	uint64_t columns = 0;

	if (!file_is_census(fd, &columns) || columns == 0)
		return NULL;
	if (column == CENSUS_LAST)
		column = (unsigned)columns - 1;
	if (column >= columns)
		return NULL;
	char *at = mmap(NULL, file_size(columns), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return NULL;
	struct census *census = calloc(1, sizeof *census);
	panic_if(!census, "no memory for a census");
	census->head = (void *)at;
	census->columns = (void *)(at + sizeof *census->head);
	census->own = &census->columns[column];
	census->count = (unsigned)columns;
	return census;
}

void census_close(struct census *census)
{
	if (!census)
		return;
	munmap(census->head, file_size(census->count));
	free(census);
}

/* ---- keys ---- */

static uint64_t mix(uint64_t hash)
{
	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
	return hash ^ hash >> 32;
}

/* Both halves of the secret enter around each word; nobody outside ever sees a hash. */
static uint64_t key_of(const struct census *census, uint64_t kind, struct slice bytes)
{
	uint64_t hash = mix(census->head->seed[0] ^ kind), word;

	while (bytes.len) {
		struct slice part = slice_part(bytes, 0, sizeof word);
		word = 0;
		memcpy(&word, part.at, part.len);
		hash = mix(hash ^ word) ^ census->head->seed[1];
		bytes = slice_from(bytes, part.len);
	}
	hash = mix(hash);
	return hash ? hash : 1;
}

uint64_t census_key_of_address(const struct census *census, const struct address *address)
{
	return key_of(census, address->is_v4,
		(struct slice){(const char *)address->bytes, address->is_v4 ? 16 : 8});
}

uint64_t census_key_of_name(const struct census *census, struct slice name)
{
	return key_of(census, 2 + (uint64_t)name.len, name);
}

/* ---- a column ---- */

static uint32_t step_at(mono_ns now)
{
	return (uint32_t)(now / STEP_NS);
}

static struct census_place *place_after(struct census_column *column, uint64_t key, unsigned i)
{
	return &column->places[(key + i) % PLACES];
}

static struct census_place *place_find(struct census_column *column, uint64_t key)
{
	for (unsigned i = 0; i < NEIGHBOURS; i++) {
		struct census_place *place = place_after(column, key, i);
		uint64_t found = atomic_load(&place->key);
		if (found == key)
			return place;
		if (found == 0)
			return NULL;
	}
	return NULL;
}

/* The first that is free, or else the one that nobody has used for longest. */
static struct census_place *place_for_newcomer(struct census_column *column, uint64_t key)
{
	struct census_place *oldest = NULL;

	for (unsigned i = 0; i < NEIGHBOURS; i++) {
		struct census_place *place = place_after(column, key, i);
		if (atomic_load(&place->key) == 0)
			return place;
		if (atomic_load(&place->open) == 0 &&
			(!oldest || atomic_load(&place->step) < atomic_load(&oldest->step)))
			oldest = place;
	}
	return oldest;
}

/* Readers in other processes take the numbers before the key: for them the place is empty first. */
static struct census_place *place_make(struct census_column *column, uint64_t key, uint32_t step)
{
	struct census_place *place = place_for_newcomer(column, key);

	if (!place)
		return NULL;
	for (unsigned i = 0; i < STEPS; i++)
		atomic_store(&place->came[i], 0);
	atomic_store(&place->step, step);
	atomic_store(&place->key, key);
	return place;
}

/* The steps between the last one written and this one have brought nobody. */
static void place_turn(struct census_place *place, uint32_t step)
{
	uint32_t from = atomic_load(&place->step);

	if (step <= from)
		return;
	for (uint32_t i = from + 1; i <= step && i - from <= STEPS; i++)
		atomic_store(&place->came[i % STEPS], 0);
	atomic_store(&place->step, step);
}

static uint64_t came_within_minute(struct census_place *place, uint32_t now)
{
	uint32_t last = atomic_load(&place->step);
	uint64_t sum = 0;

	for (uint32_t back = 0; back < STEPS && back <= last; back++)
		if (last - back + STEPS > now) /* not before the window */
			sum += atomic_load(&place->came[(last - back) % STEPS]);
	return sum;
}

/* ---- all columns ---- */

static void add_up(
	const struct census *census, uint64_t key, uint32_t step, uint64_t *open, uint64_t *came)
{
	*open = *came = 0;
	for (unsigned i = 0; i < census->count; i++) {
		struct census_place *place = place_find(&census->columns[i], key);
		if (!place)
			continue;
		*open += atomic_load(&place->open);
		*came += came_within_minute(place, step);
	}
}

/* A cleared column or a place lost must not make a count wrap. */
static void take_one(_Atomic uint32_t *count)
{
	if (atomic_load(count))
		atomic_fetch_sub(count, 1);
}

/* Counted first and asked then: of two that come at once each sees the other. */
enum entrance census_enter(struct census *census, uint64_t key, mono_ns now, uint64_t most_open,
	uint64_t most_a_minute)
{
	uint32_t step = step_at(now);
	struct census_place *place = place_find(census->own, key);
	uint64_t open, came;

	if (!place)
		place = place_make(census->own, key, step);
	if (!place)
		return CENSUS_UNCOUNTED;
	place_turn(place, step);
	_Atomic uint32_t *this_step = &place->came[atomic_load(&place->step) % STEPS];
	atomic_fetch_add(&place->open, 1);
	atomic_fetch_add(this_step, 1);
	add_up(census, key, step, &open, &came);
	if (open <= most_open && came <= most_a_minute)
		return CENSUS_ENTERED;
	take_one(&place->open);
	take_one(this_step);
	return open > most_open ? CENSUS_TOO_MANY_OPEN : CENSUS_TOO_MANY_A_MINUTE;
}

void census_leave(struct census *census, uint64_t key)
{
	struct census_place *place = place_find(census->own, key);

	if (place)
		take_one(&place->open);
}

uint64_t census_open_of(const struct census *census, uint64_t key)
{
	uint64_t open, came;

	add_up(census, key, 0, &open, &came);
	return open;
}

void census_add(struct census *census)
{
	atomic_fetch_add(&census->own->open, 1);
}

void census_take(struct census *census)
{
	if (atomic_load(&census->own->open))
		atomic_fetch_sub(&census->own->open, 1);
}

uint64_t census_total(const struct census *census)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < census->count; i++)
		total += atomic_load(&census->columns[i].open);
	return total;
}
