/* SPDX-License-Identifier: Apache-2.0 */
/* Counters at rest. The contract is in counters_file.h. */
#include "accounts/counters_file.h"

#include "base/crc32c.h"
#include "base/panic.h"

#define MAGIC SLICE("postlim\n")
enum { HEADER = 16, RECORD_HEAD = 8, MOMENT = 12, KEY_MOST = 4096 };

void counters_file_begin(struct text *out)
{
	char raw[HEADER];
	struct writer writer = writer_over(raw, sizeof raw);

	write_bytes(&writer, MAGIC);
	write_u32(&writer, COUNTERS_FORMAT);
	write_u32(&writer, crc32c(0, writer_slice(&writer)));
	text_put(out, writer_slice(&writer));
}

void counters_file_put(struct text *out, struct slice key, mono_ns period,
	const struct kept_moment *moments, size_t count)
{
	size_t size = RECORD_HEAD + 2 + key.len + 8 + count * MOMENT;

	panic_if(key.len > KEY_MOST || count > RECORD_MOMENTS, "a record of a counter too large");
	char *at = text_reserve(out, size);
	panic_if(!at, "records go to a growing text");
	struct writer head = writer_over(at, RECORD_HEAD);
	struct writer body = writer_over(at + RECORD_HEAD, size - RECORD_HEAD);
	write_counted(&body, key);
	write_u64(&body, (uint64_t)period);
	for (size_t i = 0; i < count; i++) {
		write_u64(&body, (uint64_t)moments[i].when);
		write_u32(&body,
			moments[i].places > UINT32_MAX ? UINT32_MAX : (uint32_t)moments[i].places);
	}
	struct slice bytes = writer_slice(&body);
	uint32_t length = (uint32_t)bytes.len;
	char raw[4];
	struct writer length_bytes = writer_over(raw, sizeof raw);
	write_u32(&length_bytes, length);
	write_u32(&head, crc32c(crc32c(0, writer_slice(&length_bytes)), bytes));
	write_u32(&head, length);
}

enum counters_file counters_file_open(struct slice *s, uint32_t *format)
{
	struct reader in = reader_of(slice_part(*s, 0, HEADER));
	bool ours = slice_is(read_bytes(&in, MAGIC.len), MAGIC);

	*format = read_u32(&in);
	uint32_t crc = read_u32(&in);
	if (in.bad || !ours || crc != crc32c(0, slice_part(*s, 0, HEADER - 4)))
		return COUNTERS_FILE_DAMAGED;
	*s = slice_from(*s, HEADER);
	return *format > COUNTERS_FORMAT ? COUNTERS_FILE_NEWER : COUNTERS_FILE_OK;
}

static bool record_read(struct slice body, struct counters_record *record)
{
	struct reader in = reader_of(body);

	record->key = read_counted(&in);
	record->period = (mono_ns)read_u64(&in);
	record->moments = in.left;
	return !in.bad && record->key.len <= KEY_MOST && record->period > 0 &&
	       record->moments.len % MOMENT == 0;
}

bool counters_file_next(struct slice *s, struct counters_record *record)
{
	struct reader in = reader_of(*s);
	uint32_t crc = read_u32(&in), length = read_u32(&in);
	struct slice body = read_bytes(&in, length);

	if (in.bad || crc != crc32c(0, slice_part(*s, 4, RECORD_HEAD + length)) ||
		!record_read(body, record))
		return false;
	*s = in.left;
	return true;
}

bool counters_file_moment(struct slice *moments, struct kept_moment *moment)
{
	struct reader in = reader_of(*moments);

	moment->when = (wall_ns)read_u64(&in);
	moment->places = read_u32(&in);
	*moments = in.left;
	return !in.bad;
}
