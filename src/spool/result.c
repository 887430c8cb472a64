/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of results. The contract is in result.h. */
#include "spool/result.h"

#include "base/cursor.h"
#include "base/panic.h"
#include "spool/record.h"
#include "spool/store.h"

void result_encode(struct text *out, uint8_t type, const struct result_record *result)
{
	char *room = type == RECORD_ATTEMPT ? NULL : text_reserve(out, 17);

	if (!room)
		return; /* an ATTEMPT says nothing beyond its header */
	struct writer fixed = writer_over(room, 17);
	struct slice words = slice_part(result->words, 0, RESULT_WORDS_MAX);
	write_u16(&fixed, result->recipient);
	write_u8(&fixed, result->result);
	write_u32(&fixed, result->attempt);
	write_u64(&fixed, (uint64_t)result->time);
	write_u16(&fixed, (uint16_t)words.len);
	text_put(out, words);
	panic_if(fixed.bad || out->cut, "a result does not fit its payload");
}

bool result_decode(uint8_t type, struct slice payload, struct result_record *result)
{
	struct reader in = reader_of(payload);

	*result = (struct result_record){0};
	if (type == RECORD_ATTEMPT)
		return payload.len == 0;
	result->recipient = read_u16(&in);
	result->result = read_u8(&in);
	result->attempt = read_u32(&in);
	result->time = (wall_ns)read_u64(&in);
	result->words = read_counted(&in);
	if (!read_at_end(&in))
		return false;
	if (type == RECORD_RESULT)
		return result->result >= RESULT_DELIVERED && result->result <= RESULT_REMOVED;
	return type == RECORD_DEFER && result->result == 0;
}
