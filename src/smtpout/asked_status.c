/* SPDX-License-Identifier: Apache-2.0 */
/* What `postern status` is told of domains whose next hop is asked. Read asked_inside.h first. */
#include "base/json.h"
#include "smtpout/asked_inside.h"

static struct slice state_of(const struct asked_domain *domain)
{
	if (domain->failing)
		return SLICE("failing");
	return domain->answered ? SLICE("ok") : SLICE("not asked yet");
}

static void number_put(struct text *json, const char *name, uint64_t number)
{
	text_format(json, ",\"%s\":%ju", name, (uintmax_t)number);
}

static void domain_put(const struct asked_domain *domain, struct text *json)
{
	static const char *const takes_all[] = {
		[TAKES_ALL_UNTRIED] = "null", [TAKES_ALL_NO] = "false", [TAKES_ALL_YES] = "true"};

	json_put_text(json, SLICE("{\"domain\":"), domain->name);
	json_put_text(json, SLICE(",\"next_hop\":"), slice_of(domain->shown));
	json_put_text(json, SLICE(",\"state\":"), state_of(domain));
	number_put(json, "asked", domain->asked);
	number_put(json, "known", domain->known);
	number_put(json, "unknown", domain->unknown);
	number_put(json, "no_answer", domain->untold);
	number_put(json, "put_off", domain->put_off);
	number_put(json, "from_memory", domain->recalled);
	number_put(json, "while_silent", domain->stale);
	number_put(json, "kept_known", domain->share.known_count);
	number_put(json, "kept_unknown", domain->share.unknown_count);
	text_format(json, ",\"takes_everyone\":%s", takes_all[domain->takes_all]);
	if (domain->answered) {
		text_put(json, SLICE(",\"answered\":\""));
		text_time(json, domain->answered);
		text_char(json, '"');
	}
	if (domain->trouble[0])
		json_put_text(json, SLICE(",\"trouble\":"), slice_of(domain->trouble));
	text_char(json, '}');
}

static size_t domains_put(const struct asked *asked, bool failing, size_t shown, struct text *json)
{
	const struct asked_domain *domain;

	for (size_t at = 0; (domain = map_next(asked->domains, &at)) && shown < ASKED_SHOWN;) {
		if (domain->failing != failing || !domain->present)
			continue;
		if (shown++ > 0)
			text_char(json, ',');
		domain_put(domain, json);
	}
	return shown;
}

void asked_status(const struct asked *asked, struct text *json)
{
	text_char(json, '[');
	size_t shown = domains_put(asked, true, 0, json);
	domains_put(asked, false, shown, json);
	text_char(json, ']');
}
