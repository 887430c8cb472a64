/* SPDX-License-Identifier: Apache-2.0 */
/* Leases at rest. The contract is in leases_file.h. */
#include "accounts/leases_file.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/panic.h"

#define MAGIC SLICE("postlse\n")
enum { HEADER = 16, RECORD_HEAD = 6, FIXED = 1 + 8 + 16 + 1 + 1 + 8 + 8 + 2 };

void leases_file_begin(struct text *out)
{
	char raw[HEADER];
	struct writer writer = writer_over(raw, sizeof raw);

	write_bytes(&writer, MAGIC);
	write_u32(&writer, LEASES_FORMAT);
	write_u32(&writer, crc32c(0, writer_slice(&writer)));
	text_put(out, writer_slice(&writer));
}

enum leases_file leases_file_open(struct slice *s, uint32_t *format)
{
	struct reader in = reader_of(slice_part(*s, 0, HEADER));
	bool ours = slice_is(read_bytes(&in, MAGIC.len), MAGIC);

	*format = read_u32(&in);
	uint32_t crc = read_u32(&in);
	if (in.bad || !ours || crc != crc32c(0, slice_part(*s, 0, HEADER - 4)))
		return LEASES_FILE_DAMAGED;
	*s = slice_from(*s, HEADER);
	return *format > LEASES_FORMAT ? LEASES_FILE_NEWER : LEASES_FILE_OK;
}

void leases_file_put(struct text *out, const struct lease_record *record)
{
	const struct lease_view *lease = &record->lease;
	char raw[RECORD_HEAD + FIXED + LEASE_ACCOUNT_MOST];
	struct writer head = writer_over(raw, 4);
	struct writer body = writer_over(raw + 4, sizeof raw - 4);

	write_u16(&body, (uint16_t)(FIXED + lease->account.len));
	write_u8(&body, (uint8_t)record->what);
	write_u64(&body, (uint64_t)record->when);
	write_bytes(&body, (struct slice){(const char *)lease->client.bytes, 16});
	write_u8(&body, lease->client.is_v4);
	write_u8(&body, (uint8_t)lease->by);
	write_u64(&body, (uint64_t)lease->since);
	write_u64(&body, (uint64_t)lease->until);
	write_counted(&body, lease->account);
	panic_if(body.bad, "a record of a lease too large");
	write_u32(&head, crc32c(0, writer_slice(&body)));
	text_put(out, (struct slice){raw, 4 + body.len});
}

static bool record_read(struct slice bytes, struct lease_record *record)
{
	struct reader in = reader_of(bytes);
	struct lease_view *lease = &record->lease;

	*record = (struct lease_record){0};
	uint8_t what = read_u8(&in);
	record->when = (wall_ns)read_u64(&in);
	struct slice address = read_bytes(&in, 16);
	uint8_t is_v4 = read_u8(&in), by = read_u8(&in);
	lease->since = (mono_ns)read_u64(&in);
	lease->until = (mono_ns)read_u64(&in);
	lease->account = read_counted(&in);
	if (!read_at_end(&in) || what >= LEASE_EVENTS || by >= LEASE_BYS || is_v4 > 1)
		return false;
	memcpy(lease->client.bytes, address.at, sizeof lease->client.bytes);
	lease->client.is_v4 = is_v4;
	lease->by = (enum lease_by)by;
	record->what = (enum lease_event)what;
	return lease->account.len <= LEASE_ACCOUNT_MOST && record->when >= 0 && lease->since >= 0 &&
	       lease->until >= 0;
}

bool leases_file_next(struct slice *s, struct lease_record *record)
{
	struct reader in = reader_of(*s);
	uint32_t crc = read_u32(&in);
	uint16_t length = read_u16(&in);
	struct slice body = read_bytes(&in, length);

	if (in.bad || crc != crc32c(0, slice_part(*s, 4, RECORD_HEAD + length)) ||
		!record_read(body, record))
		return false;
	*s = in.left;
	return true;
}
