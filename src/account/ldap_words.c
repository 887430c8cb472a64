/* SPDX-License-Identifier: Apache-2.0 */
/* URLs, filters and names of LDAP. The contract is in ldap_words.h. */
#include "account/ldap_words.h"

#include <ldap.h>
#include <string.h>

#include "account/ldap_library.h"
#include "base/address.h"

/* ---- the URL ---- */

static bool is_this_host(const char *host)
{
	struct address address;

	if (!host || host[0] == '\0' || strcasecmp(host, "localhost") == 0)
		return true;
	return address_parse(slice_of(host), &address) && address_is_loopback(&address);
}

static const char *keep(struct arena *arena, const char *text)
{
	return arena_string(arena, slice_of(text));
}

static const char *attribute_at(const LDAPURLDesc *url, size_t at, const char *usual)
{
	size_t count = 0;

	while (url->lud_attrs && url->lud_attrs[count])
		count++;
	return at < count ? url->lud_attrs[at] : usual;
}

static const char *server_of(const LDAPURLDesc *url, struct arena *arena)
{
	const char *host = url->lud_host ? url->lud_host : "";
	bool bracketed = strchr(host, ':') && strcmp(url->lud_scheme, "ldapi") != 0;

	if (strcmp(url->lud_scheme, "ldapi") == 0) {
		struct text text = {.at = arena_alloc(arena, 3 * strlen(host) + 16),
			.size = 3 * strlen(host) + 15};
		text_put(&text, SLICE("ldapi://"));
		for (const char *c = host; *c; c++) {
			if (ascii_is_alnum(*c))
				text_char(&text, *c);
			else
				text_format(&text, "%%%02x", (unsigned char)*c);
		}
		return text.at;
	}
	struct slice server = arena_format(arena, "%s://%s%s%s:%d", url->lud_scheme,
		bracketed ? "[" : "", host, bracketed ? "]" : "", url->lud_port);
	return arena_string(arena, server);
}

static bool fill(
	const LDAPURLDesc *url, struct arena *arena, struct ldap_place *place, struct text *why)
{
	if (url->lud_dn == NULL || url->lud_dn[0] == '\0') {
		text_put(why,
			SLICE("the URL names no base: ldaps://host/ou=people,dc=example,dc=org"));
		return false;
	}
	*place = (struct ldap_place){
		.server = server_of(url, arena),
		.starts_tls = strcmp(url->lud_scheme, "ldap") == 0 && !is_this_host(url->lud_host),
		.base = keep(arena, url->lud_dn),
		.scope = url->lud_scope == LDAP_SCOPE_DEFAULT ? LDAP_SCOPE_SUBTREE : url->lud_scope,
		.login = keep(arena, attribute_at(url, 0, "uid")),
		.addresses = keep(arena, attribute_at(url, 1, "mail")),
		.groups = keep(arena, attribute_at(url, 2, "memberOf")),
		.limits = attribute_at(url, 3, NULL) ? keep(arena, url->lud_attrs[3]) : NULL,
		.filter = keep(arena, url->lud_filter ? url->lud_filter : "(objectClass=*)"),
	};
	return true;
}

/* RFC 4516: the scope is "base" where none is written; people who name a base mean what is below.
 */
static bool has_scope(struct slice url)
{
	slice_cut(&url, '?');
	slice_cut(&url, '?');
	return slice_cut(&url, '?').len > 0;
}

bool ldap_place_read(
	struct slice url, struct arena *arena, struct ldap_place *place, struct text *why)
{
	LDAPURLDesc *parsed = NULL;

	if (!ldap_library_load(why))
		return false;
	if (slice_has(url, '\0') ||
		ldap_url_parse(arena_string(arena, url), &parsed) != LDAP_URL_SUCCESS) {
		text_put(why, SLICE("this is no LDAP URL: "));
		text_escaped(why, url);
		text_put(why, SLICE("; one like ldaps://ldap.example.org/dc=example,dc=org?uid"));
		return false;
	}
	bool good = fill(parsed, arena, place, why);
	if (good && !has_scope(url))
		place->scope = LDAP_SCOPE_SUBTREE;
	ldap_free_urldesc(parsed);
	return good;
}

/* ---- filters ---- */

/* RFC 4515 section 3: whatever is no letter or digit is written as its number. */
static void put_value(struct text *text, struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (ascii_is_alnum(value.at[i]))
			text_char(text, value.at[i]);
		else
			text_format(text, "\\%02x", (unsigned char)value.at[i]);
	}
}

static void put_equal(struct text *text, const char *attribute, struct slice value)
{
	text_format(text, "(%s=", attribute);
	put_value(text, value);
	text_char(text, ')');
}

const char *ldap_filter(const struct ldap_place *place, const char *attribute, const char * or,
	struct slice value, struct arena *arena)
{
	struct text text = TEXT_GROWING;
	struct slice filter = slice_of(place->filter);
	bool bracketed = slice_starts(filter, SLICE("("));

	text_format(&text, bracketed ? "(&%.*s" : "(&(%.*s)", SLICE_ARGS(filter));
	if (or)
		text_put(&text, SLICE("(|"));
	put_equal(&text, attribute, value);
	if (or) {
		put_equal(&text, or, value);
		text_char(&text, ')');
	}
	text_char(&text, ')');
	const char *whole = arena_string(arena, text_slice(&text));
	text_free(&text);
	return whole;
}

/* ---- groups ---- */

struct slice ldap_group_name(struct slice value)
{
	size_t equals = slice_find(value, '='), comma = slice_find(value, ',');

	if (equals == SIZE_MAX || equals > comma)
		return value;
	return slice_trim(slice_part(value, equals + 1, comma));
}
