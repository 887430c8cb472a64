/* SPDX-License-Identifier: Apache-2.0 */
/* What control asks: `status`. Names of files and counts, nothing of a key itself. */
#include <unistd.h>

#include "base/json.h"
#include "keys/state.h"
#include "packets/report.h"
#include "run/channel.h"

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

static void put_status(struct keys *keys, struct text *out)
{
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

static void take_question(struct keys *keys, const struct report_ask *ask)
{
	struct text *answer = answers_begin(&keys->answers, ask->request);

	if (answer)
		put_status(keys, answer);
	answers_pump(&keys->answers, keys->control);
}

static void receive(void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct report_ask ask;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (type == REPORT_ASK && report_ask_read(body, &ask))
		take_question(owner, &ask);
}

static void gone(void *owner, struct channel *channel)
{
	(void)channel;
	keys_told_close(owner);
}

static void drained(void *owner, struct channel *channel)
{
	struct keys *keys = owner;

	answers_pump(&keys->answers, channel);
}

void keys_told_open(struct keys *keys, int fd)
{
	keys_told_close(keys);
	keys->control = channel_open(keys->role->loop, fd,
		(struct channel_user){
			.receive = receive, .gone = gone, .drained = drained, .owner = keys});
}

void keys_told_close(struct keys *keys)
{
	channel_close(keys->control);
	keys->control = NULL;
	answers_drop(&keys->answers);
}
