/* SPDX-License-Identifier: Apache-2.0 */
/* The encryption of an attempt, as JSON: for the journal and for what the queue answers. */
#include "base/json.h"
#include "journal/journal.h"

void json_put_tls(struct text *line, const struct delivery_tls *tls)
{
	if (!tls->known)
		return;
	json_put_text(
		line, SLICE(",\"tls\":{\"wanted\":"), route_tls_text((enum route_tls)tls->wanted));
	json_put_known(line, SLICE(",\"reached\":"), tls->session);
	if (tls->session.len)
		json_put_truth(line, SLICE(",\"verified\":"), tls->verified);
	json_put_known(line, SLICE(",\"why\":"), tls->why);
	text_char(line, '}');
}
