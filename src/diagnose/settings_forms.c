/* SPDX-License-Identifier: Apache-2.0 */
/* Settings for mail programs, in the forms that people and programs read. The contract is in
 * settings.h. */
#include "diagnose/settings.h"

#include "base/json.h"
#include "base/utf8.h"

/* ---- what all forms say ---- */

static bool sends(const struct mail_service *service)
{
	return service->service == SERVICE_SUBMISSION || service->service == SERVICE_SUBMISSIONS;
}

/* The user name: the account, or the whole address as mail programs write it for themselves. */
static struct slice user_name(const struct mail_settings *settings, struct slice any)
{
	return settings->account.len ? settings->account : any;
}

/* ---- people ---- */

static void people_service(
	struct text *out, const struct mail_settings *settings, const struct mail_service *service)
{
	text_format(out, "\n%s mail\n  server      ", sends(service) ? "Sending" : "Fetching");
	text_escaped(out, settings->host);
	text_format(out, "\n  port        %u%s\n  encryption  %s\n", service->port,
		service->loopback_only ? " (for programs on this host alone)" : "",
		service->implicit_tls ? "SSL/TLS"
		: sends(service)      ? "STARTTLS, required"
				      : "STARTTLS (STLS), required");
	text_put(out, SLICE("  user name   "));
	text_escaped(out, user_name(settings, SLICE("the account's name, usually the whole "
						    "address")));
	text_put(out,
		SLICE("\n  password    the account's, as normal password (PLAIN under TLS)\n"));
}

void settings_put_people(struct text *out, const struct mail_settings *settings)
{
	struct slice of = settings->account.len ? settings->account : settings->domain;

	text_put(out, SLICE("Settings for "));
	text_escaped(out, of);
	text_put(out, SLICE(", the best of each kind first:\n"));
	for (size_t i = 0; i < settings->count; i++)
		people_service(out, settings, &settings->services[i]);
	if (!settings->count)
		text_put(out, SLICE("\nThere is none: no `listen` line lets a mail program sign in "
				    "(listen submission, submissions, pop3, pop3s).\n"));
	else if (!settings_can_send(settings))
		text_put(out, SLICE("\nNo `listen submission` or `listen submissions` line: nobody "
				    "can sign in to send.\n"));
	if (settings->unnumbered)
		text_put(
			out, SLICE("\nA listener takes a free port; `postern status` tells it.\n"));
}

/* ---- JSON ---- */

void settings_put_json(struct text *out, const struct mail_settings *settings)
{
	json_put_text(out, SLICE("{\"domain\":"), settings->domain);
	json_put_known(out, SLICE(",\"account\":"), settings->account);
	json_put_truth(out, SLICE(",\"ours\":"), settings->ours);
	text_put(out, SLICE(",\"services\":["));
	for (size_t i = 0; i < settings->count; i++) {
		const struct mail_service *service = &settings->services[i];
		json_put_text(out, i ? SLICE(",{\"service\":") : SLICE("{\"service\":"),
			slice_of(service_text(service->service)));
		json_put_text(
			out, SLICE(",\"use\":"), sends(service) ? SLICE("send") : SLICE("fetch"));
		json_put_text(out, SLICE(",\"host\":"), settings->host);
		json_put_number(out, SLICE(",\"port\":"), service->port);
		json_put_text(out, SLICE(",\"tls\":"),
			service->implicit_tls ? SLICE("implicit") : SLICE("starttls"));
		json_put_text(out, SLICE(",\"auth\":"), SLICE("password"));
		json_put_known(out, SLICE(",\"username\":"), settings->account);
		json_put_truth(out, SLICE(",\"loopback_only\":"), service->loopback_only);
		text_char(out, '}');
	}
	text_put(out, SLICE("]}\n"));
}

/* ---- XML ---- */

/* XML 1.0, 2.2: what a document may hold at all. */
static bool xml_may_hold(uint32_t point)
{
	return point == '\t' || point == '\n' || point == '\r' ||
	       (point >= ' ' && point != 0xfffe && point != 0xffff);
}

void text_xml(struct text *out, struct slice bytes)
{
	while (bytes.len) {
		uint32_t point;
		size_t len = utf8_decode(bytes, &point);
		bool good = len > 0 && xml_may_hold(point);
		switch (good ? bytes.at[0] : '\0') {
		case '&': text_put(out, SLICE("&amp;")); break;
		case '<': text_put(out, SLICE("&lt;")); break;
		case '>': text_put(out, SLICE("&gt;")); break;
		case '"': text_put(out, SLICE("&quot;")); break;
		case '\'': text_put(out, SLICE("&apos;")); break;
		case '\0': text_put(out, SLICE("\xef\xbf\xbd")); break;
		default: text_put(out, slice_part(bytes, 0, len)); break;
		}
		bytes = slice_from(bytes, len ? len : 1);
	}
}

static void element(struct text *out, const char *indent, const char *name, struct slice value)
{
	text_format(out, "%s<%s>", indent, name);
	text_xml(out, value);
	text_format(out, "</%s>\n", name);
}

static void element_number(struct text *out, const char *indent, const char *name, unsigned number)
{
	text_format(out, "%s<%s>%u</%s>\n", indent, name, number, name);
}

/* ---- Mozilla's autoconfig ---- */

static void autoconfig_service(
	struct text *out, const struct mail_settings *settings, const struct mail_service *service)
{
	bool sending = sends(service);

	text_put(out, sending ? SLICE("    <outgoingServer type=\"smtp\">\n")
			      : SLICE("    <incomingServer type=\"pop3\">\n"));
	element(out, "      ", "hostname", settings->host);
	element_number(out, "      ", "port", service->port);
	element(out, "      ", "socketType",
		service->implicit_tls ? SLICE("SSL") : SLICE("STARTTLS"));
	element(out, "      ", "username", user_name(settings, SLICE("%EMAILADDRESS%")));
	element(out, "      ", "authentication", SLICE("password-cleartext"));
	text_put(
		out, sending ? SLICE("    </outgoingServer>\n") : SLICE("    </incomingServer>\n"));
}

/* https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat: incoming first. */
void settings_put_autoconfig(struct text *out, const struct mail_settings *settings)
{
	text_put(out, SLICE("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			    "<clientConfig version=\"1.1\">\n  <emailProvider id=\""));
	text_xml(out, settings->domain);
	text_put(out, SLICE("\">\n"));
	element(out, "    ", "domain", settings->domain);
	element(out, "    ", "displayName", settings->domain);
	element(out, "    ", "displayShortName", settings->domain);
	for (size_t i = 0; i < settings->count; i++)
		if (!sends(&settings->services[i]))
			autoconfig_service(out, settings, &settings->services[i]);
	for (size_t i = 0; i < settings->count; i++)
		if (sends(&settings->services[i]))
			autoconfig_service(out, settings, &settings->services[i]);
	text_put(out, SLICE("  </emailProvider>\n</clientConfig>\n"));
}

/* ---- Outlook's autodiscover ---- */

static void autodiscover_service(
	struct text *out, const struct mail_settings *settings, const struct mail_service *service)
{
	bool sending = sends(service);

	text_put(out, SLICE("      <Protocol>\n"));
	element(out, "        ", "Type", sending ? SLICE("SMTP") : SLICE("POP3"));
	element(out, "        ", "Server", settings->host);
	element_number(out, "        ", "Port", service->port);
	element(out, "        ", "DomainRequired", SLICE("off"));
	if (settings->account.len)
		element(out, "        ", "LoginName", settings->account);
	element(out, "        ", "SPA", SLICE("off"));
	element(out, "        ", "SSL", SLICE("on"));
	element(out, "        ", "Encryption", service->implicit_tls ? SLICE("SSL") : SLICE("TLS"));
	element(out, "        ", "AuthRequired", SLICE("on"));
	if (sending) {
		element(out, "        ", "UsePOPAuth", SLICE("off"));
		element(out, "        ", "SMTPLast", SLICE("off"));
	}
	text_put(out, SLICE("      </Protocol>\n"));
}

/* [MS-OXDSCLI] 2.2.4: of two servers for one protocol the first is taken, so the best stands first.
 */
void settings_put_autodiscover(struct text *out, const struct mail_settings *settings)
{
	text_put(out,
		SLICE("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/"
		      "responseschema/2006\">\n"
		      "  <Response xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/"
		      "outlook/responseschema/2006a\">\n    <Account>\n"));
	element(out, "      ", "AccountType", SLICE("email"));
	element(out, "      ", "Action", SLICE("settings"));
	for (size_t i = 0; i < settings->count; i++)
		autodiscover_service(out, settings, &settings->services[i]);
	text_put(out, SLICE("    </Account>\n  </Response>\n</Autodiscover>\n"));
}

/* ---- SRV ---- */

/* RFC 6186 section 3.4: clients compare priorities between services as well; RFC 8314 section 5.1:
 * implicit TLS goes before STARTTLS. */
void settings_put_srv(struct text *out, const struct mail_settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct mail_service *service = &settings->services[i];
		if (service->loopback_only)
			continue;
		text_format(out, "_%s._tcp.%.*s.\t3600\tIN\tSRV\t%u 1 %u %.*s.\n",
			service_text(service->service), SLICE_ARGS(settings->domain),
			service->implicit_tls ? 0u : 1u, service->port, SLICE_ARGS(settings->host));
	}
}
