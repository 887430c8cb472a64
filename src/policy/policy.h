/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy: a configuration, compiled; and what it decides.
 *
 * policy_load() gives an immutable policy or complaints. policy_decide() is a pure function of the
 * policy and a table of facts: the edge fills the facts from a session, `replay` from the journal,
 * `trial` from the command line. No I/O, no clock, no allocation but in the arena given.
 *
 * doc/add-an-atom.md walks through adding a condition.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/address.h"
#include "base/clock.h"
#include "packets/delivery.h"
#include "policy/account_limits.h"
#include "policy/bundle.h"
#include "policy/complaint.h"
#include "policy/facts.h"
#include "reason/reason.h"

struct policy;

/* The complaints (errors and warnings) live in their own arena. NULL if there is an error, or if
 * the proof fails (proof.h). */
struct policy *policy_load(const struct bundle *bundle, struct complaints *complaints);
/* The same without the proof: for what was proved when it was gathered, and may by now fail. */
struct policy *policy_load_unproved(const struct bundle *bundle, struct complaints *complaints);
/* What a role does with a bundle's bytes (role/role.h, prepare): NULL with words in `why` if they
 * are damaged or hold an error. */
struct policy *policy_of_bundle(struct slice bytes, struct text *why);
/* The policy of a program started without a configuration: its text. */
struct slice policy_built_in_text(void);
struct policy *policy_ref(struct policy *policy); /* counted */
void policy_unref(struct policy *policy);         /* NULL is fine */
const char *policy_hash(const struct policy *policy);

/* ---- settings ---- */

enum { EDGES_MAX = 48 }; /* of the ID_SLOTS (base/id.h); the rest is for the other roles */
enum service {
	SERVICE_SMTP,
	SERVICE_SUBMISSION,
	SERVICE_SUBMISSIONS,
	SERVICE_LMTP,
	SERVICE_POP3,
	SERVICE_POP3S,
	SERVICE_CONTROL,
	SERVICE_WEB,
	SERVICE_LOCAL,  /* programs of this host, through `sendmail` */
	SERVICE_GRANTS, /* other login servers, for leases */
	SERVICES
};
const char *service_text(enum service service);
struct listen_line {
	enum service service;
	struct address address;
	bool any;          /* "*": v6 only and v4, two sockets */
	struct slice path; /* control, local */
	bool has_proxy;    /* peers in that network speak for their clients, nobody else may */
	uint32_t proxy;    /* index of the network */
};
struct tls_line {
	struct slice certificate, key; /* paths */
};
enum line_ends { LINE_ENDS_STRICT, LINE_ENDS_NORMALISE };
struct session_limits { /* postern.conf(5), LIMITS; UINT64_MAX is unlimited */
	uint64_t connections, errors, unknown_recipients, no_ops, recipients, header_bytes;
	mono_ns idle, transaction;
	uint64_t connections_per_address, connections_per_minute; /* both of each address */
	struct slice counted_in; /* the network whose own `connections` holds; empty: everybody's */
};
struct settings {
	struct slice hostname, state, user, resolver, postmaster;
	bool user_written;
	unsigned edges; /* 0: as many as suit the processors */
	mono_ns grace;
	uint64_t message_size;
	mono_ns retry_for, retry_first, retry_most;
	mono_ns journal_keep;
	uint64_t journal_size;      /* UINT64_MAX: unlimited */
	mono_ns journal_hide;       /* local parts, after; NEVER */
	const struct tls_line *tls; /* certificates, in the order written; none: our own */
	size_t tls_count;
	struct slice tls_client_ca; /* a path; empty: not written */
	struct slice tls_trust; /* roots that servers we send to are held to; empty: the system's */
	struct slice accounts_kind, accounts_where; /* "sqlite", its argument */
	struct slice accounts_domain; /* behind names without one; empty: they stay alone */
	/* Tokens: who is asked, as whom, and the member of the answer that names the account. */
	struct slice tokens_url, tokens_login, tokens_password_file, tokens_name;
	struct slice accounts_bind, accounts_password_file; /* of ldap; empty: anonymous */
	enum line_ends line_ends; /* bare LF in data: refused, or normalised */
	struct session_limits limits;
	const struct listen_line *listens;
	size_t listen_count;
};
const struct settings *policy_settings(const struct policy *policy);
/* The limits of a session with this client: `limits`, and what `limits for network` says of the
 * networks it is in (of several, the widest). A trusted client has those of each address only where
 * a `limits for` writes them. */
struct session_limits policy_limits_of(
	const struct policy *policy, const struct address *client, bool trusted);
bool policy_has_limits_for(const struct policy *policy); /* else `limits` alone holds */
/* What the configuration asks of a daemon that this version does not do and that may not be left
 * out (a submission port without signing in): each an error in `complaints`. The daemon does not
 * start or reload with such a policy; check, trial and expect take it, with a warning. False: there
 * is nothing of that kind. */
bool policy_cannot_serve(const struct policy *policy, struct complaints *complaints);
/* Files of `tls` that are not in the bundle or hold no certificate; the daemon does not start with
 * them, trial and replay do not need them. False: there are none. */
bool policy_lacks_certificates(const struct policy *policy, const struct bundle *bundle,
	enum severity severity, struct complaints *complaints);
/* A complaint about the certificate or the key of a `tls certificate` line, at its place. */
void policy_complain_of_tls(const struct policy *policy, size_t line, bool of_key,
	enum severity severity, struct slice what, struct slice right,
	struct complaints *complaints);

/* ---- decisions ---- */
enum verdict { VERDICT_ACCEPT, VERDICT_REFUSE, VERDICT_DEFER };
enum truth { FALSE_, TRUE_, UNKNOWN_ }; /* Kleene's three values */

struct clause_place {
	struct slice file;
	unsigned line;
	struct slice text; /* the statement as written, on one line */
	struct slice note; /* of a `relay for` */
	wall_ns until;     /* of a `relay for`: when it has ended; NEVER */
};
struct trace_entry {
	uint32_t clause;  /* index, for policy_clause() */
	enum truth value; /* of the clause's condition */
};
struct decision {
	enum verdict verdict;
	enum reason reason; /* REASON_NONE when accepted */
	unsigned code;      /* the row's, or what `code` says */
	struct enhanced enhanced;
	struct slice words; /* without the id */
	enum stage stage;   /* at which it was decided */
	bool has_clause;
	uint32_t clause; /* the one that speaks (a refusal) */
	bool has_account_limit;
	uint32_t account_limit; /* instead of a clause: of FACT_LIMITS, by number */
	bool has_grant;
	uint32_t grant;                  /* the `relay for` that permitted */
	bool foreign;                    /* the recipient is not ours */
	const struct trace_entry *trace; /* the clauses that are true or unknown, by index */
	size_t trace_count;
	unsigned possible; /* 1 << verdict, or-ed: what it could be if unknown facts were known */
};
/* Decides for one recipient with what `facts` holds at `stage`. Before STAGE_RCPT it tells only
 * whether some clause fires already; what is not refused yet is VERDICT_ACCEPT. */
void policy_decide(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena, struct decision *decision);
/* The whole trace: every clause that was considered, the false ones too. */
size_t policy_trace_whole(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena, const struct trace_entry **trace);
/* Of the decisions for what one recipient stands for, the one that speaks: the strictest. */
const struct decision *policy_strictest(
	const struct policy *policy, const struct decision *decisions, size_t count);
/* ---- what must be found out first ---- */

/* A question for somebody else: DNS, accounts, a filter. */
struct wanted {
	enum fact fact;
	struct slice argument; /* a zone, an account; as in struct fact_answer */
};
/* The questions whose answers could still change what policy_decide() says at `stage`, and that are
 * not answered in `facts`: those a clause rests on that is unknown without them. Ask them all at
 * once and add the answers, until none is left (who holds a lease comes before what that account
 * owns); then decide. None is left out that matters, none is asked in vain. */
size_t policy_wanted(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena, const struct wanted **wanted);

/* Whether any decision of this policy can want an answer or a counter: where not, nobody need ask
 * policy_wanted() or policy_counters(). */
struct policy_needs {
	bool answers, counters;
};
struct policy_needs policy_needs(const struct policy *policy);

/* The DNS lists that conditions name, each once. */
struct policy_zone {
	struct slice zone;
	bool of_domains; /* else of addresses */
};
size_t policy_zones(
	const struct policy *policy, struct arena *arena, const struct policy_zone **zones);

/* The counters of `limit` clauses that this recipient (of this message) would take a place in. The
 * edge reserves them all, adds what it heard as facts.counters, decides, and gives the places back
 * if the recipient or the transaction comes to nothing. */
struct counter_wanted {
	uint32_t clause;
	struct slice
		key; /* who and what and period: "network office 192.0.2.7 messages 60000000000" */
	uint64_t most;
	mono_ns period;
	bool recipients; /* else messages: reserved with the first recipient */
	bool again;      /* an earlier one has this key: no place of its own, but its own `most` */
};
size_t policy_counters(const struct policy *policy, const struct facts *facts, struct arena *arena,
	const struct counter_wanted **counters);

/* What a recipient stands for (doc/policy.md, "Aliases"): itself, or the addresses at the end of
 * its aliases. Decide for each with facts.alias set where it is not itself; the strictest speaks
 * (policy_strictest()). At least one, at most ALIAS_TARGETS_MAX (load refuses more). */
enum { ALIAS_TARGETS_MAX = 1000 };
struct expansion {
	struct mailbox target;
	bool is_alias;  /* the target is not the recipient itself */
	bool forwarded; /* it is foreign: leaves with a return address of ours */
};
size_t policy_expand(const struct policy *policy, const struct mailbox *recipient,
	struct arena *arena, const struct expansion **targets);

/* Whether the address is in a domain of ours. */
bool policy_is_ours(const struct policy *policy, const struct mailbox *mailbox);
/* Whether the address is in the network of this index (struct listen_line, proxy). */
bool policy_network_has(
	const struct policy *policy, uint32_t network, const struct address *address);

/* After-data clauses that could tell these two recipients of one message apart: a stranger is asked
 * to send the second in a transaction of its own (452 4.5.3). */
bool policy_tells_apart(const struct policy *policy, const struct facts *first,
	const struct facts *second, struct arena *arena);
/* Whether the client is known as someone (an account, certificate, local user, lease, or network
 * that owns): its messages are split after the data. */
bool policy_knows_client(
	const struct policy *policy, const struct facts *facts, struct arena *arena);

/* Whether the client is let relay for what it is (a network, an account), or known as someone: what
 * waits last when there is not room for everybody. */
bool policy_favours_client(
	const struct policy *policy, const struct facts *facts, struct arena *arena);

/* An atom, or `not` and an atom, in the policy's own words: `trial --fact`. False with words in
 * `why`. It lives in `arena`; valid for this policy alone. */
bool policy_given_parse(const struct policy *policy, struct slice text, struct arena *arena,
	struct given *given, struct text *why) MUST_USE;

/* Decides each `expect` on the file alone; an error with the reason for each that is false. Part of
 * policy_load(). True: all hold. */
bool policy_expects_check(const struct policy *policy, struct complaints *complaints);

/* ---- clauses ---- */
struct clause_place policy_clause(const struct policy *policy, uint32_t clause);
size_t policy_clause_count(const struct policy *policy);
/* Whether some clause can fire only at this stage or later: what the edge need not ask again. */
bool policy_has_clauses_at(const struct policy *policy, enum stage stage);
/* Names of the networks the address is in, blank-separated, innermost first; trusted: some
 * `relay for` which has not ended at `now` (0: at no particular time) names one of them. */
void policy_find_networks(const struct policy *policy, const struct address *client, wall_ns now,
	struct arena *arena, struct slice *names, bool *trusted);

/* Fills the facts that follow from the policy and the other facts (facts.h). policy_decide() finds
 * them itself; this is for whoever writes facts down. */
void facts_settle(const struct policy *policy, struct facts *facts, struct arena *arena);

/* ---- asked backwards ---- */

/* The fingerprint of a declared certificate, or `name` itself if it is one; else empty. */
struct slice policy_certificate(const struct policy *policy, struct slice name);
/* The account that a declared certificate signs in as (AUTH EXTERNAL); empty: none. */
struct slice policy_certificate_account(const struct policy *policy, struct slice fingerprint);
/* The `relay for` clauses, by index. */
size_t policy_relays(const struct policy *policy, const uint32_t **clauses);
/* The facts as they would be if the client held what this `relay for` names; `words` says how, like
 * "signing in". False: it holds that already, or nobody can. */
bool policy_hold(const struct policy *policy, uint32_t relay, struct facts *facts,
	struct arena *arena, struct slice *words);
/* The smallest changes that would have turned a refusal into an acceptance, in words; at most five,
 * the likeliest first. For the administrator alone: they tell of names and networks. */
size_t policy_nearest(const struct policy *policy, const struct facts *facts, enum stage stage,
	const struct decision *decision, struct arena *arena, const struct slice **nearest);

/* One value of each kind that this policy can tell from others: for trying two policies against
 * each other. Addresses as texts in the one form. */
enum { SAMPLES_MAX = 400, SAMPLE_NUMBERS_MAX = 8 };
struct sample_texts {
	struct slice *at;
	size_t count;
};
struct samples {
	struct address *clients;
	size_t client_count;
	struct sample_texts senders, recipients, helos, accounts, groups, certificates, locals;
	uint64_t sizes[SAMPLE_NUMBERS_MAX];
	size_t size_count;
	bool has_leases; /* some grant is for a recent POP login */
};
void policy_samples(const struct policy *policy, struct arena *arena, struct samples *samples);

/* Every network and certificate, and whether it may use this address. */
enum policy_owning { OWNS_IT, OWNS_OTHERS, OWNS_NOTHING };
struct policy_owner {
	struct slice kind, name; /* "network", "certificate" */
	bool relays;             /* a `relay for` names it */
	enum policy_owning as_sender, as_author;
};
size_t policy_owners(const struct policy *policy, const struct mailbox *address,
	struct arena *arena, const struct policy_owner **owners);

/* ---- recipients and ways ---- */
enum recipient_class { RECIPIENT_OURS_KNOWN, RECIPIENT_OURS_UNKNOWN, RECIPIENT_FOREIGN };
/* Where mail for <postmaster> without a domain goes: the `postmaster` setting, else postmaster@ one
 * of our domains; NULL where there is neither (then it is an unknown recipient). */
const struct mailbox *policy_postmaster(const struct policy *policy);

struct route {
	enum route_kind kind;
	enum route_tls tls;
	uint16_t port;
	bool private_too;                  /* a `deliver` or `domain` line names this domain */
	struct slice target;               /* as packets/delivery.h says */
	struct slice login, password_file; /* ROUTE_HOSTS; empty: no signing in */
	struct slice key;                  /* the same for messages that may share a connection */
	struct clause_place place;
};
/* How mail for this recipient leaves, chosen at each attempt. False: two lines of one rank are both
 * true, or an unknown condition: defer with 451 4.3.5. The default is `via mx`. */
bool policy_route(const struct policy *policy, const struct facts *facts,
	const struct mailbox *recipient, struct arena *arena, struct route *route) MUST_USE;

/* Where the next hop is asked at RCPT whether it takes mail for a recipient in this domain
 * (`mailboxes asked`): the way of the domain's own line. `declared`: the name as the `domain` line
 * has it, "*.example.org". False: nobody is asked. */
bool policy_asked_way(const struct policy *policy, struct slice domain, struct arena *arena,
	struct slice *declared, struct route *route) MUST_USE;
bool policy_asks_next_hop(const struct policy *policy, struct slice domain);
/* The names of all such `domain` lines, as declared. In `arena`. */
size_t policy_asked_domains(
	const struct policy *policy, struct arena *arena, const struct slice **domains);

/* The password files that `login` names, as written, each once. In `arena`. */
size_t policy_password_files(
	const struct policy *policy, struct arena *arena, const struct slice **files);

struct signing {
	struct slice domain, selector,
		key_path; /* `%d` in the path is the author's domain already */
	struct clause_place place;
};
/* The `sign` lines whose keys sign this message, by the facts at the end of the data. None where
 * the client is not known as someone who owns the author in the header; `own`: we wrote it
 * ourselves. */
size_t policy_signs(const struct policy *policy, const struct facts *facts, bool own,
	struct arena *arena, const struct signing **list);

#endif
