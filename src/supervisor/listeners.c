/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the listening sockets. Read listeners.h first. */
#include "supervisor/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/panic.h"
#include "run/io.h"

enum { ANY_PORT_TRIES = 20 };

static const struct address any_v4 = {
	.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, .is_v4 = true};
static const struct address any_v6;

/* ---- one address ---- */

/* Two daemons of one user could share a port by SO_REUSEPORT without noticing: an address is bound
 * once without it, which says whether it is free. */
static bool address_is_free(const struct address *address)
{
	int fd = listen_open(address, false);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

void listener_close(struct listener *listener)
{
	if (list_is_linked(&listener->link))
		list_remove(&listener->link);
	for (unsigned i = 0; i < listener->count; i++)
		close(listener->fds[i]);
	free(listener);
}

/* The first socket may get any port; the others share what it got. */
static bool open_sockets(struct listener *listener, unsigned count)
{
	listener->bound = listener->wanted;
	for (; listener->count < count; listener->count++) {
		int fd = listen_open(&listener->bound, true);
		if (fd < 0)
			return false;
		listener->fds[listener->count] = fd;
		if (!listen_address(fd, &listener->bound)) {
			listener->count++;
			return false;
		}
	}
	return true;
}

/* NULL and errno. */
static struct listener *listener_open(
	enum service service, const struct address *address, unsigned count)
{
	struct listener *listener = calloc(1, sizeof *listener);

	panic_if(!listener, "no memory for a listener");
	listener->service = service;
	listener->wanted = *address;
	listener->wanted_still = true;
	if ((address->port == 0 || address_is_free(address)) && open_sockets(listener, count))
		return listener;
	int error = errno;
	listener_close(listener);
	errno = error;
	return NULL;
}

/* ---- all of a configuration ---- */

enum role_name service_role(enum service service)
{
	return service == SERVICE_POP3 || service == SERVICE_POP3S ? ROLE_POP : ROLE_EDGE;
}

static bool fail(const struct address *address, enum service service, struct text *why)
{
	int error = errno;

	text_format(why, "cannot listen for %s on ", service_text(service));
	text_address_port(why, address);
	text_format(why, ": %s", strerror(error));
	if (error == EACCES)
		text_put(why, SLICE("; ports below 1024 need root or CAP_NET_BIND_SERVICE"));
	if (error == EADDRINUSE)
		text_put(why, SLICE("; another program listens there"));
	return false;
}

static bool same_place(
	const struct listener *listener, enum service service, const struct address *wanted)
{
	return listener->service == service && listener->wanted.port == wanted->port &&
	       listener->wanted.is_v4 == wanted->is_v4 && address_is(&listener->wanted, wanted);
}

static struct listener *find(struct list *have, enum service service, const struct address *wanted)
{
	LIST_EACH (struct listener, listener, have, link)
		if (same_place(listener, service, wanted))
			return listener;
	return NULL;
}

static bool want(struct list *fresh, struct list *have, enum service service,
	const struct address *wanted, unsigned count, struct text *why)
{
	struct listener *listener = find(have, service, wanted);

	if (listener) {
		listener->wanted_still = true;
		return true;
	}
	listener = listener_open(service, wanted, count);
	if (!listener)
		return fail(wanted, service, why);
	list_append(fresh, &listener->link);
	return true;
}

static bool host_lacks(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

static bool host_has_v6(void)
{
	struct address any = any_v6;
	int fd = listen_open(&any, false);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || !host_lacks(errno);
}

/* "*:0": both must get one port; the one that v6 got may be taken in v4, so it is tried again. */
static bool want_any_free_port(
	struct list *fresh, enum service service, unsigned count, struct text *why)
{
	struct address v4 = any_v4;

	for (int tries = 0; tries < ANY_PORT_TRIES; tries++) {
		struct listener *six = listener_open(service, &any_v6, count);
		if (!six)
			return fail(&any_v6, service, why);
		v4.port = six->bound.port;
		struct listener *four = listener_open(service, &v4, count);
		if (four) {
			four->wanted.port = 0;
			list_append(fresh, &six->link);
			list_append(fresh, &four->link);
			return true;
		}
		listener_close(six);
	}
	return fail(&v4, service, why);
}

static bool want_any(struct list *fresh, struct list *have, const struct listen_line *line,
	unsigned count, struct text *why)
{
	struct address v4 = any_v4, v6 = any_v6;

	v4.port = v6.port = line->address.port;
	if (!host_has_v6())
		return want(fresh, have, line->service, &v4, count, why);
	if (v4.port == 0 && !find(have, line->service, &v6))
		return want_any_free_port(fresh, line->service, count, why);
	return want(fresh, have, line->service, &v6, count, why) &&
	       want(fresh, have, line->service, &v4, count, why);
}

static bool want_line(struct list *fresh, struct list *have, const struct listen_line *line,
	unsigned edges, struct text *why)
{
	switch (line->service) {
	case SERVICE_SMTP:
	case SERVICE_SUBMISSION:
	case SERVICE_SUBMISSIONS:
	case SERVICE_LMTP:
		if (line->any)
			return want_any(fresh, have, line, edges, why);
		return want(fresh, have, line->service, &line->address, edges, why);
	case SERVICE_CONTROL:
	case SERVICE_LOCAL:
	case SERVICE_GRANTS: return true; /* Unix sockets: locals.c, feeds.c */
	case SERVICE_POP3:
	case SERVICE_POP3S:
		if (line->any)
			return want_any(fresh, have, line, 1, why);
		return want(fresh, have, line->service, &line->address, 1, why);
	case SERVICE_WEB:
	case SERVICES: break;
	}
	text_format(why, "`listen %s` is not built in this version", service_text(line->service));
	return false;
}

bool listeners_open(struct list *fresh, struct list *have, const struct settings *settings,
	unsigned edges, struct text *why)
{
	LIST_EACH (struct listener, listener, have, link)
		listener->wanted_still = false;
	for (size_t i = 0; i < settings->listen_count; i++) {
		if (!want_line(fresh, have, &settings->listens[i], edges, why)) {
			listeners_close(fresh);
			return false;
		}
	}
	return true;
}

void listeners_keep(struct list *have, struct list *fresh)
{
	for (struct list *link = list_take(fresh); link; link = list_take(fresh))
		list_append(have, link);
}

void listeners_close(struct list *listeners)
{
	LIST_EACH (struct listener, listener, listeners, link)
		listener_close(listener);
}
