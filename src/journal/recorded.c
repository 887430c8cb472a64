/* SPDX-License-Identifier: Apache-2.0 */
/* Facts, read back. Read recorded.h first; journal.c and answers.c write what is read here. */
#include "journal/recorded.h"

static struct slice text_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value)
		       ? (struct slice){json_string_value(value), json_string_length(value)}
		       : SLICE_NONE;
}

/* ---- what others had answered ---- */

static size_t read_texts(const json_t *list, struct arena *arena, const struct slice **texts)
{
	size_t count = json_array_size(list);
	struct slice *read = ARENA_ARRAY(arena, struct slice, count + 1);

	for (size_t i = 0; i < count; i++) {
		const json_t *text = json_array_get(list, i);
		read[i] = (struct slice){json_string_value(text), json_string_length(text)};
	}
	*texts = read;
	return count;
}

static size_t read_addresses(const json_t *list, struct arena *arena, const struct address **out)
{
	size_t count = json_array_size(list), good = 0;
	struct address *read = ARENA_ARRAY(arena, struct address, count + 1);

	for (size_t i = 0; i < count; i++)
		good += address_parse(
			slice_of(json_string_value(json_array_get(list, i))), &read[good]);
	*out = read;
	return good;
}

static void read_value(const json_t *member, struct arena *arena, struct fact_answer *answer)
{
	const json_t *value = json_object_get(member, "value");

	answer->unknown = json_is_true(json_object_get(member, "unknown"));
	answer->because = text_of(member, "because");
	switch (fact_row(answer->fact)->type) {
	case FACT_IS_ADDRESSES:
		answer->address_count = read_addresses(
			json_object_get(member, "addresses"), arena, &answer->addresses);
		break;
	case FACT_IS_TEXTS: answer->text_count = read_texts(value, arena, &answer->texts); break;
	case FACT_IS_YES_NO:
		answer->yes = json_is_true(value);
		answer->text = text_of(member, "text");
		break;
	case FACT_IS_NUMBER: answer->number = (uint64_t)json_integer_value(value); break;
	case FACT_IS_TEXT:
	case FACT_IS_ADDRESS:
	case FACT_IS_MAILBOX:
	case FACT_IS_RESULT:
		answer->text = text_of(member, "value");
		answer->text_count =
			read_texts(json_object_get(member, "values"), arena, &answer->texts);
		break;
	}
}

/* A member for each answer, or a member for each argument below it. */
static bool is_answer(const json_t *member)
{
	return json_object_get(member, "value") || json_object_get(member, "unknown");
}

static size_t count_answers(const json_t *facts)
{
	size_t count = 0;

	for (int fact = 0; fact < FACTS; fact++) {
		const struct fact_row *row = fact_row((enum fact)fact);
		const json_t *member = row->asked ? json_object_get(facts, row->key.at) : NULL;
		count += !json_is_object(member) ? 0
			 : is_answer(member)     ? 1
						 : json_object_size(member);
	}
	return count;
}

static void add_answers(enum fact fact, json_t *member, struct arena *arena,
	struct fact_answer *answers, size_t *at)
{
	const char *argument;
	json_t *below;

	if (is_answer(member)) {
		answers[*at] = (struct fact_answer){.fact = fact};
		read_value(member, arena, &answers[(*at)++]);
		return;
	}
	json_object_foreach(member, argument, below)
	{
		answers[*at] = (struct fact_answer){.fact = fact, .argument = slice_of(argument)};
		read_value(below, arena, &answers[(*at)++]);
	}
}

static void read_answers(const json_t *object, struct arena *arena, struct facts *facts)
{
	size_t count = count_answers(object), at = 0;
	struct fact_answer *answers = ARENA_ARRAY(arena, struct fact_answer, count + 1);

	for (int fact = 0; fact < FACTS; fact++) {
		const struct fact_row *row = fact_row((enum fact)fact);
		json_t *member = row->asked ? json_object_get(object, row->key.at) : NULL;
		if (json_is_object(member))
			add_answers((enum fact)fact, member, arena, answers, &at);
	}
	facts->answers = answers;
	facts->answer_count = at;
}

/* ---- the session and the envelope ---- */

static bool read_mailbox(struct slice text, struct arena *arena, struct mailbox *mailbox)
{
	if (text.len == 0) {
		*mailbox = (struct mailbox){.is_null = true};
		return true;
	}
	if (slice_is_nocase(text, SLICE("postmaster"))) {
		*mailbox = (struct mailbox){.is_postmaster = true, .local = text, .text = text};
		return true;
	}
	return mailbox_parse(text, arena, mailbox) == MAILBOX_OK;
}

static void read_session(const json_t *line, struct facts *facts)
{
	const json_t *client = json_object_get(line, "client");

	facts->has_client = address_parse(text_of(client, "ip"), &facts->client);
	facts->is_local = json_object_get(client, "local") != NULL;
	facts->local_user = text_of(client, "local");
	facts->listener = text_of(line, "listener");
	facts->helo = text_of(client, "helo");
	facts->has_helo = facts->helo.len > 0;
	/* Both are certain by the time a recipient is decided. */
	facts->has_tls = facts->has_account = true;
	facts->tls = json_is_true(json_object_get(client, "tls"));
	facts->tls_verified = json_is_true(json_object_get(client, "tls_verified"));
	facts->certificate = text_of(client, "certificate");
	facts->account = text_of(line, "account");
}

static void read_claims(const json_t *list, struct arena *arena, struct facts *facts)
{
	size_t count = json_array_size(list);
	struct mailbox *claims = ARENA_ARRAY(arena, struct mailbox, count + 1);

	for (size_t i = 0; i < count; i++) {
		struct slice text = slice_of(json_string_value(json_array_get(list, i)));
		if (mailbox_parse(text, arena, &claims[facts->claim_count]) == MAILBOX_OK)
			facts->claim_count++;
		else
			facts->claims_unclear = true;
	}
	facts->claims = claims;
}

static void read_envelope(const json_t *line, struct arena *arena, struct facts *facts)
{
	const json_t *object = json_object_get(line, "facts");
	const json_t *size = json_object_get(line, "size");
	const json_t *recipients = json_object_get(json_object_get(object, "recipients"), "value");
	struct slice from = text_of(line, "from");

	facts->has_sender = json_is_string(json_object_get(line, "sender")) &&
			    read_mailbox(text_of(line, "sender"), arena, &facts->sender);
	facts->has_recipient = text_of(line, "recipient").len &&
			       read_mailbox(text_of(line, "recipient"), arena, &facts->recipient);
	if (text_of(line, "target").len) { /* of an alias; it is what was decided */
		facts->alias = facts->recipient;
		facts->has_alias = read_mailbox(text_of(line, "target"), arena, &facts->recipient);
		facts->is_returned = json_is_true(json_object_get(line, "returned"));
	}
	facts->has_from = from.len && mailbox_parse(from, arena, &facts->from) == MAILBOX_OK;
	read_claims(json_object_get(line, "claims"), arena, facts);
	facts->has_size = json_is_integer(size);
	facts->size = (uint64_t)json_integer_value(size);
	facts->size_is_final = facts->has_size && !json_object_get(object, "size");
	facts->has_recipients = json_is_integer(recipients);
	facts->recipients = (uint64_t)json_integer_value(recipients);
}

/* ---- which lines ---- */

static bool verdict_find(struct slice text, enum verdict *verdict)
{
	static const struct slice texts[] = {[VERDICT_ACCEPT] = SLICE("accept"),
		[VERDICT_REFUSE] = SLICE("refuse"),
		[VERDICT_DEFER] = SLICE("defer")};

	for (int i = VERDICT_ACCEPT; i <= VERDICT_DEFER; i++)
		if (slice_is(text, texts[i])) {
			*verdict = (enum verdict)i;
			return true;
		}
	return false;
}

/* What the protocol or the disk refuses is no policy's. */
static bool is_of_a_policy(const json_t *line, const struct recorded *recorded)
{
	enum reason reason = reason_find(text_of(line, "reason"));

	if (recorded->clause_spoke)
		return true;
	return recorded->verdict == VERDICT_ACCEPT
		       ? recorded->stage == STAGE_RCPT
		       : reason != REASON_NONE && reason_row(reason)->rank != RANK_TRANSPORT;
}

bool recorded_read(const json_t *line, struct arena *arena, struct recorded *recorded)
{
	struct slice stage = text_of(line, "stage");

	*recorded = (struct recorded){.stage = STAGE_RCPT};
	if (!verdict_find(text_of(line, "decision"), &recorded->verdict))
		return false;
	if (slice_is(stage, slice_of(stage_text(STAGE_END))) ||
		slice_is(stage, slice_of(stage_text(STAGE_DATA))))
		recorded->stage = STAGE_END;
	recorded->clause_spoke = json_object_get(line, "clause") || json_object_get(line, "grant");
	read_session(line, &recorded->facts);
	read_envelope(line, arena, &recorded->facts);
	read_answers(json_object_get(line, "facts"), arena, &recorded->facts);
	if (!time_parse(text_of(line, "time"), &recorded->facts.now))
		recorded->facts.now = 0;
	return recorded->facts.has_recipient && is_of_a_policy(line, recorded);
}
