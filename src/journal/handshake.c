/* SPDX-License-Identifier: Apache-2.0 */
/* A handshake of TLS that failed as a line of the journal, event `tls`. The contract is in
 * journal.h. */
#include "base/json.h"
#include "journal/journal.h"

void journal_write_tls(struct text *line, const struct journal_tls *failure)
{
	json_put_number(line, SLICE("{\"schema\":"), JOURNAL_SCHEMA);
	json_put_text(line, SLICE(",\"event\":"), SLICE("tls"));
	json_put_id(line, SLICE(",\"id\":"), failure->id);
	json_put_time(line, SLICE(",\"time\":"), failure->time);
	json_put_known(line, SLICE(",\"node\":"), failure->node);
	json_put_id(line, SLICE(",\"session\":"), failure->session);
	json_put_text(line, SLICE(",\"listener\":"), failure->listener);
	text_put(line, SLICE(",\"client\":{\"ip\":\""));
	text_address(line, &failure->client);
	json_put_text(line, SLICE("\"},\"outcome\":"), SLICE("failed"));
	json_put_known(line, SLICE(",\"because\":"), failure->because);
	text_char(line, '}');
}
