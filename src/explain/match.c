/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a text against the tree of patterns. The contract is in match.h. */
#include "explain/match.h"

struct match_word {
	uint16_t ids[WORD_IDS_MAX];
	uint16_t begin, end; /* bytes of the text */
};
struct match {
	struct match_word *words;
	size_t count;
	struct match_found *found;
	struct slice text;
	unsigned steps; /* left; a bound for hostile texts */
};

/* ---- words ---- */

/* Where bytes of one character stand in words. Punctuation beyond ASCII parts words like any
 * other; ideographs and kana are words of their own, for no blanks part them. */
enum part { PART_WORD, PART_ALONE, PART_NOTHING, PART_BETWEEN };

static enum part part_of_wide(const unsigned char *at, size_t left, size_t *size)
{
	unsigned second = left > 1 ? at[1] : 0;

	*size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc0 ? 2 : 1;
	if (*size > left)
		*size = left;
	if (at[0] < 0xc3 || (at[0] == 0xef && second >= 0xbc && second <= 0xbd))
		return PART_BETWEEN;
	if (at[0] == 0xe2 && second == 0x80)
		return left > 2 && at[2] == 0x99 ? PART_NOTHING : PART_BETWEEN;
	if (at[0] == 0xe3 && second == 0x80)
		return PART_BETWEEN;
	return at[0] >= 0xe3 && at[0] <= 0xe9 && *size == 3 ? PART_ALONE : PART_WORD;
}

static enum part part_of(struct slice text, size_t at, size_t *size)
{
	*size = 1;
	if ((unsigned char)text.at[at] >= 0x80)
		return part_of_wide((const unsigned char *)text.at + at, text.len - at, size);
	if (ascii_is_alnum(text.at[at]))
		return PART_WORD;
	return text.at[at] == '\'' ? PART_NOTHING : PART_BETWEEN;
}

/* Small letters of ASCII, Latin-1 and Cyrillic; other scripts are compared as they stand. */
static size_t lower_wide(const unsigned char *at, size_t size, unsigned char *out)
{
	for (size_t i = 0; i < size; i++)
		out[i] = at[i];
	if (size != 2)
		return size;
	if (at[0] == 0xc3 && at[1] >= 0x80 && at[1] <= 0x9e && at[1] != 0x97)
		out[1] = (unsigned char)(at[1] + 0x20);
	else if (at[0] == 0xd0 && at[1] >= 0x90 && at[1] <= 0x9f)
		out[1] = (unsigned char)(at[1] + 0x20);
	else if (at[0] == 0xd0 && at[1] >= 0xa0 && at[1] <= 0xaf) {
		out[0] = 0xd1;
		out[1] = (unsigned char)(at[1] - 0x20);
	}
	return size;
}

static uint64_t hash_add(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * 0x100000001b3u;
}

/* The word, or the stem, that hashes so; one with the id WORD_NONE if there is none. */
static const struct knowledge_word *word_find(uint64_t hash, bool stem)
{
	size_t mask = knowledge.word_slots - 1, at = (size_t)hash & mask;

	while (knowledge.words[at].id &&
		(knowledge.words[at].hash != hash || knowledge.words[at].stem != stem))
		at = (at + 1) & mask;
	return &knowledge.words[at];
}

struct word_reading {
	uint64_t hash;
	size_t characters;
	size_t ids;
	bool digits; /* nothing else so far */
};

static void word_id_add(struct match_word *word, struct word_reading *reading, uint16_t id)
{
	if (id && reading->ids < WORD_IDS_MAX)
		word->ids[reading->ids++] = id;
}

static void word_character(
	struct match_word *word, struct word_reading *reading, const unsigned char *at, size_t size)
{
	unsigned char folded[4];

	size = size == 1 ? (folded[0] = (unsigned char)ascii_lower((char)at[0]), 1)
			 : lower_wide(at, size, folded);
	for (size_t i = 0; i < size; i++)
		reading->hash = hash_add(reading->hash, folded[i]);
	reading->digits = reading->digits && size == 1 && ascii_is_digit((char)at[0]);
	if (++reading->characters >= 2)
		word_id_add(word, reading, word_find(reading->hash, true)->id);
}

static void word_add(struct match *match, uint16_t id, size_t begin, size_t end)
{
	match->words[match->count++] =
		(struct match_word){.ids = {id}, .begin = (uint16_t)begin, .end = (uint16_t)end};
}

/* "doesn't" is read as "does not". */
static void word_finish(struct match *match, struct match_word *word, struct word_reading *reading)
{
	const struct knowledge_word *known = word_find(reading->hash, false);

	if (reading->digits)
		word_id_add(word, reading, WORD_NUMBER);
	word_id_add(word, reading, known->id);
	if (known->negated)
		word_add(match, WORD_NOT, word->begin, word->end);
}

/* Reads one word that begins at `at`; gives where it ends. */
static size_t word_read(struct match *match, size_t at)
{
	struct slice text = match->text;
	struct match_word *word = &match->words[match->count++];
	struct word_reading reading = {.hash = 0xcbf29ce484222325u, .digits = true};
	enum part part = PART_WORD;
	size_t size = 0;

	word->begin = (uint16_t)at;
	for (; at < text.len; at += size) {
		part = part_of(text, at, &size);
		if (part == PART_BETWEEN || (part == PART_ALONE && reading.characters))
			break;
		if (part != PART_NOTHING)
			word_character(word, &reading, (const unsigned char *)text.at + at, size);
		if (part == PART_ALONE) {
			at += size;
			break;
		}
	}
	word->end = (uint16_t)at;
	word_finish(match, word, &reading);
	return at;
}

enum { ADDRESS_PART_MAX = 128 }; /* twice RFC 5321 4.5.3.1.1 */

static bool is_local_part(char c)
{
	return ascii_is_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '=' ||
	       c == '%' || (unsigned char)c >= 0x80;
}

/* Where the mail address that begins at `at` ends, or `at`. What an address is made of tells
 * nothing: nobody's-mailbox-is-full@ is one word like any other, and none of the knowledge. */
static size_t address_end(struct slice text, size_t at)
{
	size_t end = at;

	while (end < text.len && end - at < ADDRESS_PART_MAX && is_local_part(text.at[end]))
		end++;
	if (end == at || end + 1 >= text.len || text.at[end] != '@' ||
		!ascii_is_alnum(text.at[end + 1]))
		return at;
	for (end++; end < text.len &&
		    (ascii_is_alnum(text.at[end]) || text.at[end] == '-' || text.at[end] == '.');)
		end++;
	while (text.at[end - 1] == '.' || text.at[end - 1] == '-')
		end--;
	return end;
}

/* What was said begins behind the codes and the address that it is said about, so there is a
 * second beginning. */
static void words_cut(struct match *match)
{
	struct slice text = match->text;
	bool leading = true;

	word_add(match, WORD_BEGIN, 0, 0);
	for (size_t at = 0, size; at < text.len && match->count < MATCH_WORDS_MAX - 3;) {
		enum part part = part_of(text, at, &size);
		size_t end = address_end(text, at);
		if (end > at) {
			word_add(match, WORD_NONE, at, end);
			at = end;
		} else if (part == PART_WORD || part == PART_ALONE) {
			if (leading && !ascii_is_digit(text.at[at])) {
				if (match->count > 1)
					word_add(match, WORD_BEGIN, at, at);
				leading = false;
			}
			at = word_read(match, at);
		} else
			at += size;
	}
	word_add(match, WORD_END, text.len, text.len);
}

/* ---- the tree ---- */

static uint16_t edge_find(uint16_t node, uint16_t word)
{
	uint32_t key = (uint32_t)node << 16 | word;
	size_t mask = knowledge.edge_slots - 1;

	for (size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 40) & mask; knowledge.edges[at].node;
		at = (at + 1) & mask)
		if (knowledge.edges[at].key == key)
			return knowledge.edges[at].node;
	return 0;
}

struct walk {
	size_t from, at; /* words: where it began, the next one */
	unsigned length;
};

static void accept(struct match *match, uint16_t node, struct walk walk)
{
	const struct knowledge_node *here = &knowledge.nodes[node];

	for (unsigned i = 0; i < here->accepts; i++) {
		struct match_found *found = &match->found[knowledge.accepts[here->accept + i]];
		if (found->words >= walk.length)
			continue;
		found->words = (uint16_t)walk.length;
		found->begin = match->words[walk.from].begin;
		found->end = match->words[walk.at - 1].end;
	}
}

/* Depth is that of the longest pattern; a pattern has two gaps at most. */
static void walk_from(struct match *match, uint16_t node, struct walk walk)
{
	if (match->steps == 0)
		return;
	match->steps--;
	accept(match, node, walk);
	uint16_t gap = knowledge.nodes[node].gap;
	for (size_t skip = 0; gap && skip <= MATCH_GAP_MAX && walk.at + skip < match->count; skip++)
		walk_from(match, gap, (struct walk){walk.from, walk.at + skip, walk.length});
	if (walk.at >= match->count)
		return;
	const uint16_t *ids = match->words[walk.at].ids;
	for (size_t i = 0; i < WORD_IDS_MAX && ids[i]; i++) {
		uint16_t next = edge_find(node, ids[i]);
		if (next)
			walk_from(match, next,
				(struct walk){walk.from, walk.at + 1, walk.length + 1});
	}
}

void match_text(struct slice text, struct match_found *found, struct arena *arena)
{
	struct match match = {
		.words = ARENA_ARRAY(arena, struct match_word, MATCH_WORDS_MAX),
		.found = found,
		.text = slice_part(text, 0, MATCH_TEXT_MAX),
		.steps = 200000,
	};

	words_cut(&match);
	for (size_t from = 0; from < match.count; from++)
		walk_from(&match, 0, (struct walk){from, from, 0});
}
