/* SPDX-License-Identifier: Apache-2.0 */
/* What a next hop's answer to RCPT says about the mailbox. The contract is in asked_reply.h. */
#include "smtpout/asked_reply.h"

#include "explain/explain.h"

enum by_code { SAYS_UNKNOWN, SAYS_NOTHING, ASK_THE_WORDS };

/* RFC 3463 section 3.2 and 3.3, RFC 7505 (5.1.10); Exchange says 5.1.10 of one that it does not
 * find, and who says 5.2.1 takes no mail for this mailbox from anybody. */
static const uint16_t unknown_addresses[] = {0, 1, 3, 4, 6, 10};

static enum by_code code_of_address(uint16_t detail)
{
	for (size_t i = 0; i < sizeof unknown_addresses / sizeof *unknown_addresses; i++)
		if (unknown_addresses[i] == detail)
			return SAYS_UNKNOWN;
	return detail == 2 ? ASK_THE_WORDS : SAYS_NOTHING;
}

static enum by_code code_means(struct enhanced enhanced)
{
	if (enhanced.class != 5)
		return ASK_THE_WORDS;
	switch (enhanced.subject) {
	case 0: return ASK_THE_WORDS;
	case 1: return code_of_address(enhanced.detail);
	case 2:
		return enhanced.detail == 1   ? SAYS_UNKNOWN
		       : enhanced.detail == 0 ? ASK_THE_WORDS
					      : SAYS_NOTHING;
	case 4: return ASK_THE_WORDS; /* Exchange Online: 5.4.1 of one that its directory lacks */
	default: return SAYS_NOTHING;
	}
}

/* RFC 5321 section 4.2.3: 550 mailbox unavailable, 551 user not local, 553 name not allowed. */
static bool is_of_mailbox(unsigned code)
{
	return code == 550 || code == 551 || code == 553;
}

static enum asking_found words_mean(
	unsigned code, struct enhanced enhanced, struct slice words, struct arena *arena)
{
	struct failure failure = {.fate = FATE_FAILED,
		.reply_code = code,
		.has_status = enhanced.class != 0,
		.status = enhanced,
		.words = words,
		.command = SLICE("RCPT TO")};
	struct explanation told;

	explain_failure(&failure, arena, &told);
	if (told.cause == CAUSE_UNKNOWN_RECIPIENT || told.cause == CAUSE_RECIPIENT_MOVED ||
		told.cause == CAUSE_MAILBOX_DISABLED)
		return ASKING_UNKNOWN;
	return told.cause == CAUSE_UNCLEAR && is_of_mailbox(code) && !enhanced.class
		       ? ASKING_UNKNOWN
		       : ASKING_CANNOT_TELL;
}

enum asking_found asked_reply_means(
	unsigned code, struct enhanced enhanced, struct slice words, struct arena *arena)
{
	if (code / 100 == 2)
		return ASKING_KNOWN;
	if (code / 100 != 5)
		return ASKING_CANNOT_TELL;
	switch (code_means(enhanced)) {
	case SAYS_UNKNOWN: return ASKING_UNKNOWN;
	case SAYS_NOTHING: return ASKING_CANNOT_TELL;
	case ASK_THE_WORDS: return words_mean(code, enhanced, words, arena);
	}
	return ASKING_CANNOT_TELL;
}
