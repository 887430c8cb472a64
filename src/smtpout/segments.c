/* SPDX-License-Identifier: Apache-2.0 */
/* Segments opened for us. The contract is in segments.h. */
#include "smtpout/segments.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"

struct segment {
	uint64_t number;
	uint64_t epoch;
	int fd;
	size_t holders; /* jobs, and one for the table */
};

struct map *segments_new(void)
{
	return map_new(0);
}

void segments_free(struct map *segments)
{
	size_t at = 0;

	for (struct segment *segment; (segment = map_next(segments, &at));)
		segments_forget(segments, (uint32_t)segment->number);
	map_free(segments);
}

void segments_keep(struct map *segments, const struct delivery_segment *given, int fd)
{
	struct segment *segment = calloc(1, sizeof *segment);

	panic_if(!segment, "out of memory");
	segments_forget(segments, given->number);
	*segment = (struct segment){
		.number = given->number, .epoch = given->epoch, .fd = fd, .holders = 1};
	map_put(segments, map_key(&segment->number), segment);
}

void segments_forget(struct map *segments, uint32_t number)
{
	uint64_t key = number;

	segment_release(map_take(segments, map_key(&key)));
}

struct segment *segments_hold(struct map *segments, uint32_t number)
{
	uint64_t key = number;
	struct segment *segment = map_get(segments, map_key(&key));

	if (segment)
		segment->holders++;
	return segment;
}

void segment_release(struct segment *segment)
{
	if (!segment || --segment->holders > 0)
		return;
	close(segment->fd);
	free(segment);
}

struct spool_source segments_source(const struct segment *segment)
{
	return (struct spool_source){.disk = disk_real(),
		.fd = segment->fd,
		.segment = (uint32_t)segment->number,
		.epoch = segment->epoch};
}
