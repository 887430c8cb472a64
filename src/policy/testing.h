/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of this room: policies from text, files from memory, facts in a line. */
#ifndef POLICY_TESTING_H
#define POLICY_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"

struct test_file {
	const char *path, *text;
};

/* Loads `text` as test.conf; no disk is read. The complaints are the caller's to free. */
static inline struct policy *test_load_with(const char *text, const struct test_file *lists,
	size_t count, struct complaints *complaints)
{
	struct bundle_file files[12] = {{.kind = BUNDLE_CONFIGURATION,
		.path = SLICE("test.conf"),
		.bytes = slice_of(text)}};
	struct bundle bundle = {.files = files,
		.count = count + 1,
		.nodename = SLICE("node.example.org"),
		.hash = "0123456789abcdef"};

	for (size_t i = 0; i < count; i++)
		files[i + 1] = (struct bundle_file){.kind = BUNDLE_LIST,
			.path = slice_of(lists[i].path),
			.bytes = slice_of(lists[i].text)};
	complaints_init(complaints);
	return policy_load(&bundle, complaints);
}

static inline void test_print(const struct complaints *complaints)
{
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < complaints->count; i++)
		text_complaint(&text, &complaints->list[i]);
	print_message("%.*s", SLICE_ARGS(text_slice(&text)));
	text_free(&text);
}

/* Loads what must have no error. */
static inline struct policy *test_load(
	const char *text, const struct test_file *lists, size_t count)
{
	struct complaints complaints;
	struct policy *policy = test_load_with(text, lists, count, &complaints);

	if (!policy)
		test_print(&complaints);
	assert_non_null(policy);
	complaints_free(&complaints);
	return policy;
}

static inline void test_mailbox(const char *text, struct arena *arena, struct mailbox *mailbox)
{
	char path[400];

	snprintf(path, sizeof path, "<%s>", text);
	struct slice left = slice_of(path);
	assert_int_equal(mailbox_read_path(&left, true, arena, mailbox), MAILBOX_OK);
}

/* Facts at RCPT; NULL leaves one out. */
static inline struct facts test_facts(
	const char *client, const char *helo, const char *from, const char *to, struct arena *arena)
{
	struct facts facts = {.listener = SLICE("smtp"), .has_recipients = true, .recipients = 1};

	facts.has_client = client && address_parse(slice_of(client), &facts.client);
	facts.has_helo = helo != NULL;
	facts.helo = slice_of(helo);
	facts.has_sender = from != NULL;
	if (from)
		test_mailbox(from, arena, &facts.sender);
	facts.has_recipient = to != NULL;
	if (to)
		test_mailbox(to, arena, &facts.recipient);
	return facts;
}

#endif
