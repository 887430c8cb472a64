/* SPDX-License-Identifier: Apache-2.0 */
/* Settings for mail programs: found in the configuration. The contract is in settings.h; the forms
 * they are shown in are in settings_forms.c. */
#include "diagnose/settings.h"

/* RFC 8314 section 3: implicit TLS before STARTTLS. */
static const struct {
	enum service service;
	bool implicit_tls;
} kinds[MAIL_SERVICES_MAX] = {
	{SERVICE_SUBMISSIONS, true},
	{SERVICE_SUBMISSION, false},
	{SERVICE_POP3S, true},
	{SERVICE_POP3, false},
};

/* The listener that a mail program should be told of: one that is reached from elsewhere, if any.
 */
static const struct listen_line *listen_best(const struct settings *settings, enum service service)
{
	const struct listen_line *best = NULL;

	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen_line *listen = &settings->listens[i];
		if (listen->service != service || listen->has_proxy || !listen->address.port)
			continue;
		if (!best || (!best->any && address_is_loopback(&best->address)))
			best = listen;
	}
	return best;
}

static void services_find(const struct settings *from, struct mail_settings *settings)
{
	for (size_t i = 0; i < MAIL_SERVICES_MAX; i++) {
		const struct listen_line *listen = listen_best(from, kinds[i].service);
		if (listen)
			settings->services[settings->count++] = (struct mail_service){
				.service = kinds[i].service,
				.port = listen->address.port,
				.implicit_tls = kinds[i].implicit_tls,
				.loopback_only =
					!listen->any && address_is_loopback(&listen->address),
			};
	}
	for (size_t i = 0; i < from->listen_count; i++)
		for (size_t k = 0; k < MAIL_SERVICES_MAX; k++)
			settings->unnumbered |= from->listens[i].service == kinds[k].service &&
						from->listens[i].address.port == 0;
}

/* A name without @ is a domain where it has a dot, else an account. */
static bool subject_read(struct slice of, struct arena *arena, struct mail_settings *settings,
	struct mailbox *mailbox)
{
	bool has_at = slice_has(of, '@'), has_dot = slice_has(of, '.');

	if (has_at) {
		if (mailbox_parse(of, arena, mailbox) != MAILBOX_OK)
			return false;
		settings->account = of;
		settings->domain = mailbox->domain;
		return true;
	}
	if (has_dot) {
		if (!domain_normalise(of, arena, &settings->domain))
			return false;
		mailbox->domain = settings->domain;
		return true;
	}
	settings->account = of;
	settings->domain = settings->host;
	return of.len > 0;
}

bool settings_find(const struct policy *policy, struct slice of, struct arena *arena,
	struct mail_settings *settings)
{
	const struct settings *from = policy_settings(policy);
	struct mailbox mailbox = {0};

	*settings = (struct mail_settings){.host = from->hostname};
	if (!subject_read(of, arena, settings, &mailbox))
		return false;
	settings->ours = mailbox.domain.len > 0 && policy_is_ours(policy, &mailbox);
	services_find(from, settings);
	return true;
}

bool settings_can_send(const struct mail_settings *settings)
{
	for (size_t i = 0; i < settings->count; i++)
		if (settings->services[i].service == SERVICE_SUBMISSION ||
			settings->services[i].service == SERVICE_SUBMISSIONS)
			return true;
	return false;
}
