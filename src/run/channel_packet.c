/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of a channel. The contract is in channel_packet.h. */
#include "run/channel_packet.h"

#include "run/channel.h"

bool packet_next(struct reader *in, uint16_t *type, struct slice *body)
{
	if (in->left.len == 0)
		return false;
	*type = read_u16(in);
	*body = read_counted(in);
	return !in->bad;
}

size_t packet_messages(struct slice packet)
{
	struct reader in = reader_of(packet);
	struct slice body;
	uint16_t type;
	size_t count = 0;

	if (packet.len > CHANNEL_PACKET_MAX)
		return 0;
	while (packet_next(&in, &type, &body))
		count++;
	return in.bad ? 0 : count;
}

void packet_add(struct writer *out, uint16_t type, struct slice body)
{
	write_u16(out, type);
	write_counted(out, body);
}
