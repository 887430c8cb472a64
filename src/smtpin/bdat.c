/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BDAT (RFC 3030): a message in chunks, each with the count of its octets in front, so that nothing
 * in it has to be looked for. What may stand in a message is the same as after DATA (intake.h): the
 * way it came must not decide what it means to the next server.
 *
 *	chunk                              answer
 *	refused: out of order, no MAIL     its octets are read and thrown away, then 503 or 554
 *	with a fault in it                 read to its end, then the refusal; the transaction is
 *over behind one with a fault            read and thrown away, then 503 without a size that can be
 *read    501 and the end: where the next command begins is unknown not the last 250 the last what a
 *message gets
 *
 * Read intake.h first, then judge.c for what follows the last chunk.
 */
#include "smtpin/judge.h"
#include "smtpin/refuse.h"

struct chunk {
	uint64_t octets;
	bool is_last;
};

/* RFC 3030 section 2: a size in octets, and perhaps LAST. */
static bool chunk_read(struct slice rest, struct chunk *chunk)
{
	struct slice size = slice_cut(&rest, ' ');

	chunk->is_last = slice_is_nocase(rest, SLICE("LAST"));
	return slice_number(size, INT64_MAX, &chunk->octets) && (chunk->is_last || !rest.len);
}

static bool chunk_read_or_end(struct session *session, struct slice rest, struct chunk *chunk)
{
	if (chunk_read(rest, chunk))
		return true;
	refuse_and_end(session, REASON_BAD_SYNTAX, SLICE("BDAT size, or BDAT size LAST"));
	return false;
}

/* RFC 3030 section 4.2: chunks may have been sent before the first answer was read, so these are no
 * errors of the client's. */
static void refuse_after_failure(struct session *session)
{
	uint64_t errors = session->errors;

	refuse_form(session, REASON_BAD_SEQUENCE, SLICE("the message has failed already"));
	session->errors = errors;
	session->no_ops++;
}

bool bdat_skip(struct task *task, struct session *session, struct slice rest)
{
	struct chunk chunk;

	if (!chunk_read_or_end(session, rest, &chunk) || !intake_skip(task, session, chunk.octets))
		return false;
	if (!session->chunk_failed)
		return true;
	refuse_after_failure(session);
	return false;
}

/* Kept between the commands; transaction_end() gives it back, whatever ends the transaction. */
static struct intake *intake_of(struct session *session)
{
	struct transaction *transaction = session->transaction;

	if (!transaction->chunks) {
		transaction->chunks = ARENA_NEW(transaction->arena, struct intake);
		intake_begin(transaction->chunks, session);
	}
	return transaction->chunks;
}

static void say_taken(struct session *session, const struct chunk *chunk)
{
	session_say(session, arena_format(session->scratch, "250 2.0.0 %ju octets taken",
				     (uintmax_t)chunk->octets));
	session->no_ops += chunk->octets == 0; /* it brings the message no further */
}

void bdat_command(struct task *task, struct session *session, struct slice rest)
{
	struct chunk chunk;

	if (!chunk_read_or_end(session, rest, &chunk))
		return;
	struct intake *intake = intake_of(session);
	intake_expect(intake, chunk.octets);
	if (!intake_take(task, intake, chunk.octets))
		return;
	if (chunk.is_last)
		intake_complete(task, intake);
	if (!chunk.is_last && !intake->fault) {
		say_taken(session, &chunk);
		return;
	}
	session->chunk_failed = !chunk.is_last;
	judge_message(task, intake);
	transaction_end(session);
}
