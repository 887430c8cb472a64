/* SPDX-License-Identifier: Apache-2.0 */
/* What a refusal means, for people. The contract is in explained.h. */
#include "diagnose/explained.h"

/* ---- putting it together ---- */

static const struct {
	const char *text;
	struct slice summary; /* where it is no report of failure */
} kinds[] = {
	[INPUT_NOTHING] = {"nothing", SLICE("Nothing about a mail was found in this.")},
	[INPUT_REPLY] = {"reply", SLICE("")},
	[INPUT_BOUNCE] = {"bounce", SLICE("")},
	[INPUT_WINDOW] = {"window", SLICE("")},
	[INPUT_LOG] = {"log", SLICE("")},
	[INPUT_VACATION] = {"vacation", SLICE("This is an automatic answer from the recipient, not "
					      "a bounce: your mail arrived.")},
	[INPUT_CHALLENGE] = {"challenge",
		SLICE("This asks you to confirm something, most often that a person wrote your "
		      "mail; it is not a bounce. Until you do, the mail may be held back.")},
	[INPUT_RECEIPT] = {"receipt", SLICE("This is a receipt, not a bounce: your mail arrived "
					    "and was opened, deleted or filed.")},
	[INPUT_FEEDBACK] = {"feedback-report", SLICE("This is a complaint report, not a bounce: "
						     "the mail arrived, and the recipient or "
						     "their provider called it unwanted.")},
	[INPUT_DELIVERED] = {"delivered", SLICE("This is a report of success, not a bounce: the "
						"mail was delivered or passed on.")},
	[INPUT_ORDINARY_MAIL] = {"ordinary-mail",
		SLICE("This is an ordinary mail, not a bounce: it reports no failed delivery.")},
};

const char *input_kind_text(enum input_kind kind)
{
	return kinds[kind].text;
}

const char *fate_text(enum fate fate)
{
	static const char *const texts[] = {
		[FATE_FAILED] = "failed",
		[FATE_DELAYED] = "delayed",
		[FATE_DELIVERED] = "delivered",
		[FATE_RELAYED] = "relayed",
		[FATE_EXPANDED] = "expanded",
	};

	return texts[fate];
}

static bool kind_is_failure(enum input_kind kind)
{
	return kinds[kind].summary.len == 0;
}

/* Lower speaks first: a clear failure, an unclear one, a delay, all else. */
static unsigned place_of(const struct failure *failure, const struct explanation *told)
{
	unsigned unclear = told->cause == CAUSE_UNCLEAR;

	if (failure->fate == FATE_FAILED)
		return unclear;
	return failure->fate == FATE_DELAYED ? 2 + unclear : 4;
}

static void choose_whole(struct explained *explained)
{
	const struct reading *reading = &explained->reading;
	unsigned best = 9;

	for (size_t i = 0; i < reading->failure_count; i++) {
		unsigned place = place_of(&reading->failures[i], &explained->told[i]);
		if (place >= best)
			continue;
		best = place;
		explained->lead = i;
		explained->whole = explained->told[i];
	}
}

static struct explanation no_failure(const struct reading *reading)
{
	bool nothing = reading->kind == INPUT_NOTHING;

	return (struct explanation){
		.cause = nothing ? CAUSE_UNCLEAR : CAUSE_NOT_A_BOUNCE,
		.permanence_known = !nothing,
		.actor = ACTOR_NOBODY,
		.confidence = nothing ? CONFIDENCE_NONE : CONFIDENCE_HIGH,
		.summary = kinds[reading->kind].summary,
		.evidence = reading->why_not,
		.needed = nothing ? SLICE("The bounce as a file with all its parts, the server's "
					  "reply "
					  "(\"550 5.7.1 ...\"), or the lines of the mail log.")
				  : SLICE_NONE,
	};
}

/* A server of ours wrote what it made of it, with facts that are not in the words any more. */
static void take_stated(const struct failure *failure, struct explanation *told)
{
	enum cause stated;

	if (told->cause == CAUSE_UNCLEAR &&
		cause_find(slice_trim(failure->stated_cause), &stated)) {
		told->cause = stated;
		told->confidence = CONFIDENCE_MEDIUM;
		told->evidence = failure->stated_cause;
		told->rule = SLICE("X-Postern-Cause");
	}
}

static void explain_each(struct explained *explained, struct arena *arena)
{
	const struct reading *reading = &explained->reading;

	for (size_t i = 0; i < reading->failure_count; i++) {
		if (!kind_is_failure(reading->kind)) {
			explained->told[i] = no_failure(reading);
			continue;
		}
		explain_failure(&reading->failures[i], arena, &explained->told[i]);
		take_stated(&reading->failures[i], &explained->told[i]);
	}
}

void explained_of(struct slice input, struct arena *arena, struct explained *explained)
{
	struct reading *reading = &explained->reading;

	*explained = (struct explained){0};
	reading_of(input, arena, reading);
	explained->told = ARENA_ARRAY(arena, struct explanation, reading->failure_count);
	explained->lead = reading->failure_count;
	explain_each(explained, arena);
	if (kind_is_failure(reading->kind) && reading->failure_count)
		choose_whole(explained);
	else
		explained->whole = no_failure(reading);
}

bool explained_is_clear(const struct explained *explained)
{
	return explained->whole.cause != CAUSE_UNCLEAR;
}

/* ---- for people ---- */

static const char *actor_words(enum actor actor)
{
	static const char *const words[] = {
		[ACTOR_SENDER] = "the sender",
		[ACTOR_SENDER_ADMIN] = "whoever runs the sender's mail server or domain",
		[ACTOR_RECIPIENT] = "the recipient",
		[ACTOR_RECIPIENT_ADMIN] = "whoever runs the recipient's mail server",
		[ACTOR_NOBODY] = "nobody",
	};

	return words[actor];
}

static const char *confidence_words(enum confidence confidence)
{
	static const char *const words[] = {
		[CONFIDENCE_NONE] = "none",
		[CONFIDENCE_LOW] = "low",
		[CONFIDENCE_MEDIUM] = "medium",
		[CONFIDENCE_HIGH] = "high",
	};

	return words[confidence];
}

static void put_steps(struct text *out, const char *title, struct slice steps)
{
	if (!steps.len)
		return;
	text_format(out, "\n%s\n", title);
	for (unsigned number = 1; steps.len; number++) {
		text_format(out, "  %u. ", number);
		text_escaped(out, slice_cut(&steps, '\n'));
		text_char(out, '\n');
	}
}

static void put_row(struct text *out, const char *name, struct slice value)
{
	if (!value.len)
		return;
	text_format(out, "  %-12s ", name);
	text_escaped(out, value);
	text_char(out, '\n');
}

static void put_code(struct text *out, const struct failure *failure)
{
	if (failure->reply_code)
		text_format(out, "%u", failure->reply_code);
	if (failure->reply_code && failure->has_status)
		text_char(out, ' ');
	if (failure->has_status)
		text_enhanced(out, failure->status);
}

static const char *fate_words(const struct failure *failure, const struct explanation *told)
{
	if (failure->fate == FATE_DELAYED)
		return "not yet: the server tries again by itself";
	if (!told->permanence_known)
		return "not known whether for good: neither a code nor the words say so";
	return told->permanent ? "for good: it is not tried again" : "for now: it may pass later";
}

static void put_facts(
	struct text *out, const struct failure *failure, const struct explanation *told)
{
	char raw[64];
	struct text code = TEXT_FIXED(raw);

	put_code(&code, failure);
	text_char(out, '\n');
	put_row(out, "recipient", failure->recipient);
	put_row(out, "code", text_slice(&code));
	put_row(out, "said by", failure->remote_mta);
	put_row(out, "reported by", failure->reporting_mta);
	put_row(out, "at", failure->command);
	put_row(out, "words", failure->words);
	put_row(out, "decided by", told->evidence);
	put_row(out, "known from", told->source);
}

static void put_explanation(
	struct text *out, const struct failure *failure, const struct explanation *told)
{
	text_escaped(out, told->summary);
	text_format(out,
		"\n\n  cause        %s\n  who acts     %s\n  failed       %s\n  sure         %s\n",
		cause_text(told->cause), actor_words(told->actor), fate_words(failure, told),
		confidence_words(told->confidence));
	put_facts(out, failure, told);
	put_steps(out, "What the sender can do", told->sender_steps);
	put_steps(out, "What the sender's administrator can do", told->sender_admin_steps);
	put_steps(out, "What the recipient's administrator can do", told->recipient_admin_steps);
	if (told->needed.len) {
		text_put(out, SLICE("\nTo say more, this is needed\n  "));
		text_escaped(out, told->needed);
		text_char(out, '\n');
	}
}

/* The words with their code, which most of them begin with. */
static void put_words(struct text *out, const struct failure *failure)
{
	bool coded = failure->words.len && ascii_is_digit(failure->words.at[0]);

	if (!coded && (failure->reply_code || failure->has_status)) {
		put_code(out, failure);
		text_char(out, ' ');
	}
	text_escaped(out, slice_part(failure->words, 0, 160));
}

void explained_line(struct text *out, const struct explained *explained, size_t failure)
{
	const struct failure *of = &explained->reading.failures[failure];
	const struct explanation *told = &explained->told[failure];

	text_format(out, "%-9s ", fate_text(of->fate));
	text_escaped(out, of->recipient.len ? of->recipient : SLICE("(recipient not named)"));
	text_format(out, "  %s, %s: ", cause_text(told->cause), actor_text(told->actor));
	put_words(out, of);
	text_char(out, '\n');
}

static void put_others(struct text *out, const struct explained *explained)
{
	size_t count = explained->reading.failure_count;

	if (count < 2)
		return;
	text_format(out, "\nAll %zu recipients\n", count);
	for (size_t i = 0; i < count; i++) {
		text_put(out, SLICE("  "));
		explained_line(out, explained, i);
	}
}

static void put_our_ids(struct text *out, const struct reading *reading)
{
	for (size_t i = 0; i < reading->failure_count; i++)
		if (reading->failures[i].postern_id.len) {
			text_put(out, SLICE("\nA Postern server decided this: on that host, "
					    "`postern why "));
			text_escaped(out, reading->failures[i].postern_id);
			text_put(out, SLICE("` tells everything that led to it.\n"));
			return;
		}
}

void explained_people(struct text *out, const struct explained *explained)
{
	const struct reading *reading = &explained->reading;

	if (explained->lead < reading->failure_count) {
		put_explanation(out, &reading->failures[explained->lead], &explained->whole);
	} else {
		text_put(out, explained->whole.summary);
		text_char(out, '\n');
		put_row(out, "shown by", explained->whole.evidence);
		put_row(out, "needed", explained->whole.needed);
	}
	put_others(out, explained);
	put_our_ids(out, reading);
	if (reading->truncated)
		text_put(out, SLICE("\nThe input was too large or too deep; only its beginning was "
				    "read.\n"));
}

/* ---- the report to send on ---- */

static void put_tried(struct text *out, const struct failure *failure)
{
	put_row(out, "refused at", failure->command);
	put_row(out, "tried at", failure->when);
	put_row(out, "tries until", failure->next_attempt);
}

static void put_report_of(
	struct text *out, const struct failure *failure, const struct explanation *told)
{
	char raw[64];
	struct text code = TEXT_FIXED(raw);

	put_code(&code, failure);
	text_char(out, '\n');
	put_row(out, "recipient", failure->recipient);
	put_row(out, "became", slice_of(fate_text(failure->fate)));
	put_row(out, "refused by", failure->remote_mta);
	put_row(out, "code", text_slice(&code));
	put_row(out, "error number", failure->windows_error);
	put_row(out, "words", failure->words);
	put_tried(out, failure);
	put_row(out, "account", failure->account);
	put_row(out, "server", failure->server);
	put_row(out, "port", failure->port);
	put_row(out, "TLS", failure->tls);
	put_row(out, "id", failure->postern_id);
	text_format(out, "  %-12s %s (%s; sure: %s)\n", "cause", cause_text(told->cause),
		actor_words(told->actor), confidence_words(told->confidence));
	put_row(out, "known from", told->source);
	put_steps(out, "For the sender's administrator", told->sender_admin_steps);
	put_steps(out, "For the recipient's administrator", told->recipient_admin_steps);
}

void explained_report(struct text *out, const struct explained *explained)
{
	const struct reading *reading = &explained->reading;

	text_put(out, SLICE("A mail was not delivered. This is what is known about it.\n\n"));
	put_row(out, "message", reading->message_id);
	put_row(out, "written", reading->message_date);
	put_row(out, "sender",
		reading->envelope_sender.len ? reading->envelope_sender : reading->message_from);
	put_row(out, "arrived", reading->arrival);
	put_row(out, "reported by", reading->reporting_mta);
	put_row(out, "reported at", reading->date);
	put_row(out, "queue id", reading->queue_id);
	put_row(out, "envelope id", reading->envelope_id);
	for (size_t i = 0; i < reading->failure_count; i++)
		put_report_of(out, &reading->failures[i], &explained->told[i]);
	if (!reading->failure_count) {
		text_put(out, explained->whole.summary);
		text_char(out, '\n');
	}
}
