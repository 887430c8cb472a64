/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's answers for people. Read views.h, and control/README.md for the questions, first. */
#include "diagnose/views.h"

#include "diagnose/told.h"

void text_span(struct text *text, mono_ns span)
{
	int64_t seconds = (span < 0 ? -span : span) / NS_PER_S;

	if (seconds < 120)
		text_format(text, "%lld s", (long long)seconds);
	else if (seconds < 7200)
		text_format(text, "%lld m", (long long)(seconds / 60));
	else if (seconds < 172800)
		text_format(text, "%lld h", (long long)(seconds / 3600));
	else
		text_format(text, "%lld d", (long long)(seconds / 86400));
}

void text_bytes(struct text *text, uint64_t bytes)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		text_format(text, "%llu B", (unsigned long long)bytes);
		return;
	}
	for (; value >= 1000 && unit < 3; unit++)
		value /= 1000;
	text_format(text, value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* ---- sessions, reload ---- */

void view_session(struct text *out, const json_t *session)
{
	text_format(out, "%.*s  ", SLICE_ARGS(slice_part(told_text(session, "since"), 11, 19)));
	text_escaped(out, told_text(session, "client"));
	text_put(out, SLICE("  "));
	text_escaped(out, told_text(session, "state"));
	if (json_object_get(session, "account")) {
		text_put(out, SLICE("  "));
		text_escaped(out, told_text(session, "account"));
	}
	if (json_object_get(session, "sender")) {
		text_put(out, SLICE("  <"));
		text_escaped(out, told_text(session, "sender"));
		text_char(out, '>');
	}
	text_char(out, '\n');
}

void view_reload(struct text *out, const json_t *reloaded)
{
	text_put(out, SLICE("in use: policy "));
	text_escaped(out, told_text(reloaded, "policy"));
	text_char(out, '\n');
}

/* "192.0.2.7  alice@example.org  pop  2026-11-22 09:30:00 to 10:00:00". */
void view_grant(struct text *out, const json_t *lease)
{
	struct slice since = told_text(lease, "since"), until = told_text(lease, "until");

	text_escaped(out, told_text(lease, "client"));
	text_put(out, SLICE("  "));
	text_escaped(out, told_text(lease, "account"));
	text_put(out, SLICE("  "));
	text_escaped(out, told_text(lease, "by"));
	text_format(out, "  %.*s %.*s to %.*s %.*s UTC\n", SLICE_ARGS(slice_part(since, 0, 10)),
		SLICE_ARGS(slice_part(since, 11, 19)), SLICE_ARGS(slice_part(until, 0, 10)),
		SLICE_ARGS(slice_part(until, 11, 19)));
}

void view_revoked(struct text *out, const json_t *revoked)
{
	json_int_t count = json_integer_value(json_object_get(revoked, "revoked"));

	text_format(out, "%lld %s\n", (long long)count,
		count == 1 ? "lease has ended" : "leases have ended");
}

/* ---- the queue ---- */

static void put_age(struct text *out, int64_t seconds)
{
	char raw[32];
	struct text span = TEXT_FIXED(raw);

	text_span(&span, seconds * NS_PER_S);
	text_format(out, "%6.*s ", SLICE_ARGS(text_slice(&span)));
}

static void put_last(struct text *out, const json_t *last)
{
	if (!json_is_object(last))
		return;
	text_put(out, SLICE("\n      "));
	if (told_text(last, "remote").len) {
		text_escaped(out, told_text(last, "remote"));
		text_put(out, SLICE(": "));
	}
	if (told_number(last, "code"))
		text_format(out, "%lld ", (long long)told_number(last, "code"));
	text_escaped(out, told_text(last, "words"));
	told_tls(out, json_object_get(last, "tls"));
}

static void put_recipient(struct text *out, const json_t *recipient)
{
	struct slice next = told_text(recipient, "next");

	text_put(out, SLICE("    <"));
	text_escaped(out, told_text(recipient, "address"));
	text_format(out, ">  %.*s, attempts %lld", SLICE_ARGS(told_text(recipient, "state")),
		(long long)told_number(recipient, "attempts"));
	if (next.len)
		text_format(out, ", next %.*s", SLICE_ARGS(slice_part(next, 0, 19)));
	put_last(out, json_object_get(recipient, "last"));
	text_char(out, '\n');
}

void view_queue_line(struct text *out, const json_t *message)
{
	const json_t *recipients = json_object_get(message, "recipients");
	char raw[32];
	struct text size = TEXT_FIXED(raw);

	text_bytes(&size, (uint64_t)told_number(message, "size"));
	text_escaped(out, told_text(message, "id"));
	text_format(out, " %8.*s", SLICE_ARGS(text_slice(&size)));
	put_age(out, told_number(message, "age"));
	text_put(out, SLICE(" <"));
	text_escaped(out, told_text(message, "sender"));
	text_put(out, SLICE(">\n"));
	for (size_t i = 0; i < json_array_size(recipients); i++)
		put_recipient(out, json_array_get(recipients, i));
}

void view_message(struct text *out, const json_t *message)
{
	static const char *const keys[] = {
		"received", "client", "helo", "listener", "account", "envid", "ret", "policy"};

	view_queue_line(out, message);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (told_text(message, keys[i]).len) {
			text_format(out, "  %-9s ", keys[i]);
			text_escaped(out, told_text(message, keys[i]));
			text_char(out, '\n');
		}
}

void view_acted(struct text *out, const json_t *acted)
{
	const json_t *errors = json_object_get(acted, "errors");

	text_format(out, "%lld recipients changed, %lld were so already\n",
		(long long)told_number(acted, "acted"), (long long)told_number(acted, "unchanged"));
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *error = json_array_get(errors, i);
		text_escaped(out, told_text(error, "id"));
		text_put(out, SLICE(": "));
		text_escaped(out, told_text(error, "error"));
		text_char(out, '\n');
	}
}

void view_damage(struct text *out, const json_t *damage)
{
	text_format(out, "segment %lld (%.*s), bytes %lld to %lld: ",
		(long long)told_number(damage, "segment"), SLICE_ARGS(told_text(damage, "class")),
		(long long)told_number(damage, "from"), (long long)told_number(damage, "to"));
	text_escaped(out, told_text(damage, "what"));
	if (told_text(damage, "id").len) {
		text_put(out, SLICE("; message "));
		text_escaped(out, told_text(damage, "id"));
	}
	text_char(out, '\n');
}

static struct slice salvage_words(struct slice outcome)
{
	static const struct {
		const char *outcome, *words;
	} rows[] = {
		{"queued", "whole after all: it is in the queue again"},
		{"done", "whole, and delivered already: nothing to do"},
		{"whole", "whole, but whether it was delivered cannot be told"},
		{"parts", "in parts, with marks where something is missing"},
		{"bytes", "no message could be made out: the bare bytes"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (slice_is(outcome, slice_of(rows[i].outcome)))
			return slice_of(rows[i].words);
	return outcome;
}

void view_cleared(struct text *out, const json_t *line)
{
	struct slice file = told_text(line, "file");

	if (json_object_get(line, "cleared")) {
		text_format(
			out, "segment %lld is cleared\n", (long long)told_number(line, "cleared"));
		return;
	}
	text_escaped(out, told_text(line, "id").len ? told_text(line, "id") : SLICE("(no id)"));
	text_put(out, SLICE(": "));
	text_escaped(out, salvage_words(told_text(line, "outcome")));
	if (file.len) {
		text_put(out, SLICE(": STATE/spool/damaged/"));
		text_escaped(out, file);
	}
	text_char(out, '\n');
}

void view_limit(struct text *out, const json_t *counter)
{
	struct slice next = told_text(counter, "next_free");

	text_escaped(out, told_text(counter, "counter"));
	text_format(out, ": %lld", (long long)told_number(counter, "used"));
	if (json_object_get(counter, "most"))
		text_format(out, " of %lld", (long long)told_number(counter, "most"));
	text_put(out, SLICE(" in "));
	text_span(out, told_number(counter, "period") * NS_PER_S);
	if (next.len) {
		text_put(out, SLICE(", next free "));
		text_escaped(out, next);
	}
	text_char(out, '\n');
}
