/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers. The contract is in random.h. */
#include "run/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/panic.h"

void random_bytes(void *bytes, size_t size)
{
	char *at = bytes;

	while (size != 0) {
		ssize_t n = getrandom(at, size, 0);
		panic_if(n < 0 && errno != EINTR, "the kernel gives no random bytes");
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
}

uint64_t random_u64(void)
{
	uint64_t number;

	random_bytes(&number, sizeof number);
	return number;
}

uint64_t random_below(uint64_t limit)
{
	uint64_t number;

	if (limit == 0)
		return 0;
	uint64_t uneven = -limit % limit; /* 2^64 mod limit: the numbers that would be too many */
	do
		number = random_u64();
	while (number < uneven);
	return number % limit;
}
