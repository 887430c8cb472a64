/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading MIME (RFC 2045, 2046): a message as a flat list of its parts, found without copying.
 * Made for what other people's servers send: missing boundaries, headers and ends are lived with.
 *
 *	struct entity entity;
 *	entity_read(message, arena, &entity);
 *	for (size_t i = 0; i < entity.count; i++)
 *		if (part_is(&entity.parts[i], SLICE("text/plain")))
 *			text = part_text(&entity.parts[i], 64 * 1024, arena);
 *
 * Bounded: ENTITY_PARTS_MAX parts, ENTITY_DEPTH_MAX levels; what lies beyond is not looked into and
 * `cut` says so. Each level is passed over once, so the time is at most depth times size.
 */
#ifndef WIRE_ENTITY_H
#define WIRE_ENTITY_H

#include "wire/header.h"

enum { ENTITY_PARTS_MAX = 128, ENTITY_DEPTH_MAX = 12 };

struct part {
	struct slice type;      /* "text/plain": lower-case; the default where none is said */
	struct headers headers; /* its own; body_at counts from raw */
	struct slice raw, body; /* with and without the header, encoded as it came */
	unsigned depth;         /* 0: the whole message */
	unsigned messages;      /* how many message/… parts it lies in */
};
struct entity {
	struct part *parts; /* depth first: a multipart or message/rfc822 stands before its own */
	size_t count;
	bool cut;
};
/* Slices point into `message`, tables lie in `arena`. Line ends may be CRLF or LF. */
void entity_read(struct slice message, struct arena *arena, struct entity *entity);
bool part_is(const struct part *part, struct slice type); /* "text/html", or all of "text/" */
/* The body, transfer encoding and charset undone: UTF-8 with '\n' as line end. At most `most`
 * octets of the body are looked at. */
struct slice part_text(const struct part *part, size_t most, struct arena *arena);
/* The n-th field of that name, unfolded, encoded words undone (RFC 2047); empty if none. */
struct slice field_text_of(
	const struct headers *headers, struct slice name, size_t n, struct arena *arena);
/* A parameter of a structured field (RFC 2045 5.1, RFC 2231 3 and 4); empty if none. */
struct slice field_parameter(struct slice raw, struct slice name, struct arena *arena);

#endif
