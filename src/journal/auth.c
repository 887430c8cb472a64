/* SPDX-License-Identifier: Apache-2.0 */
/* One sign-in as a line of the journal, event `auth`. Nothing of what was said to prove it is in
 * it. The contract is in journal.h. */
#include "base/json.h"
#include "journal/journal.h"

static void put_client(struct text *line, const struct journal_auth *auth)
{
	text_put(line, SLICE(",\"client\":{\"ip\":\""));
	text_address(line, &auth->client);
	json_put_truth(line, SLICE("\",\"tls\":"), auth->tls);
	text_char(line, '}');
}

void journal_write_auth(struct text *line, const struct journal_auth *auth)
{
	json_put_number(line, SLICE("{\"schema\":"), JOURNAL_SCHEMA);
	json_put_text(line, SLICE(",\"event\":"), SLICE("auth"));
	json_put_id(line, SLICE(",\"id\":"), auth->id);
	json_put_time(line, SLICE(",\"time\":"), auth->time);
	json_put_known(line, SLICE(",\"node\":"), auth->node);
	json_put_id(line, SLICE(",\"session\":"), auth->session);
	json_put_text(line, SLICE(",\"listener\":"), auth->listener);
	put_client(line, auth);
	json_put_known(line, SLICE(",\"account\":"), auth->account);
	json_put_known(line, SLICE(",\"mechanism\":"), auth->mechanism);
	json_put_text(line, SLICE(",\"outcome\":"), auth->outcome);
	json_put_known(line, SLICE(",\"because\":"), auth->because);
	json_put_known(line, SLICE(",\"reply\":"), auth->reply);
	text_char(line, '}');
}
