/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segments that the queue has opened for us, read-only. Jobs hold theirs: one that is forgotten
 * or replaced stays open until its last job has ended.
 */
#ifndef SMTPOUT_SEGMENTS_H
#define SMTPOUT_SEGMENTS_H

#include "base/map.h"
#include "packets/delivery.h"
#include "spool/reader.h"

struct segment;

struct map *segments_new(void);
void segments_free(struct map *segments);
/* Owns `fd`. One of the same number is forgotten. */
void segments_keep(struct map *segments, const struct delivery_segment *given, int fd);
void segments_forget(struct map *segments, uint32_t number);
/* Held until released; NULL if there is none of that number. */
struct segment *segments_hold(struct map *segments, uint32_t number);
void segment_release(struct segment *segment); /* NULL is fine */
struct spool_source segments_source(const struct segment *segment);

#endif
