/* SPDX-License-Identifier: Apache-2.0 */
/* What a report says to people: what happened, who can act, what to do. Read words.h first. */
#include "queue/words.h"

#include "base/id.h"
#include "wire/header.h"

#define PUT(text, literal) text_put((text), SLICE(literal))

struct slice report_subject(enum report_kind kind, bool believed)
{
	switch (kind) {
	case REPORT_FAILURE:
		return believed ? SLICE("Your message could not be delivered")
				: SLICE("A message is kept: its sender cannot be told that it "
					"failed");
	case REPORT_DELAY_NOTICE: return SLICE("Your message is delayed; it is still being tried");
	case REPORT_SUCCESS: return SLICE("Your message was delivered");
	}
	return SLICE_NONE;
}

static struct slice actor_words(struct slice actor)
{
	static const struct {
		struct slice actor, words;
	} rows[] = {
		{{"sender", 6}, {"you, the sender", 15}},
		{{"sender-admin", 12}, {"the administrator of the sending side", 37}},
		{{"recipient", 9}, {"the recipient", 13}},
		{{"recipient-admin", 15}, {"the administrator of the recipient's mail server", 48}},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (slice_is(actor, rows[i].actor))
			return rows[i].words;
	return SLICE("nobody; it may pass by itself");
}

/* Lines of `words`, each behind `indent`, broken before column 76. */
static void put_indented(struct text *text, const char *indent, struct slice words)
{
	while (words.len) {
		struct slice line = slice_cut(&words, '\n');
		size_t column = 0;
		while (line.len) {
			struct slice word = slice_cut(&line, ' ');
			if (column && column + 1 + word.len > 72) {
				text_char(text, '\n');
				column = 0;
			}
			text_put(text, column ? SLICE(" ") : slice_of(indent));
			text_put(text, word);
			column += word.len + 1;
		}
		text_char(text, '\n');
	}
}

static void put_steps(struct text *text, const struct reason_row *row)
{
	PUT(text, "    What happened:\n");
	put_indented(text, "      ", row->explanation);
	PUT(text, "    Who can act:\n");
	put_indented(text, "      ", actor_words(row->actor));
	PUT(text, "    What to do:\n");
	put_indented(text, "      ", row->steps);
}

/* Where mail is kept on this host is not told to the sender. */
struct slice remote_shown(const struct last_words *last)
{
	bool is_path = last->route == ROUTE_MAILDIR || slice_starts(last_remote(last), SLICE("/"));

	return is_path ? SLICE_NONE : last_remote(last);
}

static void put_said(struct text *text, const struct last_words *last, struct arena *arena)
{
	struct slice remote = remote_shown(last);

	PUT(text, "    ");
	text_put(text, remote.len ? remote : SLICE("This server"));
	text_put(text, last->code ? SLICE(" said:\n") : SLICE(":\n"));
	put_indented(text, "      ", last_reply(last, arena));
}

static const struct reason_row *row_of(const struct last_words *last)
{
	return reason_row(
		last->reason != REASON_NONE ? (enum reason)last->reason : REASON_REMOTE_REFUSED);
}

bool last_explained(
	const struct recipient *recipient, struct arena *arena, struct explanation *told)
{
	const struct last_words *last = recipient->last;
	struct text words = TEXT_GROWING;

	if (!last || last->reason != REASON_NONE || !last->code)
		return false;
	struct slice reply = last_reply(last, arena), remote = remote_shown(last);
	while (reply.len) {
		text_put(&words, words.len ? SLICE(" ") : SLICE_NONE);
		text_put(&words, slice_cut(&reply, '\n'));
	}
	struct failure failure = {
		.recipient = recipient_address(recipient),
		.sender = item_sender(recipient_item(recipient)),
		.words = arena_slice(arena, text_slice(&words)),
		.reply_code = last->code,
		.remote_mta = slice_cut(&remote, ' '),
	};
	failure.has_status = enhanced_parse(last_enhanced(last), &failure.status);
	text_free(&words);
	explain_failure(&failure, arena, told);
	return told->cause != CAUSE_UNCLEAR;
}

static void put_titled(struct text *text, const char *title, struct slice words)
{
	if (!words.len)
		return;
	text_format(text, "    %s:\n", title);
	put_indented(text, "      ", words);
}

static void put_meaning(struct text *text, const struct explanation *told)
{
	put_titled(text, "What happened", told->summary);
	put_titled(text, "Who can act", actor_words(slice_of(actor_text(told->actor))));
	put_titled(text, "What to do", told->sender_steps);
	put_titled(text, "What the administrator of the sending side can do",
		told->sender_admin_steps);
	put_titled(text, "What the administrator of the recipient's mail server can do",
		told->recipient_admin_steps);
}

static void put_failed(struct text *text, const struct recipient *recipient, struct arena *arena)
{
	const struct last_words *last = recipient->last;
	struct explanation told;

	if (recipient->expired) {
		text_format(text, "    It was tried %u times. The last failure:\n",
			recipient->attempts);
	}
	if (last)
		put_said(text, last, arena);
	bool explained = last_explained(recipient, arena, &told);
	if (recipient->expired)
		put_steps(text, reason_row(REASON_EXPIRED));
	if (recipient->expired && explained)
		put_titled(text, "What the last failure means", told.summary);
	else if (explained)
		put_meaning(text, &told);
	else if (last && !recipient->expired)
		put_steps(text, row_of(last));
}

static void put_recipient(struct text *text, const struct recipient *recipient,
	enum report_kind kind, struct arena *arena)
{
	PUT(text, "\n  ");
	text_put(text, recipient_address(recipient));
	text_char(text, '\n');
	switch (kind) {
	case REPORT_FAILURE: put_failed(text, recipient, arena); break;
	case REPORT_DELAY_NOTICE:
		if (recipient->last)
			put_said(text, recipient->last, arena);
		break;
	case REPORT_SUCCESS:
		if (recipient->last && remote_shown(recipient->last).len) {
			PUT(text, "    handed to ");
			text_put(text, remote_shown(recipient->last));
			text_char(text, '\n');
		} else {
			PUT(text, "    put into the mailbox\n");
		}
		break;
	}
}

static struct slice opening(enum report_kind kind)
{
	switch (kind) {
	case REPORT_FAILURE: return SLICE("Your message could not be delivered to:\n");
	case REPORT_DELAY_NOTICE:
		return SLICE(
			"Your message could not be delivered yet. You need not send it again:\n"
			"it is kept here and tried further. It waits for:\n");
	case REPORT_SUCCESS: return SLICE("You asked to be told: your message was delivered to:\n");
	}
	return SLICE_NONE;
}

static void put_for_postmaster(struct text *text, const struct item *item)
{
	PUT(text,
		"\nThis goes to the postmaster and not to the sender, because nothing showed that\n"
		"the message came from the sender it names:\n  ");
	text_put(text, item_sender(item));
	PUT(text, "\nA message that failed is kept. To try it again or to drop it:\n");
	for (int i = 0; i < 2; i++) {
		text_put(text,
			i ? SLICE("  postern queue remove ") : SLICE("  postern queue release "));
		text_id(text, item->id);
		text_char(text, '\n');
	}
}

void text_report_words(struct text *text, const struct item *item, enum report_kind kind,
	struct recipient *const *recipients, size_t count, struct slice hostname, wall_ns arrived,
	struct arena *arena)
{
	bool believed = item->flags & ENVELOPE_BELIEVED;

	PUT(text, "This is the mail server ");
	text_put(text, hostname);
	PUT(text, ".\n");
	if (!believed)
		put_for_postmaster(text, item);
	text_char(text, '\n');
	text_put(text, believed || kind != REPORT_FAILURE
			       ? opening(kind)
			       : SLICE("The message could not be delivered to:\n"));
	for (size_t i = 0; i < count; i++)
		put_recipient(text, recipients[i], kind, arena);
	PUT(text, "\nOur id of the message: ");
	text_id(text, item->id);
	PUT(text, "\nIt came on: ");
	text_mail_date(text, arrived);
	PUT(text, "\nThe administrator finds all about it with:\n  postern why ");
	text_id(text, item->id);
	text_char(text, '\n');
}
