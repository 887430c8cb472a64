/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy is made of: the tables that the statements fill, that compiling completes and that
 * decisions read. Private to this room; policy.h is its face.
 */
#ifndef POLICY_MODEL_H
#define POLICY_MODEL_H

#include "base/map.h"
#include "policy/lexer.h"
#include "policy/policy.h"

#define NO_NODE UINT32_MAX
enum { DERIVED_MAX = 5 };

/* Arrays that grow inside the policy's arena while it is loaded. */
#define TABLE(type)                                                                                \
	struct {                                                                                   \
		type *at;                                                                          \
		size_t count, size;                                                                \
	}
#define TABLE_ADD(arena, table)                                                                    \
	(table_grow((arena), (void *)&(table)->at, &(table)->size, (table)->count,                 \
		 sizeof *(table)->at),                                                             \
		&(table)->at[(table)->count++])
void table_grow(struct arena *arena, void *at, size_t *size, size_t count, size_t each);

/* tls certificate "FILE" key "FILE" */
struct tls_row {
	struct slice certificate, key; /* paths */
	struct token certificate_token, key_token;
};

/* What `owns` names. */
enum owned_kind { OWNED_ADDRESS, OWNED_DOMAIN, OWNED_LIST, OWNED_ANY_SENDER, OWNED_ANY_AUTHOR };
struct owned {
	enum owned_kind kind;
	struct slice text; /* an address's key (party_key(), without tag) or `*@domain`; a domain */
	struct slice domain; /* of an address */
	uint32_t list;       /* OWNED_LIST */
	struct token token;
};
struct certificate_row {
	struct slice name;
	struct token name_token;
	struct slice fingerprint; /* "SHA256:…", hex digits in lower case */
	struct slice account;     /* it signs in as; empty: none */
	struct owned *owns;
	size_t owns_count;
	bool used, relays;
};

struct network_row {
	struct slice name;
	struct token name_token;
	struct network *nets;
	struct token *net_tokens;
	size_t net_count;
	struct owned *owns;
	size_t owns_count;
	bool shared, used, relays;
};

/* One CIDR of one network. They nest or are disjoint, so each knows the one around it, and the
 * address space falls into stretches, each with its innermost piece. */
struct piece {
	struct network net;
	uint32_t network; /* index of its network_row */
	bool gateway;     /* a gateway's address: a hole, that no network around it reaches into */
	const struct piece *around; /* the next wider one that the same addresses are in, or NULL */
	const struct piece *below;  /* the one that goes on behind it; a gateway's too */
};
struct stretch { /* from `first` to the next stretch */
	uint8_t first[16];
	const struct piece *innermost; /* NULL: in no network */
};

/* A file of addresses and domains: mailboxes "FILE", in "FILE". */
struct list_row {
	struct slice path;
	struct token token;
	bool of_mailboxes;    /* entries without @ are local parts, not domains */
	struct map *entries;  /* keys in the form of party_key() */
	struct slice example; /* the first of them */
};

struct target {
	enum route_kind kind;
	enum route_tls tls;
	uint16_t port;
	struct slice hosts; /* ROUTE_HOSTS: "host:port" blank-separated; ROUTE_MAILDIR: the pattern;
			       ROUTE_LMTP: a path or "host:port" */
	struct slice login, password_file; /* empty: no signing in */
};

enum known_kind { KNOWN_ANY, KNOWN_LISTED, KNOWN_ACCOUNTS, KNOWN_ASKED };
/* A file of aliases: "alias: target, target". */
struct alias_row {
	struct slice name;     /* key, as of party_key(), without tag */
	struct slice *targets; /* addresses in the one form */
	size_t target_count;
	struct token token; /* the line */
};
struct aliases_row {
	struct slice path;
	struct token token;
	struct alias_row *rows;
	size_t count;
	struct map *names; /* key, or "local@" of any domain that uses the file -> alias_row * */
};
struct domain_row {        /* one for each name of a `domain` statement */
	struct slice name; /* `*.example.org`: "example.org" with `below` */
	bool below;        /* its sub-domains, not itself */
	bool has_aliases;
	uint32_t aliases; /* index of its aliases_row */
	struct token token;
	enum known_kind known;
	uint32_t list; /* KNOWN_LISTED: index of its list_row */
	struct target target;
	struct clause_place place;
};

enum node_kind { NODE_ATOM, NODE_NOT, NODE_AND, NODE_OR };
struct node {
	uint8_t kind;         /* enum node_kind */
	uint8_t atom;         /* enum atom */
	bool is_given;        /* of an `expect … given`, of no clause */
	uint32_t left, right; /* of AND and OR; NOT has `left` */
	uint32_t index;       /* of a network, a certificate or a list; an enum service */
	uint32_t term;        /* of an atom: the same for equal atoms (filled by compiling) */
	bool lenient;         /* a list that stands positively in a refusal: unknown is false */
	const struct network *nets; /* `returning`; none: any answer in 127.0.0.0/8 counts */
	uint32_t net_count;
	uint64_t number;
	struct slice text;   /* pattern, domain, or an address's local part */
	struct slice domain; /* of an address */
	struct network net;
};

enum clause_kind { CLAUSE_RELAY, CLAUSE_REFUSE, CLAUSE_DEFER, CLAUSE_FORWARD, CLAUSE_LIMIT };
enum credential {
	CREDENTIAL_NETWORK,
	CREDENTIAL_AUTHENTICATED,
	CREDENTIAL_ACCOUNT,
	CREDENTIAL_GROUP,
	CREDENTIAL_CERTIFICATE,
	CREDENTIAL_RECENT_POP,
	CREDENTIAL_LOCAL, /* any user */
	CREDENTIAL_LOCAL_USER
};
/* What a `limit` counts for each of (or `together`). */
enum counted {
	COUNTED_AUTHENTICATED,
	COUNTED_ACCOUNT,
	COUNTED_GROUP,
	COUNTED_NETWORK,
	COUNTED_CERTIFICATE,
	COUNTED_CLIENT,
	COUNTED_SENDER,
	COUNTED_SENDER_DOMAIN,
	COUNTED_RECIPIENT
};
struct limit {
	enum counted counted;
	struct slice name; /* of an account or a group */
	uint32_t index;    /* of a network or a certificate */
	uint64_t most;
	bool recipients; /* counted are recipients, else messages */
	bool together;
	mono_ns period;
};
struct clause {
	enum clause_kind kind;
	enum stage stage; /* at which all its facts are known; one that names `size`: STAGE_END */
	enum stage without_size; /* the same, `size` left out */
	bool names_size;
	uint64_t size_above; /* the greatest number it compares `size` with */
	uint32_t condition;  /* NO_NODE: always true */
	uint32_t subject;    /* the atom of its credential or of what it counts; NO_NODE: none */
	struct clause_place place;
	/* relay for: */
	enum credential credential;
	uint32_t network;  /* index of the network or the certificate */
	struct slice name; /* of the account, group or local user */
	mono_ns within;    /* recent-pop; 0: as written nowhere, 30 minutes */
	/* forward for: an alias's key, or a domain */
	struct slice forward_address, forward_domain;
	struct limit limit;
	/* refuse, defer: */
	enum reason reason;
	uint32_t speaks; /* the atom whose reason it is; NO_NODE: none */
	uint64_t number; /* the limit its reason speaks of */
	unsigned code;   /* 0: the row's */
	struct enhanced enhanced;
	struct slice say; /* empty: the row's words */
};

struct deliver_row {
	struct slice domain; /* "*" for every other */
	struct token token;
	uint32_t condition;
	unsigned rank; /* 0 without a condition; the greater, the more specific */
	struct target target;
	struct clause_place place;
};

/* `sign`, kept for the room that signs. */
struct sign_row {
	struct slice domain; /* "*" for every other */
	uint32_t condition;
	unsigned rank;
	struct slice selector, key_path;
	struct token token;
	struct clause_place place;
};

/* `expect`: what must stay true. */
struct expect_row {
	enum verdict verdict;
	bool has_status;
	struct enhanced status;
	struct slice listener; /* empty: submission with an account, else smtp */
	bool has_client;
	struct network client; /* a single address, or a network: every edge of it is tried */
	struct slice account, certificate;
	bool has_helo, has_sender, has_from, has_to, tls;
	struct slice helo;
	struct mailbox sender, from, to;
	uint32_t *given; /* nodes: atoms, or NOT of one */
	size_t given_count;
	struct clause_place place;
	struct token token;
};

/* A name used before it need be declared; resolved when all is read. */
enum name_place {
	NAME_OF_GRANT,  /* of `relay for`: clause.network */
	NAME_OF_LIMIT,  /* clause.limit.index */
	NAME_OF_NODE,   /* node.index */
	NAME_OF_LISTEN, /* listen_line.proxy */
	NAME_OF_LIMITS, /* network_limits.network */
	NAME_OF_EXPECT  /* kept as a name; only looked up */
};
struct name_use {
	struct token token;
	bool is_certificate; /* else a network */
	enum name_place place;
	uint32_t at; /* index of the clause, node, … */
};

/* `limits for network`. */
struct network_limits {
	uint32_t network;
	unsigned written; /* a bit for each row of limit_statements.c */
	struct session_limits limits;
	struct token token;
};

/* What loads and has no effect yet, or cannot be served yet (later.def). */
enum later {
#define LATER(id, ...) LATER_##id,
#include "policy/later.def"
#undef LATER
	LATERS
};
struct later_use {
	enum later later;
	struct token token; /* where it is first written */
};

struct policy {
	struct arena *arena;
	unsigned references;
	char hash[17];
	struct settings settings;
	bool hostname_written;
	struct mailbox postmaster;
	bool has_postmaster;
	unsigned widest_v4, widest_v6;
	uint64_t seed;

	TABLE(struct listen_line) listens;
	TABLE(struct tls_row) tls_rows;
	struct token client_ca_token;      /* of `tls client-ca` */
	TABLE(struct token) listen_tokens; /* of the address, by index of the line */
	TABLE(struct network_row) networks;
	TABLE(struct list_row) lists;
	TABLE(struct domain_row) domains;
	TABLE(struct node) nodes;
	TABLE(struct clause) clauses;
	TABLE(struct deliver_row) delivers;
	TABLE(struct certificate_row) certificates;
	TABLE(struct aliases_row) aliases;
	TABLE(struct sign_row) signs;
	TABLE(struct expect_row) expects;
	TABLE(struct network_limits) network_limits;
	TABLE(struct later_use) laters;
	TABLE(struct token) node_tokens; /* by index of a node: its first word */

	struct map *network_names;     /* network_row index + 1, as (void *) */
	struct map *certificate_names; /* the same of certificates */
	struct map *domain_names;      /* index + 1 while it is read, then struct domain_row * */
	struct map *below_names;       /* the same, for `*.example.org` under "example.org" */
	struct map *deliver_names;     /* first deliver_row of a domain, see deliver_next */
	uint32_t *deliver_next;        /* by index: the next of the same domain, or UINT32_MAX */
	struct address *gateways;
	struct slice *gateway_interfaces; /* of container networks; empty: a default gateway */
	size_t gateway_count;
	struct stretch *stretches;
	size_t stretch_count;
	uint32_t *relays; /* the clauses that are `relay for`, by index */
	size_t relay_count;
	struct clause_index *index; /* index.h */
	uint32_t *limits;           /* the `limit` clauses, by index */
	size_t limit_count;
	bool clauses_at[STAGES];   /* some clause can fire at this stage */
	const struct proof *proof; /* NULL: not made */
	uint32_t *terms;           /* by term: one of its atoms */
	size_t term_count;
	enum stage trust_stage; /* at which `trusted` is known */
	uint32_t
		derived[DERIVED_MAX]; /* terms that follow from others; NO_NODE: nothing names it */
	uint32_t signed_in; /* nodes that every policy has: authenticated, recipient unknown */
	uint32_t unknown_recipient;
};

/* ---- compiling (clauses.c, stretches.c, lists.c, check.c) ---- */
void nodes_compile(struct policy *policy);
void clauses_compile(struct policy *policy);
void terms_number(struct policy *policy);
void stretches_build(struct policy *policy);
/* The innermost piece that holds the address, or NULL; follow `around` for the others. */
const struct piece *stretch_find(const struct policy *policy, const struct address *address);
bool piece_is_in(const struct piece *innermost, uint32_t network);
void lists_fill(struct policy *policy, const struct bundle *bundle, struct complaints *complaints);
/* The gateways that are in no network but those that name them (gateways.h). */
void gateways_take(struct policy *policy, struct slice gateways);
/* The proof (proof.h) of a compiled policy; `file`: for what is wrong with the whole. */
void proof_make(struct policy *policy, struct slice file, struct complaints *complaints);
/* `file`: the configuration's name, for what is wrong with the whole. */
void policy_check(struct policy *policy, struct slice file, struct complaints *complaints);
/* Files of aliases (aliases.c). */
void aliases_fill(
	struct policy *policy, const struct bundle *bundle, struct complaints *complaints);
/* What an address of ours stands for, or NULL: it is no alias. */
const struct alias_row *alias_find(const struct policy *policy, const struct mailbox *mailbox);
/* The keys of what `owns` names (owned.c). */
void owns_settle(struct policy *policy);
struct domain_row *domain_find(const struct policy *policy, struct slice name);
/* "local@domain" in the form in which lists keep it: the local part of our own domains in lower
 * case. `tagged` keeps a +tag, else it is dropped (for our own domains alone). */
struct slice party_key(const struct policy *policy, const struct mailbox *mailbox, bool tagged,
	struct arena *arena);
struct slice key_of_local(const struct mailbox *mailbox, struct arena *arena);
/* "local@": how a file of mailboxes keeps an entry that is a local part alone. */
struct slice key_without_domain(struct slice key, struct slice domain);
bool list_has(const struct list_row *list, struct slice key);

#endif
