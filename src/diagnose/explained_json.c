/* SPDX-License-Identifier: Apache-2.0 */
/* What a refusal means, for programs: postern(1), `explain --json`. The contract is in
 * explained.h. */
#include "base/json.h"
#include "diagnose/explained.h"

static void put_list(struct text *out, struct slice key, struct slice lines)
{
	text_put(out, key);
	text_char(out, '[');
	for (bool first = true; lines.len; first = false) {
		text_put(out, first ? SLICE_NONE : SLICE(","));
		text_json(out, slice_cut(&lines, '\n'));
	}
	text_char(out, ']');
}

/* The steps of the one who must act; where there are none, those of the sender. */
static struct slice first_steps(const struct explanation *told)
{
	struct slice steps = told->sender_steps;

	switch (told->actor) {
	case ACTOR_SENDER_ADMIN: steps = told->sender_admin_steps; break;
	case ACTOR_RECIPIENT_ADMIN: steps = told->recipient_admin_steps; break;
	case ACTOR_SENDER:
	case ACTOR_RECIPIENT:
	case ACTOR_NOBODY: break;
	}
	if (!steps.len)
		steps = told->sender_steps.len         ? told->sender_steps
			: told->sender_admin_steps.len ? told->sender_admin_steps
						       : told->recipient_admin_steps;
	return steps;
}

static struct slice confidence_word(enum confidence confidence)
{
	static const struct slice words[] = {
		[CONFIDENCE_NONE] = SLICE("none"),
		[CONFIDENCE_LOW] = SLICE("low"),
		[CONFIDENCE_MEDIUM] = SLICE("medium"),
		[CONFIDENCE_HIGH] = SLICE("high"),
	};

	return words[confidence];
}

static void put_status(struct text *out, struct slice key, const struct failure *failure)
{
	char raw[32];
	struct text status = TEXT_FIXED(raw);

	text_put(out, key);
	if (!failure || !failure->has_status) {
		text_put(out, SLICE("null"));
		return;
	}
	text_enhanced(&status, failure->status);
	text_json(out, text_slice(&status));
}

static void put_code(struct text *out, struct slice key, const struct failure *failure)
{
	if (failure && failure->reply_code) {
		json_put_number(out, key, failure->reply_code);
	} else {
		text_put(out, key);
		text_put(out, SLICE("null"));
	}
}

static void put_meaning(struct text *out, const struct explanation *told)
{
	json_put_text(out, SLICE("\"cause\":"), slice_of(cause_text(told->cause)));
	json_put_text(out, SLICE(",\"actor\":"), slice_of(actor_text(told->actor)));
	if (told->permanence_known)
		json_put_truth(out, SLICE(",\"permanent\":"), told->permanent);
	else
		text_put(out, SLICE(",\"permanent\":null"));
}

static void put_whole(struct text *out, const struct explained *explained)
{
	const struct explanation *told = &explained->whole;
	const struct reading *reading = &explained->reading;
	const struct failure *lead = explained->lead < reading->failure_count
					     ? &reading->failures[explained->lead]
					     : NULL;

	put_meaning(out, told);
	put_code(out, SLICE(",\"reply_code\":"), lead);
	put_status(out, SLICE(",\"enhanced_code\":"), lead);
	json_put_text(out, SLICE(",\"summary\":"), told->summary);
	put_list(out, SLICE(",\"steps\":"), first_steps(told));
	put_list(out, SLICE(",\"steps_by\":{\"sender\":"), told->sender_steps);
	put_list(out, SLICE(",\"sender-admin\":"), told->sender_admin_steps);
	put_list(out, SLICE(",\"recipient-admin\":"), told->recipient_admin_steps);
	json_put_text(out, SLICE("},\"confidence\":"), confidence_word(told->confidence));
	json_put_text(out, SLICE(",\"evidence\":"), told->evidence);
	json_put_known(out, SLICE(",\"rule\":"), told->rule);
	json_put_known(out, SLICE(",\"documented\":"), told->source);
	json_put_known(out, SLICE(",\"needed\":"), told->needed);
}

static void put_recipient(
	struct text *out, const struct failure *failure, const struct explanation *told)
{
	json_put_text(out, SLICE("{\"address\":"), failure->recipient);
	json_put_known(out, SLICE(",\"original_address\":"), failure->original_recipient);
	json_put_known(out, SLICE(",\"final_address\":"), failure->final_recipient);
	json_put_text(out, SLICE(",\"action\":"), slice_of(fate_text(failure->fate)));
	put_status(out, SLICE(",\"status\":"), failure);
	text_char(out, ',');
	put_meaning(out, told);
	put_code(out, SLICE(",\"reply_code\":"), failure);
	json_put_text(out, SLICE(",\"words\":"), failure->words);
	json_put_known(out, SLICE(",\"evidence\":"), told->evidence);
	json_put_known(out, SLICE(",\"rule\":"), told->rule);
	json_put_known(out, SLICE(",\"remote_mta\":"), failure->remote_mta);
	json_put_known(out, SLICE(",\"command\":"), failure->command);
	json_put_known(out, SLICE(",\"sender\":"), failure->sender);
	json_put_known(out, SLICE(",\"client\":"), failure->client);
	json_put_known(out, SLICE(",\"account\":"), failure->account);
	json_put_known(out, SLICE(",\"server\":"), failure->server);
	json_put_known(out, SLICE(",\"port\":"), failure->port);
	json_put_known(out, SLICE(",\"tls\":"), failure->tls);
	json_put_known(out, SLICE(",\"error_number\":"), failure->windows_error);
	json_put_known(out, SLICE(",\"id\":"), failure->postern_id);
	json_put_known(out, SLICE(",\"time\":"), failure->when);
	text_char(out, '}');
}

static void put_message(struct text *out, const struct reading *reading)
{
	json_put_text(out, SLICE(",\"message\":{\"id\":"), reading->message_id);
	json_put_known(out, SLICE(",\"date\":"), reading->message_date);
	json_put_known(out, SLICE(",\"from\":"), reading->message_from);
	json_put_known(out, SLICE(",\"to\":"), reading->message_to);
	json_put_known(out, SLICE(",\"envelope_sender\":"), reading->envelope_sender);
	json_put_known(out, SLICE(",\"envelope_id\":"), reading->envelope_id);
	json_put_known(out, SLICE(",\"queue_id\":"), reading->queue_id);
	json_put_known(out, SLICE(",\"arrival\":"), reading->arrival);
	text_char(out, '}');
}

void explained_json(struct text *out, const struct explained *explained, struct slice name)
{
	const struct reading *reading = &explained->reading;
	const struct failure *lead = explained->lead < reading->failure_count
					     ? &reading->failures[explained->lead]
					     : NULL;

	text_char(out, '{');
	put_whole(out, explained);
	text_put(out, SLICE(",\"recipients\":["));
	for (size_t i = 0; i < reading->failure_count; i++) {
		text_put(out, i ? SLICE(",") : SLICE_NONE);
		put_recipient(out, &reading->failures[i], &explained->told[i]);
	}
	json_put_text(out, SLICE("],\"reporting_mta\":"), reading->reporting_mta);
	json_put_text(out, SLICE(",\"remote_mta\":"), lead ? lead->remote_mta : SLICE_NONE);
	json_put_text(out, SLICE(",\"input\":"), slice_of(input_kind_text(reading->kind)));
	json_put_known(out, SLICE(",\"file\":"), name);
	json_put_known(out, SLICE(",\"date\":"), reading->date);
	put_message(out, reading);
	if (reading->truncated)
		json_put_truth(out, SLICE(",\"truncated\":"), true);
	text_put(out, SLICE("}\n"));
}
