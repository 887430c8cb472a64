/* SPDX-License-Identifier: Apache-2.0 */
/* Reading message data. Read intake.h first; the end of data is wire/body.c's to find. */
#include "smtpin/intake.h"

#include "smtpin/refuse.h"
#include "smtpin/submission.h"

enum {
	HOPS_MOST = 100, /* RFC 5321 section 6.3 */
	OWN_HOPS_MOST = 10,
	GATHER_LEAST = 64 << 10, /* when memory is short */
};

void intake_begin(struct intake *intake, struct session *session)
{
	bool short_of_memory = session->edge->gathered > GATHERED_MAX;

	*intake = (struct intake){
		.session = session,
		.gathered = TEXT_GROWING,
		.gather_most = short_of_memory ? GATHER_LEAST : GATHER_MOST,
	};
	body_begin(&intake->reader);
}

uint64_t intake_size(const struct intake *intake)
{
	return intake->written + intake->gathered.len;
}

/* The edge knows how much all its sessions hold. */
static void gathered_changed(struct intake *intake, size_t before)
{
	struct edge *edge = intake->session->edge;

	edge->gathered += intake->gathered.size;
	edge->gathered -= before;
}

static void gathered_free(struct intake *intake)
{
	size_t before = intake->gathered.size;

	text_free(&intake->gathered);
	intake->gathered = TEXT_GROWING;
	gathered_changed(intake, before);
}

static void give_up(struct intake *intake)
{
	if (intake->big)
		writer_big_abandon(intake->big);
	intake->big = NULL;
	intake->session->transaction->header = SLICE_NONE; /* it may lie in what is gathered */
	gathered_free(intake);
}

void intake_end(struct intake *intake)
{
	give_up(intake);
}

/* From here on the rest is read, up to its true end, and thrown away. The first fault speaks. */
static void find_fault(struct intake *intake, enum reason fault, uint64_t limit)
{
	intake->fault = fault;
	if (limit)
		intake->about =
			arena_format(intake->session->transaction->arena, "%ju", (uintmax_t)limit);
	give_up(intake);
}

static void find_spool_fault(struct intake *intake, enum commit commit)
{
	switch (commit) {
	case COMMIT_DURABLE: break;
	case COMMIT_FULL: find_fault(intake, REASON_DISK_FULL, 0); break;
	case COMMIT_FAILED: find_fault(intake, REASON_SPOOL_FAILED, 0); break;
	}
}

/* ---- line ends ---- */

/* `line ends normalise`: a bare LF or CR stands for CRLF. Only CRLF.CRLF ended the data all the
 * same. */
static void text_normalised(struct text *out, struct slice in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.at[i] != '\r' && in.at[i] != '\n') {
			text_char(out, in.at[i]);
			continue;
		}
		text_put(out, SLICE("\r\n"));
		if (slice_starts(slice_from(in, i), SLICE("\r\n")))
			i++;
	}
}

static void normalise_gathered(struct intake *intake)
{
	struct text out = TEXT_GROWING;
	size_t before = intake->gathered.size;

	if (!intake->reader.bare_cr && !intake->reader.bare_lf)
		return;
	intake->normalised = true;
	text_normalised(&out, text_slice(&intake->gathered));
	text_free(&intake->gathered);
	intake->gathered = out;
	gathered_changed(intake, before);
}

/* A CR at the end may be half of a line end: it is taken off for now. False: there is none. */
static bool half_end_take(struct intake *intake)
{
	bool half = !intake->reader.ended && intake->gathered.len &&
		    intake->gathered.at[intake->gathered.len - 1] == '\r';

	intake->gathered.len -= half;
	return half;
}

/* The header is looked at as it will leave: a bare CR in it becomes the end of a line. */
static void normalise_front(struct intake *intake)
{
	bool half = half_end_take(intake);

	normalise_gathered(intake);
	if (half)
		text_char(&intake->gathered, '\r');
}

/* ---- the header ---- */

/* How often we have seen it ourselves: "by mx.example.org" in a Received field. */
static bool is_ours(const struct field *field, struct slice hostname, struct arena *arena)
{
	struct slice left = header_unfold(field->raw, arena);

	while (left.len)
		if (slice_is_nocase(slice_cut(&left, ' '), SLICE("by")))
			return slice_is_nocase(slice_cut(&left, ' '), hostname);
	return false;
}

static bool is_looping(struct intake *intake, const struct headers *headers)
{
	struct slice received = SLICE("Received");
	struct slice hostname = session_settings(intake->session)->hostname;
	size_t hops = header_count(headers, received), ours = 0;

	if (hops > HOPS_MOST)
		return true;
	if (hops <= OWN_HOPS_MOST)
		return false;
	for (size_t i = 0; i < hops; i++)
		ours += is_ours(
			header_find(headers, received, i), hostname, intake->session->scratch);
	return ours > OWN_HOPS_MOST;
}

/* What decisions at the end of data read. While a message is small its header lies in what is
 * gathered; a big one has its own copy, where some clause could ask for it. */
static void note_header(struct intake *intake, const struct headers *headers, struct slice lines)
{
	struct transaction *transaction = intake->session->transaction;

	intake->author = author_find(headers, transaction->arena, &transaction->author);
	transaction->has_author = intake->author == AUTHOR_OK;
	claims_find(headers, transaction->arena, &transaction->claims);
	submission_note(intake->session, headers);
	transaction->header = slice_part(lines, 0, headers->body_at);
}

static void keep_header(struct intake *intake)
{
	struct transaction *transaction = intake->session->transaction;

	transaction->header = policy_has_clauses_at(transaction->policy, STAGE_END)
				      ? arena_slice(transaction->arena, transaction->header)
				      : SLICE_NONE;
}

static struct slice whole_lines(struct slice bytes)
{
	size_t last = slice_find_last(bytes, '\n');

	return last == SIZE_MAX ? SLICE_NONE : slice_part(bytes, 0, last + 1);
}

/* Some of the body is there, or the empty line that ends the header is the last whole one. */
static bool header_has_ended(struct slice lines, size_t body_at)
{
	struct slice header = slice_part(lines, 0, body_at);

	return body_at < lines.len || slice_is(header, SLICE("\r\n")) ||
	       slice_ends_nocase(header, SLICE("\r\n\r\n"));
}

/* Looks at the header in what is gathered. A line that has not ended yet says nothing. */
static void see_header(struct intake *intake)
{
	uint64_t most = session_limits(intake->session)->header_bytes;
	struct slice bytes = text_slice(&intake->gathered);
	struct slice lines = intake->reader.ended ? bytes : whole_lines(bytes);
	struct headers headers;

	header_scan(lines, intake->session->scratch, &headers);
	intake->header_seen = intake->reader.ended || header_has_ended(lines, headers.body_at);
	if (!intake->header_seen && bytes.len >= GATHER_MOST)
		most = most < GATHER_MOST ? most : GATHER_MOST;
	else if (headers.body_at <= most) {
		if (intake->header_seen)
			note_header(intake, &headers, lines);
		if (intake->header_seen && is_looping(intake, &headers))
			find_fault(intake, REASON_TOO_MANY_HOPS, 0);
		return;
	}
	find_fault(intake, REASON_HEADER_TOO_LARGE, most);
}

/* ---- big ---- */

/* Before anything goes to a file the header is seen; where it has not ended yet, more is gathered
 * first. */
static void become_big(struct task *task, struct intake *intake)
{
	struct session *session = intake->session;

	if (!intake->header_seen) {
		normalise_front(intake);
		see_header(intake);
	}
	if (intake->fault)
		return;
	if (!intake->header_seen) {
		intake->gather_most *= 2;
		return;
	}
	keep_header(intake);
	enum commit opened = writer_big_open(
		task, session->edge->writer, session->transaction->id, &intake->big);
	if (opened != COMMIT_DURABLE) {
		intake->big = NULL;
		find_spool_fault(intake, opened);
	}
}

/* Hands what is gathered to the big file. */
static void hand_over(struct task *task, struct intake *intake)
{
	bool half = half_end_take(intake);

	normalise_gathered(intake);
	enum commit written = writer_big_append(task, intake->big, text_slice(&intake->gathered));
	intake->written += intake->gathered.len;
	text_clear(&intake->gathered);
	if (half)
		text_char(&intake->gathered, '\r');
	find_spool_fault(intake, written);
}

/* ---- the stream ---- */

static void find_faults(struct intake *intake)
{
	const struct settings *settings = session_settings(intake->session);
	const struct body_reader *reader = &intake->reader;
	bool bare = reader->bare_cr || reader->bare_lf;

	if (reader->nul)
		find_fault(intake, REASON_NUL_IN_MESSAGE, 0);
	else if (bare && settings->line_ends == LINE_ENDS_STRICT)
		find_fault(intake, REASON_BARE_NEWLINE, 0);
	else if (reader->size > settings->message_size)
		find_fault(intake, REASON_MESSAGE_TOO_LARGE, settings->message_size);
}

/* What has come so far, all of it or up to a cut anywhere. */
static void take_stock(struct task *task, struct intake *intake)
{
	if (!intake->fault)
		find_faults(intake);
	if (!intake->fault && !admission_has_memory(intake->session))
		find_fault(intake, REASON_MEMORY_FULL, 0);
	if (!intake->fault && !intake->big && intake->gathered.len >= intake->gather_most)
		become_big(task, intake);
	if (!intake->fault && intake->big && intake->gathered.len >= CHUNK_MAX)
		hand_over(task, intake);
}

/* Normalising makes a message longer, so a small one may become big at the last moment. */
static void finish(struct task *task, struct intake *intake)
{
	if (!intake->fault && !intake->big) {
		normalise_gathered(intake);
		see_header(intake);
	}
	if (!intake->fault && !intake->big && intake->gathered.len > GATHER_MOST)
		become_big(task, intake);
	if (!intake->fault && intake->big)
		hand_over(task, intake);
	intake->session->transaction->size_known = !intake->fault;
	intake->session->transaction->size = intake_size(intake);
}

static bool lose(struct session *session, enum io_end end)
{
	const struct transaction *transaction = session->transaction;
	bool over = transaction && loop_mono(session->edge->loop) >= transaction->ends;

	switch (end) {
	case IO_DEADLINE:
		refuse_and_end(session, over ? REASON_TRANSACTION_TOO_LONG : REASON_IDLE_TOO_LONG,
			SLICE_NONE);
		return false;
	case IO_CANCELLED:
		refuse_and_end(session, session_cut_short(session), SLICE_NONE);
		return false;
	case IO_CLOSED:
	case IO_FAILED:
	case IO_DONE: break;
	}
	session->edge->tally.lost += transaction != NULL;
	session->ending = true;
	return false;
}

/* Some octets, or false: then the session ends. */
static bool hear_some(struct task *task, struct session *session, struct slice *bytes)
{
	mono_ns outer = session_begin_wait(session);
	enum io_end end = stream_peek(task, session->stream, bytes);

	session_end_wait(session, outer);
	if (end != IO_DONE)
		return lose(session, end);
	admission_note_octets(session, bytes->len);
	return true;
}

/* RFC 5321 section 4.1.1.4: the message ends at CRLF.CRLF, and nothing else ends it. */
bool intake_receive(struct task *task, struct intake *intake)
{
	struct session *session = intake->session;
	struct slice bytes;

	while (!intake->reader.ended) {
		if (!hear_some(task, session, &bytes))
			return false;
		size_t there = bytes.len, before = intake->gathered.size;
		body_read(&intake->reader, &bytes, intake->fault ? NULL : &intake->gathered);
		gathered_changed(intake, before);
		stream_consume(session->stream, there - bytes.len);
		take_stock(task, intake);
	}
	finish(task, intake);
	return true;
}

/* ---- chunks ---- */

bool intake_take(struct task *task, struct intake *intake, uint64_t octets)
{
	struct session *session = intake->session;
	struct slice bytes;

	while (octets) {
		if (!hear_some(task, session, &bytes))
			return false;
		size_t before = intake->gathered.size;
		bytes = slice_part(bytes, 0, octets < bytes.len ? (size_t)octets : bytes.len);
		body_take(&intake->reader, bytes, intake->fault ? NULL : &intake->gathered);
		gathered_changed(intake, before);
		stream_consume(session->stream, bytes.len);
		octets -= bytes.len;
		take_stock(task, intake);
	}
	return true;
}

void intake_complete(struct task *task, struct intake *intake)
{
	size_t before = intake->gathered.size;

	body_complete(&intake->reader, intake->fault ? NULL : &intake->gathered);
	gathered_changed(intake, before);
	take_stock(task, intake);
	finish(task, intake);
}

/* As long as a whole message may take, and no longer. */
bool intake_skip(struct task *task, struct session *session, uint64_t octets)
{
	mono_ns outer = task_limit(task, session_limits(session)->transaction);
	struct slice bytes;
	bool heard = true;

	while (octets && (heard = hear_some(task, session, &bytes))) {
		size_t some = octets < bytes.len ? (size_t)octets : bytes.len;
		stream_consume(session->stream, some);
		octets -= some;
	}
	task_restore(task, outer);
	return heard;
}

void intake_expect(struct intake *intake, uint64_t octets)
{
	uint64_t most = session_settings(intake->session)->message_size;

	if (!intake->fault && octets > most - intake->reader.size)
		find_fault(intake, REASON_MESSAGE_TOO_LARGE, most);
}
