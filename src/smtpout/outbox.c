/* SPDX-License-Identifier: Apache-2.0 */
/* What out tells the queue. The contract is in outbox.h. */
#include "smtpout/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

struct letter {
	struct list link;
	uint16_t type;
	size_t len;
	char body[];
};

void outbox_init(struct outbox *box)
{
	box->channel = NULL;
	list_init(&box->waiting);
}

static void letters_drop(struct outbox *box)
{
	for (struct list *first; (first = list_take(&box->waiting));)
		free(LIST_OBJECT(struct letter, first, link));
}

void outbox_connect(struct outbox *box, struct channel *channel)
{
	channel_close(box->channel);
	letters_drop(box); /* answers to jobs of a queue that is no more */
	box->channel = channel;
}

void outbox_lost(struct outbox *box)
{
	box->channel = NULL;
	letters_drop(box);
}

static void letter_keep(struct outbox *box, uint16_t type, struct slice body)
{
	struct letter *letter = malloc(sizeof *letter + body.len);

	panic_if(!letter, "out of memory");
	letter->link = (struct list){0};
	letter->type = type;
	letter->len = body.len;
	memcpy(letter->body, body.at, body.len);
	list_append(&box->waiting, &letter->link);
}

static void put(struct outbox *box, uint16_t type, const struct writer *out)
{
	struct slice body = writer_slice(out);

	panic_if(out->bad, "a letter of more than %zu bytes", out->size);
	if (!box->channel)
		return;
	if (!list_is_empty(&box->waiting) ||
		channel_send(box->channel, type, body, -1) == CHANNEL_FULL)
		letter_keep(box, type, body);
}

void outbox_outcome(struct outbox *box, const struct delivery_outcome *outcome)
{
	struct writer out = writer_over(box->room, sizeof box->room);

	delivery_outcome_write(&out, outcome);
	put(box, DELIVERY_OUTCOME, &out);
}

void outbox_end(struct outbox *box, uint64_t job)
{
	char body[16];
	struct writer out = writer_over(body, sizeof body);

	delivery_end_write(&out, &(struct delivery_end){job});
	put(box, DELIVERY_END, &out);
}

void outbox_retry(struct outbox *box)
{
	LIST_EACH (struct letter, letter, &box->waiting, link) {
		struct slice body = {letter->body, letter->len};
		if (channel_send(box->channel, letter->type, body, -1) != SENT)
			return;
		list_remove(&letter->link);
		free(letter);
	}
}

void outbox_drain(struct outbox *box)
{
	if (!box->channel)
		return;
	channel_drain(box->channel);
	while (!list_is_empty(&box->waiting)) {
		struct list *first = box->waiting.next;
		outbox_retry(box);
		if (box->waiting.next == first)
			return; /* the queue is gone, or takes nothing */
		channel_drain(box->channel);
	}
}
