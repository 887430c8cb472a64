/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mail program must be told to use this server: host, port, TLS, user name; from the
 * configuration alone. For people, as JSON, and in the three forms in which mail programs look for
 * it themselves: Mozilla's autoconfig, Outlook's autodiscover (POX), and SRV records (RFC 6186,
 * RFC 8314).
 */
#ifndef DIAGNOSE_SETTINGS_H
#define DIAGNOSE_SETTINGS_H

#include "policy/policy.h"

enum { MAIL_SERVICES_MAX = 4 };
struct mail_service {
	enum service service;
	uint16_t port;
	bool implicit_tls;  /* else by STARTTLS (STLS in POP3), which is required */
	bool loopback_only; /* it can be reached from this host alone */
};
struct mail_settings {
	struct slice account; /* empty: any account of the domain */
	struct slice domain;  /* of the account's address; the host, where it has none */
	struct slice host;
	bool ours;                                       /* the domain is declared by `domain` */
	struct mail_service services[MAIL_SERVICES_MAX]; /* what is to be preferred first */
	size_t count;
	bool unnumbered; /* a listener takes a free port: it is not known here */
};

/* `of`: an account (alice@example.org, or a bare name, alice) or a domain. False: it is neither.
 * What the slices point to lives in `arena` and the policy. */
bool settings_find(const struct policy *policy, struct slice of, struct arena *arena,
	struct mail_settings *settings) MUST_USE;

/* To send mail, at least; without it there is nothing that a client could be told. */
bool settings_can_send(const struct mail_settings *settings);
void settings_put_people(struct text *out, const struct mail_settings *settings);
void settings_put_json(struct text *out, const struct mail_settings *settings);
void settings_put_autoconfig(struct text *out, const struct mail_settings *settings);
void settings_put_autodiscover(struct text *out, const struct mail_settings *settings);
void settings_put_srv(struct text *out, const struct mail_settings *settings);

/* Any bytes as text in XML 1.0: what would be markup is escaped, what XML cannot hold is U+FFFD. */
void text_xml(struct text *out, struct slice bytes);

#endif
