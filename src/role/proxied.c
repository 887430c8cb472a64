/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY header of a connection. The contract is in proxied.h. */
#include "role/proxied.h"

#include "base/text.h"
#include "wire/proxy.h"

static const mono_ns header_patience = 10 * NS_PER_S;

/* From the connection itself, and not an octet more: what follows may be a TLS handshake. */
static enum io_end header_read(struct task *task, struct io *io, struct text *header)
{
	size_t wants, got;

	while ((wants = proxy_wants(text_slice(header))) > 0) {
		char *room = text_reserve(header, wants);
		enum io_end end = io_read(task, io, room, wants, &got);
		header->len -= wants - (end == IO_DONE ? got : 0);
		if (end != IO_DONE)
			return end;
	}
	return IO_DONE;
}

static enum proxied take(struct slice header, struct address *client, const char **why)
{
	struct address named = {0};

	switch (proxy_read(header, &named, why)) {
	case PROXY_BAD: return PROXIED_BAD;
	case PROXY_NOBODY: *client = (struct address){0}; break;
	case PROXY_CLIENT: *client = named; break;
	}
	return PROXIED;
}

enum proxied proxied_hear(
	struct task *task, struct io *io, struct address *client, const char **why)
{
	struct text header = TEXT_GROWING;
	enum proxied heard = PROXIED_GONE;
	mono_ns outer = task_limit(task, header_patience);
	enum io_end end = header_read(task, io, &header);

	task_restore(task, outer);
	*why = "none came in ten seconds";
	if (end == IO_DONE)
		heard = take(text_slice(&header), client, why);
	else if (end == IO_DEADLINE)
		heard = PROXIED_BAD;
	text_free(&header);
	return heard;
}
