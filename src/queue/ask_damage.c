/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged segments, listed and cleared (spool/damage.h). Read ask.h first. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "queue/ask.h"
#include "queue/question.h"
#include "spool/damage.h"

static void put_damage(void *owner, const struct damage *damage)
{
	struct text *json = owner;

	json_put_number(json, SLICE("{\"segment\":"), damage->segment);
	json_put_text(json, SLICE(",\"class\":"),
		damage->kind == SEGMENT_BIG ? SLICE("big") : SLICE("seg"));
	json_put_number(json, SLICE(",\"from\":"), damage->from);
	json_put_number(json, SLICE(",\"to\":"), damage->to);
	if (damage->id)
		json_put_id(json, SLICE(",\"id\":"), damage->id);
	json_put_text(json, SLICE(",\"what\":"), slice_of(damage->what));
	text_put(json, SLICE("}\n"));
}

void ask_damage(const struct asked *asked, const struct question *question, struct text *json)
{
	(void)question;
	store_damage_each(asked->store, put_damage, json);
}

static void put_salvaged(void *owner, const struct salvaged *salvaged)
{
	static const char *const outcomes[] = {
		[SALVAGE_QUEUED] = "queued",
		[SALVAGE_DONE] = "done",
		[SALVAGE_WHOLE] = "whole",
		[SALVAGE_PARTS] = "parts",
		[SALVAGE_BYTES] = "bytes",
	};
	struct text *json = owner;

	json_put_text(json, SLICE("{\"outcome\":"), slice_of(outcomes[salvaged->outcome]));
	if (salvaged->id)
		json_put_id(json, SLICE(",\"id\":"), salvaged->id);
	json_put_number(json, SLICE(",\"at\":"), salvaged->at);
	json_put_text(json, SLICE(",\"file\":"), slice_of(salvaged->file));
	text_put(json, SLICE("}\n"));
}

static void put_cleared(struct text *json, enum clearing clearing, uint32_t segment)
{
	switch (clearing) {
	case CLEARING_DONE:
		json_put_number(json, SLICE("{\"cleared\":"), segment);
		text_char(json, '}');
		return;
	case CLEARING_UNKNOWN:
		put_error(json, SLICE("the spool has no segment of this number"));
		return;
	case CLEARING_SOUND:
		put_error(json, SLICE("the segment is not damaged: nothing was done"));
		return;
	case CLEARING_BUSY:
		put_error(json, SLICE("a delivery reads the segment: try again in a moment"));
		return;
	case CLEARING_FAILED: break;
	}
	struct text words = TEXT_GROWING;
	text_format(&words, "the disk: %s; the segment stays, what was saved is saved",
		strerror(errno));
	put_error(json, text_slice(&words));
	text_free(&words);
}

void ask_clear(const struct asked *asked, const struct question *question, struct text *json)
{
	enum clearing clearing = question->salvage ? store_salvage(asked->store, question->segment,
							     put_salvaged, json)
						   : store_discard(asked->store, question->segment);

	put_cleared(json, clearing, question->segment);
}
