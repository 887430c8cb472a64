/* SPDX-License-Identifier: Apache-2.0 */
/* The end-of-data recogniser and dot-stuffing. The contract is in body.h.
 *
 * The automaton is the table below; everything else is bookkeeping. In the middle of a line most
 * octets cannot change anything, so body_read() skips over them many at a time. */
#include "wire/body.h"

#include <string.h>
#if defined(__SSE2__) && !defined(BODY_PORTABLE)
#include <emmintrin.h>
#endif

enum state { AT_LINE_START, IN_LINE, AFTER_CR, AFTER_DOT, AFTER_DOT_CR, AT_END, STATES };
enum class { OTHER, DOT, CR, LF, CLASSES };

enum action {
	HIDE = 1,      /* this octet is no part of the message, or not yet known to be */
	PAY_CR = 2,    /* the hidden CR before it was one */
	BARE_CR = 4,   /* the CR before it was bare, and an octet of the line */
	BARE_LF = 8,   /* this LF is bare, and an octet of the line */
	LINE_END = 16, /* CRLF */
	DOT_LINE = 32, /* a stuffed dot was taken off a dot */
};

struct step {
	uint8_t next, actions;
};

/* RFC 5321 4.1.1.4 and 4.5.2: "." directly after CRLF (or DATA's own) is stuffing, unless CRLF
 * follows. RFC 5321 2.3.8: CR and LF mean something only together. */
static const struct step steps[STATES][CLASSES] = {
	[AT_LINE_START] = {[OTHER] = {IN_LINE},
		[DOT] = {AFTER_DOT, HIDE},
		[CR] = {AFTER_CR},
		[LF] = {IN_LINE, BARE_LF}},
	[IN_LINE] = {[OTHER] = {IN_LINE},
		[DOT] = {IN_LINE},
		[CR] = {AFTER_CR},
		[LF] = {IN_LINE, BARE_LF}},
	[AFTER_CR] = {[OTHER] = {IN_LINE, BARE_CR},
		[DOT] = {IN_LINE, BARE_CR},
		[CR] = {AFTER_CR, BARE_CR},
		[LF] = {AT_LINE_START, LINE_END}},
	[AFTER_DOT] = {[OTHER] = {IN_LINE},
		[DOT] = {IN_LINE, DOT_LINE},
		[CR] = {AFTER_DOT_CR, HIDE},
		[LF] = {IN_LINE, BARE_LF}},
	[AFTER_DOT_CR] = {[OTHER] = {IN_LINE, PAY_CR | BARE_CR},
		[DOT] = {IN_LINE, PAY_CR | BARE_CR},
		[CR] = {AFTER_CR, PAY_CR | BARE_CR},
		[LF] = {AT_END, HIDE}},
};

static enum class octet_class(char c) {
	switch (c){
		case '.' : return DOT; case '\r' : return CR; case '\n' : return LF;
		default : return OTHER;
	}
}

/* How many octets from `at` on are neither CR, LF nor NUL; *high is not zero if one has its top
 * bit. May stop early, before an octet that the caller steps over: here at every control up to CR,
 * the greatest of the three. */
#if defined(__SSE2__) && !defined(BODY_PORTABLE)
static unsigned octets_up_to(__m128i octets, char most)
{
	__m128i less = _mm_min_epu8(octets, _mm_set1_epi8(most));

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(less, octets));
}

static size_t plain_run(const char *at, size_t len, uint64_t *high)
{
	size_t run = 0;

	for (; len - run >= sizeof(__m128i); run += sizeof(__m128i)) {
		__m128i octets = _mm_loadu_si128((const __m128i *)(const void *)(at + run));
		unsigned stops = octets_up_to(octets, '\r');
		unsigned tops = (unsigned)_mm_movemask_epi8(octets);
		if (stops) {
			*high |= tops & (stops - 1) & ~stops;
			return run + (size_t)__builtin_ctz(stops);
		}
		*high |= tops;
	}
	return run;
}
#else
#define EACH_OCTET UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Not zero if some octet of `word` is zero; borrows may mark others too, never fewer. */
static uint64_t has_zero(uint64_t word)
{
	return (word - EACH_OCTET) & ~word & HIGH_BITS;
}

static size_t plain_run(const char *at, size_t len, uint64_t *high)
{
	size_t run = 0;

	for (; len - run >= sizeof(uint64_t); run += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, at + run, sizeof word);
		if (has_zero(word ^ EACH_OCTET * '\r') | has_zero(word ^ EACH_OCTET * '\n') |
			has_zero(word))
			break;
		*high |= word & HIGH_BITS;
	}
	return run;
}
#endif

/* CRLF and the first octet of a line that is neither dot nor end of line: by far the commonest way
 * a line ends. The table says the same. */
static bool line_goes_on(const char *at, size_t len)
{
	return len >= 3 && at[0] == '\r' && at[1] == '\n' && octet_class(at[2]) == OTHER;
}

void body_begin(struct body_reader *reader)
{
	*reader = (struct body_reader){.state = AT_LINE_START};
}

static void line_add(struct body_reader *reader, size_t octets)
{
	reader->line += octets;
	if (reader->line > reader->longest_line)
		reader->longest_line = reader->line;
}

/* The rare octets: anything but an ordinary one inside a line. */
static void step_note(struct body_reader *reader, unsigned actions)
{
	reader->bare_cr |= (actions & BARE_CR) != 0;
	reader->bare_lf |= (actions & BARE_LF) != 0;
	reader->has_dot_line |= (actions & DOT_LINE) != 0;
	if (actions & BARE_CR)
		line_add(reader, 1);
	if (actions & LINE_END)
		reader->line = 0;
}

static void body_emit(struct body_reader *reader, struct text *out, struct slice bytes)
{
	reader->size += bytes.len;
	if (out && bytes.len)
		text_put(out, bytes);
}

/* Takes one octet; true if it is part of the message. */
static bool body_step(struct body_reader *reader, char c, struct text *out)
{
	enum class class = octet_class(c);
	struct step step = steps[reader->state][class];

	reader->nul |= c == '\0';
	reader->has_8bit |= (uint8_t)c >= 0x80;
	if (step.actions)
		step_note(reader, step.actions);
	if (step.actions & PAY_CR)
		body_emit(reader, out, SLICE("\r"));
	if (!(step.actions & (HIDE | LINE_END)) && class != CR)
		line_add(reader, 1);
	reader->state = step.next;
	reader->ended = step.next == AT_END;
	return !(step.actions & HIDE);
}

void body_read(struct body_reader *reader, struct slice *in, struct text *out)
{
	size_t at = 0, kept = 0; /* from `kept` to `at` stand octets of the message, not yet put */
	uint64_t high = 0;

	while (at < in->len && !reader->ended) {
		if (reader->state == IN_LINE) {
			size_t run = plain_run(in->at + at, in->len - at, &high);
			at += run;
			line_add(reader, run);
			if (line_goes_on(in->at + at, in->len - at)) {
				reader->line = 0;
				at += 2;
				continue;
			}
			if (at == in->len)
				break;
		}
		/* PAY_CR puts before this octet; nothing is pending then but what was hidden. */
		bool part = body_step(reader, in->at[at], out);
		if (!part) {
			body_emit(reader, out, slice_part(*in, kept, at));
			kept = at + 1;
		}
		at++;
	}
	body_emit(reader, out, slice_part(*in, kept, at));
	reader->has_8bit |= high != 0;
	*in = slice_from(*in, at);
}

/* ---- chunks ---- */

/* A dot is an octet like any other here; but one that begins a line is stuffed on the way out. */
static void chunk_step(struct body_reader *reader, char c)
{
	bool is_dot = c == '.';
	enum class class = is_dot ? OTHER : octet_class(c);
	struct step step = steps[reader->state][class];

	reader->has_dot_line |= is_dot && reader->state == AT_LINE_START;
	reader->nul |= c == '\0';
	reader->has_8bit |= (uint8_t)c >= 0x80;
	if (step.actions)
		step_note(reader, step.actions);
	if (!(step.actions & LINE_END) && class != CR)
		line_add(reader, 1);
	reader->state = step.next;
}

void body_take(struct body_reader *reader, struct slice chunk, struct text *out)
{
	uint64_t high = 0;

	body_emit(reader, out, chunk);
	for (size_t at = 0; at < chunk.len; at++) {
		if (reader->state == IN_LINE) {
			size_t run = plain_run(chunk.at + at, chunk.len - at, &high);
			at += run;
			line_add(reader, run);
			if (at == chunk.len)
				break;
		}
		chunk_step(reader, chunk.at[at]);
	}
	reader->has_8bit |= high != 0;
}

void body_complete(struct body_reader *reader, struct text *out)
{
	if (reader->state == AFTER_CR) /* and nothing will follow it */
		step_note(reader, BARE_CR);
	if (reader->state != AT_LINE_START)
		body_emit(reader, out, SLICE("\r\n"));
	reader->state = AT_END;
	reader->ended = true;
}

/* ---- out ---- */

/* RFC 5321 4.5.2: a dot is set before each line that begins with one. */
void body_stuff(struct text *out, struct slice piece, bool *at_line_start)
{
	while (piece.len) {
		if (*at_line_start && piece.at[0] == '.')
			text_char(out, '.');
		size_t end = slice_find(piece, '\n');
		size_t len = end == SIZE_MAX ? piece.len : end + 1;
		text_put(out, slice_part(piece, 0, len));
		*at_line_start = end != SIZE_MAX;
		piece = slice_from(piece, len);
	}
}
