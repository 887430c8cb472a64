/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected, over all processes that accept: a memory file which they share, with a column
 * for each. A process writes its own column alone and reads all of them, so nobody waits for
 * anybody; the column of a process that died is cleared by the supervisor, who made the file.
 *
 * What is counted has a key: an address (one IPv4 address, or one IPv6 /64), or a name. Of each the
 * open connections are known, and how many came within the last minute, counted in steps of 6 s:
 * the limit holds in every 60 s, and who has used it up waits at most 66 s. Two processes that
 *enter the last place in the same moment may both be turned away; they never both get in.
 *
 * A column has room for 65,536 keys. Beyond, and where 32 neighbours of a key are taken, the key
 * with no open connection that was used longest ago is forgotten, its minute with it; if all 32
 * have open connections the newcomer is let in uncounted (`census_enter()` says so).
 *
 *	int fd = census_new(edges + 1);                     the supervisor: edges, then pop
 *	struct census *census = census_open(fd, slot);                    a process
 *	uint64_t key = census_key_of_address(census, &from);
 *	if (census_enter(census, key, now, 50, 300) == CENSUS_ENTERED) … census_leave(census, key);
 */
#ifndef ROLE_CENSUS_H
#define ROLE_CENSUS_H

#include "base/address.h"
#include "base/clock.h"

struct census;

/* A sealed memory file for so many columns; -1 and errno. */
int census_new(unsigned columns);
void census_clear(int fd, unsigned column); /* whose process has ended */

enum { CENSUS_LAST = UINT16_MAX }; /* as a column: the last one */
/* NULL where `fd` is no file of census_new() or has no such column. `fd` stays the caller's. */
struct census *census_open(int fd, unsigned column);
void census_close(struct census *census); /* NULL is fine */

/* Never 0. Hashed with a secret, so that nobody chooses who shares his place in the table. */
uint64_t census_key_of_address(const struct census *census, const struct address *address);
uint64_t census_key_of_name(const struct census *census, struct slice name);

enum entrance {
	CENSUS_ENTERED,
	CENSUS_UNCOUNTED, /* let in, but there was no room to count it: do not leave */
	CENSUS_TOO_MANY_OPEN,
	CENSUS_TOO_MANY_A_MINUTE,
};
/* UINT64_MAX is unlimited. Who is turned away is not counted. */
enum entrance census_enter(struct census *census, uint64_t key, mono_ns now, uint64_t most_open,
	uint64_t most_a_minute);
void census_leave(struct census *census, uint64_t key);
uint64_t census_open_of(const struct census *census, uint64_t key); /* now, in all columns */

/* All that are connected, whatever their keys. */
void census_add(struct census *census);
void census_take(struct census *census);
uint64_t census_total(const struct census *census);

#endif
