/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of a MESSAGE record, both directions. The contract is in envelope.h, the tables in
 * FORMAT.md. */
#include "spool/envelope.h"

#include <string.h>

#include "base/cursor.h"
#include "base/panic.h"

enum {
	SECTION_HEAD = 8,
	COUNTED_MAX = 0xffff,
	RECIPIENT_LEAST = 5,
	FLAGS_SHIFT = 4,
	NOTIFY_BITS = 0x0f
};

static void put_number(struct text *out, uint64_t number, unsigned bytes)
{
	char raw[8];

	for (unsigned i = 0; i < bytes; i++)
		raw[i] = (char)(uint8_t)(number >> 8 * i);
	text_put(out, (struct slice){raw, bytes});
}

/* What would be cut here is longer than any line that a session may read: a bug. */
static void put_counted(struct text *out, struct slice bytes)
{
	panic_if(bytes.len > COUNTED_MAX, "a string of %zu bytes in an envelope", bytes.len);
	put_number(out, bytes.len, 2);
	text_put(out, bytes);
}

static void put_section(struct text *out, enum section tag, uint16_t flags, uint64_t length)
{
	panic_if(length > UINT32_MAX, "a section of more than 4 GiB");
	put_number(out, tag, 2);
	put_number(out, flags, 2);
	put_number(out, length, 4);
}

static void recipients_encode(struct text *out, const struct envelope *envelope)
{
	panic_if(envelope->recipient_count > COUNTED_MAX, "%zu recipients in one message",
		envelope->recipient_count);
	put_number(out, envelope->recipient_count, 2);
	for (size_t i = 0; i < envelope->recipient_count; i++) {
		const struct envelope_recipient *recipient = &envelope->recipients[i];
		put_counted(out, recipient->address);
		put_counted(out, recipient->orcpt);
		put_number(out, (uint64_t)(recipient->flags << FLAGS_SHIFT | recipient->notify), 1);
		if (recipient->flags & ENVELOPE_RECIPIENT_REFUSED) {
			put_counted(out, recipient->reply);
			put_counted(out, recipient->reason);
		}
	}
	if (envelope->return_path.len)
		put_counted(out, envelope->return_path);
}

static void envelope_encode(struct text *out, const struct envelope *envelope)
{
	size_t start = out->len;

	put_section(out, SECTION_ENVELOPE, 0, 0);
	put_number(out, envelope->flags, 4);
	put_number(out, (uint64_t)envelope->received, 8);
	put_number(out, envelope->ret, 1);
	put_counted(out, envelope->sender);
	put_counted(out, envelope->envid);
	put_counted(out, envelope->listener);
	put_counted(out, envelope->account);
	put_counted(out, envelope->client);
	put_counted(out, envelope->client_name);
	put_counted(out, envelope->helo);
	put_counted(out, envelope->policy_hash);
	recipients_encode(out, envelope);

	size_t end = out->len;
	out->len = start; /* the head again, now that the length is known */
	put_section(out, SECTION_ENVELOPE, 0, end - start - SECTION_HEAD);
	out->len = end;
}

void message_encode(struct text *out, const struct message *message, uint64_t inline_size)
{
	envelope_encode(out, &message->envelope);
	put_section(out, SECTION_FACTS, 0, message->facts.len);
	text_put(out, message->facts);
	put_section(out, SECTION_TRACE, 0, message->trace.len);
	text_put(out, message->trace);
	put_section(out, SECTION_BODY, message->body_flags, sizeof(uint64_t) + inline_size);
	put_number(out, message->body_size, 8);
}

static struct envelope_recipient recipient_decode(struct reader *in)
{
	struct envelope_recipient recipient = {.address = read_counted(in)};

	recipient.orcpt = read_counted(in);
	uint8_t both = read_u8(in);
	recipient.notify = both & NOTIFY_BITS;
	recipient.flags = (uint8_t)(both >> FLAGS_SHIFT);
	if (recipient.flags & ENVELOPE_RECIPIENT_REFUSED) {
		recipient.reply = read_counted(in);
		recipient.reason = read_counted(in);
	}
	return recipient;
}

static bool recipients_decode(struct reader *in, struct arena *arena, struct envelope *envelope)
{
	size_t count = read_u16(in);

	/* No memory for more than the bytes can hold. */
	if (in->bad || count * RECIPIENT_LEAST > in->left.len)
		return false;
	struct envelope_recipient *recipients =
		ARENA_ARRAY(arena, struct envelope_recipient, count);
	for (size_t i = 0; i < count; i++)
		recipients[i] = recipient_decode(in);
	envelope->recipients = recipients;
	envelope->recipient_count = count;
	if (!in->bad && in->left.len)
		envelope->return_path = read_counted(in);
	return read_at_end(in);
}

static bool envelope_decode(struct slice bytes, struct arena *arena, struct envelope *envelope)
{
	struct reader in = reader_of(bytes);

	envelope->flags = read_u32(&in);
	envelope->received = (wall_ns)read_u64(&in);
	envelope->ret = read_u8(&in);
	envelope->sender = read_counted(&in);
	envelope->envid = read_counted(&in);
	envelope->listener = read_counted(&in);
	envelope->account = read_counted(&in);
	envelope->client = read_counted(&in);
	envelope->client_name = read_counted(&in);
	envelope->helo = read_counted(&in);
	envelope->policy_hash = read_counted(&in);
	return recipients_decode(&in, arena, envelope);
}

struct section_head {
	uint16_t tag, flags;
	uint32_t length;
};

static struct section_head section_head_read(struct reader *in)
{
	struct section_head head;

	head.tag = read_u16(in);
	head.flags = read_u16(in);
	head.length = read_u32(in);
	return head;
}

/* The body comes last and fills the payload; of a payload read in part its bytes may be missing. */
static bool body_decode(
	struct reader *in, struct section_head head, uint64_t missing, struct message *message)
{
	if (head.length != in->left.len + missing || head.length < sizeof(uint64_t))
		return false;
	message->body_flags = head.flags;
	message->body_size = read_u64(in);
	message->body = in->left;
	return !in->bad;
}

static bool section_decode(
	struct section_head head, struct slice bytes, struct arena *arena, struct message *message)
{
	switch (head.tag) {
	case SECTION_ENVELOPE: return envelope_decode(bytes, arena, &message->envelope);
	case SECTION_FACTS: message->facts = bytes; return true;
	case SECTION_TRACE: message->trace = bytes; return true;
	default: return true; /* of a later version: passed over */
	}
}

enum message_part message_decode_part(
	struct slice start, uint64_t length, struct arena *arena, struct message *message)
{
	struct reader in = reader_of(start);
	uint32_t seen = 0;

	*message = (struct message){0};
	if (start.len > length)
		return MESSAGE_BAD;
	uint64_t missing = length - start.len;
	for (;;) {
		struct section_head head = section_head_read(&in);
		bool body = head.tag == SECTION_BODY;
		if (in.bad || (body && in.left.len < sizeof(uint64_t)) ||
			(!body && head.length > in.left.len))
			return missing && (in.bad || body || head.length - in.left.len <= missing)
				       ? MESSAGE_NEEDS_MORE
				       : MESSAGE_BAD;
		if (head.tag < 32 && seen & 1u << head.tag) /* twice is nobody's doing but damage */
			return MESSAGE_BAD;
		seen |= head.tag < 32 ? 1u << head.tag : 0;
		if (body)
			return seen & 1u << SECTION_ENVELOPE &&
					       body_decode(&in, head, missing, message)
				       ? MESSAGE_WHOLE
				       : MESSAGE_BAD;
		if (!section_decode(head, read_bytes(&in, head.length), arena, message))
			return MESSAGE_BAD;
	}
}

bool message_decode(struct slice payload, struct arena *arena, struct message *message)
{
	return message_decode_part(payload, payload.len, arena, message) == MESSAGE_WHOLE;
}
