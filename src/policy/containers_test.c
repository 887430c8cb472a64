/* SPDX-License-Identifier: Apache-2.0 */
/* Which interfaces lead to containers, over a folder made like /sys/class/net. */
#include "base/testing.h"
#include "policy/containers.h"
#include "policy/testing.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Folders of the interfaces: a bridge, its members, and whether a member is a card. */
static const char *const folders[] = {"docker0", "docker0/bridge", "docker0/brif", "br-lan",
	"br-lan/device", "lan0", "lan0/bridge", "lan0/brif", "lan0/brif/eth0", "lan0/brif/veth1",
	"eth0", "eth0/device", "veth1", "veth2", "pods", "pods/bridge", "pods/brif",
	"pods/brif/veth2", "idle", "idle/bridge", "idle/brif"};
static const struct {
	const char *interface;
	bool leads;
} rows[] = {{"docker0", true}, /* by its name, though nothing hangs on it */
	{"br-lan", false},     /* named like one, but no bridge */
	{"lan0", false},       /* a card is in it */
	{"pods", true},        /* virtual ends alone */
	{"idle", false}, {"eth0", false}, {"veth2", false}, {"none", false}};

static int entry_remove(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
	(void)facts;
	(void)kind;
	(void)place;
	return remove(path);
}

static void folders_make(char root[60])
{
	char path[200];

	assert_non_null(testing_folder(root, 60, "containers"));
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, sizeof path, "%s/%s", root, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static void bridges_without_a_card_lead_to_containers(void **state)
{
	char root[60];

	(void)state;
	folders_make(root);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (interface_leads_to_containers(root, rows[i].interface) != rows[i].leads)
			fail_msg("%s", rows[i].interface);
	assert_int_equal(nftw(root, entry_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void their_ipv6_addresses_are_gateways(void **state)
{
	static const char table[] = "fd000000000000000000000000000001 05 40 00 80  docker0\n"
				    "20010db8000000000000000000000001 02 40 00 80     eth0\n"
				    "zz 03 40 00 80 docker0\n\n"
				    "fd000000000000000000000000000002 06 40 00 80     pods\n";
	char root[60], buffer[200];
	struct text out = TEXT_FIXED(buffer);

	(void)state;
	folders_make(root);
	container_gateways_v6_put(&out, slice_of(table), root);
	assert_true(slice_is(text_slice(&out), SLICE("fd00::1@docker0 fd00::2@pods")));
	assert_int_equal(nftw(root, entry_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridges_without_a_card_lead_to_containers),
		cmocka_unit_test(their_ipv6_addresses_are_gateways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
