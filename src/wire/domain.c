/* SPDX-License-Identifier: Apache-2.0 */
/* Domain names in the one form: lower-case A-labels. The contract is in mailbox.h. */
#include <idn2.h>

#include "base/utf8.h"
#include "wire/mailbox.h"

enum { DOMAIN_MAX = 255, LABEL_MAX = 63 };

/* RFC 5321 4.1.2: sub-domain = Let-dig [Ldh-str]; the length is RFC 1035 2.3.4. */
static bool is_label(struct slice s)
{
	if (s.len == 0 || s.len > LABEL_MAX || s.at[0] == '-' || s.at[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && s.at[i] != '-')
			return false;
	return true;
}

static bool is_domain(struct slice s)
{
	if (s.len == 0 || s.len > DOMAIN_MAX || s.at[s.len - 1] == '.')
		return false;
	while (s.len)
		if (!is_label(slice_cut(&s, '.')))
			return false;
	return true;
}

static size_t count_dots(struct slice s)
{
	size_t dots = 0;

	for (size_t i = 0; i < s.len; i++)
		dots += s.at[i] == '.';
	return dots;
}

/* RFC 5891 and UTS 46, non-transitional. The mapping turns U+3002, U+FF0E, U+FF61 and others into
 * dots; RFC 6531 knows only "." between labels, so a name whose labels would become more is
 * refused: nothing but a dot that everybody sees may end a domain. */
static bool to_a_labels(struct slice s, struct arena *arena, struct slice *domain)
{
	char *ascii = NULL;
	const char *name = arena_string(arena, s);
	int outcome = idn2_lookup_u8(
		(const uint8_t *)name, (uint8_t **)&ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

	if (outcome != IDN2_OK)
		return false;
	*domain = arena_slice(arena, slice_of(ascii));
	idn2_free(ascii);
	return count_dots(*domain) == count_dots(s);
}

bool domain_normalise(struct slice s, struct arena *arena, struct slice *domain)
{
	struct slice ascii = s;

	if (s.len == 0 || s.len > DOMAIN_MAX || slice_has(s, '\0'))
		return false;
	if (!utf8_is_ascii(s) && (!utf8_is_valid(s) || !to_a_labels(s, arena, &ascii)))
		return false;
	if (!is_domain(ascii))
		return false;
	char *lower = arena_alloc(arena, ascii.len);
	for (size_t i = 0; i < ascii.len; i++)
		lower[i] = ascii_lower(ascii.at[i]);
	*domain = (struct slice){lower, ascii.len};
	return true;
}
