/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a mail server's log: Postfix, Exim, sendmail, OpenSMTPD, qmail, Exchange, and our own
 * in both forms. Each form is a row: what shows it, and where its parts stand. */
#include "base/text.h"
#include "explain/inside.h"

/* ---- values ---- */

/* "key=value" up to a comma or a blank; in brackets up to the closing one. */
static struct slice keyed(struct slice line, const char *key)
{
	struct slice name = slice_of(key);

	for (size_t from = 0; from < line.len;) {
		size_t at = find_nocase(slice_from(line, from), name);
		if (at == SIZE_MAX)
			return SLICE_NONE;
		at += from;
		if (at == 0 || slice_has(SLICE(" ,;("), line.at[at - 1])) {
			struct slice value = slice_from(line, at + name.len);
			char end = ',';
			if (slice_starts(value, SLICE("<")) || slice_starts(value, SLICE("\""))) {
				end = value.at[0] == '<' ? '>' : '"';
				value = slice_from(value, 1);
				return slice_cut(&value, end);
			}
			value = slice_cut(&value, ',');
			return slice_cut(&value, ' ');
		}
		from = at + 1;
	}
	return SLICE_NONE;
}

static struct slice behind(struct slice line, const char *words)
{
	size_t at = find_nocase(line, slice_of(words));

	return at == SIZE_MAX ? SLICE_NONE : slice_from(line, at + slice_of(words).len);
}

/* "mx.example.org[192.0.2.1]:25" */
static void host_put(struct failure *failure, struct slice relay)
{
	struct slice name = slice_cut(&relay, '[');

	if (slice_is(name, SLICE("none")) || slice_is(name, SLICE("local")))
		return;
	name = slice_trim(name);
	name = slice_cut(&name, ' ');
	if (name.len && name.at[name.len - 1] == '.')
		name.len--;
	failure->remote_mta = name.len ? name : slice_cut(&relay, ']');
}

/* "unknown[192.0.2.7]" or "host [192.0.2.7]": who was refused. */
static void client_put(struct failure *failure, struct slice text)
{
	size_t open = slice_find(slice_part(text, 0, 300), '[');

	if (open == SIZE_MAX)
		return;
	struct slice name = slice_trim(slice_part(text, 0, open));
	struct slice rest = slice_from(text, open + 1);
	failure->client = slice_cut(&rest, ']');
	if (!slice_is(name, SLICE("unknown")) && !slice_has(name, ' '))
		failure->client_name = name;
	failure->sender_ip = failure->client;
}

/* The words of a log's key go on to the end of the line. */
static struct slice to_end(struct slice line, const char *key)
{
	struct slice rest = behind(line, key);

	if (rest.len > 1 && rest.at[0] == '(' && rest.at[rest.len - 1] == ')')
		rest = slice_part(rest, 1, rest.len - 1);
	return slice_trim(rest);
}

static void status_put(struct failure *failure, struct slice dsn)
{
	if (!failure->has_status)
		failure->has_status = status_find(dsn, &failure->status);
}

/* ---- forms ---- */

static bool read_postfix_delivery(struct failure *failure, struct slice line)
{
	struct slice status = keyed(line, "status=");
	size_t at = find_nocase(line, SLICE("status="));

	if (!status.len || !has_nocase(line, "relay="))
		return false;
	failure->fate = slice_is(status, SLICE("deferred")) ? FATE_DELAYED
			: slice_is(status, SLICE("sent"))   ? FATE_DELIVERED
							    : FATE_FAILED;
	failure->recipient = keyed(line, "to=");
	failure->original_recipient = keyed(line, "orig_to=");
	host_put(failure, keyed(line, "relay="));
	status_put(failure, keyed(line, "dsn="));
	struct slice said = behind(slice_from(line, at), " ");
	if (said.len > 1 && said.at[0] == '(')
		said = slice_part(said, 1, said.len - (said.at[said.len - 1] == ')'));
	failure->words = said;
	return true;
}

static bool read_postfix_reject(struct failure *failure, struct slice line)
{
	static const char *const verbs[] = {
		"reject: ", "reject_warning: ", "milter-reject: ", "discard: ", "defer: "};
	struct slice said = SLICE_NONE;

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs && !said.len; i++)
		said = behind(line, verbs[i]);
	struct slice client = behind(said, " from ");
	if (!client.len)
		return false;
	client_put(failure, client);
	failure->command = slice_starts(said, SLICE("RCPT")) ? SLICE("RCPT TO") : SLICE_NONE;
	failure->recipient = keyed(said, "to=");
	failure->sender = keyed(said, "from=");
	failure->helo = keyed(said, "helo=");
	struct slice words = behind(client, "]: ");
	size_t end = find_nocase(words, SLICE("; from=<"));
	failure->words = slice_part(words, 0, end);
	return true;
}

static bool read_postfix_login(struct failure *failure, struct slice line)
{
	struct slice client = behind(line, "warning: ");

	if (!has_nocase(line, "SASL ") || !has_nocase(line, "authentication failed"))
		return false;
	client_put(failure, client);
	failure->words = behind(client, "]: ");
	failure->command = SLICE("AUTH");
	return true;
}

/* Exim: "** address R=… T=… H=…: words", "== address … defer (…): words". */
static bool read_exim_delivery(struct failure *failure, struct slice line)
{
	bool failed = has_nocase(line, " ** ");
	struct slice said = behind(line, failed ? " ** " : " == ");
	struct mention mention;

	if (!said.len || !address_find(slice_part(said, 0, 600), 0, &mention))
		return false;
	failure->fate = failed ? FATE_FAILED : FATE_DELAYED;
	failure->recipient = mention.address;
	struct slice host = behind(said, " H=");
	failure->remote_mta = slice_cut(&host, ' ');
	struct slice words = behind(said, ": ");
	failure->words = words.len ? words : said;
	return true;
}

static bool read_exim_reject(struct failure *failure, struct slice line)
{
	struct slice said = behind(line, " rejected ");
	struct slice client = behind(line, " H=");
	struct mention mention;

	if (!said.len || !client.len)
		return false;
	client_put(failure, behind(client, " "));
	if (!failure->client.len)
		client_put(failure, client);
	failure->sender = keyed(line, "F=");
	if (slice_starts(said, SLICE("RCPT")) && address_find(said, 0, &mention))
		failure->recipient = mention.address;
	failure->command = slice_starts(said, SLICE("RCPT")) ? SLICE("RCPT TO") : SLICE_NONE;
	struct slice words = behind(said, ": ");
	failure->words = words.len ? words : said;
	return true;
}

static bool read_sendmail(struct failure *failure, struct slice line)
{
	struct slice said = to_end(line, "reject=");
	struct slice stat = to_end(line, "stat=");
	struct mention mention;

	if (!said.len && !stat.len)
		return false;
	failure->recipient = keyed(line, said.len ? "arg1=" : "to=");
	if (address_find(failure->recipient, 0, &mention))
		failure->recipient = mention.address;
	failure->sender = keyed(line, said.len ? "from=" : "ctladdr=");
	struct slice relay = behind(line, "relay=");
	struct slice host = slice_cut(&relay, ',');
	if (said.len)
		client_put(failure, host);
	else
		host_put(failure, host);
	status_put(failure, keyed(line, "dsn="));
	if (slice_starts(stat, SLICE("Deferred")))
		failure->fate = FATE_DELAYED;
	else if (slice_starts(stat, SLICE("Sent")))
		failure->fate = FATE_DELIVERED;
	failure->words = said.len ? said : stat;
	return true;
}

static bool read_opensmtpd(struct failure *failure, struct slice line)
{
	struct slice result = keyed(line, "result=");

	if (!result.len || !has_nocase(line, "stat="))
		return false;
	failure->fate = slice_is(result, SLICE("TempFail")) ? FATE_DELAYED
			: slice_is(result, SLICE("Ok"))     ? FATE_DELIVERED
							    : FATE_FAILED;
	failure->recipient = keyed(line, "to=");
	failure->sender = keyed(line, "from=");
	host_put(failure, keyed(line, "relay="));
	failure->words = keyed(line, "stat=");
	return true;
}

/* qmail writes its words without blanks: 192.0.2.1_does_not_like_recipient./Remote_host_said:_550
 */
static bool read_qmail(struct failure *failure, struct slice line, struct arena *arena)
{
	static const char *const verbs[] = {": failure: ", ": deferral: "};
	struct text words = TEXT_GROWING;
	struct mention mention;

	for (size_t i = 0; i < 2; i++) {
		struct slice said = behind(line, verbs[i]);
		for (size_t n = 0; n < said.len && n < WORDS_MOST; n++)
			text_char(
				&words, said.at[n] == '_' || said.at[n] == '/' ? ' ' : said.at[n]);
		if (said.len)
			failure->fate = i ? FATE_DELAYED : FATE_FAILED;
	}
	failure->words = arena_slice(arena, text_slice(&words));
	text_free(&words);
	if (address_find(failure->words, 0, &mention))
		failure->recipient = mention.address;
	return failure->words.len > 0;
}

/* Exchange message tracking: comma-separated, the event FAIL or DSN, the recipient's address, then
 * its status; some versions write [LED=550 …]. The message's own id is in brackets. */
static bool read_exchange(struct failure *failure, struct slice line)
{
	static const char *const signs[] = {",FAIL,", ",DSN,", ",DEFER,", "[LED=", "{LED=", NULL};
	struct slice left = line, led = behind(line, "LED=");

	if (!has_one_of(line, signs))
		return false;
	while (left.len && !failure->words.len) {
		struct slice value = slice_cut(&left, ',');
		struct slice several = value, first = slice_cut(&several, ';');
		if (!failure->recipient.len && is_address(first) &&
			!slice_starts(first, SLICE("<")))
			failure->recipient = first;
		else if (failure->recipient.len && reply_code_find(value))
			failure->words = value;
	}
	if (led.len) {
		failure->words = slice_cut(&led, ']');
		led = failure->words; /* "[{LED=550 …};{MSG=…};{FQDN=…}]" */
		failure->words = slice_cut(&led, '}');
	}
	fill(&failure->words, line);
	if (has_nocase(line, ",DEFER,"))
		failure->fate = FATE_DELAYED;
	return true;
}

/* Our journal's lines and our log's, both JSON (journal/README.md). */
static bool read_ours(struct failure *failure, struct slice line, struct arena *arena)
{
	struct slice reply = json_member(line, "reply", arena);
	struct slice event = json_member(line, "event", arena);

	if (!slice_starts(slice_trim(line), SLICE("{")) || !(reply.len || event.len))
		return false;
	if (slice_is(event, SLICE("deferred")))
		failure->fate = FATE_DELAYED;
	else if (slice_is(event, SLICE("delivered")))
		failure->fate = FATE_DELIVERED;
	failure->recipient = json_member(line, "recipient", arena);
	failure->sender = json_member(line, "sender", arena);
	failure->client = json_member(line, "ip", arena);
	failure->postern_id = json_member(line, event.len ? "message" : "id", arena);
	failure->words = reply.len ? reply : json_member(line, "text", arena);
	if (!event.len && slice_is(json_member(line, "decision", arena), SLICE("accept")))
		failure->fate = FATE_DELIVERED;
	return failure->words.len > 0;
}

/* ---- which form ---- */

/* A date or a time at the front: every log begins so. */
static bool begins_with_time(struct slice line)
{
	struct slice start = slice_part(line, 0, 40);
	size_t digits = 0, colons = 0;

	for (size_t i = 0; i < start.len; i++) {
		digits += ascii_is_digit(start.at[i]);
		colons += start.at[i] == ':';
	}
	return digits >= 5 && colons >= 2;
}

static bool line_read(struct failure *failure, struct slice line, struct arena *arena)
{
	static const struct {
		const char *sign, *product;
		bool (*read)(struct failure *failure, struct slice line);
	} forms[] = {
		{"postfix/", "postfix", read_postfix_delivery},
		{"status=", "postfix", read_postfix_delivery},
		{"reject: ", "postfix", read_postfix_reject},
		{"SASL ", "postfix", read_postfix_login},
		{"stat=", "opensmtpd", read_opensmtpd},
		{"reject=", "sendmail", read_sendmail},
		{"stat=", "sendmail", read_sendmail},
		{" ** ", "exim", read_exim_delivery},
		{" == ", "exim", read_exim_delivery},
		{" rejected ", "exim", read_exim_reject},
		{",FAIL,", "exchange", read_exchange},
		{"LED=", "exchange", read_exchange},
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (has_nocase(line, forms[i].sign) && forms[i].read(failure, line)) {
			failure->product = slice_of(forms[i].product);
			return true;
		}
	if (read_ours(failure, line, arena)) {
		failure->product = SLICE("postern");
		return true;
	}
	failure->product = SLICE("qmail");
	return has_nocase(line, "delivery ") && read_qmail(failure, line, arena);
}

static bool looks_like_log(struct slice line)
{
	static const char *const signs[] = {"postfix/", "NOQUEUE:", "exim[", "sendmail[", "sm-mta[",
		"smtpd[", "status=", "dsn=", ",FAIL,", "qmail:", "{\"schema\"", "ruleset=", NULL};

	return begins_with_time(line) || has_one_of(line, signs);
}

bool log_read(struct scene *scene, struct slice text)
{
	size_t lines = 0, found = 0;

	while (text.len && lines++ < LINES_MOST) {
		struct slice line = slice_trim(slice_part(line_take(&text), 0, WORDS_MOST));
		struct failure failure = {0};
		if (!looks_like_log(line) || !line_read(&failure, line, scene->arena))
			continue;
		struct failure *kept = failure_of(scene, SLICE_NONE);
		if (!kept)
			break;
		failure.reported = line;
		*kept = failure;
		found++;
	}
	if (found)
		scene->reading->kind = INPUT_LOG;
	return found > 0;
}
