/* SPDX-License-Identifier: Apache-2.0 */
/* Bridges of container networks. The contract is in containers.h. No netlink is needed, which
 * hardened services may not have. */
#include "policy/containers.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/address.h"
#include "policy/gateways.h"

enum { INTERFACES_MOST = 1024, PATH_MOST = 300 };

#define INTERFACES "/sys/class/net"

/* ---- which interfaces ---- */

/* How container engines and virtual machines name their bridges. */
static const char *const fronts[] = {
	"docker", "br-", "podman", "cni", "lxcbr", "lxdbr", "incusbr", "virbr", "nerdctl"};

static bool has_known_name(const char *interface)
{
	for (size_t i = 0; i < sizeof fronts / sizeof *fronts; i++)
		if (strncmp(interface, fronts[i], strlen(fronts[i])) == 0)
			return true;
	return false;
}

static bool is_there(const char *folder, const char *interface, const char *name)
{
	char path[PATH_MOST];
	int len = snprintf(path, sizeof path, "%s/%s/%s", folder, interface, name);

	return len > 0 && len < (int)sizeof path && access(path, F_OK) == 0;
}

/* A bridge with a card in it is a part of the network outside; one with virtual ends alone is not.
 */
static bool has_virtual_members_alone(const char *folder, const char *interface)
{
	char path[PATH_MOST];
	struct dirent *entry;
	size_t members = 0, cards = 0;

	if (snprintf(path, sizeof path, "%s/%s/brif", folder, interface) >= (int)sizeof path)
		return false;
	DIR *open = opendir(path);
	while (open && (entry = readdir(open)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		members++;
		cards += is_there(folder, entry->d_name, "device");
	}
	if (open)
		closedir(open);
	return members > 0 && cards == 0;
}

bool interface_leads_to_containers(const char *folder, const char *interface)
{
	return is_there(folder, interface, "bridge") &&
	       (has_known_name(interface) || has_virtual_members_alone(folder, interface));
}

/* ---- their addresses ---- */

static void gateway_put(struct text *out, const struct address *address, struct slice interface)
{
	if (out->len > 0)
		text_char(out, ' ');
	text_address(out, address);
	text_char(out, '@');
	text_put(out, interface);
}

/* Linux lists every IPv4 address as an interface of its own, also NAME:1. */
static void v4_put(struct text *out)
{
	static const size_t size = INTERFACES_MOST * sizeof(struct ifreq);
	struct text room = TEXT_GROWING;
	struct ifconf all = {.ifc_len = (int)size, .ifc_buf = text_reserve(&room, size)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFCONF, &all) < 0)
		all.ifc_len = 0;
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < (size_t)all.ifc_len / sizeof *all.ifc_req; i++) {
		struct ifreq one = all.ifc_req[i];
		struct sockaddr_storage raw = {0};
		struct address address;
		one.ifr_name[IFNAMSIZ - 1] = '\0';
		one.ifr_name[strcspn(one.ifr_name, ":")] = '\0';
		memcpy(&raw, &one.ifr_addr, sizeof one.ifr_addr);
		if (address_from_sockaddr(&raw, &address) &&
			interface_leads_to_containers(INTERFACES, one.ifr_name))
			gateway_put(out, &address, slice_of(one.ifr_name));
	}
	text_free(&room);
}

/* Address index prefix scope flags NAME. */
void container_gateways_v6_put(struct text *out, struct slice table, const char *folder)
{
	while (table.len > 0) {
		struct slice line = slice_cut(&table, '\n');
		size_t blank = slice_find_last(line, ' ');
		struct slice name = slice_from(line, blank == SIZE_MAX ? line.len : blank + 1);
		struct address address = {0};
		char interface[IFNAMSIZ];
		if (name.len == 0 || name.len >= sizeof interface ||
			!hex_read(slice_cut(&line, ' '), address.bytes, sizeof address.bytes))
			continue;
		memcpy(interface, name.at, name.len);
		interface[name.len] = '\0';
		if (interface_leads_to_containers(folder, interface))
			gateway_put(out, &address, name);
	}
}

void container_gateways_put(struct text *out)
{
	struct text table = TEXT_GROWING;

	v4_put(out);
	table_read("/proc/net/if_inet6", &table);
	container_gateways_v6_put(out, text_slice(&table), INTERFACES);
	text_free(&table);
}
