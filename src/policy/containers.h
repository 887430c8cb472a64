/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateways of the host's container networks: the addresses of bridges that containers hang on
 * (docker0, br-…, podman0, cni0). What a proxy of the container engine passes on arrives from them,
 * whoever sent it.
 */
#ifndef POLICY_CONTAINERS_H
#define POLICY_CONTAINERS_H

#include "base/text.h"

/* Whether the interface is such a bridge: by its name, or because none of its members is a card.
 * `folder`: /sys/class/net. */
bool interface_leads_to_containers(const char *folder, const char *interface);
/* Adds ADDRESS@INTERFACE for each, blank-separated. Nothing where /sys or /proc is not there. */
void container_gateways_put(struct text *out);
/* The same for the text of /proc/net/if_inet6 alone. */
void container_gateways_v6_put(struct text *out, struct slice table, const char *folder);

#endif
