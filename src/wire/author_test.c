/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "wire/author.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
	const char *raw;
	enum author_fault fault;
	const char *address;
} values[] = {
	{" alice@example.org", AUTHOR_OK, "alice@example.org"},
	{" <alice@Example.ORG>", AUTHOR_OK, "alice@example.org"},
	{" Alice Example <alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" \"Example, Alice\" <alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" \"a <b@c.example>\" <alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" alice@example.org (Alice (of (Example)))", AUTHOR_OK, "alice@example.org"},
	{" (hm, \\) ) alice@example.org", AUTHOR_OK, "alice@example.org"},
	{"\r\n Alice\r\n\t<alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" < alice@example.org >", AUTHOR_OK, "alice@example.org"},
	{" <@relay.example:alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" =?utf-8?q?J=C3=BCrgen?= <j@example.org>", AUTHOR_OK, "j@example.org"},
	{" J\xc3\xbcrgen <j\xc3\xbc@example.org>", AUTHOR_OK, "j\xc3\xbc@example.org"},
	{" \"a,b\"@example.org", AUTHOR_OK, "\"a,b\"@example.org"},
	{" alice@example.org,", AUTHOR_OK, "alice@example.org"},
	{" a@[192.0.2.1]", AUTHOR_OK, "a@[192.0.2.1]"},
	{" a@[IPv6:2001:db8::1]", AUTHOR_OK, "a@[IPv6:2001:db8::1]"},
	{"", AUTHOR_EMPTY, ""},
	{" , ,", AUTHOR_EMPTY, ""},
	{" (nobody)", AUTHOR_EMPTY, ""},
	{" a@example.org, b@example.org", AUTHOR_SEVERAL, ""},
	{" A <a@example.org>, b@example.org", AUTHOR_SEVERAL, ""},
	{" Partners: a@example.org;", AUTHOR_SEVERAL, ""},
	{" Nowhere:;", AUTHOR_SEVERAL, ""},
	{" Re: x <a@example.org>", AUTHOR_SEVERAL, ""},
	{" alice", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <postmaster>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org> <b@example.org>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org> b", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	{" \"a@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@example.org (", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@example.org )", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a b@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@b@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	/* what readers differ about */
	{" a@example.org <a@example.org>", AUTHOR_OK, "a@example.org"},
	{" \"b@other.example\" <a@example.org>", AUTHOR_OK, "a@example.org"},
	{" b@other.example <a@example.org>", AUTHOR_SEVERAL, ""},
	{" b@other.example(x)<a@example.org>", AUTHOR_SEVERAL, ""},
	{" =?utf-8?b?PGJAb3RoZXIuZXhhbXBsZT4=?= <a@example.org>", AUTHOR_SEVERAL, ""},
	{" =?utf-8?q?B_=3Cb=40other=2Eexample=3E=2C?= <a@example.org>", AUTHOR_SEVERAL, ""},
	{" =?utf-8?q?A_=3Ca=40example=2Eorg=3E?= <a@example.org>", AUTHOR_OK, "a@example.org"},
	{" =?utf-8?q?b=40other=2Eexample?= <a@example.org>", AUTHOR_OK, "a@example.org"},
	{" <=?utf-8?q?b=40other=2Eexample?=@example.org>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" =?utf-8?b?YkBvdGhlci5leGFtcGxl?=", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <b@other.example>\\,<a@example.org>", AUTHOR_SEVERAL, ""},
	{" b@other.example,<a@example.org>", AUTHOR_SEVERAL, ""},
	{" <b@other.example>,\"a@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org>,<b@other.example>", AUTHOR_SEVERAL, ""},
	{" <a@example.org>;<b@other.example>", AUTHOR_SEVERAL, ""},
	{" a@example.org b@other.example", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <<a@example.org>b@other.example>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org.>", AUTHOR_NOT_AN_ADDRESS, ""},
	/* Well-formed in a header, though SMTP has no such domain or route. */
	{" alice@my_Host.example", AUTHOR_OK, "alice@my_host.example"},
	{" Alice <alice_a@_x.Example_.org>", AUTHOR_OK, "alice_a@_x.example_.org"},
	{" \"a_@b\"@my_host.example", AUTHOR_OK, "\"a_@b\"@my_host.example"},
	{" a@b_c.example, d@e.example", AUTHOR_SEVERAL, ""},
	{" d@e_f.example <a@b_c.example>", AUTHOR_SEVERAL, ""},
	{" a_b@c_d.example <a_b@c_d.example>", AUTHOR_OK, "a_b@c_d.example"},
	{" a@b_c..example", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@b_c.example.", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@_\xc3\xbc.example", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a@b_c@d_e.example", AUTHOR_NOT_AN_ADDRESS, ""},
	{" a b@c_d.example", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <@relay.example, @other.example: alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" <@relay.example:alice@my_host.example>", AUTHOR_OK, "alice@my_host.example"},
	{" A < @ relay.example , , @other.example : alice@example.org >", AUTHOR_OK,
		"alice@example.org"},
	{" <,@relay.example:alice@example.org>", AUTHOR_OK, "alice@example.org"},
	{" <@relay.example, bob@other.example:alice@example.org>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <@relay.example, other.example: alice@example.org>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <@relay.example: @other.example:alice@example.org>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <bob@other.example:alice@example.org>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <@relay.example, : >", AUTHOR_NOT_AN_ADDRESS, ""},
	{" @relay.example, @other.example: alice@example.org", AUTHOR_SEVERAL, ""},
	/* Allowed once, and read in two ways: up to the blank, or without it. */
	{" alice@test . example", AUTHOR_NOT_AN_ADDRESS, ""},
	{" alice . b@example.org", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <alice @ example.org>", AUTHOR_NOT_AN_ADDRESS, ""},
	{" <a@example.org\t@other.example>", AUTHOR_NOT_AN_ADDRESS, ""},
};

static void one_address_or_why_not(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct mailbox author = {0};
		print_message("%s\n", values[i].raw);
		assert_int_equal(
			author_parse(slice_of(values[i].raw), arena, &author), values[i].fault);
		if (values[i].fault == AUTHOR_OK)
			assert_true(slice_is(author.text, slice_of(values[i].address)));
	}
	arena_free(arena);
}

static enum author_fault find(const char *message, struct arena *arena)
{
	struct headers headers;
	struct mailbox author;

	header_scan(slice_of(message), arena, &headers);
	return author_find(&headers, arena, &author);
}

static void there_is_one_field(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_int_equal(find("From: a@b.example\r\n\r\n", arena), AUTHOR_OK);
	assert_int_equal(find("FROM : a@b.example\r\n\r\n", arena), AUTHOR_OK);
	assert_int_equal(
		find("To: a@b.example\r\n\r\nFrom: a@b.example\r\n", arena), AUTHOR_MISSING);
	assert_int_equal(find("From: a@b.example\r\nX: y\r\nfrom: c@d.example\r\n\r\n", arena),
		AUTHOR_FIELDS);
	arena_free(arena);
}

static const struct {
	const char *message;
	enum author_fault fault;
} hidden[] = {
	{"From: a@b.example\r\nno field\r\nFrom: c@d.example\r\n\r\n", AUTHOR_HIDDEN},
	{"From: a@b.example\r\nno field\r\nsender : c@d.example\r\n\r\n", AUTHOR_HIDDEN},
	{"From\r\n : c@d.example\r\nFrom: a@b.example\r\n\r\n", AUTHOR_HIDDEN},
	{"X: y\r\nFr\r\n om: c@d.example\r\n\r\n", AUTHOR_HIDDEN},
	{"X: y\r\nFrom\xc2\xa0: c@d.example\r\n\r\n", AUTHOR_HIDDEN},
	{"X: y\r\n\xef\xbb\xbf"
	 "From: c@d.example\r\n\r\n",
		AUTHOR_HIDDEN},
	{"X: y\r\n\x01"
	 "Resent-From: c@d.example\r\n\r\n",
		AUTHOR_HIDDEN},
	{" From: c@d.example\r\n\r\n", AUTHOR_HIDDEN},
	{"\tx\r\n\r\n", AUTHOR_HIDDEN}, /* it would continue our own fields */
	{"From: a@b.example\r\nno field\r\n\r\nFrom: c@d.example\r\n", AUTHOR_OK},
	{"From: a@b.example\r\nno field\r\nFrom Monday: we open\r\n\r\n", AUTHOR_OK},
	{"From: a@b.example\r\nno field\r\nX-From: c@d.example\r\n\r\n", AUTHOR_OK},
	{"no field\r\nTo: c@d.example\r\n\r\n", AUTHOR_MISSING},
	{"From: a@b.example\r\n\r\n From: c@d.example\r\n", AUTHOR_OK},
	{"From: a@b.example\r\nSubject: x\r\n From: c@d.example\r\n\r\n", AUTHOR_OK},
};

static void nobody_hides_behind_a_line_that_is_no_field(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
		print_message("%s\n", hidden[i].message);
		assert_int_equal(find(hidden[i].message, arena), hidden[i].fault);
	}
	arena_free(arena);
}

static const struct {
	const char *message;
	const char *claims; /* a blank behind each */
	bool unclear;
} claims[] = {
	{"From: a@b.example\r\n\r\nSender: c@d.example\r\n", "", false},
	{"Sender: c@D.example\r\nRESENT-SENDER: (x) e@f.example\r\n\r\n",
		"c@d.example e@f.example ", false},
	{"Sender: c@d.example\r\nSender: e@f.example\r\n\r\n", "c@d.example e@f.example ", false},
	{"resent-from : c@d.example\r\n\r\n", "c@d.example ", false},
	{"Resent-From: c@d.example, e@f.example\r\n\r\n", "", true},
	{"Sender: c@d.example\r\nResent-From:\r\n\r\n", "c@d.example ", true},
	{"Sender: nobody\r\n\r\n", "", true},
	{"Senders: c@d.example\r\nReply-To: c@d.example\r\nX-Sender: x\r\n\r\n", "", false},
};

static void all_who_claim_to_stand_behind_it_are_found(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
		struct headers headers;
		struct claims found;
		struct text text = TEXT_GROWING;
		header_scan(slice_of(claims[i].message), arena, &headers);
		claims_find(&headers, arena, &found);
		for (size_t k = 0; k < found.count; k++) {
			text_put(&text, found.at[k].text);
			text_char(&text, ' ');
		}
		print_message("%s\n", claims[i].message);
		assert_true(slice_is(text_slice(&text), slice_of(claims[i].claims)));
		assert_int_equal(found.unclear, claims[i].unclear);
		text_free(&text);
	}
	arena_free(arena);
}

static void more_claims_than_anybody_needs_are_unclear(void **state)
{
	struct arena *arena = arena_new();
	struct text message = TEXT_GROWING;
	struct headers headers;
	struct claims found;

	(void)state;
	for (size_t i = 0; i < CLAIMS_MAX; i++)
		text_put(&message, SLICE("Sender: a@b.example\r\n"));
	header_scan(text_slice(&message), arena, &headers);
	claims_find(&headers, arena, &found);
	assert_int_equal(found.count, CLAIMS_MAX);
	assert_false(found.unclear);
	text_put(&message, SLICE("Sender: a@b.example\r\n"));
	header_scan(text_slice(&message), arena, &headers);
	claims_find(&headers, arena, &found);
	assert_true(found.unclear);
	text_free(&message);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address_or_why_not),
		cmocka_unit_test(there_is_one_field),
		cmocka_unit_test(nobody_hides_behind_a_line_that_is_no_field),
		cmocka_unit_test(all_who_claim_to_stand_behind_it_are_found),
		cmocka_unit_test(more_claims_than_anybody_needs_are_unclear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
