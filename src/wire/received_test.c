/* SPDX-License-Identifier: Apache-2.0 */
/* Trace fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/received.h"

static struct received usual(void)
{
	struct received received = {
		.helo = SLICE("client.example"),
		.client_name = SLICE("client.example"),
		.by = SLICE("mx.example.org"),
		.id = SLICE("7K3Q-9MZD-2C4T"),
		.recipient = SLICE("a@example.org"),
		.time = INT64_C(1795253400) * NS_PER_S,
		.esmtp = true,
		.tls = true,
	};

	address_parse(SLICE("192.0.2.1"), &received.client);
	return received;
}

static void assert_field(const struct received *received, const char *want)
{
	char raw[4096 - 512];
	struct text text = TEXT_FIXED(raw);

	text_received(&text, received);
	if (!slice_is(text_slice(&text), slice_of(want)))
		fail_msg("got \"%.*s\"", SLICE_ARGS(text_slice(&text)));
}

static void the_usual_field_is_folded(void **state)
{
	(void)state;
	struct received received = usual();

	assert_field(&received,
		"Received: from client.example (client.example [192.0.2.1]) by mx.example.org\r\n"
		" with ESMTPS id 7K3Q-9MZD-2C4T for <a@example.org>;\r\n"
		" Sat, 21 Nov 2026 09:30:00 +0000\r\n");
}

static void the_protocol_of_an_encrypted_session_is_a_comment(void **state)
{
	(void)state;
	struct received received = usual();

	received.tls_version = SLICE("TLSv1.3");
	received.tls_cipher = SLICE("TLS_AES_256_GCM_SHA384");
	assert_field(&received,
		"Received: from client.example (client.example [192.0.2.1]) by mx.example.org\r\n"
		" with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384) id 7K3Q-9MZD-2C4T for\r\n"
		" <a@example.org>; Sat, 21 Nov 2026 09:30:00 +0000\r\n");
	received.tls = false;
	assert_field(&received,
		"Received: from client.example (client.example [192.0.2.1]) by mx.example.org\r\n"
		" with ESMTP id 7K3Q-9MZD-2C4T for <a@example.org>;\r\n"
		" Sat, 21 Nov 2026 09:30:00 +0000\r\n");
}

static void what_a_client_says_stays_in_its_place(void **state)
{
	(void)state;
	struct received received = usual();

	received.helo = SLICE("x) by evil;\r\nBcc: (y");
	received.client_name = SLICE("");
	received.recipient = SLICE("\"a\r\nBcc: \"@b");
	assert_field(&received,
		"Received: from x??by?evil???Bcc:??y ([192.0.2.1]) by mx.example.org with\r\n"
		" ESMTPS id 7K3Q-9MZD-2C4T for <\"a??Bcc: \"@b>; Sat, 21 Nov 2026 09:30:00 "
		"+0000\r\n");
}

static void a_client_without_a_name_is_its_address(void **state)
{
	(void)state;
	struct received received = usual();

	received.helo = received.client_name = received.recipient = SLICE_NONE;
	address_parse(SLICE("2001:db8::1"), &received.client);
	assert_field(&received,
		"Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1]) by mx.example.org with\r\n"
		" ESMTPS id 7K3Q-9MZD-2C4T; Sat, 21 Nov 2026 09:30:00 +0000\r\n");
}

static void a_local_program_is_named_by_its_user(void **state)
{
	(void)state;
	struct received received = usual();

	received.local_user = SLICE("www-data");
	received.recipient = SLICE("\xc3\xa9@b"); /* not without SMTPUTF8 */
	assert_field(&received,
		"Received: by mx.example.org (local user www-data) id 7K3Q-9MZD-2C4T;\r\n"
		" Sat, 21 Nov 2026 09:30:00 +0000\r\n");
}

static void the_keyword_says_how_it_came(void **state)
{
	(void)state;
	static const struct {
		bool esmtp, tls, authenticated, smtputf8;
		const char *keyword;
	} cases[] = {
		{false, false, false, false, "SMTP"},
		{true, false, false, false, "ESMTP"},
		{true, true, false, false, "ESMTPS"},
		{true, false, true, false, "ESMTPA"},
		{true, true, true, false, "ESMTPSA"},
		{true, false, false, true, "UTF8SMTP"},
		{true, true, false, true, "UTF8SMTPS"},
		{true, false, true, true, "UTF8SMTPA"},
		{true, true, true, true, "UTF8SMTPSA"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct received received = {.esmtp = cases[i].esmtp,
			.tls = cases[i].tls,
			.authenticated = cases[i].authenticated,
			.smtputf8 = cases[i].smtputf8};
		assert_string_equal(received_with(&received), cases[i].keyword);
	}
}

static void return_paths_are_written(void **state)
{
	(void)state;
	char raw[128];
	struct text text = TEXT_FIXED(raw);

	text_return_path(&text, SLICE(""));
	text_return_path(&text, SLICE("a@b\r\nX: y"));
	assert_true(slice_is(
		text_slice(&text), SLICE("Return-Path: <>\r\nReturn-Path: <a@b??X: y>\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_field_is_folded),
		cmocka_unit_test(the_protocol_of_an_encrypted_session_is_a_comment),
		cmocka_unit_test(what_a_client_says_stays_in_its_place),
		cmocka_unit_test(a_client_without_a_name_is_its_address),
		cmocka_unit_test(a_local_program_is_named_by_its_user),
		cmocka_unit_test(the_keyword_says_how_it_came),
		cmocka_unit_test(return_paths_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
