/* SPDX-License-Identifier: Apache-2.0 */
/* From a way to a connection. The contract is in way.h. */
#include "smtpout/way.h"

/* ---- ways ---- */

struct way way_of_job(const struct delivery_job *order, struct arena *arena)
{
	return (struct way){
		.kind = (enum route_kind)order->route,
		.tls = (enum route_tls)order->tls,
		.port = order->port,
		.private_too = order->private_too,
		.target = arena_slice(arena, order->target),
		.login = arena_slice(arena, order->login),
		.password_file = arena_slice(arena, order->password_file),
	};
}

struct way way_of_route(const struct route *route, struct arena *arena)
{
	return (struct way){
		.kind = route->kind,
		.tls = route->tls,
		.port = route->port,
		.private_too = route->private_too,
		.target = arena_slice(arena, route->target),
		.login = arena_slice(arena, route->login),
		.password_file = arena_slice(arena, route->password_file),
	};
}

bool way_is_built(enum route_tls tls, struct slice *why)
{
	if (tls != ROUTE_TLS_DANE)
		return true;
	*why = SLICE("DANE is not built into this version");
	return false;
}

/* ---- its hosts ---- */

enum wait way_find(struct task *task, const struct way *way, struct means *means,
	struct arena *arena, struct hosts *hosts)
{
	struct hosts_ask ask = {
		.dns = means->dns,
		.target = way->target,
		.our_name = arena_slice(arena, means->our_name),
		.port = way->port,
		.private_too = way->private_too,
		.seed = means->seed += 0x9e3779b97f4a7c15u,
	};

	if (way->kind == ROUTE_MX)
		return hosts_by_mx(task, &ask, arena, hosts);
	return hosts_by_name(task, &ask, arena, hosts);
}

/* ---- connecting ---- */

/* How to speak there. The password lies in `secret`. */
static struct manner manner_of(
	const struct way *way, const struct means *means, struct arena *arena, struct arena *secret)
{
	struct manner manner = {
		.our_name = arena_slice(arena, means->our_name),
		.lmtp = way->kind == ROUTE_LMTP,
		.tls = way->tls,
		.trust = means->trust,
		.login = way->login,
		.threads = means->threads,
	};

	if (manner.login.len && !passwords_find(means->passwords, way->password_file, secret,
					&manner.password, &manner.no_password))
		manner.password = SLICE_NONE;
	return manner;
}

/* Of several failures the last one that may pass is kept: only when every host refused for good
 * (5xx instead of a greeting) is it a failure. What a server that was met said tells more than that
 * another was not. */
static bool tells_more(const struct settlement *failure, const struct settlement *kept)
{
	if (failure->outcome != OUTCOME_DEFERRED)
		return false;
	return kept->outcome != OUTCOME_DEFERRED || kept->reason == REASON_CONNECT_FAILED ||
	       failure->reason != REASON_CONNECT_FAILED;
}

static mono_ns share_of_time(const struct task *task, size_t hosts)
{
	mono_ns until = task_deadline(task);

	return until == NEVER ? NEVER : (until - loop_mono(task_loop(task))) / (mono_ns)hosts;
}

static struct client *connect_each(struct task *task, const struct hosts *hosts,
	const struct manner *manner, struct arena *arena, struct settlement *failure)
{
	*failure = hosts->failure;
	for (size_t i = 0; i < hosts->count && !task_is_cancelled(task); i++) {
		struct settlement this;
		mono_ns outer = task_limit(task, share_of_time(task, hosts->count - i));
		struct client *client = client_connect(task, &hosts->list[i], manner, arena, &this);
		task_restore(task, outer);
		if (client)
			return client;
		if (i == 0 || tells_more(&this, failure))
			*failure = this;
	}
	return NULL;
}

struct client *way_connect(struct task *task, const struct way *way, const struct means *means,
	const struct hosts *hosts, struct arena *arena, struct settlement *failure)
{
	struct arena *secret = arena_new();
	struct manner manner = manner_of(way, means, arena, secret);
	struct trust *trust = trust_hold(manner.trust); /* until the client holds it */
	struct client *client = connect_each(task, hosts, &manner, arena, failure);

	trust_drop(trust);
	arena_wipe(secret);
	arena_free(secret);
	return client;
}
