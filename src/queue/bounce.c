/* SPDX-License-Identifier: Apache-2.0 */
/* Reports, put together and kept. Read bounce.h first; words.c speaks to people, wire/dsn.h to
 * programs. */
#include "queue/bounce.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "queue/words.h"
#include "spool/reader.h"
#include "wire/dsn.h"
#include "wire/header.h"

bool report_is_wanted(const struct recipient *recipient, enum report_kind kind)
{
	unsigned notify = recipient->notify;

	/* RFC 5321 section 6.1: no report about a report. */
	if (!item_sender(recipient_item(recipient)).len)
		return false;
	switch (kind) {
	case REPORT_FAILURE: return notify == NOTIFY_UNSET || (notify & NOTIFY_FAILURE);
	case REPORT_DELAY_NOTICE: return notify & NOTIFY_DELAY;
	case REPORT_SUCCESS: return notify & NOTIFY_SUCCESS;
	}
	return false;
}

static struct slice postmaster_of(const struct bouncer *bouncer, struct arena *arena)
{
	if (bouncer->postmaster.len)
		return bouncer->postmaster;
	return arena_format(arena, "postmaster@%.*s", SLICE_ARGS(bouncer->hostname));
}

struct slice report_reader(
	const struct bouncer *bouncer, const struct item *item, struct arena *arena)
{
	if (item->flags & ENVELOPE_BELIEVED)
		return item_sender(item);
	return postmaster_of(bouncer, arena);
}

static enum dsn_action action_of(const struct recipient *recipient, enum report_kind kind)
{
	switch (kind) {
	case REPORT_FAILURE: return DSN_FAILED;
	case REPORT_DELAY_NOTICE: return DSN_DELAYED;
	case REPORT_SUCCESS: break;
	}
	bool final = recipient->last && (recipient->last->route == ROUTE_MAILDIR ||
						recipient->last->route == ROUTE_LMTP);
	return final ? DSN_DELIVERED : DSN_RELAYED;
}

/* RFC 3464 2.3.4. Time that ran out is 5.4.7, whatever was said last. */
static struct enhanced status_of(const struct recipient *recipient)
{
	const struct last_words *last = recipient->last;
	struct enhanced status = {.class = 5};

	if (recipient->expired)
		return reason_row(REASON_EXPIRED)->enhanced;
	if (!last || enhanced_parse(last_enhanced(last), &status))
		return status;
	if (last->reason != REASON_NONE)
		return reason_row((enum reason)last->reason)->enhanced;
	struct slice said = last_said(last);
	if (enhanced_parse(slice_cut(&said, ' '), &status))
		return status;
	return (struct enhanced){.class = (uint8_t)(last->code / 100)};
}

/* For programs, `explain` among them: "relay-denied; actor=sender-admin". RFC 3464 2.3.9 allows
 * fields of one's own. */
static struct slice cause_of(const struct recipient *recipient, struct arena *arena)
{
	const struct last_words *last = recipient->last;
	const struct reason_row *row = NULL;
	struct explanation told;

	if (recipient->expired)
		row = reason_row(REASON_EXPIRED);
	else if (last && last->reason != REASON_NONE)
		row = reason_row((enum reason)last->reason);
	if (row)
		return arena_format(
			arena, "%.*s; actor=%.*s", SLICE_ARGS(row->cause), SLICE_ARGS(row->actor));
	if (!last_explained(recipient, arena, &told))
		return SLICE_NONE;
	return arena_format(arena, "%s; actor=%s", cause_text(told.cause), actor_text(told.actor));
}

static struct dsn_recipient dsn_recipient_of(const struct bouncer *bouncer,
	const struct recipient *recipient, const struct message *original, enum report_kind kind,
	struct moment now, struct arena *arena)
{
	const struct last_words *last = recipient->last;
	struct dsn_recipient row = {
		.final = recipient_address(recipient),
		.action = action_of(recipient, kind),
		.status = status_of(recipient),
	};
	wall_ns arrived = now.wall - (now.mono - recipient_item(recipient)->received);
	if (bouncer->keep_trying < NEVER - arrived) /* `retry for unlimited` ends never */
		row.retry_until = arrived + bouncer->keep_trying;

	if (kind == REPORT_FAILURE)
		row.cause = cause_of(recipient, arena);
	if (original && recipient->index < original->envelope.recipient_count)
		row.original = original->envelope.recipients[recipient->index].orcpt;
	if (last) {
		struct slice remote = remote_shown(last);
		row.remote_mta = slice_cut(&remote, ' ');
		row.last_attempt = last->time;
		if (last->code)
			row.remote_says = last_reply(last, arena);
	}
	return row;
}

/* The whole only where RET=FULL asks and it is one record; else its header (RFC 3461 4.3). */
static void put_original(struct dsn *dsn, const struct message *original, struct arena *arena)
{
	struct text whole = TEXT_GROWING;

	if (!original)
		return;
	text_put(&whole, original->trace);
	text_put(&whole, original->body);
	dsn->original = arena_slice(arena, text_slice(&whole));
	text_free(&whole);
	dsn->whole =
		original->envelope.ret == RET_FULL && original->body.len == original->body_size;
	dsn->original_utf8 = original->envelope.flags & ENVELOPE_SMTPUTF8;
	dsn->envelope_id = original->envelope.envid;
}

void text_report(struct text *text, const struct bouncer *bouncer, const struct item *item,
	const struct message *original, enum report_kind kind, struct recipient *const *recipients,
	size_t count, uint64_t id, struct moment now, struct arena *arena, struct dsn_form *form)
{
	struct dsn_recipient *rows = ARENA_ARRAY(arena, struct dsn_recipient, count);
	struct text words = TEXT_GROWING;
	char id_text[ID_TEXT_LEN];
	struct text shown = TEXT_FIXED(id_text);
	char about_text[ID_TEXT_LEN];
	struct text about = TEXT_FIXED(about_text);
	wall_ns arrived = now.wall - (now.mono - item->received);

	text_id(&shown, id);
	text_id(&about, item->id);
	text_report_words(&words, item, kind, recipients, count, bouncer->hostname, arrived, arena);
	for (size_t i = 0; i < count; i++)
		rows[i] = dsn_recipient_of(bouncer, recipients[i], original, kind, now, arena);
	struct dsn dsn = {
		.reporting_mta = bouncer->hostname,
		.from = postmaster_of(bouncer, arena),
		.to = report_reader(bouncer, item, arena),
		.subject = report_subject(kind, item->flags & ENVELOPE_BELIEVED),
		.words = text_slice(&words),
		.id = text_slice(&shown),
		.now = now.wall,
		.arrived = arrived,
		.recipients = rows,
		.count = count,
		.message = text_slice(&about),
	};
	put_original(&dsn, original, arena);
	*form = text_dsn(text, &dsn, arena);
	text_free(&words);
}

/* The header of a big message lies in its first chunk. */
static void read_first_chunk(struct bouncer *bouncer, const struct stored *stored,
	struct arena *arena, struct message *message)
{
	struct spool_source source = {.disk = bouncer->disk, .segment = stored->segment};
	enum segment_class kind;
	uint64_t at = SEGMENT_DATA_AT;
	size_t got = 0;
	char *chunk = arena_alloc(arena, CHUNK_MAX);

	source.fd = store_open_segment(bouncer->store, stored->segment, &source.epoch, &kind);
	if (source.fd < 0)
		return;
	if (spool_read_chunk(&source, stored->id, 0, &at, chunk, &got) == SPOOL_READ_OK)
		message->body = (struct slice){chunk, got};
	close(source.fd);
}

static bool read_original(struct bouncer *bouncer, const struct item *item, struct arena *arena,
	struct message *message)
{
	struct stored stored = item_stored(item);
	struct slice payload;

	if (!store_locate(bouncer->store, &stored) ||
		store_read(bouncer->store, &stored, arena, message, &payload) != READ_OK)
		return false;
	if (stored.parts && !message->body.len)
		read_first_chunk(bouncer, &stored, arena, message);
	return true;
}

static bool has_dot_line(struct slice body)
{
	while (body.len) {
		if (body.at[0] == '.')
			return true;
		(void)slice_cut(&body, '\n');
	}
	return false;
}

static enum status keep_report(struct bouncer *bouncer, struct slice body,
	const struct dsn_form *form, struct slice reader, uint64_t id, wall_ns now)
{
	struct envelope_recipient recipient = {.address = reader, .notify = NOTIFY_NEVER};
	struct message report = {
		.envelope =
			{
				.flags = ENVELOPE_REPORT | ENVELOPE_BELIEVED |
					 (form->has_8bit ? ENVELOPE_8BITMIME : 0u) |
					 (form->smtputf8 ? ENVELOPE_SMTPUTF8 : 0u),
				.received = now,
				.recipients = &recipient,
				.recipient_count = 1,
			},
		.body_flags = (uint16_t)((has_dot_line(body) ? BODY_FLAG_DOTS : 0) |
					 (form->has_8bit ? BODY_FLAG_8BIT : 0)),
		.body_size = body.len,
	};

	return store_add(bouncer->store, &report, body, id);
}

enum reported bouncer_report(struct bouncer *bouncer, const struct item *item,
	enum report_kind kind, struct recipient *const *recipients, size_t count, struct moment now)
{
	struct arena *arena = arena_new();
	struct text text = TEXT_GROWING;
	struct message original;
	struct dsn_form form;
	uint64_t id = id_next(&bouncer->ids, now.wall);
	bool readable = read_original(bouncer, item, arena, &original);

	panic_if(!item_sender(item).len, "a report about mail with the null sender");
	text_report(&text, bouncer, item, readable ? &original : NULL, kind, recipients, count, id,
		now, arena, &form);
	enum status kept = keep_report(bouncer, text_slice(&text), &form,
		report_reader(bouncer, item, arena), id, now.wall);
	text_free(&text);
	arena_free(arena);
	if (kept != STATUS_OK)
		return REPORT_NOT_KEPT;
	return item->flags & ENVELOPE_BELIEVED ? REPORTED : REPORTED_TO_POSTMASTER;
}
