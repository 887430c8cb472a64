/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a message on its way in: seen once, before anything of a big one goes to the disk.
 * Read intake.h first. */
#include "smtpin/intake.h"
#include "smtpin/submission.h"

enum {
	HOPS_MOST = 100, /* RFC 5321 section 6.3 */
	OWN_HOPS_MOST = 10,
};

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

void intake_keep_header(struct intake *intake)
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
void intake_see_header(struct intake *intake)
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
			intake_find_fault(intake, REASON_TOO_MANY_HOPS, 0);
		return;
	}
	intake_find_fault(intake, REASON_HEADER_TOO_LARGE, most);
}
