/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests and fuzzers of this room: every message goes out and comes back the same, every
 * shorter or longer body is refused, and what a decoder accepts encodes to the same bytes again.
 */
#ifndef PACKETS_ROUND_TRIP_H
#define PACKETS_ROUND_TRIP_H

#include <string.h>

#include "base/cursor.h"
#include "base/panic.h"

enum { ROUND_TRIP_MAX = 1 << 18 };

/* `name`(state): `sent` comes back with `same` (an expression over `sent` and `got`) true.
 * `open_end`: the last field is all that is left, so a longer or shorter one is another message. */
#define ROUND_TRIP(name, kind, open_end, same, ...)                                                \
	static void name(void **state)                                                             \
	{                                                                                          \
		static char buffer[4096], cut[4096];                                               \
		struct writer out = writer_over(buffer, sizeof buffer);                            \
		const struct kind sent = {__VA_ARGS__};                                            \
		struct kind got;                                                                   \
		(void)state;                                                                       \
		kind##_write(&out, &sent);                                                         \
		assert_false(out.bad);                                                             \
		assert_true(kind##_read(writer_slice(&out), &got));                                \
		assert_true(same);                                                                 \
		memcpy(cut, buffer, sizeof cut);                                                   \
		for (size_t len = 0; !(open_end) && len < out.len; len++)                          \
			assert_false(kind##_read((struct slice){cut, len}, &got));                 \
		if (!(open_end))                                                                   \
			assert_false(kind##_read((struct slice){cut, out.len + 1}, &got));         \
	}

#define DECODES_TO_ONE_FORM(kind, body)                                                            \
	do {                                                                                       \
		static char buffer[ROUND_TRIP_MAX];                                                \
		struct kind m;                                                                     \
		if (kind##_read(body, &m)) {                                                       \
			struct writer out = writer_over(buffer, sizeof buffer);                    \
			kind##_write(&out, &m);                                                    \
			panic_if(out.bad || !slice_is(writer_slice(&out), body),                   \
				#kind " has a second encoding");                                   \
		}                                                                                  \
	} while (0)

#endif
