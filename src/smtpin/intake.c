/* SPDX-License-Identifier: Apache-2.0 */
/* Reading message data. Read intake.h first; the end of data is wire/body.c's to find. */
#include "smtpin/intake.h"

#include "base/panic.h"
#include "smtpin/refuse.h"

enum {
	GATHER_LEAST = 64 << 10, /* when memory is short */
	PIECE_MOST = 256 << 10,  /* that is handed to a file at once */
	READ_LEAST = 16 << 10,   /* once so much has come, it is read to where it stays */
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
void intake_find_fault(struct intake *intake, enum reason fault, uint64_t limit)
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
	case COMMIT_FULL: intake_find_fault(intake, REASON_DISK_FULL, 0); break;
	case COMMIT_FAILED: intake_find_fault(intake, REASON_SPOOL_FAILED, 0); break;
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

static void half_end_put(struct intake *intake, bool half)
{
	size_t before = intake->gathered.size;

	if (half)
		text_char(&intake->gathered, '\r');
	gathered_changed(intake, before);
}

/* The header is looked at as it will leave: a bare CR in it becomes the end of a line. */
static void normalise_front(struct intake *intake)
{
	bool half = half_end_take(intake);

	normalise_gathered(intake);
	half_end_put(intake, half);
}

/* ---- big ---- */

/* Before anything goes to a file the header is seen; where it has not ended yet, more is gathered
 * first. */
static void become_big(struct task *task, struct intake *intake)
{
	struct session *session = intake->session;

	if (!intake->header_seen) {
		normalise_front(intake);
		intake_see_header(intake);
	}
	if (intake->fault)
		return;
	if (!intake->header_seen) {
		intake->gather_most *= 2;
		return;
	}
	intake_keep_header(intake);
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
	if (intake->gathered.size > PIECE_MOST)
		gathered_free(intake);
	half_end_put(intake, half);
	find_spool_fault(intake, written);
}

/* ---- where octets go ---- */

/* Of what is gathered, before a piece is full. */
static size_t room_left(const struct intake *intake)
{
	size_t size = intake->gathered.size < PIECE_MOST ? intake->gathered.size : PIECE_MOST;
	size_t used = intake->gathered.len + body_gap(&intake->reader);

	return used < size ? size - used : 0;
}

/* A chunk, then a piece, so that it is seldom copied; more only for a header that does not end. */
static void make_room(struct intake *intake)
{
	struct text *gathered = &intake->gathered;
	size_t before = gathered->size, len = gathered->len;
	size_t needed = intake->big ? CHUNK_MAX : len + READ_LEAST;

	if (needed <= gathered->size)
		return;
	if (needed < PIECE_MOST)
		needed = needed <= CHUNK_MAX ? CHUNK_MAX : PIECE_MOST;
	panic_if(!text_reserve(gathered, needed - len), "a growing text is full");
	gathered->len = len;
	gathered_changed(intake, before);
}

/* ---- the stream ---- */

static void find_faults(struct intake *intake)
{
	const struct settings *settings = session_settings(intake->session);
	const struct body_reader *reader = &intake->reader;
	bool bare = reader->bare_cr || reader->bare_lf;

	if (reader->nul)
		intake_find_fault(intake, REASON_NUL_IN_MESSAGE, 0);
	else if (bare && settings->line_ends == LINE_ENDS_STRICT)
		intake_find_fault(intake, REASON_BARE_NEWLINE, 0);
	else if (reader->size > settings->message_size)
		intake_find_fault(intake, REASON_MESSAGE_TOO_LARGE, settings->message_size);
}

/* What has come so far, all of it or up to a cut anywhere. */
static void take_stock(struct task *task, struct intake *intake)
{
	if (!intake->fault)
		find_faults(intake);
	if (!intake->fault && !admission_has_memory(intake->session))
		intake_find_fault(intake, REASON_MEMORY_FULL, 0);
	if (!intake->fault && !intake->big && intake->gathered.len >= intake->gather_most)
		become_big(task, intake);
	if (!intake->fault && intake->big && !room_left(intake))
		hand_over(task, intake);
}

/* Normalising makes a message longer, so a small one may become big at the last moment. The rest of
 * a big one is written with its envelope (accept.c). */
static void finish(struct task *task, struct intake *intake)
{
	if (!intake->fault)
		normalise_gathered(intake);
	if (!intake->fault && !intake->big)
		intake_see_header(intake);
	if (!intake->fault && !intake->big && intake->gathered.len > GATHER_MOST)
		become_big(task, intake);
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

/* The same, read to where they will stay: of a large message nothing is copied but by the system.
 */
static bool hear_in_place(
	struct task *task, struct intake *intake, uint64_t most, struct slice *bytes)
{
	struct session *session = intake->session;
	size_t got;

	make_room(intake);
	char *at = intake->gathered.at + intake->gathered.len + body_gap(&intake->reader);
	size_t room = room_left(intake);
	mono_ns outer = session_begin_wait(session);
	enum io_end end =
		stream_read(task, session->stream, at, most < room ? (size_t)most : room, &got);
	session_end_wait(session, outer);
	if (end != IO_DONE)
		return lose(session, end);
	admission_note_octets(session, got);
	*bytes = (struct slice){at, got};
	return true;
}

static bool is_large(const struct intake *intake)
{
	return !intake->fault && (intake->big || intake->gathered.len >= READ_LEAST);
}

/* What stands behind the end is none of the message, and perhaps a password. */
static bool receive_in_place(struct task *task, struct intake *intake)
{
	struct text *gathered = &intake->gathered;
	struct slice bytes;

	if (!hear_in_place(task, intake, UINT64_MAX, &bytes))
		return false;
	body_read(&intake->reader, &bytes, gathered);
	stream_give_back(intake->session->stream, bytes);
	if (bytes.len)
		explicit_bzero(gathered->at + (bytes.at - gathered->at), bytes.len);
	return true;
}

/* RFC 5321 section 4.1.1.4: the message ends at CRLF.CRLF, and nothing else ends it. */
static bool receive_some(struct task *task, struct intake *intake)
{
	struct slice bytes;

	if (is_large(intake))
		return receive_in_place(task, intake);
	if (!hear_some(task, intake->session, &bytes))
		return false;
	size_t there = bytes.len, before = intake->gathered.size;
	body_read(&intake->reader, &bytes, intake->fault ? NULL : &intake->gathered);
	gathered_changed(intake, before);
	stream_consume(intake->session->stream, there - bytes.len);
	return true;
}

bool intake_receive(struct task *task, struct intake *intake)
{
	while (!intake->reader.ended) {
		if (!receive_some(task, intake))
			return false;
		take_stock(task, intake);
	}
	finish(task, intake);
	return true;
}

/* ---- chunks ---- */

static bool take_some(struct task *task, struct intake *intake, uint64_t *octets)
{
	struct slice bytes;

	if (is_large(intake)) {
		if (!hear_in_place(task, intake, *octets, &bytes))
			return false;
		body_take(&intake->reader, bytes, &intake->gathered);
	} else {
		if (!hear_some(task, intake->session, &bytes))
			return false;
		size_t before = intake->gathered.size;
		bytes = slice_part(bytes, 0, *octets < bytes.len ? (size_t)*octets : bytes.len);
		body_take(&intake->reader, bytes, intake->fault ? NULL : &intake->gathered);
		gathered_changed(intake, before);
		stream_consume(intake->session->stream, bytes.len);
	}
	*octets -= bytes.len;
	return true;
}

bool intake_take(struct task *task, struct intake *intake, uint64_t octets)
{
	while (octets) {
		if (!take_some(task, intake, &octets))
			return false;
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
		intake_find_fault(intake, REASON_MESSAGE_TOO_LARGE, most);
}
