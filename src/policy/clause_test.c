/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every atom and every reason that the policy gives, in a session that shows it: the reply, and the
 * clause's value in the trace. A row's line is added to the configuration below; its session is
 * written in words (session_read()). A new atom or reason without a row fails the last test.
 */
#include <stdlib.h>

#include "policy/atoms.h"
#include "policy/testing.h"

static const char base_text[] =
	"hostname mx.example.org\n"
	"listen smtp \"*:25\"\nlisten submission \"*:587\"\nlisten pop3s \"*:995\"\n"
	"accounts file \"/etc/postern/accounts\"\n"
	"domain example.org mailboxes \"boxes\" aliases \"aliases\" deliver via mx\n"
	"domain any.example any recipient deliver via mx\n"
	"domain asked.example mailboxes asked deliver via mx\n"
	"domain stored.example mailboxes accounts deliver via mx\n"
	"network office 192.0.2.0/24 owns domain example.org\n"
	"network lab 198.51.100.0/24\n"
	"certificate ci \"SHA256:00aa\" owns \"ci@example.org\"\n"
	"relay for network office\nrelay for network lab if sender domain example.org\n"
	"relay for authenticated\nrelay for recent-pop\n";
static const struct test_file files[] = {{"boxes", "alice\nbob\n"},
	{"bad", "evil.example\nmallory@a.example\nalice@example.org\n"},
	{"aliases", "info: bob\nabroad: x@partner.example\n"}};

struct row {
	const char *line, *session;
	const char *reply; /* "550 5.7.1 reason: words" (or a part from the front), or "accept" */
	char trace;        /* the line's value: 't', 'f' or '?'; '-': there is no line */
};
static const struct row rows[] = {
	/* ---- what no clause says ---- */
	{"", "to=b@adatum.com",
		"550 5.7.1 relay-denied: Relaying to adatum.com needs you to sign in (port 587)",
		'-'},
	{"", "local=web to=b@adatum.com",
		"550 5.7.1 relay-denied: Relaying to adatum.com is only for clients that "
		"mx.example.org knows",
		'-'},
	{"", "client=192.0.2.1 to=b@adatum.com", "accept", '-'},
	{"", "to=nobody@example.org",
		"550 5.1.1 unknown-recipient: There is no mailbox nobody@example.org here", '-'},
	{"", "to=a%b@any.example", "553 5.1.3 risky-local-part: The part before @", '-'},
	{"", "to=a%b@asked.example mailbox=?", "553 5.1.3 risky-local-part", '-'},
	{"", "to=x@asked.example mailbox=yes", "accept", '-'},
	{"", "to=x@asked.example mailbox=no", "550 5.1.1 unknown-recipient", '-'},
	{"", "to=x@asked.example mailbox=?",
		"451 4.4.3 fact-unknown: This cannot be decided now: whether the recipient is "
		"known",
		'-'},
	{"", "to=x@stored.example mailbox=?", "451 4.3.0 store-unknown", '-'},
	{"", "listener=submission", "530 5.7.0 sign-in-needed: Sign in first", '-'},
	{"", "listener=submission account=alice@example.org", "accept", '-'},
	{"", "listener=submission account=?", "451 4.3.0 store-unknown", '-'},
	{"", "alias=abroad@example.org to=x@partner.example",
		"550 5.7.1 forwarding-denied: This address stands for one elsewhere", '-'},
	{"", "client=192.0.2.1 alias=abroad@example.org to=x@partner.example",
		"550 5.7.1 forwarding-denied", '-'},
	{"forward for \"abroad@example.org\"", "alias=abroad@example.org to=x@partner.example",
		"accept", 't'},
	{"forward for domain example.org if not sender null",
		"from= alias=abroad@example.org to=x@partner.example",
		"550 5.7.1 forwarding-denied", 'f'},
	{"", "lease=alice@example.org from=alice@example.org to=b@adatum.com", "accept", '-'},
	{"", "lease=alice@example.org from= to=b@adatum.com", "accept", '-'},
	{"",
		"lease=alice@example.org owned=alice@example.org:bob@example.org "
		"from=Bob+x@example.org to=b@adatum.com",
		"accept", '-'},
	{"", "lease=alice@example.org owned=alice@example.org: from=x@a.example to=b@adatum.com",
		"550 5.7.1 sender-not-owned: You may not send as x@a.example", '-'},
	{"", "lease=alice@example.org from=x@a.example to=b@adatum.com", "550 5.7.1 relay-denied",
		'-'},
	{"", "client=192.0.2.1 helo=? from=? to=b@adatum.com", "accept", '-'},
	/* ---- grants ---- */
	{"relay for account \"alice@example.org\"", "account=alice@example.org to=b@adatum.com",
		"accept", 't'},
	{"relay for group staff", "account=carol groups=staff to=b@adatum.com", "accept", 't'},
	{"relay for certificate ci", "cert=SHA256:00AA to=b@adatum.com", "accept", 't'},
	{"relay for certificate ci", "cert=SHA256:00AB to=b@adatum.com", "550 5.7.1 relay-denied",
		'f'},
	{"relay for local", "local=web to=b@adatum.com", "accept", 't'},
	{"relay for local user root", "local=web to=b@adatum.com", "550 5.7.1 relay-denied", 'f'},
	{"relay for local user web", "local=web to=b@adatum.com", "accept", 't'},
	{"relay for recent-pop within 3 hours",
		"now=1000000 age=120 lease=alice@example.org from=alice@example.org "
		"to=b@adatum.com",
		"accept", 't'},
	{"relay for recent-pop within 1 hour",
		"now=1000000 age=120 lease=alice@example.org from=alice@example.org "
		"to=b@adatum.com",
		"550 5.7.1 relay-denied", 'f'},
	{"relay for recent-pop if helo \"x\"", "lease=? to=b@adatum.com", "550 5.7.1 relay-denied",
		'f'},
	{"relay for group staff", "account=carol groups=? to=b@adatum.com", "accept", '?'},
	/* ---- the client ---- */
	{"refuse if client 203.0.113.0/24", "", "550 5.7.1 refused-client: Mail from your server",
		't'},
	{"refuse if client 203.0.113.0/28", "client=203.0.113.99", "accept", 'f'},
	{"refuse if client 0.0.0.0/0 or client ::/0", "local=web", "accept", 'f'},
	{"defer if network office", "client=192.0.2.1", "450 4.7.1 deferred-client", 't'},
	{"defer if network office", "client=192.0.3.1", "accept", 'f'},
	{"refuse unless trusted", "", "550 5.7.1 refused-client", 't'},
	{"refuse unless trusted", "client=198.51.100.1", "accept", 'f'},
	{"refuse unless trusted", "lease=?", "451 4.3.0 store-unknown", '?'},
	{"refuse if local", "local=web", "550 5.7.1 refused-client", 't'},
	{"refuse if listener smtp", "", "550 5.7.1 refused-client", 't'},
	{"refuse if listener submission", "", "accept", 'f'},
	{"refuse if helo \"*.Dynamic.example\"", "helo=a.dynamic.example",
		"550 5.7.1 refused-client", 't'},
	{"refuse if helo \"*.dynamic.example\"", "helo=dynamic.example", "accept", 'f'},
	{"refuse unless tls", "", "530 5.7.0 tls-needed: Start TLS first", 't'},
	{"refuse unless tls", "tls=yes", "accept", 'f'},
	{"refuse unless tls", "tls=?", "451 4.4.3 fact-unknown", '?'},
	{"refuse unless tls verified", "tls=yes", "530 5.7.0 tls-needed", 't'},
	{"refuse unless tls verified", "tls=verified", "accept", 'f'},
	{"refuse if certificate ci", "cert=sha256:00aa", "550 5.7.1 refused-client", 't'},
	{"refuse unless authenticated", "", "530 5.7.0 sign-in-needed", 't'},
	{"refuse unless authenticated", "account=carol", "accept", 'f'},
	{"refuse if account \"carol\"", "account=Carol", "550 5.7.1 refused-client", 't'},
	{"refuse if account \"carol\"", "account=dave", "accept", 'f'},
	{"refuse if group pupils", "account=carol groups=staff,pupils", "550 5.7.1 refused-client",
		't'},
	{"refuse if group pupils", "account=carol groups=staff", "accept", 'f'},
	{"refuse if group pupils", "account=carol groups=?",
		"451 4.3.0 store-unknown: This "
		"cannot be decided now: the account's groups",
		'?'},
	{"refuse if group pupils", "", "accept", 'f'},
	{"refuse if recent-pop", "lease=carol", "550 5.7.1 refused-client", 't'},
	{"refuse if recent-pop", "now=1000000 age=31 lease=carol", "accept", 'f'},
	{"refuse if client unnamed", "name=", "550 5.7.25 reverse-name: Your address 203.0.113.9",
		't'},
	{"defer if client unnamed", "name=", "450 4.7.25 reverse-name-deferred", 't'},
	{"defer if client unnamed", "name=a.b.example", "accept", 'f'},
	{"defer if client unnamed", "name=?", "451 4.4.3 fact-unknown", '?'},
	{"defer if client unnamed", "local=web", "accept", 'f'},
	{"refuse if client named \"*.dyn.example\"", "name=7.DYN.example",
		"550 5.7.25 reverse-name", 't'},
	{"refuse if not client named \"*.good.example\"", "name=x.bad.example",
		"550 5.7.25 reverse-name", 't'},
	{"refuse if not client named \"*.good.example\"", "name=x.good.example", "accept", 'f'},
	/* ---- lists ---- */
	{"refuse if listed \"bl.example\"", "listed=bl.example/127.0.0.2",
		"550 5.7.1 listed: Your address 203.0.113.9 is listed by bl.example", 't'},
	{"defer if listed \"bl.example\"", "listed=bl.example/127.0.0.2",
		"450 4.7.1 listed-deferred", 't'},
	{"refuse if listed \"bl.example\"", "listed=bl.example/", "accept", 'f'},
	{"refuse if listed \"bl.example\"", "listed=bl.example/?", "accept", 'f'},
	{"refuse if listed \"bl.example\"", "listed=bl.example/127.255.255.254", "accept", 'f'},
	{"refuse if listed \"bl.example\"", "listed=bl.example/192.0.2.1", "accept", 'f'},
	{"refuse if listed \"bl.example\" returning 127.0.0.2-4", "listed=bl.example/127.0.0.4",
		"550 5.7.1 listed", 't'},
	{"refuse if listed \"bl.example\" returning 127.0.0.2-4", "listed=bl.example/127.0.0.5",
		"accept", 'f'},
	{"refuse unless listed \"bl.example\"", "listed=bl.example/?", "451 4.4.3 fact-unknown",
		'?'},
	{"refuse unless allowed \"wl.example\"", "allowed=wl.example/127.0.0.1", "accept", 'f'},
	{"refuse if allowed \"wl.example\"", "allowed=wl.example/127.0.0.1",
		"550 5.7.1 refused-client", 't'},
	{"refuse if allowed \"wl.example\"", "allowed=wl.example/?", "451 4.4.3 fact-unknown", '?'},
	{"refuse if helo listed \"dbl.example\"", "helo_listed=dbl.example/127.0.1.2",
		"550 5.7.1 helo-listed: The name your server gave in EHLO is listed by dbl.example",
		't'},
	{"defer if helo listed \"dbl.example\"", "helo_listed=dbl.example/127.0.1.2",
		"450 4.7.1 helo-listed-deferred", 't'},
	{"refuse if helo listed \"dbl.example\"",
		"helo=[203.0.113.9] helo_listed=dbl.example/127.0.1.2", "accept", 'f'},
	{"refuse if sender domain listed \"dbl.example\"",
		"sender_domain_listed=dbl.example/127.0.1.2",
		"550 5.7.1 sender-domain-listed: The sender's domain a.example is listed by "
		"dbl.example",
		't'},
	{"defer if sender domain listed \"dbl.example\"",
		"sender_domain_listed=dbl.example/127.0.1.2",
		"450 4.7.1 sender-domain-listed-deferred", 't'},
	{"refuse if sender domain listed \"dbl.example\"",
		"from= sender_domain_listed=dbl.example/127.0.1.2", "accept", 'f'},
	/* ---- the sender ---- */
	{"refuse if sender \"mallory@a.example\"", "from=mallory@a.example",
		"550 5.7.1 refused-sender: Mail from mallory@a.example is not accepted", 't'},
	{"refuse if sender \"mallory@a.example\"", "from=Mallory@a.example", "accept", 'f'},
	{"defer if sender domain a.example", "", "450 4.7.1 deferred-sender", 't'},
	{"defer if sender domain a.example", "from=", "accept", 'f'},
	{"refuse if sender null", "from=", "550 5.7.1 refused-sender: Mail from <>", 't'},
	{"refuse if sender null", "from=?", "451 4.4.3 fact-unknown", '?'},
	{"refuse if sender in \"bad\"", "from=x@evil.example", "550 5.7.1 refused-sender", 't'},
	{"refuse if sender in \"bad\"", "from=y@a.example", "accept", 'f'},
	{"refuse if sender ours unless sender owned", "from=alice@example.org",
		"550 5.7.1 refused-sender", 't'},
	{"refuse if sender ours unless sender owned", "client=192.0.2.1 from=alice@example.org",
		"accept", 'f'},
	{"refuse unless sender owned", "", "550 5.7.1 sender-not-owned", 't'},
	{"refuse if sender not owned", "client=192.0.2.1 from=x@a.example",
		"550 5.7.1 sender-not-owned: You may not send as x@a.example", 't'},
	{"refuse if sender not owned", "client=192.0.2.1 from=", "accept", 'f'},
	{"refuse if sender not owned", "client=198.51.100.1 from=x@a.example", "accept", 'f'},
	{"refuse if sender not owned",
		"client=192.0.2.1 account=carol owned=carol: from=alice@example.org",
		"550 5.7.1 sender-not-owned", 't'},
	{"refuse if sender not owned", "account=carol owned=carol:*@a.example", "accept", 'f'},
	{"refuse if sender not owned", "account=carol owned=carol:A.example", "accept", 'f'},
	{"refuse if sender not owned", "account=X@a.example from=X@a.example", "accept", 'f'},
	{"refuse if sender not owned", "account=X@a.example from=x@a.example",
		"451 4.3.0 store-unknown: This cannot be decided now: the account's addresses",
		'?'},
	{"refuse if sender not owned", "account=carol owned=carol?", "451 4.3.0 store-unknown",
		'?'},
	{"refuse if sender not owned", "cert=SHA256:00aa from=ci@example.org", "accept", 'f'},
	{"refuse if sender not owned", "cert=SHA256:00aa from=alice@example.org",
		"550 5.7.1 sender-not-owned", 't'},
	{"refuse if sender not owned", "local=web from=web@mx.example.org", "accept", 'f'},
	{"refuse if sender not owned", "local=web owned=web: from=root@mx.example.org",
		"550 5.7.1 sender-not-owned", 't'},
	{"refuse if sender not owned", "local=web from=root@mx.example.org",
		"451 4.3.0 store-unknown", '?'},
	{"refuse if sender not owned",
		"local=web owned=web:root@mx.example.org from=root@mx.example.org", "accept", 'f'},
	{"refuse if sender not owned",
		"client=192.0.2.1 lease=carol owned=carol:c@a.example from=alice@example.org",
		"550 5.7.1 sender-not-owned", 't'},
	{"defer if sender not owned", "client=192.0.2.1", "450 4.7.1 deferred-sender", 't'},
	{"refuse if sender domain unreachable", "unreachable=yes",
		"550 5.1.8 sender-unreachable: The sender's domain a.example takes no mail", 't'},
	{"refuse if sender domain unreachable", "unreachable=null-mx", "550 5.7.27 sender-null-mx",
		't'},
	{"refuse if sender domain unreachable", "unreachable=no", "accept", 'f'},
	{"refuse if sender domain unreachable", "from= unreachable=yes", "accept", 'f'},
	{"defer if sender domain unreachable", "unreachable=yes",
		"450 4.1.8 sender-unreachable-deferred", 't'},
	{"refuse if spf fail", "spf=fail",
		"550 5.7.23 spf-fail: SPF does not permit your address to send for a.example", 't'},
	{"refuse if spf fail", "from= helo=h.example spf=fail",
		"550 5.7.23 spf-fail: SPF does not permit your address to send for h.example", 't'},
	{"refuse if spf fail", "spf=softfail", "accept", 'f'},
	{"refuse if spf permerror", "spf=permerror", "550 5.7.24 spf-permerror", 't'},
	{"defer if spf softfail", "spf=softfail", "450 4.7.23 spf-deferred", 't'},
	{"refuse if spf fail", "spf=?", "451 4.7.24 spf-unknown: This cannot be decided now: SPF",
		'?'},
	{"refuse if spf fail", "spf=temperror", "451 4.7.24 spf-unknown", '?'},
	/* ---- the recipient ---- */
	{"refuse if recipient \"alice@example.org\"", "to=Alice+x@example.org",
		"550 5.7.1 refused-recipient: Mail to Alice+x@example.org", 't'},
	{"refuse if recipient \"info@example.org\" code 550 5.7.2 say \"members only\"",
		"alias=info@example.org to=bob@example.org",
		"550 5.7.2 refused-recipient: members only", 't'},
	{"refuse if recipient \"bob@example.org\"", "alias=info@example.org to=bob@example.org",
		"550 5.7.1 refused-recipient: Mail to info@example.org", 't'},
	{"defer if recipient domain any.example", "to=x@any.example",
		"450 4.7.1 deferred-recipient", 't'},
	{"defer if recipient domain any.example", "", "accept", 'f'},
	{"refuse if recipient in \"bad\"", "", "550 5.7.1 refused-recipient", 't'},
	{"refuse if recipient in \"bad\"", "to=bob@example.org", "accept", 'f'},
	{"refuse if recipient ours", "", "550 5.7.1 refused-recipient", 't'},
	{"refuse if not recipient ours", "", "accept", 'f'},
	{"refuse if recipient unknown", "to=nobody@example.org", "550 5.1.1 unknown-recipient",
		't'},
	{"refuse if recipient unknown", "", "accept", 'f'},
	{"refuse if recipients > 2", "recipients=3", "550 5.5.3 recipients-refused", 't'},
	{"defer if recipients > 2", "recipients=3", "452 4.5.3 recipients-deferred", 't'},
	{"defer if recipients > 2", "recipients=2", "accept", 'f'},
	/* ---- the message ---- */
	{"refuse if size > 10 KB", "size=10001",
		"552 5.3.4 message-too-large: The message is larger than the 10000 bytes", 't'},
	{"defer if size > 10 KB", "size=10001", "450 4.3.4 message-size-deferred", 't'},
	{"defer if size > 10 KB", "size=10000", "accept", 'f'},
	{"refuse if from \"mallory@a.example\"", "author=mallory@a.example",
		"550 5.7.1 refused-author: Mail written by mallory@a.example is not accepted", 't'},
	{"refuse if from \"mallory@a.example\"", "author=x@a.example", "accept", 'f'},
	{"defer if from domain a.example", "author=x@a.example", "450 4.7.1 deferred-author", 't'},
	{"refuse if from in \"bad\"", "author=x@evil.example", "550 5.7.1 refused-author", 't'},
	{"refuse if from ours", "author=alice@example.org", "550 5.7.1 refused-author", 't'},
	{"refuse if from ours unless from owned", "client=192.0.2.1 author=alice@example.org",
		"accept", 'f'},
	{"refuse if from not owned", "client=192.0.2.1 author=x@a.example",
		"550 5.7.1 from-not-owned: You may not write as x@a.example in From or Sender",
		't'},
	{"refuse if from not owned", "client=192.0.2.1 author=alice@example.org", "accept", 'f'},
	/* Sender and Resent-* are the client's as well; a stranger's are nobody's business */
	{"refuse if from not owned",
		"client=192.0.2.1 author=alice@example.org claim=bob@example.org", "accept", 'f'},
	{"refuse if from not owned",
		"client=192.0.2.1 author=alice@example.org claim=bob@example.org claim=x@a.example",
		"550 5.7.1 from-not-owned: You may not write as x@a.example in From", 't'},
	{"refuse if from not owned", "client=192.0.2.1 author=alice@example.org claim=unclear",
		"550 5.7.1 from-not-owned: You may not write as anybody else in From", 't'},
	{"refuse if from not owned", "client=198.51.100.1 author=x@a.example claim=y@a.example",
		"accept", 'f'},
	{"refuse if from ours unless from owned",
		"client=192.0.2.1 author=alice@example.org claim=x@a.example",
		"550 5.7.1 refused-author", 't'},
	{"refuse if from not owned",
		"account=carol owned=carol:x@a.example author=x@a.example claim=y@a.example",
		"550 5.7.1 from-not-owned", 't'},
	{"refuse if from not owned", "account=alice@example.org author=alice@example.org", "accept",
		'f'},
	{"refuse if from not owned",
		"account=alice@example.org author=alice@example.org claim=bob@example.org",
		"451 4.3.0 store-unknown", '?'},
	{"refuse if from not owned", "local=web author=web@mx.example.org claim=web@mx.example.org",
		"accept", 'f'},
	{"refuse if from not owned",
		"cert=SHA256:00aa author=ci@example.org claim=alice@example.org",
		"550 5.7.1 from-not-owned", 't'},
	{"refuse unless from owned", "", "550 5.7.1 from-not-owned", 't'},
	{"refuse unless dkim pass", "dkim=fail", "550 5.7.20 dkim-fail", 't'},
	{"defer unless dkim pass", "dkim=none", "450 4.7.20 dkim-deferred", 't'},
	{"refuse unless dkim pass", "dkim=pass", "accept", 'f'},
	{"refuse unless dkim pass", "dkim=?", "451 4.7.5 dkim-unknown", '?'},
	{"refuse if dmarc fail and dmarc policy reject",
		"author=x@b.example dmarc=fail dmarc_policy=reject",
		"550 5.7.26 dmarc-fail: The message fails the DMARC checks of b.example", 't'},
	{"refuse if dmarc fail and dmarc policy reject", "dmarc=fail dmarc_policy=none", "accept",
		'f'},
	{"refuse if dmarc fail and dmarc policy reject", "dmarc=? dmarc_policy=reject",
		"451 4.4.3 fact-unknown", '?'},
	{"refuse if from ours and not dmarc pass", "author=alice@example.org dmarc=none",
		"550 5.7.26 dmarc-fail", 't'},
	{"defer unless dmarc pass", "dmarc=fail", "450 4.7.26 dmarc-deferred", 't'},
	{"refuse if arc fail", "arc=fail", "550 5.7.29 arc-fail", 't'},
	{"defer if arc fail", "arc=fail", "450 4.7.29 arc-deferred", 't'},
	{"defer if arc fail", "arc=none", "accept", 'f'},
	{"refuse if link listed \"dbl.example\"", "link_listed=dbl.example/127.0.1.2",
		"554 5.7.1 link-listed: The message has a link to a domain listed by dbl.example",
		't'},
	{"defer if link listed \"dbl.example\"", "link_listed=dbl.example/127.0.1.2",
		"450 4.7.1 content-deferred", 't'},
	{"refuse if header \"subject\" \"*casino royal*\"",
		"header=Subject:_The\r\n_=?utf-8?q?Casino?=_royal", "554 5.7.1 content-refused",
		't'},
	{"refuse if header \"X-Spam\" \"*\"", "header=Subject:_x", "accept", 'f'},
	{"refuse if score > 12", "score=13", "554 5.7.1 content-spam", 't'},
	{"refuse if score > 12", "score=12", "accept", 'f'},
	{"refuse if score > 12", "score=?", "451 4.3.0 store-unknown", '?'},
	{"refuse if virus", "virus=yes", "554 5.7.1 content-virus", 't'},
	{"refuse if virus", "virus=no", "accept", 'f'},
	/* ---- limits ---- */
	{"limit client 500 recipients per day", "now=1800000000 counter=482/500 client=203.0.113.9",
		"450 4.7.28 limit-reached: The limit is reached: 482 of 500 today, next free ",
		't'},
	{"limit client 5 messages per 10 minutes", "now=1800000000 counter=5/5",
		"450 4.7.28 limit-reached: The limit is reached: 5 of 5 in the last 10 minutes, "
		"next",
		't'},
	{"limit client 5 messages per hour say \"slowly\" code 450 4.7.1",
		"now=1800000000 counter=5/5", "450 4.7.1 limit-reached: slowly", 't'},
	{"limit client 5 messages per hour", "now=1800000000 counter=?",
		"451 4.3.0 store-unknown: This cannot be decided now: the counter", '?'},
	{"limit client 5 messages per hour", "now=1800000000", "451 4.3.0 store-unknown", '?'},
	{"limit client 5 messages per hour", "", "accept", 'f'},
	{"limit authenticated 5 messages per hour", "now=1800000000 counter=5/5", "accept", 'f'},
	{"limit network office 5 messages per hour unless sender null",
		"now=1800000000 client=192.0.2.1 from= counter=5/5", "accept", 'f'},
	{"limit sender 5 messages per hour", "now=1800000000 from= counter=5/5", "accept", 'f'},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* ---- sessions in words ---- */

struct session {
	struct facts facts;
	struct arena *arena;
	struct fact_answer answers[32];
	struct counter_answer counter;
	struct mailbox claims[4];
	wall_ns age;
};

static struct fact_answer *answer_add(struct session *s, enum fact fact, struct slice value)
{
	struct fact_answer *answer = &s->answers[s->facts.answer_count++];

	*answer = (struct fact_answer){.fact = fact, .text = value};
	answer->unknown = slice_is(value, SLICE("?"));
	answer->yes = slice_is(value, SLICE("yes"));
	return answer;
}

static void list_read(struct session *s, enum fact fact, struct slice value)
{
	struct slice zone = slice_cut(&value, '/');
	struct fact_answer *answer = answer_add(s, fact, value);
	struct address *address = ARENA_NEW(s->arena, struct address);

	answer->argument = zone;
	answer->addresses = address;
	answer->address_count = address_parse(value, address);
}

static void texts_read(struct session *s, struct fact_answer *answer, struct slice value)
{
	struct slice *texts = ARENA_ARRAY(s->arena, struct slice, 4);
	wall_ns *times = ARENA_ARRAY(s->arena, wall_ns, 4);

	while (value.len > 0 && !answer->unknown) {
		times[answer->text_count] = s->facts.now - s->age;
		texts[answer->text_count++] = slice_cut(&value, ',');
	}
	answer->texts = texts;
	answer->times = times;
}

static void owned_read(struct session *s, struct slice value)
{
	size_t mark = slice_find(value, ':');
	struct slice account = slice_part(value, 0, mark == SIZE_MAX ? value.len - 1 : mark);
	struct fact_answer *answer = answer_add(s, FACT_OWNED, SLICE_NONE);

	answer->argument = account;
	answer->unknown = mark == SIZE_MAX;
	if (mark != SIZE_MAX)
		texts_read(s, answer, slice_from(value, mark + 1));
}

static void mailbox_read(struct session *s, struct slice value, bool *has, struct mailbox *mailbox)
{
	*has = !slice_is(value, SLICE("?"));
	if (*has)
		test_mailbox(arena_string(s->arena, value), s->arena, mailbox);
}

static void counter_read(struct session *s, struct slice value)
{
	uint64_t used = 0, most = 0;
	struct slice first = slice_cut(&value, '/');

	s->counter.unknown = !slice_number(first, 10000, &used);
	s->counter.full = slice_number(value, 10000, &most);
	s->counter.used = used;
	s->counter.most = most;
	s->facts.counters = &s->counter;
	s->facts.counter_count = 1;
}

/* "_" stands for a blank. */
static void header_read(struct session *s, struct slice value)
{
	char *raw = arena_string(s->arena, value);

	for (size_t i = 0; i < value.len; i++)
		raw[i] = raw[i] == '_' ? ' ' : raw[i];
	s->facts.header = arena_format(s->arena, "%s\r\n\r\n", raw);
}

/* Whom Sender or Resent-* names. */
static void claim_read(struct session *s, struct slice value)
{
	bool has;

	s->facts.claims = s->claims;
	if (slice_is(value, SLICE("unclear")))
		s->facts.claims_unclear = true;
	else
		mailbox_read(s, value, &has, &s->claims[s->facts.claim_count++]);
}

static bool client_word(struct session *s, struct slice key, struct slice value)
{
	struct facts *facts = &s->facts;
	bool known = !slice_is(value, SLICE("?"));

	if (slice_is(key, SLICE("client"))) {
		assert_true(address_parse(value, &facts->client));
	} else if (slice_is(key, SLICE("local"))) {
		facts->has_client = false;
		facts->is_local = true;
		facts->local_user = value;
	} else if (slice_is(key, SLICE("listener"))) {
		facts->listener = value;
	} else if (slice_is(key, SLICE("helo"))) {
		facts->has_helo = known;
		facts->helo = value;
	} else if (slice_is(key, SLICE("tls"))) {
		facts->has_tls = known;
		facts->tls = known;
		facts->tls_verified = slice_is(value, SLICE("verified"));
	} else if (slice_is(key, SLICE("cert"))) {
		facts->tls = facts->tls_verified = true;
		facts->certificate = value;
	} else if (slice_is(key, SLICE("account"))) {
		facts->has_account = known;
		facts->account = known ? value : SLICE_NONE;
	} else {
		return false;
	}
	return true;
}

static bool message_word(struct session *s, struct slice key, struct slice value)
{
	struct facts *facts = &s->facts;
	uint64_t number = 0;
	bool is_number = slice_number(value, UINT64_MAX, &number);

	if (slice_is(key, SLICE("from")))
		mailbox_read(s, value, &facts->has_sender, &facts->sender);
	else if (slice_is(key, SLICE("to")))
		mailbox_read(s, value, &facts->has_recipient, &facts->recipient);
	else if (slice_is(key, SLICE("alias")))
		mailbox_read(s, value, &facts->has_alias, &facts->alias);
	else if (slice_is(key, SLICE("author")))
		mailbox_read(s, value, &facts->has_from, &facts->from);
	else if (slice_is(key, SLICE("claim")))
		claim_read(s, value);
	else if (slice_is(key, SLICE("size")))
		facts->size = number;
	else if (slice_is(key, SLICE("recipients")))
		facts->recipients = number;
	else if (slice_is(key, SLICE("now")))
		facts->now = (wall_ns)number * NS_PER_S;
	else if (slice_is(key, SLICE("age")))
		s->age = (wall_ns)number * 60 * NS_PER_S;
	else if (slice_is(key, SLICE("counter")))
		counter_read(s, value);
	else if (slice_is(key, SLICE("header")))
		header_read(s, value);
	else if (slice_is(key, SLICE("score")))
		answer_add(s, FACT_SCORE, is_number ? SLICE_NONE : value)->number = number;
	else
		return false;
	return true;
}

/* Facts by their keys in facts.def, and short names of some. */
static void answer_word(struct session *s, struct slice key, struct slice value)
{
	static const struct {
		const char *key;
		enum fact fact;
	} names[] = {{"name", FACT_CLIENT_NAME}, {"lease", FACT_RECENT_POP},
		{"mailbox", FACT_MAILBOX}, {"unreachable", FACT_SENDER_UNREACHABLE}};
	enum fact fact = FACTS;

	for (int i = 0; i < FACTS; i++)
		if (slice_is(fact_row((enum fact)i)->key, key))
			fact = (enum fact)i;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		fact = slice_is(key, slice_of(names[i].key)) ? names[i].fact : fact;
	assert_int_not_equal(fact, FACTS);
	if (fact == FACT_OWNED) {
		owned_read(s, value);
	} else if (fact_row(fact)->type == FACT_IS_ADDRESSES) {
		list_read(s, fact, value);
	} else if (fact_row(fact)->type == FACT_IS_TEXTS) {
		texts_read(s, answer_add(s, fact, value), value);
	} else {
		struct fact_answer *answer = answer_add(s, fact, value);
		answer->yes |= slice_is(value, SLICE("null-mx"));
		if (slice_is(value, SLICE("null-mx")))
			answer->text = SLICE("null MX");
	}
}

/* A stranger who writes to alice; the words say what is otherwise. */
static void session_read(struct session *s, const char *words)
{
	struct slice left = slice_of(words);

	s->facts = test_facts(
		"203.0.113.9", "h.example", "x@a.example", "alice@example.org", s->arena);
	s->facts.has_tls = s->facts.has_account = s->facts.has_from = true;
	s->facts.has_size = s->facts.size_is_final = s->facts.has_header = true;
	test_mailbox("x@a.example", s->arena, &s->facts.from);
	s->facts.answers = s->answers;
	while (left.len > 0) {
		struct slice value = slice_cut(&left, ' '), key = slice_cut(&value, '=');
		if (!client_word(s, key, value) && !message_word(s, key, value))
			answer_word(s, key, value);
	}
	if (!facts_answer(&s->facts, FACT_RECENT_POP, SLICE_NONE))
		answer_add(s, FACT_RECENT_POP, SLICE_NONE); /* nobody */
}

/* ---- a row ---- */

/* Without the proof, which takes much longer than a row. */
static struct policy *row_load(const struct row *row)
{
	struct bundle_file all[4] = {{.kind = BUNDLE_CONFIGURATION, .path = SLICE("test.conf")}};
	struct bundle bundle = {.files = all,
		.count = 4,
		.nodename = SLICE("node.example.org"),
		.hash = "0123456789abcdef"};
	struct complaints complaints;
	char whole[2000];

	snprintf(whole, sizeof whole, "%s%s\n", base_text, row->line);
	all[0].bytes = slice_of(whole);
	for (size_t i = 0; i < 3; i++)
		all[i + 1] = (struct bundle_file){.kind = BUNDLE_LIST,
			.path = slice_of(files[i].path),
			.bytes = slice_of(files[i].text)};
	complaints_init(&complaints);
	struct policy *policy = policy_load_unproved(&bundle, &complaints);
	if (!policy)
		test_print(&complaints);
	assert_non_null(policy);
	complaints_free(&complaints);
	return policy;
}

static void reply_put(struct text *out, const struct decision *decision)
{
	if (decision->verdict == VERDICT_ACCEPT) {
		text_put(out, SLICE("accept"));
		return;
	}
	text_format(out, "%u ", decision->code);
	text_enhanced(out, decision->enhanced);
	text_format(out, " %.*s: %.*s", SLICE_ARGS(reason_row(decision->reason)->name),
		SLICE_ARGS(decision->words));
}

/* The value of the row's line in the whole trace, and in the short one that is kept. */
static char trace_of(const struct policy *policy, const struct facts *facts,
	const struct decision *decision, struct arena *arena)
{
	uint32_t last = (uint32_t)policy_clause_count(policy) - 1;
	const struct trace_entry *whole;
	size_t count = policy_trace_whole(policy, facts, STAGE_END, arena, &whole);
	char value = 'f', kept = 'f';

	for (size_t i = 0; i < count; i++)
		if (whole[i].clause == last)
			value = "ft?"[whole[i].value];
	for (size_t i = 0; i < decision->trace_count; i++)
		if (decision->trace[i].clause == last)
			kept = "ft?"[decision->trace[i].value];
	assert_int_equal(kept, value);
	return value;
}

static void row_holds(const struct row *row, bool *reasons)
{
	struct session s = {.arena = arena_new()};
	struct policy *policy = row_load(row);
	struct decision decision;
	char shown[700];
	struct text reply = TEXT_FIXED(shown);

	s.counter = (struct counter_answer){
		.clause = (uint32_t)policy_clause_count(policy) - 1, .free_at = 1};
	session_read(&s, row->session);
	policy_decide(policy, &s.facts, STAGE_END, s.arena, &decision);
	reply_put(&reply, &decision);
	char trace = row->trace == '-' ? '-' : trace_of(policy, &s.facts, &decision, s.arena);
	bool good = slice_starts(text_slice(&reply), slice_of(row->reply)) && trace == row->trace;
	if (!good)
		print_message("%s | %s\n  gives %.*s, %c\n", row->line, row->session,
			SLICE_ARGS(text_slice(&reply)), trace);
	assert_true(good);
	reasons[decision.reason] = true;
	policy_unref(policy);
	arena_free(s.arena);
}

static void each_row_gives_its_reply_and_trace(void **state)
{
	bool reasons[REASONS] = {false};

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		row_holds(&rows[i], reasons);
}

/* ---- nothing is left out ---- */

/* Reasons that no atom names: of the recipient, of grants, of facts that are unknown. */
static const enum reason others[] = {REASON_RELAY_DENIED, REASON_FORWARDING_DENIED,
	REASON_UNKNOWN_RECIPIENT, REASON_RISKY_LOCAL_PART, REASON_SPF_PERMERROR,
	REASON_SENDER_NULL_MX, REASON_LIMIT_REACHED, REASON_FACT_UNKNOWN, REASON_SPF_UNKNOWN,
	REASON_DKIM_UNKNOWN, REASON_STORE_UNKNOWN};

static void atoms_mark(const struct policy *policy, uint32_t at, bool *atoms)
{
	if (at == NO_NODE)
		return;
	const struct node *node = &policy->nodes.at[at];
	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: atoms[node->atom] = true; return;
	case NODE_NOT: atoms_mark(policy, node->left, atoms); return;
	case NODE_AND:
	case NODE_OR:
		atoms_mark(policy, node->left, atoms);
		atoms_mark(policy, node->right, atoms);
		return;
	}
}

static void every_atom_has_a_row_that_fires(void **state)
{
	bool atoms[ATOMS] = {false};

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].trace != 't')
			continue;
		struct policy *policy = row_load(&rows[i]);
		size_t last = policy_clause_count(policy) - 1;
		atoms_mark(policy, policy->clauses.at[last].condition, atoms);
		policy_unref(policy);
	}
	for (int i = 0; i < ATOMS; i++) {
		if (!atoms[i])
			print_message(
				"no row for `%.*s`\n", SLICE_ARGS(atom_row((enum atom)i)->words));
		assert_true(atoms[i]);
	}
}

static void every_reason_of_the_policy_has_a_row(void **state)
{
	bool given[REASONS] = {false}, wanted[REASONS] = {false};

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		row_holds(&rows[i], given);
	for (int i = 0; i < ATOMS; i++) {
		wanted[atom_row((enum atom)i)->refused] = true;
		wanted[atom_row((enum atom)i)->deferred] = true;
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		wanted[others[i]] = true;
	for (int i = 0; i < REASONS; i++) {
		if (wanted[i] && !given[i])
			print_message(
				"no row for %.*s\n", SLICE_ARGS(reason_row((enum reason)i)->name));
		assert_true(given[i] || !wanted[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_gives_its_reply_and_trace),
		cmocka_unit_test(every_atom_has_a_row_that_fires),
		cmocka_unit_test(every_reason_of_the_policy_has_a_row),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
