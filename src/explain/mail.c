/* SPDX-License-Identifier: Apache-2.0 */
/* A whole mail: whether it is a report, of what form, or what else it is. */
#include "base/text.h"
#include "explain/mail.h"
#include "wire/decode.h"

struct slice mail_field(const struct mail *mail, const char *name)
{
	return field_text_of(mail->headers, slice_of(name), 0, mail->scene->arena);
}

/* ---- parts ---- */

static bool is_status_part(const struct part *part)
{
	static const struct slice types[] = {SLICE("message/delivery-status"),
		SLICE("message/global-delivery-status"), SLICE("message/xdelivery-status")};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (part_is(part, types[i]))
			return true;
	return false;
}

static bool is_original_part(const struct part *part)
{
	static const struct slice types[] = {SLICE("message/rfc822"), SLICE("message/global"),
		SLICE("text/rfc822-headers"), SLICE("message/rfc822-headers"),
		SLICE("message/global-headers"), SLICE("text/rfc822-header")};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (part_is(part, types[i]))
			return true;
	return false;
}

static const struct part *part_of(const struct mail *mail, bool (*is)(const struct part *part))
{
	for (size_t i = 0; i < mail->entity.count; i++)
		if (mail->entity.parts[i].messages == 0 && is(&mail->entity.parts[i]))
			return &mail->entity.parts[i];
	return NULL;
}

const struct part *mail_part(const struct mail *mail, struct slice type)
{
	for (size_t i = 0; i < mail->entity.count; i++)
		if (mail->entity.parts[i].messages == 0 && part_is(&mail->entity.parts[i], type))
			return &mail->entity.parts[i];
	return NULL;
}

bool mail_is_report_of(const struct mail *mail, struct slice type)
{
	const struct field *field = header_find(mail->headers, SLICE("Content-Type"), 0);

	return field &&
	       slice_is_nocase(
		       field_parameter(field->raw, SLICE("report-type"), mail->scene->arena), type);
}

bool mail_is_from_server(const struct mail *mail)
{
	return tells(mail->from, SENSE_REPORT_SENDER);
}

bool mail_is_from_list(const struct mail *mail)
{
	static const char *const names[] = {"-admin@", "-owner@", "owner-", "-request@",
		"-bounces@", "listserv", "majordomo", "mailman", "sympa", "list-owner", NULL};

	return mail_field(mail, "X-MLServer").len || has_one_of(mail->scene->from, names);
}

/* The words for people: all plain text, or the HTML where there is none. */
static struct slice prose_of(struct mail *mail)
{
	struct arena *arena = mail->scene->arena;
	struct text prose = TEXT_GROWING;

	for (unsigned html = 0; html < 2 && slice_trim(text_slice(&prose)).len < 40; html++)
		for (size_t i = 0; i < mail->entity.count; i++) {
			const struct part *part = &mail->entity.parts[i];
			size_t left = prose.len < PROSE_MOST ? PROSE_MOST - prose.len : 0;
			if (part->messages || is_original_part(part) || !left ||
				!part_is(part, html ? SLICE("text/html") : SLICE("text/")) ||
				(!html && part_is(part, SLICE("text/html"))))
				continue;
			struct slice text = part_text(part, left, arena);
			text_put(&prose, html ? html_text(text, arena) : text);
			text_put(&prose, SLICE("\n\n"));
		}
	struct slice made = arena_slice(arena, text_slice(&prose));
	text_free(&prose);
	return made;
}

/* ---- whether it is a report ---- */

/* Its subject may be anybody's; what stands here only servers write. */
static bool is_written_by_server(const struct mail *mail)
{
	return mail->status || mail_is_from_server(mail) ||
	       mail_field(mail, "X-Failed-Recipients").len ||
	       slice_is(slice_trim(mail_field(mail, "Return-Path")), SLICE("<>")) ||
	       mail_is_report_of(mail, SLICE("delivery-status"));
}

static bool is_reply(const struct mail *mail)
{
	static const char *const marks[] = {"re:", "aw:", "sv:", "antw:", "rif:", "odp:"};

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (slice_starts_nocase(mail->subject, slice_of(marks[i])))
			return true;
	return false;
}

/* Either a server wrote it, or its words speak of a failure and it has the form of a report. */
static bool looks_like_report(const struct mail *mail)
{
	bool copy = mail->original || mail->copy_at < mail->prose.len;

	if (is_written_by_server(mail))
		return true;
	if (is_reply(mail) || (!tells(mail->subject, SENSE_REPORT_SUBJECT) &&
				      !tells(mail->words, SENSE_NOT_DELIVERED)))
		return false;
	return copy || mail_is_from_list(mail) ||
	       prose_sets_recipient_apart(mail->scene, mail->prose);
}

/* ---- reading it ---- */

static void read_top(struct mail *mail)
{
	struct scene *scene = mail->scene;
	struct mention mention;

	mail->from = mail_field(mail, "From");
	mail->subject = mail_field(mail, "Subject");
	scene->from = scene->to = SLICE_NONE;
	if (address_find(mail->from, 0, &mention))
		scene->from = mention.address;
	if (address_find(mail_field(mail, "To"), 0, &mention))
		scene->to = mention.address;
}

static void read_failed_recipients(struct mail *mail)
{
	struct slice list = mail_field(mail, "X-Failed-Recipients");
	struct mention mention = {0};

	if (mail->scene->reading->failure_count)
		return;
	while (address_find(list, mention.end, &mention))
		(void)failure_of(mail->scene, mention.address);
}

static void read_original(struct mail *mail)
{
	if (mail->original && mail->original->body.len > 20)
		original_read(mail->scene, part_text(mail->original, 65536, mail->scene->arena));
	if (mail->copy_at < mail->prose.len)
		original_read(mail->scene, slice_from(mail->prose, mail->copy_at));
}

/* "DELIVERY FAILURE: User bob (bob@far.example) not listed" */
static void read_recipient_of_subject(struct mail *mail)
{
	struct scene *scene = mail->scene;
	struct mention mention;

	if (!scene->reading->failure_count && address_find(mail->subject, 0, &mention) &&
		!slice_is_nocase(mention.address, scene->to) &&
		!slice_is_nocase(mention.address, scene->from))
		(void)failure_of(scene, mention.address);
}

/* No recipient is named: the one the message was for, if it was for one. */
static void read_recipient_of_original(struct mail *mail)
{
	struct reading *reading = mail->scene->reading;
	struct mention first, second;

	if (reading->failure_count || !address_find(reading->message_to, 0, &first))
		return;
	if (!address_find(reading->message_to, first.end, &second))
		(void)failure_of(mail->scene, first.address);
}

/* "bounces+bob=far.example@lists.example": an envelope sender made for one recipient. */
static struct slice recipient_of_envelope(const struct mail *mail)
{
	struct slice local = mail->scene->to;

	local = slice_cut(&local, '@');
	size_t equals = slice_find_last(local, '='), begin = slice_find_last(local, '+');
	struct slice domain = slice_from(local, equals);
	if (equals == SIZE_MAX || !slice_has(domain, '.'))
		return SLICE_NONE;
	if (begin == SIZE_MAX || begin > equals)
		begin = slice_find_last(slice_part(local, 0, equals), '-');
	struct slice name = slice_part(local, begin == SIZE_MAX ? 0 : begin + 1, equals);
	return arena_format(mail->scene->arena, "%.*s@%.*s", SLICE_ARGS(name),
		SLICE_ARGS(slice_from(domain, 1)));
}

/* Prose tells the fate too; the fields for machines tell it better. */
static enum fate fate_of(const struct mail *mail)
{
	if (tells(mail->words, SENSE_SUCCESS) && !tells(mail->words, SENSE_NOT_DELIVERED))
		return FATE_DELIVERED;
	if (tells(mail->subject, SENSE_DELAY) || tells(mail->words, SENSE_DELAY))
		return FATE_DELAYED;
	return FATE_FAILED;
}

static enum input_kind kind_of_failures(const struct reading *reading)
{
	for (size_t i = 0; i < reading->failure_count; i++)
		if (reading->failures[i].fate == FATE_FAILED ||
			reading->failures[i].fate == FATE_DELAYED)
			return INPUT_BOUNCE;
	return INPUT_DELIVERED;
}

/* A report that somebody sent on: attached, or its words in the mail. */
static bool read_forwarded(struct mail *mail)
{
	struct reading *reading = mail->scene->reading;

	for (size_t i = 1; i < mail->entity.count && mail->nested < NESTED_MOST; i++) {
		const struct part *part = &mail->entity.parts[i];
		if (part->messages != 1 || part->raw.len < 40)
			continue;
		struct reading inner = {.failures = reading->failures};
		struct scene scene = {.arena = mail->scene->arena, .reading = &inner};
		mail_read(&scene, part->raw, mail->nested + 1);
		if (inner.kind == INPUT_BOUNCE || inner.kind == INPUT_FEEDBACK ||
			inner.kind == INPUT_DELIVERED) {
			*reading = inner;
			return true;
		}
		break;
	}
	return false;
}

/* In a part of their own, in the header, or among the words for people. */
static bool read_fields(struct mail *mail)
{
	struct scene *scene = mail->scene;
	bool fields = mail->status &&
		      report_read(scene, part_text(mail->status, INPUT_MOST, scene->arena));

	if (!fields && header_find(mail->headers, SLICE("Final-Recipient"), 0))
		fields = report_read(
			scene, slice_part(mail->entity.parts[0].raw, 0, mail->headers->body_at));
	if (!fields && has_nocase(mail->prose, "Final-Recipient:"))
		fields = report_read(scene, slice_part(mail->prose, 0, mail->copy_at));
	return fields && scene->reading->failure_count > 0;
}

/* The words name nobody: what else does, the surest first. */
static bool read_nameless(struct mail *mail)
{
	struct scene *scene = mail->scene;

	read_failed_recipients(mail);
	read_recipient_of_subject(mail);
	if (!scene->reading->failure_count && read_forwarded(mail))
		return true;
	read_recipient_of_original(mail);
	if (!scene->reading->failure_count && tells(mail->words, SENSE_NOT_DELIVERED))
		(void)prose_read_guess(scene, mail->prose);
	(void)prose_read(scene, mail->prose); /* what it says about them */
	return false;
}

static bool read_report(struct mail *mail)
{
	struct reading *reading = mail->scene->reading;
	bool fields = read_fields(mail);

	read_original(mail);
	if (!prose_read(mail->scene, mail->prose) && read_nameless(mail))
		return true;
	if (reading->failure_count == 0)
		return false;
	for (size_t i = 0; i < reading->failure_count && !fields; i++)
		reading->failures[i].fate = fate_of(mail);
	reading->kind = kind_of_failures(reading);
	return true;
}

/* Nobody is named anywhere, but a mail did not arrive. */
static bool read_failure_of_nobody(struct mail *mail)
{
	struct reading *reading = mail->scene->reading;

	if (!tells(mail->words, SENSE_NOT_DELIVERED))
		return false;
	prose_read_nameless(mail->scene, mail->prose);
	fill(&reading->failures[0].recipient, recipient_of_envelope(mail));
	reading->kind = INPUT_BOUNCE;
	return true;
}

static void scan(struct mail *mail, struct slice message)
{
	struct scene *scene = mail->scene;

	entity_read(message, scene->arena, &mail->entity);
	mail->headers = &mail->entity.parts[0].headers;
	mail->status = part_of(mail, is_status_part);
	mail->original = part_of(mail, is_original_part);
	scene->reading->truncated |= mail->entity.cut;
	read_top(mail);
	scene->reading->said_by = mail->from;
	scene->reading->date = mail_field(mail, "Date");
}

void mail_read(struct scene *scene, struct slice message, unsigned nested)
{
	struct mail mail = {.scene = scene, .nested = nested};

	scan(&mail, message);
	if (feedback_read(&mail))
		return;
	mail.prose = prose_of(&mail);
	mail.copy_at = original_find(mail.prose);
	mail.words =
		unwrapped(slice_part(mail.prose, 0, mail.copy_at), MAIL_WORDS_MOST, scene->arena);
	if (notice_read(scene, mail.prose) || answer_read(&mail))
		return;
	bool report = looks_like_report(&mail);
	if ((report && read_report(&mail)) || read_forwarded(&mail) ||
		(report && read_failure_of_nobody(&mail)))
		return;
	scene->reading->kind = INPUT_ORDINARY_MAIL;
	scene->reading->failure_count = 0;
}
