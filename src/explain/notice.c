/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices in JSON, as Amazon SES publishes them ("Contents of Amazon SNS notifications for Amazon
 * SES"): bounce.bouncedRecipients[{emailAddress, action, status, diagnosticCode}], complaint,
 * delivery. Read by the names of their members: they come cut, and folded like mail.
 */
#include "base/text.h"
#include "explain/inside.h"

/* Line ends inside a string are the mail's, not the notice's. */
static struct slice unfolded(struct slice text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '\n') {
			i += i + 1 < text.len && text.at[i + 1] == ' ';
			continue;
		}
		out[len++] = text.at[i];
	}
	return (struct slice){out, len};
}

static void recipient_read(struct scene *scene, struct slice object)
{
	struct failure *failure =
		failure_of(scene, json_member(object, "emailAddress", scene->arena));
	struct slice status = json_member(object, "status", scene->arena);
	struct slice said = json_member(object, "diagnosticCode", scene->arena);

	if (!failure)
		return;
	failure->has_status = status_find(status, &failure->status);
	if (slice_starts_nocase(said, SLICE("smtp;")))
		said = slice_trim(slice_from(said, 5));
	failure->words = squeezed(said, scene->arena);
	if (slice_is(json_member(object, "action", scene->arena), SLICE("delayed")))
		failure->fate = FATE_DELAYED;
	failure->product = SLICE("amazon-ses");
}

static void recipients_read(struct scene *scene, struct slice json)
{
	static const struct slice key = SLICE("\"emailAddress\":");
	size_t at = find_nocase(json, key);

	while (at != SIZE_MAX && scene->reading->failure_count < FAILURES_MAX) {
		size_t next = find_nocase(slice_from(json, at + key.len), key);
		size_t end = next == SIZE_MAX ? json.len : at + key.len + next;
		struct slice object = slice_part(json, at, end);
		size_t close = slice_find(object, '}');
		recipient_read(scene, slice_part(object, 0, close));
		at = next == SIZE_MAX ? SIZE_MAX : end;
	}
}

static struct slice kind_of(struct slice json, struct arena *arena)
{
	struct slice kind = json_member(json, "notificationType", arena);

	return kind.len ? kind : json_member(json, "eventType", arena);
}

static void message_read(struct scene *scene, struct slice json)
{
	struct reading *reading = scene->reading;

	reading->message_id = json_member(json, "messageId", scene->arena);
	reading->envelope_sender = json_member(json, "source", scene->arena);
	reading->reporting_mta = json_member(json, "reportingMTA", scene->arena);
	(void)slice_cut(&reading->reporting_mta, ';');
	reading->reporting_mta = slice_trim(reading->reporting_mta);
}

/* A notice that names nobody in its own list is about the destination. */
static void destination_read(struct scene *scene, struct slice json)
{
	size_t at = find_nocase(json, SLICE("\"destination\":"));
	struct mention mention;

	if (scene->reading->failure_count == 0 && at != SIZE_MAX &&
		address_find(slice_part(json, at, at + 400), 0, &mention))
		(void)failure_of(scene, mention.address);
}

bool notice_read(struct scene *scene, struct slice text)
{
	size_t begin = slice_find(text, '{');

	if (begin == SIZE_MAX || (find_nocase(text, SLICE("\"notificationType\"")) == SIZE_MAX &&
					 find_nocase(text, SLICE("\"eventType\"")) == SIZE_MAX))
		return false;
	struct slice json = unfolded(slice_from(text, begin), scene->arena);
	struct slice kind = kind_of(json, scene->arena);
	recipients_read(scene, json);
	destination_read(scene, json);
	message_read(scene, json);
	scene->reading->kind = slice_is_nocase(kind, SLICE("Complaint"))  ? INPUT_FEEDBACK
			       : slice_is_nocase(kind, SLICE("Delivery")) ? INPUT_DELIVERED
									  : INPUT_BOUNCE;
	if (scene->reading->kind != INPUT_BOUNCE) {
		scene->reading->why_not = SLICE("its notificationType");
		for (size_t i = 0; i < scene->reading->failure_count; i++)
			scene->reading->failures[i].fate = FATE_DELIVERED;
	}
	return true;
}
