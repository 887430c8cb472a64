/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor knows, for `postern status`. Read inside.h first. */
#include "base/json.h"
#include "packets/report.h"
#include "role/build.h"
#include "supervisor/inside.h"

enum { PIECE_MAX = 3000 };

static struct slice state_text(enum member_state state)
{
	switch (state) {
	case MEMBER_ABSENT: return SLICE("absent");
	case MEMBER_GREETING:
	case MEMBER_PREPARING:
	case MEMBER_LINKED:
	case MEMBER_STARTING: return SLICE("starting");
	case MEMBER_AT_WORK: return SLICE("running");
	case MEMBER_STOPPING: return SLICE("stopping");
	}
	return SLICE("absent");
}

static void put_member(struct text *text, const struct member *member)
{
	text_format(text,
		"{\"role\":\"%s\",\"slot\":%u,\"pid\":%d,\"state\":\"%.*s\",\"restarts\":%u",
		role_name_text(member->kind->name), member->slot,
		member->process ? (int)process_pid(member->process) : 0,
		SLICE_ARGS(state_text(member->state)), member->starts ? member->starts - 1 : 0);
	json_put_time(text, SLICE(",\"since\":"), member->since);
	text_char(text, '}');
}

void text_listeners(struct text *text, const struct supervisor *supervisor)
{
	bool first = true;

	LIST_EACH (struct listener, listener, &supervisor->listeners, link) {
		text_format(text, "%s%s ", first ? "" : ", ", service_text(listener->service));
		text_address_port(text, &listener->bound);
		first = false;
	}
}

static void put_listeners(struct text *text, const struct supervisor *supervisor)
{
	bool first = true;

	LIST_EACH (struct listener, listener, &supervisor->listeners, link) {
		text_format(text, "%s{\"service\":\"%s\",\"address\":\"", first ? "" : ",",
			service_text(listener->service));
		text_address_port(text, &listener->bound);
		text_put(text, SLICE("\"}"));
		first = false;
	}
}

static void put_status(struct text *text, const struct supervisor *supervisor)
{
	text_put(text, SLICE("{\"build\":\""));
	text_build(text);
	text_format(text, "\",\"pid\":%d", (int)getpid());
	json_put_time(text, SLICE(",\"started\":"), supervisor->started);
	json_put_text(
		text, SLICE(",\"policy\":"), slice_of(supervisor->configuration->bundle.hash));
	json_put_text(text, SLICE(",\"state\":"), slice_of(supervisor->state.path));
	json_put_text(text, SLICE(",\"user\":"), slice_of(supervisor->owner.name));
	text_put(text, SLICE(",\"listeners\":["));
	put_listeners(text, supervisor);
	text_put(text, SLICE("],\"processes\":["));
	for (size_t i = 0; i < supervisor->member_count; i++) {
		if (i > 0)
			text_char(text, ',');
		put_member(text, &supervisor->members[i]);
	}
	text_put(text, SLICE("]}"));
}

static void send_pieces(struct member *asker, uint32_t request, struct slice whole)
{
	char buffer[PIECE_MAX + 64];

	do {
		struct writer body = writer_over(buffer, sizeof buffer);
		struct slice piece = slice_part(whole, 0, PIECE_MAX);
		whole = slice_from(whole, piece.len);
		report_answer_write(
			&body, &(struct report_answer){
				       .request = request, .last = whole.len == 0, .piece = piece});
		member_send(asker, (enum setup_type)REPORT_ANSWER, &body, -1);
	} while (whole.len > 0);
}

/* There is one question that the supervisor answers, so the JSON is not taken apart. */
static bool asks_for_status(struct slice question)
{
	for (; question.len > 0; question = slice_from(question, 1))
		if (slice_starts(question, SLICE("\"status\"")))
			return true;
	return false;
}

void status_answer(struct member *asker, struct slice body)
{
	struct report_ask ask;
	struct text text = TEXT_GROWING;

	if (!report_ask_read(body, &ask)) {
		member_kill(asker, "asked something that is no question");
		return;
	}
	if (asks_for_status(ask.question))
		put_status(&text, asker->supervisor);
	else
		text_put(&text, SLICE("{\"error\":\"the supervisor answers `status` only\"}"));
	send_pieces(asker, ask.request, text_slice(&text));
	text_free(&text);
}
