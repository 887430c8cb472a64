/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SMTP command line, taken apart (RFC 5321 section 4.1): the verb, its argument, and for MAIL
 * and RCPT the path and the ESMTP parameters. No state and no policy: whether it may come now is
 * smtpin's business.
 */
#ifndef WIRE_COMMAND_H
#define WIRE_COMMAND_H

#include "wire/mailbox.h"

enum verb {
	VERB_UNKNOWN,
	VERB_EHLO,
	VERB_HELO,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_RSET,
	VERB_NOOP,
	VERB_VRFY,
	VERB_EXPN,
	VERB_HELP,
	VERB_QUIT,
	VERB_STARTTLS,
	VERB_AUTH,
	VERB_BDAT,
	/* GET, POST, Host: … : somebody's browser was sent here (ALPACA); the session ends. */
	VERB_HTTP,
	VERBS,
};

enum { COMMAND_LINE_MAX = 2048, COMMAND_PARAMETERS_MAX = 16 };

/* Splits the verb off; *rest is what follows it without the blanks between. */
enum verb command_verb(struct slice line, struct slice *rest);
const char *verb_text(enum verb verb);

struct parameter {
	struct slice name;  /* as written; compare without case */
	struct slice value; /* empty if has_value is false */
	bool has_value;
};

enum body_kind { BODY_7BIT, BODY_8BITMIME };
enum dsn_ret { RET_UNSET, RET_FULL, RET_HDRS };
enum {
	NOTIFY_UNSET = 0,
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8
};

struct mail_command {
	struct mailbox sender;
	uint64_t size;       /* 0: not said (RFC 1870) */
	enum body_kind body; /* RFC 6152 */
	bool smtputf8;       /* RFC 6531 */
	enum dsn_ret ret;    /* RFC 3461 section 4.3 */
	struct slice envid;  /* decoded from xtext, at most 100 octets */
};
struct rcpt_command {
	struct mailbox recipient;
	unsigned notify;    /* NOTIFY_… or-ed; RFC 3461 section 4.1 */
	struct slice orcpt; /* "rfc822;user@example.org", decoded from xtext; may be empty */
};

enum command_fault {
	COMMAND_OK,
	COMMAND_SYNTAX,            /* 501 5.5.4: no FROM:/TO:, see `detail` */
	COMMAND_BAD_MAILBOX,       /* 501 5.1.7 or 5.1.3: see `mailbox` */
	COMMAND_BAD_PARAMETER,     /* 501 5.5.4: a known one with a wrong value, or twice */
	COMMAND_UNKNOWN_PARAMETER, /* 555 5.5.4 */
};
struct command_problem {
	enum command_fault fault;
	enum mailbox_fault mailbox;
	struct slice detail; /* the parameter, or a phrase; a slice of the line or a literal */
};

/* `rest` as from command_verb(): "FROM:<a@b> SIZE=5". Blanks behind the colon are tolerated. */
enum command_fault command_parse_mail(struct slice rest, struct arena *arena,
	struct mail_command *mail, struct command_problem *problem) MUST_USE;
enum command_fault command_parse_rcpt(struct slice rest, bool utf8, struct arena *arena,
	struct rcpt_command *rcpt, struct command_problem *problem) MUST_USE;
/* The argument of EHLO or HELO: a domain or an address literal; false if it is neither. Lenient as
 * RFC 5321 4.1.4 asks: underscores and single labels pass. *name is the one form where it is one.
 */
bool command_parse_helo(struct slice rest, struct arena *arena, struct slice *name) MUST_USE;

#endif
