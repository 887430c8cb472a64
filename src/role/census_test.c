/* SPDX-License-Identifier: Apache-2.0 */
/* The count of who is connected: over several columns, within a minute, when it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "role/census.h"

enum { EDGES = 3 };
#define UNLIMITED UINT64_MAX

struct page {
	int fd;
	struct census *edges[EDGES];
};

static void page_open(struct page *page)
{
	page->fd = census_new(EDGES);
	assert_true(page->fd >= 0);
	for (unsigned i = 0; i < EDGES; i++) {
		page->edges[i] = census_open(page->fd, i);
		assert_non_null(page->edges[i]);
	}
}

static void page_close(struct page *page)
{
	for (unsigned i = 0; i < EDGES; i++)
		census_close(page->edges[i]);
	close(page->fd);
}

static uint64_t key_of(struct page *page, const char *text)
{
	struct address address;

	assert_true(address_parse(slice_of(text), &address));
	return census_key_of_address(page->edges[0], &address);
}

static void connections_of_all_columns_count_together(void **state)
{
	struct page page;

	(void)state;
	page_open(&page);
	uint64_t key = key_of(&page, "192.0.2.1");
	for (unsigned i = 0; i < EDGES; i++)
		assert_int_equal(
			census_enter(page.edges[i], key, 0, EDGES, UNLIMITED), CENSUS_ENTERED);
	assert_int_equal(
		census_enter(page.edges[1], key, 0, EDGES, UNLIMITED), CENSUS_TOO_MANY_OPEN);
	assert_int_equal(census_open_of(page.edges[2], key), EDGES);
	assert_int_equal(
		census_enter(page.edges[1], key_of(&page, "192.0.2.2"), 0, EDGES, UNLIMITED),
		CENSUS_ENTERED);
	census_leave(page.edges[0], key);
	assert_int_equal(census_enter(page.edges[1], key, 0, EDGES, UNLIMITED), CENSUS_ENTERED);
	page_close(&page);
}

static void an_address_is_one_ipv4_or_one_ipv6_slash_64(void **state)
{
	struct page page;

	(void)state;
	page_open(&page);
	assert_true(key_of(&page, "2001:db8:1:2::1") == key_of(&page, "2001:db8:1:2:ffff::9"));
	assert_true(key_of(&page, "2001:db8:1:2::1") != key_of(&page, "2001:db8:1:3::1"));
	assert_true(key_of(&page, "192.0.2.1") != key_of(&page, "192.0.2.2"));
	assert_true(census_key_of_name(page.edges[0], SLICE("office")) ==
		    census_key_of_name(page.edges[2], SLICE("office")));
	page_close(&page);
}

/* At no time more than `most` within 60 s, and a place again after 66 s at the latest. */
static void a_minute_never_has_more_than_its_limit(void **state)
{
	enum { MOST = 7, SECONDS = 1000 };
	struct page page;
	static mono_ns came[SECONDS * 2];
	size_t count = 0;

	(void)state;
	page_open(&page);
	uint64_t key = key_of(&page, "192.0.2.1");
	for (mono_ns now = 0; now < SECONDS * NS_PER_S; now += NS_PER_S / 2) {
		struct census *edge = page.edges[(now / NS_PER_S) % EDGES];
		enum entrance entrance = census_enter(edge, key, now, UNLIMITED, MOST);
		if (entrance == CENSUS_ENTERED) {
			census_leave(edge, key);
			if (count >= MOST)
				assert_true(now - came[count - MOST] >= 60 * NS_PER_S);
			came[count++] = now;
		} else {
			assert_int_equal(entrance, CENSUS_TOO_MANY_A_MINUTE);
			assert_true(now - came[count - MOST] <= 66 * NS_PER_S);
		}
	}
	assert_true(count >= MOST * (SECONDS / 66));
	assert_int_equal(census_open_of(page.edges[0], key), 0);
	page_close(&page);
}

static void a_column_that_is_cleared_counts_nobody(void **state)
{
	struct page page;

	(void)state;
	page_open(&page);
	uint64_t key = key_of(&page, "192.0.2.1");
	census_add(page.edges[0]);
	census_add(page.edges[1]);
	assert_int_equal(census_enter(page.edges[0], key, 0, 1, 1), CENSUS_ENTERED);
	assert_int_equal(census_enter(page.edges[1], key, 0, 1, 1), CENSUS_TOO_MANY_OPEN);
	assert_int_equal(census_total(page.edges[2]), 2);
	census_clear(page.fd, 0);
	assert_int_equal(census_total(page.edges[2]), 1);
	assert_int_equal(census_enter(page.edges[1], key, 0, 1, 1), CENSUS_ENTERED);
	/* Whoever leaves a column that forgot him makes no count wrap. */
	census_leave(page.edges[0], key);
	census_take(page.edges[0]);
	assert_int_equal(census_total(page.edges[2]), 1);
	page_close(&page);
}

static uint64_t key_of_number(struct page *page, uint32_t number)
{
	char text[20];

	snprintf(text, sizeof text, "10.%u.%u.%u", number >> 16 & 255, number >> 8 & 255,
		number & 255);
	return key_of(page, text);
}

/* Whoever is connected stays counted; of those who went, the oldest are forgotten. */
static void a_full_page_forgets_who_is_gone_and_keeps_who_is_there(void **state)
{
	enum { STAYING = 1000, PASSING = 200000 };
	struct page page;
	uint32_t uncounted = 0;

	(void)state;
	page_open(&page);
	struct census *edge = page.edges[0];
	for (uint32_t i = 0; i < STAYING; i++)
		assert_int_equal(census_enter(edge, key_of_number(&page, i), 0, 1, UNLIMITED),
			CENSUS_ENTERED);
	for (uint32_t i = STAYING; i < PASSING; i++) {
		uint64_t key = key_of_number(&page, i);
		assert_int_equal(
			census_enter(edge, key, i * NS_PER_MS, 1, UNLIMITED), CENSUS_ENTERED);
		census_leave(edge, key);
	}
	for (uint32_t i = 0; i < STAYING; i++)
		assert_int_equal(census_open_of(page.edges[1], key_of_number(&page, i)), 1);
	/* More are connected than it has places for. */
	for (uint32_t i = STAYING; i < PASSING; i++)
		uncounted += census_enter(edge, key_of_number(&page, i), 0, 1, UNLIMITED) ==
			     CENSUS_UNCOUNTED;
	assert_true(uncounted >= PASSING - (1 << 16) && uncounted < PASSING - (1 << 15));
	page_close(&page);
}

static void a_file_of_another_kind_is_no_census(void **state)
{
	int fd = census_new(2);
	FILE *other = tmpfile();

	(void)state;
	assert_null(census_open(fd, 2));
	assert_non_null(other);
	assert_null(census_open(fileno(other), 0));
	fclose(other);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_of_all_columns_count_together),
		cmocka_unit_test(an_address_is_one_ipv4_or_one_ipv6_slash_64),
		cmocka_unit_test(a_minute_never_has_more_than_its_limit),
		cmocka_unit_test(a_column_that_is_cleared_counts_nobody),
		cmocka_unit_test(a_full_page_forgets_who_is_gone_and_keeps_who_is_there),
		cmocka_unit_test(a_file_of_another_kind_is_no_census),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
