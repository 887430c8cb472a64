/* SPDX-License-Identifier: Apache-2.0 */
/* Record data: what each type's bytes become, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "dns/rdata.h"

struct row {
	enum dns_type type;
	struct slice rdata;
	enum rdata found;
	uint16_t preference;
	struct slice shown; /* names and texts */
};

static const struct row rows[] = {
	{DNS_MX,
		{"\x00\x0a\x02MX\x07"
		 "Example\x03org\x00",
			18},
		RDATA_OK, 10, {"mx.example.org", 14}},
	{DNS_MX, {"\x01\x02\x00", 3}, RDATA_OK, 258, {"", 0}},
	{DNS_MX, {"\x00\x0a", 2}, RDATA_MALFORMED, 0, {"", 0}},
	{DNS_MX, {"\x00\x0a\x02mx", 5}, RDATA_MALFORMED, 10, {"mx", 2}},
	{DNS_MX, {"\x00\x0a\x02mx\x00x", 7}, RDATA_MALFORMED, 10, {"mx", 2}},
	{DNS_MX, {"\x00\x0a\x02m.\x00", 6}, RDATA_NO_HOST, 10, {"m", 1}},
	{DNS_MX, {"\x00\x0a\x02m\r\x00", 6}, RDATA_NO_HOST, 10, {"m", 1}},
	{DNS_MX, {"\x00\x0a\xc0\x0c", 4}, RDATA_MALFORMED, 10, {"", 0}},
	{DNS_PTR, {"\x04host\x02_x\x00", 9}, RDATA_OK, 0, {"host._x", 7}},
	{DNS_PTR, {"", 0}, RDATA_MALFORMED, 0, {"", 0}},
	{DNS_TXT, {"\x05v=spf\x03 -a", 9}, RDATA_MALFORMED, 0, {"v=spf", 5}},
	{DNS_TXT, {"\x05v=spf\x02 x", 9}, RDATA_OK, 0, {"v=spf x", 7}},
	{DNS_TXT, {"\x00", 1}, RDATA_OK, 0, {"", 0}},
	{DNS_TXT, {"", 0}, RDATA_MALFORMED, 0, {"", 0}},
	{DNS_A, {"\xc0\x00\x02\x01", 4}, RDATA_OK, 0, {"\xc0\x00\x02\x01", 4}},
	{DNS_A, {"\xc0\x00\x02", 3}, RDATA_MALFORMED, 0, {"\xc0\x00\x02", 3}},
	{DNS_AAAA, {"\xc0\x00\x02\x01", 4}, RDATA_MALFORMED, 0, {"\xc0\x00\x02\x01", 4}},
	{DNS_TLSA, {"\x03\x01\x01", 3}, RDATA_MALFORMED, 0, {"\x03\x01\x01", 3}},
	{DNS_TLSA, {"\x03\x01\x01Z", 4}, RDATA_OK, 0, {"\x03\x01\x01Z", 4}},
};

static void each_type_becomes_its_normal_form_or_is_refused(void **state)
{
	char buffer[RDATA_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text scratch = TEXT_FIXED(buffer);
		struct resolve_record record;
		print_message("row %zu\n", i);
		assert_int_equal(rdata_normalise(rows[i].type, rows[i].rdata, &scratch, &record),
			rows[i].found);
		assert_int_equal(record.preference, rows[i].preference);
		assert_true(rows[i].found != RDATA_OK || slice_is(record.data, rows[i].shown));
	}
}

static void a_long_txt_record_is_too_long_not_cut(void **state)
{
	static char wire[20 * 256];
	char buffer[RDATA_TEXT_MAX + 1];
	struct text scratch = TEXT_FIXED(buffer);
	struct resolve_record record;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		wire[i * 256] = '\xff';
	assert_int_equal(
		rdata_normalise(DNS_TXT, (struct slice){wire, sizeof wire}, &scratch, &record),
		RDATA_TOO_LONG);
}

static void a_mapped_address_is_the_ipv4_address(void **state)
{
	struct arena *arena = arena_new();
	struct address expected;
	struct dns_record record;
	struct resolve_record packet = {.data = {"\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01", 16}};

	(void)state;
	assert_true(address_parse(SLICE("127.0.0.1"), &expected));
	assert_true(record_from_packet(DNS_AAAA, &packet, arena, &record));
	assert_true(record.address.is_v4 && address_is(&record.address, &expected));
	packet.data = slice_part(packet.data, 12, 16);
	assert_true(record_from_packet(DNS_A, &packet, arena, &record));
	assert_true(record.address.is_v4 && address_is(&record.address, &expected));
	assert_false(record_from_packet(DNS_AAAA, &packet, arena, &record));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_becomes_its_normal_form_or_is_refused),
		cmocka_unit_test(a_long_txt_record_is_too_long_not_cut),
		cmocka_unit_test(a_mapped_address_is_the_ipv4_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
