/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail addresses as SMTP writes them (RFC 5321 section 4.1.2), in the one form in which they are
 * compared (doc/policy.md, "Addresses"): source route dropped, domain in lower-case A-labels
 * without a last dot, local part in NFC. What a decision reads is only ever this form; what is sent
 * on is `local` as the client wrote it with its quotes, and `domain`.
 */
#ifndef WIRE_MAILBOX_H
#define WIRE_MAILBOX_H

#include "base/arena.h"
#include "base/status.h"
#include "base/address.h"

struct mailbox {
	bool is_null;        /* <> */
	bool is_postmaster;  /* <postmaster> without a domain */
	bool is_literal;     /* the domain is an address literal, [192.0.2.1] */
	bool quoted;         /* the local part needs its quotes */
	bool needs_smtputf8; /* bytes above 127 in the local part, or a domain that was not ASCII */
	struct slice
		local; /* unquoted and NFC, as written in case; empty if null, and in ""@domain */
	struct slice domain;    /* A-labels, lower-case; a literal with its brackets */
	struct address literal; /* where is_literal is of an IP */
	struct slice text; /* local@domain in the one form, with quotes where needed; "" if null */
};

enum mailbox_fault {
	MAILBOX_OK,
	MAILBOX_NO_BRACKETS, /* not <…> */
	MAILBOX_NO_DOMAIN,
	MAILBOX_BAD_LOCAL,
	MAILBOX_BAD_DOMAIN,     /* also a last dot, an empty label, an underscore, a bad literal */
	MAILBOX_BAD_ROUTE,      /* @a,@b: that does not parse */
	MAILBOX_TOO_LONG,       /* local 64, domain 255, path 256 octets (RFC 5321 4.5.3.1) */
	MAILBOX_BAD_BYTES,      /* control characters, broken UTF-8 */
	MAILBOX_NEEDS_SMTPUTF8, /* 8-bit without the parameter */
	MAILBOX_TRAILING,       /* something behind the > that is no parameter */
};
const char *mailbox_fault_text(enum mailbox_fault fault); /* a phrase for people: "…" */

/* Reads a path at the front of *s ("<@a,@b:user@Example.ORG> SIZE=5"), leaving what follows.
 * `utf8`: SMTPUTF8 was asked for. The mailbox lives in `arena`. */
enum mailbox_fault mailbox_read_path(
	struct slice *s, bool utf8, struct arena *arena, struct mailbox *mailbox) MUST_USE;
/* A bare address as configuration and files write it: user@example.org, "a b"@example.org. */
enum mailbox_fault mailbox_parse(
	struct slice s, struct arena *arena, struct mailbox *mailbox) MUST_USE;
/* A domain name in the one form; false if it is none. Underscores are refused. */
bool domain_normalise(struct slice s, struct arena *arena, struct slice *domain) MUST_USE;
/* `local` without +tag, lower-cased (ASCII and, by full mapping, beyond), for domains of ours. */
struct slice mailbox_local_key(const struct mailbox *mailbox, struct arena *arena);
/* Whether the next hop might read the local part as an address itself: % ! @ : / inside, or | - .
 * in front (doc/policy.md, "Addresses"; 553 5.1.3 in `any recipient` and `asked` domains). */
bool mailbox_is_risky(const struct mailbox *mailbox);

#endif
