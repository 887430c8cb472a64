/* SPDX-License-Identifier: Apache-2.0 */
/* The end-of-data recogniser and dot-stuffing. The contract is in body.h.
 *
 * The automaton is the table below; everything else is bookkeeping. Most octets cannot change
 * anything, so they are skipped many at a time: whole lines by clean_run(), where nothing but
 * ordinary ones comes, else what is left of one line by plain_run(). */
#include "wire/body.h"

#include <string.h>
#if defined(__SSE2__) && !defined(BODY_PORTABLE)
#include <immintrin.h>
#endif

enum state { AT_LINE_START, IN_LINE, AFTER_CR, AFTER_DOT, AFTER_DOT_CR, AT_END, STATES };
enum class { OTHER, DOT, CR, LF, CLASSES };

enum action {
	HIDE = 1,      /* this octet is no part of the message, or not yet known to be */
	PAY_CR = 2,    /* the hidden CR before it was one */
	BARE_CR = 4,   /* the CR before it was bare */
	BARE_LF = 8,   /* this LF is bare */
	DOT_LINE = 16, /* a stuffed dot was taken off a dot */
};

enum { BLOCK = 64 }; /* octets, a bit for each */

#ifndef BODY_NARROW
#define BODY_NARROW 0 /* 1: a test of what processors without AVX2 do */
#endif

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
		[LF] = {AT_LINE_START}},
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

/* What a block holds, a bit for each octet; `nul` and `high` are not zero where some octet is one
 * or has its top bit. */
struct marks {
	uint64_t cr, lf, dot, nul, high;
};

static uint64_t octets_that_are(const __m128i *block, char c)
{
	__m128i wanted = _mm_set1_epi8(c);
	uint64_t found = 0;

	for (unsigned i = 0; i < BLOCK / sizeof(__m128i); i++) {
		__m128i equal = _mm_cmpeq_epi8(block[i], wanted);
		found |= (uint64_t)(unsigned)_mm_movemask_epi8(equal) << (sizeof(__m128i) * i);
	}
	return found;
}

static inline struct marks marks_by_16(const char *at)
{
	__m128i block[BLOCK / sizeof(__m128i)];

	for (unsigned i = 0; i < BLOCK / sizeof(__m128i); i++)
		block[i] =
			_mm_loadu_si128((const __m128i *)(const void *)(at + i * sizeof(__m128i)));
	__m128i least =
		_mm_min_epu8(_mm_min_epu8(block[0], block[1]), _mm_min_epu8(block[2], block[3]));
	__m128i all =
		_mm_or_si128(_mm_or_si128(block[0], block[1]), _mm_or_si128(block[2], block[3]));
	return (struct marks){
		.cr = octets_that_are(block, '\r'),
		.lf = octets_that_are(block, '\n'),
		.dot = octets_that_are(block, '.'),
		.nul = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())),
		.high = (unsigned)_mm_movemask_epi8(all),
	};
}

/* The last octet of the block before. */
struct before {
	uint64_t was_cr, ended_line; /* 0 or 1 */
};

/* Each CR is followed by an LF and each LF comes behind one; no line begins with a dot, and there
 * is no NUL. */
static inline bool marks_are_clean(const struct marks *marks, struct before *before)
{
	uint64_t starts = marks->lf << 1 | before->ended_line;

	if (marks->nul || marks->lf != (marks->cr << 1 | before->was_cr) || (starts & marks->dot))
		return false;
	*before = (struct before){marks->cr >> (BLOCK - 1), marks->lf >> (BLOCK - 1)};
	return true;
}

/* Taken into its callers whole, so that each is made for its own processor. */
static inline __attribute__((always_inline)) size_t clean_run_by(struct marks (*look)(const char *),
	const char *at, size_t len, uint8_t *state, uint64_t *high)
{
	struct before before = {*state == AFTER_CR, *state == AT_LINE_START};
	size_t run = 0;

	for (; len - run >= BLOCK; run += BLOCK) {
		struct marks marks = look(at + run);
		if (!marks_are_clean(&marks, &before))
			break;
		*high |= marks.high;
	}
	if (run)
		*state = before.was_cr ? AFTER_CR : before.ended_line ? AT_LINE_START : IN_LINE;
	return run;
}

#define WIDE __attribute__((target("avx2")))

WIDE static inline uint64_t octets_equal(__m256i one, __m256i other, __m256i wanted)
{
	uint64_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(one, wanted));
	uint64_t top = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(other, wanted));

	return top << sizeof(__m256i) | low;
}

WIDE static inline struct marks marks_by_32(const char *at)
{
	__m256i one = _mm256_loadu_si256((const __m256i *)(const void *)at);
	__m256i other = _mm256_loadu_si256((const __m256i *)(const void *)(at + sizeof(__m256i)));
	__m256i least = _mm256_min_epu8(one, other);

	return (struct marks){
		.cr = octets_equal(one, other, _mm256_set1_epi8('\r')),
		.lf = octets_equal(one, other, _mm256_set1_epi8('\n')),
		.dot = octets_equal(one, other, _mm256_set1_epi8('.')),
		.nul = (uint32_t)_mm256_movemask_epi8(
			_mm256_cmpeq_epi8(least, _mm256_setzero_si256())),
		.high = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(one, other)),
	};
}

WIDE static size_t clean_run_wide(const char *at, size_t len, uint8_t *state, uint64_t *high)
{
	return clean_run_by(marks_by_32, at, len, state, high);
}

/* How many octets from `at` on are of blocks that are clean, and the state behind them. */
static size_t clean_run(const char *at, size_t len, uint8_t *state, uint64_t *high)
{
	if (!BODY_NARROW && __builtin_cpu_supports("avx2"))
		return clean_run_wide(at, len, state, high);
	return clean_run_by(marks_by_16, at, len, state, high);
}

/* How many octets from `at` on are no LF with a dot behind it; may stop early as well. */
static size_t pairless_run(const char *at, size_t len)
{
	__m128i lf = _mm_set1_epi8('\n'), dot = _mm_set1_epi8('.');
	size_t run = 0;

	for (; len - run > sizeof(__m128i); run += sizeof(__m128i)) {
		const char *here = at + run;
		__m128i octets = _mm_loadu_si128((const __m128i *)(const void *)here);
		__m128i behind = _mm_loadu_si128((const __m128i *)(const void *)(here + 1));
		int pairs = _mm_movemask_epi8(
			_mm_and_si128(_mm_cmpeq_epi8(octets, lf), _mm_cmpeq_epi8(behind, dot)));
		if (pairs)
			return run + (size_t)__builtin_ctz((unsigned)pairs);
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

static size_t clean_run(const char *at, size_t len, uint8_t *state, uint64_t *high)
{
	(void)at, (void)len, (void)state, (void)high;
	return 0;
}

static size_t pairless_run(const char *at, size_t len)
{
	const char *lf = memchr(at, '\n', len);

	return lf ? (size_t)(lf - at) : len;
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

/* The rare octets: anything but an ordinary one inside a line. */
static void step_note(struct body_reader *reader, unsigned actions)
{
	reader->bare_cr |= (actions & BARE_CR) != 0;
	reader->bare_lf |= (actions & BARE_LF) != 0;
	reader->has_dot_line |= (actions & DOT_LINE) != 0;
}

/* The bytes may stand in `out` already, at its end or a little behind it. */
static void body_emit(struct body_reader *reader, struct text *out, struct slice bytes)
{
	char *to = out && bytes.len ? text_reserve(out, bytes.len) : NULL;

	reader->size += bytes.len;
	if (to && to != bytes.at)
		memmove(to, bytes.at, bytes.len);
}

/* A CR that is hidden may have to be put before the next piece. */
size_t body_gap(const struct body_reader *reader)
{
	return reader->state == AFTER_DOT_CR;
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
	reader->state = step.next;
	reader->ended = step.next == AT_END;
	return !(step.actions & HIDE);
}

void body_read(struct body_reader *reader, struct slice *in, struct text *out)
{
	size_t at = 0, kept = 0; /* from `kept` to `at` stand octets of the message, not yet put */
	size_t unclean = 0;      /* what stands before is stepped over one by one */
	uint64_t high = 0;

	while (at < in->len && !reader->ended) {
		if (at >= unclean && reader->state <= AFTER_CR) {
			at += clean_run(in->at + at, in->len - at, &reader->state, &high);
			unclean = at + BLOCK;
		}
		if (reader->state == IN_LINE) {
			at += plain_run(in->at + at, in->len - at, &high);
			if (line_goes_on(in->at + at, in->len - at)) {
				at += 2;
				continue;
			}
		}
		if (at == in->len)
			break;
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
	reader->state = step.next;
}

void body_take(struct body_reader *reader, struct slice chunk, struct text *out)
{
	size_t unclean = 0;
	uint64_t high = 0;

	body_emit(reader, out, chunk);
	for (size_t at = 0; at < chunk.len; at++) {
		if (at >= unclean) {
			at += clean_run(chunk.at + at, chunk.len - at, &reader->state, &high);
			unclean = at + BLOCK;
		}
		if (reader->state == IN_LINE)
			at += plain_run(chunk.at + at, chunk.len - at, &high);
		if (at == chunk.len)
			break;
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

/* Where a line begins with a dot, but for the one that has begun; the length where none does. */
static size_t dot_line_find(struct slice piece)
{
	for (size_t at = pairless_run(piece.at, piece.len); at + 1 < piece.len; at++)
		if (piece.at[at] == '\n' && piece.at[at + 1] == '.')
			return at + 1;
	return piece.len;
}

/* RFC 5321 4.5.2: a dot is set before each line that begins with one. */
void body_stuff(struct text *out, struct slice piece, bool *at_line_start)
{
	while (piece.len) {
		if (*at_line_start && piece.at[0] == '.')
			text_char(out, '.');
		size_t len = dot_line_find(piece);
		text_put(out, slice_part(piece, 0, len));
		*at_line_start = piece.at[len - 1] == '\n';
		piece = slice_from(piece, len);
	}
}
