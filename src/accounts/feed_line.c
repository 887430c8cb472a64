/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of `listen grants`. The contract is in feed_line.h. */
#include "accounts/feed_line.h"

enum { SECONDS_USUALLY = 1800, SECONDS_MOST = 24 * 60 * 60, WORDS_MOST = 4 };

static size_t words_of(struct slice line, struct slice *words)
{
	size_t count = 0;

	while (line.len) {
		struct slice word = slice_cut(&line, ' ');
		if (!word.len)
			continue;
		if (count == WORDS_MOST)
			return WORDS_MOST + 1;
		words[count++] = word;
	}
	return count;
}

static struct feed_line wrong(const char *right)
{
	return (struct feed_line){.verb = FEED_WRONG, .right = right};
}

static struct feed_line grant_of(const struct slice *words, size_t count)
{
	struct feed_line line = {.verb = FEED_GRANT, .seconds = SECONDS_USUALLY};

	if (count < 3 || count > 4 || !address_parse(words[1], &line.client))
		return wrong("GRANT, an IP address, an account and seconds");
	line.account = words[2];
	if (count == 4 && (!slice_number(words[3], SECONDS_MOST, &line.seconds) || !line.seconds))
		return wrong("1 to 86400 seconds");
	return line;
}

static struct feed_line revoke_of(const struct slice *words, size_t count)
{
	struct feed_line line = {.verb = FEED_REVOKE};

	if (count < 2 || count > 3 || !address_parse(words[1], &line.client))
		return wrong("REVOKE, an IP address and perhaps an account");
	if (count == 3)
		line.account = words[2];
	return line;
}

struct feed_line feed_line_parse(struct slice line)
{
	struct slice words[WORDS_MOST];
	size_t count = words_of(line, words);

	if (count && slice_is_nocase(words[0], SLICE("GRANT")))
		return grant_of(words, count);
	if (count && slice_is_nocase(words[0], SLICE("REVOKE")))
		return revoke_of(words, count);
	if (count == 1 && slice_is_nocase(words[0], SLICE("QUIT")))
		return (struct feed_line){.verb = FEED_QUIT};
	return wrong("GRANT, REVOKE or QUIT");
}
