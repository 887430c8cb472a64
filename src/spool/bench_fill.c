/* SPDX-License-Identifier: Apache-2.0 */
/* Mail for the benches. The contract is in bench_fill.h. */
#include "spool/bench_fill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/batch.h"

enum {
	GROUP = 200,
	HEAD_ROOM = 512,
	RECIPIENT_ROOM = 40,
	RECIPIENTS_MOST = 1000,
	BODY_MOST = 1 << 16
};

struct filling {
	const struct bench_mail *mail;
	struct batch batch;
	struct envelope_recipient recipients[RECIPIENTS_MOST];
	char addresses[RECIPIENTS_MOST][RECIPIENT_ROOM];
	char body[BODY_MOST];
	size_t next; /* messages so far */
};

double bench_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct message message_fill(struct filling *filling)
{
	size_t count = filling->mail->recipients;

	for (size_t i = 0; i < count; i++) {
		int len = snprintf(filling->addresses[i], RECIPIENT_ROOM, "user%07zu@example.org",
			filling->next * count + i);
		filling->recipients[i] = (struct envelope_recipient){
			.address = {filling->addresses[i], (size_t)len}};
	}
	return (struct message){.envelope = {.sender = SLICE("sender@example.net"),
					.listener = SLICE("smtp"),
					.recipients = filling->recipients,
					.recipient_count = count}};
}

static void message_add(struct filling *filling, struct text *head, uint64_t epoch)
{
	struct message message = message_fill(filling);
	size_t bytes = filling->mail->bytes;

	*head = TEXT_GROWING;
	text_reserve(head, RECORD_HEADER);
	message_encode(head, &message, bytes);
	uint32_t crc = crc32c(0, slice_from(text_slice(head), RECORD_HEADER));
	struct record record = {.type = RECORD_MESSAGE,
		.payload_crc = crc32c(crc, (struct slice){filling->body, bytes}),
		.id = ++filling->next,
		.origin = epoch,
		.length = (uint32_t)(head->len - RECORD_HEADER + bytes)};
	batch_add(&filling->batch, record, text_slice(head), (struct slice){filling->body, bytes});
}

/* As a writer would, without waiting for a loop. */
static void group_write(
	struct filling *filling, int fd, const struct spooling_give *give, uint64_t at)
{
	struct text heads[GROUP];
	size_t count = 0;

	batch_begin(&filling->batch, give->number, give->epoch, at, at);
	while (count < GROUP && filling->next < filling->mail->messages)
		message_add(filling, &heads[count++], give->epoch);
	batch_seal(&filling->batch);
	if (batch_write(&filling->batch, disk_real(), fd, true) != 0)
		panic("the disk: %s", strerror(errno));
	while (count > 0)
		text_free(&heads[--count]);
}

double bench_fill(struct store *store, const struct bench_mail *mail)
{
	struct filling *filling = calloc(1, sizeof *filling);
	uint64_t group = GROUP * (mail->bytes + HEAD_ROOM + mail->recipients * RECIPIENT_ROOM);
	double longest = 0;

	panic_if(!filling || mail->recipients > RECIPIENTS_MOST || mail->bytes > BODY_MOST,
		"use other numbers");
	filling->mail = mail;
	memset(filling->body, 'a', mail->bytes);
	while (filling->next < mail->messages) {
		struct spooling_give give = {0};
		double asked = bench_seconds();
		int fd = store_give(store, SEGMENT_SMALL, 1, &give);
		double took = bench_seconds() - asked;
		longest = took > longest ? took : longest;
		panic_if(fd < 0, "no segment: %s", strerror(errno));
		uint64_t at = SEGMENT_DATA_AT;
		for (; at + group < give.size && filling->next < mail->messages;
			at = filling->batch.end)
			group_write(filling, fd, &give, at);
		close(fd);
		store_done(store, give.number, give.epoch, at);
	}
	free(filling);
	return longest;
}
