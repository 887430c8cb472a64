/* SPDX-License-Identifier: Apache-2.0 */
/* What control asks: `status`. Names of files and counts, nothing of a key itself. */
#include "base/json.h"
#include "keys/state.h"

static void put_keys(const struct keys *keys, struct text *out)
{
	bool first = true;

	LIST_EACH (const struct held, held, &keys->held, link) {
		if (held->stand != CURRENT)
			continue;
		json_put_text(out, first ? SLICE("{\"file\":") : SLICE(",{\"file\":"),
			text_slice(&held->file));
		json_put_text(out, SLICE(",\"type\":"), private_key_type(held->key));
		text_char(out, '}');
		first = false;
	}
}

void keys_tell(void *owner, struct slice question, struct text *out)
{
	struct keys *keys = owner;

	(void)question; /* `status` is all it is asked */
	text_put(out, SLICE("{\"role\":\"keys\",\"slot\":0,\"keys\":["));
	put_keys(keys, out);
	json_put_number(out, SLICE("],\"signed\":"), keys->outcomes[SIGNED]);
	json_put_number(out, SLICE(",\"no_key\":"), keys->outcomes[SIGN_NO_KEY]);
	json_put_number(out, SLICE(",\"failed\":"), keys->outcomes[SIGN_FAILED]);
	json_put_number(out, SLICE(",\"unheard\":"), keys->unheard);
	text_format(out, ",\"per_second\":%.1f", signing_rate(keys));
	json_put_time(out, SLICE(",\"ticket_key_since\":"), keys->rotated);
	text_char(out, '}');
}
